//! The law *private*: whoever has shown its own pass is told everything that is its own, in order and once, and
//! nobody is ever told what is somebody else's.
//!
//! Accounts trade with each other and with themselves through the engine. Sessions come and go; they show passes of
//! their own, of others, old ones and none, for their own topics and for others'. What each of them should hear is
//! worked out here from the events alone, with nothing of the views or the edge.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dialects::{
    Dialect, Doors, FrameBuilder, HttpRequest, HttpResponse, LastWords, Manners, Parting, Request,
    Step,
};
use edge::boards::{Boards, Dialects, Outlet};
use edge::identity::Grant;
use edge::outbox::Told;
use edge::passes::Passes;
use edge::session::{Deed, Desk, Session, frame_limits};
use edge::ws::decode::Chunk;
use edge::ws::{Opcode, encode};
use engine::Engine;
use model::{
    AccountId, Action, Amount, Assets, Command, Event, EventBody, Instrument, InstrumentId,
    NewOrder, OrderId, OrderKind, OrderState, Price, Quantity, Sequence, Side, Span, Time,
    TimeInForce, Topic, TopicKind, Trigger, TriggerWhen, Update,
};
use views::{Accounts, Board};

use crate::dice::Dice;
use crate::served;

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

const INSTRUMENTS: u16 = 2;
const KINDS: [TopicKind; 3] = [TopicKind::OwnOrders, TopicKind::OwnTrades, TopicKind::SelfTrades];
/// How long a pass is good.
const PASS: Duration = Duration::from_secs(60);

/// Runs the market of a seed.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64, size: Size) -> Figures {
    let mut world = World::new(seed, size);
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
    /// Passes that were made: whose, and until when.
    made: Vec<(AccountId, String, Duration)>,
    /// Orders that were accepted, some of them gone.
    orders: Vec<(AccountId, InstrumentId, OrderId)>,
    figures: Figures,
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
    fn new(seed: u64, size: Size) -> Self {
        let instruments: Vec<Instrument> = (0..INSTRUMENTS)
            .map(|id| served::listing(id, ["BTC", "USD"], [2, 0], "btcusd").instrument)
            .collect();
        let now = Time::from_civil(2026, 11, 22);
        let witness: Box<dyn Dialect> = Box::new(Witness::default());
        let dialects: Dialects = [witness].into();
        let boards = instruments.iter().map(|it| Board::new(it.id, now)).collect();
        let boards = Boards::new(boards, Arc::clone(&dialects), 1)
            .with_accounts(Accounts::new(Assets::of(&instruments)));
        let passes = Arc::<Passes>::default();
        Self {
            seed,
            size,
            dice: Dice::new(seed),
            now,
            session_now: Duration::ZERO,
            engine: Engine::new(&instruments),
            commands: 0,
            dialects,
            boards,
            desk: Desk::new(Arc::clone(&passes)),
            passes,
            listeners: Vec::new(),
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
            for asset in [0, 1].map(model::AssetId) {
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
        InstrumentId(self.dice.roll(usize::from(INSTRUMENTS)) as u16)
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
            for (account, kind, text) in own_words(event) {
                let followed = account.0 <= self.size.accounts - self.size.accounts / 10;
                if !followed {
                    continue;
                }
                self.figures.self_trades += usize::from(kind == TopicKind::SelfTrades);
                let topic = Topic::own(account, event.instrument, kind);
                for listener in &mut self.listeners {
                    if listener.topics.contains(&topic) {
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
            let text = String::from_utf8(told.frame.text().to_vec()).expect("text");
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
        let grant = Grant { dialect: WITNESS, key, account, instruments: None };
        let until = self.session_now + PASS;
        let dice = &mut self.dice;
        let random = |bytes: &mut [u8]| bytes.fill_with(|| dice.byte());
        let pass = self.passes.issue(grant, self.session_now, until, random);
        self.made.push((account, pass, until));
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
                for interest in gone.session.leave() {
                    self.boards.unsubscribe(0, 0, interest.topic);
                }
            }
            1 | 2 => {
                let topics: Vec<Topic> = self.listeners[place].topics.iter().copied().collect();
                if !topics.is_empty() {
                    let topic = *self.dice.pick(&topics);
                    self.says(place, &format!("- {}", name(&topic)), "-");
                    self.listeners[place].topics.remove(&topic);
                }
            }
            _ => self.subscribes(place),
        }
    }

    fn subscribes(&mut self, place: usize) {
        if self.made.is_empty() {
            return;
        }
        let (owner, pass, until) = self.dice.pick(&self.made).clone();
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
        let is_good = asked == owner && shown == owner && pass != "no-pass";
        let is_good = is_good && until > self.session_now;
        let topic = Topic::own(asked, self.instrument(), *self.dice.pick(&KINDS));
        let text = format!("+ {} {shown} {pass}", name(&topic));
        self.says(place, &text, if is_good { "yes" } else { "no" });
        if is_good {
            self.figures.accepted += 1;
            self.listeners[place].topics.insert(topic);
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
                Deed::Subscribe(topic, ticket) => {
                    let opening = self.boards.subscribe(0, 0, topic);
                    assert!(session.subscribed(ticket, opening.slot, 0), "it was asked for");
                }
                Deed::Unsubscribe(interest) => self.boards.unsubscribe(0, 0, interest.topic),
                Deed::Ping | Deed::Pong(_) | Deed::Close { .. } | Deed::HangUp => {
                    panic!("seed {}: {deed:?} after {text:?}", self.seed)
                }
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

/// What an event means to those whom it concerns, and the words for it.
fn own_words(event: &Event) -> Vec<(AccountId, TopicKind, String)> {
    let order = |order: &OrderState, word: &str| {
        (order.account, TopicKind::OwnOrders, format!("{} {word} {}", order.account, order.id))
    };
    match &event.body {
        EventBody::Created(state) => vec![order(state, "created")],
        EventBody::Armed(state) => vec![order(state, "armed")],
        EventBody::Triggered(state) => vec![order(state, "triggered")],
        EventBody::Replaced { new, .. } => vec![order(new, "replaces")],
        EventBody::Closed { order: state, .. } => vec![order(state, "closed")],
        EventBody::Filled(fill) => {
            let (maker, taker) = (&fill.maker, &fill.taker);
            if maker.account == taker.account {
                let account = maker.account;
                let text = format!("self {} {}", maker.id, taker.id);
                return vec![
                    (account, TopicKind::SelfTrades, text),
                    order(maker, "filled"),
                    order(taker, "filled"),
                ];
            }
            let trade = |own: &OrderState| {
                let text = format!("trade {} {}", own.id, fill.id);
                (own.account, TopicKind::OwnTrades, text)
            };
            vec![trade(maker), order(maker, "filled"), trade(taker), order(taker, "filled")]
        }
        _ => Vec::new(),
    }
}

const WITNESS: &str = "witness";

/// `orders.0.7`
fn name(topic: &Topic) -> String {
    let at = KINDS.iter().position(|kind| *kind == topic.kind).expect("one of the three");
    let account = topic.account().expect("an own topic");
    let instrument = topic.instrument().expect("of one instrument");
    format!("{at}.{instrument}.{account}")
}

/// A dialect that says who is told what. `+ TOPIC ACCOUNT PASS` subscribes, `- TOPIC` unsubscribes.
struct Witness {
    manners: Manners,
    doors: Doors,
}

impl Default for Witness {
    fn default() -> Self {
        Self {
            manners: Manners {
                message_bytes_max: 512,
                oversize_reason: "",
                subscriptions_max: usize::MAX,
                ping_every: None,
                pong_within: PASS,
                idle_max: None,
                age_max: None,
                notice: PASS,
                queue_bytes_max: usize::MAX,
                stall_max: PASS,
                http_rates: &[],
            },
            doors: Doors { socket_paths: &[], http_prefixes: &[], hosts: &[] },
        }
    }
}

impl Dialect for Witness {
    fn name(&self) -> &'static str {
        WITNESS
    }
    fn doors(&self) -> &Doors {
        &self.doors
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn decode(&self, message: &[u8], out: &mut Vec<Request>) {
        let text = str::from_utf8(message).expect("a test speaks UTF-8");
        let words: Vec<&str> = text.split(' ').collect();
        let numbers: Vec<u32> =
            words[1].split('.').map(|number| number.parse().expect("a number")).collect();
        let topic = Topic::own(
            AccountId(numbers[2]),
            InstrumentId(numbers[1] as u16),
            KINDS[numbers[0] as usize],
        );
        out.push(match words[0] {
            "-" => {
                Request::Unsubscribe { subscription: words[1].into(), acknowledgement: b"-".into() }
            }
            _ => Request::SubscribeOwn {
                subscription: words[1].into(),
                account: AccountId(words[2].parse().expect("a number")),
                pass: words[3].into(),
                topics: vec![topic],
                acknowledgement: b"yes".into(),
                refusal: b"no".into(),
            },
        });
    }
    fn encode(&self, _: &Topic, update: &Update<'_>, out: &mut FrameBuilder) -> bool {
        use model::OwnStep::{Armed, Closed, Created, Disarmed, Filled, Replaces, Triggered};
        let text = match update {
            Update::OwnOrder(own) => {
                let word = match own.step {
                    Created => "created",
                    Filled { .. } => "filled",
                    Closed(_) | Disarmed(_) => "closed",
                    Replaces(_) => "replaces",
                    Armed => "armed",
                    Triggered => "triggered",
                };
                format!("{} {word} {}", own.account, own.order.id)
            }
            Update::OwnTrade(own) => format!("trade {} {}", own.order, own.id),
            Update::SelfTrade(trade) => format!("self {} {}", trade.maker, trade.taker),
            _ => return false,
        };
        out.text_mut().extend_from_slice(text.as_bytes());
        true
    }
    fn http(&self, _: &HttpRequest<'_>) -> Step {
        Step::Reply(self.http_too_fast())
    }
    fn http_too_fast(&self) -> HttpResponse {
        HttpResponse::json(404, Vec::new())
    }
    fn part(&self, _: Parting) -> LastWords {
        LastWords { message: None, close: None }
    }
}
