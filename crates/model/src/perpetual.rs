//! Perpetuals as they are shown: prices and funding to everybody, positions and what became of them to their owners.
//!
//! Not what decides anything: the engine keeps positions in its own way, and says what happens to them
//! ([`PerpetualEvent`](crate::PerpetualEvent)).

use crate::asset::Amount;
use crate::ids::{AccountId, InstrumentId, PositionId, Sequence};
use crate::instrument::{Price, Quantity};
use crate::position::{MarginAlert, MarginMode, MarkState, PositionState};
use crate::query::{Sort, Which};
use crate::time::Time;

/// A perpetual as everybody is shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerpetualState {
    /// When it is told, in market time.
    pub time: Time,
    /// Mark, index and funding, as they were taken last.
    pub marks: MarkState,
    /// How much all longs hold together, which is what all shorts do.
    pub open_interest: Quantity,
}

/// What a constituent of an index was quoted at last, from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedQuote {
    /// Its place among the constituents.
    pub constituent: u16,
    /// In ticks of the perpetual.
    pub price: Price,
    /// When.
    pub time: Time,
}

/// Funding that was exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingRate {
    /// The time at which it was due.
    pub time: Time,
    /// In millionths of value; positive, longs paid.
    pub rate_ppm: i32,
}

/// Lots that were traded, and at which prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dealt {
    /// How many lots.
    pub quantity: Quantity,
    /// Σ price × quantity, in ticks × lots: over the quantity it is the average price.
    pub turnover: i128,
}

/// What a position has earned and cost so far, in units of its margin asset. Costs are positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earned {
    /// Profit that became money, or loss if negative.
    pub profit: Amount,
    /// What was paid for its trades.
    pub fees: Amount,
    /// What was paid into the insurance fund for its liquidations.
    pub liquidation_fees: Amount,
    /// Funding received, or paid if negative.
    pub funding: Amount,
    /// What the insurance fund paid of its losses and costs, where its account had not so much.
    pub insured: Amount,
}

/// A position as its owner is shown it: open, or as it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnPosition {
    /// Where.
    pub instrument: InstrumentId,
    /// As it is, or, with a size of 0, as it ended.
    pub state: PositionState,
    /// Whether it is or was a long one.
    pub is_long: bool,
    /// When it was opened, or met first.
    pub opened_at: Time,
    /// When it changed last; of one that has ended, when it did.
    pub changed_at: Time,
    /// All that was ever opened of it.
    pub opened: Dealt,
    /// All that was closed of it.
    pub closed: Dealt,
    /// What of the opening turnover is still open, in ticks × lots: over the size it is the average entry price. Of
    /// what is closed in part the same part, rounded up, is taken off.
    pub entry: i128,
    /// What it has earned and cost.
    pub earned: Earned,
    /// Whether it is being liquidated.
    pub in_liquidation: bool,
}

impl OwnPosition {
    /// Whether it has not ended.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.state.size != 0
    }
}

/// What an account has chosen in a perpetual, for the position that it has there or opens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginChoice {
    /// Where.
    pub instrument: InstrumentId,
    /// What answers for it.
    pub mode: MarginMode,
    /// The leverage.
    pub leverage: u16,
}

/// Why money came of a position, or went into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SettlementKind {
    /// Its owner traded against it.
    Trade,
    /// It was liquidated through the book.
    Liquidation,
    /// It was closed to deleverage somebody, or its owner was.
    Deleveraging,
    /// Its profit at the mark was needed to pay for something else.
    Draw,
    /// Funding was exchanged.
    Funding,
}

impl SettlementKind {
    /// Whether something of the position was closed.
    #[must_use]
    pub const fn closes(self) -> bool {
        matches!(self, Self::Trade | Self::Liquidation | Self::Deleveraging)
    }
}

/// Money that came of a position, or went into it, as its owner is shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnSettlement {
    /// The place in the stream of the event that told it.
    pub sequence: Sequence,
    /// When, in market time.
    pub time: Time,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub instrument: InstrumentId,
    /// Of which position.
    pub position: PositionId,
    /// Why.
    pub kind: SettlementKind,
    /// The lots that were closed or, if none were, those that are open; negative of a short.
    pub size: i64,
    /// At which price: of the trade, else the mark.
    pub price: Price,
    /// What those lots had cost before, as in [`PositionState::cost`].
    pub cost: Amount,
    /// Profit, or loss if negative, before fees.
    pub profit: Amount,
    /// What was paid for the trade.
    pub fee: Amount,
    /// What was paid into the insurance fund for a liquidation.
    pub liquidation_fee: Amount,
    /// Funding received, or paid if negative.
    pub funding: Amount,
    /// What the insurance fund paid of this, where its account had not so much.
    pub insured: Amount,
    /// What answers for the position.
    pub mode: MarginMode,
}

impl OwnSettlement {
    /// What came in all, or went if negative: by so much the account's balance changed.
    #[must_use]
    pub const fn total(&self) -> Amount {
        let costs = self.fee.0 + self.liquidation_fee.0;
        Amount(self.profit.0 - costs + self.funding.0 + self.insured.0)
    }
}

/// A margin came into danger, or its liquidation ended, as its owner is shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAlert {
    /// When, in market time.
    pub time: Time,
    /// Where.
    pub instrument: InstrumentId,
    /// How it stood.
    pub alert: MarginAlert,
}

/// Which positions of an account are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPositions {
    /// Whose.
    pub account: AccountId,
    /// Where; `None` is everywhere.
    pub instrument: Option<InstrumentId>,
    /// The instruments that are meant; `None` is all.
    pub among: Option<Vec<InstrumentId>>,
    /// Only this one.
    pub position: Option<PositionId>,
    /// None with a smaller id.
    pub from: Option<PositionId>,
    /// Open, ended or both.
    pub which: Which,
    /// Which come first; one is newer that was opened later.
    pub sort: Sort,
    /// So many of them are left out at first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl OwnPositions {
    /// All that are remembered, the newest first.
    #[must_use]
    pub const fn of(account: AccountId) -> Self {
        Self {
            account,
            instrument: None,
            among: None,
            position: None,
            from: None,
            which: Which::All,
            sort: Sort::NewestFirst,
            offset: 0,
            limit: usize::MAX,
        }
    }
}

/// Which settlements of an account are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSettlements {
    /// Whose.
    pub account: AccountId,
    /// The instruments that are meant; `None` is all.
    pub among: Option<Vec<InstrumentId>>,
    /// Only this one.
    pub only: Option<Sequence>,
    /// None before this one.
    pub from: Option<Sequence>,
    /// Not older than this.
    pub since: Option<Time>,
    /// Not newer than this.
    pub until: Option<Time>,
    /// Which come first.
    pub sort: Sort,
    /// So many of them are left out at first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl OwnSettlements {
    /// All that are remembered, the newest first.
    #[must_use]
    pub const fn of(account: AccountId) -> Self {
        Self {
            account,
            among: None,
            only: None,
            from: None,
            since: None,
            until: None,
            sort: Sort::NewestFirst,
            offset: 0,
            limit: usize::MAX,
        }
    }
}
