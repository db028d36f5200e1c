//! Positions in perpetuals: what is asked about them beside orders, and what happens to them.

use crate::asset::Amount;
use crate::ids::{AccountId, AssetId, InstrumentId, OrderId, PositionId};
use crate::instrument::{Price, Quantity};
use crate::order::NewOrder;
use crate::time::Time;

/// What answers for a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MarginMode {
    /// What was set aside for it, and nothing else.
    Isolated,
    /// All that its account has available of the margin asset, together with its other cross positions.
    #[default]
    Cross,
}

/// A position as it stands, or, with a size of 0, as it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionState {
    /// Its id; another each time that the account opens one. 0 of an account that never had one.
    pub id: PositionId,
    /// Whose it is.
    pub account: AccountId,
    /// In lots; negative is short.
    pub size: i64,
    /// What its lots were worth when they were opened, exact, with the sign of a worth ([`crate::Valuation::worth`]):
    /// unrealised profit is the worth at the mark less this. In units of the margin asset.
    pub cost: Amount,
    /// What is set aside for it, if it is isolated.
    pub margin: Amount,
    /// What answers for it.
    pub mode: MarginMode,
    /// The leverage that was chosen.
    pub leverage: u16,
}

/// What is asked of perpetuals, beside placing and cancelling orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerpetualAction {
    /// Place an order that may only make a position smaller.
    Reduce(NewOrder),
    /// Choose the leverage of an account in one instrument.
    SetLeverage {
        /// Whose.
        account: AccountId,
        /// Where.
        instrument: InstrumentId,
        /// Times the margin; at least 1.
        leverage: u16,
    },
    /// Choose what answers for an account's position in one instrument, while there is none.
    SetMarginMode {
        /// Whose.
        account: AccountId,
        /// Where.
        instrument: InstrumentId,
        /// From now on.
        mode: MarginMode,
    },
    /// Set more aside for an isolated position, or, if negative, take some of it back.
    AddMargin {
        /// Whose.
        account: AccountId,
        /// Where.
        instrument: InstrumentId,
        /// How much; not 0.
        amount: Amount,
    },
    /// Give something of an account to the insurance fund.
    Insure {
        /// From whom.
        account: AccountId,
        /// What.
        asset: AssetId,
        /// How much; positive.
        amount: Amount,
    },
    /// A constituent of the index is quoted from outside.
    Quote {
        /// Of which perpetual.
        instrument: InstrumentId,
        /// Its place among the constituents.
        constituent: u16,
        /// In ticks of the perpetual.
        price: Price,
    },
    /// Time passes for a perpetual: index and mark price are taken anew, funding is sampled and, at its time, exchanged,
    /// and liquidations go on.
    Mark(InstrumentId),
}

impl PerpetualAction {
    /// Who asks; `None` where it is nobody's account.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match *self {
            Self::Reduce(NewOrder { account, .. })
            | Self::SetLeverage { account, .. }
            | Self::SetMarginMode { account, .. }
            | Self::AddMargin { account, .. }
            | Self::Insure { account, .. } => Some(account),
            Self::Quote { .. } | Self::Mark(_) => None,
        }
    }
    /// Where it acts; `None` where that is no single instrument.
    #[must_use]
    pub const fn instrument(&self) -> Option<InstrumentId> {
        match *self {
            Self::Reduce(NewOrder { instrument, .. })
            | Self::SetLeverage { instrument, .. }
            | Self::SetMarginMode { instrument, .. }
            | Self::AddMargin { instrument, .. }
            | Self::Quote { instrument, .. }
            | Self::Mark(instrument) => Some(instrument),
            Self::Insure { .. } => None,
        }
    }
}

/// What happened to perpetuals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerpetualEvent {
    /// A constituent of the index was quoted from outside.
    Quoted {
        /// Its place among the constituents.
        constituent: u16,
        /// In ticks of the perpetual.
        price: Price,
    },
    /// Index and mark price, and what funding would be now.
    Marked(MarkState),
    /// A position, or how it is held, changed.
    Position(PositionState),
    /// Profit or loss of a position became money.
    Settled(Settled),
    /// Funding was paid or received.
    Funded {
        /// For which position.
        position: PositionId,
        /// By whom.
        account: AccountId,
        /// Received, or, if negative, paid.
        amount: Amount,
        /// In millionths of the value at the mark.
        rate_ppm: i32,
    },
    /// A margin came into danger, or its liquidation ended.
    Alerted(MarginAlert),
    /// The order that is created next may only make a position smaller.
    Reducing {
        /// Whose.
        account: AccountId,
        /// Its id.
        order: OrderId,
    },
    /// So much of a position is about to be closed through the book, at this price or better, by the order that is created
    /// next.
    Liquidating {
        /// Which position.
        position: PositionId,
        /// Whose.
        account: AccountId,
        /// How much.
        quantity: Quantity,
        /// The worst price.
        price: Price,
    },
    /// A position that nobody would take was closed against one on the other side, without an order of either.
    Deleveraged {
        /// Who could not keep it.
        account: AccountId,
        /// Who had to give up as much.
        against: AccountId,
        /// How much.
        quantity: Quantity,
        /// At which price.
        price: Price,
    },
    /// The insurance fund paid what an account could not, or, if negative, received something from it.
    Insured {
        /// For whom.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
}

/// The prices of a perpetual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkState {
    /// What margin is computed with, in ticks.
    pub mark: Price,
    /// What other markets say, in ticks.
    pub index: Price,
    /// What longs would pay to shorts if it were exchanged now, in millionths of value.
    pub funding_rate_ppm: i32,
    /// When it is exchanged next.
    pub next_funding: Time,
}

/// Profit or loss that became money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Of which position.
    pub position: PositionId,
    /// Whose.
    pub account: AccountId,
    /// Why.
    pub by: SettledBy,
    /// How many of its lots were closed; none if profit was drawn.
    pub quantity: Quantity,
    /// At which price.
    pub price: Price,
    /// Profit, or loss if negative, before fees.
    pub profit: Amount,
    /// What was paid for the trade.
    pub fee: Amount,
    /// What was paid into the insurance fund for a liquidation.
    pub liquidation_fee: Amount,
}

/// Why profit or loss became money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SettledBy {
    /// Its account traded.
    Trade,
    /// It was liquidated through the book.
    Liquidation,
    /// It was closed to deleverage somebody, or its owner was.
    Deleveraging,
    /// It stays open, but its profit at the mark was needed to pay for something else.
    Draw,
}

/// How a margin stands to what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginAlert {
    /// For which position.
    pub position: PositionId,
    /// Whose.
    pub account: AccountId,
    /// How far it has come.
    pub kind: AlertKind,
    /// What answers for the position.
    pub mode: MarginMode,
    /// The money that answers, unrealised profit and loss included.
    pub equity: Amount,
    /// What it would take to open what is open.
    pub initial: Amount,
    /// What it takes to keep it.
    pub maintenance: Amount,
}

/// The stages of danger, in their order, and the end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    /// Nine tenths of the equity are not more than the initial margin.
    InitialWarning,
    /// The equity is below the initial margin.
    InitialBreach,
    /// Nine tenths of the equity are not more than the maintenance margin.
    MaintenanceWarning,
    /// The equity is below the maintenance margin: it is being liquidated.
    LiquidationStart,
    /// The liquidation ended.
    LiquidationConcluded,
}
