//! The client half: what it says, what it hears, and what makes it give up.

use model::{InstrumentId, Minimum};

use super::*;

const KEY: &str = "a key with \" in it";

fn client() -> Client {
    let listing = |id, symbol: &str| Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: "BTC".into(),
            quote: "USDT".into(),
            price_decimals: 3,
            tick_units: 1,
            quantity_decimals: 3,
            lot_units: 10,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: String::new(),
        symbols: vec![("confluencecode".to_owned(), symbol.to_owned())],
    };
    let mut unlisted = listing(5, "");
    unlisted.symbols.clear();
    Client::new(&[listing(3, "BTC-USDT"), listing(4, "7:BTCUSDT"), unlisted], KEY)
}

fn said(errands: &[Errand]) -> Vec<String> {
    let text = |errand: &Errand| match errand {
        Errand::Say(text) => String::from_utf8(text.clone()).expect("it is text"),
        other => panic!("it does no {other:?}"),
    };
    errands.iter().map(text).collect()
}

fn hear(client: &mut Client, text: &str) -> Result<Vec<Heard>, String> {
    let (mut heard, mut errands) = (Vec::new(), Vec::new());
    let result = client.message(text.as_bytes(), &mut heard, &mut errands);
    assert!(errands.is_empty(), "{errands:?}");
    result.map(|()| heard).map_err(|misheard| misheard.what)
}

const TRADE: &str = r#"{"i":"3ee64893-3ff3-5354-8b3c-56362f232b44","k":"trade","e":2,"m":"BTC-USDT","b":"BTC","c":"USDT","t":1621360800000,"d":false,"p":"41130.393","q":"0.010","s":true,"v":"411.30393"}"#;

#[test]
fn it_authenticates_and_then_subscribes_to_each_market_of_its_exchange() {
    let mut client = client();
    assert!(!format!("{client:?}").contains("key"), "no secret is shown: {client:?}");
    let (mut errands, mut heard) = (Vec::new(), Vec::new());
    client.opened(&mut errands);
    assert_eq!(
        said(&errands),
        [r#"{"action":"authenticate","body":{"apiKey":"a key with \" in it"}}"#]
    );
    errands.clear();
    let welcome = br#"{"action":"authenticate","success":true}"#;
    client.message(welcome, &mut heard, &mut errands).expect("it is in order");
    assert_eq!(
        said(&errands),
        [
            r#"{"action":"subscribe","body":{"streams":[{"eventType":"trade","exchangeId":2,"market":"BTC-USDT"},{"eventType":"trade","exchangeId":7,"market":"BTCUSDT"}]}}"#
        ]
    );
    assert_eq!(hear(&mut client, r#"{"action":"subscribe","success":true}"#), Ok(Vec::new()));
}

#[test]
fn trades_are_heard_with_their_side_and_time() {
    let heard = hear(&mut client(), TRADE).expect("a trade");
    let trade = Trade {
        // The digits 3ee64893 3ff3 35 without the last three bits.
        id: TradeId(0x3e_e648_933f_f335 >> 3),
        time: Time(1_621_360_800_000_000),
        price: Price(41_130_393),
        quantity: Quantity(1),
        aggressor: Side::Sell,
        maker: OrderId(0),
        taker: OrderId(0),
        maker_account: None,
        taker_account: None,
    };
    let (instrument, body) = (InstrumentId(3), EventBody::Printed(trade));
    assert_eq!(heard, [Heard { instrument, time: trade.time, body }]);
    let buy = TRADE.replace("\"s\":true", "\"s\":false");
    let heard = hear(&mut client(), &buy).expect("a trade");
    assert!(matches!(&heard[0].body, EventBody::Printed(it) if it.aggressor == Side::Buy));
    let elsewhere = TRADE.replace("\"e\":2", "\"e\":7");
    assert_eq!(hear(&mut client(), &elsewhere), Ok(Vec::new()), "7 calls it otherwise");
    let elsewhere = elsewhere.replace("BTC-USDT", "BTCUSDT");
    assert_eq!(hear(&mut client(), &elsewhere).map(|it| it[0].instrument), Ok(InstrumentId(4)));
    let other = r#"{"i":"x","k":"candle"}"#;
    assert_eq!(hear(&mut client(), other), Ok(Vec::new()), "nobody asked for it");
}

#[test]
fn refusals_and_nonsense_are_given_up() {
    let check = |text: &str, why: &str| {
        let misheard = hear(&mut client(), text).expect_err(text);
        assert!(misheard.contains(why), "{text}: {misheard}");
    };
    let refusal = r#"{"action":"authenticate","success":false,"error":"Invalid API key","message":"Invalid API key"}"#;
    check(refusal, "it refuses to authenticate: Invalid API key");
    let refusal = r#"{"action":"subscribe","success":false,"error":"No matching streams"}"#;
    check(refusal, "it refuses to subscribe: No matching streams");
    check(r#"{"success":true}"#, "neither response nor object");
    for text in ["", "{", "[]", "7"] {
        check(text, "its message is no message");
    }
    let wrong = |from: &str, to: &str, why: &str| check(&TRADE.replace(from, to), why);
    wrong("41130.393", "41130.3935", "the price");
    wrong("41130.393", "0", "out of range");
    wrong("41130.393", "-1", "out of range");
    wrong("0.010", "0.005", "no whole number of lots");
    wrong("0.010", "1e3", "the quantity");
    wrong("3ee64893-", "3ee64893", "no UUID");
    wrong("1621360800000", "-1", "no time");
    wrong("1621360800000", "9223372036854775807", "no time");
    wrong(",\"v\":\"411.30393\"", "", "missing field");
}
