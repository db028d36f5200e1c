//! The law *mirror*: whoever listens through our own connector holds the same book, and hears the same trades.
//!
//! A random market runs through engine, boards and the Bitstamp dialect. On the far side of a slow line, where
//! what is said, told and fetched arrives late but in order, and which is cut now and then, the dialect's client
//! half turns frames back into events, and a second set of boards shows them. Whatever stamp a book there has,
//! it must be the book that was published here under that stamp.

use std::collections::{BTreeMap, VecDeque};

use dialects::bitstamp::client::Client;
use dialects::bitstamp::{Bitstamp, NAME, Options};
use dialects::{
    Connector, Dialect, Errand, FrameBuilder, Heard, HttpRequest, Misheard, Opening, Request, Step,
    Subject, Visitor,
};
use engine::Engine;
use engine::flow::{Random, enriched};
use model::{
    Answer, AnswerBody, Cadence, Command, Event, EventBody, Instrument, InstrumentId, Level,
    Listing, Minimum, Quantity, Query, Sequence, Time, Topic, Trade, Update,
};
use views::Board;

mod market;

use market::Market;

/// Steps of one market: one command or a few, and what the line does meanwhile.
const STEPS: u64 = 300;
/// 2026-11-22.
const START: Time = Time(1_795_305_600_000_000);
const CADENCE: Cadence = Cadence::TENTH;
const SYMBOLS: [&str; 3] = ["btcusd", "perpusd", "xlmusd"];

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Books that were equal, whole, at equal stamps.
    pub books: u64,
    /// Of these, whole ones that the client had fetched.
    pub fetched: u64,
    /// Trades that were equal.
    pub trades: u64,
    /// Connections, the first and those after a cut.
    pub connections: u64,
    /// Connections that the client gave up, for old books only.
    pub given_up: u64,
}

/// Runs the market of a seed and compares all along.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut random = Random::new(seed);
    let listings = listings();
    let mut here = Here::new(seed, &listings);
    let mut there = There::new(seed, &listings);
    let mut line = Line::default();
    let mut market = Market::new(&listings);
    let mut cut_for = random.below(60);
    for _ in 0..STEPS {
        here.overheard(&mut random);
        for command in market.step(&mut random) {
            here.carry_out(&command, &mut line, |event| market.note(event));
        }
        if there.connected {
            line.run(&mut random, &mut here, &mut there);
            if random.below(200) == 0 || !there.connected {
                line = Line::default();
                here.hang_up();
                there.connected = false;
                cut_for = random.below(30);
            }
        } else if cut_for == 0 {
            there.connect(&mut line);
        } else {
            cut_for -= 1;
        }
    }
    if !there.connected {
        there.connect(&mut line);
    }
    // A line that has become fast, and a last change in each instrument, so that every book is joined.
    for _ in 0..3 {
        line.settle(&mut here, &mut there);
        for command in market.last_words() {
            here.carry_out(&command, &mut line, |_| {});
        }
    }
    line.settle(&mut here, &mut there);
    for listing in &listings {
        let id = listing.instrument.id;
        assert_eq!(
            book_of(&there.boards[id.index()]),
            book_of(&here.boards[id.index()]),
            "seed {seed}: at the end the books of {id} differ"
        );
    }
    there.figures
}

/// Three instruments whose numbers are written differently: many decimals, none, and steps of several units.
fn listings() -> Vec<Listing> {
    let listing = |id, base: &str, price: (u8, i64), quantity: (u8, i64)| Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.to_owned(),
            quote: "USD".to_owned(),
            price_decimals: price.0,
            tick_units: price.1,
            quantity_decimals: quantity.0,
            lot_units: quantity.1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: format!("{base} / U.S. dollar"),
        symbols: vec![(NAME.to_owned(), SYMBOLS[usize::from(id)].to_owned())],
    };
    vec![
        listing(0, "BTC", (2, 1), (8, 1)),
        listing(1, "PERP", (0, 1), (0, 1)),
        listing(2, "XLM", (5, 5), (8, 25_000)),
    ]
}

/// A book as it is answered: stamp, bids, asks.
type Answered = Option<(Time, Vec<Level>, Vec<Level>)>;

fn book_of(board: &Board) -> Answered {
    let query = Query::Book { instrument: InstrumentId::NONE, cadence: CADENCE };
    match board.answer(&query, START) {
        AnswerBody::Book { time, bids, asks } => Some((time, bids, asks)),
        _ => None,
    }
}

/// The venue: engine, boards, dialect, and the one session there is.
struct Here {
    seed: u64,
    engine: Engine,
    events: Vec<Event>,
    boards: Vec<Board>,
    dialect: Bitstamp,
    now: Time,
    /// What the session listens to.
    topics: Vec<Topic>,
    /// Every state that was ever published.
    published: BTreeMap<(InstrumentId, Time), (Vec<Level>, Vec<Level>)>,
    /// Bodies that a cache before the venue may answer with instead, by path.
    cache: BTreeMap<String, Vec<u8>>,
}

impl Here {
    fn new(seed: u64, listings: &[Listing]) -> Self {
        let instruments: Vec<Instrument> =
            listings.iter().map(|listing| listing.instrument.clone()).collect();
        let mut here = Self {
            seed,
            engine: enriched(Engine::new(&instruments), 1..=6),
            events: Vec::new(),
            boards: instruments.iter().map(|it| Board::new(it.id, START)).collect(),
            dialect: Bitstamp::new(listings, Options::default()).expect("good listings"),
            now: START,
            topics: Vec::new(),
            published: BTreeMap::new(),
            cache: BTreeMap::new(),
        };
        here.remember();
        here
    }

    /// Carries out a command, shows what happened, and tells it to the session.
    fn carry_out(&mut self, command: &Command, line: &mut Line, mut note: impl FnMut(&Event)) {
        self.now = command.time;
        self.engine.apply(command, &mut self.events);
        for event in self.events.drain(..) {
            note(&event);
            for (at, board) in self.boards.iter_mut().enumerate() {
                let instrument = InstrumentId(at as u16);
                board.apply(&event, &mut |kind, update| {
                    let topic = Topic::of(instrument, kind);
                    assert!(self.topics.contains(&topic), "nobody listens to {topic:?}");
                    let mut frame = FrameBuilder::new();
                    if self.dialect.encode(&topic.into(), update, event.sequence, &mut frame) {
                        let trade = match update {
                            Update::Trade(trade) => Some((instrument, **trade)),
                            _ => None,
                        };
                        line.down.push_back(Told { text: frame.text().to_vec(), trade });
                    }
                });
            }
        }
        self.remember();
    }

    fn remember(&mut self) {
        for (at, board) in self.boards.iter().enumerate() {
            let (stamp, bids, asks) = book_of(board).expect("the engine's books are always known");
            let state = (bids, asks);
            let known = self.published.entry((InstrumentId(at as u16), stamp));
            let known = known.or_insert_with(|| state.clone());
            assert_eq!(*known, state, "seed {}: two books under one stamp", self.seed);
        }
    }

    fn said(&mut self, text: &[u8], line: &mut Line) {
        let mut requests = Vec::new();
        self.dialect.decode(text, &Visitor::STRANGER, &mut requests);
        for request in requests {
            let Request::Subscribe { subjects, opening: Opening::Said(words), .. } = request else {
                panic!("seed {}: our own client was not understood", self.seed);
            };
            line.down.push_back(Told { text: words, trade: None });
            for Subject { topic, .. } in subjects {
                let instrument = topic.instrument().expect("public topics are of an instrument");
                self.boards[instrument.index()].listen(topic.kind);
                self.topics.push(topic);
            }
        }
    }

    fn fetch(&self, path: &str) -> Vec<u8> {
        let request = HttpRequest::bare("GET", path);
        let Step::Ask(query, word) = self.dialect.http(&request) else {
            panic!("seed {}: {path} is no question", self.seed);
        };
        let Query::Book { instrument, .. } = query else {
            panic!("seed {}: {path} asks {query:?}", self.seed);
        };
        let body = self.boards[instrument.index()].answer(&query, self.now);
        let Step::Reply(response) = word(Answer { now: self.now, body }) else {
            panic!("seed {}: {path} asks twice", self.seed);
        };
        assert_eq!(response.status, 200, "seed {}", self.seed);
        response.body
    }

    /// Somebody else fetches a book through the cache.
    fn overheard(&mut self, random: &mut Random) {
        if random.below(10) == 0 {
            let symbol = SYMBOLS[random.below(3) as usize];
            let path = format!("/api/v2/order_book/{symbol}/");
            let body = self.fetch(&path);
            self.cache.insert(path, body);
        }
    }

    /// What a fetch through the cache brings: old at times, but published once.
    fn fetch_cached(&self, path: &str, random: &mut Random) -> Vec<u8> {
        let cached = self.cache.get(path).filter(|_| random.below(3) == 0);
        cached.cloned().unwrap_or_else(|| self.fetch(path))
    }

    fn hang_up(&mut self) {
        // Between connections the cache is not so old that a book would go back.
        self.cache.clear();
        for topic in self.topics.drain(..) {
            let instrument = topic.instrument().expect("public topics are of an instrument");
            self.boards[instrument.index()].unlisten(topic.kind);
        }
    }
}

/// A frame on its way, and the trade that it tells of.
struct Told {
    text: Vec<u8>,
    trade: Option<(InstrumentId, Trade)>,
}

/// What is under way between here and there.
#[derive(Default)]
struct Line {
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Told>,
    /// Fetches that have not arrived, and bodies on their way back.
    asked: Vec<String>,
    answered: Vec<(String, Vec<u8>)>,
}

impl Line {
    /// Something of what is under way arrives.
    fn run(&mut self, random: &mut Random, here: &mut Here, there: &mut There) {
        if random.below(2) == 0
            && let Some(text) = self.up.pop_front()
        {
            here.said(&text, self);
        }
        for _ in 0..random.below(6) {
            self.arrive(here, there);
        }
        if !self.asked.is_empty() && random.below(4) == 0 {
            let path = self.asked.swap_remove(random.below(self.asked.len() as u64) as usize);
            let body = here.fetch_cached(&path, random);
            self.answered.push((path, body));
        }
        if !self.answered.is_empty() && random.below(4) == 0 {
            let at = random.below(self.answered.len() as u64) as usize;
            let (path, body) = self.answered.swap_remove(at);
            there.fetched(&path, &body, here, self);
        }
    }

    fn arrive(&mut self, here: &Here, there: &mut There) {
        if let Some(told) = self.down.pop_front() {
            there.told(&told, here, self);
        }
    }

    /// All that is under way arrives.
    fn settle(&mut self, here: &mut Here, there: &mut There) {
        loop {
            if let Some(text) = self.up.pop_front() {
                here.said(&text, self);
            } else if !self.down.is_empty() {
                self.arrive(here, there);
            } else if let Some(path) = self.asked.pop() {
                let body = here.fetch(&path);
                self.answered.push((path, body));
            } else if let Some((path, body)) = self.answered.pop() {
                there.fetched(&path, &body, here, self);
            } else {
                return;
            }
        }
    }
}

/// The listener: client half and boards of its own.
struct There {
    seed: u64,
    client: Client,
    boards: Vec<Board>,
    connected: bool,
    sequence: Sequence,
    heard: Vec<Heard>,
    errands: Vec<Errand>,
    figures: Figures,
}

impl There {
    fn new(seed: u64, listings: &[Listing]) -> Self {
        Self {
            seed,
            client: Client::new(listings),
            boards: listings.iter().map(|it| Board::by_level(it.instrument.id, START)).collect(),
            connected: false,
            sequence: Sequence(0),
            heard: Vec::new(),
            errands: Vec::new(),
            figures: Figures::default(),
        }
    }

    fn connect(&mut self, line: &mut Line) {
        self.connected = true;
        self.figures.connections += 1;
        self.client.opened(&mut self.errands);
        self.run_errands(line);
    }

    fn run_errands(&mut self, line: &mut Line) {
        for errand in self.errands.drain(..) {
            match errand {
                Errand::Say(text) => line.up.push_back(text),
                Errand::Fetch(path) => line.asked.push(path),
                Errand::Reconnect => panic!("seed {}: nobody asked to reconnect", self.seed),
            }
        }
    }

    fn told(&mut self, told: &Told, here: &Here, line: &mut Line) {
        let outcome = self.client.message(&told.text, &mut self.heard, &mut self.errands);
        let text = String::from_utf8_lossy(&told.text);
        self.judge(outcome, &text);
        let printed = self.heard.iter().find_map(|heard| match heard.body {
            EventBody::Printed(trade) => Some((heard.instrument, trade)),
            _ => None,
        });
        // On the wire a trade's time is in whole milliseconds, and nobody is told whose its orders were.
        let shown = |(at, trade): (_, Trade)| {
            let time = trade.time.floor_to_millis();
            (at, Trade { time, maker_account: None, taker_account: None, ..trade })
        };
        assert_eq!(printed, told.trade.map(shown), "seed {}: of {text}", self.seed);
        self.figures.trades += u64::from(printed.is_some());
        self.show(here);
        self.run_errands(line);
    }

    /// A cache that answers with one old book after the other is reason to connect anew; nothing else is.
    fn judge(&mut self, outcome: Result<(), Misheard>, of: &str) {
        let Err(error) = outcome else { return };
        let stale = error.what.ends_with("older than its diffs, again and again");
        assert!(stale, "seed {}: {error}, of {of}", self.seed);
        self.connected = false;
        self.figures.given_up += 1;
    }

    fn fetched(&mut self, path: &str, body: &[u8], here: &Here, line: &mut Line) {
        let outcome = self.client.fetched(path, body, &mut self.heard, &mut self.errands);
        self.judge(outcome, path);
        self.show(here);
        self.run_errands(line);
    }

    /// Shows what was heard, and compares every book that this makes with the one published under its stamp.
    fn show(&mut self, here: &Here) {
        for heard in self.heard.drain(..) {
            let Heard { instrument, time, body } = heard;
            let (seed, is_trade) = (self.seed, matches!(body, EventBody::Printed(_)));
            self.figures.fetched += u64::from(matches!(body, EventBody::BookSnapshot(_)));
            self.sequence = self.sequence.next();
            let (sequence, cause) = (self.sequence, Sequence(0));
            let board = &mut self.boards[instrument.index()];
            let before = book_of(board);
            board.apply(&Event { sequence, cause, time, instrument, body }, &mut |_, _| {});
            if is_trade {
                continue;
            }
            let after = book_of(board);
            let (stamp, bids, asks) = after.clone().expect("it has just been told");
            // A book that was fetched anew and differs in nothing is not news: it keeps its stamp.
            assert!(
                stamp == time || before == after,
                "seed {seed}: the book of {instrument}, told at {}, has the stamp {}",
                time.0,
                stamp.0
            );
            let published = here.published.get(&(instrument, time));
            let published = published.unwrap_or_else(|| {
                panic!("seed {seed}: nothing of {instrument} was published at {}", time.0)
            });
            assert_eq!((&bids, &asks), (&published.0, &published.1), "seed {seed}: {instrument}");
            self.figures.books += 1;
        }
    }
}
