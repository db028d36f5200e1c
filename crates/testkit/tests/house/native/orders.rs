//! Orders from their placing to their end, and what they leave: balances, trades, lists.

use model::{Action, Side, Span};
use serde_json::{Value, json};

use super::{Told, limit, served, with};

/// How an order stands, and what of it is open.
fn stands(story: &Value) -> (&str, &str) {
    let order = &story["order"];
    let text = |field: &str| order[field].as_str().expect("a text");
    (text("status"), text("remaining"))
}

fn id(told: &Told) -> String {
    told.body["order"]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_limit_order_rests_is_seen_and_is_cancelled() {
    let (_served, [mut alice, mut bob]) = served(["alice", "bob"]);
    let body = with(&limit("buy", "0.5", "100.00"), r#""client_order_id":"my-first""#);
    let placed = alice.post("/orders", &body).with_status(201);
    let id = id(&placed);
    let own = format!("/orders/{id}");
    assert_eq!(placed.head.header("location"), Some(&*format!("/rialto/v1{own}")));
    assert_eq!(
        placed.body,
        json!({"order": {
            "id": id, "client_order_id": "my-first", "instrument": "BTC-USD", "side": "buy",
            "type": "limit", "time_in_force": "gtc", "expires_at": null, "post_only": false, "reduce_only": false,
            "price": "100.00", "stop_price": null, "trail_basis_points": null, "stop_when": null,
            "quantity": "0.50000000", "remaining": "0.50000000", "filled": "0.00000000",
            "filled_value": "0.0000000000", "fees_paid": "0.0000000000", "status": "open",
            "created_at": "2027-01-15T08:00:00.000000Z", "changed_at": "2027-01-15T08:00:00.000000Z",
            "replaces": null, "replaced_by": null,
        }, "trades": []})
    );
    for path in [&own, "/orders/client:my-first", "/orders/client%3Amy-first"] {
        assert_eq!(alice.get(path).with_status(200).body, placed.body, "{path}");
    }
    for path in ["/orders", "/orders?which=open", "/orders?instrument=BTC-USD"] {
        assert_eq!(alice.get(path).with_status(200).body["orders"][0], placed.body["order"]);
    }
    assert_eq!(alice.get("/orders?instrument=ETH-BTC").body["orders"], json!([]));
    assert_eq!(alice.get("/orders?which=ended").body["orders"], json!([]));

    // 0.5 × 100 USD, and what a taker would pay for it.
    let balances = alice.get("/balances").with_status(200).body;
    let dollars = &balances["balances"][1];
    assert_eq!(
        (&dollars["asset"], &dollars["total"]),
        (&json!("USD"), &json!("100000000.0000000000"))
    );
    assert_ne!(dollars["held"], "0.0000000000");

    // Nobody else sees it or can do anything with it.
    assert_eq!(bob.get(&own).with_status(404).problem().0, "unknown-order");
    assert_eq!(bob.delete(&own).with_status(404).problem().0, "unknown-order");
    let replacement = r#"{"price":"99.00","quantity":"0.1"}"#;
    assert_eq!(bob.put(&own, replacement).with_status(404).problem().0, "unknown-order");
    assert_eq!(bob.get("/orders").body["orders"], json!([]));

    let ended = alice.delete("/orders/client:my-first").with_status(200);
    assert_eq!(stands(&ended.body), ("canceled", "0.50000000"));
    assert_eq!(alice.get(&own).with_status(200).body, ended.body);
    assert_eq!(alice.get("/orders").body["orders"], json!([]));
    assert_eq!(alice.get("/orders?which=ended").body["orders"][0], ended.body["order"]);
    assert_eq!(alice.delete(&own).with_status(409).problem(), ("not-open", Some("path order")));
    let balances = alice.get("/balances").body;
    assert_eq!(balances["balances"][1]["available"], "100000000.0000000000");
}

#[test]
fn an_order_that_arrives_is_answered_with_its_trades() {
    let (served, [mut alice, mut bob]) = served(["alice", "bob"]);
    let resting = alice.post("/orders", &limit("sell", "0.3", "100.00")).with_status(201);
    let body = with(&limit("buy", "0.5", "101.00"), r#""client_order_id":"taker""#);
    let told = bob.post("/orders", &body).with_status(201);
    assert_eq!(stands(&told.body), ("open", "0.20000000"));
    let order = &told.body["order"];
    assert_eq!(
        [&order["filled"], &order["filled_value"], &order["fees_paid"]],
        ["0.30000000", "30.0000000000", "0.0600000000"]
    );
    let seen = bob.get("/orders/client:taker").with_status(200);
    assert_eq!(seen.body, told.body, "told at once is what is seen later");
    let trade = told.body["trades"][0].clone();
    assert_eq!(
        trade,
        json!({
            "id": "100000001", "time": "2027-01-15T08:00:00.000000Z", "instrument": "BTC-USD",
            "order_id": id(&told), "client_order_id": "taker", "side": "buy", "price": "100.00",
            "quantity": "0.30000000", "fee": "0.0600000000", "fee_asset": "USD",
            "liquidity": "taker", "self_trade_with": null,
        })
    );
    assert_eq!(bob.get("/trades").with_status(200).body["trades"], json!([trade]));
    assert_eq!(bob.get(&format!("/orders/{}", id(&told))).body["trades"], json!([trade]));
    let made = alice.get("/trades?instrument=BTC-USD&first=oldest").with_status(200).body;
    assert_eq!(
        (&made["trades"][0]["fee"], &made["trades"][0]["liquidity"]),
        (&json!("0.0300000000"), &json!("maker"))
    );
    assert_eq!(stands(&alice.get(&format!("/orders/{}", id(&resting))).body).0, "filled");
    for (path, count) in [
        ("/trades?since_id=100000001", 1),
        ("/trades?since_id=100000002", 0),
        ("/trades?limit=0", 0),
        ("/trades?offset=1", 0),
        ("/trades?side=buy", 1),
        ("/trades?side=sell", 0),
        ("/trades?since=2027-01-15T08:00:00Z&until=2027-01-15T08:00:00Z", 1),
        ("/trades?until=2027-01-15T07:59:59.999999Z", 0),
        ("/trades?instrument=ETH-BTC", 0),
    ] {
        let trades = bob.get(path).with_status(200).body;
        assert_eq!(trades["trades"].as_array().map(Vec::len), Some(count), "{path}");
    }
    // The public sees the same trade.
    let public = alice.get("/instruments/BTC-USD/trades").body;
    assert_eq!(public["trades"][0]["id"], trade["id"]);
    drop(served);
}

#[test]
fn who_trades_with_itself_is_told_so() {
    let (_served, [mut alice]) = served(["alice"]);
    let resting = alice.post("/orders", &limit("sell", "0.1", "100.00")).with_status(201);
    let told = alice.post("/orders", &limit("buy", "0.1", "100.00")).with_status(201);
    assert_eq!(told.body["trades"][0]["self_trade_with"], id(&resting));
    assert_eq!(told.body["trades"][0]["fee"], "0.0000000000");
    assert_eq!(told.body["trades"].as_array().map(Vec::len), Some(1));
}

#[test]
fn every_kind_of_order_does_what_it_says() {
    let (served, [mut alice]) = served(["alice"]);
    served.market.rest(0, Side::Buy, 9_900, 100);
    served.market.rest(0, Side::Sell, 10_000, 100);
    served.market.settle();
    let mut place = |more: &str| {
        let body = format!(r#"{{"instrument":"BTC-USD","side":"buy",{more}}}"#);
        let told = alice.post("/orders", &body).with_status(201).body;
        let order = &told["order"];
        let text = |field: &str| order[field].as_str().unwrap_or("").to_owned();
        [text("type"), text("time_in_force"), text("status"), text("remaining")]
    };
    let quantity = r#""quantity":"0.00000010""#;
    let unfilled = "0.00000010";
    let mut check = |more: &str, expected: [&str; 4]| {
        assert_eq!(place(&format!("{quantity},{more}")), expected, "{more}");
    };
    check(r#""type":"market""#, ["market", "ioc", "filled", "0.00000000"]);
    check(r#""type":"market","time_in_force":"fok""#, ["market", "fok", "filled", "0.00000000"]);
    check(
        r#""type":"limit","price":"99.50","time_in_force":"ioc""#,
        ["limit", "ioc", "not_filled", unfilled],
    );
    check(
        r#""type":"limit","price":"99.50","time_in_force":"fok""#,
        ["limit", "fok", "killed", unfilled],
    );
    check(
        r#""type":"limit","price":"100","post_only":true"#,
        ["limit", "gtc", "would_match", unfilled],
    );
    check(r#""type":"limit","price":"98","post_only":true"#, ["limit", "gtc", "open", unfilled]);
    check(
        r#""type":"limit","price":"98","time_in_force":"gtd","expires_at":"2027-01-15T08:00:01Z""#,
        ["limit", "gtd", "open", unfilled],
    );
    check(r#""type":"stop","stop_price":"105""#, ["stop", "ioc", "armed", unfilled]);
    check(
        r#""type":"stop_limit","stop_price":"105","price":"106""#,
        ["stop_limit", "gtc", "armed", unfilled],
    );
    check(
        r#""type":"stop_limit","stop_price":"95","stop_when":"at_or_below","price":"96""#,
        ["stop_limit", "gtc", "armed", unfilled],
    );
    // What a lot costs is 100.00 × 10^-8 USD and a fifth of a per cent: of a dollar's worth there is enough for 80.
    let worth = place(r#""type":"market","worth":"0.00002005""#);
    assert_eq!(worth, ["market", "ioc", "filled", "0.00000000"]);

    // A second later the one that was good till then is gone.
    served.market.pass(Span::seconds(1));
    served.market.tick();
    served.market.settle();
    let ended = alice.get("/orders?which=ended").body;
    let ended = ended["orders"].as_array().expect("a list");
    let expired = ended.iter().find(|it| it["status"] == "expired").expect("it is gone");
    assert_eq!(expired["expires_at"], "2027-01-15T08:00:01.000000Z");
}

#[test]
fn a_stop_order_wakes_when_a_trade_passes_its_price() {
    let (served, [mut alice]) = served(["alice"]);
    let body = r#"{"instrument":"BTC-USD","side":"sell","type":"stop_limit","quantity":"0.1","stop_price":"95.00","price":"90.00"}"#;
    let told = alice.post("/orders", body).with_status(201);
    assert_eq!(told.body["order"]["stop_when"], "at_or_below");
    served.market.rest(0, Side::Sell, 9_400, 1);
    served.market.take(0, Side::Buy, 1);
    served.market.settle();
    let woken = alice.get(&format!("/orders/{}", id(&told))).with_status(200);
    assert_eq!(stands(&woken.body), ("open", "0.10000000"));
    assert_eq!(woken.body["order"]["stop_price"], "95.00");
}

#[test]
fn a_trailing_stop_follows_the_best_trade() {
    let (served, [mut alice]) = served(["alice"]);
    let trade = |ticks| {
        served.market.rest(0, Side::Sell, ticks, 1);
        served.market.take(0, Side::Buy, 1);
        served.market.settle();
    };
    let body = r#"{"instrument":"BTC-USD","side":"sell","type":"stop_limit","quantity":"0.1","trail_basis_points":100,"price":"90.00"}"#;
    let early = alice.post("/orders", body).with_status(409);
    assert_eq!(early.problem(), ("nothing-traded", Some("body trail_basis_points")));
    trade(10_000);
    let told = alice.post("/orders", body).with_status(201);
    let order = &told.body["order"];
    assert_eq!((&order["type"], &order["status"]), (&"stop_limit".into(), &"armed".into()));
    assert_eq!(
        (&order["stop_price"], &order["stop_when"]),
        (&"99.00".into(), &"at_or_below".into())
    );
    assert_eq!(order["trail_basis_points"], 100);
    // One per cent below 110.00 is 108.90.
    for (ticks, status) in [(11_000, "armed"), (10_891, "armed"), (10_890, "open")] {
        trade(ticks);
        let now = alice.get(&format!("/orders/{}", id(&told))).with_status(200);
        assert_eq!(stands(&now.body), (status, "0.10000000"), "at {ticks}");
    }
}

#[test]
fn a_replaced_order_is_another_order() {
    let (_served, [mut alice]) = served(["alice"]);
    let old = alice.post("/orders", &limit("buy", "0.5", "100.00")).with_status(201);
    let own = format!("/orders/{}", id(&old));
    let new = alice.put(&own, r#"{"price":"99.00","quantity":"0.4","client_order_id":"second"}"#);
    let new = new.with_status(201);
    assert_eq!(new.body["order"]["replaces"], id(&old));
    assert_eq!(new.body["order"]["price"], "99.00");
    assert_eq!(new.body["order"]["client_order_id"], "second");
    assert_eq!(stands(&new.body), ("open", "0.40000000"));
    let gone = alice.get(&own).with_status(200);
    assert_eq!(stands(&gone.body).0, "replaced");
    assert_eq!(gone.body["order"]["replaced_by"], id(&new));
    let again = alice.put(&own, r#"{"price":"99.00","quantity":"0.4"}"#);
    assert_eq!(again.with_status(409).problem(), ("not-open", Some("path order")));

    let stop = r#"{"instrument":"BTC-USD","side":"buy","type":"stop","quantity":"0.1","stop_price":"105.00"}"#;
    let stop = alice.post("/orders", stop).with_status(201);
    let told =
        alice.put(&format!("/orders/{}", id(&stop)), r#"{"price":"99.00","quantity":"0.4"}"#);
    assert_eq!(told.with_status(422).problem().0, "bad-combination");
}

#[test]
fn all_orders_are_cancelled_at_once_or_those_of_one_instrument() {
    let (_served, [mut alice]) = served(["alice"]);
    let mut place = |body: &str| id(&alice.post("/orders", body).with_status(201));
    let here = [place(&limit("buy", "0.1", "90.00")), place(&limit("buy", "0.1", "91.00"))];
    let there = place(
        r#"{"instrument":"ETH-BTC","side":"buy","type":"limit","quantity":"1","price":"0.05"}"#,
    );
    let one = alice.delete("/orders?instrument=ETH-BTC").with_status(200);
    assert_eq!(one.body, json!({"canceled": [there]}));
    let all = alice.delete("/orders").with_status(200);
    assert_eq!(all.body, json!({"canceled": here}));
    assert_eq!(alice.delete("/orders").with_status(200).body, json!({"canceled": []}));
    let mut check = |query: &str, expected: &[&str]| {
        let told = alice.get(&format!("/orders?{query}")).with_status(200);
        let orders = told.body["orders"].as_array().expect("a list");
        let ids: Vec<&Value> = orders.iter().map(|it| &it["id"]).collect();
        assert_eq!(ids, expected, "{query}");
    };
    let (first, second, there) = (&*here[0], &*here[1], &*there);
    check("which=ended", &[there, second, first]);
    check("which=all&first=oldest", &[first, second, there]);
    check("which=ended&offset=1&limit=1", &[second]);
    check("which=ended&instrument=ETH-BTC", &[there]);
    check("which=all&side=sell", &[]);
    check("which=all&side=buy&limit=1", &[there]);
    check("which=all&since=2027-01-15T08:00:00.000001Z", &[]);
    check("which=all&until=2027-01-15T08:00:00Z&limit=1", &[there]);
    check("", &[]);
}

#[test]
fn what_the_market_refuses_is_told_with_its_reason() {
    let (served, [mut alice]) = served(["alice"]);
    served.market.rest(0, Side::Sell, 10_000, 100_000_000);
    served.market.settle();
    let mut check = |body: &str, status: u16, code: &str, says: &str| {
        let told = alice.post("/orders", body).with_status(status);
        assert_eq!(told.problem().0, code, "{}", told.text);
        let detail = told.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{}", told.text);
    };
    check(
        &limit("buy", "80000", "10000").replace("BTC-USD", "ETH-BTC"),
        422,
        "insufficient-funds",
        "100000000.00000000000000 BTC is free",
    );
    check(&limit("buy", "1", "130.00"), 422, "outside-band", "band");
    let late = r#""time_in_force":"gtd","expires_at":"2027-01-15T08:00:00Z""#;
    check(&with(&limit("buy", "1", "90.00"), late), 422, "already-expired", "market's time");
    check(
        r#"{"instrument":"BTC-USD","side":"buy","type":"market","worth":"0.0000000001"}"#,
        422,
        "below-minimum",
        "too small",
    );
    let instrument = model::InstrumentId(0);
    let statuses = [
        (model::Status::PostOnly, "only post-only orders"),
        (model::Status::CancelOnly, "only cancels"),
        (model::Status::Halted, "halted"),
    ];
    for (status, says) in statuses {
        served.market.act(Action::SetStatus { instrument, status });
        served.market.settle();
        check(&limit("buy", "1", "90.00"), 409, "not-trading", says);
    }
    assert_eq!(alice.get("/orders").body["orders"], json!([]));
    assert_eq!(alice.get("/orders?which=ended").body["orders"], json!([]));
}

#[test]
fn an_account_is_told_who_it_is() {
    let (_served, [mut alice, mut dave]) = served(["alice", "dave"]);
    let told = alice.get("/account").with_status(200);
    assert_eq!(
        told.body,
        json!({
            "name": "alice", "user_id": 1, "address": "0x31cd4651ef6041d771500c75ae8051ddfd391de1",
            "key": {"id": "c1", "may_trade": true, "instruments": null, "quotes": [],
                    "requests_per_second_max": 100},
        })
    );
    assert_eq!(dave.get("/account").body["key"]["instruments"], json!(["BTC-USD"]));
    let told = alice.get("/credentials").with_status(200);
    assert_eq!(told.body["credentials"][0]["key"], "…000001");
    assert!(!told.text.contains(super::key("alice")), "no secret is told twice");
    assert!(!told.text.contains("secret"));
}
