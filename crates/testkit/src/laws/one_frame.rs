//! The law *one frame*: frames encoded do not follow the number of subscribers, and all who listen are told the
//! same bytes, each frame once.
//!
//! The same random market runs in two venues. In one a single client listens to every channel; in the other a
//! crowd comes, goes, subscribes and unsubscribes as it likes, beside one that listens to everything. After
//! every command both have encoded the same number of frames, and each client of the crowd has heard what the
//! single one heard of its channels. Beside them stand the boards alone, for several loops: each loop with
//! listeners is handed each frame once, in memory that all of them share; and boards that nobody listens to,
//! which encode nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use dialects::bitstamp::{Bitstamp, Options};
use dialects::{Dialect, Request, Visitor};
use edge::boards::{Boards, Dialects, Outlet};
use edge::outbox::Told;
use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, EventBody, InstrumentId, Listing, NewOrder, OrderId, OrderKind, Price,
    Quantity, Side, Span, Time, TimeInForce,
};
use views::Board;

use crate::dice::Dice;
use crate::served::listing;
use crate::transcript::{Heard, Line, Stage};
use crate::venue::Venue;

const START: Time = Time::from_seconds(1_800_000_000);
const SYMBOLS: [&str; 2] = ["btcusd", "ethbtc"];
const PREFIXES: [&str; 5] =
    ["live_trades_", "live_orders_", "order_book_", "detail_order_book_", "diff_order_book_"];
/// Commands of one market.
const COMMANDS: usize = 120;
/// Clients of the crowd at most.
const CROWD_MAX: usize = 24;
/// Loops of the boards that stand alone.
const LOOPS: usize = 3;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Frames that were encoded.
    pub frames: u64,
    /// Frames that the crowd heard.
    pub heard: u64,
    /// Frames that were handed to the loops of the boards alone.
    pub handed: u64,
}

/// Runs the market of a seed and compares all along.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut dice = Dice::new(seed);
    let listings = [
        listing(0, ["BTC", "USD"], [2, 8], SYMBOLS[0]),
        listing(1, ["ETH", "BTC"], [6, 8], SYMBOLS[1]),
    ];
    let dialect = || -> Box<dyn Dialect> {
        Box::new(Bitstamp::new(&listings, Options::default()).expect("the symbols are in order"))
    };
    let venue = || Venue::new(dialect(), &listings, START, false);
    let (mut alone, mut crowded) = (venue(), venue());
    let mut single = Client::come(&mut alone);
    let mut crowd = vec![Client::come(&mut crowded)];
    for channel in channels() {
        single.toggle(seed, &mut alone, &channel);
        crowd[0].toggle(seed, &mut crowded, &channel);
    }
    let mut apart = Apart::new(seed, &mut dice, &listings, dialect);
    let mut market = Market::default();
    let mut figures = Figures::default();
    for _ in 0..COMMANDS {
        for _ in 0..dice.roll(4) {
            if crowd.len() < CROWD_MAX && dice.roll(3) == 0 {
                crowd.push(Client::come(&mut crowded));
            }
            // The first one stays and keeps what it listens to.
            if crowd.len() > 1 {
                let one = 1 + dice.roll(crowd.len() - 1);
                let channel = dice.pick(&channels()).clone();
                crowd[one].toggle(seed, &mut crowded, &channel);
            }
        }
        let before = (alone.events().len(), alone.boards().frames_encoded());
        market.step(&mut dice, [&mut alone, &mut crowded]);
        let frames = alone.boards().frames_encoded();
        assert_eq!(
            crowded.boards().frames_encoded(),
            frames,
            "seed {seed}: a crowd of {} costs other frames",
            crowd.len()
        );
        let told = single.hear(seed, &mut alone);
        assert_eq!(
            told.len() as u64,
            frames - before.1,
            "seed {seed}: frames that nobody was told"
        );
        for client in &mut crowd {
            let expected: Vec<&String> =
                told.iter().filter(|text| client.channels.contains(channel_of(text))).collect();
            let heard = client.hear(seed, &mut crowded);
            assert_eq!(heard.iter().collect::<Vec<_>>(), expected, "seed {seed}: told otherwise");
            figures.heard += heard.len() as u64;
        }
        figures.handed += apart.apply(&alone.events()[before.0..]);
        assert_eq!(apart.boards.frames_encoded(), frames, "seed {seed}: loops cost other frames");
    }
    assert_eq!(apart.unheard.frames_encoded(), 0, "seed {seed}: encoded for nobody");
    figures.frames = alone.boards().frames_encoded();
    figures
}

fn channels() -> Vec<String> {
    PREFIXES.iter().flat_map(|prefix| SYMBOLS.map(|symbol| format!("{prefix}{symbol}"))).collect()
}

/// The channel that a frame is of.
fn channel_of(text: &str) -> &str {
    let (_, rest) = text.split_once(r#""channel":""#).expect("every frame has a channel");
    rest.split('"').next().expect("a channel ends")
}

struct Client {
    line: Line,
    channels: BTreeSet<String>,
}

impl Client {
    fn come(venue: &mut Venue) -> Self {
        Self { line: venue.connect(), channels: BTreeSet::new() }
    }

    /// Subscribes, or unsubscribes where it has.
    fn toggle(&mut self, seed: u64, venue: &mut Venue, channel: &str) {
        let event = if self.channels.remove(channel) {
            "unsubscribe"
        } else {
            self.channels.insert(channel.to_owned());
            "subscribe"
        };
        let say = format!(r#"{{"event":"bts:{event}","data":{{"channel":"{channel}"}}}}"#);
        let mut bytes = Vec::new();
        encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], say.as_bytes());
        venue.send(self.line, &bytes);
        let heard = self.hear(seed, venue);
        assert!(heard.len() == 1 && heard[0].contains("_succeeded"), "seed {seed}: {heard:?}");
    }

    fn hear(&self, seed: u64, venue: &mut Venue) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(heard) = venue.hear(self.line) {
            match heard {
                Heard::Text(text) => texts.push(text),
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        texts
    }
}

/// Boards for several loops, all topics listened to by some of them; and boards without listeners.
struct Apart {
    seed: u64,
    boards: Boards,
    unheard: Boards,
    /// How many loops listen to each slot, by slot.
    loops: Vec<usize>,
}

struct Tray(Vec<(usize, Told)>);

impl Outlet for Tray {
    fn tell(&mut self, of_loop: usize, told: Told) {
        self.0.push((of_loop, told));
    }
}

impl Apart {
    fn new(
        seed: u64,
        dice: &mut Dice,
        listings: &[Listing],
        dialect: impl Fn() -> Box<dyn Dialect>,
    ) -> Self {
        let boards = || {
            let boards = listings.iter().map(|it| Board::new(it.instrument.id, START)).collect();
            let dialects: Dialects = Arc::new([dialect()]);
            Boards::new(boards, dialects, LOOPS)
        };
        let mut apart = Self { seed, boards: boards(), unheard: boards(), loops: Vec::new() };
        for channel in channels() {
            let say = format!(r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}"}}}}"#);
            let mut requests = Vec::new();
            dialect().decode(say.as_bytes(), &Visitor::STRANGER, &mut requests);
            let Some(Request::Subscribe { subjects, .. }) = requests.pop() else {
                panic!("seed {seed}: {channel} is no channel")
            };
            let of = 1 + dice.roll(LOOPS);
            for of_loop in 0..of {
                for _ in 0..=dice.roll(50) {
                    let slot = apart.boards.subscribe(of_loop, 0, subjects[0]).slot;
                    apart.loops.resize(apart.loops.len().max(slot.index() + 1), 0);
                    apart.loops[slot.index()] = of;
                }
            }
        }
        apart
    }

    /// Lets the boards take in events; returns how many frames the loops were handed.
    fn apply(&mut self, events: &[model::Event]) -> u64 {
        let before = self.boards.frames_encoded();
        let mut tray = Tray(Vec::new());
        self.boards.apply(events, &mut tray);
        let Tray(mut rest) = tray;
        let handed = rest.len() as u64;
        let mut frames = 0;
        while !rest.is_empty() {
            let (first_loop, first) = &rest[0];
            assert_eq!(*first_loop, 0, "seed {}: loops out of turn", self.seed);
            let loops = self.loops[first.slot.index()];
            for (of_loop, (given, told)) in rest[..loops].iter().enumerate() {
                assert_eq!(*given, of_loop, "seed {}: a loop was left out", self.seed);
                let one = (told.slot, told.frame.bytes().as_ptr());
                let other = (first.slot, first.frame.bytes().as_ptr());
                assert_eq!(one, other, "seed {}: two copies of one frame", self.seed);
            }
            rest.drain(..loops);
            frames += 1;
        }
        assert_eq!(
            self.boards.frames_encoded() - before,
            frames,
            "seed {}: handed else",
            self.seed
        );
        let mut nobody = Tray(Vec::new());
        self.unheard.apply(events, &mut nobody);
        assert!(nobody.0.is_empty(), "seed {}: told to nobody", self.seed);
        handed
    }
}

/// A random market, the same in several venues.
#[derive(Default)]
struct Market {
    orders: Vec<(AccountId, InstrumentId, OrderId)>,
}

impl Market {
    fn step(&mut self, dice: &mut Dice, venues: [&mut Venue; 2]) {
        if dice.roll(4) == 0 {
            let span = Span::millis(1 + dice.roll(150) as i64);
            venues.into_iter().for_each(|venue| venue.pass(span));
            return;
        }
        let action = match dice.roll(6) {
            0 if !self.orders.is_empty() => {
                let (account, instrument, order) =
                    self.orders.swap_remove(dice.roll(self.orders.len()));
                Action::Cancel { account, instrument, order }
            }
            roll => Action::Place(NewOrder {
                account: AccountId(1 + dice.roll(4) as u32),
                instrument: InstrumentId(dice.roll(SYMBOLS.len()) as u16),
                side: if dice.roll(2) == 0 { Side::Buy } else { Side::Sell },
                kind: match roll {
                    1 => OrderKind::Market,
                    _ => OrderKind::Limit(Price(6_000_000 + 100 * (dice.roll(30) as i64 - 15))),
                },
                quantity: Quantity(1 + dice.roll(1_000_000) as i64),
                time_in_force: match roll {
                    1 | 2 => TimeInForce::ImmediateOrCancel,
                    _ => TimeInForce::GoodTillCanceled,
                },
                post_only: false,
                trigger: None,
            }),
        };
        let [one, other] = venues;
        let events = one.act(action);
        for event in &events {
            if let (EventBody::Rested(order), instrument) = (&event.body, event.instrument) {
                self.orders.push((order.account, instrument, order.id));
            }
        }
        assert_eq!(other.act(action), events, "the same commands give the same events");
    }
}
