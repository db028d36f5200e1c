//! Commands: what somebody asks of the engine, numbered and stamped by the sequencer.

use crate::asset::Amount;
use crate::ids::{AccountId, AssetId, InstrumentId, OrderId, Sequence};
use crate::instrument::{Price, Quantity, Status};
use crate::order::{NewOrder, SelfTradePolicy, Side};
use crate::position::PerpetualAction;
use crate::time::Time;
use crate::topic::Cadence;

/// One numbered request to the engine. The same commands give the same events, byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its place in the log of commands.
    pub sequence: Sequence,
    /// Market time, never earlier than that of the command before.
    pub time: Time,
    /// What is asked.
    pub action: Action,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Place an order.
    Place(NewOrder),
    /// Place a market order whose size is said in the quote asset: the most lots for which what the account pays
    /// (or gets, of a sell), fees included, is not above this amount as the book stands. It goes on as a market
    /// order of so many lots, immediate-or-cancel.
    PlaceWorth {
        /// Whose it is.
        account: AccountId,
        /// What is traded.
        instrument: InstrumentId,
        /// Buy or sell.
        side: Side,
        /// How much of the quote asset; positive.
        worth: Amount,
    },
    /// Cancel an open order, resting or waiting for its trigger.
    Cancel {
        /// Who asks; only the owner may cancel.
        account: AccountId,
        /// Where the order is.
        instrument: InstrumentId,
        /// Which one.
        order: OrderId,
    },
    /// Give a resting limit order another price and open quantity. It gets a new id, and keeps its place in
    /// the queue only if the price stays and the quantity does not grow.
    Replace {
        /// Who asks; only the owner may replace.
        account: AccountId,
        /// Where the order is.
        instrument: InstrumentId,
        /// Which one.
        order: OrderId,
        /// The new limit price.
        price: Price,
        /// The new open quantity.
        quantity: Quantity,
    },
    /// Cancel every open order of an account, in one instrument or in all.
    CancelAll {
        /// Whose orders.
        account: AccountId,
        /// Where; `None` is everywhere.
        instrument: Option<InstrumentId>,
    },
    /// What happens when orders of this account meet.
    SetSelfTradePolicy {
        /// Whose policy.
        account: AccountId,
        /// From now on.
        policy: SelfTradePolicy,
    },
    /// Give an account something from outside.
    Deposit {
        /// To whom.
        account: AccountId,
        /// What.
        asset: AssetId,
        /// How much; positive.
        amount: Amount,
    },
    /// Take something out of an account. What is held cannot be taken.
    Withdraw {
        /// From whom.
        account: AccountId,
        /// What.
        asset: AssetId,
        /// How much; positive.
        amount: Amount,
    },
    /// Move something from one account to another. What is held cannot be moved.
    Transfer {
        /// From whom.
        from: AccountId,
        /// To whom.
        to: AccountId,
        /// What.
        asset: AssetId,
        /// How much; positive.
        amount: Amount,
    },
    /// From now on, tell this account's balances whenever they change, and all of them once now.
    Follow(AccountId),
    /// Open, restrict or halt an instrument.
    SetStatus {
        /// Which one.
        instrument: InstrumentId,
        /// From now on.
        status: Status,
    },
    /// Time passes: orders expire, and topics of this cadence speak.
    Tick(Cadence),
    /// What concerns perpetuals only.
    Perpetual(PerpetualAction),
}

impl Action {
    /// Who asks; `None` where it is nobody's account.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match *self {
            Self::Place(NewOrder { account, .. })
            | Self::PlaceWorth { account, .. }
            | Self::Cancel { account, .. }
            | Self::Replace { account, .. }
            | Self::CancelAll { account, .. }
            | Self::SetSelfTradePolicy { account, .. }
            | Self::Deposit { account, .. }
            | Self::Withdraw { account, .. }
            | Self::Transfer { from: account, .. }
            | Self::Follow(account) => Some(account),
            Self::Perpetual(ref action) => action.account(),
            Self::SetStatus { .. } | Self::Tick(_) => None,
        }
    }
    /// Where it acts; `None` where that is no single instrument.
    #[must_use]
    pub const fn instrument(&self) -> Option<InstrumentId> {
        match *self {
            Self::Place(NewOrder { instrument, .. })
            | Self::PlaceWorth { instrument, .. }
            | Self::Cancel { instrument, .. }
            | Self::Replace { instrument, .. }
            | Self::SetStatus { instrument, .. } => Some(instrument),
            Self::CancelAll { instrument, .. } => instrument,
            Self::Perpetual(ref action) => action.instrument(),
            Self::SetSelfTradePolicy { .. }
            | Self::Deposit { .. }
            | Self::Withdraw { .. }
            | Self::Transfer { .. }
            | Self::Follow(_)
            | Self::Tick(_) => None,
        }
    }
}
