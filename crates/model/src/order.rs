//! Orders: what somebody asks for, and what of it is still open.

use crate::ids::{AccountId, InstrumentId, OrderId};
use crate::instrument::{Price, Quantity};
use crate::time::Time;

/// Buy or sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Gives quote, takes base; rests on the bids.
    Buy,
    /// Gives base, takes quote; rests on the asks.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How an order is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderKind {
    /// At this price or better; what does not match may rest.
    Limit(Price),
    /// At any price; what finds nobody is cancelled.
    Market,
}

impl OrderKind {
    /// The limit price, if there is one.
    #[must_use]
    pub const fn limit(self) -> Option<Price> {
        match self {
            Self::Limit(price) => Some(price),
            Self::Market => None,
        }
    }
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// GTC: until it is filled or cancelled.
    #[default]
    GoodTillCanceled,
    /// IOC: what does not match at once is cancelled.
    ImmediateOrCancel,
    /// FOK: all at once or nothing.
    FillOrKill,
    /// GTD: until this moment; at it the order is gone.
    GoodTillDate(Time),
}

/// In which direction the last trade price must pass a trigger price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerWhen {
    /// The last trade is at or above the trigger price.
    AtOrAbove,
    /// The last trade is at or below the trigger price.
    AtOrBelow,
}

/// What wakes a stop order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trigger {
    /// The price that the last trade has to reach.
    pub price: Price,
    /// From which direction.
    pub when: TriggerWhen,
}

impl Trigger {
    /// Whether a trade at this price wakes the order.
    #[must_use]
    pub const fn reached_by(self, last: Price) -> bool {
        match self.when {
            TriggerWhen::AtOrAbove => last.0 >= self.price.0,
            TriggerWhen::AtOrBelow => last.0 <= self.price.0,
        }
    }
}

/// What happens when two orders of one account would meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SelfTradePolicy {
    /// They trade; the fill is marked as a self-trade.
    #[default]
    Allow,
    /// The resting order is cancelled and matching goes on.
    CancelResting,
    /// The rest of the arriving order is cancelled.
    CancelArriving,
    /// Both are cancelled.
    CancelBoth,
}

/// An order as it is asked for. An order with a trigger waits outside the book until it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Whose it is.
    pub account: AccountId,
    /// What is traded.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// How much, in lots.
    pub quantity: Quantity,
    /// How long it lives. Market orders are always immediate-or-cancel or fill-or-kill.
    pub time_in_force: TimeInForce,
    /// Refused rather than matched on arrival.
    pub post_only: bool,
    /// Present on stop and stop-limit orders.
    pub trigger: Option<Trigger>,
}

/// An order at one moment: what it asked for and what of it is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderState {
    /// Its id.
    pub id: OrderId,
    /// Whose it is.
    pub account: AccountId,
    /// Buy or sell.
    pub side: Side,
    /// Refused rather than matched on arrival.
    pub post_only: bool,
    /// Limit or market.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// What wakes it, or woke it; `None` if it never was a stop order.
    pub trigger: Option<Trigger>,
    /// What was asked for, in lots.
    pub original: Quantity,
    /// What is still open, in lots.
    pub remaining: Quantity,
}

impl OrderState {
    /// When it will be gone, if its owner said so.
    #[must_use]
    pub const fn expires(&self) -> Option<Time> {
        match self.time_in_force {
            TimeInForce::GoodTillDate(time) => Some(time),
            _ => None,
        }
    }
    /// What of it was filled, in lots.
    #[must_use]
    pub const fn filled(&self) -> Quantity {
        Quantity(self.original.0 - self.remaining.0)
    }
}
