//! The dialect as the house sees it: what no dialogue can show, and what hot bytes are read back as.

use model::{
    AccountId, Instrument, InstrumentId, Minimum, OrderId, Price, Quantity, Side, Time, Topic,
    Trade, TradeId,
};

use super::wire::TradeObject;
use super::*;
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
        listing(0, ["BTC", "USDT"], [3, 3], "BTC-USDT"),
        listing(1, ["BTC", "USDT"], [1, 0], "3d:BTC-USDT-SWAP"),
        listing(2, ["ETH", "USDT"], [9, 9], "ETH-USDT"),
    ]
}

fn dialect() -> ConfluenceCode {
    ConfluenceCode::new(&listings(), &Options::default()).expect("symbols in order")
}

/// What is told of a trade.
fn told(instrument: u16, trade: &Trade) -> String {
    let subject = Topic::of(InstrumentId(instrument), TopicKind::Trades).into();
    let mut frame = FrameBuilder::new();
    assert!(dialect().encode(&subject, &Update::Trade(trade), Sequence(1), &mut frame));
    String::from_utf8(frame.text().to_vec()).expect("it is text")
}

/// The trade of section A5.2.
const PUBLISHED: Trade = Trade {
    id: TradeId(7),
    time: Time(1_621_360_800_000_999),
    price: Price(41_130_393),
    quantity: Quantity(10),
    aggressor: Side::Sell,
    maker: OrderId(1),
    taker: OrderId(2),
    maker_account: None,
    taker_account: None,
};

#[test]
fn the_published_trade_is_told_as_published() {
    // The id by another hand: uuid.uuid5(uuid.UUID("da927d55-d424-46c1-a7d6-e674b4a1891a"), "trade:2:BTC-USDT:7")
    assert_eq!(
        told(0, &PUBLISHED),
        r#"{"i":"e7fe5e66-92d9-5230-9b39-8e76985e2e3a","k":"trade","e":2,"m":"BTC-USDT","b":"BTC","c":"USDT","t":1621360800000,"d":false,"p":"41130.393","q":"0.010","s":true,"v":"411.30393"}"#
    );
}

/// price × quantity by long multiplication of their digits, with trailing zeros removed: the slow way.
fn product(price: &str, quantity: &str) -> String {
    let digits = |text: &str| -> Vec<u32> {
        text.chars().rev().filter_map(|letter| letter.to_digit(10)).collect()
    };
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let (one, other) = (digits(price), digits(quantity));
    let mut sum = vec![0_u32; one.len() + other.len() + 1];
    for (at, a) in one.iter().enumerate() {
        for (behind, b) in other.iter().enumerate() {
            sum[at + behind] += a * b;
        }
    }
    for at in 0..sum.len() - 1 {
        sum[at + 1] += sum[at] / 10;
        sum[at] %= 10;
    }
    let point = decimals(price) + decimals(quantity);
    let mut text = String::new();
    for (place, digit) in sum.iter().enumerate().rev() {
        text.push(char::from_digit(*digit, 10).expect("a digit"));
        if place == point && place > 0 {
            text.push('.');
        }
    }
    let text = text.trim_start_matches('0');
    let text = if point > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    match text.chars().next() {
        None => "0".to_owned(),
        Some('.') => format!("0{text}"),
        Some(_) => text.to_owned(),
    }
}

#[test]
fn hot_bytes_are_read_back_as_they_were_meant() {
    let check = |instrument: u16, trade: &Trade, price: &str, quantity: &str| {
        let text = told(instrument, trade);
        let it: TradeObject<'_> = serde_json::from_str(&text).expect("a trade");
        assert_eq!((it.p, it.q, it.k), (price, quantity, "trade"));
        assert_eq!(it.v, product(price, quantity), "{text}");
        assert_eq!(it.s, trade.aggressor == Side::Sell, "the buyer was the maker");
        assert_eq!(it.t, trade.time.millis());
        let keys = ["i", "k", "e", "m", "b", "c", "t", "d", "p", "q", "s", "v"];
        let places: Vec<_> = keys.iter().map(|key| text.find(&format!("\"{key}\":"))).collect();
        assert!(places.is_sorted() && places[0] == Some(1), "keys in their order: {text}");
        (it.e, it.m.into_owned(), it.d)
    };
    let trade = |price, quantity, aggressor| Trade {
        price: Price(price),
        quantity: Quantity(quantity),
        aggressor,
        ..PUBLISHED
    };
    let buy = |price, quantity| trade(price, quantity, Side::Buy);
    let place = check(0, &buy(1, 1), "0.001", "0.001");
    assert_eq!(place, (2, "BTC-USDT".to_owned(), false));
    let place = check(1, &trade(400_000, 3, Side::Sell), "40000.0", "3");
    assert_eq!(place, (3, "BTC-USDT-SWAP".to_owned(), true));
    check(0, &buy(1_000, 1_000), "1.000", "1.000");
    check(2, &buy(1, 1), "0.000000001", "0.000000001");
    let (price, quantity) = ("9223372036.854775807", "9223372036.854775807");
    check(2, &buy(i64::MAX, i64::MAX), price, quantity);
}

#[test]
fn an_id_is_one_trades_of_one_market_of_one_exchange() {
    let id = |instrument, trade: &Trade| told(instrument, trade)[6..42].to_owned();
    let next = Trade { id: TradeId(8), ..PUBLISHED };
    let all = [id(0, &PUBLISHED), id(1, &PUBLISHED), id(2, &PUBLISHED), id(0, &next)];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[at + 1..].contains(one), "{one} is two trades'");
    }
    let other = Trade { price: Price(1), time: Time(0), ..PUBLISHED };
    assert_eq!(id(0, &other), all[0], "it is made of nothing else");
}

#[test]
fn telling_takes_no_memory_once_the_frame_has_some() {
    let (dialect, mut frame) = (dialect(), FrameBuilder::new());
    let subject = Topic::of(InstrumentId(0), TopicKind::Trades).into();
    let mut places = Vec::new();
    for number in 0..100 {
        let trade = Trade { id: TradeId(number), ..PUBLISHED };
        frame.clear();
        assert!(dialect.encode(&subject, &Update::Trade(&trade), Sequence(1), &mut frame));
        places.push((frame.text().as_ptr(), frame.text_mut().capacity()));
    }
    assert!(places[1..].iter().all(|place| *place == places[1]), "the same memory each time");
}

#[test]
fn what_is_not_listed_or_no_trade_is_not_told() {
    let mut frame = FrameBuilder::new();
    let mut tell = |instrument, kind, update: &Update<'_>| {
        let subject = Topic::of(InstrumentId(instrument), kind).into();
        dialect().encode(&subject, update, Sequence(1), &mut frame)
    };
    assert!(!tell(3, TopicKind::Trades, &Update::Trade(&PUBLISHED)));
    assert!(!tell(0, TopicKind::Orders, &Update::Trade(&PUBLISHED)));
}

#[test]
fn listings_that_cannot_be_served_are_refused() {
    let refused = |symbol: &str| {
        let mut listings = listings();
        listings[2].symbols[0].1 = symbol.into();
        ConfluenceCode::new(&listings, &Options::default()).err()
    };
    assert_eq!(refused("7:ETHUSDT"), None);
    assert_eq!(refused("7:BTC-USDT"), None, "another exchange may use the name as well");
    assert_eq!(refused("2:BTC-USDT"), Some(ListingError::DoubleSymbol("2:BTC-USDT".into())));
    assert_eq!(refused("2d:BTC-USDT"), Some(ListingError::DoubleSymbol("2:BTC-USDT".into())));
    assert_eq!(refused("ETH USDT"), Some(ListingError::BadSymbol("ETH USDT".into())));
}

/// What a message of whoever has this login comes to.
fn decoded(message: &str, login: Option<&Login>, subscriptions: &[Box<str>]) -> Vec<Request> {
    let mut requests = Vec::new();
    let visitor = Visitor { login, subscriptions, ..Visitor::STRANGER };
    dialect().decode(message.as_bytes(), &visitor, &mut requests);
    requests
}

fn said(requests: &[Request]) -> &str {
    match requests {
        [.., Request::Say(text) | Request::Refuse(text, _)] => {
            std::str::from_utf8(text).expect("it is text")
        }
        other => panic!("nothing is said: {other:?}"),
    }
}

fn login(standing: Standing) -> Login {
    let holder = Credential {
        account: AccountId(7),
        secret: Vec::new(),
        may_trade: true,
        instruments: None,
        quotes: None,
        blocked: false,
    };
    Login { key: "key".into(), holder, standing }
}

const BOTH: &str = r#"{"action":"subscribe","body":{"streams":[{"eventType":"trade","base":"btc","quote":"Usdt"}]}}"#;

#[test]
fn a_subscription_is_of_streams_and_only_of_new_ones() {
    let login = login(Standing::Good);
    let names = |subscriptions: &[Box<str>]| -> Vec<String> {
        let requests = decoded(BOTH, Some(&login), subscriptions);
        assert_eq!(said(&requests), r#"{"action":"subscribe","success":true}"#);
        let name = |request: &Request| match request {
            Request::Subscribe { subscription, subjects, stamp: None, opening: _ } => {
                assert_eq!(subjects.len(), 1);
                assert_eq!(subjects[0].topic.kind, TopicKind::Trades);
                Some(subscription.to_string())
            }
            _ => None,
        };
        requests.iter().filter_map(name).collect()
    };
    assert_eq!(names(&[]), ["trade:2:BTC-USDT", "trade:3:BTC-USDT-SWAP"]);
    assert_eq!(names(&["trade:2:BTC-USDT".into()]), ["trade:3:BTC-USDT-SWAP"]);
}

#[test]
fn a_login_that_is_good_no_longer_is_none() {
    for standing in [Standing::Expired, Standing::Revoked, Standing::Blocked] {
        let requests = decoded(BOTH, Some(&login(standing)), &[]);
        assert_eq!(requests.len(), 1);
        let refusal = r#"{"action":"subscribe","success":false,"error":"Not authenticated"}"#;
        assert_eq!(said(&requests), refusal);
    }
}

#[test]
fn a_key_is_looked_up_as_a_whole_and_told_nobody() {
    for body in [r#""the key""#, r#"{"apiKey":"the key"}"#, r#"{"apiKey":"the\u0020key","x":1}"#] {
        let message = format!(r#"{{"action":"authenticate","body":{body}}}"#);
        let mut requests = decoded(&message, None, &[]);
        assert_eq!(format!("{requests:?}"), "[Take]");
        let Some(Request::Take(Step::Identify(key, then))) = requests.pop() else {
            panic!("it asks who holds the key");
        };
        assert_eq!(key, "the key", "of {body}");
        let Step::Reply(mut requests) = then(Some(&login(Standing::Good).holder)) else {
            panic!("it is judged");
        };
        let Some(Request::LogIn { lasts: None, acknowledgement }) = requests.pop() else {
            panic!("it is good");
        };
        assert_eq!(acknowledgement, br#"{"action":"authenticate","success":true}"#);
    }
}

#[test]
fn whoever_wants_to_waits_for_a_login_for_ever() {
    let within = |options| {
        let dialect = ConfluenceCode::new(&listings(), &options).expect("symbols in order");
        dialect.manners().login_within
    };
    assert_eq!(within(Options::default()), Some(Duration::from_secs(30)));
    assert_eq!(within(Options { authenticate_within: None, ..Options::default() }), None);
}
