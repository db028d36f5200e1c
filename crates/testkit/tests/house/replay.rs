//! A recorded session of the real Bitstamp, told again: what a client then holds equals what the recording
//! says. The recording is read a second time here, naively: JSON values and maps of strings.

use std::collections::BTreeMap;
use std::path::Path;

use dialects::bitstamp::client::{Client, recorded};
use dialects::bitstamp::{Bitstamp, Options};
use dialects::{Connector, Dialect, FrameBuilder, HttpRequest, Opening, Request, Step, Visitor};
use engine::flow::Random;
use feed::capture::{Capture, Recorded};
use feed::source::replay::Replay;
use model::{
    Answer, AnswerBody, Cadence, Decimal, Event, EventBody, Instrument, InstrumentId, Level,
    Listing, Query, Source, Time, Topic,
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
    capture: Capture,
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
        Self { boards: listings.iter().map(board).collect(), capture, listings, replay }
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
    assert_eq!(told.replay.begins(), Time(1_641_343_696_241_052), "the first book");
    assert_eq!(told.replay.opens(), Time(1_641_343_697_382_669), "the last of the first ten");
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

/// The recorded client subscribes to our server, which serves the recording: it hears what was recorded, byte
/// for byte, but for the diffs that came before their book.
#[test]
fn the_recorded_conversation_is_had_again_byte_for_byte() {
    let Some(folder) = capture(CAPTURE) else { return };
    let naive = Naive::read(&folder);
    let mut told = Told::read(&folder, false);
    let dialect = Bitstamp::new(&told.listings, Options::default()).expect("good listings");
    let mut frames: Vec<String> = Vec::new();
    let mut topics: Vec<Topic> = Vec::new();
    let said = told.capture.records().iter().filter_map(|record| match &record.what {
        Recorded::Said(text) => Some(text),
        _ => None,
    });
    let mut requests = Vec::new();
    said.for_each(|text| dialect.decode(text.as_bytes(), &Visitor::STRANGER, &mut requests));
    for request in requests {
        let Request::Subscribe { subjects, opening: Opening::Said(words), .. } = request else {
            panic!("a recorded subscription was not understood: {request:?}");
        };
        frames.push(String::from_utf8(words).expect("text"));
        topics.extend(subjects.iter().map(|subject| subject.topic));
    }
    for topic in &topics {
        let at = topic.instrument().expect("of one instrument").index();
        told.boards[at].listen(topic.kind);
    }
    for event in told.all() {
        let instrument = event.instrument;
        told.boards[instrument.index()].apply(&event, &mut |kind, update| {
            let mut frame = FrameBuilder::new();
            let subject = Topic::of(instrument, kind).into();
            if dialect.encode(&subject, update, event.sequence, &mut frame) {
                frames.push(String::from_utf8(frame.text().to_vec()).expect("text"));
            }
        });
        if matches!(event.body, EventBody::BookSnapshot(_)) {
            assert_eq!(fetched(&dialect, &told, instrument), recorded_book(&told, instrument));
        }
    }
    let acknowledged = naive.frames.iter().filter(|(_, frame)| {
        frame["event"].as_str().is_some_and(|event| event == "bts:subscription_succeeded")
    });
    let expected: Vec<&str> = acknowledged
        .map(|(text, _)| text.as_str())
        .chain(naive.news().map(|(_, _, _, text)| text))
        .collect();
    assert_eq!((topics.len(), expected.len()), (20, 20 + 615 + 10));
    for (frame, expected) in frames.iter().zip(&expected) {
        assert_eq!(frame, expected);
    }
    assert_eq!(frames.len(), expected.len());
}

/// Of ten markets we say what the venue said of them, but whether they take instant orders.
#[test]
fn the_recorded_directory_is_served_again() {
    let Some(folder) = capture(CAPTURE) else { return };
    let told = Told::read(&folder, false);
    let path = "/api/v2/trading-pairs-info/";
    let (_, recorded) = told.capture.fetched().find(|(at, _)| *at == path).expect("a directory");
    let recorded: Vec<Value> = serde_json::from_str(recorded).expect("rows");
    let dialect = Bitstamp::new(&told.listings, Options::default()).expect("good listings");
    let request = HttpRequest::bare("GET", path);
    let Step::Reply(served) = dialect.http(&request) else { panic!("a question?") };
    let served: Vec<Value> = serde_json::from_slice(&served.body).expect("rows");
    assert_eq!(served.len(), 10);
    for row in &served {
        let its = recorded.iter().find(|other| other["url_symbol"] == row["url_symbol"]);
        let fields = its.expect("a recorded row").as_object().expect("a row");
        for (name, value) in fields.iter().filter(|(name, _)| *name != "instant_and_market_orders")
        {
            assert_eq!(&row[name], value, "{name}");
        }
    }
}

/// The body of a market's book, asked for at the recorded path.
fn fetched(dialect: &Bitstamp, told: &Told, instrument: InstrumentId) -> String {
    let path = book_path(told, instrument);
    let request = HttpRequest::bare("GET", &path);
    let Step::Ask(query, word) = dialect.http(&request) else { panic!("{path} is no question") };
    let now = told.replay.begins();
    let body = told.boards[instrument.index()].answer(&query, now);
    let Step::Reply(response) = word(Answer { now, body }) else { panic!("{path} asks twice") };
    assert_eq!(response.status, 200);
    String::from_utf8(response.body).expect("text")
}

/// The recorded body, which the recorder wrote with blanks, without them.
fn recorded_book(told: &Told, instrument: InstrumentId) -> String {
    let path = book_path(told, instrument);
    let mut bodies = told.capture.fetched().filter(|(at, _)| *at == path);
    let (_, body) = bodies.next().expect("a recorded book");
    body.replace(' ', "")
}

fn book_path(told: &Told, instrument: InstrumentId) -> String {
    let symbol = told.listings[instrument.index()].symbol_in("bitstamp").expect("listed");
    format!("/api/v2/order_book/{symbol}")
}

/// Round after round the books go on from each other: no stamp comes twice, and each round ends in the same
/// books.
#[test]
fn a_loop_ends_each_round_in_the_same_books() {
    let Some(folder) = capture(CAPTURE) else { return };
    let mut told = Told::read(&folder, true);
    let mut stamps = vec![Time(0); told.listings.len()];
    let mut ends: Vec<Vec<[Side; 2]>> = Vec::new();
    let mut trades = std::collections::BTreeSet::new();
    let events_of_round = told.replay.events();
    for _ in 0..3 {
        let mut events = Vec::new();
        while events.len() < events_of_round {
            let due = told.replay.due().expect("it never ends");
            told.replay.advance(due, &mut events);
        }
        assert_eq!(events.len(), events_of_round);
        for event in &events {
            let at = event.instrument.index();
            told.boards[at].apply(event, &mut |_, _| {});
            if let EventBody::Printed(trade) = &event.body {
                assert!(trades.insert(trade.id) && trade.time == event.time, "{trade:?}");
                continue;
            }
            assert!(stamps[at] < event.time, "{event:?}");
            stamps[at] = event.time;
        }
        ends.push((0..stamps.len()).map(|at| told.book(at).1).collect());
    }
    assert_eq!((ends[0].len(), trades.len()), (10, 30));
    assert!(ends[0] == ends[1] && ends[1] == ends[2]);
}

/// Frames of a real venue with a few bytes of each changed, lost or doubled: whatever the connector makes of
/// them, it stays whole.
#[test]
fn damaged_real_frames_leave_the_connector_whole() {
    let Some(folder) = capture(CAPTURE) else { return };
    let told = Told::read(&folder, false);
    let mut refused = 0;
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut client = Client::new(&told.listings);
        let (mut heard, mut errands) = (Vec::new(), Vec::new());
        let mut stamps = vec![Time(0); told.listings.len()];
        for record in told.capture.records() {
            let outcome = match &record.what {
                Recorded::Opened => {
                    client.opened(&mut errands);
                    Ok(())
                }
                Recorded::Said(_) => Ok(()),
                Recorded::Heard(text) => {
                    let text = damaged(text, &mut random);
                    client.message(&text, &mut heard, &mut errands)
                }
                Recorded::Fetched { path, body } => {
                    let body = damaged(body, &mut random);
                    client.fetched(path, &body, &mut heard, &mut errands)
                }
            };
            refused += u64::from(outcome.is_err());
            errands.clear();
            for heard in heard.drain(..) {
                let stamp = &mut stamps[heard.instrument.index()];
                if !matches!(heard.body, EventBody::Printed(_)) {
                    assert!(*stamp < heard.time, "seed {seed}: {heard:?}");
                    *stamp = heard.time;
                }
            }
        }
    }
    assert!(refused > 60, "damage was noticed {refused} times");
}

/// One text in eight with some bytes changed, lost or doubled.
fn damaged(text: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if random.below(8) == 0 {
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[at] = random.next_u64() as u8,
                1 => bytes[at] = b"0123456789\"[]{},.-"[random.below(18) as usize],
                2 => bytes.insert(at, bytes[at]),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
    }
    bytes
}
