//! The dialect as the house sees it: what its bytes read back to, what its numbers are, and what a connection may hold.

use model::{
    AccountId, BookSide, BookUpdate, Instrument, Level, Minimum, OrderId, Price, Quantity, Side,
    Time, Topic, TopicKind, Trade, TradeId,
};

use super::channel::{BOOK, GROUPED, LEVELS};
use super::wire::venue::{BookOf, Happened, LevelData, Message, PartiesData, TradeData};
use super::*;
use crate::frame::FramePool;

fn listing(id: u16, base: &str, quote: &str, symbol: &str) -> Listing {
    let instrument = Instrument {
        id: InstrumentId(id),
        base: base.into(),
        quote: quote.into(),
        price_decimals: 2,
        tick_units: 5,
        quantity_decimals: 4,
        lot_units: 10,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    let symbols = vec![(NAME.to_owned(), symbol.to_owned())];
    Listing { instrument, description: String::new(), symbols }
}

fn dialect() -> TimeX {
    let listings = [listing(0, "ETH", "USD", "ETHUSD"), listing(1, "BTC", "USD", "BTCUSD")];
    TimeX::new(&listings, Options::default()).expect("symbols in order")
}

/// What a subscription with this id is told.
fn told(subject: &Subject, update: &Update<'_>, sequence: u64) -> Option<String> {
    const ID: &[u8; 36] = b"5435a742-eed1-4874-951e-eefdfb559234";
    let mut pool = FramePool::new(2);
    let mut builder = pool.builder();
    if !dialect().encode(subject, update, Sequence(sequence), &mut builder) {
        return None;
    }
    let frame = pool.finish(builder, |headroom, _| headroom.len());
    assert!(frame.has_hole(), "each message has its subscription's id");
    let frame = pool.stamped(&frame, ID);
    let text = String::from_utf8(frame.bytes().to_vec()).expect("text");
    assert_eq!(text.matches("5435a742-eed1-4874-951e-eefdfb559234").count(), 1);
    Some(text)
}

fn subject(instrument: u16, kind: TopicKind, wording: crate::Wording) -> Subject {
    Subject { topic: Topic::of(InstrumentId(instrument), kind), wording }
}

fn number(text: &str) -> u64 {
    let message: Message<'_> = serde_json::from_str(text).expect("a message");
    let happened: Happened<'_> =
        serde_json::from_str(message.message.expect("it happened").get()).expect("an event");
    happened.id.expect("a number")
}

#[test]
fn a_book_reads_back_to_its_levels() {
    let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
    let (bids, asks) = ([level(20_000, 1), level(26_526, 6_000)], [level(30_000, 25)]);
    let book = BookUpdate {
        time: Time(1_663_610_225_129_999),
        bids: BookSide::new(&bids),
        asks: BookSide::new(&asks),
    };
    let text = told(&subject(0, BOOK, GROUPED), &Update::Book(book), 7).expect("a message");
    let message: Message<'_> = serde_json::from_str(&text).expect("a message");
    assert_eq!(message.kind.as_deref(), Some("MESSAGE"));
    let happened: Happened<'_> =
        serde_json::from_str(message.message.expect("it happened").get()).expect("an event");
    assert_eq!(happened.event.kind, "GROUP_ORDER_BOOK_UPDATED");
    assert_eq!(happened.event.timestamp, "2022-09-19T17:57:05.129");
    let book: BookOf<'_> = serde_json::from_str(happened.event.data.get()).expect("a book");
    let rows = |levels: &[LevelData<'_>]| -> Vec<String> {
        levels.iter().map(|it| format!("{} {}", it.price, it.volume)).collect()
    };
    assert_eq!(rows(&book.orderbook.bid), ["1326.3 6", "1000 0.001"]);
    assert_eq!(rows(&book.orderbook.ask), ["1500 0.025"]);
}

#[test]
fn a_trade_reads_back_to_what_it_was() {
    let trade = Trade {
        id: TradeId(30_688_846),
        time: Time(1_662_828_386_584_000),
        price: Price(26_526),
        quantity: Quantity(5),
        aggressor: Side::Sell,
        maker: OrderId(1),
        taker: OrderId(2),
        maker_account: Some(AccountId(1)),
        taker_account: None,
    };
    let of_market = subject(0, TopicKind::Trades, crate::Wording(0));
    let text = told(&of_market, &Update::Trade(&trade), 7).expect("a message");
    let message: Message<'_> = serde_json::from_str(&text).expect("a message");
    let happened: Happened<'_> =
        serde_json::from_str(message.message.expect("it happened").get()).expect("an event");
    let parties: PartiesData<'_> = serde_json::from_str(happened.event.data.get()).expect("data");
    assert_eq!([&*parties.base_token_symbol, &*parties.quote_token_symbol], ["ETH", "USD"]);
    let data: TradeData<'_> =
        serde_json::from_str(happened.payload.expect("a trade").get()).expect("a trade");
    assert_eq!((data.id, &*data.timestamp), (30_688_846, "2022-09-10T16:46:26.584"));
    assert_eq!([&*data.direction, &*data.price, &*data.quantity], ["SELL", "1326.3", "0.005"]);
    // Of an account it is the same message, to the byte.
    let topic = Topic::own(AccountId(1), InstrumentId(0), TopicKind::Trades);
    assert_eq!(told(&topic.into(), &Update::Trade(&trade), 7), Some(text));
}

#[test]
fn numbers_grow_from_market_to_market_and_from_event_to_event() {
    let book = BookUpdate { time: Time(0), bids: BookSide::new(&[]), asks: BookSide::new(&[]) };
    let numbers: Vec<u64> = (1..100)
        .flat_map(|sequence| {
            let subjects = [0, 1].into_iter().flat_map(|it| [(it, GROUPED), (it, LEVELS)]);
            subjects.map(move |(instrument, wording)| {
                let subject = subject(instrument, BOOK, wording);
                number(&told(&subject, &Update::Book(book), sequence).expect("a message"))
            })
        })
        .collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[test]
fn a_connection_holds_so_many_subscriptions_and_no_more() {
    let subscriptions: Vec<Box<str>> =
        (0..SUBSCRIPTIONS_MAX).map(|it| format!("{it:036}").into()).collect();
    let asks = [
        r#"{"type":"SUBSCRIBE","requestId":"1","pattern":"/trade.symbols/ETH/USD"}"#,
        r#"{"type":"SUBSCRIBE","requestId":"1","pattern":"/trade.*"}"#,
        r#"{"type":"ACCOUNT_SUBSCRIBE","requestId":"1","account":"0x31cd4651ef6041d771500c75ae8051ddfd391de1"}"#,
    ];
    let understood = |message: &str, subscriptions: &[Box<str>]| {
        let mut requests = Vec::new();
        let visitor = Visitor { subscriptions, ..Visitor::STRANGER };
        dialect().decode(message.as_bytes(), &visitor, &mut requests);
        format!("{requests:?}")
    };
    for ask in asks {
        let refused = understood(ask, &subscriptions);
        assert!(
            refused.starts_with("[Say(") && refused.contains("Too many subscriptions"),
            "{ask}"
        );
        let taken = understood(ask, &subscriptions[1..]);
        assert!(taken.starts_with("[Subscribe(") || taken.starts_with("[Take"), "{taken}");
    }
    assert_eq!(dialect().manners().subscriptions_max, SUBSCRIPTIONS_MAX);
}

#[test]
fn what_cannot_be_listed_is_told() {
    let make = |listings: &[Listing]| TimeX::new(listings, Options::default()).map(drop);
    let bad = listing(0, "ETH", "USD", "ETH-USD");
    assert_eq!(make(&[bad]), Err(ListingError::BadSymbol("ETH-USD".into())));
    let one = listing(0, "ETH", "USD", "ETHUSD");
    let other = listing(1, "BTC", "USD", "ETHUSD");
    assert_eq!(make(&[one, other]), Err(ListingError::DoubleSymbol("ETHUSD".into())));
}

#[test]
fn books_are_the_same_with_what_was_kept_and_without() {
    let plain = crate::Wording::default();
    let raw = TopicKind::Detail { depth: 50, cadence: model::Cadence::TENTH };
    let subjects = [subject(0, BOOK, LEVELS), subject(1, BOOK, GROUPED), subject(0, raw, plain)];
    crate::kept::tests::nobody_sees_what_is_kept(&dialect(), &subjects);
}
