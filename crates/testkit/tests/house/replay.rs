//! A recorded session of the real Bitstamp, told again: what a client then holds equals what the recording
//! says. The recording is read a second time here, naively: JSON values and maps of strings.

use std::collections::BTreeMap;
use std::path::Path;

use dialects::bitstamp::client::{Client, recorded};
use feed::capture::Capture;
use feed::source::replay::Replay;
use model::{
    AnswerBody, Cadence, Decimal, Event, EventBody, Instrument, Level, Listing, Query, Source, Time,
};
use serde_json::Value;
use testkit::data::capture;
use views::Board;

const CAPTURE: &str = "bitstamp-2022-01-05";

/// A side of a book as it is written: price to amount.
type Side = BTreeMap<String, String>;

/// What the recording says, read naively.
struct Naive {
    /// Whole books, by market, with their stamp.
    books: BTreeMap<String, (i64, [Side; 2])>,
    /// Frames of the socket after the whole books, in order: text and value.
    frames: Vec<(String, Value)>,
}

impl Naive {
    fn read(folder: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
        let mut books = BTreeMap::new();
        for line in text("BITSTAMP.http.0.0").lines().filter(|line| !line.is_empty()) {
            let (address, rest) = line.split_once(" -> ").expect("an answer");
            let (_, body) = rest.split_once(": ").expect("a body");
            let body: Value = serde_json::from_str(body).expect("JSON");
            let market = address.rsplit('/').next().expect("a market").to_owned();
            let mut sides = [Side::new(), Side::new()];
            change(&mut sides, &body);
            books.insert(market, (stamp(&body), sides));
        }
        let frames = text("BITSTAMP.ws.1.0")
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("wss"))
            .map(|line| {
                let (_, frame) = line.split_once(": ").expect("a frame");
                (frame.to_owned(), serde_json::from_str(frame).expect("JSON"))
            })
            .collect();
        Self { books, frames }
    }

    /// Frames that tell something new: trades, and diffs that follow their book.
    fn news(&self) -> impl Iterator<Item = (&str, &str, &Value, &str)> {
        self.frames.iter().filter_map(|(text, frame)| {
            let event = frame["event"].as_str()?;
            let market = frame["channel"].as_str()?.rsplit('_').next()?;
            let told = match event {
                "data" => stamp(&frame["data"]) > self.books[market].0,
                other => other == "trade",
            };
            told.then_some((event, market, &frame["data"], text.as_str()))
        })
    }
}

fn stamp(data: &Value) -> i64 {
    data["microtimestamp"].as_str().and_then(|text| text.parse().ok()).expect("a stamp")
}

/// Sets levels as they are written; an amount of zeros removes one.
fn change(sides: &mut [Side; 2], data: &Value) {
    for (side, name) in sides.iter_mut().zip(["bids", "asks"]) {
        for level in data[name].as_array().expect("levels") {
            let [price, amount] = [0, 1].map(|n| level[n].as_str().expect("text").to_owned());
            if amount.bytes().all(|byte| byte == b'0' || byte == b'.') {
                side.remove(&price);
            } else {
                side.insert(price, amount);
            }
        }
    }
}

/// The recording, told again to one board a market.
struct Told {
    listings: Vec<Listing>,
    boards: Vec<Board>,
    replay: Replay,
}

impl Told {
    fn read(folder: &Path, looped: bool) -> Self {
        let capture = Capture::read(folder).expect("a capture");
        let listings = recorded(capture.fetched()).expect("a directory");
        let mut client = Client::new(&listings).trusting();
        let replay = Replay::new(&capture, &mut client, looped).expect("a replay");
        let board = |it: &Listing| Board::by_level(it.instrument.id, replay.begins());
        Self { boards: listings.iter().map(board).collect(), listings, replay }
    }

    fn all(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.replay.advance(self.replay.ends(), &mut events);
        assert_eq!(self.replay.due(), None);
        events
    }

    fn at(&self, market: &str) -> usize {
        let listed = |it: &Listing| it.symbol_in("bitstamp") == Some(market);
        self.listings.iter().position(listed).expect("a listed market")
    }

    /// The book of a market as it is asked for, in the recording's own words.
    fn book(&self, at: usize) -> (Time, [Side; 2]) {
        let instrument = &self.listings[at].instrument;
        let query = Query::Book { instrument: instrument.id, cadence: Cadence::TENTH };
        let answer = self.boards[at].answer(&query, self.replay.begins());
        let AnswerBody::Book { time, bids, asks } = answer else { panic!("no book: {answer:?}") };
        assert!(bids.is_sorted_by(|one, next| one.price > next.price), "bids fall");
        assert!(asks.is_sorted_by(|one, next| one.price < next.price), "asks rise");
        let side = |levels: Vec<Level>| levels.iter().map(|it| words(instrument, it)).collect();
        (time, [side(bids), side(asks)])
    }
}

fn words(instrument: &Instrument, level: &Level) -> (String, String) {
    let units = instrument.price_units(level.price);
    let price = Decimal { units, decimals: instrument.price_decimals };
    let units = instrument.quantity_units(level.quantity);
    let amount = Decimal { units, decimals: instrument.quantity_decimals };
    (price.to_string(), amount.to_string())
}

#[test]
fn every_book_at_every_stamp_and_every_trade_equal_the_recording() {
    let Some(folder) = capture(CAPTURE) else { return };
    let mut naive = Naive::read(&folder);
    let mut told = Told::read(&folder, false);
    assert_eq!((told.listings.len(), naive.frames.len()), (10, 747));
    let events = told.all();
    let (books, news) = events.split_at(10);
    for event in books {
        let at = event.instrument.index();
        assert!(matches!(event.body, EventBody::BookSnapshot(_)), "{event:?}");
        told.boards[at].apply(event, &mut |_, _| {});
        let (time, book) = &naive.books[told.listings[at].symbol_in("bitstamp").expect("listed")];
        assert_eq!(told.book(at), (Time(*time), book.clone()));
    }
    let mut state = std::mem::take(&mut naive.books);
    naive.books = state.clone();
    let (mut diffs, mut trades) = (0, 0);
    let mut events = news.iter();
    for (kind, market, data, _) in naive.news() {
        let event = events.next().expect("an event for each piece of news");
        let at = told.at(market);
        assert_eq!((event.instrument.index(), event.time), (at, Time(stamp(data))));
        told.boards[at].apply(event, &mut |_, _| {});
        if let EventBody::Printed(trade) = event.body {
            assert_eq!(kind, "trade");
            let instrument = &told.listings[at].instrument;
            let level = Level { price: trade.price, quantity: trade.quantity };
            let (price, amount) = words(instrument, &level);
            assert_eq!(data["price_str"], price.as_str());
            assert_eq!(data["amount_str"], amount.as_str());
            assert_eq!(data["id"], trade.id.0);
            assert_eq!(data["type"], u64::from(trade.aggressor == model::Side::Sell));
            assert_eq!(data["buy_order_id"], trade.buyer().0);
            assert_eq!(data["sell_order_id"], trade.seller().0);
            assert_eq!(stamp(data), trade.time.0);
            trades += 1;
            continue;
        }
        let book = state.get_mut(market).expect("a book");
        change(&mut book.1, data);
        assert_eq!(told.book(at), (Time(stamp(data)), book.1.clone()), "{market}");
        diffs += 1;
    }
    assert_eq!(events.next(), None);
    assert_eq!((diffs, trades), (615, 10));
}
