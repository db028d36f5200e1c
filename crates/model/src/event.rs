//! Events: what happened, numbered, for ever. Every book, trade and candle derives from them.
//!
//! The engine's events speak order by order; sources by level (a replay, an upstream venue) speak of levels
//! and prints. Nothing behind the views can tell the difference.

use crate::asset::Amount;
use crate::book::Level;
use crate::ids::{AccountId, AssetId, InstrumentId, OrderId, Sequence, TradeId};
use crate::instrument::{Price, Quantity, Status};
use crate::order::OrderState;
use crate::position::PerpetualEvent;
use crate::time::Time;
use crate::topic::Cadence;
use crate::trade::Trade;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the stream of events, from 1 without gaps.
    pub sequence: Sequence,
    /// The command that caused it; 0 where the source has no commands.
    pub cause: Sequence,
    /// When, in market time.
    pub time: Time,
    /// Where; [`InstrumentId::NONE`] if it concerns them all.
    pub instrument: InstrumentId,
    /// What.
    pub body: EventBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventBody {
    /// An order was accepted. Told before its fills, with all of its quantity open, whether it will match at
    /// once, rest, or be cancelled in the same step.
    Created(OrderState),
    /// Two orders met.
    Filled(Fill),
    /// What was accepted and did not match now rests in the book with its remaining quantity.
    Rested(OrderState),
    /// An order ended other than by its last fill.
    Closed {
        /// As it was when it ended, `remaining` being what is given up.
        order: OrderState,
        /// Why.
        reason: CloseReason,
    },
    /// An order was replaced by another. If it keeps its place in the queue it still rests, with less;
    /// else it left the book, and what the new one does there follows as fills and `Rested`.
    Replaced {
        /// The old order as it ended.
        old: OrderState,
        /// The new one as it begins.
        new: OrderState,
        /// Whether the new order took the old one's place in the queue.
        kept_place: bool,
    },
    /// A stop order waits for its trigger.
    Armed(OrderState),
    /// A stop order was woken; it is told as created next.
    Triggered(OrderState),
    /// Something came in from outside.
    Deposited(Movement),
    /// Something was taken out.
    Withdrawn(Movement),
    /// Something went from one account to another.
    Transferred {
        /// From whom, what, how much.
        from: Movement,
        /// To whom.
        to: AccountId,
    },
    /// What an account holds of an asset now. Told of accounts that are followed: after all else that a command
    /// caused, once for each balance that is not what it was before, by account and asset.
    Balance(Balance),
    /// A command was refused; nothing changed.
    Rejected(Rejection),
    /// The instrument's status changed.
    StatusChanged(Status),
    /// Time passed: topics of this cadence speak.
    Ticked(Cadence),
    /// By level: the whole book.
    BookSnapshot(Box<LevelBook>),
    /// By level: these levels changed; quantity 0 removes one.
    BookDelta(Box<LevelBook>),
    /// By level: a trade that somebody else's engine made.
    Printed(Trade),
    /// What happened to a perpetual, or to a position in it.
    Perpetual(PerpetualEvent),
}

/// Two orders met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The trade's id.
    pub id: TradeId,
    /// At the resting order's price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// The resting order, after this fill.
    pub maker: OrderState,
    /// The arriving order, after this fill.
    pub taker: OrderState,
    /// What the maker paid, in units of the quote asset. A self-trade is free.
    pub maker_fee: Amount,
    /// What the taker paid, in units of the quote asset.
    pub taker_fee: Amount,
}

/// Something came to an account or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Whose.
    pub account: AccountId,
    /// What.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

/// What an account holds of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Whose.
    pub account: AccountId,
    /// What.
    pub asset: AssetId,
    /// Free to be used.
    pub available: Amount,
    /// Set aside for open orders.
    pub held: Amount,
}

impl Fill {
    /// Whether both orders belong to one account.
    #[must_use]
    pub fn is_self_trade(&self) -> bool {
        self.maker.account == self.taker.account
    }
    /// The trade as the public sees it.
    #[must_use]
    pub const fn trade(&self, time: Time) -> Trade {
        Trade {
            id: self.id,
            time,
            price: self.price,
            quantity: self.quantity,
            aggressor: self.taker.side,
            maker: self.maker.id,
            taker: self.taker.id,
            maker_account: Some(self.maker.account),
            taker_account: Some(self.taker.account),
        }
    }
}

/// Why an order ended other than by its last fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Its owner cancelled it.
    Canceled,
    /// Its day came.
    Expired,
    /// Immediate-or-cancel, or market: nobody was left to match.
    NotFilled,
    /// Fill-or-kill: it could not be filled whole.
    Killed,
    /// Post-only: it would have matched.
    WouldMatch,
    /// It would have met an order of its own account.
    SelfTrade,
    /// A stop order was woken and could not be paid for.
    Unfunded,
    /// It could only make a position smaller, and there is none any more.
    NothingToReduce,
    /// Its account is being liquidated.
    Liquidation,
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// No such instrument.
    UnknownInstrument,
    /// No such open order, or it is somebody else's.
    UnknownOrder(OrderId),
    /// The instrument's status does not allow it.
    NotTrading(Status),
    /// The price is not positive or beyond what can be counted.
    BadPrice,
    /// The quantity is not positive or beyond what can be counted.
    BadQuantity,
    /// Below the instrument's minimum.
    BelowMinimum,
    /// Would trade too far through the market (see the engine's price band).
    OutsideBand,
    /// The account has not enough for it.
    InsufficientFunds {
        /// Of what.
        asset: AssetId,
        /// How much it takes.
        needed: Amount,
        /// How much is free.
        available: Amount,
    },
    /// No such asset.
    UnknownAsset,
    /// The amount is not positive or beyond what can be counted.
    BadAmount,
    /// Parts of the order contradict each other (a post-only market order, say).
    BadCombination,
    /// Expires at or before now.
    AlreadyExpired,
    /// A trailing stop has no trade to follow yet.
    NothingTraded,
    /// The book is full (see the engine's limits).
    TooManyOrders,
    /// What only perpetuals refuse.
    Perpetual(PerpetualRejection),
}

/// Levels of both sides at one moment, as a source by level tells them: best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelBook {
    /// Bids, strictly descending.
    pub bids: Vec<Level>,
    /// Asks, strictly ascending.
    pub asks: Vec<Level>,
}

/// Why a command was refused that concerns a perpetual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PerpetualRejection {
    /// The instrument is no perpetual.
    NotAPerpetual,
    /// A perpetual has no mark price yet.
    NoMarkPrice,
    /// Orders with a trigger, orders by worth and replacing are not for perpetuals.
    NotForPerpetuals,
    /// It could only make a position smaller, and there is none on the other side.
    NothingToReduce,
    /// The position would be larger than the last margin tier.
    PositionLimit,
    /// The account is being liquidated.
    InLiquidation,
    /// The leverage is 0 or above the contract's highest.
    BadLeverage,
    /// The margin mode cannot change while a position is open; isolated margin can only while one is.
    BadMarginMode,
}
