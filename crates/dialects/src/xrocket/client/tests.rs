//! The client half: what it says, what it hears, and what makes it give up.

use model::{InstrumentId, Minimum};

use super::*;

fn client() -> Client {
    let instrument = Instrument {
        id: InstrumentId(3),
        base: "BTC".into(),
        quote: "USDT".into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 8,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    let symbols = vec![("xrocket".to_owned(), "BTC-USDT".to_owned())];
    let mut client = Client::new(&[Listing { instrument, description: String::new(), symbols }]);
    let mut errands = Vec::new();
    client.opened(&mut errands);
    assert_eq!(errands.len(), 2);
    client
}

fn hear(client: &mut Client, text: &str) -> Result<Vec<EventBody>, String> {
    let mut heard = Vec::new();
    let result = client.message(text.as_bytes(), &mut heard, &mut Vec::new());
    result.map_err(|misheard| misheard.what)?;
    assert!(heard.iter().all(|heard| heard.instrument == InstrumentId(3)));
    Ok(heard.into_iter().map(|heard| heard.body).collect())
}

const BOOK: &str = r#"{"id":1,"result":{"success":true,"sequence":"7","bids":[["51190.00","0.45054140"]],"asks":[["51200.00","0.30000000"]],"askTotalAmount":"0.3","bidTotalAmount":"0.4"}}"#;

fn push(sequence: u64, snapshot: bool, bids: &str) -> String {
    format!(
        r#"{{"method":"subscription","params":{{"channel":"orderbook","symbol":"BTC-USDT","depth":500,"data":{{"snapshot":{snapshot},"sequence":"{sequence}","bids":[{bids}],"asks":[]}}}}}}"#
    )
}

fn level(price: i64, quantity: i64) -> Level {
    Level { price: Price(price), quantity: Quantity(quantity) }
}

#[test]
fn the_reply_is_the_book_and_pushes_follow_it_by_number() {
    let mut client = client();
    let book = hear(&mut client, BOOK).expect("a book");
    let EventBody::BookSnapshot(book) = &book[0] else { panic!("a book") };
    assert_eq!(book.bids, [level(5_119_000, 45_054_140)]);
    let delta = hear(&mut client, &push(8, false, r#"["51190.00","0"]"#)).expect("a change");
    let EventBody::BookDelta(delta) = &delta[0] else { panic!("a change") };
    assert_eq!(delta.bids, [level(5_119_000, 0)]);
    let anew = hear(&mut client, &push(30, true, r#"["51100.00","1"]"#)).expect("a reset");
    assert!(matches!(anew[0], EventBody::BookSnapshot(_)));
    assert!(hear(&mut client, &push(31, false, "")).is_ok());
    let gap = hear(&mut client, &push(33, false, "")).expect_err("a number is missing");
    assert_eq!(gap, "in orderbook of BTC-USDT: after 31 comes 33");
}

#[test]
fn a_change_before_the_book_is_given_up_and_so_is_nonsense() {
    let mut fresh = client();
    assert!(hear(&mut fresh, &push(8, false, "")).is_err());
    let mut client = client();
    hear(&mut client, BOOK).expect("a book");
    for bids in [r#"["51190.001","1"]"#, r#"["51190","-1"]"#, r#"["1","1"],["2","1"]"#, r#"["1"]"#]
    {
        assert!(hear(&mut client, &push(8, false, bids)).is_err(), "{bids}");
    }
    let refusal =
        r#"{"id":0,"error":{"code":-32005,"message":"Symbol not found","data":{"detail":""}}}"#;
    let refused = hear(&mut client, refusal).expect_err("it refuses");
    assert_eq!(refused, "it refuses with -32005: Symbol not found");
    assert!(hear(&mut client, "{").is_err());
}

#[test]
fn trades_are_heard_with_their_side_and_time() {
    let mut client = client();
    assert_eq!(hear(&mut client, r#"{"id":0,"result":{"success":true}}"#), Ok(Vec::new()));
    let text = r#"{"method":"subscription","params":{"channel":"trades","symbol":"BTC-USDT","data":{"trades":[{"tradeId":"9","price":"51200.00","side":"sell","time":"2024-12-19T10:44:17.347Z","size":"0.15000000"}]}}}"#;
    let heard = hear(&mut client, text).expect("a trade");
    let EventBody::Printed(trade) = &heard[0] else { panic!("a trade") };
    assert_eq!((trade.id, trade.aggressor), (TradeId(9), Side::Sell));
    assert_eq!((trade.price, trade.quantity), (Price(5_120_000), Quantity(15_000_000)));
    assert_eq!(trade.time, Time(1_734_605_057_347_000));
    let other = text.replace("BTC-USDT", "ETH-USDT");
    assert_eq!(hear(&mut client, &other), Ok(Vec::new()), "nobody asked for it");
}

#[test]
fn a_directory_is_listed_with_its_steps() {
    let directory = br#"{"symbols":[{"symbol":"TON-USDT","baseAsset":"TON","quoteAsset":"USDT","baseMinSize":"1","quoteMinSize":"5","baseIncrement":"0.01","priceIncrement":"0.0005","enableTrading":true,"labels":[]},{"symbol":"BTC-USDT","baseAsset":"BTC","quoteAsset":"USDT","baseIncrement":"0.00000001","priceIncrement":"1"}]}"#;
    assert_eq!(symbols(directory).expect("a directory"), ["TON-USDT", "BTC-USDT"]);
    let listed = listings(directory, &["BTC-USDT", "TON-USDT"]).expect("both");
    let it = &listed[0].instrument;
    assert_eq!((it.price_decimals, it.tick_units), (4, 5));
    assert_eq!((it.quantity_decimals, it.lot_units), (2, 1));
    assert_eq!(it.minimum, Minimum::Notional(5_000_000));
    assert_eq!(listed[1].instrument.tick_units, 1);
    assert_eq!(listed[1].symbol_in("xrocket"), Some("BTC-USDT"));
    assert!(listings(directory, &["ETH-USDT"]).is_err());
    let no_step = br#"{"symbols":[{"symbol":"A-B","baseAsset":"A","quoteAsset":"B","baseIncrement":"0","priceIncrement":"1e-3"}]}"#;
    assert!(listings(no_step, &["A-B"]).is_err());
    assert!(symbols(b"[]").is_err());
}
