//! The law *private*: whoever has shown its own pass is told everything that is its own, in order and once, and
//! nobody is ever told what is somebody else's.
//!
//! Accounts trade with each other and with themselves through the engine. Sessions come and go; they show passes of
//! their own, of others, old ones, those of another instrument and none, for their own topics and for others'. What each
//! of them should hear is worked out here from the events alone, with nothing of the views or the edge. It is tried in
//! several tongues ([`Tongue`]): one of its own, which asks for what no published one lets a client ask, and those that
//! are served.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use dialects::Dialect;
use edge::boards::{Boards, Dialects, Outlet};
use edge::identity::Grant;
use edge::outbox::Told;
use edge::passes::Passes;
use edge::session::{Deed, Desk, Ids, Session, frame_limits};
use edge::steps::Clerk;
use edge::ws::decode::Chunk;
use edge::ws::{Opcode, encode};
use engine::Engine;
use model::{
    AccountId, Action, Amount, Assets, Command, Event, EventBody, Instrument, InstrumentId,
    Listing, NewOrder, OrderId, OrderKind, OrderState, Price, Quantity, Sequence, Side, Span, Time,
    TimeInForce, Topic, TopicKind, Trigger, TriggerWhen,
};
use views::{Accounts, Board};

use crate::dice::Dice;
use crate::served;

mod bitstamp;
mod witness;

pub use bitstamp::Bitstamp;
pub use witness::Witness;

/// How large a market is tried.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Accounts; the last tenth of them is not followed.
    pub accounts: u32,
    /// Sessions that are open at once.
    pub sessions: usize,
    /// Things that are done.
    pub steps: usize,
}

impl Size {
    /// For many seeds.
    pub const SMALL: Self = Self { accounts: 10, sessions: 14, steps: 400 };
    /// As many accounts as a small venue has.
    pub const LARGE: Self = Self { accounts: 1_000, sessions: 1_500, steps: 100_000 };
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Frames that reached the one they were for.
    pub delivered: usize,
    /// Subscriptions that were accepted.
    pub accepted: usize,
    /// Subscriptions that were refused.
    pub refused: usize,
    /// Trades of accounts with themselves.
    pub self_trades: usize,
}

const KINDS: [TopicKind; 3] = [TopicKind::OwnOrders, TopicKind::OwnTrades, TopicKind::SelfTrades];
/// How long a pass is good.
const PASS: Duration = Duration::from_secs(60);

/// How clients speak, and what they make of what they hear.
pub trait Tongue: Sync {
    /// For the instruments of [`listings`].
    fn dialect(&self) -> Box<dyn Dialect>;
    /// Asks for a topic with a pass that is said to be this account's.
    fn subscribe(&self, topic: &Topic, shown: AccountId, pass: &str) -> String;
    /// Asks for it no longer.
    fn unsubscribe(&self, topic: &Topic) -> String;
    /// What is answered if a topic is granted, if it is refused, and once it is given up.
    fn answers(&self, topic: &Topic) -> [String; 3];
    /// Whether a client can say that its pass is another account's than the topic is.
    fn claims(&self) -> bool;
    /// What a client is to make of this.
    fn expects(&self, word: &Word) -> String;
    /// What it makes of a frame.
    fn heard(&self, frame: &str) -> String;
}

/// Something that an account is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Whom it concerns.
    pub account: AccountId,
    /// On which topic.
    pub topic: Topic,
    /// `created`, `armed`, …, `trade` or `self`.
    pub what: &'static str,
    /// The order; the own order and the trade; or the maker's and the taker's.
    pub ids: [u64; 2],
}

/// What the market of the law lists.
#[must_use]
pub fn listings() -> Vec<Listing> {
    [("BTC", "btcusd"), ("ETH", "ethusd-perp")]
        .into_iter()
        .zip(0..)
        .map(|((base, symbol), id)| served::listing(id, [base, "USD"], [2, 0], symbol))
        .collect()
}

/// Runs the market of a seed.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64, size: Size, tongue: &'static dyn Tongue) -> Figures {
    let mut world = World::new(seed, size, tongue);
    world.open();
    for _ in 0..size.steps {
        world.step();
    }
    for place in 0..world.listeners.len() {
        world.compare(place);
    }
    world.figures
}

struct World {
    tongue: &'static dyn Tongue,
    seed: u64,
    size: Size,
    dice: Dice,
    now: Time,
    session_now: Duration,
    engine: Engine,
    commands: u64,
    dialects: Dialects,
    boards: Boards,
    passes: Arc<Passes>,
    desk: Desk,
    listeners: Vec<Listener>,
    /// How many listeners each topic has, as this law has it: mostly none, and then nobody is looked at.
    heeded: HashMap<Topic, usize>,
    /// Passes that were made.
    made: Vec<Made>,
    /// Orders that were accepted, some of them gone.
    orders: Vec<(AccountId, InstrumentId, OrderId)>,
    figures: Figures,
}

/// A pass.
#[derive(Clone)]
struct Made {
    owner: AccountId,
    pass: String,
    until: Duration,
    /// The only instrument that its key is good for, if it is not good for all.
    only: Option<InstrumentId>,
}

/// A session, what it should hear and what it hears.
struct Listener {
    session: Session,
    /// What it listens to, as this law has it.
    topics: BTreeSet<Topic>,
    expected: Vec<String>,
    heard: Vec<String>,
}

/// Frames by slot, as they come.
#[derive(Default)]
struct Tray(Vec<Told>);

impl Outlet for Tray {
    fn tell(&mut self, _: usize, told: Told) {
        self.0.push(told);
    }
}

impl World {
    fn new(seed: u64, size: Size, tongue: &'static dyn Tongue) -> Self {
        let instruments: Vec<Instrument> =
            listings().into_iter().map(|listing| listing.instrument).collect();
        let now = Time::from_civil(2026, 11, 22);
        let dialects: Dialects = [tongue.dialect()].into();
        let boards = instruments.iter().map(|it| Board::new(it.id, now)).collect();
        let boards = Boards::new(boards, Arc::clone(&dialects), 1)
            .with_accounts(Accounts::new(Assets::of(&instruments)));
        let clerk = Clerk::of_nobody();
        let passes = Arc::clone(clerk.passes());
        Self {
            tongue,
            seed,
            size,
            dice: Dice::new(seed),
            now,
            session_now: Duration::ZERO,
            engine: Engine::new(&instruments),
            commands: 0,
            dialects,
            boards,
            desk: Desk::new(Arc::new(clerk), Ids::counted(Arc::default())),
            passes,
            listeners: Vec::new(),
            heeded: HashMap::new(),
            made: Vec::new(),
            orders: Vec::new(),
            figures: Figures::default(),
        }
    }

    /// Everybody gets some of everything, and most are followed.
    fn open(&mut self) {
        for account in (1..=self.size.accounts).map(AccountId) {
            if account.0 <= self.size.accounts - self.size.accounts / 10 {
                self.command(Action::Follow(account));
            }
            for asset in [0, 1, 2].map(model::AssetId) {
                self.command(Action::Deposit { account, asset, amount: Amount(1 << 60) });
            }
        }
    }

    fn step(&mut self) {
        self.now = self.now + Span::millis(self.dice.roll(3) as i64);
        match self.dice.roll(20) {
            0 => self.pass_made(),
            1..=4 => self.listener_acts(),
            5 => {
                self.session_now += Duration::from_millis(
                    self.dice.roll(80_000 / self.size.accounts as usize) as u64,
                )
            }
            _ => {
                let action = self.action();
                self.command(action);
            }
        }
    }

    fn account(&mut self) -> AccountId {
        AccountId(1 + self.dice.roll(self.size.accounts as usize) as u32)
    }

    fn instrument(&mut self) -> InstrumentId {
        InstrumentId(self.dice.roll(2) as u16)
    }

    fn action(&mut self) -> Action {
        let quantity = Quantity(1 + self.dice.roll(9) as i64);
        if !self.orders.is_empty() && self.dice.roll(3) == 0 {
            let (account, instrument, order) = *self.dice.pick(&self.orders);
            return match self.dice.roll(5) {
                0..=2 => Action::Cancel { account, instrument, order },
                3 => {
                    let price = Price(990 + self.dice.roll(20) as i64);
                    Action::Replace { account, instrument, order, price, quantity }
                }
                _ => Action::CancelAll { account, instrument: Some(instrument) },
            };
        }
        let side = if self.dice.roll(2) == 0 { Side::Buy } else { Side::Sell };
        let (kind, time_in_force) = match self.dice.roll(8) {
            0 => (OrderKind::Market, TimeInForce::ImmediateOrCancel),
            1 => (OrderKind::Limit(Price(1_000)), TimeInForce::ImmediateOrCancel),
            _ => {
                let price = Price(990 + self.dice.roll(20) as i64);
                (OrderKind::Limit(price), TimeInForce::GoodTillCanceled)
            }
        };
        let trigger = (self.dice.roll(8) == 0).then(|| Trigger {
            price: Price(990 + self.dice.roll(20) as i64),
            when: *self.dice.pick(&[TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow]),
            trail: None,
        });
        Action::Place(NewOrder {
            account: self.account(),
            instrument: self.instrument(),
            side,
            kind,
            quantity,
            time_in_force,
            post_only: false,
            trigger,
        })
    }

    fn command(&mut self, action: Action) {
        self.commands += 1;
        let command = Command { sequence: Sequence(self.commands), time: self.now, action };
        let mut events = Vec::new();
        self.engine.apply(&command, &mut events);
        for event in &events {
            if let EventBody::Created(order) | EventBody::Armed(order) = &event.body {
                self.orders.push((order.account, event.instrument, order.id));
            }
            if let EventBody::Replaced { new, .. } = &event.body {
                self.orders.push((new.account, event.instrument, new.id));
            }
            for word in own_words(event) {
                let followed = word.account.0 <= self.size.accounts - self.size.accounts / 10;
                if !followed {
                    continue;
                }
                self.figures.self_trades += usize::from(word.what == "self");
                if self.heeded.get(&word.topic).is_none_or(|&count| count == 0) {
                    continue;
                }
                let text = self.tongue.expects(&word);
                for listener in &mut self.listeners {
                    if listener.topics.contains(&word.topic) {
                        listener.expected.push(text.clone());
                    }
                }
            }
        }
        let forgotten = self.orders.len().saturating_sub(4 * self.size.accounts as usize);
        self.orders.drain(..forgotten);
        let mut tray = Tray::default();
        self.boards.apply(&events, &mut tray);
        for told in tray.0 {
            let text = self.tongue.heard(str::from_utf8(told.frame.text()).expect("text"));
            for listener in &mut self.listeners {
                let mut slots = listener.session.interests().iter().filter_map(|it| it.slot);
                if slots.any(|(slot, _)| slot == told.slot) {
                    listener.heard.push(text.clone());
                }
            }
        }
    }

    fn pass_made(&mut self) {
        let account = self.account();
        let key = format!("key {account}").into();
        let dialect = self.dialects[0].name();
        let only = (self.dice.roll(4) == 0).then(|| self.instrument());
        let grant = Grant { dialect, key, account, instruments: only.map(|only| vec![only]) };
        let until = self.session_now + PASS;
        let dice = &mut self.dice;
        let random = |bytes: &mut [u8]| bytes.fill_with(|| dice.byte());
        let pass = self.passes.issue(grant, self.session_now, until, random);
        self.made.push(Made { owner: account, pass, until, only });
        let forgotten = self.made.len().saturating_sub(4 * self.size.accounts as usize);
        self.made.drain(..forgotten);
    }

    /// Somebody comes, goes, subscribes or unsubscribes.
    fn listener_acts(&mut self) {
        if self.listeners.len() < self.size.sessions {
            let manners = self.dialects[0].manners();
            let session = Session::open(frame_limits(manners), manners, self.session_now);
            self.listeners.push(Listener {
                session,
                topics: BTreeSet::new(),
                expected: Vec::new(),
                heard: Vec::new(),
            });
        }
        let place = self.dice.roll(self.listeners.len());
        match self.dice.roll(12) {
            0 => {
                self.compare(place);
                let mut gone = self.listeners.swap_remove(place);
                gone.topics.iter().for_each(|topic| *self.heeded.entry(*topic).or_default() -= 1);
                for interest in gone.session.leave() {
                    self.boards.unsubscribe(0, 0, interest.subject);
                }
            }
            1 | 2 => {
                let topics: Vec<Topic> = self.listeners[place].topics.iter().copied().collect();
                if !topics.is_empty() {
                    let topic = *self.dice.pick(&topics);
                    let [_, _, gone] = self.tongue.answers(&topic);
                    self.says(place, &self.tongue.unsubscribe(&topic), &gone);
                    self.listeners[place].topics.remove(&topic);
                    *self.heeded.entry(topic).or_default() -= 1;
                }
            }
            _ => self.subscribes(place),
        }
    }

    fn subscribes(&mut self, place: usize) {
        if self.made.is_empty() {
            return;
        }
        let Made { owner, pass, until, only } = self.dice.pick(&self.made).clone();
        // Mostly what is right; else somebody else's, or with somebody else's pass, or none.
        let (asked, shown, pass) = match self.dice.roll(8) {
            0 => (self.account(), owner, pass),
            1 => (owner, self.account(), pass),
            2 => {
                let other = self.account();
                (other, other, pass)
            }
            3 => (owner, owner, "no-pass".to_owned()),
            _ => (owner, owner, pass),
        };
        let shown = if self.tongue.claims() { shown } else { asked };
        let is_good = asked == owner && shown == owner && pass != "no-pass";
        let instrument = self.instrument();
        let is_good = is_good && until > self.session_now && only.is_none_or(|it| it == instrument);
        let topic = Topic::own(asked, instrument, *self.dice.pick(&KINDS));
        let text = self.tongue.subscribe(&topic, shown, &pass);
        let [granted, refused, _] = self.tongue.answers(&topic);
        self.says(place, &text, if is_good { &granted } else { &refused });
        if is_good {
            self.figures.accepted += 1;
            if self.listeners[place].topics.insert(topic) {
                *self.heeded.entry(topic).or_default() += 1;
            }
        } else {
            self.figures.refused += 1;
        }
    }

    /// A listener says something, and is answered so.
    fn says(&mut self, place: usize, text: &str, answer: &str) {
        let mut bytes = Vec::new();
        encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], text.as_bytes());
        let session = &mut self.listeners[place].session;
        let (dialect, now) = (&*self.dialects[0], self.session_now);
        session.receive(dialect, &mut Chunk::new(&mut bytes), 1, now, &mut self.desk);
        let mut answered = String::new();
        for deed in self.desk.deeds.drain(..) {
            match deed {
                Deed::Say(text) => answered += &String::from_utf8_lossy(&text),
                Deed::Subscribe(subject, ticket) => {
                    let opening = self.boards.subscribe(0, 0, subject);
                    assert!(session.subscribed(ticket, opening.slot, 0), "it was asked for");
                }
                Deed::Unsubscribe(interest) => self.boards.unsubscribe(0, 0, interest.subject),
                deed => panic!("seed {}: {deed:?} after {text:?}", self.seed),
            }
        }
        assert_eq!(answered, answer, "seed {}: {text:?}", self.seed);
    }

    /// A listener heard what it should have heard.
    fn compare(&mut self, place: usize) {
        let Listener { topics, expected, heard, .. } = &self.listeners[place];
        if let Some(at) =
            (0..expected.len().max(heard.len())).find(|&at| expected.get(at) != heard.get(at))
        {
            panic!(
                "the law private is broken by seed {}: a session with {topics:?} should have heard {:?} and heard {:?}",
                self.seed,
                expected.get(at),
                heard.get(at),
            );
        }
        self.figures.delivered += heard.len();
    }
}

/// What an event means to those whom it concerns.
#[must_use]
pub fn own_words(event: &Event) -> Vec<Word> {
    let word = |account, kind, what, ids: [u64; 2]| Word {
        account,
        topic: Topic::own(account, event.instrument, kind),
        what,
        ids,
    };
    let order =
        |order: &OrderState, what| word(order.account, TopicKind::OwnOrders, what, [order.id.0, 0]);
    match &event.body {
        EventBody::Created(state) => vec![order(state, "created")],
        EventBody::Armed(state) => vec![order(state, "armed")],
        EventBody::Triggered(state) => vec![order(state, "triggered")],
        EventBody::Replaced { new, .. } => vec![order(new, "replaces")],
        EventBody::Closed { order: state, .. } => vec![order(state, "closed")],
        EventBody::Filled(fill) => {
            let (maker, taker) = (&fill.maker, &fill.taker);
            if maker.account == taker.account {
                let ids = [maker.id.0, taker.id.0];
                return vec![
                    word(maker.account, TopicKind::SelfTrades, "self", ids),
                    order(maker, "filled"),
                    order(taker, "filled"),
                ];
            }
            let trade = |own: &OrderState| {
                word(own.account, TopicKind::OwnTrades, "trade", [own.id.0, fill.id.0])
            };
            vec![trade(maker), order(maker, "filled"), trade(taker), order(taker, "filled")]
        }
        _ => Vec::new(),
    }
}
