//! Rolling statistics of an instrument.

use crate::instrument::{Price, Quantity};
use crate::order::Side;
use crate::time::{Span, Time};

/// Over how long a ticker looks back. Up to a day it moves on in steps of a minute: the window holds the running minute
/// and the whole minutes before it. A longer one moves on in steps of an hour, and so holds the running hour and the
/// whole hours before it. The longest is 31 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(pub Span);

impl Window {
    /// The last hour.
    pub const HOUR: Self = Self(Span::seconds(3_600));
    /// The last 24 hours.
    pub const DAY: Self = Self(Span::seconds(86_400));
    /// The last seven days.
    pub const WEEK: Self = Self(Span::seconds(7 * 86_400));
    /// The last 30 days.
    pub const MONTH: Self = Self(Span::seconds(30 * 86_400));
}

/// Rolling statistics of an instrument. Prices are `None` where nothing has traded or nothing rests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticker {
    /// When it was computed, market time.
    pub time: Time,
    /// Where the window begins.
    pub from: Time,
    /// The last trade.
    pub last: Option<Price>,
    /// The last trade's aggressor.
    pub last_side: Option<Side>,
    /// The first trade of the UTC day; before it, the last trade of an earlier day.
    pub open_day: Option<Price>,
    /// The price at the start of the window: the last trade before it, else the first trade in it.
    pub open: Option<Price>,
    /// Highest in the window.
    pub high: Option<Price>,
    /// Lowest in the window.
    pub low: Option<Price>,
    /// Quantity traded in the window, in lots.
    pub volume: Quantity,
    /// Σ price × quantity in the window, in ticks × lots.
    pub turnover: i128,
    /// Trades in the window.
    pub trades: u64,
    /// The best bid.
    pub bid: Option<Price>,
    /// The best ask.
    pub ask: Option<Price>,
}
