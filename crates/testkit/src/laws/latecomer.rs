//! The law *latecomer*: a snapshot at any moment and what follows it is the same as having been there.
//!
//! A random market runs through the engine into a board. Listeners come at random moments, also in the middle of
//! a command, take what the board answers, and follow what it tells from then on. At every tick each of them
//! holds what the first one holds, who was there from the start, and what the board answers; and a board that
//! nobody listened to until then says word for word what the other one says.

use std::collections::BTreeMap;

use engine::Engine;
use engine::flow::{Random, enriched};
use model::{
    AccountId, Action, AnswerBody, Cadence, Candle, Command, DepthUpdate, Event, EventBody,
    EventMark, INTERVALS, Instrument, InstrumentId, Interval, Level, Minimum, NewOrder, OrderEntry,
    OrderId, OrderKind, Price, Quantity, Query, SelfTradePolicy, Sequence, Side, Span, Time,
    TimeInForce, TopicKind, Trade, Trigger, TriggerWhen, Update, Window,
};
use views::Board;

pub mod own;

/// Commands of one market.
const COMMANDS: u64 = 300;
/// Listeners that come late, on average one in so many events.
const LATE_ONE_IN: u64 = 150;
/// Shortly before a Monday that is the first of a month.
const START: Time = Time(Time::from_civil(2027, 2, 1).0 - 30_000_000);
const HERE: InstrumentId = InstrumentId(1);
const FAST: Cadence = Cadence::TENTH;
const SLOW: Cadence = Cadence(Span::seconds(1));
/// How much of the book the tops show.
const DEPTH: u16 = 4;
/// In what steps of price the views gather.
const STEP: Option<Price> = Some(Price(3));

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Listeners that came late.
    pub latecomers: u64,
    /// Times that one of them held what the first one held.
    pub compared: u64,
    /// Words that the board told.
    pub words: u64,
    /// Trades that were told.
    pub trades: u64,
}

/// Runs the market of a seed and compares all along.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut random = Random::new(seed);
    let mut market = Market::new();
    let mut figures = Figures::default();

    let mut board = Board::new(HERE, START);
    kinds().for_each(|kind| board.listen(kind));
    // The same market on a board that nobody listens to until the first latecomer.
    let mut quiet = Board::new(HERE, START);
    let mut quiet_listened = false;

    let mut listeners = vec![Listener::join(&board, FAST), Listener::join(&board, SLOW)];
    for number in 0..COMMANDS {
        let whole = number + 2 >= COMMANDS || random.below(10) == 0;
        for event in market.step(&mut random, number) {
            if random.below(LATE_ONE_IN) == 0 {
                let cadence = if random.below(3) == 0 { SLOW } else { FAST };
                listeners.push(Listener::join(&board, cadence));
                figures.latecomers += 1;
                if !quiet_listened {
                    quiet_listened = true;
                    kinds().for_each(|kind| quiet.listen(kind));
                }
            }
            let (mut words, mut quiet_words) = (Vec::new(), Vec::new());
            board.apply(&event, &mut |kind, update| {
                words.push(word(kind, update));
                listeners.iter_mut().for_each(|listener| listener.hear(seed, kind, update));
            });
            quiet.apply(&event, &mut |kind, update| quiet_words.push(word(kind, update)));
            if quiet_listened {
                assert_eq!(words, quiet_words, "seed {seed}: two boards differ at {event:?}");
            } else {
                assert!(quiet_words.is_empty(), "seed {seed}: told to nobody: {quiet_words:?}");
            }
            figures.words += words.len() as u64;

            let (first, late) = listeners.split_at(2);
            for listener in late {
                listener.agrees(seed, &first[usize::from(listener.cadence == SLOW)]);
                figures.compared += 1;
            }
            if let EventBody::Ticked(cadence) = event.body
                && whole
            {
                listeners
                    .iter()
                    .filter(|listener| listener.cadence == cadence)
                    .for_each(|listener| listener.agrees_wholly(seed, &board));
            }
        }
    }
    figures.trades = listeners[0].trades.len() as u64;
    assert_eq!(board.digest(), quiet.digest(), "seed {seed}: listening changed the state");
    figures
}

/// Everything one can listen to, at both cadences.
fn kinds() -> impl Iterator<Item = TopicKind> {
    let paced = [FAST, SLOW].into_iter().flat_map(|cadence| {
        let candles = INTERVALS.map(|interval| TopicKind::Candles { interval, cadence });
        [
            TopicKind::Delta { cadence },
            TopicKind::Book { depth: DEPTH, cadence },
            TopicKind::Detail { depth: DEPTH, cadence },
            TopicKind::Depth { depth: DEPTH, step: STEP, cadence },
            TopicKind::Ticker { window: Window::HOUR, cadence, quotes: true },
            TopicKind::Ticker { window: Window::WEEK, cadence, quotes: false },
        ]
        .into_iter()
        .chain(candles)
    });
    [TopicKind::Trades, TopicKind::Orders].into_iter().chain(paced)
}

/// What was told, to be compared. Not the numbers of a view: they count what was told to somebody.
fn word(kind: TopicKind, update: &Update<'_>) -> String {
    if let Update::Depth(depth) = update {
        return format!("{kind:?} {:?}", DepthUpdate { sequence: 0, ..*depth });
    }
    format!("{kind:?} {update:?}")
}

/// Somebody who asked once and has listened since.
struct Listener {
    cadence: Cadence,
    /// Stamp of the last book that was heard of.
    stamp: Time,
    /// Bids and asks by price, kept by following the delta.
    book: [BTreeMap<Price, Quantity>; 2],
    /// The top of the book, best first, replaced by every word.
    top: [Vec<Level>; 2],
    /// The view of the top in steps, kept by following what changes in it, and the number of its last word.
    view: View,
    /// The first orders, best first, replaced by every word.
    detail: [Vec<OrderEntry>; 2],
    /// Every trade there was, oldest first.
    trades: Vec<Trade>,
    candles: Vec<(Interval, BTreeMap<Time, Candle>)>,
    /// The last step of any order that was heard of.
    step: Option<EventMark>,
}

/// What a depth shows.
#[derive(Clone, Debug, PartialEq)]
struct View {
    number: u64,
    levels: [BTreeMap<Price, Quantity>; 2],
    totals: [Quantity; 2],
}

impl Listener {
    fn join(board: &Board, cadence: Cadence) -> Self {
        let instrument = HERE;
        let ask = |query: Query| board.answer(&query, START);
        let AnswerBody::Book { time, bids, asks } = ask(Query::Book { instrument, cadence }) else {
            panic!("an engine's book is always there");
        };
        let side = |levels: Vec<Level>| levels.iter().map(|it| (it.price, it.quantity)).collect();
        let all = Query::Trades { instrument, since: Time(0), limit: usize::MAX };
        let AnswerBody::Trades(mut trades) = ask(all) else { panic!("there is a tape") };
        trades.reverse();
        let candles = INTERVALS.map(|interval| {
            let (from, till) = (Time(0), Time(i64::MAX));
            let limit = usize::MAX;
            let all = Query::Candles { instrument, interval, from, till, limit, filled: false };
            let AnswerBody::Candles(candles) = ask(all) else { panic!("there are candles") };
            (interval, candles.into_iter().map(|candle| (candle.start, candle)).collect())
        });
        let book = [side(bids), side(asks)];
        let depth = Query::Depth { instrument, depth: DEPTH, step: STEP, cadence };
        let AnswerBody::Depth { sequence, bids, asks, bids_total, asks_total, .. } = ask(depth)
        else {
            panic!("an engine's book is always there");
        };
        let (levels, totals) = ([side(bids), side(asks)], [bids_total, asks_total]);
        let mut listener = Self {
            cadence,
            stamp: time,
            book,
            view: View { number: sequence, levels, totals },
            top: [const { Vec::new() }; 2],
            detail: [const { Vec::new() }; 2],
            trades,
            candles: candles.into(),
            step: None,
        };
        for kind in
            [TopicKind::Book { depth: DEPTH, cadence }, TopicKind::Detail { depth: DEPTH, cadence }]
        {
            board.snapshot(kind, &mut |_, update| match update {
                Update::Book(top) => listener.take_top(top),
                Update::Detail(first) => listener.take_detail(first),
                _ => panic!("a snapshot of a book is a book"),
            });
        }
        listener
    }

    fn take_top(&mut self, top: &model::BookUpdate<'_>) {
        self.top = [top.bids, top.asks].map(|side| side.best_first().copied().collect());
    }
    fn take_detail(&mut self, first: &model::DetailUpdate<'_>) {
        self.detail = [first.bids, first.asks].map(|side| side.best_first().copied().collect());
    }

    fn hear(&mut self, seed: u64, kind: TopicKind, update: &Update<'_>) {
        match (kind, update) {
            (TopicKind::Trades, Update::Trade(trade)) => self.trades.push(**trade),
            (TopicKind::Orders, Update::Order(order)) => {
                assert!(
                    self.step.is_none() || self.step == order.previous,
                    "seed {seed}: a step is missing before {order:?}"
                );
                assert!(order.previous < Some(order.mark), "seed {seed}: {order:?} goes back");
                self.step = Some(order.mark);
            }
            (TopicKind::Delta { cadence }, Update::Delta(delta)) if cadence == self.cadence => {
                assert!(
                    delta.time > self.stamp,
                    "seed {seed}: the stamp {:?} after {:?}",
                    delta.time,
                    self.stamp
                );
                self.stamp = delta.time;
                for (book, side) in self.book.iter_mut().zip([delta.bids, delta.asks]) {
                    for level in side.best_first() {
                        if level.quantity.is_zero() {
                            book.remove(&level.price);
                        } else {
                            book.insert(level.price, level.quantity);
                        }
                    }
                }
            }
            (TopicKind::Depth { cadence, .. }, Update::Depth(depth)) if cadence == self.cadence => {
                self.view.number += 1;
                assert_eq!(depth.sequence, self.view.number, "seed {seed}: the number of a view");
                assert!(!depth.snapshot, "seed {seed}: a view begins anew");
                self.view.totals = [depth.bids_total, depth.asks_total];
                for (levels, side) in self.view.levels.iter_mut().zip([depth.bids, depth.asks]) {
                    for level in side.best_first() {
                        if level.quantity.is_zero() {
                            levels.remove(&level.price);
                        } else {
                            levels.insert(level.price, level.quantity);
                        }
                    }
                }
            }
            (TopicKind::Book { cadence, .. }, Update::Book(top)) if cadence == self.cadence => {
                self.take_top(top);
            }
            (TopicKind::Detail { cadence, .. }, Update::Detail(first))
                if cadence == self.cadence =>
            {
                self.take_detail(first);
            }
            (TopicKind::Candles { interval, cadence }, Update::Candle(candle))
                if cadence == self.cadence =>
            {
                let series = self.candles.iter_mut().find(|(of, _)| *of == interval);
                let series = &mut series.expect("every interval is held").1;
                series.insert(candle.start, **candle);
            }
            _ => {}
        }
    }

    /// Whether it holds what somebody holds who was there from the start.
    fn agrees(&self, seed: u64, veteran: &Self) {
        assert_eq!(self.stamp, veteran.stamp, "seed {seed}: the stamp");
        assert_eq!(self.book, veteran.book, "seed {seed}: the book at {:?}", self.stamp);
        assert_eq!(self.top, veteran.top, "seed {seed}: the top at {:?}", self.stamp);
        assert_eq!(self.view, veteran.view, "seed {seed}: the view at {:?}", self.stamp);
        assert_eq!(self.detail, veteran.detail, "seed {seed}: the orders at {:?}", self.stamp);
        assert_eq!(self.trades.len(), veteran.trades.len(), "seed {seed}: the number of trades");
        assert_eq!(self.trades.last(), veteran.trades.last(), "seed {seed}: the last trade");
        assert!(
            self.step.is_none() || self.step == veteran.step,
            "seed {seed}: the last step of an order"
        );
    }

    /// Whether it holds everything that the board answers. Candles are told at ticks, so only after one of its
    /// own cadence.
    fn agrees_wholly(&self, seed: u64, board: &Board) {
        let now = Self::join(board, self.cadence);
        let now = Self { step: self.step, ..now };
        self.agrees(seed, &now);
        assert_eq!(self.trades, now.trades, "seed {seed}: the trades");
        assert_eq!(self.candles, now.candles, "seed {seed}: the candles");
        self.sums_up(seed, board);
        let [bids, asks] = &self.book;
        if let (Some((bid, _)), Some((ask, _))) = (bids.last_key_value(), asks.first_key_value()) {
            assert!(bid < ask, "seed {seed}: the book is crossed at {:?}", self.stamp);
        }
    }

    /// Whether the orders that the board answers add up to the levels, at the same stamp.
    fn sums_up(&self, seed: u64, board: &Board) {
        let query = Query::Detail { instrument: HERE, cadence: self.cadence };
        let AnswerBody::Detail { time, bids, asks } = board.answer(&query, START) else {
            panic!("seed {seed}: an engine's orders are always there");
        };
        assert_eq!(time, self.stamp, "seed {seed}: one stamp for levels and orders");
        for (orders, levels) in [&bids, &asks].into_iter().zip(&self.book) {
            let mut sums: BTreeMap<Price, Quantity> = BTreeMap::new();
            for entry in orders {
                *sums.entry(entry.price).or_default() += entry.quantity;
            }
            assert_eq!(&sums, levels, "seed {seed}: orders and levels at {time:?}");
        }
        let first = |side: &[OrderEntry]| -> Vec<OrderEntry> {
            side.iter().take(usize::from(DEPTH)).copied().collect()
        };
        assert_eq!([first(&bids), first(&asks)], self.detail, "seed {seed}: the first orders");
    }
}

/// A random market: two instruments, of which one is shown.
struct Market {
    engine: Engine,
    now: Time,
    sequence: u64,
    /// Orders that were accepted, with their accounts; some are gone.
    open: Vec<(AccountId, OrderId)>,
    events: Vec<Event>,
}

impl Market {
    /// What is traded in it.
    fn instruments() -> [Instrument; 2] {
        [0, 1].map(|id| Instrument {
            id: InstrumentId(id),
            base: "BTC".into(),
            quote: "USD".into(),
            price_decimals: 2,
            tick_units: 1,
            quantity_decimals: 8,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        })
    }

    fn new() -> Self {
        Self {
            engine: enriched(Engine::new(&Self::instruments()), 1..=4),
            now: START,
            sequence: 0,
            open: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The events of one more command. The last two are ticks of both cadences.
    fn step(&mut self, random: &mut Random, number: u64) -> Vec<Event> {
        let pause = match random.below(20) {
            0..7 => 0,
            7..18 => random.below(3_000),
            18 => random.below(300_000),
            _ => random.below(20_000_000),
        };
        self.now = self.now + Span::micros(pause.cast_signed());
        let action = match (COMMANDS - number, random.below(100)) {
            (2, _) | (_, 0..16) => Action::Tick(FAST),
            (1, _) | (_, 16..20) => Action::Tick(SLOW),
            (_, 20..70) => Action::Place(self.order(random)),
            (_, 70..84) => self.named(random, |_, account, order| Action::Cancel {
                account,
                instrument: HERE,
                order,
            }),
            (_, 84..96) => self.named(random, |random, account, order| Action::Replace {
                account,
                instrument: HERE,
                order,
                price: price(random),
                quantity: quantity(random),
            }),
            (_, 96..98) => Action::SetSelfTradePolicy {
                account: account(random),
                policy: [
                    SelfTradePolicy::Allow,
                    SelfTradePolicy::CancelResting,
                    SelfTradePolicy::CancelArriving,
                    SelfTradePolicy::CancelBoth,
                ][random.below(4) as usize],
            },
            _ => Action::CancelAll { account: account(random), instrument: None },
        };
        self.command(action)
    }

    /// The events of a command.
    fn command(&mut self, action: Action) -> Vec<Event> {
        self.sequence += 1;
        let command = Command { sequence: Sequence(self.sequence), time: self.now, action };
        self.events.clear();
        self.engine.apply(&command, &mut self.events);
        for event in &self.events {
            match event.body {
                EventBody::Rested(order) | EventBody::Armed(order) => {
                    self.open.push((order.account, order.id));
                }
                EventBody::Replaced { new, kept_place: true, .. } => {
                    self.open.push((new.account, new.id));
                }
                _ => {}
            }
        }
        self.events.clone()
    }

    fn order(&self, random: &mut Random) -> NewOrder {
        let market = random.below(10) == 0;
        let trigger = (random.below(10) == 0).then(|| Trigger {
            price: price(random),
            when: if random.below(2) == 0 {
                TriggerWhen::AtOrAbove
            } else {
                TriggerWhen::AtOrBelow
            },
            trail: None,
        });
        let time_in_force = match random.below(10) {
            0 => TimeInForce::FillOrKill,
            1 => TimeInForce::ImmediateOrCancel,
            2 => TimeInForce::GoodTillDate(self.now + Span::millis(random.below(5_000) as i64)),
            _ if market => TimeInForce::ImmediateOrCancel,
            _ => TimeInForce::GoodTillCanceled,
        };
        NewOrder {
            account: account(random),
            instrument: if random.below(10) == 0 { InstrumentId(0) } else { HERE },
            side: if random.below(2) == 0 { Side::Buy } else { Side::Sell },
            kind: if market { OrderKind::Market } else { OrderKind::Limit(price(random)) },
            quantity: quantity(random),
            time_in_force,
            post_only: random.below(10) == 0,
            trigger,
        }
    }

    /// An action on an order that is, or was, open.
    fn named(
        &mut self,
        random: &mut Random,
        action: impl FnOnce(&mut Random, AccountId, OrderId) -> Action,
    ) -> Action {
        if self.open.is_empty() {
            return Action::Tick(FAST);
        }
        let at = random.below(self.open.len() as u64) as usize;
        let (account, order) = self.open.swap_remove(at);
        action(random, account, order)
    }
}

fn account(random: &mut Random) -> AccountId {
    AccountId(1 + random.below(4) as u32)
}
fn price(random: &mut Random) -> Price {
    Price(10_000 + random.below(30) as i64)
}
fn quantity(random: &mut Random) -> Quantity {
    Quantity(1 + random.below(5) as i64)
}
