//! The client half: what it says, what it hears, and what makes it give up.

use model::{InstrumentId, Minimum};

use super::*;

fn client() -> Client {
    let instrument = Instrument {
        id: InstrumentId(3),
        base: "ETH".into(),
        quote: "USD".into(),
        price_decimals: 1,
        tick_units: 1,
        quantity_decimals: 3,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    let symbols = vec![("timex".to_owned(), "ETHUSD".to_owned())];
    Client::new(&[Listing { instrument, description: String::new(), symbols }])
}

fn hear(text: &str) -> Result<Vec<(Time, EventBody)>, String> {
    let mut heard = Vec::new();
    let result = client().message(text.as_bytes(), &mut heard, &mut Vec::new());
    result.map_err(|misheard| misheard.what)?;
    assert!(heard.iter().all(|heard| heard.instrument == InstrumentId(3)));
    Ok(heard.into_iter().map(|heard| (heard.time, heard.body)).collect())
}

fn told(book: &str) -> String {
    format!(
        r#"{{"subscriptionId":"x","message":{{"event":{{"timestamp":"2022-09-19T17:57:05.158","type":"GROUP_ORDER_BOOK_UPDATED","reference":"ETHUSD","topics":["ETHUSD"],"data":{{"market":"ETHUSD","orderbook":{book}}}}},"payload":null}},"type":"MESSAGE"}}"#
    )
}

const BOOK: &str = r#"{"timestamp":"2022-09-19T17:57:05.129","bid":[{"price":"1326.3","volume":"6","volumeQuote":"7957.8"},{"price":"0.1","volume":"1.549","volumeQuote":"0.1549"}],"ask":[{"price":"9999","volume":"0.01","volumeQuote":"99.99"}]}"#;

#[test]
fn each_word_about_a_book_is_the_whole_of_it() {
    let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
    let whole = LevelBook {
        bids: vec![level(13_263, 6_000), level(1, 1_549)],
        asks: vec![level(99_990, 10)],
    };
    let time = Time(1_663_610_225_129_000);
    let expected = vec![(time, EventBody::BookSnapshot(Box::new(whole)))];
    assert_eq!(hear(&told(BOOK)), Ok(expected.clone()));
    let first = format!(
        r#"{{"type":"SUBSCRIBED","requestId":"1","subscriptionId":"x","payload":{{"snapshot":{{"market":"ETHUSD","orderbook":{BOOK}}}}}}}"#
    );
    assert_eq!(hear(&first), Ok(expected));
    let nothing = r#"{"type":"SUBSCRIBED","requestId":"0","subscriptionId":"x","payload":null}"#;
    assert_eq!(hear(nothing), Ok(vec![]));
    assert_eq!(hear(&told(BOOK).replace("ETHUSD", "BTCUSD")), Ok(vec![]), "not asked for");
}

#[test]
fn a_trade_is_read_from_its_payload() {
    let trade = |direction: &str, price: &str| {
        format!(
            r#"{{"type":"MESSAGE","subscriptionId":"x","message":{{"id":1,"event":{{"timestamp":"2022-09-10T16:46:26.584","type":"TRADE","reference":"1","topics":[],"data":{{"baseTokenSymbol":"ETH","quoteTokenSymbol":"USD"}}}},"payload":{{"id":30688846,"timestamp":"2022-09-10T16:46:26.584","direction":"{direction}","price":"{price}","quantity":"0.005"}}}}}}"#
        )
    };
    let heard = hear(&trade("SELL", "2132.9")).expect("a trade");
    let [(time, EventBody::Printed(trade_heard))] = &heard[..] else { panic!("a trade") };
    assert_eq!(*time, Time(1_662_828_386_584_000));
    assert_eq!((trade_heard.price, trade_heard.quantity), (Price(21_329), Quantity(5)));
    assert_eq!((trade_heard.id, trade_heard.aggressor), (TradeId(30_688_846), Side::Sell));
    assert!(hear(&trade("sell", "1")).is_err());
    assert!(hear(&trade("SELL", "1.05")).is_err(), "finer than the market's decimals");
}

#[test]
fn what_makes_no_sense_is_given_up() {
    for (wrong, why) in [
        ("not JSON", "its message is no message"),
        (r#"{"requestId":"1","status":"ERROR","message":"Market not found: ETHUSD"}"#, "refuses"),
        (r#"{"type":"MESSAGE"}"#, "tells of nothing"),
        (&told(&BOOK.replace("1326.3", "0.05")), "price"),
        (&told(&BOOK.replace("1326.3", "0.1")), "do not fall"),
        (&told(&BOOK.replace("\"6\"", "\"0\"")), "out of range"),
        (&told(&BOOK.replace("2022-09-19", "yesterday")), "no time"),
        (&told("7"), "invalid type"),
    ] {
        let error = hear(wrong).expect_err(wrong);
        assert!(error.contains(why), "{error} of {wrong}");
    }
    assert!(hear(r#"{"requestId":"9","status":"SUCCESS","responseBody":[]}"#).is_ok());
    assert!(hear(r#"{"type":"ACCOUNT_SUBSCRIPTION","payload":{}}"#).is_ok());
}

#[test]
fn a_directory_is_listed_with_its_steps() {
    let directory = br#"[{"symbol":"EOSUSDT","name":"EOS/USDT","baseCurrency":"EOS","quoteCurrency":"USDT","quantityIncrement":"0.01","takerFee":"0.005","tickSize":"0.0001","baseMinSize":"1","quoteMinSize":"10","locked":false,"sortOrder":0}]"#;
    assert_eq!(symbols(directory).expect("a directory"), ["EOSUSDT"]);
    let listed = listings(directory, &["EOSUSDT"]).expect("it");
    let it = &listed[0].instrument;
    assert_eq!((it.price_decimals, it.tick_units), (4, 1));
    assert_eq!((it.quantity_decimals, it.lot_units), (2, 1));
    assert_eq!(it.minimum, Minimum::Notional(10_000_000));
    assert!(listings(directory, &["ETHUSDT"]).is_err());
    assert!(symbols(b"{}").is_err());
}
