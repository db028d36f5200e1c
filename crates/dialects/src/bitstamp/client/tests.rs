//! The client half against scripted venues: joining book and stream, doubts, refusals, and any bytes at all.

use model::{
    EventBody, Instrument, InstrumentId, Level, Listing, Minimum, OrderId, Price, Quantity, Side,
    Time, Trade, TradeId,
};

use super::{Client, DOUBTS_MAX, WAITING_DIFFS_MAX, listings, recorded};
use crate::connector::{Connector, Errand, Heard, Misheard};

const ACK: &str =
    r#"{"event":"bts:subscription_succeeded","channel":"diff_order_book_btcusd","data":{}}"#;
const TRADE: &str = r#"{"data":{"id":650885871,"timestamp":"1791403680","amount":0.00274133,"amount_str":"0.00274133","price":83463.08,"price_str":"83463.08","type":1,"microtimestamp":"1791403680349000","buy_order_id":2058521371389952,"sell_order_id":2058521418514434},"channel":"live_trades_btcusd","event":"trade"}"#;
const PATH: &str = "/api/v2/order_book/btcusd/";

fn listing(id: u16, base: &str, quote: &str) -> Listing {
    let symbol = format!("{base}{quote}").to_lowercase();
    Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: quote.into(),
            price_decimals: 2,
            tick_units: 1,
            quantity_decimals: 8,
            lot_units: 1,
            minimum: Minimum::Notional(0),
        },
        description: format!("{base} / {quote}"),
        symbols: vec![("bitstamp".into(), symbol)],
    }
}

/// A client, opened, and what it has told and asked so far.
struct Bench {
    client: Client,
    heard: Vec<Heard>,
    errands: Vec<Errand>,
}

impl Bench {
    fn opened(client: Client) -> Self {
        let mut bench = Self { client, heard: Vec::new(), errands: Vec::new() };
        bench.client.opened(&mut bench.errands);
        bench.errands.clear();
        bench
    }
    fn new() -> Self {
        Self::opened(Client::new(&[listing(0, "BTC", "USD")]))
    }
    fn say(&mut self, text: &str) -> Result<(), Misheard> {
        self.client.message(text.as_bytes(), &mut self.heard, &mut self.errands)
    }
    fn diff(&mut self, stamp: i64, bids: &str, asks: &str) -> Result<(), Misheard> {
        self.say(&format!(
            r#"{{"data":{{"timestamp":"0","microtimestamp":"{stamp}","bids":{bids},"asks":{asks}}},"channel":"diff_order_book_btcusd","event":"data"}}"#
        ))
    }
    fn book(&mut self, stamp: i64, bids: &str, asks: &str) -> Result<(), Misheard> {
        let body = format!(
            r#"{{"timestamp":"0","microtimestamp":"{stamp}","bids":{bids},"asks":{asks}}}"#
        );
        self.client.fetched(PATH, body.as_bytes(), &mut self.heard, &mut self.errands)
    }
    /// What was told since the last time: stamps, `!` marking whole books.
    fn told(&mut self) -> String {
        let word = |heard: Heard| match heard.body {
            EventBody::BookSnapshot(_) => format!("{}!", heard.time.0),
            EventBody::BookDelta(_) => heard.time.0.to_string(),
            other => format!("{other:?}"),
        };
        self.heard.drain(..).map(word).collect::<Vec<_>>().join(" ")
    }
    /// Whether the book told last follows from the stream.
    fn follows(&self) -> bool {
        let mut unjoined = Vec::new();
        self.client.unjoined(&mut unjoined);
        unjoined.is_empty()
    }
    /// How many fetches were asked since the last time.
    fn fetches(&mut self) -> usize {
        let fetch = Errand::Fetch(PATH.into());
        self.errands.drain(..).filter(|errand| *errand == fetch).count()
    }
}

#[test]
fn subscribes_to_diffs_and_trades_of_its_listings() {
    let mut unlisted = listing(1, "AAPL", "USD");
    unlisted.symbols[0].0 = "elsewhere".into();
    let all = [listing(0, "ETH", "USD"), unlisted, listing(2, "BTC", "USD")];
    let mut errands = Vec::new();
    Client::new(&all).opened(&mut errands);
    let say = |channel: &str| {
        Errand::Say(
            format!(r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}"}}}}"#).into_bytes(),
        )
    };
    let expected = [
        say("diff_order_book_ethusd"),
        say("diff_order_book_btcusd"),
        say("live_trades_ethusd"),
        say("live_trades_btcusd"),
    ];
    assert_eq!(errands, expected);
}

#[test]
fn joins_the_book_to_the_stream_by_their_stamps() {
    let mut bench = Bench::new();
    bench.say(ACK).expect("an acknowledgement");
    assert_eq!(bench.fetches(), 1, "the book is fetched once the stream is proven alive");
    for stamp in [10, 20, 30, 40] {
        bench.diff(stamp, r#"[["99.00","1.00000000"]]"#, "[]").expect("a diff");
    }
    assert_eq!((bench.told(), bench.fetches()), (String::new(), 0));
    bench.book(20, r#"[["99.00","2.5"]]"#, r#"[["101.00","0.00000001"]]"#).expect("a book");
    assert_eq!(bench.told(), "20! 30 40");
    bench.diff(50, "[]", r#"[["101.00","0.00000000"],["102.50","7"]]"#).expect("a diff");
    let heard = bench.heard.pop().expect("an event");
    let EventBody::BookDelta(book) = heard.body else { panic!("not a diff: {heard:?}") };
    assert_eq!(heard.time, Time(50));
    let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
    assert_eq!(book.asks, [level(10_100, 0), level(10_250, 700_000_000)]);
    assert!(book.bids.is_empty());
    assert_eq!(bench.fetches(), 0);
}

#[test]
fn a_book_older_than_the_stream_is_fetched_again() {
    let mut bench = Bench::new();
    bench.diff(10, r#"[["99.00","1"]]"#, "[]").expect("a diff");
    assert_eq!(bench.fetches(), 1);
    bench.book(9, "[]", "[]").expect("a book, too old");
    assert_eq!((bench.told(), bench.fetches()), (String::new(), 1));
    bench.book(10, "[]", "[]").expect("a book");
    assert_eq!(bench.told(), "10!");
    for _ in 0..3 {
        bench.book(11, "[]", "[]").expect("a book nobody waits for");
    }
    assert_eq!(bench.told(), "");
}

#[test]
fn a_quiet_markets_book_is_looked_at_twice_unless_it_is_trusted() {
    let mut bench = Bench::new();
    bench.say(ACK).expect("an acknowledgement");
    bench.book(9, "[]", "[]").expect("a book");
    assert_eq!((bench.told().as_str(), bench.fetches()), ("9!", 1));
    bench.diff(20, r#"[["99.00","1"]]"#, "[]").expect("a diff");
    assert_eq!((bench.told().as_str(), bench.fetches()), ("", 1), "a diff may lie between");
    bench.diff(30, r#"[["99.00","2"]]"#, "[]").expect("a diff");
    bench.book(20, r#"[["99.00","1"]]"#, "[]").expect("a book");
    assert_eq!((bench.told().as_str(), bench.fetches()), ("20! 30", 0));

    let mut bench = Bench::opened(Client::new(&[listing(0, "BTC", "USD")]).trusting());
    bench.book(9, "[]", "[]").expect("a book before everything, as in a recording");
    bench.say(ACK).expect("an acknowledgement");
    bench.diff(20, r#"[["99.00","1"]]"#, "[]").expect("a diff");
    assert_eq!((bench.told().as_str(), bench.fetches()), ("9! 20", 0));
}

#[test]
fn a_stream_that_makes_no_sense_is_not_told_and_the_book_fetched_again() {
    type Slip = fn(&mut Bench) -> Result<(), Misheard>;
    let slips: [(&str, Slip); 3] = [
        ("the same stamp again", |bench| bench.diff(30, r#"[["98.00","1"]]"#, "[]")),
        ("an earlier stamp", |bench| bench.diff(29, r#"[["98.00","1"]]"#, "[]")),
        ("a bid at the ask", |bench| bench.diff(31, r#"[["101.00","1"]]"#, "[]")),
    ];
    for (name, slip) in slips {
        let mut bench = Bench::new();
        bench.diff(10, r#"[["99.00","1"]]"#, "[]").expect("a diff");
        bench.book(20, r#"[["99.00","1"]]"#, r#"[["101.00","1"]]"#).expect("a book");
        bench.diff(30, r#"[["99.00","3"]]"#, "[]").expect("a diff");
        assert_eq!((bench.told().as_str(), bench.fetches()), ("20! 30", 1), "{name}");
        assert!(bench.follows(), "{name}");
        slip(&mut bench).expect("no reason to give up");
        assert!(!bench.follows(), "{name}: what was told before is doubted");
        assert_eq!((bench.told().as_str(), bench.fetches()), ("", 1), "{name}");
        bench.book(29, r#"[["99.00","1"]]"#, r#"[["101.00","1"]]"#).expect("a book, too old");
        assert_eq!((bench.told().as_str(), bench.fetches()), ("", 1), "{name}");
        bench.diff(50, r#"[["99.00","4"]]"#, "[]").expect("a diff");
        bench.book(40, r#"[["99.00","3"]]"#, r#"[["102.00","1"]]"#).expect("a book");
        assert_eq!((bench.told().as_str(), bench.fetches()), ("40! 50", 0), "{name}");
        assert!(bench.follows(), "{name}");
    }
}

#[test]
fn a_waiting_diff_that_crosses_the_book_waits_on_with_all_that_follow() {
    let mut bench = Bench::new();
    bench.diff(10, "[]", r#"[["101.00","1"]]"#).expect("a diff");
    bench.diff(20, r#"[["101.50","1"]]"#, "[]").expect("a diff");
    bench.diff(30, r#"[["99.50","1"]]"#, "[]").expect("a diff");
    assert_eq!(bench.fetches(), 1);
    bench.book(10, "[]", r#"[["101.00","1"]]"#).expect("a book");
    assert_eq!((bench.told().as_str(), bench.fetches()), ("10!", 1));
    bench.book(25, "[]", r#"[["102.00","1"]]"#).expect("a book");
    assert_eq!(bench.told(), "25! 30");
}

#[test]
fn doubt_after_doubt_gives_the_connection_up() {
    let mut bench = Bench::new();
    bench.diff(10, "[]", "[]").expect("a diff");
    for _ in 0..DOUBTS_MAX {
        bench.book(9, "[]", "[]").expect("a book, too old");
    }
    let error = bench.book(9, "[]", "[]").expect_err("enough is enough");
    assert!(error.what.contains("older than its diffs"), "{error}");
    bench.client.opened(&mut bench.errands);
    bench.say(ACK).expect("an acknowledgement");
    bench.book(9, "[]", "[]").expect("a new connection forgets");
    assert_eq!(bench.told(), "9!");

    let crossed = (r#"[["100.00","1"]]"#, r#"[["100.00","1"]]"#);
    let mut bench = Bench::new();
    let tries = (0..100).take_while(|_| bench.book(9, crossed.0, crossed.1).is_ok()).count();
    assert_eq!((tries, bench.told()), (DOUBTS_MAX as usize, String::new()));
}

#[test]
fn a_doubt_that_was_settled_is_forgotten() {
    let mut bench = Bench::new();
    bench.diff(1, "[]", "[]").expect("a diff");
    bench.book(1, "[]", "[]").expect("a book");
    for round in 1..=i64::from(3 * DOUBTS_MAX) {
        let stamp = round * 10;
        bench.diff(stamp, "[]", r#"[["101.00","1"]]"#).expect("a diff");
        bench.diff(stamp, "[]", "[]").expect("the same stamp again");
        bench.book(stamp, "[]", r#"[["101.00","1"]]"#).expect("a book");
    }
}

#[test]
fn diffs_wait_in_bounded_numbers() {
    let mut bench = Bench::new();
    let mut stamps = 1_i64..;
    let outcome = stamps.find_map(|stamp| {
        bench.diff(stamp, r#"[["99.00","1"]]"#, "[]").err().map(|error| (stamp, error))
    });
    let (stamp, error) = outcome.expect("it ends");
    assert_eq!(stamp, WAITING_DIFFS_MAX as i64 + 1, "{error}");

    let side: Vec<String> = (0..60_000).rev().map(|n| format!(r#"["{}","1"]"#, n + 1)).collect();
    let side = format!("[{}]", side.join(","));
    let mut bench = Bench::new();
    let count = (1..100).take_while(|&stamp| bench.diff(stamp, &side, "[]").is_ok()).count();
    assert_eq!(count, 2, "levels are bounded too");
}

#[test]
fn trades_carry_the_venues_ids_and_tell_maker_from_taker() {
    let mut bench = Bench::new();
    bench.say(TRADE).expect("a trade");
    let mut trade = Trade {
        id: TradeId(650_885_871),
        time: Time(1_791_403_680_349_000),
        price: Price(8_346_308),
        quantity: Quantity(274_133),
        aggressor: Side::Sell,
        maker: OrderId(2_058_521_371_389_952),
        taker: OrderId(2_058_521_418_514_434),
        maker_account: None,
        taker_account: None,
    };
    let printed = |trade: Trade| Heard {
        instrument: InstrumentId(0),
        time: trade.time,
        body: EventBody::Printed(trade),
    };
    assert_eq!(bench.heard, [printed(trade)]);
    bench.heard.clear();
    bench.say(&TRADE.replace(r#""type":1"#, r#""type":0"#)).expect("a trade");
    (trade.aggressor, trade.maker, trade.taker) = (Side::Buy, trade.taker, trade.maker);
    assert_eq!(bench.heard, [printed(trade)]);
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_of_it_told() {
    let book = |stamp: &str, bids: &str, asks: &str| {
        format!(
            r#"{{"data":{{"timestamp":"0","microtimestamp":{stamp},"bids":{bids},"asks":{asks}}},"channel":"diff_order_book_btcusd","event":"data"}}"#
        )
    };
    let bid = |price: &str, amount: &str| {
        book(r#""5""#, r#"[["PRICE","AMOUNT"]]"#, "[]")
            .replace("PRICE", price)
            .replace("AMOUNT", amount)
    };
    let finer = "more decimals than allowed";
    for (bad, why) in [
        ("hello".to_owned(), "no message"),
        ("{}".to_owned(), "missing field"),
        (r#"{"event":7,"channel":"","data":{}}"#.to_owned(), "no message"),
        (bid("99.001", "1"), finer),
        (bid("99.00", "0.000000001"), finer),
        (bid("1e2", "1"), "not a plain decimal"),
        (bid("99.00", "-1"), "amount -1 is out of range"),
        (bid("0", "1"), "price 0 is out of range"),
        (bid("-5", "1"), "price -5 is out of range"),
        (bid("99.00", "90000000000.0"), "out of range"),
        (bid("99.00", "9999999999999.0"), "too large"),
        (bid("", "1"), "not a plain decimal"),
        (bid("99.00", ""), "not a plain decimal"),
        (book(r#""5""#, r#"[["1","1"],["2","1"]]"#, "[]"), "bids do not fall"),
        (book(r#""5""#, "[]", r#"[["2","1"],["2","1"]]"#), "asks do not rise"),
        (book(r#""5""#, r#"[["1","1","77"]]"#, "[]"), "expected 2 texts"),
        (book(r#""5""#, "[[1,1]]", "[]"), "invalid type"),
        (book(r#""5""#, "{}", "[]"), "invalid type"),
        (book(r#""0""#, "[]", "[]"), "out of all time"),
        (book(r#""-5""#, "[]", "[]"), "out of all time"),
        (book(r#""5.5""#, "[]", "[]"), finer),
        (book(r#""9223372036854775807""#, "[]", "[]"), "out of all time"),
        (book("5", "[]", "[]"), "invalid type"),
        (TRADE.replace(r#""type":1"#, r#""type":2"#), "type 2"),
        (TRADE.replace(r#""price_str":"83463.08""#, r#""price_str":"83463.085""#), finer),
        (TRADE.replace(r#"_str":"0.00274133""#, r#"_str":"0.00000000""#), "out of range"),
        (TRADE.replace(r#""id":650885871"#, r#""id":-1"#), "invalid value"),
        (
            r#"{"event":"bts:error","channel":"","data":{"code":4009,"message":"No."}}"#.to_owned(),
            r#"refuses: {"code":4009,"message":"No."}"#,
        ),
        (
            r#"{"event":"bts:unsubscription_succeeded","channel":"a","data":{}}"#.to_owned(),
            "stopped telling a",
        ),
    ] {
        let mut bench = Bench::new();
        let error = bench.say(&bad).expect_err(&bad);
        assert!(error.what.contains(why), "{bad}: {error}");
        assert!(bench.heard.is_empty() && bench.errands.is_empty(), "{bad}");
    }
    let mut bench = Bench::new();
    bench.book(5, r#"[["99.00","0"]]"#, "[]").expect_err("a book has no empty level");
    bench
        .client
        .fetched("/api/v2/ticker/", b"{}", &mut bench.heard, &mut bench.errands)
        .expect("nothing that was asked for");
    assert!(bench.heard.is_empty() && bench.errands.is_empty());
    let long = format!(r#"{{"event":"bts:error","channel":"","data":"{}"}}"#, "é".repeat(10_000));
    assert!(bench.say(&long).expect_err("an error").what.len() < 1_000);
}

#[test]
fn control_messages_and_strangers_channels_are_taken_in_stride() {
    let mut bench = Bench::new();
    for fine in [
        r#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#,
        r#"{"event":"bts:subscription_succeeded","channel":"live_trades_btcusd","data":{}}"#,
        r#"{"event":"data","channel":"diff_order_book_xyz","data":{"nothing":"of ours"}}"#,
        r#"{"event":"trade","channel":"private-my_trades_btcusd-1","data":null}"#,
        r#"{"event":"funding_rate_saved","channel":"funding_rate_btcusd","data":{}}"#,
    ] {
        bench.say(fine).expect(fine);
        assert!(bench.heard.is_empty() && bench.errands.is_empty(), "{fine}");
    }
    for reconnect in ["null", r#""""#] {
        bench
            .say(&format!(r#"{{"event":"bts:request_reconnect","channel":"","data":{reconnect}}}"#))
            .expect("a request");
        assert_eq!(bench.errands.drain(..).collect::<Vec<_>>(), [Errand::Reconnect]);
    }
}

const DIRECTORY: &str = r#"[{"trading":"Enabled","base_decimals":8,"url_symbol":"btcusd","name":"BTC/USD","instant_and_market_orders":"Enabled","minimum_order":"20.0 USD","counter_decimals":2,"description":"Bitcoin / U.S. dollar"},{"trading":"Enabled","base_decimals":8,"url_symbol":"batbtc","name":"BAT/BTC","minimum_order":"0.0002 BTC","counter_decimals":8,"description":"Basic Attention Token / Bitcoin"}]"#;

#[test]
fn the_directory_becomes_listings() {
    let all = listings(DIRECTORY.as_bytes(), &["batbtc", "btcusd"]).expect("a directory");
    let mut btcusd = listing(0, "BTC", "USD");
    btcusd.description = "Bitcoin / U.S. dollar".into();
    btcusd.instrument.minimum = Minimum::Notional(20 * 10_i128.pow(10));
    assert_eq!(all[0], btcusd);
    assert_eq!(all[1].instrument.minimum, Minimum::Notional(2 * 10_i128.pow(12)));
    let books =
        ["/api/v2/order_book/batbtc", "/api/v2/order_book/btcusd/"].map(|path| (path, "{}"));
    let directory = ("/api/v2/trading-pairs-info/", DIRECTORY);
    let recorded = recorded(books.into_iter().chain([directory])).expect("a directory");
    assert_eq!(recorded, all);
    super::recorded(books.into_iter()).expect_err("no directory");
    let only = listings(DIRECTORY.as_bytes(), &["batbtc"]).expect("a directory");
    assert_eq!((only.len(), only[0].instrument.id), (1, InstrumentId(0)));
    listings(DIRECTORY.as_bytes(), &["ltcusd"]).expect_err("it is not listed");
    for (from, to) in [
        ("BTC/USD", "BTC/USD/X"),
        ("BTC/USD", "BTCUSD"),
        ("Bitcoin / U.S. dollar", "Bitcoin"),
        ("20.0 USD", "20.0 EUR"),
        ("20.0 USD", "-20.0 USD"),
        ("20.0 USD", "20.00000000001 USD"),
        ("20.0 USD", "20.0"),
        (
            r#""base_decimals":8,"url_symbol":"btcusd""#,
            r#""base_decimals":19,"url_symbol":"btcusd""#,
        ),
        (
            r#""minimum_order":"20.0 USD","counter_decimals":2"#,
            r#""minimum_order":"20.0 USD","counter_decimals":11"#,
        ),
        (r#""url_symbol":"batbtc""#, r#""url_symbol":"btcusd""#),
    ] {
        assert!(DIRECTORY.contains(from));
        let bad = DIRECTORY.replace(from, to);
        listings(bad.as_bytes(), &["btcusd"]).expect_err(to);
    }
}

/// A small seeded generator (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Whatever the bytes: no panic, never two stamps of a book in the wrong order, never a crossed book.
#[test]
fn any_bytes_leave_it_whole() {
    let diff = |stamp: u64, price: u64| {
        format!(
            r#"{{"data":{{"timestamp":"0","microtimestamp":"{stamp}","bids":[["{price}.50","1.00000000"]],"asks":[["{}.25","0.00000000"]]}},"channel":"diff_order_book_btcusd","event":"data"}}"#,
            price + 1
        )
    };
    for seed in 0..300 {
        let mut seeded = Seeded(seed);
        let mut bench = Bench::new();
        let mut last = Time(0);
        let mut whole = 0;
        for step in 0..200_u64 {
            let mut text = match seeded.below(8) {
                0 => ACK.to_owned(),
                1 => TRADE.to_owned(),
                2 => DIRECTORY.to_owned(),
                3 => (0..seeded.below(40)).map(|_| char::from(seeded.next() as u8)).collect(),
                _ => diff(step * 3 + seeded.next() % 4, 90 + seeded.next() % 8),
            }
            .into_bytes();
            for _ in 0..[0, 0, 0, 1, 5][seeded.below(5)] {
                let at = seeded.below(text.len() + 1);
                match seeded.below(3) {
                    0 if at < text.len() => text[at] = seeded.next() as u8,
                    1 => text.truncate(at),
                    _ => text.insert(at, b"\"{}[]0-.e,\\"[seeded.below(11)]),
                }
            }
            let outcome = if seeded.below(10) == 0 {
                let stamp = step * 3 + seeded.next() % 9;
                let body = format!(
                    r#"{{"timestamp":"0","microtimestamp":"{stamp}","bids":[],"asks":[]}}"#
                );
                let body = if seeded.below(3) == 0 { text } else { body.into_bytes() };
                bench.client.fetched(PATH, &body, &mut bench.heard, &mut bench.errands)
            } else {
                bench.client.message(&text, &mut bench.heard, &mut bench.errands)
            };
            for heard in bench.heard.drain(..) {
                if matches!(heard.body, EventBody::BookDelta(_) | EventBody::BookSnapshot(_)) {
                    let book = matches!(heard.body, EventBody::BookSnapshot(_));
                    let later = last < heard.time || (book && last == heard.time);
                    assert!(later, "seed {seed}, step {step}, after {last:?}: {heard:?}");
                    last = heard.time;
                    whole += 1;
                }
            }
            if outcome.is_err() && seeded.below(2) == 0 {
                bench.client.opened(&mut bench.errands);
                last = Time(0);
            }
            bench.errands.clear();
        }
        assert!(whole > 0, "seed {seed} told nothing");
    }
}
