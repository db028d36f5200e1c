//! Who is not let in: by host, by key, by what a key is good for, by how often.

use std::time::Duration;

use serde_json::json;
use testkit::people::called;
use testkit::served::Setup;

use super::{Client, key, limit, served};

/// Every page that changes something: method, path, body.
const WRITES: [(&str, &str, Option<&str>); 4] = [
    ("POST", "/orders", Some("{}")),
    ("PUT", "/orders/1", Some("{}")),
    ("DELETE", "/orders/1", None),
    ("DELETE", "/orders", None),
];

/// Every page that tells an account what is its own.
const OWN: [&str; 6] = ["/account", "/credentials", "/balances", "/trades", "/orders", "/orders/1"];

#[test]
fn no_page_of_another_site_may_write() {
    let (served, [alice]) = served(["alice"]);
    let port = served.address.port();
    let foreign = [
        ("Host", "evil.example".to_owned()),
        ("Host", format!("evil.example:{port}")),
        ("Host", "127.0.0.1".to_owned()),
        ("Host", format!("127.0.0.1:{}", port ^ 1)),
        ("Origin", "http://evil.example".to_owned()),
        ("Origin", "null".to_owned()),
        ("Origin", format!("http://evil.example:{port}")),
        ("Origin", format!("http://127.0.0.1:{}", port ^ 1)),
    ];
    let mut alice = alice.another();
    for (name, value) in foreign {
        for (method, path, body) in WRITES {
            let told = alice.ask_with(method, path, body, &[(name, &value)]).with_status(403);
            let place = format!("header {name}");
            assert_eq!(told.problem(), ("foreign-host", Some(&*place)), "{name}: {value}");
        }
    }
    let body = limit("buy", "1", "90.00");
    for (name, value) in [
        ("Host", format!("localhost:{port}")),
        ("Origin", format!("http://localhost:{port}")),
        ("Origin", format!("http://127.0.0.1:{port}")),
        ("Host", "api.example".to_owned()),
        ("Origin", "https://api.example".to_owned()),
    ] {
        alice.ask_with("POST", "/orders", Some(&body), &[(name, &value)]).with_status(201);
    }
    // What only reads can do no harm: no page may read an answer that is not its own site's.
    alice.ask_with("GET", "/status", None, &[("Host", "rialto.example")]).with_status(200);
}

#[test]
fn a_request_must_name_its_host() {
    let (served, [_alice]) = served(["alice"]);
    let mut line = served.line();
    let key = key("alice");
    line.send(format!("DELETE /rialto/v1/orders HTTP/1.0\r\nAuthorization: Bearer {key}\r\n\r\n"));
    let (head, body) = line.answer().expect("an answer");
    assert_eq!(head.status, 403, "{body}");
    // An absolute target names a host as well, and both have to be ours.
    for (target, host, status) in [
        (format!("http://{}", served.address), "evil.example".to_owned(), 403),
        ("http://evil.example".to_owned(), served.address.to_string(), 403),
        (format!("http://{}", served.address), served.address.to_string(), 200),
    ] {
        let mut line = served.line();
        line.send(format!(
            "DELETE {target}/rialto/v1/orders HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n"
        ));
        let (head, body) = line.answer().expect("an answer");
        assert_eq!(head.status, status, "{target} {host}: {body}");
    }
}

#[test]
fn only_who_holds_a_key_is_told_what_is_its_own() {
    let served = Setup::bitstamp().session_by_hand().serve();
    let mut nobody = Client::of(&served);
    let alice = key("alice");
    let wrong = [
        ("", "no-key"),
        (alice, "no-key"),
        ("Basic YWxpY2U6a2V5", "no-key"),
        ("Bearer", "no-key"),
        ("Bearer ", "no-key"),
        ("Bearer wrong", "unknown-key"),
        (&format!("Bearer {}", &alice[..31]), "unknown-key"),
        (&format!("Bearer {alice}1"), "unknown-key"),
        (&format!("Bearer {alice} {alice}"), "unknown-key"),
    ];
    let reads = OWN.map(|path| ("GET", path, None));
    for (method, path, body) in reads.into_iter().chain(WRITES) {
        let told = nobody.ask(method, path, body).with_status(401);
        assert_eq!(told.problem(), ("no-key", Some("header Authorization")));
        assert_eq!(told.head.header("www-authenticate"), Some("Bearer realm=\"rialto\""));
        for (value, code) in wrong {
            let told = nobody.ask_with(method, path, body, &[("Authorization", value)]);
            assert_eq!(told.with_status(401).problem().0, code, "{value:?}");
        }
    }
    // The scheme's case does not matter.
    let told =
        nobody.ask_with("GET", "/account", None, &[("Authorization", &format!("bearer {alice}"))]);
    told.with_status(200);
    served.revoke(called("alice").expect("one of the people"));
    let told =
        nobody.ask_with("GET", "/account", None, &[("Authorization", &format!("Bearer {alice}"))]);
    assert_eq!(told.with_status(401).problem().0, "unknown-key");
}

#[test]
fn a_key_that_may_only_look_changes_nothing() {
    let (_served, [mut carol]) = served(["carol"]);
    for (method, path, body) in WRITES {
        let told = carol.ask(method, path, body).with_status(403);
        assert_eq!(told.problem().0, "read-only-key");
    }
    let told = carol.post("/orders", &limit("buy", "1", "90.00")).with_status(403);
    assert_eq!(told.problem().0, "read-only-key");
    for path in ["/account", "/credentials", "/balances", "/trades", "/orders"] {
        carol.get(path).with_status(200);
    }
    assert_eq!(carol.get("/account").body["key"]["may_trade"], false);
}

#[test]
fn a_key_for_one_instrument_is_good_for_that_alone() {
    let (_served, [mut dave]) = served(["dave"]);
    dave.post("/orders", &limit("buy", "1", "90.00")).with_status(201);
    let there =
        r#"{"instrument":"ETH-BTC","side":"buy","type":"limit","quantity":"1","price":"0.05"}"#;
    let told = dave.post("/orders", there).with_status(403);
    assert_eq!(told.problem(), ("instrument-not-allowed", Some("body instrument")));
    for (method, path) in [
        ("GET", "/orders?instrument=ETH-BTC"),
        ("GET", "/orders?which=ended&instrument=ETH-BTC"),
        ("GET", "/trades?instrument=ETH-BTC"),
        ("DELETE", "/orders?instrument=ETH-BTC"),
        ("DELETE", "/orders"),
    ] {
        let told = dave.ask(method, path, None).with_status(403);
        assert_eq!(told.problem(), ("instrument-not-allowed", Some("query instrument")), "{path}");
    }
    assert_eq!(dave.get("/orders").body["orders"].as_array().map(Vec::len), Some(1));
    let told = dave.delete("/orders?instrument=BTC-USD").with_status(200);
    assert_eq!(told.body["canceled"].as_array().map(Vec::len), Some(1));
    // What everybody may see, it may see.
    dave.get("/instruments/ETH-BTC/book").with_status(200);
}

#[test]
fn orders_elsewhere_are_hidden_from_a_key_for_one_instrument() {
    let (served, [mut dave]) = served(["dave"]);
    // The same account trades elsewhere, by another key.
    let account = called("dave").expect("one of the people").account;
    served.market.act(model::Action::Place(model::NewOrder {
        account,
        instrument: model::InstrumentId(1),
        side: model::Side::Buy,
        kind: model::OrderKind::Limit(model::Price(100)),
        quantity: model::Quantity(100_000_000),
        time_in_force: model::TimeInForce::GoodTillCanceled,
        post_only: false,
        trigger: None,
    }));
    served.market.settle();
    assert_eq!(dave.get("/orders").body["orders"], json!([]));
    let first = 1_u64 << 50;
    for id in first..first + 4 {
        dave.get(&format!("/orders/{id}")).with_status(404);
        dave.delete(&format!("/orders/{id}")).with_status(404);
    }
}

#[test]
fn a_key_may_ask_so_often_and_others_are_not_held_up_by_it() {
    let (served, [mut alice, mut bob]) = served(["alice", "bob"]);
    served.known.slow_down(key("alice"), 3);
    assert_eq!(alice.get("/account").body["key"]["requests_per_second_max"], 3);
    alice.get("/orders").with_status(200);
    alice.post("/orders", &limit("buy", "1", "90.00")).with_status(201);
    let told = alice.get("/account").with_status(429);
    assert_eq!(told.problem().0, "too-fast");
    assert_eq!(told.head.header("retry-after"), Some("1"));
    let told = alice.post("/orders", &limit("buy", "1", "90.00")).with_status(429);
    assert_eq!(told.problem().0, "too-fast");
    bob.get("/account").with_status(200);
    alice.get("/status").with_status(200);
    served.wait(Duration::from_secs(1));
    assert_eq!(
        alice.get("/orders").with_status(200).body["orders"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn an_address_may_ask_so_often() {
    let setup = Setup::bitstamp().session_by_hand();
    let served = setup.limits(|limits| limits.loopback_exempt = false).serve();
    let mut client = Client::of(&served);
    let mut answered = 1;
    let refused = loop {
        let told = client.get("/demo");
        if told.head.status != 200 {
            break told;
        }
        answered += 1;
    };
    assert_eq!(refused.with_status(429).problem().0, "too-fast");
    assert_eq!(answered, 1_000);
    served.wait(Duration::from_secs(1));
    client.get("/demo").with_status(200);
}
