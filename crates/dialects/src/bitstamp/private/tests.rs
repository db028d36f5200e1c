//! What no dialogue with a venue in order comes to: every refusal of the engine, and a source that takes no orders.

use model::{
    Amount, Answer, AnswerBody, AssetId, Filled, OrderId, OrderKey, OrderKind, OrderState,
    OrderStory, OwnOrder, Price, Quantity, Query, Rejection, Standing, Status, Time, TimeInForce,
};

use super::super::tests::listing;
use super::super::{Bitstamp, Options};
use super::*;
use crate::step::{NotRevoked, Outcome};

mod perpetual;

fn ground() -> Arc<Ground> {
    let listings = [listing(0, "btcusd", 2, 8)];
    Bitstamp::new(&listings, Options::default()).expect("they are in order").ground
}

#[test]
fn what_the_engine_refuses_is_told_in_the_venues_words() {
    let ground = ground();
    let market = &ground.markets.listed[0];
    let check = |why, side, expected: &str| {
        let response = orders::rejected(&ground, &market.instrument, side, why).response();
        let expected = format!(r#"{{"status":"error","reason":{{{expected}"}}"#);
        assert_eq!(String::from_utf8_lossy(&response.body), expected, "{why:?}");
        assert_eq!(response.status, 200);
    };
    let [base, quote] = [AssetId(0), AssetId(1)];
    let of = |code: &str| ground.assets.by_code(code).map(|asset| asset.id);
    assert_eq!((of("BTC"), of("USD")), (Some(base), Some(quote)));
    let poor = |asset, needed, available| Rejection::InsufficientFunds {
        asset,
        needed: Amount(needed),
        available: Amount(available),
    };
    let none = r#""__all__":["Order could not be placed."]},"response_code":"400.003"#;
    for why in [
        Rejection::UnknownInstrument,
        Rejection::UnknownOrder(OrderId(7)),
        Rejection::NotTrading(Status::Halted),
        Rejection::UnknownAsset,
        Rejection::BadCombination,
        Rejection::TooManyOrders,
        poor(AssetId(9), 2, 1),
    ] {
        check(why, Side::Buy, none);
    }
    let minimum =
        r#""__all__":["Minimum order size is 0.00000001 BTC."]},"response_code":"400.020"#;
    check(Rejection::BelowMinimum, Side::Buy, minimum);
    let far =
        r#""__all__":["Price is more than 20% above market price."]},"response_code":"400.021"#;
    check(Rejection::OutsideBand, Side::Buy, far);
    check(Rejection::OutsideBand, Side::Sell, &far.replace("above", "below"));
    // A dollar is 10^10 units, a bitcoin 10^8: what is needed is rounded up, what there is down.
    let money = r#""__all__":["You need 1.51 USD to open that order. You have only 0.99 USD available. Check your account balance for details."]},"response_code":"400.009"#;
    check(poor(quote, 15_000_000_001, 9_999_999_999), Side::Buy, money);
    let coins = r#""__all__":["You have only 0.00000007 BTC available. Check your account balance for details."]},"response_code":"400.009"#;
    check(poor(base, 8, 7), Side::Sell, coins);
    let late =
        r#""__all__":["'expire_time' must be set in future date."]},"response_code":"400.032"#;
    check(Rejection::AlreadyExpired, Side::Buy, late);
    let price =
        r#""price":["The maximum allowed price is 90071992547409.92."]},"response_code":"400.041"#;
    check(Rejection::BadPrice, Side::Buy, price);
    let amount =
        r#""amount":["The maximum allowed amount is 87960.93022207."]},"response_code":"400.038"#;
    check(Rejection::BadQuantity, Side::Buy, amount);
    check(Rejection::BadAmount, Side::Buy, amount);
}

/// What an endpoint comes to where nothing is submitted and this order is found.
fn not_taken(endpoint: Endpoint, name: Option<&str>, form: &str, own: &OwnOrder) -> String {
    let call = Call {
        ground: ground(),
        account: own.order.account,
        instruments: None,
        form: Form::read(form.as_bytes()),
    };
    let mut step = answer(call, endpoint, name);
    loop {
        step = match step {
            Step::Reply(response) => return String::from_utf8(response.body).expect("text"),
            Step::Ask(Query::Order { account, key }, then) => {
                assert_eq!((account, key), (own.order.account, OrderKey::Id(own.order.id)));
                let story = OrderStory { order: own.clone(), trades: Vec::new() };
                then(Answer { now: Time(0), body: AnswerBody::Order(Some(Box::new(story))) })
            }
            Step::Submit(_, then) => then(Outcome::NotTaken),
            _ => panic!("nothing else is needed"),
        }
    }
}

fn open_order() -> OwnOrder {
    OwnOrder {
        instrument: InstrumentId(0),
        order: OrderState {
            id: OrderId(17),
            account: AccountId(1),
            side: Side::Buy,
            post_only: false,
            kind: OrderKind::Limit(Price(100)),
            time_in_force: TimeInForce::GoodTillCanceled,
            trigger: None,
            original: Quantity(100),
            remaining: Quantity(100),
        },
        label: None,
        standing: Standing::Open,
        woken: false,
        filled: Filled::default(),
        created: Time(0),
        changed: Time(0),
        replaces: None,
        purpose: model::Purpose::Any,
    }
}

#[test]
fn where_no_orders_are_taken_that_is_told() {
    let own = open_order();
    let placed = not_taken(
        Endpoint::Place(Side::Buy, Style::Limit),
        Some("btcusd"),
        "amount=1&price=60000",
        &own,
    );
    assert_eq!(
        placed,
        r#"{"status":"error","reason":{"__all__":["Order could not be placed."]},"response_code":"400.003"}"#
    );
    let unknown = r#"{"status":"error","reason":"Unknown server error.","response_code":"500.001","response_explanation":"Unknown server error."}"#;
    assert_eq!(not_taken(Endpoint::Cancel, None, "id=17", &own), unknown);
    assert_eq!(not_taken(Endpoint::CancelAll, None, "", &own), unknown);
    assert_eq!(not_taken(Endpoint::Replace, None, "id=17&amount=1&price=1", &own), unknown);
}

#[test]
fn keys_are_told_as_revoked_only_if_they_are() {
    let check = |revoked: Result<Vec<String>, NotRevoked>, status: u16, expected: &str| {
        let (ground, instruments, form) = (ground(), None, Form::default());
        let call = Call { ground, account: AccountId(1), instruments, form };
        let Step::RevokeKeys(then) = answer(call, Endpoint::RevokeKeys, None) else {
            panic!("nothing is said before it is done")
        };
        let Step::Reply(response) = then(revoked) else { panic!("then it is said") };
        assert_eq!(String::from_utf8_lossy(&response.body), expected);
        assert_eq!(response.status, status);
    };
    let keys = vec!["a1".to_owned(), "b2".to_owned()];
    check(Ok(keys), 200, r#"{"revoked_api_keys":["a1","b2"]}"#);
    let unknown = r#"{"status":"error","reason":"Unknown server error.","response_code":"500.001","response_explanation":"Unknown server error."}"#;
    check(Err(NotRevoked::Failed), 200, unknown);
    let denied = r#"{"status":"error","reason":"No permission found","code":"API0003"}"#;
    check(Err(NotRevoked::NotAllowed), 403, denied);
}

#[test]
fn whatever_a_form_says_is_answered_in_json() {
    const FIELDS: [&str; 18] = [
        "amount",
        "price",
        "id",
        "client_order_id",
        "orig_client_order_id",
        "stop_price",
        "subtype",
        "trigger",
        "expire_time",
        "gtd_order",
        "daily_order",
        "amount_in_counter",
        "omit_transactions",
        "offset",
        "limit",
        "sort",
        "since_timestamp",
        "since_id",
    ];
    const VALUES: [&str; 16] = [
        "",
        "0",
        "-1",
        "1",
        "true",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "92233720368.54775807",
        "0.00000000000000000000000000001",
        "-",
        ".",
        "%",
        "%00\"\\%0a",
        "%ff%C3%28",
        "STOP_LOSS",
    ];
    const USUAL: [&str; 3] = [
        "amount=1&price=60000&id=17",
        "amount=1&price=60000&gtd_order=true&expire_time=1",
        "amount=1&price=60000&subtype=STOP_LOSS_LIMIT&stop_price=1",
    ];
    let endpoints = [
        (Endpoint::Place(Side::Buy, Style::Limit), Some("btcusd")),
        (Endpoint::Place(Side::Sell, Style::Market), Some("btcusd")),
        (Endpoint::Place(Side::Buy, Style::Instant), Some("btcusd")),
        (Endpoint::Place(Side::Sell, Style::Instant), Some("btcusd")),
        (Endpoint::Cancel, None),
        (Endpoint::Replace, None),
        (Endpoint::Status, None),
        (Endpoint::Transactions, None),
        (Endpoint::Transactions, Some("btcusd")),
    ];
    let mut submitted = 0;
    let odd = FIELDS.iter().flat_map(|field| VALUES.map(|value| format!("{field}={value}")));
    let forms: Vec<String> =
        odd.flat_map(|odd| USUAL.map(|usual| format!("{usual}&{odd}"))).collect();
    for (endpoint, name) in endpoints {
        for form in &forms {
            let (own, ground) = (open_order(), ground());
            let (account, form_read) = (own.order.account, Form::read(form.as_bytes()));
            let mut step = answer(
                Call { ground, account, instruments: None, form: form_read },
                endpoint,
                name,
            );
            let response = loop {
                step = match step {
                    Step::Reply(response) => break response,
                    Step::Ask(Query::Order { .. }, then) => {
                        let story = OrderStory { order: own.clone(), trades: Vec::new() };
                        then(Answer { now: Time(0), body: AnswerBody::Order(Some(story.into())) })
                    }
                    Step::Ask(_, then) => {
                        then(Answer { now: Time(0), body: AnswerBody::Unavailable })
                    }
                    Step::Submit(submission, then) => {
                        submitted += 1;
                        assert_eq!(submission.action.account(), Some(account), "{form}");
                        then(Outcome::NotTaken)
                    }
                    _ => panic!("nothing else is needed for {form}"),
                }
            };
            let body: Result<serde_json::Value, _> = serde_json::from_slice(&response.body);
            assert!(body.is_ok() && response.status == 200, "{endpoint:?} {form}: {body:?}");
        }
    }
    assert!(submitted > 500, "only {submitted} forms were in order");
}
