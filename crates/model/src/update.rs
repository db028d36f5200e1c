//! Updates: what the subscribers of a topic are told, before any dialect words it. Borrowed from the views,
//! so that telling costs nothing where nobody listens.

use crate::account::{OwnMovement, OwnOrderUpdate, OwnTrade};
use crate::book::{BookSide, OrderEntry};
use crate::candle::Candle;
use crate::event::{Balance, CloseReason};
use crate::ids::InstrumentId;
use crate::instrument::{Price, Quantity};
use crate::order::OrderState;
use crate::perpetual::{OwnAlert, OwnSettlement, PerpetualState};
use crate::ticker::Ticker;
use crate::time::Time;
use crate::trade::Trade;

/// What the subscribers of a topic are told.
#[derive(Clone, Copy, Debug)]
pub enum Update<'a> {
    /// A trade.
    Trade(&'a Trade),
    /// Trades that came of one command, the oldest first: never none of them.
    Trades(&'a [Trade]),
    /// A step in an order's life.
    Order(&'a OrderUpdate),
    /// The top of the book, whole.
    Book(BookUpdate<'a>),
    /// The first orders of each side, whole.
    Detail(DetailUpdate<'a>),
    /// The levels that changed; quantity 0 removes one.
    Delta(BookUpdate<'a>),
    /// The levels in view that changed, or all of them; quantity 0 removes one.
    Depth(DepthUpdate<'a>),
    /// The running candle.
    Candle(&'a Candle),
    /// Rolling statistics.
    Ticker(&'a Ticker),
    /// Rolling statistics of several instruments, in the directory's order.
    Tickers(&'a [(InstrumentId, Ticker)]),
    /// A step in the life of an own order.
    OwnOrder(&'a OwnOrderUpdate),
    /// An own trade with somebody else.
    OwnTrade(&'a OwnTrade),
    /// A trade of an account with itself.
    SelfTrade(&'a Trade),
    /// What an account holds of an asset now.
    Balance(&'a Balance),
    /// What came to an account or left it.
    Movement(&'a OwnMovement),
    /// What an account holds now, of each asset that it ever held, in the order of the assets.
    Holdings(&'a [Balance]),
    /// Prices and funding of a perpetual.
    Funding(&'a PerpetualState),
    /// Money that came of an account's position, or went into it.
    Settlement(&'a OwnSettlement),
    /// A margin of an account came into danger, or its liquidation ended.
    Alert(&'a OwnAlert),
}

impl Update<'_> {
    /// Whether it goes on from others of its topic, and this one stands for all that were before it.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Depth(DepthUpdate { snapshot: true, .. }))
    }
}

/// Levels of both sides and the stamp of the book they belong to.
#[derive(Clone, Copy, Debug)]
pub struct BookUpdate<'a> {
    /// When the book last changed: strictly increasing for each instrument, equal on every topic that tells
    /// of the same state.
    pub time: Time,
    /// Bids.
    pub bids: BookSide<'a>,
    /// Asks.
    pub asks: BookSide<'a>,
}

/// Levels of a view of the book: of its best levels, gathered in steps of price.
#[derive(Clone, Copy, Debug)]
pub struct DepthUpdate<'a> {
    /// As in [`BookUpdate`].
    pub time: Time,
    /// Counts what this view told: the next update has the next number. The first number is no smaller than any
    /// that the view had while it was listened to before.
    pub sequence: u64,
    /// Whether these are all levels in view, and nothing that was known before counts.
    pub snapshot: bool,
    /// Bids.
    pub bids: BookSide<'a>,
    /// Asks.
    pub asks: BookSide<'a>,
    /// What rests on the bids in all, in view or not.
    pub bids_total: Quantity,
    /// What rests on the asks in all, in view or not.
    pub asks_total: Quantity,
}

/// Orders of both sides and the stamp of the book they belong to. At one price the oldest comes first.
#[derive(Clone, Copy, Debug)]
pub struct DetailUpdate<'a> {
    /// As in [`BookUpdate`].
    pub time: Time,
    /// Bids.
    pub bids: BookSide<'a, OrderEntry>,
    /// Asks.
    pub asks: BookSide<'a, OrderEntry>,
}

/// A step in an order's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderUpdate {
    /// When, in market time.
    pub time: Time,
    /// The order after this step.
    pub order: OrderState,
    /// What happened to it.
    pub step: OrderStep,
    /// This step's place in the chain of its instrument's order events.
    pub mark: EventMark,
    /// The step before it, of whichever order; `None` for the first of all.
    pub previous: Option<EventMark>,
    /// Whether it is an order by which a position is liquidated.
    pub is_liquidation: bool,
}

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStep {
    /// It was accepted, all of it open.
    Created,
    /// It met another; it is gone if nothing remains.
    Filled {
        /// At this price.
        price: Price,
        /// This much.
        quantity: Quantity,
    },
    /// It ended other than by its last fill.
    Closed(CloseReason),
    /// It ended because another took its place.
    Replaced,
}

/// The place of a step in the chain of an instrument's order events. Marks are strictly increasing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventMark {
    /// When, in whole milliseconds of market time.
    pub time: Time,
    /// Counts the steps within one millisecond, from 0.
    pub tie: u32,
    /// Counts all steps of the instrument, from 1.
    pub ordinal: u64,
}
