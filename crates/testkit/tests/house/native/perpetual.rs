//! Perpetuals: their terms and prices, how an account holds positions there, orders that only reduce, and what becomes of
//! positions.

use model::{Action, InstrumentId, PerpetualAction, Side, Span};
use serde_json::json;
use testkit::served::{Served, Setup};

use super::client::Client;
use super::{key, limit, with};

/// The venue, whose perpetual has no mark yet, and the clients of these people.
fn unmarked<const N: usize>(names: [&str; N]) -> (Served, [Client; N]) {
    let served = Setup::perpetual().session_by_hand().serve();
    let clients = names.map(|name| Client::of(&served).by(key(name)));
    (served, clients)
}

/// The same with a mark of 60,000 dollars.
fn marked<const N: usize>(names: [&str; N]) -> (Served, [Client; N]) {
    let (served, clients) = unmarked(names);
    mark(&served, 6_000_000);
    (served, clients)
}

/// From now on the spot market stands at this price, in cents, and the perpetual is marked by it.
fn mark(served: &Served, cents: i64) {
    let instrument = InstrumentId(0);
    let account = testkit::people::MAKER;
    served.market.act(Action::CancelAll { account, instrument: Some(instrument) });
    served.market.rest(0, Side::Buy, cents - 1_000, 100);
    served.market.rest(0, Side::Sell, cents + 1_000, 100);
    served.market.act(Action::Perpetual(PerpetualAction::Mark(InstrumentId(1))));
    served.market.settle();
}

/// A limit order's body in the perpetual.
fn perpetual(side: &str, quantity: &str, price: &str) -> String {
    limit(side, quantity, price).replace("BTC-USD", "BTC-USD-PERP")
}

#[test]
fn its_terms_are_told_with_its_rules() {
    let (_served, [mut alice]) = unmarked(["alice"]);
    let told = alice.get("/instruments/BTC-USD-PERP").with_status(200).body;
    assert_eq!(
        (&told["instrument"], &told["tick_size"], &told["lot_size"]),
        (&json!("BTC-USD-PERP"), &json!("1"), &json!("0.00001"))
    );
    assert_eq!(
        told["perpetual"],
        json!({
            "payoff": "linear", "contract_size": 1, "margin_asset": "USD", "leverage_max": 100,
            "tiers": [
                {"up_to": "100000.0000000000", "initial": "0.010000", "maintenance": "0.005000"},
                {"up_to": "1000000.0000000000", "initial": "0.020000", "maintenance": "0.010000"},
            ],
            "index": ["BTC-USD"], "basis_max": "0.005000", "funding_seconds": 28_800,
            "funding_rate_max": "0.007500", "liquidation_band": "0.020000", "liquidation_fee": "0.001000",
        })
    );
    assert_eq!(alice.get("/instruments/BTC-USD").with_status(200).body["perpetual"], json!(null));
}

#[test]
fn leverage_and_mode_are_chosen_before_there_is_a_position() {
    let (_served, [mut alice]) = marked(["alice"]);
    let page = "/margin/BTC-USD-PERP";
    let held = |mode: &str, leverage: u16| json!({"instrument": "BTC-USD-PERP", "mode": mode, "leverage": leverage});
    let told = alice.put(page, r#"{"leverage":20}"#).with_status(200);
    assert_eq!(told.body, held("cross", 20));
    let told = alice.put(page, r#"{"mode":"isolated"}"#).with_status(200);
    assert_eq!(told.body, held("isolated", 20));
    for leverage in [0, 101, 65_535] {
        let body = format!(r#"{{"leverage":{leverage}}}"#);
        assert_eq!(alice.put(page, &body).with_status(422).problem().0, "bad-leverage");
    }
    for body in ["{}", r#"{"leverage":20,"mode":"cross"}"#] {
        let told = alice.put(page, body).with_status(422);
        assert_eq!(told.problem(), ("bad-combination", Some("body")), "{body}");
    }
    let told = alice.put("/margin/BTC-USD", r#"{"leverage":20}"#).with_status(422);
    assert_eq!(told.problem(), ("bad-combination", Some("path instrument")));
    let told = alice.put(page, r#"{"add":"1e2"}"#).with_status(422);
    assert_eq!(told.problem(), ("bad-quantity", Some("body add")));
    // There is nothing to set it aside for.
    let told = alice.put(page, r#"{"add":"100"}"#).with_status(409);
    assert_eq!(told.problem().0, "bad-margin-mode");
}

#[test]
fn an_order_that_only_reduces_opens_nothing() {
    let (served, [mut alice, mut bob]) = unmarked(["alice", "bob"]);
    let told = alice.post("/orders", &perpetual("buy", "1", "60000")).with_status(409);
    assert_eq!(told.problem().0, "not-trading", "before there is a mark");
    mark(&served, 6_000_000);
    let only = |body: &str| with(body, r#""reduce_only":true"#);
    let told = alice.post("/orders", &only(&perpetual("sell", "1", "60000"))).with_status(409);
    assert_eq!(told.problem().0, "nothing-to-reduce");
    let told = alice.post("/orders", &only(&limit("sell", "1", "60000.00"))).with_status(422);
    assert_eq!(told.problem(), ("bad-combination", Some("body reduce_only")));

    // Two bitcoins long, against somebody who is as much short.
    alice.put("/margin/BTC-USD-PERP", r#"{"mode":"isolated"}"#).with_status(200);
    bob.post("/orders", &perpetual("sell", "2", "60000")).with_status(201);
    let told = alice.post("/orders", &perpetual("buy", "2", "60000")).with_status(201);
    assert_eq!(told.body["order"]["status"], "filled");
    let told = alice.put("/margin/BTC-USD-PERP", r#"{"mode":"cross"}"#).with_status(409);
    assert_eq!(told.problem().0, "bad-margin-mode");
    let told = alice.put("/margin/BTC-USD-PERP", r#"{"add":"100"}"#).with_status(200);
    assert_eq!(told.body["mode"], "isolated");
    let too_much = alice.put("/margin/BTC-USD-PERP", r#"{"add":"-100000"}"#).with_status(422);
    assert_eq!(too_much.problem().0, "insufficient-funds");

    // Somebody would take three of them, and two are all there is.
    bob.post("/orders", &perpetual("buy", "3", "60000")).with_status(201);
    let told = alice.post("/orders", &only(&perpetual("sell", "3", "60000"))).with_status(201);
    let order = &told.body["order"];
    assert_eq!((&order["filled"], &order["status"]), (&json!("2.00000"), &json!("canceled")));
    assert_eq!(order["reduce_only"], true);
    let id = order["id"].as_str().expect("an id");
    assert_eq!(alice.get(&format!("/orders/{id}")).body["order"]["reduce_only"], true);
    let stop = r#"{"instrument":"BTC-USD-PERP","side":"buy","type":"stop","quantity":"1","stop_price":"61000"}"#;
    assert_eq!(alice.post("/orders", stop).with_status(422).problem().0, "bad-combination");
}

#[test]
fn prices_are_told_from_the_first_mark_and_funding_once_it_was_exchanged() {
    let (served, [mut alice]) = unmarked(["alice"]);
    let page = "/instruments/BTC-USD-PERP/perpetual";
    assert_eq!(alice.get(page).with_status(503).problem().0, "not-told");
    let told = alice.get("/instruments/BTC-USD/perpetual").with_status(422);
    assert_eq!(told.problem(), ("bad-combination", Some("path instrument")));
    mark(&served, 6_000_000);
    let told = alice.get(page).with_status(200).body;
    assert_eq!(
        told,
        json!({
            "instrument": "BTC-USD-PERP", "time": "2027-01-15T08:00:00.000000Z", "mark_price": "60000",
            "index_price": "60000", "funding_rate": "0.000000", "next_funding_at": "2027-01-15T16:00:00.000000Z",
            "open_interest": "0.00000",
        })
    );
    // The perpetual's own book stands 60 dollars, a thousandth, above the index when the premium is sampled.
    served.market.rest(1, Side::Buy, 60_050, 100);
    served.market.rest(1, Side::Sell, 60_070, 100);
    served.market.pass(Span::seconds(60));
    mark(&served, 6_000_000);
    served.market.take(1, Side::Buy, 50);
    served.market.settle();
    let told = alice.get(page).with_status(200).body;
    assert_eq!(
        (&told["mark_price"], &told["funding_rate"], &told["open_interest"]),
        (&json!("60060"), &json!("0.001000"), &json!("0.00050"))
    );
    let page = "/instruments/BTC-USD-PERP/funding";
    assert_eq!(alice.get(page).with_status(200).body["rates"], json!([]));
    served.market.pass(Span::seconds(8 * 3_600));
    mark(&served, 6_000_000);
    let told = alice.get(page).with_status(200).body;
    let rates = json!([{"time": "2027-01-15T16:00:00.000000Z", "rate": "0.001000"}]);
    assert_eq!(told, json!({"instrument": "BTC-USD-PERP", "rates": rates}));
    assert_eq!(alice.get(&format!("{page}?limit=0")).body["rates"], json!([]));
    let later = alice.get(&format!("{page}?since=2027-01-15T16:00:01Z"));
    assert_eq!(later.with_status(200).body["rates"], json!([]));
}

#[test]
fn a_position_is_told_as_it_stands_and_as_it_ended() {
    let (served, [mut alice, mut bob]) = marked(["alice", "bob"]);
    alice.put("/margin/BTC-USD-PERP", r#"{"leverage":20}"#).with_status(200);
    alice.put("/margin/BTC-USD-PERP", r#"{"mode":"isolated"}"#).with_status(200);
    assert_eq!(
        alice.get("/margin").with_status(200).body["margins"],
        json!([{"instrument": "BTC-USD-PERP", "mode": "isolated", "leverage": 20}])
    );
    assert_eq!(bob.get("/margin").with_status(200).body["margins"], json!([]));
    bob.post("/orders", &perpetual("sell", "2", "60000")).with_status(201);
    alice.post("/orders", &perpetual("buy", "2", "60000")).with_status(201);
    mark(&served, 6_010_000);

    // Set aside: 120,000 / 20. The fee: 0.2 %. To open at the mark 120,200 / 20; to keep 500 + 20,200 × 1 %. At 57,323
    // it is 646 that are left, of 646.46 that it takes; a dollar above, 648 of 646.48.
    let told = alice.get("/positions").with_status(200).body;
    let id = told["positions"][0]["id"].clone();
    let at = "2027-01-15T08:00:00.000000Z";
    assert_eq!(
        told,
        json!({"time": at, "positions": [{
            "id": id, "instrument": "BTC-USD-PERP", "side": "long", "size": "2.00000",
            "entry_price": "60000.0000", "mark_price": "60100", "value": "120200.0000000000",
            "unrealized_profit": "200.0000000000", "liquidation_price": "57323", "realized_profit": "0.0000000000",
            "fees_paid": "240.0000000000", "liquidation_fees_paid": "0.0000000000",
            "funding": "0.0000000000", "insured": "0.0000000000", "mode": "isolated", "leverage": 20,
            "margin": "6000.0000000000", "initial_margin": "6010.0000000000",
            "maintenance_margin": "702.0000000000", "equity": "6200.0000000000",
            "in_liquidation": false, "opened_at": at, "changed_at": at,
        }]})
    );
    // The other one answers with all that it has, less the maker's fee, less what it has lost.
    let told = bob.get("/positions").with_status(200).body;
    let short = &told["positions"][0];
    assert_eq!((&short["side"], &short["mode"]), (&json!("short"), &json!("cross")));
    assert_eq!(short["unrealized_profit"], "-200.0000000000");
    assert_eq!(short["equity"], "99999680.0000000000");
    // 99,999,880 + 2 × (60,000 - price) is below 2 % of the price less 500: beyond the last tier its rate goes on.
    assert_eq!(short["liquidation_price"], "49564545");

    // Half of it is closed at 60,100, which is a hundred earned.
    bob.post("/orders", &perpetual("buy", "1", "60100")).with_status(201);
    let body = with(&perpetual("sell", "1", "60100"), r#""reduce_only":true"#);
    alice.post("/orders", &body).with_status(201);
    let told = alice.get("/positions?instrument=BTC-USD-PERP").with_status(200).body;
    let half = &told["positions"][0];
    assert_eq!((&half["size"], &half["id"]), (&json!("1.00000"), &id));
    assert_eq!(half["realized_profit"], "100.0000000000");
    assert_eq!(half["entry_price"], "60000.0000");
    let told = alice.get("/settlements").with_status(200).body;
    let settlement = &told["settlements"][0];
    assert_eq!(
        (&settlement["kind"], &settlement["side"], &settlement["quantity"], &settlement["price"]),
        (&json!("trade"), &json!("long"), &json!("1.00000"), &json!("60100"))
    );
    assert_eq!(settlement["position_id"], id);
    let amounts =
        ["profit", "fee", "liquidation_fee", "funding", "total"].map(|it| settlement[it].clone());
    assert_eq!(
        amounts,
        ["100.0000000000", "120.2000000000", "0.0000000000", "0.0000000000", "-20.2000000000"]
    );

    // The rest as well: it has ended, and nothing is open.
    bob.post("/orders", &perpetual("buy", "1", "60100")).with_status(201);
    alice.post("/orders", &body).with_status(201);
    assert_eq!(alice.get("/positions").with_status(200).body["positions"], json!([]));
    let told = alice.get("/positions?which=ended").with_status(200).body;
    let ended = &told["positions"][0];
    assert_eq!(
        (&ended["id"], &ended["side"], &ended["size"]),
        (&id, &json!("long"), &json!("0.00000"))
    );
    assert_eq!(
        (&ended["entry_price"], &ended["equity"], &ended["liquidation_price"]),
        (&json!(null), &json!(null), &json!(null))
    );
    assert_eq!(ended["realized_profit"], "200.0000000000");
    assert_eq!(alice.get("/settlements?first=oldest&limit=1").body["settlements"][0], *settlement);
    // Who may only see the spot market sees nothing of it.
    let mut dave = Client::of(&served).by(key("dave"));
    let told = dave.get("/positions?instrument=BTC-USD-PERP").with_status(403);
    assert_eq!(told.problem().0, "instrument-not-allowed");
    let told = dave.put("/margin/BTC-USD-PERP", r#"{"leverage":2}"#).with_status(403);
    assert_eq!(told.problem().0, "instrument-not-allowed");
    // And who may only look changes nothing.
    let mut carol = Client::of(&served).by(key("carol"));
    let told = carol.put("/margin/BTC-USD-PERP", r#"{"leverage":2}"#).with_status(403);
    assert_eq!(told.problem().0, "read-only-key");
}

#[test]
fn danger_is_told_in_its_stages() {
    let (served, [mut alice, mut bob]) = marked(["alice", "bob"]);
    alice.put("/margin/BTC-USD-PERP", r#"{"mode":"isolated"}"#).with_status(200);
    bob.post("/orders", &perpetual("sell", "1", "60000")).with_status(201);
    alice.post("/orders", &perpetual("buy", "1", "60000")).with_status(201);
    assert_eq!(alice.get("/alerts").with_status(200).body["alerts"], json!([]));
    // Set aside: 600. At 59,720 there are 320 left, and 298.6 have to be; at 59,690 290, and 298.45.
    mark(&served, 5_972_000);
    mark(&served, 5_969_000);
    let told = alice.get("/alerts").with_status(200).body;
    let alerts = told["alerts"].as_array().expect("a list");
    let kinds: Vec<_> = alerts.iter().map(|it| it["kind"].as_str().expect("a text")).collect();
    assert_eq!(kinds, ["liquidation_start", "maintenance_warning"]);
    assert_eq!(
        (&alerts[0]["mode"], &alerts[0]["equity"], &alerts[0]["maintenance_margin"]),
        (&json!("isolated"), &json!("290.0000000000"), &json!("298.4500000000"))
    );
    let position = alice.get("/positions").with_status(200).body["positions"][0].clone();
    assert_eq!(
        (&position["in_liquidation"], &position["id"]),
        (&json!(true), &alerts[0]["position_id"])
    );
    let told = alice.post("/orders", &perpetual("sell", "1", "60000")).with_status(409);
    assert_eq!(told.problem().0, "in-liquidation");
    // Somebody takes it, at the next mark.
    bob.post("/orders", &perpetual("buy", "1", "59690")).with_status(201);
    mark(&served, 5_969_000);
    let told = alice.get("/alerts?limit=1").with_status(200).body;
    assert_eq!(told["alerts"][0]["kind"], "liquidation_concluded");
    let told = alice.get("/settlements").with_status(200).body;
    assert_eq!(told["settlements"][0]["kind"], "liquidation");
    assert_eq!(
        alice.get("/orders?which=ended").with_status(200).body["orders"][0]["type"],
        "limit"
    );

    // What was left of it does not outlive the next fall, and is not in liquidation any more when it has ended.
    for _ in 0..4 {
        mark(&served, 5_900_000);
    }
    let told = alice.get("/alerts?limit=1").with_status(200).body;
    assert_eq!(told["alerts"][0]["kind"], "liquidation_concluded");
    let told = alice.get("/positions?which=ended").with_status(200).body;
    let ended = &told["positions"][0];
    assert_eq!((&ended["id"], &ended["in_liquidation"]), (&position["id"], &json!(false)));
}
