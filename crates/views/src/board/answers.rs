//! What a board answers: questions about the state that was told, and its digest.

use model::{AnswerBody, Cadence, Price, Query, Side, Ticker, Time, TopicKind, Update, Window};

use super::{Board, Book, EMPTY, Tell, tell_detail, top};
use crate::book::gathered::Gathered;
use crate::book::publish::ByOrder;
use crate::book::{SIDES, entries, l2::Ladder};
use crate::digest::Digest;

impl Board {
    /// Tells the state now, as last published, for dialects that send one at subscription. For a delta that is
    /// the whole book; streams of happenings (trades, orders) have no state, and nothing is told of them.
    pub fn snapshot(&self, kind: TopicKind, tell: Tell<'_>) {
        match (kind, &self.book) {
            (TopicKind::Book { cadence, .. } | TopicKind::Delta { cadence }, book) => {
                let depth = match kind {
                    TopicKind::Book { depth, .. } => entries(depth),
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
            (TopicKind::Depth { depth, step, cadence }, _) => {
                self.with_view(depth, step, cadence, |view| {
                    if let Some(update) = view.whole() {
                        tell(kind, &Update::Depth(update));
                    }
                });
            }
            (TopicKind::Candles { interval, .. }, _) => {
                if let Some(candle) = self.candles.last(interval) {
                    tell(kind, &Update::Candle(candle));
                }
            }
            (TopicKind::Ticker { window, .. }, _) => {
                tell(kind, &Update::Ticker(&self.ticker(window, self.now)));
            }
            (TopicKind::Funding, _) => {
                let perpetual = self.perpetual.as_ref();
                if let Some(state) = perpetual.and_then(|it| it.state(self.now)) {
                    tell(kind, &Update::Funding(&state));
                }
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
            Query::Depth { depth, step, cadence, .. } => {
                self.with_view(depth, step, cadence, Gathered::answer)
            }
            Query::Trades { since, limit, .. } => AnswerBody::Trades(self.tape.since(since, limit)),
            Query::OrderSteps { stretch, .. } => match &self.book {
                Book::ByOrder(_) => {
                    let (steps, is_cut) = self.steps.within(&stretch);
                    AnswerBody::OrderSteps { steps, is_cut }
                }
                Book::ByLevel(_) => AnswerBody::Unavailable,
            },
            Query::Candles { interval, from, till, limit, filled: false, .. } => {
                AnswerBody::Candles(self.candles.between(interval, from, till, limit))
            }
            Query::Candles { interval, from, till, limit, filled: true, .. } => {
                let now = now.max(self.now);
                AnswerBody::Candles(self.candles.filled(interval, from, till, limit, now))
            }
            Query::Ticker { window, .. } => AnswerBody::Ticker(Box::new(self.ticker(window, now))),
            Query::Tickers { window } => {
                AnswerBody::Tickers(vec![(self.instrument, self.ticker(window, now))])
            }
            Query::Statuses => AnswerBody::Statuses(vec![(self.instrument, self.status)]),
            Query::Perpetual { .. } => {
                let state = self.perpetual.as_ref().and_then(|it| it.state(now.max(self.now)));
                let answer = |state| AnswerBody::Perpetual(Box::new(state));
                state.map_or(AnswerBody::Unavailable, answer)
            }
            Query::Quotes { .. } => match &self.perpetual {
                Some(it) => AnswerBody::Quotes(it.quotes()),
                None => AnswerBody::Unavailable,
            },
            Query::FundingRates { since, until, limit, .. } => match &self.perpetual {
                Some(it) => AnswerBody::FundingRates(it.rates(since, until, limit)),
                None => AnswerBody::Unavailable,
            },
            Query::Now => AnswerBody::Now,
            Query::Accounts { .. }
            | Query::Balances { .. }
            | Query::OpenOrders { .. }
            | Query::OwnOrders(_)
            | Query::Order { .. }
            | Query::OwnTrades(_)
            | Query::OwnRecords(_)
            | Query::Positions(_)
            | Query::MarginChoices { .. }
            | Query::Settlements(_)
            | Query::MarginAlerts { .. }
            | Query::OwnSteps { .. } => AnswerBody::Unavailable,
        }
    }

    /// A view of the book as it was published last at this cadence.
    pub(super) fn gathered(&self, depth: u16, step: Option<Price>, cadence: Cadence) -> Gathered {
        match &self.book {
            Book::ByOrder(book) => match book.publisher(cadence) {
                Some(shown) => {
                    let book = Some((shown.stamp(), shown.ladders()));
                    Gathered::of(depth, step, shown.states(), book)
                }
                None => Gathered::of(depth, step, 0, Some((book.start(), &EMPTY))),
            },
            Book::ByLevel(book) => {
                let shown = book.stamp().map(|stamp| (stamp, book.ladders()));
                Gathered::of(depth, step, book.states(), shown)
            }
        }
    }

    /// Looks at a view as it was told last, or would have been if somebody had listened.
    fn with_view<T>(
        &self,
        depth: u16,
        step: Option<Price>,
        cadence: Cadence,
        look: impl FnOnce(&Gathered) -> T,
    ) -> T {
        match self.listeners.view(TopicKind::Depth { depth, step, cadence }) {
            Some(view) => look(view),
            None => look(&self.gathered(depth, step, cadence)),
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

    /// What a ticker of all instruments has to say of this one at the event that was taken in last: its statistics, if
    /// that made it speak and they are others than when it spoke before.
    #[must_use]
    pub fn ticker_news(&self, window: Window, cadence: Cadence, quotes: bool) -> Option<Ticker> {
        let news = self.paces.news(cadence)?;
        let ticker = self.ticker(window, self.now);
        let is_news = news.traded.is_some()
            || (quotes && news.is_quoted)
            || (news.is_another_minute
                && news.former.is_none_or(|former| {
                    let before = self.rolling.ticker(window, former, ticker.bid, ticker.ask);
                    Ticker { time: ticker.time, from: ticker.from, ..before } != ticker
                }));
        is_news.then_some(ticker)
    }

    /// Rolling statistics of a window that ends now.
    #[must_use]
    pub fn ticker(&self, window: Window, now: Time) -> Ticker {
        // Whoever asks with an old time is answered with the time of what they are told.
        let now = now.max(self.now);
        self.rolling.ticker(window, now, self.best(Side::Buy), self.best(Side::Sell))
    }

    /// The best price of a side now.
    pub(super) fn best(&self, side: Side) -> Option<Price> {
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
        digest.word(self.status as u64);
        match &self.book {
            Book::ByOrder(book) => {
                digest_orders(book, &mut digest);
            }
            Book::ByLevel(book) => {
                digest.signed(book.stamp().map_or(i64::MIN, |stamp| stamp.0));
                digest.word(book.states());
                SIDES.iter().for_each(|&side| digest_ladder(book.ladder(side), &mut digest));
            }
        }
        self.tape.digest(&mut digest);
        self.candles.digest(&mut digest);
        self.rolling.digest(&mut digest);
        self.chain.digest(&mut digest);
        self.steps.digest(&mut digest);
        self.stops.digest(&mut digest);
        if let Some(perpetual) = &self.perpetual {
            perpetual.digest(&mut digest);
        }
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
        digest.word(shown.states());
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
