//! Indexes: what they are made of, who may quote what, and what becomes of a quote.

use model::{Action, Constituent, FeedName, InstrumentId, PerpetualAction, Side, Span};
use serde_json::{Value, json};
use testkit::served::{Served, Setup};

use super::client::Client;
use super::key;

const INDEX: &str = "/instruments/BTC-USD-PERP/index";

/// A venue with an index of its spot market and two feeds, the first of which carol may quote, and the clients of these
/// people.
fn quoted<const N: usize>(names: [&str; N]) -> (Served, [Client; N]) {
    let mut setup = Setup::perpetual().session_by_hand();
    let feeds = ["kraken", "lmax"].map(|name| name.parse::<FeedName>().expect("a name"));
    setup.contracts[0].constituents.extend(feeds.map(Constituent::Feed));
    let served = setup.serve();
    served.known.let_quote(key("carol"), InstrumentId(1), 1);
    let clients = names.map(|name| Client::of(&served).by(key(name)));
    (served, clients)
}

fn mark(served: &Served) {
    served.market.act(Action::Perpetual(PerpetualAction::Mark(InstrumentId(1))));
    served.market.settle();
}

fn pass(served: &Served, span: Span) {
    served.market.pass(span);
    served.market.settle();
}

/// What is told of the constituents: price, whether it counts, and why not.
#[track_caller]
fn constituents(client: &mut Client) -> Vec<(Value, Value, Value)> {
    let told = client.get(INDEX).with_status(200).body;
    let all = told["constituents"].as_array().expect("a list");
    all.iter()
        .map(|it| (it["price"].clone(), it["counts"].clone(), it["left_out"].clone()))
        .collect()
}

#[test]
fn what_is_quoted_is_in_the_index_until_it_is_stale_unless_it_is_far_from_the_others() {
    let (served, [mut carol, mut alice]) = quoted(["carol", "alice"]);
    let silent = || (json!(null), json!(false), json!("silent"));
    assert_eq!(constituents(&mut alice), [silent(), silent(), silent()]);
    let told = carol.put(&format!("{INDEX}/kraken"), r#"{"price":"60100"}"#).with_status(200).body;
    let at = "2027-01-15T08:00:00.000000Z";
    let sequence = told["sequence"].as_str().expect("a number").to_owned();
    assert_eq!(
        told,
        json!({"instrument": "BTC-USD-PERP", "constituent": "kraken", "price": "60100", "quoted_at": at, "sequence": sequence})
    );
    let told = alice.get("/instruments/BTC-USD-PERP/perpetual").with_status(503);
    assert_eq!(told.problem().0, "not-told", "it is in no index before a mark");
    mark(&served);
    pass(&served, Span::millis(1_500));
    let told = alice.get(INDEX).with_status(200).body;
    assert_eq!(
        told,
        json!({
            "instrument": "BTC-USD-PERP", "time": "2027-01-15T08:00:01.500000Z", "index_price": "60100",
            "stale_seconds": 10, "outlier": "0.050000",
            "constituents": [
                {"name": "BTC-USD", "kind": "book", "price": null, "quoted_at": null, "age_ms": null,
                 "counts": false, "left_out": "silent"},
                {"name": "kraken", "kind": "feed", "price": "60100", "quoted_at": at, "age_ms": 1_500,
                 "counts": true, "left_out": null},
                {"name": "lmax", "kind": "feed", "price": null, "quoted_at": null, "age_ms": null,
                 "counts": false, "left_out": "silent"},
            ],
        })
    );

    // The spot market at 60,000.50, and another feed nearby: what carol quotes now is more than 5 % away from the median.
    served.market.rest(0, Side::Buy, 5_999_000, 100);
    served.market.rest(0, Side::Sell, 6_001_100, 100);
    served.market.settle();
    served.known.let_quote(key("carol"), InstrumentId(1), 2);
    carol.put(&format!("{INDEX}/lmax"), r#"{"price":"60020"}"#).with_status(200);
    carol.put(&format!("{INDEX}/kraken"), r#"{"price":"90000"}"#).with_status(200);
    let counts = |price: &str| (json!(price), json!(true), json!(null));
    let far = (json!("90000"), json!(false), json!("outlier"));
    assert_eq!(constituents(&mut alice), [counts("60000"), far, counts("60020")]);
    mark(&served);
    let index = |alice: &mut Client| alice.get(INDEX).with_status(200).body["index_price"].clone();
    assert_eq!(index(&mut alice), "60010");

    // To the last microsecond of ten seconds it is good.
    pass(&served, Span::seconds(10));
    assert_eq!(constituents(&mut alice)[2], counts("60020"));
    pass(&served, Span::micros(1));
    let stale = |price: &str| (json!(price), json!(false), json!("stale"));
    assert_eq!(constituents(&mut alice), [counts("60000"), stale("90000"), stale("60020")]);
    mark(&served);
    assert_eq!(index(&mut alice), "60000");
    served.market.act(Action::CancelAll {
        account: testkit::people::MAKER,
        instrument: Some(InstrumentId(0)),
    });
    mark(&served);
    assert_eq!(constituents(&mut alice), [silent(), stale("90000"), stale("60020")]);
    assert_eq!(index(&mut alice), "60000", "it stays");
}

#[test]
fn nobody_quotes_what_its_key_was_not_made_for() {
    let (served, [mut carol, mut alice, mut dave]) = quoted(["carol", "alice", "dave"]);
    let body = r#"{"price":"60100"}"#;
    let kraken = format!("{INDEX}/kraken");
    // Alice may do anything else; carol may quote one feed, and nothing else.
    let told = alice.put(&kraken, body).with_status(403);
    assert_eq!(told.problem(), ("quote-not-allowed", Some("path constituent")));
    let told = carol.put(&format!("{INDEX}/lmax"), body).with_status(403);
    assert_eq!(told.problem(), ("quote-not-allowed", Some("path constituent")));
    let told = Client::of(&served).put(&kraken, body).with_status(401);
    assert_eq!(told.problem().0, "no-key");
    // A feed that the key's instruments do not cover.
    served.known.let_quote(key("dave"), InstrumentId(1), 1);
    let told = dave.put(&kraken, body).with_status(403);
    assert_eq!(told.problem(), ("instrument-not-allowed", Some("path instrument")));
    for name in ["BTC-USD", "nobody", "KRAKEN"] {
        let told = carol.put(&format!("{INDEX}/{name}"), body).with_status(404);
        assert_eq!(told.problem(), ("unknown-feed", Some("path constituent")), "{name}");
    }
    let told = carol.put("/instruments/BTC-USD/index/kraken", body).with_status(422);
    assert_eq!(told.problem(), ("bad-combination", Some("path instrument")));
    assert_eq!(
        carol.get("/instruments/BTC-USD/index").with_status(422).problem().0,
        "bad-combination"
    );
    for price in ["0", "-1", "60000.5", "1e4", "999999999999999999"] {
        let told = carol.put(&kraken, &format!(r#"{{"price":"{price}"}}"#)).with_status(422);
        assert_eq!(told.problem(), ("bad-price", Some("body price")), "{price}");
    }
    let silent = (json!(null), json!(false), json!("silent"));
    assert_eq!(
        constituents(&mut alice),
        [silent.clone(), silent.clone(), silent],
        "nothing was taken"
    );
    let told = carol.get("/account").with_status(200).body;
    assert_eq!(
        told["key"]["quotes"],
        json!([{"instrument": "BTC-USD-PERP", "constituent": "kraken"}])
    );
    assert_eq!(alice.get("/account").with_status(200).body["key"]["quotes"], json!([]));
}
