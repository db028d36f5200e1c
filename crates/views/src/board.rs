//! The board: everything that is shown of one instrument.
//!
//! Events go in, updates come out; questions are answered from the state that was told. What the state is
//! never depends on who listens. A board does not count listeners and does not know sessions or dialects.

use model::{
    AnswerBody, BookSide, BookUpdate, Cadence, DetailUpdate, Event, EventBody, EventMark, Fill,
    InstrumentId, LevelBook, OrderEntry, OrderId, OrderState, OrderStep, Price, Quantity, Query,
    Side, Ticker, Time, TopicKind, Trade, Update, Window,
};

use crate::book::depth::{Reach, first_orders};
use crate::book::publish::{ByLevel, ByOrder, Publisher};
use crate::book::{SIDES, l2::Ladder};
use crate::cadence::{Listeners, Untold};
use crate::candles::Candles;
use crate::chain::Chain;
use crate::digest::Digest;
use crate::tape::Tape;
use crate::ticker::Rolling;

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
    /// The steps that stop orders take outside the book have a chain of their own.
    stops: Chain,
    /// Where the steps of the last event stand.
    places: Vec<Place>,
    untold: Untold,
    listeners: Listeners,
    /// The order that is being matched: public, though it does not rest.
    arriving: Option<OrderId>,
    /// Market time of the newest event.
    now: Time,
    /// Market time of the newest trade.
    traded: Time,
    /// Room for the orders of a detail update, bids and asks.
    detail: [Vec<OrderEntry>; 2],
}

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
        Self::over(instrument, start, Book::ByLevel(ByLevel::new()))
    }

    fn over(instrument: InstrumentId, start: Time, book: Book) -> Self {
        Self {
            instrument,
            book,
            tape: Tape::new(),
            candles: Candles::new(),
            rolling: Rolling::new(),
            chain: Chain::default(),
            stops: Chain::default(),
            places: Vec::with_capacity(2),
            untold: Untold::default(),
            listeners: Listeners::default(),
            arriving: None,
            now: start,
            traded: Time(i64::MIN),
            detail: [const { Vec::new() }; 2],
        }
    }

    /// Somebody listens to topics of this kind. Listening twice is listening once: the caller counts.
    pub fn listen(&mut self, kind: TopicKind) {
        self.listeners.listen(kind);
    }

    /// Nobody listens to topics of this kind any more.
    pub fn unlisten(&mut self, kind: TopicKind) {
        self.listeners.unlisten(kind);
    }

    /// Takes in the next event and tells what it means for the kinds that are listened to. Events of other
    /// instruments are none of its business.
    pub fn apply(&mut self, event: &Event, tell: Tell<'_>) {
        self.places.clear();
        if event.instrument != self.instrument && event.instrument != InstrumentId::NONE {
            return;
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
            EventBody::Printed(trade) => self.trade(trade, tell),
            EventBody::BookDelta(levels) => self.level_delta(time, levels, tell),
            EventBody::BookSnapshot(levels) => self.level_snapshot(time, levels, tell),
            EventBody::Armed(order) | EventBody::Triggered(order) => self.step_outside(time, order),
            EventBody::Deposited(_)
            | EventBody::Withdrawn(_)
            | EventBody::Transferred { .. }
            | EventBody::Balance(_)
            | EventBody::Rejected(_)
            | EventBody::StatusChanged(_) => {}
        }
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
            book.rest(time, order.side, price, order.id, order.remaining);
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
                book.hand_over(time, old.id, new.id, new.remaining);
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
        let update = self.chain.step(time, *order, step);
        let (order, mark, previous) = (order.id, update.mark, update.previous);
        self.places.push(Place { order, mark, previous, is_public: true });
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
        self.untold.traded(self.traded);
        if self.listeners.trades {
            tell(TopicKind::Trades, &Update::Trade(trade));
        }
    }

    fn ticked(&mut self, time: Time, cadence: Cadence, tell: Tell<'_>) {
        let mut levels = Reach::default();
        let mut orders = Reach::default();
        let mut changed = false;
        if let Book::ByOrder(book) = &mut self.book
            && let Some(change) = book.tick(cadence)
        {
            changed = true;
            levels = change.levels;
            orders = book.reach_of_orders(&change);
        }
        let untold = self.untold.take(cadence);
        let (bid, ask) = (self.best(Side::Buy), self.best(Side::Sell));
        for paced in self.listeners.at(cadence) {
            let kind = paced.kind;
            match kind {
                TopicKind::Candles { interval, .. } => {
                    for candle in untold.iter().flat_map(|&from| self.candles.since(interval, from))
                    {
                        tell(kind, &Update::Candle(candle));
                    }
                }
                TopicKind::Ticker { window, .. } => {
                    let ticker = self.rolling.ticker(window, time, bid, ask);
                    if paced.told.is_none_or(|told| Ticker { time, ..told } != ticker) {
                        tell(kind, &Update::Ticker(&ticker));
                        paced.told = Some(ticker);
                    }
                }
                _ if !changed => {}
                _ => {
                    let Book::ByOrder(book) = &self.book else { continue };
                    let Some(shown) = book.publisher(cadence) else { continue };
                    match kind {
                        TopicKind::Delta { .. } => tell(kind, &Update::Delta(delta_of(shown))),
                        TopicKind::Book { depth, .. } if levels.touches(depth) => {
                            let depth = usize::from(depth);
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
        if let Book::ByOrder(_) = self.book {
            self.book = Book::ByLevel(ByLevel::new());
        }
        match &mut self.book {
            Book::ByLevel(book) => book,
            Book::ByOrder(_) => unreachable!("it was replaced above"),
        }
    }

    fn tell_levels(&self, stamp: Time, delta: bool, reach: Reach, tell: Tell<'_>) {
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
                TopicKind::Book { depth, .. } if reach.touches(depth) => {
                    let update = top(stamp, |side| book.ladder(side), usize::from(depth));
                    tell(paced.kind, &Update::Book(update));
                }
                _ => {}
            }
        }
    }

    /// Tells the state now, as last published, for dialects that send one at subscription. For a delta that is
    /// the whole book; streams of happenings (trades, orders) have no state, and nothing is told of them.
    pub fn snapshot(&self, kind: TopicKind, tell: Tell<'_>) {
        match (kind, &self.book) {
            (TopicKind::Book { cadence, .. } | TopicKind::Delta { cadence }, book) => {
                let depth = match kind {
                    TopicKind::Book { depth, .. } => usize::from(depth),
                    _ => usize::MAX,
                };
                match book {
                    Book::ByOrder(book) => {
                        if let Some(shown) = book.publisher(cadence) {
                            let update = top(shown.stamp(), |side| shown.ladder(side), depth);
                            tell(kind, &Update::Book(update));
                        }
                    }
                    Book::ByLevel(book) => {
                        if let Some(stamp) = book.stamp() {
                            let update = top(stamp, |side| book.ladder(side), depth);
                            tell(kind, &Update::Book(update));
                        }
                    }
                }
            }
            (TopicKind::Detail { depth, cadence }, Book::ByOrder(book)) => {
                if let Some(shown) = book.publisher(cadence) {
                    let mut room = [const { Vec::new() }; 2];
                    tell_detail(kind, book, shown, depth, &mut room, tell);
                }
            }
            (TopicKind::Candles { interval, .. }, _) => {
                if let Some(candle) = self.candles.last(interval) {
                    tell(kind, &Update::Candle(candle));
                }
            }
            (TopicKind::Ticker { window, .. }, _) => {
                tell(kind, &Update::Ticker(&self.ticker(window, self.now)));
            }
            _ => {}
        }
    }

    /// Answers a question about this instrument.
    #[must_use]
    pub fn answer(&self, query: &Query, now: Time) -> AnswerBody {
        match *query {
            Query::Book { cadence, .. } => self.whole_book(cadence),
            Query::Detail { cadence, .. } => self.whole_detail(cadence),
            Query::Trades { since, limit, .. } => AnswerBody::Trades(self.tape.since(since, limit)),
            Query::Candles { interval, from, till, limit, .. } => {
                AnswerBody::Candles(self.candles.between(interval, from, till, limit))
            }
            Query::Ticker { window, .. } => AnswerBody::Ticker(Box::new(self.ticker(window, now))),
            Query::Tickers { window } => {
                AnswerBody::Tickers(vec![(self.instrument, self.ticker(window, now))])
            }
            Query::Now => AnswerBody::Now,
            Query::Balances { .. }
            | Query::OpenOrders { .. }
            | Query::Order { .. }
            | Query::OwnTrades(_) => AnswerBody::Unavailable,
        }
    }

    fn whole_book(&self, cadence: Cadence) -> AnswerBody {
        let (time, bids, asks) = match &self.book {
            Book::ByOrder(book) => match book.publisher(cadence) {
                Some(shown) => (shown.stamp(), shown.ladder(Side::Buy), shown.ladder(Side::Sell)),
                // Nothing was told yet: that is the empty book of the start.
                None => {
                    let (bids, asks) = (Vec::new(), Vec::new());
                    return AnswerBody::Book { time: book.start(), bids, asks };
                }
            },
            Book::ByLevel(book) => match book.stamp() {
                Some(stamp) => (stamp, book.ladder(Side::Buy), book.ladder(Side::Sell)),
                None => return AnswerBody::Unavailable,
            },
        };
        AnswerBody::Book { time, bids: bids.to_best_first(), asks: asks.to_best_first() }
    }

    fn whole_detail(&self, cadence: Cadence) -> AnswerBody {
        let Book::ByOrder(book) = &self.book else { return AnswerBody::Unavailable };
        let Some(shown) = book.publisher(cadence) else {
            return AnswerBody::Detail { time: book.start(), bids: Vec::new(), asks: Vec::new() };
        };
        let [bids, asks] = SIDES.map(|side| {
            let mut orders = Vec::new();
            shown.each_order(book.book(), side, &mut |entry| {
                orders.push(entry);
                true
            });
            orders
        });
        AnswerBody::Detail { time: shown.stamp(), bids, asks }
    }

    /// Rolling statistics of a window that ends now.
    #[must_use]
    pub fn ticker(&self, window: Window, now: Time) -> Ticker {
        // Whoever asks with an old time is answered with the time of what they are told.
        let now = now.max(self.now);
        self.rolling.ticker(window, now, self.best(Side::Buy), self.best(Side::Sell))
    }

    /// The best price of a side now.
    fn best(&self, side: Side) -> Option<Price> {
        match &self.book {
            Book::ByOrder(book) => book.book().best(side),
            Book::ByLevel(book) => book.ladder(side).as_side().best().map(|level| level.price),
        }
    }

    /// A digest of all state that can be shown: equal on every board that took in the same events.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        digest.signed(self.now.0);
        match &self.book {
            Book::ByOrder(book) => {
                digest_orders(book, &mut digest);
            }
            Book::ByLevel(book) => {
                digest.signed(book.stamp().map_or(i64::MIN, |stamp| stamp.0));
                SIDES.iter().for_each(|&side| digest_ladder(book.ladder(side), &mut digest));
            }
        }
        self.tape.digest(&mut digest);
        self.candles.digest(&mut digest);
        self.rolling.digest(&mut digest);
        self.chain.digest(&mut digest);
        self.stops.digest(&mut digest);
        digest.finish()
    }
}

fn digest_orders(book: &ByOrder, digest: &mut Digest) {
    for side in SIDES {
        for line in book.book().lines(side) {
            for entry in book.book().orders(side, line) {
                digest.signed(entry.price.0);
                digest.signed(entry.quantity.0);
                digest.word(entry.order.0);
            }
        }
        digest.word(u64::MAX);
    }
    for shown in book.publishers() {
        digest.signed(shown.cadence().0.0);
        digest.signed(shown.stamp().0);
        SIDES.iter().for_each(|&side| digest_ladder(shown.ladder(side), digest));
    }
}

fn digest_ladder(ladder: &Ladder, digest: &mut Digest) {
    for level in ladder.best_last() {
        digest.signed(level.price.0);
        digest.signed(level.quantity.0);
    }
    digest.word(u64::MAX);
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
        first_orders(shown, book.book(), side, usize::from(depth), out);
    }
    let [bids, asks] = room;
    let update =
        DetailUpdate { time: shown.stamp(), bids: BookSide::new(bids), asks: BookSide::new(asks) };
    tell(kind, &Update::Detail(update));
}
