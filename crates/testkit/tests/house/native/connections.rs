//! How connections stand and why others ended, as it is told: to an account what is its own, to this machine all of it.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::people::called;
use testkit::served::{Heard, Line, Served, Setup, await_that};

use super::{Client, key, served};

/// A socket that a loop has taken over: two that come at once may be taken over in any order.
fn socket(served: &Served) -> Line {
    let counter = &served.edge.counters.connections;
    let before = counter.read();
    let line = served.client();
    await_that("a loop to take it over", || counter.read() > before);
    line
}

/// A socket that listens to alice's orders by her pass.
fn alices_socket(served: &Served) -> Line {
    let alice = called("alice").expect("one of the people");
    let pass = served.admit(alice);
    let mut line = socket(served);
    line.say(&format!(
        r#"{{"event":"bts:subscribe","data":{{"channel":"private-my_orders_btcusd-1","auth":"{pass}"}}}}"#
    ));
    let Heard::Text(text) = line.hear() else { panic!("she is answered") };
    assert!(text.contains("subscription_succeeded"), "{text}");
    line
}

fn ids(told: &Value, of: &str) -> Vec<String> {
    let all = told[of].as_array().expect("a list");
    all.iter().map(|it| it["id"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn a_connection_is_told_with_what_it_listens_to_and_whose_it_is() {
    let (served, [mut alice, mut bob]) = served(["alice", "bob"]);
    let mut reader = served.client();
    reader.subscribe("live_trades_btcusd");
    reader.subscribe("order_book_ethbtc");
    let hers = alices_socket(&served);
    served.wait(Duration::from_secs(3));
    served.market.trade(0, 10_000, 2);
    served.market.settle();
    let mut heard = 0;
    (0..2).for_each(|_| match reader.hear() {
        Heard::Text(text) => heard += text.len() + 4,
        other => panic!("a trade is told, not {other:?}"),
    });

    let mut operator = Client::of(&served);
    let told = operator.get("/connections").with_status(200).body;
    assert_eq!(ids(&told, "connections"), ["1", "2"]);
    assert_eq!(told["next"], json!(null));
    let [first, second] = [&told["connections"][0], &told["connections"][1]];
    assert_eq!(first["address"], reader.stream().local_addr().expect("open").to_string());
    assert_eq!((&first["dialect"], &first["holder"]), (&json!("bitstamp"), &json!(null)));
    assert_eq!(first["opened_at"], "2027-01-15T08:00:00.000000Z");
    assert_eq!((&first["subscriptions"], &first["leaves"]), (&json!(2), &json!(false)));
    assert_eq!(first["waiting"]["bytes"], 0);
    assert_eq!(first["sent"]["frames"], 2, "answers are none");
    assert_eq!(first["listens_to"], json!(null));
    assert!(first["sent"]["bytes"].as_u64() > Some(heard as u64), "{first}");
    assert_eq!(second["holder"], json!({"user_id": 1, "name": "alice", "credential": "c1"}));
    assert!(!told.to_string().contains(key("alice")), "no key is told");

    let one = operator.get("/connections/1").with_status(200).body;
    assert_eq!(one["listens_to"], json!(["live_trades_btcusd", "order_book_ethbtc"]));
    assert_eq!(one["sent"], first["sent"]);

    // With a key one sees one's own, and nothing of others, not even whether they are there.
    assert_eq!(ids(&alice.get("/connections").body, "connections"), ["2"]);
    assert_eq!(ids(&bob.get("/connections").body, "connections"), [""; 0]);
    let told = alice.get("/connections/2").with_status(200).body;
    assert_eq!(told["listens_to"], json!(["private-my_orders_btcusd-1"]));
    for (client, path) in [(&mut alice, "/connections/1"), (&mut bob, "/connections/2")] {
        let told = client.get(path).with_status(404);
        assert_eq!(told.problem(), ("unknown-connection", Some("path connection")));
    }
    let told = alice.get("/connections?account=bob").with_status(400);
    assert_eq!(told.problem(), ("bad-parameter", Some("query account")));
    drop(hers);
}

#[test]
fn connections_are_found_by_what_is_known_of_them_a_page_at_a_time() {
    let served = Setup::bitstamp().session_by_hand().serve();
    let lines: Vec<Line> = (0..4).map(|_| socket(&served)).collect();
    let hers = alices_socket(&served);
    let mut operator = Client::of(&served);
    let mut page = |query: &str| {
        let told = operator.get(&format!("/connections?{query}")).with_status(200).body;
        (ids(&told, "connections").join(" "), told["next"].as_str().map(str::to_owned))
    };
    let next = |id: &str| Some(id.to_owned());
    assert_eq!(page("limit=2"), ("1 2".into(), next("2")));
    assert_eq!(page("limit=2&after=2"), ("3 4".into(), next("4")));
    assert_eq!(page("limit=2&after=4"), ("5".into(), None));
    assert_eq!(page("limit=5"), ("1 2 3 4 5".into(), None));
    assert_eq!(page("account=alice"), ("5".into(), None));
    assert_eq!(page("account=1&key=c1"), ("5".into(), None));
    assert_eq!(page("key=c2"), (String::new(), None));
    assert_eq!(page("dialect=bitstamp&address=127.0.0.1&limit=1"), ("1".into(), next("1")));
    assert_eq!(page("address=127.0.0.2"), (String::new(), None));
    let address = lines[2].stream().local_addr().expect("open");
    assert_eq!(page(&format!("address={address}")), ("3".into(), None));
    assert_eq!(page("waiting_bytes=1"), (String::new(), None));
    for (query, place) in [
        ("dialect=latin", "query dialect"),
        ("address=here", "query address"),
        ("after=x", "query after"),
        ("limit=1001", "query limit"),
    ] {
        let told = operator.get(&format!("/connections?{query}")).with_status(400);
        assert_eq!(told.problem(), ("bad-parameter", Some(place)));
    }
    drop((lines, hers));
}

#[test]
fn what_waits_is_told_by_class_and_what_came_of_it_by_a_goodbye() {
    const QUEUE: usize = 64 * 1024;
    let served = Setup::bitstamp()
        .manners(|manners| (manners.queue_bytes_max, manners.ping_every) = (QUEUE, None))
        .session_by_hand()
        .serve();
    let mut stuck = served.client();
    stuck.subscribe("live_trades_btcusd");
    let mut operator = Client::of(&served);
    while served.edge.counters.writes_cut.read() == 0 {
        served.market.trade(0, 6_000_000, 100);
        served.market.settle();
    }
    served.wait(Duration::from_secs(2));
    let told = operator.get("/connections?waiting_bytes=1").with_status(200).body;
    let it = &told["connections"][0];
    assert_eq!(it["waiting"]["bytes"], it["waiting"]["lossless"], "{it}");
    assert!(it["waiting"]["bytes"].as_u64() > Some(0), "{it}");
    assert_eq!((&it["waits_ms"], &it["lag_ms"]), (&json!(2_000), &json!(2_000)));
    assert_eq!(operator.get("/goodbyes/1").with_status(404).problem().0, "unknown-connection");

    while served.edge.counters.interests_open.read() > 0 {
        served.market.trade(0, 6_000_000, 100);
        served.market.settle();
    }
    assert_eq!(operator.get("/connections/1").body["leaves"], true, "its close still waits");
    drop(stuck);
    served.await_goodbyes(1);
    let told = operator.get("/goodbyes/1").with_status(200).body;
    assert_eq!((&told["decided_by"], &told["reason"]), (&json!("server"), &json!("slow_consumer")));
    assert_eq!((&told["code"], &told["subscriptions"]), (&json!(1008), &json!(1)));
    assert_eq!(told["ended_at"], "2027-01-15T08:00:00.000000Z", "the wall stands still here");
    assert_eq!((&told["lag_ms"], &told["stalled_ms"]), (&json!(2_000), &json!(2_000)));
    let number = |name: &str| told[name].as_str().and_then(|text| text.parse::<u64>().ok());
    assert!(number("oldest_unsent_event") < number("last_event"), "{told}");
    let lossless = told["waiting"]["lossless"].as_u64().expect("a number");
    assert!(lossless > QUEUE as u64);
    assert_eq!(
        told["explanation"],
        format!(
            "it read too slowly: {lossless} bytes waited for it of which none may be dropped, and {QUEUE} is the \
             most; over its last minute something waited for up to 2 s"
        )
    );
    assert_eq!(operator.get("/connections/1").with_status(404).problem().0, "unknown-connection");
    let all = operator.get("/goodbyes?reason=slow_consumer").body;
    assert_eq!(all["goodbyes"][0], told);
    assert_eq!(operator.get("/goodbyes?reason=idle").body["goodbyes"], json!([]));
}

#[test]
fn goodbyes_are_for_their_owner_and_for_this_machine() {
    let (served, [mut alice, mut bob]) = served(["alice", "bob"]);
    let (hers, nobodys) = (alices_socket(&served), socket(&served));
    drop(hers);
    served.await_goodbyes(1);
    drop(nobodys);
    served.await_goodbyes(2);
    let mut operator = Client::of(&served);
    let told = operator.get("/goodbyes").with_status(200).body;
    assert_eq!(ids(&told, "goodbyes"), ["2", "1"], "the newest first");
    assert_eq!(told["goodbyes"][0]["decided_by"], "client");
    assert_eq!(ids(&operator.get("/goodbyes?offset=1").body, "goodbyes"), ["1"]);
    assert_eq!(ids(&operator.get("/goodbyes?account=alice&key=c1").body, "goodbyes"), ["1"]);
    assert_eq!(ids(&alice.get("/goodbyes").body, "goodbyes"), ["1"]);
    assert_eq!(ids(&bob.get("/goodbyes").body, "goodbyes"), [""; 0]);
    assert_eq!(alice.get("/goodbyes/1").with_status(200).body["holder"]["name"], "alice");
    assert_eq!(bob.get("/goodbyes/1").with_status(404).problem().0, "unknown-connection");
    assert_eq!(alice.get("/goodbyes/2").with_status(404).problem().0, "unknown-connection");
}

#[test]
fn nobody_sees_others_connections_or_the_demo_by_way_of_a_proxy_or_a_page_on_the_web() {
    let (served, [mut alice]) = served(["alice"]);
    let mut operator = Client::of(&served);
    for path in ["/connections", "/connections/1", "/goodbyes", "/goodbyes/1", "/demo"] {
        let asks = |client: &mut Client, name: &str, value: &str| {
            client.ask_with("GET", path, None, &[(name, value)]).with_status(403)
        };
        for name in ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"] {
            let told = asks(&mut operator, name, "1.2.3.4");
            let place = format!("header {}", name.to_lowercase());
            assert_eq!(told.problem(), ("not-local", Some(&*place)), "{path}");
        }
        let told = asks(&mut operator, "Host", "evil.example");
        assert_eq!(told.problem(), ("foreign-host", Some("header Host")), "{path}");
        let told = asks(&mut operator, "Origin", "http://evil.example");
        assert_eq!(told.problem(), ("foreign-host", Some("header Origin")), "{path}");
        if path == "/demo" {
            continue;
        }
        let told = operator.ask_with("GET", path, None, &[("Authorization", "Bearer nobodys")]);
        assert_eq!(told.with_status(401).problem().0, "unknown-key", "a key is not passed over");
    }
    // Who shows a key may come by a proxy.
    let told = alice.ask_with("GET", "/connections", None, &[("X-Forwarded-For", "1.2.3.4")]);
    told.with_status(200);
}
