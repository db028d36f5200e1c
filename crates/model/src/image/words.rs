//! The words of the house as parts of images. Each is written as it is; what a number of it may be is for whoever does
//! sums with it to say, but for moments, which are counted on everywhere.

use std::sync::Arc;

use super::{Image, Impossible, Reader, moderate, save_all, save_number};
use crate::account::{
    Filled, Label, Liquidity, MovementKind, OwnMovement, OwnOrder, OwnOrderUpdate, OwnStep,
    OwnTrade, Purpose, Standing,
};
use crate::asset::Amount;
use crate::book::Level;
use crate::candle::Candle;
use crate::command::Action;
use crate::event::{Balance, CloseReason, Event, EventBody, Fill, LevelBook, Movement, Rejection};
use crate::ids::{AccountId, AssetId, InstrumentId, Mark, OrderId, PositionId, Sequence, TradeId};
use crate::instrument::{Price, Quantity, Status};
use crate::order::{
    NewOrder, OrderKind, OrderState, SelfTradePolicy, Side, TimeInForce, Trail, Trigger,
    TriggerWhen,
};
use crate::time::{Span, Time};
use crate::topic::Cadence;
use crate::trade::Trade;
use crate::update::{EventMark, OrderStep, OrderUpdate};
use crate::{image_of_fields, image_of_kinds};

impl Image for bool {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        from.flag("neither yes nor no")
    }
}

impl Image for u64 {
    fn save(&self, out: &mut Vec<u8>) {
        save_number(*self, out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        from.number()
    }
}

impl Image for u32 {
    fn save(&self, out: &mut Vec<u8>) {
        save_number(u64::from(*self), out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        from.number()?.try_into().map_err(|_| Impossible("a number that is too large"))
    }
}

impl Image for u16 {
    fn save(&self, out: &mut Vec<u8>) {
        save_number(u64::from(*self), out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        from.number()?.try_into().map_err(|_| Impossible("a number that is too large"))
    }
}

/// Small numbers take few bytes, whatever their sign.
impl Image for i64 {
    fn save(&self, out: &mut Vec<u8>) {
        save_number(((self << 1) ^ (self >> 63)).cast_unsigned(), out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let folded = from.number()?;
        Ok((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
    }
}

impl Image for i128 {
    fn save(&self, out: &mut Vec<u8>) {
        let folded = ((self << 1) ^ (self >> 127)).cast_unsigned();
        save_number(folded as u64, out);
        save_number((folded >> 64) as u64, out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let (low, high) = (from.number()?, from.number()?);
        let folded = u128::from(low) | u128::from(high) << 64;
        Ok((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
    }
}

impl<T: Image> Image for Option<T> {
    fn save(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(it) => {
                out.push(1);
                it.save(out);
            }
        }
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        from.flag("neither something nor nothing")?.then(|| T::load(from)).transpose()
    }
}

impl<T: Image> Image for Box<T> {
    fn save(&self, out: &mut Vec<u8>) {
        T::save(self, out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        T::load(from).map(Self::new)
    }
}

impl<T: Image> Image for Vec<T> {
    fn save(&self, out: &mut Vec<u8>) {
        save_all(self.iter(), out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        from.all(usize::MAX, "more than there are bytes for")
    }
}

impl<A: Image, B: Image> Image for (A, B) {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
        self.1.save(out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        Ok((A::load(from)?, B::load(from)?))
    }
}

impl Image for Label {
    fn save(&self, out: &mut Vec<u8>) {
        save_number(self.len() as u64, out);
        out.extend_from_slice(self.as_bytes());
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let count = from.count(usize::MAX, "a label that is too long")?;
        let text = core::str::from_utf8(from.bytes(count)?);
        text.map(Arc::from).map_err(|_| Impossible("a label that is no text"))
    }
}

impl Image for Mark {
    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        from.array().map(Self)
    }
}

/// Moments are compared and added to everywhere, so those at the ends of time are refused.
impl Image for Time {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        moderate(i64::load(from)?, "a moment").map(Self)
    }
}

macro_rules! numbers {
    ($($name:ident),+) => {
        $(impl Image for $name {
            fn save(&self, out: &mut Vec<u8>) {
                self.0.save(out);
            }
            fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
                Image::load(from).map(Self)
            }
        })+
    };
}

numbers!(Span, Price, Quantity, Amount, Cadence);
numbers!(InstrumentId, AccountId, AssetId, OrderId, TradeId, PositionId, Sequence);

image_of_kinds!(Side { 0 Buy, 1 Sell });
image_of_kinds!(OrderKind { 0 Limit(price), 1 Market });
image_of_kinds!(TriggerWhen { 0 AtOrAbove, 1 AtOrBelow });
image_of_fields!(Trigger { price, when, trail });
image_of_kinds!(SelfTradePolicy { 0 Allow, 1 CancelResting, 2 CancelArriving, 3 CancelBoth });
image_of_kinds!(Status { 0 Trading, 1 PostOnly, 2 CancelOnly, 3 Halted });

impl Image for Trail {
    fn save(&self, out: &mut Vec<u8>) {
        self.basis_points().save(out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        Self::new(u16::load(from)?).ok_or(Impossible("a trailing distance"))
    }
}

impl Image for TimeInForce {
    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::GoodTillCanceled => out.push(0),
            Self::ImmediateOrCancel => out.push(1),
            Self::FillOrKill => out.push(2),
            // Whatever its owner asked for: it is only ever compared.
            Self::GoodTillDate(till) => {
                out.push(3);
                till.0.save(out);
            }
        }
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        match from.byte()? {
            0 => Ok(Self::GoodTillCanceled),
            1 => Ok(Self::ImmediateOrCancel),
            2 => Ok(Self::FillOrKill),
            3 => Ok(Self::GoodTillDate(Time(i64::load(from)?))),
            _ => Err(Impossible("a kind of TimeInForce")),
        }
    }
}

image_of_fields!(NewOrder {
    account,
    instrument,
    side,
    kind,
    quantity,
    time_in_force,
    post_only,
    trigger,
});
image_of_fields!(OrderState {
    id,
    account,
    side,
    post_only,
    kind,
    time_in_force,
    trigger,
    original,
    remaining,
});
image_of_kinds!(CloseReason {
    0 Canceled,
    1 Expired,
    2 NotFilled,
    3 Killed,
    4 WouldMatch,
    5 SelfTrade,
    6 Unfunded,
    7 NothingToReduce,
    8 Liquidation,
});

image_of_kinds!(Action {
    0 Place(order),
    1 PlaceWorth { account, instrument, side, worth },
    2 Cancel { account, instrument, order },
    3 Replace { account, instrument, order, price, quantity },
    4 CancelAll { account, instrument },
    5 SetSelfTradePolicy { account, policy },
    6 Deposit { account, asset, amount },
    7 Withdraw { account, asset, amount },
    8 Transfer { from, to, asset, amount },
    9 Follow(account),
    10 SetStatus { instrument, status },
    11 Tick(cadence),
    12 Perpetual(action),
});

image_of_fields!(Level { price, quantity });
image_of_fields!(LevelBook { bids, asks });
image_of_fields!(Movement { account, asset, amount });
image_of_fields!(Balance { account, asset, available, held });
image_of_fields!(Fill { id, price, quantity, maker, taker, maker_fee, taker_fee });
image_of_fields!(Trade {
    id,
    time,
    price,
    quantity,
    aggressor,
    maker,
    taker,
    maker_account,
    taker_account,
});
image_of_kinds!(Rejection {
    0 UnknownInstrument,
    1 UnknownOrder(order),
    2 NotTrading(status),
    3 BadPrice,
    4 BadQuantity,
    5 BelowMinimum,
    6 OutsideBand,
    7 InsufficientFunds { asset, needed, available },
    8 UnknownAsset,
    9 BadAmount,
    10 BadCombination,
    11 AlreadyExpired,
    12 NothingTraded,
    13 TooManyOrders,
    14 Perpetual(why),
});
image_of_kinds!(EventBody {
    0 Created(order),
    1 Filled(fill),
    2 Rested(order),
    3 Closed { order, reason },
    4 Replaced { old, new, kept_place },
    5 Armed(order),
    6 Triggered(order),
    7 Deposited(movement),
    8 Withdrawn(movement),
    9 Transferred { from, to },
    10 Balance(balance),
    11 Rejected(rejection),
    12 StatusChanged(status),
    13 Ticked(cadence),
    14 BookSnapshot(levels),
    15 BookDelta(levels),
    16 Printed(trade),
    17 Perpetual(event),
});
image_of_fields!(Event { sequence, cause, time, instrument, body });

image_of_fields!(Candle { start, open, high, low, close, volume, turnover, trades });
image_of_fields!(EventMark { time, tie, ordinal });
image_of_kinds!(OrderStep { 0 Created, 1 Filled { price, quantity }, 2 Closed(reason), 3 Replaced });
image_of_fields!(OrderUpdate { time, order, step, mark, previous, is_liquidation });

image_of_fields!(Filled { quantity, turnover, fee });
image_of_kinds!(Standing {
    0 Armed,
    1 Triggered,
    2 Open,
    3 Filled,
    4 Closed(reason),
    5 Replaced(order),
});
image_of_fields!(OwnOrder {
    instrument,
    order,
    label,
    standing,
    woken,
    filled,
    created,
    changed,
    replaces,
    purpose,
});
image_of_kinds!(Purpose { 0 Any, 1 Reduce, 2 Liquidate });
image_of_kinds!(Liquidity { 0 Maker, 1 Taker });
image_of_fields!(OwnTrade {
    id,
    time,
    instrument,
    order,
    label,
    side,
    price,
    quantity,
    fee,
    fee_asset,
    liquidity,
    maker,
    taker,
    self_trade,
    position,
    is_liquidation,
});
image_of_kinds!(MovementKind { 0 Deposit, 1 Withdrawal, 2 Transfer(account) });
image_of_fields!(OwnMovement { sequence, time, asset, amount, kind });
image_of_kinds!(OwnStep {
    0 Created,
    1 Filled { trade, price, quantity, liquidity },
    2 Closed(reason),
    3 Replaces(order),
    4 Armed,
    5 Triggered,
    6 Disarmed(reason),
});
image_of_fields!(OwnOrderUpdate {
    time,
    account,
    instrument,
    order,
    label,
    step,
    standing,
    woken,
    filled,
    created,
    replaced,
    purpose,
    mark,
    previous,
});
