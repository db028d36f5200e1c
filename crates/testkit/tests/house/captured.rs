//! What TimeX really sent, eight messages of September 2022, member by member: each of ours has the same members, nested
//! alike and of the same JSON types. Skipped, saying so, where the captures are absent.
//!
//! Two things differ, both as the published text has it: an update has its number (`id`), which no capture has; and an
//! order has more digits behind the point of its moments.

use std::path::Path;

use dialects::timex::{Options, TimeX};
use edge::ws::{Opcode, encode};
use model::{Action, InstrumentId, NewOrder, OrderKind, Price, Quantity, Side, Span, TimeInForce};
use serde_json::Value;
use testkit::people::PEOPLE;
use testkit::transcript::{Heard, Line, Stage};
use testkit::venue::Venue;

use crate::transcripts::{START, listings};

/// A conversation with a venue in which somebody waits on both sides of the book.
struct Talk {
    venue: Venue,
    line: Line,
}

impl Talk {
    fn begin() -> Self {
        let listings = listings();
        let dialect = TimeX::new(&listings, Options::default()).expect("the symbols are in order");
        let mut venue = Venue::new(Box::new(dialect), &listings, START, false);
        let line = venue.connect();
        let mut talk = Self { venue, line };
        for (side, price) in [(Side::Buy, 5_000_000), (Side::Buy, 4_000_000)] {
            talk.place(side, price);
        }
        for price in [6_000_000, 7_000_000] {
            talk.place(Side::Sell, price);
        }
        talk.pass();
        talk
    }

    fn place(&mut self, side: Side, price: i64) {
        let order = NewOrder {
            account: PEOPLE[1].account,
            instrument: InstrumentId(0),
            side,
            kind: OrderKind::Limit(Price(price)),
            quantity: Quantity(150_000_000),
            time_in_force: TimeInForce::GoodTillCanceled,
            post_only: false,
            trigger: None,
        };
        self.venue.act(Action::Place(order));
    }

    fn pass(&mut self) {
        self.venue.pass(Span::millis(200));
    }

    fn say(&mut self, message: &str) {
        let (key, secret) = (PEOPLE[0].key, PEOPLE[0].secret);
        let message = message
            .replace("AUTH", &format!(r#""auth":{{"id":"{key}","secret":"{secret}"}}"#))
            .replace("ADDRESS", &PEOPLE[0].address().to_string());
        let mut bytes = Vec::new();
        encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], message.as_bytes());
        self.venue.send(self.line, &bytes);
    }

    fn hear(&mut self) -> Value {
        match self.venue.hear(self.line) {
            Some(Heard::Text(text)) => serde_json::from_str(&text).expect("it is JSON"),
            other => panic!("{other:?}"),
        }
    }
}

/// How ours differs from what was captured, if it does.
fn differs(at: &str, captured: &Value, ours: &Value) -> Option<String> {
    match (captured, ours) {
        (Value::Object(captured), Value::Object(ours)) => {
            let missing = captured.keys().find(|name| !ours.contains_key(*name));
            let is_number = |name: &str| name == "id" && at.ends_with("/message");
            let more = ours.keys().find(|name| !captured.contains_key(*name) && !is_number(name));
            if let Some(name) = missing {
                return Some(format!("{at} has no {name}"));
            }
            if let Some(name) = more {
                return Some(format!("{at} has a {name} that was not captured"));
            }
            let each = captured.iter();
            each.into_iter()
                .find_map(|(name, value)| differs(&format!("{at}/{name}"), value, &ours[name]))
        }
        (Value::Array(captured), Value::Array(ours)) => {
            if captured.is_empty() != ours.is_empty() && !at.ends_with("/orders") {
                return Some(format!("{at} has {} items", ours.len()));
            }
            let pairs = ours.iter().flat_map(|own| captured.iter().map(move |it| (it, own)));
            pairs.into_iter().find_map(|(captured, own)| differs(&format!("{at}[]"), captured, own))
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => None,
        _ => Some(format!("{at} is {ours}, where {captured} was captured")),
    }
}

fn compare(folder: &Path, name: &str, ours: &Value) {
    let text = std::fs::read_to_string(folder.join(format!("sample-ws-{name}.json")));
    let captured = serde_json::from_str(&text.expect("the capture can be read"));
    let trouble = differs("", &captured.expect("the capture is JSON"), ours);
    assert_eq!(trouble, None, "{name}: {ours}");
}

#[test]
fn what_is_said_has_the_members_of_what_was_captured() {
    let Some(folder) = testkit::data::capture("timex-2022-09") else { return };
    let mut talk = Talk::begin();

    let book = |path: &str| {
        format!(
            r#"{{"type":"REST","requestId":"get_orderbook","stream":"/get/public/orderbook/{path}","payload":{{"market":"BTCUSD"}}}}"#
        )
    };
    talk.say(&book("v2"));
    compare(&folder, "rest-get-orderbook-group", &talk.hear());
    talk.say(&book("raw"));
    compare(&folder, "rest-get-orderbook-raw", &talk.hear());

    talk.say(
        r#"{"type":"ACCOUNT_SUBSCRIBE","requestId":"acs","account":"ADDRESS",AUTH,"snapshot":true}"#,
    );
    compare(&folder, "account-subscribed", &talk.hear());

    talk.say(
        r#"{"type":"REST","requestId":"create","stream":"/post/trading/orders",AUTH,"payload":{"symbol":"BTCUSD","side":"BUY","orderTypes":"LIMIT","quantity":36,"price":1,"expireIn":3}}"#,
    );
    let (mut reply, mut pushes) = (None, Vec::new());
    while reply.is_none() || pushes.len() < 2 {
        let heard = talk.hear();
        if heard.get("status").is_some() {
            reply = Some(heard);
        } else {
            pushes.push(heard);
        }
    }
    compare(&folder, "create-order", &reply.expect("it was heard"));
    let push = |member: &str| pushes.iter().find(|push| push["payload"].get(member).is_some());
    compare(&folder, "message-account-order", push("order").expect("the order was told"));
    compare(&folder, "message-account-balance", push("balance").expect("the balance was told"));

    for (family, name) in [("raw", "raw"), ("group", "group")] {
        let mut talk = Talk::begin();
        talk.say(&format!(
            r#"{{"type":"SUBSCRIBE","requestId":"uniqueID","pattern":"/orderbook.{family}/BTCUSD"}}"#
        ));
        assert_eq!(talk.hear()["type"], "SUBSCRIBED");
        talk.place(Side::Buy, 5_100_000);
        talk.pass();
        compare(&folder, &format!("message-{name}-orderbook-updated"), &talk.hear());
    }
}

#[test]
fn differences_are_found() {
    let captured = serde_json::json!({"message":{"a":"1","b":[{"c":null}],"d":1}});
    let told = |ours: Value| differs("", &captured, &ours).unwrap_or_default();
    assert_eq!(told(serde_json::json!({"message":{"id":7,"a":"2","b":[{"c":null}],"d":2}})), "");
    for (ours, trouble) in [
        (r#"{"message":{"b":[{"c":null}],"d":1}}"#, "/message has no a"),
        (
            r#"{"message":{"a":"1","b":[{"c":null}],"d":1,"e":1}}"#,
            "/message has a e that was not captured",
        ),
        (
            r#"{"message":{"a":1,"b":[{"c":null}],"d":1}}"#,
            "/message/a is 1, where \"1\" was captured",
        ),
        (
            r#"{"message":{"a":"1","b":[{"c":"x"}],"d":1}}"#,
            "/message/b[]/c is \"x\", where null was captured",
        ),
        (r#"{"message":{"a":"1","b":[],"d":1}}"#, "/message/b has 0 items"),
    ] {
        assert_eq!(told(serde_json::from_str(ours).expect("JSON")), trouble);
    }
}
