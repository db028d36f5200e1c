//! What an account is shown of itself: its orders with their labels, its trades with their fees.
//!
//! Not what decides anything: the engine keeps accounts in its own way.

use std::sync::Arc;

use crate::asset::Amount;
use crate::event::CloseReason;
use crate::ids::{AccountId, AssetId, InstrumentId, OrderId, PositionId, Sequence, TradeId};
use crate::instrument::{Price, Quantity};
use crate::order::{OrderState, Side};
use crate::time::Time;
use crate::update::EventMark;

/// A client's own name for one of its orders. Names may be given twice; then the newest order is meant.
pub type Label = Arc<str>;

/// An order as its owner is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrder {
    /// Where.
    pub instrument: InstrumentId,
    /// As it is now, or as it ended.
    pub order: OrderState,
    /// Its owner's name for it.
    pub label: Option<Label>,
    /// How it stands.
    pub standing: Standing,
    /// Whether it is a stop order that was woken; that stays so when it has ended.
    pub woken: bool,
    /// What its trades come to.
    pub filled: Filled,
    /// When it was accepted.
    pub created: Time,
    /// When anything happened to it last.
    pub changed: Time,
    /// The order whose place it took.
    pub replaces: Option<OrderId>,
    /// What it is for, if it is in a perpetual and not for just anything.
    pub purpose: Purpose,
}

/// What an order in a perpetual is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Whatever comes of it.
    #[default]
    Any,
    /// It may only make a position smaller.
    Reduce,
    /// It liquidates a position.
    Liquidate,
}

impl OwnOrder {
    /// What of it was given up, in lots: nothing while it is open.
    #[must_use]
    pub const fn canceled(&self) -> Quantity {
        if self.standing.is_open() { Quantity::ZERO } else { self.order.remaining }
    }
}

/// What the trades of an order come to, of those that were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// How much was traded, in lots.
    pub quantity: Quantity,
    /// Σ price × quantity, in ticks × lots: over the quantity it is the average price.
    pub turnover: i128,
    /// What was paid for it, in units of the quote asset.
    pub fee: Amount,
}

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A stop order that waits for its trigger.
    Armed,
    /// A stop order that was woken and is about to be told as created.
    Triggered,
    /// Open in the book, or about to be.
    Open,
    /// All of it was filled.
    Filled,
    /// It ended otherwise.
    Closed(CloseReason),
    /// This order took its place.
    Replaced(OrderId),
}

impl Standing {
    /// Whether anything can still happen to the order.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Armed | Self::Triggered | Self::Open)
    }
}

/// One account's part in a trade. Who trades with itself has two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTrade {
    /// The trade's id.
    pub id: TradeId,
    /// When, in market time.
    pub time: Time,
    /// Where.
    pub instrument: InstrumentId,
    /// Its own order.
    pub order: OrderId,
    /// Its own name for that order.
    pub label: Option<Label>,
    /// Its own order's side.
    pub side: Side,
    /// In ticks.
    pub price: Price,
    /// In lots.
    pub quantity: Quantity,
    /// What it paid for the trade.
    pub fee: Amount,
    /// In units of this asset.
    pub fee_asset: AssetId,
    /// Whether its order rested or arrived.
    pub liquidity: Liquidity,
    /// The order that rested.
    pub maker: OrderId,
    /// The order that arrived.
    pub taker: OrderId,
    /// The other order, if that is its own as well.
    pub self_trade: Option<OrderId>,
    /// Of a trade in a perpetual, the position that it closed, changed or opened; of one that closed a position and
    /// opened another, the other.
    pub position: Option<PositionId>,
    /// Whether its own order liquidated a position.
    pub is_liquidation: bool,
}

/// Something came to an account, or left it, other than by a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnMovement {
    /// The place in the stream of the event that told it.
    pub sequence: Sequence,
    /// When, in market time.
    pub time: Time,
    /// What.
    pub asset: AssetId,
    /// How much; negative if it left.
    pub amount: Amount,
    /// Where from, or where to.
    pub kind: MovementKind,
}

/// Where something came from, or where it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MovementKind {
    /// It came from outside.
    Deposit,
    /// It went outside.
    Withdrawal,
    /// It came from this other account, or went there.
    Transfer(AccountId),
}

/// A line of an account's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnRecord {
    /// Its part in a trade.
    Trade(OwnTrade),
    /// Something that came or left.
    Movement(OwnMovement),
}

/// An order's part in a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Liquidity {
    /// It rested.
    Maker,
    /// It arrived.
    Taker,
}

/// A step in the life of an order, as its owner is told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrderUpdate {
    /// When, in market time.
    pub time: Time,
    /// Whose it is.
    pub account: AccountId,
    /// Where.
    pub instrument: InstrumentId,
    /// The order after this step.
    pub order: OrderState,
    /// Its owner's name for it.
    pub label: Option<Label>,
    /// What happened to it.
    pub step: OwnStep,
    /// How it stands now.
    pub standing: Standing,
    /// As in [`OwnOrder`].
    pub woken: bool,
    /// What its trades come to, this step included.
    pub filled: Filled,
    /// When it was accepted.
    pub created: Time,
    /// The order whose place it took with this step, as that ended, if it was seen.
    pub replaced: Option<Box<OwnOrder>>,
    /// As in [`OwnOrder`].
    pub purpose: Purpose,
    /// This step's place in a chain of its instrument: that of the public order events or, for steps that
    /// stop orders take outside the book, that of the stop orders.
    pub mark: EventMark,
    /// The step before it in that chain, of whichever order and owner; `None` for the first of all.
    pub previous: Option<EventMark>,
}

/// What happened to an own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnStep {
    /// It was accepted, all of it open; a stop order after it was woken.
    Created,
    /// It met another; it is gone if nothing remains.
    Filled {
        /// In this trade.
        trade: TradeId,
        /// At this price.
        price: Price,
        /// This much.
        quantity: Quantity,
        /// Whether it rested or arrived.
        liquidity: Liquidity,
    },
    /// It ended other than by its last fill.
    Closed(CloseReason),
    /// It was accepted in the place of another, which ended. In the chain it is the new order's step.
    Replaces(OrderState),
    /// A stop order waits for its trigger. In the chain of the stop orders.
    Armed,
    /// A stop order was woken; it is told as created next. In the chain of the stop orders.
    Triggered,
    /// A stop order ended without ever being created. In the chain of the stop orders.
    Disarmed(CloseReason),
}

impl OwnStep {
    /// Whether this step is in the chain of the stop orders, not in that of the public order events.
    #[must_use]
    pub const fn is_outside_book(self) -> bool {
        matches!(self, Self::Armed | Self::Triggered | Self::Disarmed(_))
    }
}
