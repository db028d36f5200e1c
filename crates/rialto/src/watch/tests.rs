//! What is heard is what is seen, told and drawn; what may be missing is never silent.

use std::time::{Duration, Instant};

use dialects::published::Tells;
use dialects::{Connector, Errand, Heard, Misheard};
use model::{
    Candle, EventBody, Instrument, InstrumentId, Level, LevelBook, Listing, Minimum, OrderId,
    Price, Quantity, Side, Time, Trade, TradeId,
};
use ratatui_core::backend::TestBackend;
use ratatui_core::style::Color;
use ratatui_core::terminal::Terminal;

use super::keys::{self, Key};
use super::lines::Lines;
use super::seen::{MINUTE, News, Seen, Standing};
use super::view::{self, Look};

/// A connector that has said what it has to say.
#[derive(Default)]
struct Told {
    unjoined: bool,
    bar: Option<Candle>,
}

impl Connector for Told {
    fn opened(&mut self, _: &mut Vec<Errand>) {}
    fn message(
        &mut self,
        _: &[u8],
        _: &mut Vec<Heard>,
        _: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        Ok(())
    }
    fn fetched(
        &mut self,
        _: &str,
        _: &[u8],
        _: &mut Vec<Heard>,
        _: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        Ok(())
    }
    fn unjoined(&self, instruments: &mut Vec<InstrumentId>) {
        instruments.extend(self.unjoined.then_some(InstrumentId(0)));
    }
    fn bar(&self, _: InstrumentId) -> Option<Candle> {
        self.bar
    }
}

const DIALECT: &str = "bitstamp";

fn listings() -> Vec<Listing> {
    let listing = |id, base: &str, symbol: &str| Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.to_owned(),
            quote: "USD".to_owned(),
            price_decimals: 2,
            tick_units: 5,
            quantity_decimals: 3,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: String::new(),
        symbols: vec![(DIALECT.to_owned(), symbol.to_owned())],
    };
    vec![listing(0, "BTC", "btcusd"), listing(1, "ETH", "ethusd")]
}

pub(super) fn seen(tells: Tells) -> Seen {
    let mut seen = Seen::new(&listings(), DIALECT, tells);
    seen.opened(&mut Vec::new());
    seen
}

/// 2026-01-05T09:00:00Z and so many seconds.
fn at(seconds: i64) -> Time {
    Time::from_seconds(1_767_603_600 + seconds)
}

fn levels(rows: &[(i64, i64)]) -> Vec<Level> {
    let level = |&(price, quantity)| Level { price: Price(price), quantity: Quantity(quantity) };
    rows.iter().map(level).collect()
}

fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Box<LevelBook> {
    Box::new(LevelBook { bids: levels(bids), asks: levels(asks) })
}

fn trade(id: u64, seconds: i64, price: i64, quantity: i64, aggressor: Side) -> EventBody {
    EventBody::Printed(Trade {
        id: TradeId(id),
        time: at(seconds),
        price: Price(price),
        quantity: Quantity(quantity),
        aggressor,
        maker: OrderId(0),
        taker: OrderId(0),
        maker_account: None,
        taker_account: None,
    })
}

/// Lets the first market hear this, and returns the news.
fn hear(seen: &mut Seen, seconds: i64, body: EventBody) -> Vec<News> {
    hear_of(
        seen,
        &Told::default(),
        &[Heard { instrument: InstrumentId(0), time: at(seconds), body }],
    )
}

fn hear_of(seen: &mut Seen, connector: &Told, heard: &[Heard]) -> Vec<News> {
    let mut news = Vec::new();
    seen.heard(connector, heard, &mut news);
    news
}

/// News as lines.
pub(super) fn told(news: &[News]) -> String {
    let lines = Lines::new(&listings(), DIALECT, "ws://a/".to_owned(), MINUTE);
    let mut text = String::new();
    news.iter().for_each(|news| lines.push(news, &mut text));
    text
}

fn sides(seen: &Seen) -> [Vec<Level>; 2] {
    [Side::Buy, Side::Sell].map(|side| seen.markets[0].side(side).to_vec())
}

#[test]
fn a_book_follows_its_changes_and_a_hole_lasts_until_all_of_it_is_told() {
    let mut seen = seen(Tells::BooksAndTrades);
    let before = hear(&mut seen, 0, EventBody::BookDelta(book(&[(99, 1)], &[])));
    assert!(before.is_empty() && !seen.markets[0].is_whole(), "a change of what is not known");
    let first = book(&[(100, 5), (99, 7)], &[(101, 4)]);
    let news = hear(&mut seen, 1, EventBody::BookSnapshot(first));
    assert_eq!(
        told(&news),
        "{\"event\":\"book\",\"market\":\"btcusd\",\"time\":\"2026-01-05T09:00:01.000000Z\",\"snapshot\":true,\
         \"bids\":[[\"5.00\",\"0.005\"],[\"4.95\",\"0.007\"]],\"asks\":[[\"5.05\",\"0.004\"]],\
         \"best_bid\":[\"5.00\",\"0.005\"],\"best_ask\":[\"5.05\",\"0.004\"]}\n"
    );
    let change = book(&[(100, 0), (98, 2)], &[(101, 9)]);
    let news = hear(&mut seen, 2, EventBody::BookDelta(change));
    assert!(
        told(&news)
            .contains("\"snapshot\":false,\"bids\":[[\"5.00\",\"0.000\"],[\"4.90\",\"0.002\"]]")
    );
    assert!(told(&news).contains("\"best_bid\":[\"4.95\",\"0.007\"]"));
    assert_eq!(sides(&seen), [levels(&[(98, 2), (99, 7)]), levels(&[(101, 9)])]);
    // All of it told again is no more than what differs.
    let again = book(&[(99, 7), (97, 3)], &[(101, 9)]);
    let news = hear(&mut seen, 3, EventBody::BookSnapshot(again.clone()));
    assert!(told(&news).contains(
        "\"snapshot\":false,\"bids\":[[\"4.90\",\"0.000\"],[\"4.85\",\"0.003\"]],\"asks\":[]"
    ));
    assert_eq!(hear(&mut seen, 4, EventBody::BookSnapshot(again.clone())), []);
    assert_eq!(sides(&seen), [levels(&[(97, 3), (99, 7)]), levels(&[(101, 9)])]);

    let mut news = Vec::new();
    seen.gap("the connection was lost", &mut news);
    seen.gap("it cannot be had again", &mut news);
    seen.again("the connection was lost", Duration::from_secs(2), Instant::now(), &mut news);
    assert_eq!(
        told(&news),
        "{\"event\":\"hole\",\"market\":\"btcusd\",\"why\":\"the connection was lost\"}\n\
         {\"event\":\"lost\",\"why\":\"the connection was lost\",\"again_in_seconds\":2}\n"
    );
    assert_eq!(hear(&mut seen, 5, EventBody::BookDelta(book(&[(90, 1)], &[]))), []);
    assert!(!seen.markets[0].is_whole());
    let news = hear(&mut seen, 6, EventBody::BookSnapshot(book(&[(90, 1)], &[])));
    assert!(told(&news).contains("\"snapshot\":true,\"bids\":[[\"4.50\",\"0.001\"]],\"asks\":[],"));
    assert!(told(&news).contains("\"best_ask\":null"));
    assert_eq!(sides(&seen), [levels(&[(90, 1)]), vec![]]);

    // A connector that doubts what it told says so.
    let news = hear_of(&mut seen, &Told { unjoined: true, bar: None }, &[]);
    assert!(matches!(&news[..], [News::Hole(0, _)]), "{news:?}");
    assert_eq!(hear_of(&mut seen, &Told { unjoined: true, bar: None }, &[]), []);
}

#[test]
fn a_candle_is_whole_only_if_the_line_stood_all_the_while() {
    let mut seen = seen(Tells::BooksAndTrades);
    let mut all = String::new();
    let mut hears = |seen: &mut Seen, seconds, body| all += &told(&hear(seen, seconds, body));
    hears(&mut seen, 30, trade(1, 30, 100, 1, Side::Buy));
    hears(&mut seen, 61, trade(2, 61, 103, 2, Side::Sell));
    hears(&mut seen, 62, trade(3, 62, 101, 3, Side::Sell));
    hears(&mut seen, 125, trade(4, 125, 104, 4, Side::Buy));
    seen.gap("lost", &mut Vec::new());
    hears(&mut seen, 170, trade(5, 170, 105, 1, Side::Buy));
    hears(&mut seen, 190, trade(6, 190, 106, 1, Side::Buy));
    hears(&mut seen, 245, trade(7, 245, 107, 1, Side::Buy));
    let candles: Vec<&str> = all.lines().filter(|line| line.contains("\"candle\"")).collect();
    let start = |minute: i64| format!("\"start\":\"2026-01-05T09:0{minute}:00.000000Z\"");
    let whole = [false, true, false, true];
    assert_eq!(candles.len(), whole.len(), "{all}");
    for ((minute, candle), whole) in (0..).zip(&candles).zip(whole) {
        assert!(candle.contains(&start(minute)), "{candle}");
        assert!(candle.ends_with(&format!("\"whole\":{whole},\"closed\":true}}")), "{candle}");
    }
    assert!(candles[1].contains(
        "\"open\":\"5.15\",\"high\":\"5.15\",\"low\":\"5.05\",\"close\":\"5.05\",\"volume\":\"0.005\""
    ));
    assert!(all.starts_with(
        "{\"event\":\"trade\",\"market\":\"btcusd\",\"time\":\"2026-01-05T09:00:30.000000Z\",\"id\":\"1\",\"side\":\"buy\",\
         \"price\":\"5.00\",\"quantity\":\"0.001\"}\n"
    ));
}

#[test]
fn a_bar_is_told_as_it_grows_and_once_when_it_is_over() {
    let mut seen = seen(Tells::Bars);
    let bar = |minute: i64, close: i64| Told {
        unjoined: false,
        bar: Some(Candle {
            start: at(60 * minute),
            open: Price(100),
            high: Price(110),
            low: Price(90),
            close: Price(close),
            volume: Quantity(5),
            turnover: 0,
            trades: 0,
        }),
    };
    let ends = |news: &[News]| {
        let text = told(news);
        let end = |line: &str| line.split_once("\"whole\":").map(|(_, end)| end.to_owned());
        text.lines().filter_map(end).collect::<Vec<_>>()
    };
    let growing = "true,\"closed\":false}";
    // Both markets are told the same: two lines each.
    assert_eq!(ends(&hear_of(&mut seen, &bar(0, 100), &[])), [growing; 2]);
    assert_eq!(hear_of(&mut seen, &bar(0, 100), &[]), []);
    assert_eq!(ends(&hear_of(&mut seen, &bar(0, 101), &[])), [growing; 2]);
    let over = "true,\"closed\":true}";
    assert_eq!(ends(&hear_of(&mut seen, &bar(1, 101), &[])), [over, growing, over, growing]);
    seen.gap("lost", &mut Vec::new());
    let broken = "false,\"closed\":true}";
    assert_eq!(ends(&hear_of(&mut seen, &bar(4, 99), &[])), [broken, growing, broken, growing]);
}

/// The picture of what is seen, row by row, and whether it has colours.
pub(super) fn picture(seen: &Seen, look: &Look, columns: u16, rows: u16) -> (Vec<String>, bool) {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("cells");
    terminal
        .draw(|frame| {
            let area = frame.area();
            view::draw(seen, "bitstamp at ws://a/", look, area, frame.buffer_mut());
        })
        .expect("cells");
    let cells = terminal.backend().buffer();
    let row = |y: u16| (0..columns).map(|x| cells[(x, y)].symbol()).collect::<String>();
    let coloured = cells.content().iter().any(|cell| cell.fg != Color::Reset);
    ((0..rows).map(|y| row(y).trim_end().to_owned()).collect(), coloured)
}

pub(super) fn look(now: Instant) -> Look {
    Look { now, market: 0, interval: MINUTE, colours: true }
}

pub(super) fn lively(now: Instant) -> Seen {
    let mut seen = seen(Tells::BooksAndTrades);
    seen.last = Some(now);
    hear(&mut seen, 1, EventBody::BookSnapshot(book(&[(100, 5), (99, 10)], &[(102, 4), (103, 1)])));
    hear(&mut seen, 30, trade(1, 30, 100, 1_500, Side::Sell));
    hear(&mut seen, 65, trade(2, 65, 102, 20, Side::Buy));
    seen
}

#[test]
fn book_tape_and_candles_are_drawn_where_there_is_room() {
    let now = Instant::now();
    let seen = lively(now);
    let (rows, coloured) = picture(&seen, &look(now + Duration::from_millis(340)), 80, 24);
    assert!(coloured);
    assert_eq!(rows[0], " btcusd BTC/USD  bitstamp at ws://a/");
    assert_eq!(rows[1], "live · last frame 0.3 s ago");
    assert_eq!(rows[23], "q quit  Tab market (1 of 2)  i interval (1m)");
    let all = rows.join("\n");
    let place = |text: &str| {
        rows.iter().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{text} in\n{all}"))
    };
    // From the dearest ask down to the cheapest bid.
    let book = [
        "ask         5.15",
        "ask         5.10",
        "spread 0.10",
        "bid         5.00",
        "bid         4.95",
    ];
    assert!(book.map(place).is_sorted_by(|one, next| one + 1 == *next), "{all}");
    assert!(rows[place("4.95")].contains("0.010 ███"), "the largest has the longest bar:\n{all}");
    let tape =
        ["09:01:05 ▲ buy          5.10       0.020", "09:00:30 ▼ sell         5.00       1.500"];
    assert!(tape.map(place).is_sorted_by(|one, next| one + 1 == *next), "{all}");
    assert!(all.contains("candles of 1m, ? heard in part  last 5"), "{all}");
    assert!(all.contains("09:00:00 to 09:01:00"), "{all}");

    // Resized: the book alone where there is no room, and nothing breaks at any size.
    let (rows, _) = picture(&seen, &look(now), 50, 12);
    assert!(!rows.join("\n").contains("trades") && rows.join("\n").contains("spread"));
    for columns in [1, 5, 19, 20, 23, 37, 79, 81, 250] {
        for height in [1, 3, 4, 5, 6, 9, 50] {
            picture(&seen, &look(now), columns, height);
        }
    }
    // Of the other market nothing is known.
    let (rows, _) = picture(&seen, &Look { market: 1, ..look(now) }, 120, 30);
    let all = rows.join("\n");
    assert!(all.contains("THE BOOK HAS A HOLE: the venue has not told the book yet"), "{all}");
    assert!(all.contains("candles of 1m: no trade was heard yet"), "{all}");
}

#[test]
fn what_cannot_be_relied_on_is_marked_without_colours_too() {
    let now = Instant::now();
    let mut seen = lively(now);
    let plain = Look { colours: false, ..look(now) };
    let (rows, coloured) = picture(&seen, &plain, 100, 24);
    assert!(!coloured);
    assert!(!rows.join("\n").contains("? bid") && !rows.join("\n").contains("book?"));
    let quiet = Look { now: now + Duration::from_secs(25), ..plain };
    assert_eq!(picture(&seen, &quiet, 100, 24).0[1], "QUIET · last frame 25 s ago");

    seen.gap("the venue ended the connection", &mut Vec::new());
    let pause = Duration::from_secs(4);
    seen.again("the venue ended the connection", pause, now, &mut Vec::new());
    let later = Look { now: now + Duration::from_millis(1_500), ..plain };
    let (rows, coloured) = picture(&seen, &later, 100, 24);
    let all = rows.join("\n");
    assert!(!coloured);
    assert_eq!(
        rows[1],
        "LOST, again in 3 s · last frame 1.5 s ago · the venue ended the connection"
    );
    assert!(all.contains("book?") && all.contains("? bid         5.00"), "{all}");
    seen.opened(&mut Vec::new());
    let (rows, _) = picture(&seen, &later, 100, 24);
    assert!(rows[1].contains("THE BOOK HAS A HOLE: the venue ended the connection"), "{}", rows[1]);
    assert_eq!(seen.standing, Standing::Open);
    hear(&mut seen, 70, EventBody::BookSnapshot(book(&[(104, 1)], &[(102, 1)])));
    let (rows, _) = picture(&seen, &later, 100, 24);
    let all = rows.join("\n");
    assert!(!all.contains("HOLE") && !all.contains("? bid"), "{all}");
    assert!(all.contains("bids and asks cross, as the venue tells them"), "{all}");
}

#[test]
fn venues_without_books_show_what_they_tell() {
    let now = Instant::now();
    let mut trades = seen(Tells::Trades);
    hear(&mut trades, 30, trade(1, 30, 100, 1_500, Side::Sell));
    let all = picture(&trades, &look(now), 80, 24).0.join("\n");
    assert!(all.contains("trades") && !all.contains("book") && !all.contains("HOLE"), "{all}");
    let bars = seen(Tells::Bars);
    let all = picture(&bars, &look(now), 80, 24).0.join("\n");
    assert!(all.contains("candles of 1m") && !all.contains("trades"), "{all}");
    assert!(!all.contains("interval ("), "a venue of bars has one interval: {all}");
}

#[test]
fn keys_are_read_as_terminals_send_them() {
    for quit in ["q", "Q", "\x03", "\x1b"] {
        assert_eq!(keys::read(quit.as_bytes()), [Key::Quit], "{quit:?}");
    }
    assert_eq!(keys::read(b"\ti\x1b[C\x1b[D\x1b[Z\x1bOC"), {
        use Key::{Interval, Next, Previous};
        [Next, Interval, Next, Previous, Previous, Next]
    });
    assert_eq!(
        keys::read(b"\x1b[15~\x1b[1;5Cx\x1bq"),
        [],
        "of keys that mean nothing none is part of one that does"
    );
    assert!(keys::is_open(b"\x1b") && keys::is_open(b"i\x1b") && !keys::is_open(b"\x1b["));
}
