//! Positions of whoever shows a key: as the venue tells them itself, and never as if they were live when they are not.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::{PATIENCE, Process, Venue, Watcher, credential, text_of};

/// A key that nobody holds.
pub const NOBODYS: &str = "a-key-that-nobody-holds";

/// Buys a hundredth of the perpetual, with leverage.
pub fn buy(venue: &Venue, key: &str) {
    venue.ask("PUT /rialto/v1/margin/BTC-USD-PERP", key, &json!({"leverage": 20}));
    trade(venue, key, "buy");
}

/// As soon as there is a mark, which a venue that has just started lacks, and the book gives so much.
fn trade(venue: &Venue, key: &str, side: &str) {
    let order =
        json!({"instrument": "BTC-USD-PERP", "side": side, "type": "market", "quantity": "0.01"});
    let began = Instant::now();
    loop {
        let told = venue.try_to_ask("POST /rialto/v1/orders", key, &order);
        match told {
            Ok(told) if told["order"]["status"] == "filled" => return,
            other => assert!(began.elapsed() < PATIENCE, "nothing is traded: {other:?}"),
        }
    }
}

fn watcher(venue: &Venue, key: &str) -> Watcher {
    let url = format!("ws://{}/bitstamp", venue.address);
    let words = ["watch", &url, "--json", "--market", "BTC-USD"];
    Watcher::reading(Process::with_keys(&words, "", key))
}

/// The next positions that are like this.
fn positions(watcher: &mut Watcher, wanted: &str, is_it: impl Fn(&[Value]) -> bool) -> Value {
    let is_it = |told: &Value| {
        told["event"] == "positions" && is_it(told["positions"].as_array().expect("a list"))
    };
    watcher.until(wanted, is_it)
}

/// Loses sight of the positions, for this reason.
fn lost(watcher: &mut Watcher, why: &str) {
    let told = watcher.until("that they are not known", |told| told["event"] == "positions_lost");
    assert!(text_of(&told["why"]).contains(why), "{told}");
    assert!(told["again_in_seconds"].as_u64().is_some_and(|it| (1..=60).contains(&it)), "{told}");
}

#[test]
fn a_position_is_seen_as_the_venue_tells_it_from_its_beginning_to_its_end() {
    let venue = Venue::demo("127.0.0.1:0", "7");
    let alice = credential(0, "native", "key");
    let mut watcher = watcher(&venue, &alice);
    positions(&mut watcher, "that there is none", <[Value]>::is_empty);
    buy(&venue, &alice);
    // Marked again at each second: at the same mark all of it is as the venue tells it, but for what moves meanwhile.
    let (mut marks, mut differs) = (Vec::new(), Value::Null);
    let began = Instant::now();
    while marks.len() < 2 {
        assert!(began.elapsed() < PATIENCE, "at two marks nothing agrees: {differs}");
        let line = positions(&mut watcher, "a position", |told| told.len() == 1);
        let told = venue.ask("GET /rialto/v1/positions", &alice, &Value::Null);
        let (seen, told) = (&line["positions"][0], &told["positions"][0]);
        assert_eq!((&seen["side"], &seen["size"]), (&json!("long"), &json!("0.01000")), "{line}");
        assert_eq!((&seen["leverage"], &seen["mode"]), (&json!(20), &json!("cross")), "{line}");
        assert_eq!(seen["margin_asset"], "USD");
        let mut members = seen.as_object().expect("an object").iter();
        if members.all(|(name, value)| name == "margin_asset" || *value == told[name]) {
            marks.push(seen["mark_price"].clone());
            marks.dedup();
        } else {
            differs = json!([seen, told]);
        }
    }
    trade(&venue, &alice, "sell");
    positions(&mut watcher, "that it is closed", <[Value]>::is_empty);
}

#[test]
fn a_key_that_nobody_holds_is_said_and_the_market_is_watched_all_the_same() {
    let venue = Venue::demo("127.0.0.1:0", "7");
    let mut watcher = watcher(&venue, NOBODYS);
    lost(&mut watcher, "nobody holds this key");
    watcher.until("a change", |told| told["event"] == "book" && told["snapshot"] == false);
    // Asked again, in vain: nothing is made up meanwhile.
    let told = watcher.until("what is told of positions", |told| {
        assert!(!told.to_string().contains(NOBODYS), "{told}");
        text_of(&told["event"]).starts_with("positions")
    });
    assert_eq!(told["event"], "positions_lost");
}

#[test]
fn positions_are_lost_while_the_venue_is_silent_or_away_and_then_known_again() {
    let venue = Venue::demo("127.0.0.1:0", "7");
    let (alice, address) = (credential(0, "native", "key"), venue.address.clone());
    buy(&venue, &alice);
    let mut watcher = watcher(&venue, &alice);
    let is_one = |told: &[Value]| told.len() == 1;
    positions(&mut watcher, "the position", is_one);
    // It holds its connections, and says nothing.
    let signal = |name: &str| {
        let id = venue._process.0.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.is_ok_and(|it| it.success()), "{name}");
    };
    signal("-STOP");
    lost(&mut watcher, "no answer within 5 s");
    signal("-CONT");
    positions(&mut watcher, "the position", is_one);
    drop(venue);
    lost(&mut watcher, "");
    // What the next one tells is told, though it is another market in which she has no position.
    let _venue = Venue::demo(&address, "8");
    positions(&mut watcher, "that there is none", <[Value]>::is_empty);
}
