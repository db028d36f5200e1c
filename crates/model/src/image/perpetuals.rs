//! The words of perpetuals as parts of images.

use super::{Image, Impossible, Reader};
use crate::event::PerpetualRejection;
use crate::perpetual::{
    Dealt, Earned, FeedQuote, FundingRate, OwnAlert, OwnPosition, OwnSettlement, SettlementKind,
};
use crate::position::{
    AlertKind, MarginAlert, MarginMode, MarkState, PerpetualAction, PerpetualEvent, PositionState,
    Settled, SettledBy,
};
use crate::{image_of_fields, image_of_kinds};

impl Image for i32 {
    fn save(&self, out: &mut Vec<u8>) {
        i64::from(*self).save(out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        i64::load(from)?.try_into().map_err(|_| Impossible("a number that is too large"))
    }
}

image_of_kinds!(MarginMode { 0 Isolated, 1 Cross });
image_of_kinds!(PerpetualAction {
    0 Reduce(order),
    1 SetLeverage { account, instrument, leverage },
    2 SetMarginMode { account, instrument, mode },
    3 AddMargin { account, instrument, amount },
    4 Insure { account, asset, amount },
    5 Quote { instrument, constituent, price },
    6 Mark(instrument),
});
image_of_kinds!(PerpetualRejection {
    0 NotAPerpetual,
    1 NoMarkPrice,
    2 NotForPerpetuals,
    3 NothingToReduce,
    4 PositionLimit,
    5 InLiquidation,
    6 BadLeverage,
    7 BadMarginMode,
});
image_of_fields!(PositionState { id, account, size, cost, margin, mode, leverage });
image_of_fields!(MarkState { mark, index, funding_rate_ppm, next_funding });
image_of_kinds!(SettledBy { 0 Trade, 1 Liquidation, 2 Deleveraging, 3 Draw });
image_of_fields!(Settled { position, account, by, quantity, price, profit, fee, liquidation_fee });
image_of_kinds!(AlertKind {
    0 InitialWarning,
    1 InitialBreach,
    2 MaintenanceWarning,
    3 LiquidationStart,
    4 LiquidationConcluded,
});
image_of_fields!(MarginAlert { position, account, kind, mode, equity, initial, maintenance });
image_of_kinds!(PerpetualEvent {
    0 Marked(state),
    1 Position(state),
    2 Settled(settled),
    3 Funded { position, account, amount, rate_ppm },
    4 Alerted(alert),
    5 Liquidating { position, account, quantity, price },
    6 Deleveraged { account, against, quantity, price },
    7 Insured { account, asset, amount },
    8 Reducing { account, order },
    9 Quoted { constituent, price },
});

image_of_fields!(FeedQuote { constituent, price, time });
image_of_fields!(FundingRate { time, rate_ppm });
image_of_fields!(Dealt { quantity, turnover });
image_of_fields!(Earned { profit, fees, liquidation_fees, funding, insured });
image_of_fields!(OwnPosition {
    instrument,
    state,
    is_long,
    opened_at,
    changed_at,
    opened,
    closed,
    entry,
    earned,
    in_liquidation,
});
image_of_kinds!(SettlementKind { 0 Trade, 1 Liquidation, 2 Deleveraging, 3 Draw, 4 Funding });
image_of_fields!(OwnSettlement {
    sequence,
    time,
    account,
    instrument,
    position,
    kind,
    size,
    price,
    cost,
    profit,
    fee,
    liquidation_fee,
    funding,
    insured,
    mode,
});
image_of_fields!(OwnAlert { time, instrument, alert });
