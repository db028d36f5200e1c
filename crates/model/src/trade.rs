//! A trade as the public sees it.

use crate::ids::{AccountId, OrderId, TradeId};
use crate::instrument::{Price, Quantity};
use crate::order::Side;
use crate::time::Time;

/// Two orders met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Its id.
    pub id: TradeId,
    /// When, in market time.
    pub time: Time,
    /// In ticks.
    pub price: Price,
    /// In lots.
    pub quantity: Quantity,
    /// The taker's side.
    pub aggressor: Side,
    /// The resting order.
    pub maker: OrderId,
    /// The arriving order.
    pub taker: OrderId,
    /// Whose the resting order was; `None` where the source does not tell.
    pub maker_account: Option<AccountId>,
    /// Whose the arriving order was; `None` where the source does not tell.
    pub taker_account: Option<AccountId>,
}

impl Trade {
    /// The order that bought.
    #[must_use]
    pub const fn buyer(&self) -> OrderId {
        match self.aggressor {
            Side::Buy => self.taker,
            Side::Sell => self.maker,
        }
    }
    /// The order that sold.
    #[must_use]
    pub const fn seller(&self) -> OrderId {
        match self.aggressor {
            Side::Buy => self.maker,
            Side::Sell => self.taker,
        }
    }
}
