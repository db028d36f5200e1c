//! The dialect as the house sees it: what no dialogue can show, and what hot bytes are read back as.

use std::time::Duration;

use model::{
    AccountId, Answer, AnswerBody, BookSide, Cadence, Candle, DepthUpdate, InstrumentId, Level,
    Minimum, OrderId, Price, Quantity, Side, Status, Ticker, Time, Topic, Trade, TradeId, Window,
};
use serde_json::Value;

use super::channel::{BOOK_CADENCE, Named, PULSE};
use super::wire::venue::{BookData, Message, TickerData, TradesData};
use super::*;
use crate::dialect::{Opening, Wording};
use crate::step::Credential;
use crate::visitor::{Login, Standing};

const NOW: Time = Time(1_795_348_800_000_000);

fn listings() -> Vec<Listing> {
    let listing = |id, base: &str, symbol: &str| Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: "USDT".into(),
            price_decimals: 2,
            tick_units: 1,
            quantity_decimals: 8,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: format!("{base} / USDT"),
        symbols: vec![(NAME.into(), symbol.into())],
    };
    vec![listing(0, "BTC", "BTC-USDT"), listing(1, "ETH", "ETH-USDT")]
}

fn dialect() -> XRocket {
    XRocket::new(&listings()).expect("symbols in order")
}

/// What a message comes to, if the boards answer so.
fn decoded(
    message: &str,
    visitor: &Visitor<'_>,
    mut answer: impl FnMut(&model::Query) -> AnswerBody,
) -> Vec<Request> {
    let mut requests = Vec::new();
    dialect().decode(message.as_bytes(), visitor, &mut requests);
    let mut done = Vec::new();
    for request in requests {
        let mut steps = vec![request];
        while let Some(request) = steps.pop() {
            match request {
                Request::Take(Step::Ask(query, then)) => {
                    steps.push(Request::Take(then(Answer { now: NOW, body: answer(&query) })));
                }
                Request::Take(Step::Reply(more)) => steps.extend(more.into_iter().rev()),
                other => done.push(other),
            }
        }
    }
    done
}

fn said(requests: &[Request]) -> String {
    match requests {
        [Request::Say(text) | Request::Refuse(text, _)] => {
            String::from_utf8(text.clone()).expect("it is text")
        }
        other => panic!("not one word but {other:?}"),
    }
}

const TRADES: &str =
    r#"{"id":1,"method":"subscribe","params":{"channel":"trades","symbol":"BTC-USDT"}}"#;

#[test]
fn what_the_house_cannot_answer_is_our_own_fault_and_says_no_more() {
    for body in [AnswerBody::Unavailable, AnswerBody::Statuses(Vec::new())] {
        let requests = decoded(TRADES, &Visitor::STRANGER, |_| body.clone());
        assert_eq!(
            said(&requests),
            r#"{"id":1,"error":{"code":-32603,"message":"Internal error","data":{"detail":"Internal error"}}}"#
        );
    }
}

#[test]
fn a_subscription_stands_for_one_subject() {
    let check = |params: &str, name: &str, topic: Topic, wording: u16| {
        let message = format!(r#"{{"id":1,"method":"subscribe","params":{params}}}"#);
        let statuses =
            AnswerBody::Statuses((0..2).map(|id| (InstrumentId(id), Status::Trading)).collect());
        let requests = decoded(&message, &Visitor::STRANGER, |_| statuses.clone());
        let [Request::Subscribe { subscription, subjects, stamp: None, .. }] = &requests[..] else {
            panic!("{params} is {requests:?}");
        };
        assert_eq!(&**subscription, name);
        assert_eq!(*subjects, [Subject { topic, wording: Wording(wording) }], "{params}");
    };
    let of = |kind| Topic::of(InstrumentId(1), kind);
    check(
        r#"{"channel":"trades","symbol":"ETH-USDT"}"#,
        "trades|ETH-USDT|||",
        of(TopicKind::TradeBatches),
        0,
    );
    let depth = |depth, step| TopicKind::Depth { depth, step, cadence: BOOK_CADENCE };
    check(
        r#"{"channel":"orderbook","symbol":"ETH-USDT"}"#,
        "orderbook|ETH-USDT|||",
        of(depth(500, None)),
        0,
    );
    check(
        r#"{"channel":"orderbook","symbol":"ETH-USDT","depth":500,"precision":"0.1"}"#,
        "orderbook|ETH-USDT||500|0.1",
        of(depth(500, Some(Price(10)))),
        1,
    );
    let month = TopicKind::Ticker { window: Window::MONTH, cadence: PULSE, quotes: false };
    check(
        r#"{"channel":"ticker","symbol":"ETH-USDT","interval":"1month"}"#,
        "ticker|ETH-USDT|1month||",
        of(month),
        0,
    );
    let second =
        TopicKind::Ticker { window: Window::HOUR, cadence: Cadence::SECOND, quotes: false };
    let all = Topic { kind: second, scope: Scope::All };
    check(r#"{"channel":"allTickers","interval":"1hour"}"#, "allTickers||1hour||", all, 0);
}

#[test]
fn a_login_that_is_good_no_longer_opens_nothing() {
    let message = r#"{"id":1,"method":"subscribe","params":{"channel":"balances"}}"#;
    let code = |standing: Option<Standing>| {
        let holder = Credential {
            account: AccountId(7),
            secret: Vec::new(),
            may_trade: true,
            instruments: None,
            quotes: None,
            blocked: false,
        };
        let login = standing.map(|standing| Login { key: "token".into(), holder, standing });
        let visitor = Visitor { login: login.as_ref(), ..Visitor::STRANGER };
        let requests = decoded(message, &visitor, |_| AnswerBody::Balances(Vec::new()));
        match &requests[..] {
            [Request::Subscribe { subjects, .. }, Request::Say(first)] => {
                assert_eq!(subjects[0].topic.scope, Scope::Own(AccountId(7)));
                assert!(first.ends_with(br#""data":{"balances":[]}}}"#));
                0
            }
            other => {
                let error: Value = serde_json::from_str(&said(other)).expect("JSON");
                error["error"]["code"].as_i64().expect("a code")
            }
        }
    };
    assert_eq!(code(None), -32033);
    assert_eq!(code(Some(Standing::Good)), 0);
    assert_eq!(code(Some(Standing::Expired)), -32033);
    assert_eq!(code(Some(Standing::Revoked)), -32033);
    assert_eq!(code(Some(Standing::Blocked)), -32034);
}

#[test]
fn a_token_with_an_end_logs_in_until_then() {
    use base64::Engine as _;
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"userId":"7","exp":{}}}"#, NOW.seconds() + 90);
    let token =
        [part(r#"{"alg":"HS256"}"#), part(&claims), part("thirty-two bytes of a signature.")]
            .join(".");
    let message = format!(r#"{{"id":1,"method":"auth","params":{{"token":"{token}"}}}}"#);
    let login = |wall: Time, account| {
        let mut requests = Vec::new();
        let visitor = Visitor { wall, ..Visitor::STRANGER };
        dialect().decode(message.as_bytes(), &visitor, &mut requests);
        let Some(Request::Take(Step::Identify(key, then))) = requests.pop() else { return None };
        assert_eq!(key, token, "it is looked up as a whole");
        let holder = Credential {
            account,
            secret: Vec::new(),
            may_trade: true,
            instruments: None,
            quotes: None,
            blocked: false,
        };
        let Step::Reply(mut requests) = then(Some(&holder)) else { panic!("it is judged") };
        match requests.pop() {
            Some(Request::LogIn { lasts, .. }) => Some(lasts),
            _ => None,
        }
    };
    assert_eq!(login(NOW, AccountId(7)), Some(Some(Duration::from_secs(90))));
    assert_eq!(login(NOW, AccountId(8)), None, "it names somebody else");
    assert_eq!(login(NOW + model::Span::seconds(90), AccountId(7)), None, "it has ended");
}

/// What is told of a subject.
fn told(subject: &Subject, update: &Update<'_>) -> String {
    let mut frame = FrameBuilder::new();
    assert!(dialect().encode(subject, update, Sequence(1), &mut frame), "{subject:?}");
    String::from_utf8(frame.text().to_vec()).expect("it is text")
}

#[test]
fn hot_bytes_are_read_back_as_they_were_meant() {
    let of = |kind| Subject::from(Topic::of(InstrumentId(0), kind));
    let trade = Trade {
        id: TradeId(3_262_786_978),
        time: Time(1_734_605_057_347_000),
        price: Price(5_120_000),
        quantity: Quantity(15_000_000),
        aggressor: Side::Buy,
        maker: OrderId(1),
        taker: OrderId(2),
        maker_account: None,
        taker_account: None,
    };
    let second = Trade { id: TradeId(3_262_786_979), ..trade };
    let text = told(&of(TopicKind::TradeBatches), &Update::Trades(&[trade, second]));
    let message: Message<'_> = serde_json::from_str(&text).expect("a message");
    assert!(message.id.is_none() && message.method.as_deref() == Some("subscription"));
    let push = message.params.expect("a push");
    assert_eq!((&*push.channel, push.symbol.as_deref()), ("trades", Some("BTC-USDT")));
    let data: TradesData<'_> = serde_json::from_str(push.data.get()).expect("trades");
    assert_eq!((data.trades.len(), data.trades[1].trade_id), (2, "3262786979"));
    let one = &data.trades[0];
    let all = (one.trade_id, one.price, one.side, one.time, one.size);
    assert_eq!(all, ("3262786978", "51200.00", "buy", "2024-12-19T10:44:17.347Z", "0.15000000"));

    let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
    let (bids, asks) = ([level(5_118_000, 0), level(5_119_000, 45_054_140)], [level(5_120_500, 1)]);
    let update = Update::Depth(DepthUpdate {
        time: NOW,
        sequence: 3_262_786_979,
        snapshot: false,
        bids: BookSide::new(&bids),
        asks: BookSide::new(&asks),
        bids_total: Quantity(115_645_678_000),
        asks_total: Quantity(0),
    });
    let kind = TopicKind::Depth { depth: 20, step: Some(Price(1)), cadence: BOOK_CADENCE };
    let subject = Subject { wording: Wording(1), ..of(kind) };
    let text = told(&subject, &update);
    let echo: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (&echo["params"]["depth"], &echo["params"]["precision"]),
        (&20.into(), &"0.01".into())
    );
    let message: Message<'_> = serde_json::from_str(&text).expect("a message");
    let push = message.params.expect("a push");
    let data: BookData<'_> = serde_json::from_str(push.data.get()).expect("a book");
    assert_eq!((data.snapshot, data.sequence), (Some(false), "3262786979"));
    assert_eq!(data.bids.0, [["51190.00", "0.45054140"], ["51180.00", "0"]]);
    assert_eq!(data.asks.0, [["51205.00", "0.00000001"]]);
    let unnamed: Value = serde_json::from_str(&told(&of(kind), &update)).expect("JSON");
    assert!(unnamed["params"].get("depth").is_none(), "only what was given is said again");

    let candle = Candle {
        start: Time(1_734_955_200_000_000),
        open: Price(5_100_000),
        high: Price(5_125_000),
        low: Price(5_095_000),
        close: Price(5_120_000),
        volume: Quantity(12_567_890_000),
        turnover: 0,
        trades: 7,
    };
    let hour = Named::called("1hour").expect("an interval");
    let kind = TopicKind::Candles { interval: hour.interval, cadence: PULSE };
    assert_eq!(
        told(&of(kind), &Update::Candle(&candle)),
        r#"{"method":"subscription","params":{"channel":"candles","symbol":"BTC-USDT","type":"1hour","data":{"candle":["2024-12-23T12:00:00.000Z","51000.00","51200.00","51250.00","50950.00","125.67890000"]}}}"#
    );
}

#[test]
fn a_ticker_has_all_its_members_whatever_was_traded() {
    let kind = TopicKind::Ticker { window: Window::DAY, cadence: PULSE, quotes: false };
    let subject = Subject::from(Topic::of(InstrumentId(0), kind));
    let check = |ticker: &Ticker, wanted: [&str; 9]| {
        let text = told(&subject, &Update::Ticker(ticker));
        let message: Message<'_> = serde_json::from_str(&text).expect("a message");
        let data = message.params.expect("a push").data.get();
        let inner = data.strip_prefix(r#"{"ticker":"#).and_then(|it| it.strip_suffix('}'));
        let it: TickerData<'_> = serde_json::from_str(inner.expect("one ticker")).expect("one");
        assert_eq!((it.symbol, it.start_time), ("BTC-USDT", "2026-11-21T12:00:00.000Z"));
        assert_eq!(it.end_time, "2026-11-22T12:00:00.000Z");
        let all = [
            it.open,
            it.close,
            it.high,
            it.low,
            it.change_rate,
            it.change_price,
            it.base_volume,
            it.quote_volume,
            it.last,
        ];
        assert_eq!(all, wanted);
    };
    let never = Ticker { time: NOW, ..Ticker::default() };
    check(&never, ["0"; 9]);
    let quiet = Ticker { last: Some(Price(5_120_000)), open: Some(Price(5_000_000)), ..never };
    let price = "51200.00";
    check(&quiet, [price, price, price, price, "0", "0", "0", "0", price]);
    let busy = Ticker {
        high: Some(Price(5_150_000)),
        low: Some(Price(4_980_000)),
        volume: Quantity(123_456_789_000),
        turnover: 625_000_000_000_000_000,
        trades: 9,
        ..quiet
    };
    check(
        &busy,
        [
            "50000.00",
            price,
            "51500.00",
            "49800.00",
            "0.024",
            "1200.00",
            "1234.56789000",
            "62500000",
            price,
        ],
    );
}

#[test]
fn what_is_not_listed_is_not_told() {
    let mut listings = listings();
    listings[1].symbols.clear();
    let dialect = XRocket::new(&listings).expect("symbols in order");
    let kind = TopicKind::Ticker { window: Window::DAY, cadence: Cadence::SECOND, quotes: false };
    let subject = Subject::from(Topic { kind, scope: Scope::All });
    let ticker = Ticker { time: NOW, ..Ticker::default() };
    let mut frame = FrameBuilder::new();
    let other = [(InstrumentId(1), ticker)];
    assert!(!dialect.encode(&subject, &Update::Tickers(&other), Sequence(1), &mut frame));
    let both = [(InstrumentId(0), ticker), (InstrumentId(1), ticker)];
    assert!(dialect.encode(&subject, &Update::Tickers(&both), Sequence(1), &mut frame));
    let text = String::from_utf8_lossy(frame.text()).into_owned();
    assert_eq!(text.matches(r#""symbol""#).count(), 1, "{text}");
}

#[test]
fn listings_that_cannot_be_served_are_refused() {
    let mut listings = listings();
    listings[1].symbols[0].1 = "BTC-USDT".into();
    assert_eq!(XRocket::new(&listings).err(), Some(ListingError::DoubleSymbol("BTC-USDT".into())));
    listings[1].symbols[0].1 = "ethusdt".into();
    assert_eq!(XRocket::new(&listings).err(), Some(ListingError::BadSymbol("ethusdt".into())));
}

#[test]
fn a_book_in_a_reply_is_the_state_it_was_asked_for() {
    let message = r#"{"id":"x","method":"subscribe","params":{"channel":"orderbook","symbol":"BTC-USDT","depth":5}}"#;
    let statuses =
        AnswerBody::Statuses((0..2).map(|id| (InstrumentId(id), Status::Trading)).collect());
    let mut requests = decoded(message, &Visitor::STRANGER, |_| statuses.clone());
    let Some(Request::Subscribe { opening: Opening::State(queries, word), .. }) = requests.pop()
    else {
        panic!("a book opens with its state");
    };
    let query = model::Query::Depth {
        instrument: InstrumentId(0),
        depth: 5,
        step: None,
        cadence: BOOK_CADENCE,
    };
    assert_eq!(queries, [query]);
    let body = AnswerBody::Unavailable;
    assert_eq!(
        String::from_utf8(word(vec![Answer { now: NOW, body }]).concat()).expect("text"),
        r#"{"id":"x","result":{"success":true,"sequence":"0","bids":[],"asks":[],"askTotalAmount":"0","bidTotalAmount":"0"}}"#
    );
}

#[test]
fn books_are_the_same_with_what_was_kept_and_without() {
    let depth = |step| TopicKind::Depth { depth: 20, step, cadence: BOOK_CADENCE };
    let subject =
        |step, wording| Subject { topic: Topic::of(InstrumentId(0), depth(step)), wording };
    let subjects = [subject(None, Wording(0)), subject(Some(Price(10)), server::push::DEPTH_NAMED)];
    crate::kept::tests::nobody_sees_what_is_kept(&dialect(), &subjects);
}

/// What is asked of the boards for a page, by somebody with a token.
fn asked(dialect: &XRocket, path: &str) -> model::Query {
    use base64::Engine as _;
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let token = [
        part(r#"{"alg":"HS256"}"#),
        part(r#"{"userId":"7"}"#),
        part("thirty-two bytes of a signature."),
    ];
    let authorization = format!("Bearer {}", token.join("."));
    let headers = [("authorization", authorization.as_str())];
    let request = HttpRequest { headers: &headers, ..HttpRequest::bare("GET", path) };
    let Step::Identify(_, then) = dialect.http(&request) else { panic!("a token is looked up") };
    let holder = Credential {
        account: AccountId(7),
        secret: Vec::new(),
        may_trade: true,
        instruments: None,
        quotes: None,
        blocked: false,
    };
    match then(Some(&holder)) {
        Step::Ask(query, _) => query,
        _ => panic!("{path} is asked"),
    }
}

#[test]
fn orders_of_markets_that_are_not_listed_here_are_not_counted() {
    let mut listings = listings();
    listings.push(Listing {
        instrument: Instrument { id: InstrumentId(2), ..listings[0].instrument.clone() },
        symbols: Vec::new(),
        ..listings[0].clone()
    });
    let dialect = XRocket::new(&listings).expect("symbols in order");
    let model::Query::OwnOrders(which) = asked(&dialect, "/api/v1/orders/history") else {
        panic!("orders are asked for")
    };
    assert_eq!(which.among, Some(vec![InstrumentId(0), InstrumentId(1)]));
}
