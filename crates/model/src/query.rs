//! Questions about state now, beside the stream, and their answers. Answers show the same durable state that
//! subscribers see.

use crate::book::{Level, OrderEntry};
use crate::candle::{Candle, Interval};
use crate::ids::InstrumentId;
use crate::ticker::{Ticker, Window};
use crate::time::Time;
use crate::topic::Cadence;
use crate::trade::Trade;

/// A question about state now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// The whole book by level, as last told to the subscribers of this cadence.
    Book {
        /// Whose.
        instrument: InstrumentId,
        /// As told at this cadence.
        cadence: Cadence,
    },
    /// The whole book by order, as last told to the subscribers of this cadence.
    Detail {
        /// Whose.
        instrument: InstrumentId,
        /// As told at this cadence.
        cadence: Cadence,
    },
    /// The trades since a moment, newest first.
    Trades {
        /// Whose.
        instrument: InstrumentId,
        /// Not older than this.
        since: Time,
        /// At most so many.
        limit: usize,
    },
    /// Candles whose start lies in `from..=till`, oldest first; the newest `limit` of them.
    Candles {
        /// Whose.
        instrument: InstrumentId,
        /// How long each.
        interval: Interval,
        /// First start.
        from: Time,
        /// Last start.
        till: Time,
        /// At most so many.
        limit: usize,
    },
    /// Rolling statistics of one instrument.
    Ticker {
        /// Whose.
        instrument: InstrumentId,
        /// How far back.
        window: Window,
    },
    /// Rolling statistics of every instrument, in the directory's order.
    Tickers {
        /// How far back.
        window: Window,
    },
    /// What time it is in the market.
    Now,
}

/// The reply to a [`Query`]. Every variant carries the market time at which it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Market time now.
    pub now: Time,
    /// What was asked for.
    pub body: AnswerBody,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerBody {
    /// To [`Query::Book`]: best first.
    Book {
        /// The stamp of the last published state.
        time: Time,
        /// Descending.
        bids: Vec<Level>,
        /// Ascending.
        asks: Vec<Level>,
    },
    /// To [`Query::Detail`]: best first, at one price the oldest first.
    Detail {
        /// The stamp of the last published state.
        time: Time,
        /// Descending.
        bids: Vec<OrderEntry>,
        /// Ascending.
        asks: Vec<OrderEntry>,
    },
    /// To [`Query::Trades`].
    Trades(Vec<Trade>),
    /// To [`Query::Candles`].
    Candles(Vec<Candle>),
    /// To [`Query::Ticker`].
    Ticker(Box<Ticker>),
    /// To [`Query::Tickers`].
    Tickers(Vec<(InstrumentId, Ticker)>),
    /// To [`Query::Now`].
    Now,
    /// The source does not know it: orders of a source by level, a book before its first snapshot.
    Unavailable,
}
