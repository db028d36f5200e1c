//! Orders: what somebody asks for, and what of it is still open.

use core::num::NonZeroU16;

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
    /// The price that the last trade has to reach. Of a trailing stop, the last trade when it was placed, which it
    /// begins to follow; whatever stands here in a new one, the engine puts that in its place.
    pub price: Price,
    /// From which direction.
    pub when: TriggerWhen,
    /// How far behind the best trade a trailing stop is woken; `None` for any other stop.
    pub trail: Option<Trail>,
}

impl Trigger {
    /// A trigger at a price that stays.
    #[must_use]
    pub const fn at(price: Price, when: TriggerWhen) -> Self {
        Self { price, when, trail: None }
    }
    /// A trigger that trails the market from where it is.
    #[must_use]
    pub const fn trailing(when: TriggerWhen, trail: Trail) -> Self {
        Self { price: Price(0), when, trail: Some(trail) }
    }
    /// The price that wakes it first of all: later a trailing stop can only be woken sooner.
    #[must_use]
    pub const fn level(self) -> Price {
        match self.trail {
            Some(trail) => trail.level(self.price, self.when),
            None => self.price,
        }
    }
    /// Whether a trade at this price would wake it if no other came between.
    #[must_use]
    pub const fn reached_by(self, last: Price) -> bool {
        self.when.reaches(self.level(), last)
    }
}

impl TriggerWhen {
    /// Whether a trade at this price reaches the other.
    #[must_use]
    pub const fn reaches(self, level: Price, last: Price) -> bool {
        match self {
            Self::AtOrAbove => last.0 >= level.0,
            Self::AtOrBelow => last.0 <= level.0,
        }
    }
}

/// How far a trailing stop is behind the best trade since it was placed, in hundredths of a percent of it: the lowest
/// trade where it is woken from below, the highest where it is woken from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trail(NonZeroU16);

impl Trail {
    /// The furthest: short of all of the price.
    pub const BASIS_POINTS_MAX: u16 = 9_999;

    /// So many hundredths of a percent; `None` unless there are 1 to [`Trail::BASIS_POINTS_MAX`].
    #[must_use]
    pub const fn new(basis_points: u16) -> Option<Self> {
        match NonZeroU16::new(basis_points) {
            Some(points) if basis_points <= Self::BASIS_POINTS_MAX => Some(Self(points)),
            _ => None,
        }
    }
    /// In hundredths of a percent.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0.get()
    }
    /// The price that wakes a stop while this is the best trade: never nearer to it than the distance, and so at least
    /// one tick away.
    #[must_use]
    pub const fn level(self, best: Price, when: TriggerWhen) -> Price {
        let (best, points) = (best.0 as i128, self.0.get() as i128);
        Price(match when {
            TriggerWhen::AtOrAbove => (best * (10_000 + points) + 9_999).div_euclid(10_000) as i64,
            TriggerWhen::AtOrBelow => (best * (10_000 - points)).div_euclid(10_000) as i64,
        })
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
