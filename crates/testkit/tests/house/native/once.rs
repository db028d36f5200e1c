//! Idempotency keys: whatever is asked twice happens once.

use std::time::Duration;

use serde_json::json;

use super::{Client, Told, key, limit, served, with};

fn place(client: &mut Client, key: &str, body: &str) -> Told {
    client.ask_with("POST", "/orders", Some(body), &[("Idempotency-Key", key)])
}

fn replayed(told: &Told) -> bool {
    told.head.header("idempotency-replayed") == Some("true")
}

#[test]
fn the_same_order_again_is_the_same_order() {
    let (_served, [mut alice, mut bob]) = served(["alice", "bob"]);
    let body = limit("buy", "0.5", "100.00");
    let first = place(&mut alice, "one", &body).with_status(201);
    assert!(!replayed(&first));
    // The order may have changed meanwhile; the answer is as it was.
    alice.delete(&format!("/orders/{}", first.body["order"]["id"].as_str().expect("an id")));
    // Written otherwise it is still the same order.
    let written = r#"{ "price": "100", "type": "limit", "side": "buy", "quantity": "0.50", "instrument": "btc-usd" }"#;
    for body in [&body, written] {
        let again = place(&mut alice, "one", body).with_status(201);
        assert!(replayed(&again));
        assert_eq!(again.text, first.text);
        assert_eq!(again.head.header("location"), first.head.header("location"));
    }
    assert_eq!(alice.get("/orders").body["orders"], json!([]));
    assert_eq!(alice.get("/orders?which=ended").body["orders"].as_array().map(Vec::len), Some(1));

    for other in [
        limit("buy", "0.5", "100.01"),
        limit("sell", "0.5", "100.00"),
        with(&body, r#""client_order_id":"named""#),
    ] {
        let told = place(&mut alice, "one", &other).with_status(422);
        assert_eq!(told.problem(), ("key-reused", Some("header Idempotency-Key")));
    }
    let own = place(&mut bob, "one", &body).with_status(201);
    assert!(!replayed(&own), "keys are an account's own");
    assert_ne!(own.body["order"]["id"], first.body["order"]["id"]);
    let fresh = place(&mut alice, "two", &body).with_status(201);
    assert!(!replayed(&fresh));
}

#[test]
fn a_refusal_by_the_market_is_kept_and_a_mistake_is_not() {
    let (_served, [mut alice]) = served(["alice"]);
    let too_much = limit("buy", "80000", "10000.00");
    let refused = place(&mut alice, "one", &too_much).with_status(422);
    let again = place(&mut alice, "one", &too_much).with_status(422);
    assert!(replayed(&again));
    assert_eq!(again.text, refused.text);

    place(&mut alice, "two", &limit("buy", "x", "100.00")).with_status(422);
    let mended = place(&mut alice, "two", &limit("buy", "1", "100.00")).with_status(201);
    assert!(!replayed(&mended));
}

#[test]
fn a_replacement_happens_once() {
    let (_served, [mut alice]) = served(["alice"]);
    let old = alice.post("/orders", &limit("buy", "0.5", "100.00")).with_status(201);
    let own = format!("/orders/{}", old.body["order"]["id"].as_str().expect("an id"));
    let body = r#"{"price":"99.00","quantity":"0.4"}"#;
    let mut replace =
        |key: &str| alice.ask_with("PUT", &own, Some(body), &[("Idempotency-Key", key)]);
    let first = replace("one").with_status(201);
    let again = replace("one").with_status(201);
    assert!(replayed(&again));
    assert_eq!(again.text, first.text);
    let late = replace("two").with_status(409);
    assert_eq!(late.problem().0, "not-open");
    assert_eq!(replace("two").with_status(409).text, late.text);
}

#[test]
fn a_replacement_that_takes_the_name_over_happens_once() {
    let (_served, [mut alice]) = served(["alice"]);
    let named = |price| {
        format!(
            r#"{{"instrument":"BTC-USD","side":"buy","type":"limit","quantity":"0.5","price":"{price}","client_order_id":"mine"}}"#
        )
    };
    alice.post("/orders", &named("100.00")).with_status(201);
    let body = r#"{"price":"99.00","quantity":"0.4","client_order_id":"mine"}"#;
    let mut replace = |key: &str| {
        alice.ask_with("PUT", "/orders/client:mine", Some(body), &[("Idempotency-Key", key)])
    };
    let first = replace("one").with_status(201);
    let again = replace("one").with_status(201);
    assert!(replayed(&again), "though the name means the new order by now");
    assert_eq!(again.text, first.text);
    let next = replace("two").with_status(201);
    assert!(!replayed(&next) && next.text != first.text, "the new one is replaced");
}

#[test]
fn many_at_once_under_one_key_are_one_order() {
    let (served, [mut alice]) = served(["alice"]);
    served.known.slow_down(key("alice"), 1_000);
    let clients: Vec<Client> = (0..16).map(|_| alice.another()).collect();
    let told: Vec<Told> = std::thread::scope(|scope| {
        let asking: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                scope.spawn(move || {
                    (0..8)
                        .map(|round| {
                            let body = limit("buy", "0.01", "100.00");
                            place(&mut client, &format!("round {round}"), &body).with_status(201)
                        })
                        .collect::<Vec<Told>>()
                })
            })
            .collect();
        asking.into_iter().flat_map(|it| it.join().expect("a client")).collect()
    });
    let mut ids: Vec<&str> =
        told.iter().map(|it| it.body["order"]["id"].as_str().expect("an id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8, "one order for each round");
    assert_eq!(told.iter().filter(|told| !replayed(told)).count(), 8);
    assert_eq!(alice.get("/orders").body["orders"].as_array().map(Vec::len), Some(8));
}

#[test]
fn keys_are_forgotten_after_a_day_and_the_oldest_when_there_are_too_many() {
    let (served, [mut alice]) = served(["alice"]);
    let body = limit("buy", "0.00001", "100.00");
    place(&mut alice, "first", &body).with_status(201);
    let day = Duration::from_secs(24 * 3_600);
    served.wait(day - Duration::from_secs(1));
    assert!(replayed(&place(&mut alice, "first", &body)));
    served.wait(Duration::from_secs(1));
    assert!(!replayed(&place(&mut alice, "first", &body)), "a day is over");

    for number in 0..999 {
        // The key may ask so often each second.
        served.wait(Duration::from_millis(10));
        place(&mut alice, &format!("key {number}"), &body).with_status(201);
    }
    assert!(replayed(&place(&mut alice, "first", &body)));
    served.wait(Duration::from_secs(1));
    place(&mut alice, "one too many", &body).with_status(201);
    assert!(!replayed(&place(&mut alice, "first", &body)), "it was the oldest");
    assert!(replayed(&place(&mut alice, "key 1", &body)));
}

#[test]
fn what_is_no_key_is_refused() {
    let (_served, [mut alice]) = served(["alice"]);
    for key in ["", &"x".repeat(256), "schlüssel"] {
        let told = place(&mut alice, key, &limit("buy", "1", "100.00")).with_status(400);
        assert_eq!(told.problem(), ("bad-header", Some("header Idempotency-Key")));
    }
    place(&mut alice, &"x".repeat(255), &limit("buy", "1", "100.00")).with_status(201);
}

#[test]
fn an_order_whose_client_went_away_is_there_when_it_asks_again() {
    let (served, [mut alice]) = served(["alice"]);
    let body = limit("buy", "0.01", "100.00");
    for round in 0..50 {
        let mut line = served.line();
        line.send(format!(
            "POST /rialto/v1/orders HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nIdempotency-Key: round {round}\r\nContent-Length: {}\r\n\r\n{body}",
            served.address,
            key("alice"),
            body.len()
        ));
        drop(line);
        place(&mut alice, &format!("round {round}"), &body).with_status(201);
        served.wait(Duration::from_millis(20));
    }
    let open = alice.get("/orders?limit=1000").with_status(200);
    assert_eq!(open.body["orders"].as_array().map(Vec::len), Some(50), "once, however it went");
}
