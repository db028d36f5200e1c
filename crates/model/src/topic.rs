//! Topics: what can be subscribed to, in no dialect.

use crate::candle::Interval;
use crate::ids::{AccountId, InstrumentId};
use crate::instrument::Price;
use crate::ticker::Window;
use crate::time::Span;

/// How often a topic speaks. Ticks are sequenced, so that stamps are equal wherever they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cadence(pub Span);

impl Cadence {
    /// Ten times a second.
    pub const TENTH: Self = Self(Span::millis(100));
    /// Every third tenth, counted from 1970, so that a minute ends with one: as often as whole tenths allow for what
    /// is to speak at most once in a quarter of a second.
    pub const THREE_TENTHS: Self = Self(Span::millis(300));
    /// Five times a second.
    pub const FIFTH: Self = Self(Span::millis(200));
    /// Once a second.
    pub const SECOND: Self = Self(Span::seconds(1));

    /// Cadences of news that need no ticks of their own: candles, tickers and holdings of these speak at the first tenth in
    /// each of their spans, counted from 1970. Books do not, but for those of [perpetuals](Cadence::OF_PERPETUALS).
    pub const COUNTED: [Self; 2] = [Self::THREE_TENTHS, Self::SECOND];

    /// Cadences at which books of perpetuals speak as well, without ticks of their own, at the first tenth in each of their
    /// spans.
    pub const OF_PERPETUALS: [Self; 2] = [Self::FIFTH, Self::SECOND];
}

/// Whom a topic is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One instrument.
    Instrument(InstrumentId),
    /// Every instrument.
    All,
    /// One account in one instrument.
    Account(AccountId, InstrumentId),
    /// One account, wherever it trades.
    Own(AccountId),
}

/// What a topic tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicKind {
    /// Each trade; of one account in one instrument those that it has a part in, each once.
    Trades,
    /// The trades of each command, together.
    TradeBatches,
    /// Each step in the life of each order, stop orders excepted until they are woken.
    Orders,
    /// The best `depth` levels, whole, when they changed.
    Book {
        /// Levels a side; [`WHOLE`] is all of them.
        depth: u16,
        /// When it speaks.
        cadence: Cadence,
    },
    /// The best `depth` orders of each side, whole, when they changed.
    Detail {
        /// Orders a side; [`WHOLE`] is all of them.
        depth: u16,
        /// When it speaks.
        cadence: Cadence,
    },
    /// The levels that changed, at full depth.
    Delta {
        /// When it speaks.
        cadence: Cadence,
    },
    /// Of the best `depth` levels those that changed, numbered without a gap: levels that came into view with what
    /// they hold, levels that left it with 0. How much rests in all rides along, and is no news by itself.
    Depth {
        /// Levels a side; [`WHOLE`] is all of them.
        depth: u16,
        /// Levels are gathered in steps of so many ticks: bids at the step below, asks at the step above.
        /// `None`, or one tick, gathers nothing.
        step: Option<Price>,
        /// When it speaks.
        cadence: Cadence,
    },
    /// The running candle after a trade, and before it one that ended, if it was traded in since it was told.
    Candles {
        /// Its length.
        interval: Interval,
        /// When it speaks.
        cadence: Cadence,
    },
    /// At every tick the candle in which the moment before the tick lies, whether or not it was traded in since: at the
    /// tick that ends an interval its candle is whole. Nothing of an interval without a trade.
    ///
    /// Its cadence needs no ticks of its own: it speaks at the first tenth in each of its spans, counted from 1970.
    SampledCandles {
        /// Its length.
        interval: Interval,
        /// When it speaks: a whole number of tenths.
        cadence: Cadence,
    },
    /// Rolling statistics: of one instrument after trades and when another minute has begun, so once a minute at
    /// least; of every instrument at once of those whose statistics are others than when it spoke last.
    Ticker {
        /// How far it looks back.
        window: Window,
        /// When it speaks.
        cadence: Cadence,
        /// Whether other best prices are news too.
        quotes: bool,
    },
    /// Prices and running funding rate of a perpetual, once a second, at the first tenth of it, whether or not they
    /// changed.
    Funding,
    /// Each step in the life of each order of one account, stop orders included.
    OwnOrders,
    /// Each trade of one account with others.
    OwnTrades,
    /// Each trade of one account with itself.
    SelfTrades,
    /// Each balance of one account that changed, after the orders and trades that changed it. Of accounts as a whole.
    Balances,
    /// What comes to one account or leaves it otherwise than by a trade. Of accounts as a whole.
    Movements,
    /// Money that came of positions of one account, or went into them. Of accounts as a whole.
    Settlements,
    /// Margins of one account that came into danger, and liquidations that ended. Of accounts as a whole.
    MarginAlerts,
    /// All balances of one account, whole, when one of them changed. Of accounts as a whole. It speaks at tenths and at
    /// [counted](Cadence::COUNTED) cadences.
    Holdings {
        /// When it speaks.
        cadence: Cadence,
    },
}

/// A depth without an end: the whole side.
pub const WHOLE: u16 = u16::MAX;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    /// What it tells.
    pub kind: TopicKind,
    /// Of whom.
    pub scope: Scope,
}

/// What may happen to a topic's frames when a socket is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Every frame counts: a bounded queue, then a goodbye with its reason.
    Lossless,
    /// Only the newest counts: what waits is replaced.
    Latest,
    /// Each frame goes on from the one before, but a whole one stands for all of them: where too much waits it is
    /// dropped, and the topic begins anew with one whole frame, once the socket takes some again.
    Restart,
}

impl Topic {
    /// A topic of one instrument.
    #[must_use]
    pub const fn of(instrument: InstrumentId, kind: TopicKind) -> Self {
        Self { kind, scope: Scope::Instrument(instrument) }
    }
    /// A topic of one account in one instrument.
    #[must_use]
    pub const fn own(account: AccountId, instrument: InstrumentId, kind: TopicKind) -> Self {
        Self { kind, scope: Scope::Account(account, instrument) }
    }
    /// A topic of one account, wherever it trades.
    #[must_use]
    pub const fn all_own(account: AccountId, kind: TopicKind) -> Self {
        Self { kind, scope: Scope::Own(account) }
    }
    /// The account that alone may be told it, if it is one's own.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match self.scope {
            Scope::Account(account, _) | Scope::Own(account) => Some(account),
            Scope::Instrument(_) | Scope::All => None,
        }
    }
    /// The instrument it is about, if it is one.
    #[must_use]
    pub const fn instrument(&self) -> Option<InstrumentId> {
        match self.scope {
            Scope::Instrument(instrument) | Scope::Account(_, instrument) => Some(instrument),
            Scope::All | Scope::Own(_) => None,
        }
    }
    /// What may happen to its frames when a socket is slow.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self.kind {
            // Of all instruments only those are told that changed: the next word does not stand for the last.
            TopicKind::Ticker { .. } if matches!(self.scope, Scope::All) => Class::Lossless,
            TopicKind::Trades
            | TopicKind::TradeBatches
            | TopicKind::Orders
            | TopicKind::Delta { .. }
            | TopicKind::OwnOrders
            | TopicKind::OwnTrades
            | TopicKind::SelfTrades
            | TopicKind::Balances
            | TopicKind::Movements
            | TopicKind::Settlements
            | TopicKind::MarginAlerts => Class::Lossless,
            TopicKind::Book { .. }
            | TopicKind::Detail { .. }
            | TopicKind::Candles { .. }
            | TopicKind::SampledCandles { .. }
            | TopicKind::Ticker { .. }
            | TopicKind::Holdings { .. }
            | TopicKind::Funding => Class::Latest,
            TopicKind::Depth { .. } => Class::Restart,
        }
    }
}
