//! The dialect as the house sees it: what no dialogue can show, and what hot bytes are read back as.

use model::{
    AccountId, Candle, Instrument, InstrumentId, Minimum, Price, Quantity, Time, Topic, TopicKind,
};
use serde_json::Value;

use super::channel::Frequency;
use super::wire::venue::Bar;
use super::*;
use crate::dialect::Wording;
use crate::step::Credential;
use crate::visitor::{Login, Standing};

fn listing(id: u16, [base, quote]: [&str; 2], [price, quantity]: [u8; 2], symbol: &str) -> Listing {
    Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: quote.into(),
            price_decimals: price,
            tick_units: 1,
            quantity_decimals: quantity,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: format!("{base} / {quote}"),
        symbols: vec![(NAME.into(), symbol.into())],
    }
}

fn listings() -> Vec<Listing> {
    vec![
        listing(0, ["BTC", "USDT"], [2, 8], "binance:BTC/USDT"),
        listing(1, ["TSLA", "USD"], [2, 0], "sip:TSLA"),
        listing(2, ["AAPL", "USD"], [2, 0], "sip:AAPL"),
    ]
}

fn dialect() -> Finazon {
    Finazon::new(&listings(), &Options::default()).expect("symbols in order")
}

/// What somebody asks for whose key is good for these instruments.
fn decoded(message: &str, instruments: Option<Vec<InstrumentId>>) -> Vec<Request> {
    let holder = Credential {
        account: AccountId(7),
        secret: Vec::new(),
        may_trade: true,
        instruments,
        quotes: None,
        blocked: false,
    };
    let login = Login { key: "key".into(), holder, standing: Standing::Good };
    let visitor = Visitor { login: Some(&login), ..Visitor::STRANGER };
    let mut requests = Vec::new();
    dialect().decode(message.as_bytes(), &visitor, &mut requests);
    requests
}

fn subscribe(members: &str) -> String {
    format!(
        r#"{{"event":"subscribe",{members},"channel":"bars","frequency":"1s","aggregation":"1m"}}"#
    )
}

/// The subjects that a message comes to.
fn subjects(members: &str) -> Vec<Subject> {
    let mut requests = decoded(&subscribe(members), None);
    let Some(Request::TakeBerth { then, .. }) = requests.pop() else { panic!("{members}") };
    let each = then.into_iter().filter_map(|request| match request {
        Request::Subscribe { subjects, .. } => Some(subjects),
        _ => None,
    });
    each.flatten().collect()
}

/// What is told of a subject.
fn told(dialect: &Finazon, subject: &Subject, candle: &Candle) -> String {
    let mut frame = FrameBuilder::new();
    assert!(dialect.encode(subject, &Update::Candle(candle), Sequence(1), &mut frame));
    String::from_utf8(frame.text().to_vec()).expect("it is text")
}

const CANDLE: Candle = Candle {
    start: Time(1_699_540_020_000_000),
    open: Price(22_006),
    high: Price(22_013),
    low: Price(21_992),
    close: Price(21_996),
    volume: Quantity(4_572),
    turnover: 0,
    trades: 9,
};

#[test]
fn hot_bytes_are_read_back_as_they_were_meant() {
    let subject = subjects(r#""publisher":"sip","tickers":["TSLA"]"#)[0];
    let text = told(&dialect(), &subject, &CANDLE);
    assert_eq!(
        text,
        r#"{"p":"sip","ch":"bars","f":"1s","aggr":"1m","s":"TSLA","t":1699540020,"o":220.06,"h":220.13,"l":219.92,"c":219.96,"v":4572}"#
    );
    let bar: Bar<'_> = serde_json::from_str(&text).expect("a bar");
    assert_eq!((&*bar.p, &*bar.ch, &*bar.f, &*bar.aggr), ("sip", "bars", "1s", "1m"));
    assert_eq!((&*bar.s, bar.t, bar.v.get()), ("TSLA", 1_699_540_020, "4572"));
    let prices = [bar.o, bar.h, bar.l, bar.c].map(|number| number.get());
    assert_eq!(prices, ["220.06", "220.13", "219.92", "219.96"]);
    assert_eq!(bar.d, None);
}

#[test]
fn numbers_have_no_zeros_at_their_end_and_no_exponent() {
    let subject = subjects(r#""publisher":"binance","tickers":["BTC/USDT"]"#)[0];
    let check = |price: i64, volume: i64, numbers: &str| {
        let price = Price(price);
        let candle = Candle { open: price, volume: Quantity(volume), ..CANDLE };
        let text = told(&dialect(), &subject, &candle);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert!(value["o"].is_number() && value["v"].is_number());
        let bar: Bar<'_> = serde_json::from_str(&text).expect("a bar");
        assert_eq!(format!("{} {}", bar.o.get(), bar.v.get()), numbers);
    };
    check(6_000_000, 1, "60000 0.00000001");
    check(6_000_010, 12_000, "60000.1 0.00012");
    check(1, 100_000_000, "0.01 1");
    check(6_000_001, i64::MAX, "60000.01 92233720368.54775807");
}

#[test]
fn each_way_of_asking_is_told_in_its_own_words() {
    let dialect = dialect();
    let check = |members: &str, topic_of: u16, begins: &str| {
        let subject = subjects(members)[0];
        let kind = Frequency::Second.kind();
        assert_eq!(subject.topic, Topic::of(InstrumentId(topic_of), kind), "{members}");
        let text = told(&dialect, &subject, &CANDLE);
        assert!(text.starts_with(begins), "{members}: {text}");
        subject.wording
    };
    let sip = r#"{"p":"sip","ch":"bars","f":"1s","aggr":"1m","s":"TSLA","t""#;
    let mut wordings = vec![
        check(r#""publisher":"sip","tickers":["TSLA"]"#, 1, sip),
        // Another subscription by its key, though nobody sees it in the bars.
        check(r#""publisher":"sip","mic":"xnas","tickers":["TSLA"]"#, 1, sip),
        check(r#""dataset":"sip","tickers":["TSLA"]"#, 1, r#"{"d":"sip","p":"sip","ch""#),
        check(r#""dataset":"sip_pro","tickers":["TSLA"]"#, 1, r#"{"d":"sip_pro","p":"sip""#),
        check(r#""publisher":"finazon","tickers":["TSLA"]"#, 1, r#"{"p":"finazon","ch""#),
        check(
            r#""dataset":"us_stocks_essential","tickers":["AAPL"]"#,
            2,
            r#"{"d":"us_stocks_essential","p":"finazon","ch""#,
        ),
        check(r#""publisher":"binance","tickers":["BTC/USDT"]"#, 0, r#"{"p":"binance","ch""#),
        check(
            r#""publisher":"binance","market":"binance","tickers":["BTC/USDT"]"#,
            0,
            r#"{"p":"binance","ch""#,
        ),
    ];
    wordings.sort();
    wordings.dedup();
    assert_eq!(wordings.len(), 8);
    let unknown = Subject {
        wording: Wording(9_999),
        ..subjects(r#""publisher":"sip","tickers":["TSLA"]"#)[0]
    };
    let mut frame = FrameBuilder::new();
    assert!(!dialect.encode(&unknown, &Update::Candle(&CANDLE), Sequence(1), &mut frame));
}

#[test]
fn the_blank_of_the_published_sample_can_be_had() {
    let options = Options { aggr_literal_seed: true, ..Options::default() };
    let dialect = Finazon::new(&listings(), &options).expect("symbols in order");
    let subject = subjects(r#""publisher":"sip","tickers":["TSLA"]"#)[0];
    assert!(told(&dialect, &subject, &CANDLE).contains(r#","aggr":" 1m","#));
}

#[test]
fn nobody_is_served_without_a_key() {
    let mut requests = Vec::new();
    let message = subscribe(r#""publisher":"sip","tickers":["TSLA"]"#);
    dialect().decode(message.as_bytes(), &Visitor::STRANGER, &mut requests);
    let [Request::Say(text)] = &requests[..] else { panic!("{requests:?}") };
    let answer: Value = serde_json::from_slice(text).expect("JSON");
    assert_eq!(answer["code"], "INTERNAL_SERVER_ERROR");
}

#[test]
fn answers_stay_within_bounds_whatever_is_sent() {
    // The same long text in every place where there is room for one, and many tickers.
    let long = "x".repeat(20_000);
    let tickers: Vec<String> = (0..5_000).map(|number| format!("\"T{number}\"")).collect();
    let tickers = tickers.join(",");
    for place in ["request_id", "mic", "market", "dataset", "channel", "other"] {
        let members = format!(r#""publisher":"sip","tickers":[{tickers}],"{place}":"{long}""#);
        let requests = decoded(&subscribe(&members), None);
        let bytes: usize = requests
            .iter()
            .map(|request| match request {
                Request::Say(text) => text.len(),
                other => panic!("{place}: {other:?}"),
            })
            .sum();
        assert!(bytes < 5_000 * 400, "{place}: {bytes}");
    }
}

#[test]
fn listings_and_options_that_cannot_be_served_are_refused() {
    let refused = |symbol: &str, options: Options| {
        let mut listings = listings();
        listings[1].symbols[0].1 = symbol.into();
        let refused = Finazon::new(&listings, &options).err().expect("it is refused");
        assert!(refused.to_string().starts_with("finazon "), "{refused}");
        refused
    };
    for symbol in ["TSLA", "SIP:TSLA", "sip:tsla", ":TSLA", "sip:", "sip:TS|LA"] {
        let bad = ListingError::BadSymbol(symbol.into());
        assert_eq!(refused(symbol, Options::default()), bad);
    }
    let double = ListingError::DoubleSymbol("sip:AAPL".into());
    assert_eq!(refused("sip:AAPL", Options::default()), double);
    let feeds = vec![("Finazon".to_owned(), "sip".to_owned())];
    let options = Options { feeds, ..Options::default() };
    assert_eq!(refused("sip:TSLA", options), ListingError::BadFeed("Finazon".into()));
    let mics = vec!["XNAS".to_owned()];
    let options = Options { mics, ..Options::default() };
    assert_eq!(refused("sip:TSLA", options), ListingError::BadMarket("XNAS".into()));
    let datasets = vec![("a b".to_owned(), "sip".to_owned())];
    let options = Options { datasets, ..Options::default() };
    assert_eq!(refused("sip:TSLA", options), ListingError::BadDataset("a b".into()));
    let mics = (0..40_000).map(|number| format!("m{number}")).collect();
    let options = Options { mics, ..Options::default() };
    assert_eq!(refused("sip:TSLA", options), ListingError::TooManyNames);
}

#[test]
fn a_venue_without_shares_or_pairs_serves_what_it_has() {
    let dialect = Finazon::new(&listings()[..1], &Options::default()).expect("one publisher");
    assert!(dialect.catalogue.publisher("sip").is_none());
    assert!(dialect.catalogue.publisher("finazon").is_none());
    assert!(dialect.catalogue.dataset("sip_pro").is_none());
    assert!(dialect.catalogue.dataset("binance").is_some());
    let mut listings = listings();
    listings[1].symbols[0].1 = "nlsp:TSLA".into();
    let dialect = Finazon::new(&listings, &Options::default()).expect("three publishers");
    assert_eq!(dialect.catalogue.dataset("nlsp").map(|asked| asked.dataset), Some("nlsp"));
    let kind = TopicKind::Trades;
    let subject = Subject::from(Topic::of(InstrumentId(0), kind));
    let mut frame = FrameBuilder::new();
    assert!(!dialect.encode(&subject, &Update::Candle(&CANDLE), Sequence(1), &mut frame));
}
