//! The hot bytes against real messages, and against the serde structs that read them back. Behaviour that a
//! client can see has its transcript; here is what no dialogue reaches.

use model::decimal::parse_units;
use model::{
    AccountId, BookSide, BookUpdate, CloseReason, DetailUpdate, EventMark, Instrument, Level,
    Minimum, OrderEntry, OrderId, OrderKind, OrderState, OrderStep, OrderUpdate, Price, Quantity,
    Side, TimeInForce, TradeId, Trail, Trigger, TriggerWhen,
};

use super::convert::{EventName, OrderSource};
use super::wire::{DetailData, Envelope, ErrorData, OrderData, TradeData};
use super::*;
use crate::rows::Rows;
use model::{Time, Topic, TopicKind, Trade};

const BOOK: TopicKind = TopicKind::Book { depth: 100, cadence: Cadence::TENTH };
const DETAIL: TopicKind = TopicKind::Detail { depth: 100, cadence: Cadence::TENTH };
const DELTA: TopicKind = TopicKind::Delta { cadence: Cadence::TENTH };

pub fn listing(id: u16, symbol: &str, price_decimals: u8, quantity_decimals: u8) -> Listing {
    Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: "BTC".into(),
            quote: "USD".into(),
            price_decimals,
            tick_units: 1,
            quantity_decimals,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: "Bitcoin / U.S. dollar".into(),
        symbols: vec![(NAME.into(), symbol.into())],
    }
}

fn dialect(symbol: &str, price_decimals: u8, quantity_decimals: u8) -> Bitstamp {
    let listings = [listing(0, symbol, price_decimals, quantity_decimals)];
    Bitstamp::new(&listings, Options::default()).expect("the symbol is a market's")
}

fn encoded(dialect: &Bitstamp, kind: TopicKind, update: &Update<'_>) -> Option<String> {
    let mut out = FrameBuilder::new();
    let subject = Topic::of(InstrumentId(0), kind).into();
    let wrote = dialect.encode(&subject, update, Sequence(7), &mut out);
    assert_eq!(wrote, !out.text().is_empty());
    wrote.then(|| String::from_utf8(out.text().to_vec()).expect("a frame is text"))
}

fn order(id: u64, kind: OrderKind) -> OrderState {
    OrderState {
        id: OrderId(id),
        account: AccountId(1),
        side: Side::Buy,
        post_only: false,
        kind,
        time_in_force: TimeInForce::GoodTillCanceled,
        trigger: None,
        original: Quantity(137_276),
        remaining: Quantity(137_276),
    }
}

fn mark(micros: i64, ordinal: u64) -> EventMark {
    EventMark { time: Time(micros), tie: 0, ordinal }
}

/// The message of section 5.1.
#[test]
fn a_trade_is_told_as_it_was_captured() {
    let trade = Trade {
        id: TradeId(650_885_871),
        time: Time(1_791_403_680_349_999),
        price: Price(8_346_308),
        quantity: Quantity(274_133),
        aggressor: Side::Sell,
        maker: OrderId(2_058_521_371_389_952),
        taker: OrderId(2_058_521_418_514_434),
        maker_account: None,
        taker_account: None,
    };
    assert_eq!(
        encoded(&dialect("btcusd", 2, 8), TopicKind::Trades, &Update::Trade(&trade)).as_deref(),
        Some(
            r#"{"data":{"id":650885871,"timestamp":"1791403680","amount":0.00274133,"amount_str":"0.00274133","price":83463.08,"price_str":"83463.08","type":1,"microtimestamp":"1791403680349000","buy_order_id":2058521371389952,"sell_order_id":2058521418514434},"channel":"live_trades_btcusd","event":"trade"}"#
        )
    );
}

/// The message of section 5.2.
#[test]
fn an_order_is_told_as_it_was_captured() {
    let mut order = order(2_046_839_978_799_111, OrderKind::Limit(Price(7_174_385)));
    order.post_only = true;
    let update = OrderUpdate {
        time: Time(1_788_551_766_357_420),
        order,
        step: OrderStep::Created,
        mark: mark(1_788_551_766_357_000, 6),
        previous: Some(mark(1_788_551_766_349_000, 5)),
        is_liquidation: false,
    };
    assert_eq!(
        encoded(&dialect("btcusd", 2, 8), TopicKind::Orders, &Update::Order(&update)).as_deref(),
        Some(
            r#"{"data":{"id":2046839978799111,"id_str":"2046839978799111","order_type":0,"order_subtype":5,"datetime":"1788551766","microtimestamp":"1788551766357000","amount":0.00137276,"amount_str":"0.00137276","amount_traded":"0","amount_at_create":"0.00137276","price":71743.85,"price_str":"71743.85","is_liquidation":false},"channel":"live_orders_btcusd","event":"order_created","event_id":"00065aad-a8b2-3408-0000-000102000020","pre_event_id":"00065aad-a8b2-14c8-0000-000101000020","order_source":"orderbook"}"#
        )
    );
}

/// The messages of sections 5.3 to 5.5.
#[test]
fn books_are_told_as_they_were_captured() {
    let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
    let (bids, asks) = (
        [level(77_183, 32_386), level(77_188, 41_122)],
        [level(77_193, 32_385), level(77_189, 41_124)],
    );
    let (bids, asks) = (BookSide::new(&bids), BookSide::new(&asks));
    let update = BookUpdate { time: Time(1_789_457_617_906_487), bids, asks };
    assert_eq!(
        encoded(&dialect("btcusd-perp", 0, 5), BOOK, &Update::Book(update)).as_deref(),
        Some(
            r#"{"data":{"timestamp":"1789457617","microtimestamp":"1789457617906487","bids":[["77188","0.41122"],["77183","0.32386"]],"asks":[["77189","0.41124"],["77193","0.32385"]]},"channel":"order_book_btcusd-perp","event":"data"}"#
        )
    );
    let entry = |price, order| {
        [OrderEntry {
            price: Price(price),
            quantity: Quantity(40_000_000),
            order: OrderId(order),
            time: Time(0),
            expires: None,
        }]
    };
    let (bids, asks) =
        (entry(7_315_713, 1_485_019_713_925_121), entry(7_320_505, 1_485_019_610_763_265));
    let (bids, asks) = (BookSide::new(&bids), BookSide::new(&asks));
    let update = DetailUpdate { time: Time(1_651_388_616_274_565), bids, asks };
    assert_eq!(
        encoded(&dialect("ethbtc", 8, 8), DETAIL, &Update::Detail(update)).as_deref(),
        Some(
            r#"{"data":{"timestamp":"1651388616","microtimestamp":"1651388616274565","bids":[["0.07315713","0.40000000","1485019713925121"]],"asks":[["0.07320505","0.40000000","1485019610763265"]]},"channel":"detail_order_book_ethbtc","event":"data"}"#
        )
    );
    let (bids, asks) = ([level(8_346_308, 55_048_175)], [level(8_347_308, 0)]);
    let (bids, asks) = (BookSide::new(&bids), BookSide::new(&asks));
    let update = BookUpdate { time: Time(1_791_403_680_093_950), bids, asks };
    assert_eq!(
        encoded(&dialect("btcusd", 2, 8), DELTA, &Update::Delta(update)).as_deref(),
        Some(
            r#"{"data":{"timestamp":"1791403680","microtimestamp":"1791403680093950","bids":[["83463.08","0.55048175"]],"asks":[["83473.08","0.00000000"]]},"channel":"diff_order_book_btcusd","event":"data"}"#
        )
    );
    let empty = BookUpdate { bids: BookSide::new(&[]), asks: BookSide::new(&[]), ..update };
    assert_eq!(encoded(&dialect("btcusd", 2, 8), DELTA, &Update::Delta(empty)), None);
}

/// Section 5.2.2: what each step shows as remaining, executed, price and event.
#[test]
fn each_step_of_an_order_has_its_event_and_amounts() {
    let bitstamp = dialect("btcusd", 2, 8);
    let check = |kind, side, remaining, step, expected: [&str; 5]| {
        let order = OrderState { side, remaining: Quantity(remaining), ..order(1, kind) };
        let mark = mark(1_788_551_766_655_000, 1);
        let update = OrderUpdate {
            time: mark.time,
            order,
            step,
            mark,
            previous: None,
            is_liquidation: false,
        };
        let text = encoded(&bitstamp, TopicKind::Orders, &Update::Order(&update)).expect("a frame");
        let frame: Envelope<'_> = serde_json::from_str(&text).expect("a message");
        let data: OrderData<'_> = serde_json::from_str(frame.data.get()).expect("an order");
        let told =
            [&*frame.event, data.amount.get(), data.amount_str, data.amount_traded, data.price_str];
        assert_eq!(told, expected);
        assert_eq!(data.amount_at_create, "0.00137276");
        assert_eq!((frame.pre_event_id, data.datetime), (None, "1788551767"));
        assert!(text.contains(r#""pre_event_id":null,"order_source":"orderbook"}"#), "{text}");
    };
    let limit = OrderKind::Limit(Price(6_000_000));
    let fill = OrderStep::Filled { price: Price(5_999_999), quantity: Quantity(7_276) };
    let canceled = OrderStep::Closed(CloseReason::Canceled);
    let (buy, sell) = (Side::Buy, Side::Sell);
    let full = 137_276;
    check(
        limit,
        buy,
        full,
        OrderStep::Created,
        ["order_created", "0.00137276", "0.00137276", "0", "60000.00"],
    );
    check(
        limit,
        buy,
        130_000,
        fill,
        ["order_changed", "0.0013", "0.00130000", "0.00007276", "60000.00"],
    );
    check(limit, buy, 0, fill, ["order_deleted", "0", "0", "0.00007276", "60000.00"]);
    check(limit, sell, 50, canceled, ["order_deleted", "5e-7", "0.00000050", "0", "60000.00"]);
    check(
        limit,
        sell,
        full,
        OrderStep::Replaced,
        ["order_deleted", "0.00137276", "0.00137276", "0", "60000.00"],
    );
    let market = OrderKind::Market;
    check(
        market,
        buy,
        full,
        OrderStep::Created,
        ["order_created", "0.00137276", "0.00137276", "0", "999999999.00"],
    );
    check(
        market,
        sell,
        full,
        OrderStep::Created,
        ["order_created", "0.00137276", "0.00137276", "0", "0.00"],
    );
    check(
        market,
        buy,
        130_000,
        fill,
        ["order_changed", "0.0013", "0.00130000", "0.00007276", "59999.99"],
    );
    check(
        market,
        buy,
        130_000,
        canceled,
        ["order_deleted", "0.0013", "0.00130000", "0", "999999999.00"],
    );
}

#[test]
fn each_kind_of_order_has_its_number() {
    let limit = order(1, OrderKind::Limit(Price(1)));
    let market = order(1, OrderKind::Market);
    let lives = |order, time_in_force| OrderState { time_in_force, ..order };
    let woken = |order, side, when| {
        let trigger = Some(Trigger::at(Price(1), when));
        OrderState { side, trigger, ..order }
    };
    let trails = |order: OrderState| {
        let trigger = order.trigger.map(|trigger| Trigger { trail: Trail::new(1), ..trigger });
        OrderState { trigger, ..order }
    };
    let (up, down) = (TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow);
    for (order, number) in [
        (limit, 0),
        (market, 2),
        (lives(market, TimeInForce::FillOrKill), 2),
        (lives(limit, TimeInForce::ImmediateOrCancel), 4),
        (OrderState { post_only: true, ..limit }, 5),
        (lives(limit, TimeInForce::FillOrKill), 6),
        (lives(limit, TimeInForce::GoodTillDate(Time(1))), 8),
        (woken(market, Side::Sell, down), 20),
        (woken(market, Side::Buy, up), 20),
        (woken(market, Side::Sell, up), 21),
        (woken(market, Side::Buy, down), 21),
        (woken(limit, Side::Sell, down), 22),
        (woken(limit, Side::Sell, up), 23),
        (trails(woken(market, Side::Buy, up)), 24),
        (trails(woken(market, Side::Buy, down)), 25),
        (trails(woken(limit, Side::Sell, down)), 26),
        (trails(woken(limit, Side::Sell, up)), 27),
    ] {
        assert_eq!(convert::order_subtype(&order), number, "{order:?}");
    }
}

#[test]
fn event_ids_in_text_order_are_in_order_of_time() {
    let time = Time(1_788_551_766_357_000);
    let mark = |time, tie, ordinal| EventMark { time, tie, ordinal };
    let later = Time(time.0 + 1_000);
    let marks = [
        mark(time, 0, 3),
        mark(time, 1, 4),
        mark(time, 9, 12),
        mark(time, 0xffff, 65_538),
        mark(time, 0x1_0000, 65_539),
        mark(time, 0x1_0001, 65_540),
        mark(later, 0, 65_541),
    ];
    let ids = marks.map(|mark| convert::event_id(mark, InstrumentId(0x68), OrderSource::Book));
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    assert_eq!(&ids[0], b"00065aad-a8b2-3408-0000-006903000020");
    assert_eq!(&ids[4], b"00065aad-a8b2-3409-0000-006903000020");
    let stop = convert::event_id(marks[0], InstrumentId(0x68), OrderSource::Stops);
    assert_eq!(&stop, b"00065aad-a8b2-3408-0000-006903000021");
    for mark in marks {
        for source in [OrderSource::Book, OrderSource::Stops] {
            let id = convert::event_id(mark, InstrumentId(0x68), source);
            let id = str::from_utf8(&id).expect("letters and digits");
            let name = EventName::read(id).expect("it is one");
            assert_eq!(name.mark, EventMark { ordinal: 0, ..mark }, "{id}");
            assert!(name.is_of(InstrumentId(0x68)) && !name.is_of(InstrumentId(0x69)), "{id}");
            assert_eq!(name.source, source, "{id}");
            assert_eq!(EventName::read(&id.to_ascii_uppercase()), Some(name));
        }
    }
}

#[test]
fn what_is_no_event_id_is_not_read() {
    for text in [
        "",
        "0",
        "00065aad-a8b2-3408-0000-00690300002",
        "00065aad-a8b2-3408-0000-0069030000200",
        "00065aad-a8b2-3408-0000_006903000020",
        "00065aada8b2-3408-0000-0069030000200",
        "00065aad-a8b2-3408-0000-00690300002g",
        "00065aad-a8b2-3408-0000-0069030000-0",
        "00065aad-a8b2-3408-0000-006903000022",
        "00065aad-a8b2-3408-0000-006903010020",
        "80065aad-a8b2-3408-0000-006903000020",
        "00065aad-a8b2-3408-0000-0069030000\u{e9}",
    ] {
        assert_eq!(EventName::read(text), None, "{text}");
    }
}

/// A small generator: `numbers` of it are as good as any.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((i128::from(self.0 >> 1) * i128::from(end)) >> 63) as i64
    }
    /// Any length of digits is as likely as another.
    fn any(&mut self) -> i64 {
        let end = 10_i64.pow(1 + self.below(15) as u32);
        self.below(end)
    }
}

#[test]
fn what_the_hot_encoders_write_reads_back_as_it_was() {
    for seed in 0..200 {
        let mut numbers = Numbers(seed);
        let (price_decimals, quantity_decimals) = (numbers.below(9) as u8, numbers.below(9) as u8);
        let bitstamp = dialect("btcusd", price_decimals, quantity_decimals);
        let price_of = |text: &str| parse_units(text.as_bytes(), price_decimals).map(Price);
        let quantity_of =
            |text: &str| parse_units(text.as_bytes(), quantity_decimals).map(Quantity);

        let trade = Trade {
            id: TradeId(numbers.any() as u64),
            time: Time(numbers.any() * 1_000),
            price: Price(numbers.any()),
            quantity: Quantity(numbers.any()),
            aggressor: if numbers.below(2) == 0 { Side::Buy } else { Side::Sell },
            maker: OrderId(numbers.any() as u64),
            taker: OrderId(numbers.any() as u64),
            maker_account: None,
            taker_account: None,
        };
        let text = encoded(&bitstamp, TopicKind::Trades, &Update::Trade(&trade)).expect("a frame");
        let frame: Envelope<'_> = serde_json::from_str(&text).expect("a message");
        assert_eq!((&*frame.event, &*frame.channel), ("trade", "live_trades_btcusd"));
        let data: TradeData<'_> = serde_json::from_str(frame.data.get()).expect("a trade");
        assert_eq!(data.id, trade.id.0, "seed {seed}");
        assert_eq!(data.timestamp, trade.time.seconds().to_string(), "seed {seed}");
        assert_eq!(data.microtimestamp, trade.time.0.to_string(), "seed {seed}");
        assert_eq!(price_of(data.price_str), Ok(trade.price), "seed {seed}");
        assert_eq!(quantity_of(data.amount_str), Ok(trade.quantity), "seed {seed}");
        assert_eq!(data.side, u8::from(trade.aggressor == Side::Sell), "seed {seed}");
        assert_eq!(data.buy_order_id, trade.buyer().0, "seed {seed}");
        assert_eq!(data.sell_order_id, trade.seller().0, "seed {seed}");

        let time = Time(numbers.any());
        let mut levels = || -> Vec<OrderEntry> {
            (0..numbers.below(100))
                .map(|order| OrderEntry {
                    price: Price(numbers.any()),
                    quantity: Quantity(numbers.any()),
                    order: OrderId(1 << 50 | order as u64),
                    time: Time(0),
                    expires: None,
                })
                .collect()
        };
        let (bids, asks) = (levels(), levels());
        let side = |rows: &[[&str; 3]]| -> Vec<OrderEntry> {
            let entry = |[price, quantity, order]: &[&str; 3]| OrderEntry {
                price: price_of(price).expect("a price"),
                quantity: quantity_of(quantity).expect("a quantity"),
                order: OrderId(order.parse().expect("an id")),
                time: Time(0),
                expires: None,
            };
            rows.iter().rev().map(entry).collect()
        };
        let update = DetailUpdate { time, bids: BookSide::new(&bids), asks: BookSide::new(&asks) };
        let text = encoded(&bitstamp, DETAIL, &Update::Detail(update)).expect("a frame");
        let frame: Envelope<'_> = serde_json::from_str(&text).expect("a message");
        let data: DetailData<'_> = serde_json::from_str(frame.data.get()).expect("a book");
        assert_eq!(data.microtimestamp, time.0.to_string(), "seed {seed}");
        assert_eq!((side(&data.bids.0), side(&data.asks.0)), (bids, asks), "seed {seed}");
    }
}

#[test]
fn control_frames_read_back_as_what_they_are() {
    let bitstamp = dialect("btcusd", 2, 8);
    let said = |text: &str| {
        let mut out = Vec::new();
        bitstamp.decode(text.as_bytes(), &Visitor::STRANGER, &mut out);
        match out.as_slice() {
            [Request::Say(text)] => String::from_utf8(text.clone()).expect("text"),
            other => panic!("{other:?}"),
        }
    };
    let refused =
        said(r#"{"event":"bts:subscribe","data":{"channel":"private-my_orders_btcusd-07"}}"#);
    let frame: Envelope<'_> = serde_json::from_str(&refused).expect("a message");
    let error: ErrorData<'_> = serde_json::from_str(frame.data.get()).expect("an error");
    assert_eq!(
        error,
        ErrorData { code: Some(4009), message: "Connection is unauthorized.".into() }
    );
    let beat = said(r#"{"data":{"any":["thing"]},"event":"bts:heartbeat","channel":1}"#);
    assert_eq!(beat, r#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#);
}

#[test]
fn whatever_is_said_gets_one_answer() {
    let bitstamp = dialect("btcusd", 2, 8);
    let whole = br#"{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd","auth":"x"}}"#;
    let mut numbers = Numbers(7);
    for _ in 0..20_000 {
        let mut text = whole.to_vec();
        for _ in 0..1 + numbers.below(3) {
            let at = numbers.below(text.len() as i64) as usize;
            match numbers.below(3) {
                0 => text[at] = numbers.below(256) as u8,
                1 => text.truncate(at.max(1)),
                _ => text.insert(at, b"\"{}[]:,\\u0"[numbers.below(10) as usize]),
            }
        }
        let mut out = Vec::new();
        bitstamp.decode(&text, &Visitor::STRANGER, &mut out);
        assert_eq!(out.len(), 1, "{}", String::from_utf8_lossy(&text));
    }
    let deep = ["[".repeat(255), "]".repeat(255)].concat();
    for text in [&*deep, "", "null", "\"bts:heartbeat\"", "[\"bts:heartbeat\"]", "1e999"] {
        let mut out = Vec::new();
        bitstamp.decode(text.as_bytes(), &Visitor::STRANGER, &mut out);
        let Some(Request::Say(said)) = out.first() else { panic!("{out:?}") };
        let expected =
            if text.is_empty() { "Incorrect JSON format." } else { "Bad subscription string." };
        assert!(String::from_utf8_lossy(said).contains(expected), "{text}");
    }
}

#[test]
fn rows_of_another_shape_are_refused() {
    assert_eq!(serde_json::from_str(r#"[["1","2"]]"#).ok(), Some(Rows(vec![["1", "2"]])));
    for text in [r#"[["1"]]"#, r#"[["1","2","3"]]"#, r#"[[1,2]]"#, r#"["1","2"]"#, "{}"] {
        assert!(serde_json::from_str::<Rows<'_, 2>>(text).is_err(), "{text}");
    }
    let many = format!("[{}[\"1\",\"2\"]]", r#"["1","2"],"#.repeat(crate::rows::ROWS_MAX));
    assert!(serde_json::from_str::<Rows<'_, 2>>(&many).is_err());
}

#[test]
fn symbols_that_cannot_be_subscribed_to_are_refused() {
    let made = |listings: &[Listing]| Bitstamp::new(listings, Options::default()).map(|_| ());
    let named = |symbol: &str| made(&[listing(0, symbol, 2, 8)]);
    for bad in ["", "BTCUSD", "btc_usd", "btc/usd", "btcusd-", &"b".repeat(65)] {
        assert_eq!(named(bad), Err(ListingError::BadSymbol(bad.into())));
    }
    let double = [listing(0, "btcusd", 2, 8), listing(1, "btcusd", 2, 8)];
    assert_eq!(made(&double), Err(ListingError::DoubleSymbol("btcusd".into())));
    let mut odd = listing(0, "btcusd", 2, 8);
    odd.instrument.quote = "US\"D".into();
    assert_eq!(made(&[odd]), Err(ListingError::BadAsset("US\"D".into())));
    let mut elsewhere = listing(3, "btcusd", 2, 8);
    elsewhere.symbols.clear();
    assert_eq!(made(&[elsewhere]), Ok(()));
}

#[test]
fn books_are_the_same_with_what_was_kept_and_without() {
    let subjects = [BOOK, DETAIL].map(|kind| Topic::of(InstrumentId(0), kind).into());
    crate::kept::tests::nobody_sees_what_is_kept(&dialect("btcusd", 2, 8), &subjects);
}
