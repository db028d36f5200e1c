//! The board: everything that is shown of one instrument.
//!
//! Events go in, updates come out; questions are answered from the state that was told. What the state is
//! never depends on who listens. A board does not count listeners and does not know sessions or dialects.

use model::{
    BookSide, BookUpdate, Cadence, DetailUpdate, Event, EventBody, EventMark, Fill, InstrumentId,
    LevelBook, OrderEntry, OrderId, OrderState, OrderStep, Quantity, Sequence, Side, Status, Time,
    TopicKind, Trade, Update,
};

use crate::book::depth::{Reach, first_orders};
use crate::book::publish::{ByLevel, ByOrder, Publisher};
use crate::book::{SIDES, entries, l2::Ladder, l3::Resting};
use crate::cadence::{Listeners, Paces};
use crate::candles::Candles;
use crate::chain::Chain;
use crate::perpetual::Perpetual;
use crate::steps::Steps;
use crate::tape::Tape;
use crate::ticker::Rolling;

mod answers;
mod image;

/// Takes what is told.
pub type Tell<'a> = &'a mut dyn FnMut(TopicKind, &Update<'_>);

/// Where a step of an order stands in a chain of its instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose step.
    pub order: OrderId,
    /// The step.
    pub mark: EventMark,
    /// The one before it.
    pub previous: Option<EventMark>,
    /// Whether it is in the chain that the public is told; else it is in that of the stop orders.
    pub is_public: bool,
}

/// Everything that is shown of one instrument.
#[derive(Debug)]
pub struct Board {
    instrument: InstrumentId,
    book: Book,
    tape: Tape,
    candles: Candles,
    rolling: Rolling,
    chain: Chain,
    /// The last steps of the chain.
    steps: Steps,
    /// The steps that stop orders take outside the book have a chain of their own.
    stops: Chain,
    /// Where the steps of the last event stand.
    places: Vec<Place>,
    paces: Paces,
    listeners: Listeners,
    /// Trades of the command that is being told, and which it is.
    batch: Vec<Trade>,
    batch_of: Sequence,
    /// The order that is being matched: public, though it does not rest.
    arriving: Option<OrderId>,
    /// What it lets people do.
    status: Status,
    /// What a perpetual has beside; `None` as long as nothing was told that only perpetuals tell.
    perpetual: Option<Box<Perpetual>>,
    /// Market time of the newest event.
    now: Time,
    /// Market time of the newest trade.
    traded: Time,
    /// Room for the orders of a detail update, bids and asks.
    detail: [Vec<OrderEntry>; 2],
}

/// Trades of one command that are told at once; more are told in several batches.
pub(crate) const BATCH_MAX: usize = 1_000;

/// The book before anything was told of it.
static EMPTY: [Ladder; 2] = [Ladder::new(Side::Buy), Ladder::new(Side::Sell)];

/// The book, as its source tells it.
#[derive(Debug)]
enum Book {
    ByOrder(ByOrder),
    ByLevel(ByLevel),
}

impl Board {
    /// The board of an instrument that is told order by order. `start` stamps the book before its first
    /// change.
    #[must_use]
    pub fn new(instrument: InstrumentId, start: Time) -> Self {
        Self::over(instrument, start, Book::ByOrder(ByOrder::new(start)))
    }

    /// The board of an instrument that is told by level: it has no orders, and no book before the first
    /// snapshot.
    #[must_use]
    pub fn by_level(instrument: InstrumentId, start: Time) -> Self {
        Self::over(instrument, start, Book::ByLevel(ByLevel::after(0)))
    }

    fn over(instrument: InstrumentId, start: Time, book: Book) -> Self {
        let steps = match book {
            Book::ByOrder(_) => Steps::new(start),
            Book::ByLevel(_) => Steps::of_nothing(start),
        };
        Self {
            instrument,
            book,
            tape: Tape::new(),
            candles: Candles::new(),
            rolling: Rolling::new(),
            chain: Chain::default(),
            steps,
            stops: Chain::default(),
            places: Vec::with_capacity(2),
            paces: Paces::default(),
            listeners: Listeners::default(),
            batch: Vec::new(),
            batch_of: Sequence::default(),
            arriving: None,
            status: Status::Trading,
            perpetual: None,
            now: start,
            traded: Time(i64::MIN),
            detail: [const { Vec::new() }; 2],
        }
    }

    /// Somebody listens to topics of this kind. Listening twice is listening once: the caller counts.
    pub fn listen(&mut self, kind: TopicKind) {
        let view = match kind {
            TopicKind::Depth { depth, step, cadence } if self.listeners.view(kind).is_none() => {
                Some(Box::new(self.gathered(depth, step, cadence)))
            }
            _ => None,
        };
        self.listeners.listen(kind, view);
    }

    /// Nobody listens to topics of this kind any more.
    pub fn unlisten(&mut self, kind: TopicKind) {
        self.listeners.unlisten(kind);
        if kind == TopicKind::TradeBatches {
            self.batch.clear();
        }
    }

    /// No event of the last command will follow: tells of its trades together, if somebody listens to that. It is told
    /// as well once another command's event comes.
    pub fn settle(&mut self, tell: Tell<'_>) {
        if !self.batch.is_empty() {
            tell(TopicKind::TradeBatches, &Update::Trades(&self.batch));
            self.batch.clear();
        }
    }

    /// Takes in the next event and tells what it means for the kinds that are listened to. Events of other
    /// instruments are none of its business.
    pub fn apply(&mut self, event: &Event, tell: Tell<'_>) {
        self.places.clear();
        if event.instrument != self.instrument && event.instrument != InstrumentId::NONE {
            return;
        }
        if event.cause != self.batch_of {
            self.settle(tell);
            self.batch_of = event.cause;
        }
        let time = event.time;
        self.now = self.now.max(time);
        match &event.body {
            EventBody::Created(order) => {
                self.arriving = Some(order.id);
                self.step(time, order, OrderStep::Created, tell);
            }
            EventBody::Filled(fill) => self.filled(time, fill, tell),
            EventBody::Rested(order) => self.rested(time, order),
            EventBody::Closed { order, reason } => {
                // A stop order that was never woken was never told of, and so is not told of now.
                let public = order.trigger.is_none()
                    || self.arriving == Some(order.id)
                    || self.rests(order.id);
                self.remaining(time, order.id, Quantity::ZERO);
                if public {
                    self.step(time, order, OrderStep::Closed(*reason), tell);
                } else {
                    self.step_outside(time, order);
                }
            }
            EventBody::Replaced { old, new, kept_place } => {
                self.replaced(time, old, new, *kept_place, tell);
            }
            EventBody::Ticked(cadence) => self.ticked(time, *cadence, tell),
            EventBody::Printed(trade) => {
                // A source by level says nothing of commands.
                self.trade(trade, tell);
                self.settle(tell);
            }
            EventBody::BookDelta(levels) => self.level_delta(time, levels, tell),
            EventBody::BookSnapshot(levels) => self.level_snapshot(time, levels, tell),
            EventBody::Armed(order) | EventBody::Triggered(order) => self.step_outside(time, order),
            EventBody::Perpetual(event) => {
                self.perpetual.get_or_insert_default().apply(event, time);
            }
            EventBody::Deposited(_)
            | EventBody::Withdrawn(_)
            | EventBody::Transferred { .. }
            | EventBody::Balance(_)
            | EventBody::Rejected(_) => {}
            EventBody::StatusChanged(status) => self.status = *status,
        }
    }

    /// Whose board it is.
    #[must_use]
    pub const fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    /// Market time of the newest event.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    fn filled(&mut self, time: Time, fill: &Fill, tell: Tell<'_>) {
        self.remaining(time, fill.maker.id, fill.maker.remaining);
        let step = OrderStep::Filled { price: fill.price, quantity: fill.quantity };
        self.step(time, &fill.maker, step, tell);
        self.step(time, &fill.taker, step, tell);
        self.trade(&fill.trade(time), tell);
    }

    fn rested(&mut self, time: Time, order: &OrderState) {
        if let Book::ByOrder(book) = &mut self.book
            && let Some(price) = order.kind.limit()
        {
            book.rest(order.side, price, Resting::of(order, time));
        }
    }

    fn replaced(
        &mut self,
        time: Time,
        old: &OrderState,
        new: &OrderState,
        kept_place: bool,
        tell: Tell<'_>,
    ) {
        if let Book::ByOrder(book) = &mut self.book {
            if kept_place {
                book.hand_over(old.id, Resting::of(new, time));
            } else {
                book.set_remaining(time, old.id, Quantity::ZERO);
            }
        }
        self.arriving = Some(new.id);
        self.step(time, old, OrderStep::Replaced, tell);
        self.step(time, new, OrderStep::Created, tell);
    }

    fn remaining(&mut self, time: Time, order: OrderId, quantity: Quantity) {
        if let Book::ByOrder(book) = &mut self.book {
            book.set_remaining(time, order, quantity);
        }
    }

    fn rests(&self, order: OrderId) -> bool {
        match &self.book {
            Book::ByOrder(book) => book.book().slot(order).is_some(),
            Book::ByLevel(_) => false,
        }
    }

    fn step(&mut self, time: Time, order: &OrderState, step: OrderStep, tell: Tell<'_>) {
        // The chain goes on whether or not somebody listens: marks are facts of the market.
        let mut update = self.chain.step(time, *order, step);
        if let Some(perpetual) = &mut self.perpetual {
            update.is_liquidation = perpetual.liquidates(order.id, step);
        }
        let (order, mark, previous) = (order.id, update.mark, update.previous);
        self.places.push(Place { order, mark, previous, is_public: true });
        if matches!(self.book, Book::ByOrder(_)) {
            self.steps.add(update);
        }
        if self.listeners.orders {
            tell(TopicKind::Orders, &Update::Order(&update));
        }
    }

    fn step_outside(&mut self, time: Time, order: &OrderState) {
        // Which step it is does not matter for its place.
        let update = self.stops.step(time, *order, OrderStep::Created);
        let (order, mark, previous) = (order.id, update.mark, update.previous);
        self.places.push(Place { order, mark, previous, is_public: false });
    }

    /// What the instrument lets people do.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Where the steps of the event that was taken in last stand, for those who tell their owners of them.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    fn trade(&mut self, trade: &Trade, tell: Tell<'_>) {
        // A print that comes late counts where it comes: candles and minutes that ended are final.
        self.traded = self.traded.max(trade.time);
        self.now = self.now.max(trade.time);
        self.tape.add(*trade);
        self.candles.add(self.traded, trade);
        self.rolling.add(self.traded, trade);
        self.paces.traded(self.traded);
        if self.listeners.trades {
            tell(TopicKind::Trades, &Update::Trade(trade));
        }
        if self.listeners.batches {
            self.batch.push(*trade);
            if self.batch.len() == BATCH_MAX {
                self.settle(tell);
            }
        }
    }

    fn ticked(&mut self, time: Time, cadence: Cadence, tell: Tell<'_>) {
        self.publish(cadence, tell);
        let [bid, ask] = SIDES.map(|side| self.best(side));
        self.paces.tick(cadence, time, [bid, ask]);
        for paced in self.listeners.paced() {
            let kind = paced.kind;
            let news = self.paces.news(paced.cadence);
            match kind {
                TopicKind::Candles { interval, .. } => {
                    let traded = news.and_then(|news| news.traded);
                    for candle in traded.iter().flat_map(|&from| self.candles.since(interval, from))
                    {
                        tell(kind, &Update::Candle(candle));
                    }
                }
                TopicKind::SampledCandles { interval, .. } => {
                    let ended = self.paces.ended(paced.cadence);
                    let before = ended.map(|ended| Time(ended.0.saturating_sub(1)));
                    if let Some(candle) =
                        before.and_then(|moment| self.candles.of_moment(interval, moment))
                    {
                        tell(kind, &Update::Candle(candle));
                    }
                }
                TopicKind::Ticker { window, quotes, .. }
                    if news.is_some_and(|news| {
                        news.traded.is_some()
                            || news.is_another_minute
                            || (quotes && news.is_quoted)
                    }) =>
                {
                    let ticker = self.rolling.ticker(window, time, bid, ask);
                    tell(kind, &Update::Ticker(&ticker));
                }
                _ => {}
            }
        }
        if self.perpetual.is_some() {
            self.tick_of_perpetual(time, cadence, tell);
        }
    }

    /// What only perpetuals tell at a tick: books at cadences of their own, then prices and funding.
    fn tick_of_perpetual(&mut self, time: Time, tick: Cadence, tell: Tell<'_>) {
        for cadence in Cadence::OF_PERPETUALS {
            let begins = |it: &mut Box<Perpetual>| it.begins(cadence, tick, time);
            if !self.perpetual.as_mut().is_some_and(begins) {
                continue;
            }
            self.publish(cadence, tell);
            if cadence == Cadence::SECOND
                && self.listeners.funding
                && let Some(state) = self.perpetual.as_ref().and_then(|it| it.state(time))
            {
                tell(TopicKind::Funding, &Update::Funding(&state));
            }
        }
    }

    /// What differs in the book from what this cadence told last is told.
    fn publish(&mut self, cadence: Cadence, tell: Tell<'_>) {
        let Book::ByOrder(book) = &mut self.book else { return };
        let Some(change) = book.tick(cadence) else { return };
        let (levels, orders) = (change.levels, book.reach_of_orders(&change));
        let Some(shown) = book.publisher(cadence) else { return };
        for paced in self.listeners.paced() {
            let kind = paced.kind;
            if paced.cadence != cadence {
                continue;
            }
            match kind {
                TopicKind::Depth { .. } => {
                    let view = paced.view.as_mut();
                    if let Some(update) =
                        view.and_then(|view| view.follow(shown.stamp(), shown.ladders()))
                    {
                        tell(kind, &Update::Depth(update));
                    }
                }
                TopicKind::Delta { .. } => tell(kind, &Update::Delta(delta_of(shown))),
                TopicKind::Book { depth, .. } if levels.touches(depth) => {
                    let depth = entries(depth);
                    let update = top(shown.stamp(), |side| shown.ladder(side), depth);
                    tell(kind, &Update::Book(update));
                }
                TopicKind::Detail { depth, .. } if orders.touches(depth) => {
                    tell_detail(kind, book, shown, depth, &mut self.detail, tell);
                }
                _ => {}
            }
        }
    }

    fn level_delta(&mut self, time: Time, levels: &LevelBook, tell: Tell<'_>) {
        let book = self.by_level_book();
        let (stamp, reach) = book.change(time, [&levels.bids, &levels.asks]);
        if !levels.bids.is_empty() || !levels.asks.is_empty() {
            self.tell_levels(stamp, true, reach, tell);
        }
    }

    fn level_snapshot(&mut self, time: Time, levels: &LevelBook, tell: Tell<'_>) {
        let book = self.by_level_book();
        let (stamp, had_book, reach) = book.replace(time, [&levels.bids, &levels.asks]);
        let differs = SIDES.iter().any(|&side| !book.delta(side).is_empty());
        self.tell_levels(stamp, had_book && differs, reach, tell);
    }

    /// The book by level. A board that was made for orders learns from the first word by level that its
    /// source speaks otherwise.
    fn by_level_book(&mut self) -> &mut ByLevel {
        if let Book::ByOrder(book) = &self.book {
            let states = book.publishers().iter().map(Publisher::states).max().unwrap_or(0);
            self.book = Book::ByLevel(ByLevel::after(states));
            self.steps = Steps::of_nothing(self.now);
            for paced in self.listeners.paced() {
                if let Some(view) = &mut paced.view {
                    view.begin_anew();
                }
            }
        }
        match &mut self.book {
            Book::ByLevel(book) => book,
            Book::ByOrder(_) => unreachable!("it was replaced above"),
        }
    }

    fn tell_levels(&mut self, stamp: Time, delta: bool, reach: Reach, tell: Tell<'_>) {
        let Book::ByLevel(book) = &self.book else { return };
        for paced in self.listeners.paced() {
            match paced.kind {
                TopicKind::Delta { .. } if delta => {
                    let update = BookUpdate {
                        time: stamp,
                        bids: BookSide::new(book.delta(Side::Buy)),
                        asks: BookSide::new(book.delta(Side::Sell)),
                    };
                    tell(paced.kind, &Update::Delta(update));
                }
                TopicKind::Depth { .. } if book.stamp().is_some() => {
                    let view = paced.view.as_mut();
                    if let Some(update) = view.and_then(|view| view.follow(stamp, book.ladders())) {
                        tell(paced.kind, &Update::Depth(update));
                    }
                }
                TopicKind::Book { depth, .. } if reach.touches(depth) => {
                    let update = top(stamp, |side| book.ladder(side), entries(depth));
                    tell(paced.kind, &Update::Book(update));
                }
                _ => {}
            }
        }
    }
}

fn delta_of(shown: &Publisher) -> BookUpdate<'_> {
    BookUpdate {
        time: shown.stamp(),
        bids: BookSide::new(shown.delta(Side::Buy)),
        asks: BookSide::new(shown.delta(Side::Sell)),
    }
}

/// The best `depth` levels of a book.
fn top<'a>(time: Time, ladder: impl Fn(Side) -> &'a Ladder, depth: usize) -> BookUpdate<'a> {
    let side = |side| ladder(side).as_side().top(depth);
    BookUpdate { time, bids: side(Side::Buy), asks: side(Side::Sell) }
}

fn tell_detail(
    kind: TopicKind,
    book: &ByOrder,
    shown: &Publisher,
    depth: u16,
    room: &mut [Vec<OrderEntry>; 2],
    tell: Tell<'_>,
) {
    for side in SIDES {
        let out = &mut room[side as usize];
        first_orders(shown, book.book(), side, entries(depth), out);
    }
    let [bids, asks] = room;
    let update =
        DetailUpdate { time: shown.stamp(), bids: BookSide::new(bids), asks: BookSide::new(asks) };
    tell(kind, &Update::Detail(update));
}
