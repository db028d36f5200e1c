//! The law *tally*: what an account is told of its own adds up, and is what the public was told.
//!
//! A random market runs behind Bitstamp's dialect, and an [`Auditor`] reads the frames, nothing else. Of each order
//! what its frames have executed and what was open at its end is what was asked for. Each own trade stands before the
//! order's frame of the same match and agrees with it, with its public trade and with the fee of its part; each public
//! trade has both of its parts, the maker's first. Each frame of the book is the public one of the same event id.

use std::collections::HashMap;
use std::sync::Arc;

use dialects::Dialect;
use dialects::bitstamp::{Bitstamp, Options};
use edge::boards::{Boards, Dialects, Outlet};
use edge::outbox::{Slot, Told};
use engine::Engine;
use model::{Action, Assets, Command, Event, Listing, Sequence, Status, Time, Topic, TopicKind};
use views::{Accounts, Board};

use crate::flow::Flow;

mod auditor;

pub use auditor::{Auditor, Figures};

/// Accounts of a market.
const ACCOUNTS: u32 = 6;
/// Commands of a market.
const COMMANDS: usize = 400;
const SYMBOLS: [&str; 3] = ["btcusd", "ethusd-perp", "aaplusd"];

/// Runs the market of a seed and reads what everybody is told.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut flow = Flow::orderly(seed, ACCOUNTS);
    let mut hall = Hall::new(&flow);
    let mut auditor = Auditor::new(&hall.listings, flow.rules);
    let mut audit = |hall: &mut Hall, time: Time, action: Action| {
        let events = hall.command(time, action);
        for (channel, text) in &hall.told {
            if let Err(found) = auditor.read(channel, text) {
                panic!("the law tally is broken by seed {seed}, by {action:?}: {found}\n  {text}");
            }
        }
        if let Err(found) = auditor.pause() {
            panic!("the law tally is broken by seed {seed}, by {action:?}: {found}");
        }
        events
    };
    for _ in 0..COMMANDS {
        let Command { time, action, .. } = flow.next_command();
        flow.hear(&audit(&mut hall, time, action));
    }
    let now = hall.now;
    for instrument in &flow.instruments {
        let action = Action::SetStatus { instrument: instrument.id, status: Status::Trading };
        audit(&mut hall, now, action);
    }
    for account in flow.accounts() {
        audit(&mut hall, now, Action::CancelAll { account, instrument: None });
    }
    auditor
        .close()
        .unwrap_or_else(|found| panic!("the law tally is broken by seed {seed}: {found}"))
}

/// A market with one listener on each channel, public and private.
struct Hall {
    listings: Vec<Listing>,
    engine: Engine,
    boards: Boards,
    commands: u64,
    now: Time,
    /// The channels' names.
    channels: HashMap<Slot, String>,
    /// What was told by the last command, with the channel that it was told on.
    told: Vec<(String, String)>,
}

#[derive(Default)]
struct Tray(Vec<Told>);

impl Outlet for Tray {
    fn tell(&mut self, _: usize, told: Told) {
        self.0.push(told);
    }
}

impl Hall {
    fn new(flow: &Flow) -> Self {
        let listing = |(instrument, symbol): (&model::Instrument, &str)| Listing {
            instrument: instrument.clone(),
            description: String::new(),
            symbols: vec![("bitstamp".into(), symbol.into())],
        };
        let listings: Vec<Listing> = flow.instruments.iter().zip(SYMBOLS).map(listing).collect();
        let dialect = Bitstamp::new(&listings, Options::default()).expect("listings in order");
        let dialects: Dialects = Arc::new([Box::new(dialect) as Box<dyn Dialect>]);
        let boards = flow.instruments.iter().map(|it| Board::new(it.id, Time(0))).collect();
        let mut boards = Boards::new(boards, dialects, 1)
            .with_accounts(Accounts::new(Assets::of(&flow.instruments)));
        let mut channels = HashMap::new();
        for (instrument, symbol) in flow.instruments.iter().zip(SYMBOLS) {
            let mut listen = |topic: Topic, name: String| {
                channels.insert(boards.subscribe(0, 0, topic.into()).slot, name);
            };
            let public = |kind| Topic::of(instrument.id, kind);
            listen(public(TopicKind::Trades), format!("live_trades_{symbol}"));
            listen(public(TopicKind::Orders), format!("live_orders_{symbol}"));
            for user in flow.accounts() {
                let own = |kind| Topic::own(user, instrument.id, kind);
                listen(own(TopicKind::OwnOrders), format!("private-my_orders_{symbol}-{user}"));
                listen(own(TopicKind::OwnTrades), format!("private-my_trades_{symbol}-{user}"));
                listen(own(TopicKind::SelfTrades), format!("private-live_trades_{symbol}-{user}"));
            }
        }
        let engine = Engine::with_rules(&flow.instruments, flow.rules);
        let (commands, now, told) = (0, Time(0), Vec::new());
        let mut hall = Self { listings, engine, boards, commands, now, channels, told };
        for account in flow.accounts() {
            hall.command(Time(0), Action::Follow(account));
        }
        hall
    }

    fn command(&mut self, time: Time, action: Action) -> Vec<Event> {
        self.commands += 1;
        self.now = self.now.max(time);
        let command = Command { sequence: Sequence(self.commands), time, action };
        let mut events = Vec::new();
        self.engine.apply(&command, &mut events);
        let mut tray = Tray::default();
        self.boards.apply(&events, &mut tray);
        let told = tray.0.iter().map(|told| {
            let text = String::from_utf8(told.frame.text().to_vec()).expect("a frame is text");
            (self.channels[&told.slot].clone(), text)
        });
        self.told = told.collect();
        events
    }
}
