//! What came of a command, from its events: the order as it stands, or why there is none.

use model::{
    AccountId, Event, EventBody, Fill, Filled, Liquidity, OrderId, OrderStory, OwnOrder, OwnTrade,
    PerpetualEvent, PerpetualRejection, Purpose, Rejection, Standing, Status,
};

use super::problem::{Code, Problem};
use super::venue::{Words, amount};

/// The order that a command of this account placed, or put in another's place, as the command left it, with the
/// trades that it made meanwhile.
///
/// # Errors
/// Why it was refused.
pub(crate) fn placed(
    words: &Words,
    events: &[Event],
    account: AccountId,
    label: Option<Box<str>>,
) -> Result<OrderStory, Box<Problem>> {
    if let Some(problem) = rejected(words, events) {
        return Err(problem);
    }
    let all = events;
    let mut events = all.iter();
    let begun = events.find_map(|event| {
        let (order, standing, replaces) = match &event.body {
            EventBody::Created(order) => (order, Standing::Open, None),
            EventBody::Armed(order) => (order, Standing::Armed, None),
            EventBody::Replaced { old, new, .. } => (new, Standing::Open, Some(old.id)),
            _ => return None,
        };
        (order.account == account).then(|| OwnOrder {
            instrument: event.instrument,
            order: *order,
            label: label.as_deref().map(Into::into),
            standing,
            woken: standing == Standing::Open && order.trigger.is_some(),
            created: event.time,
            changed: event.time,
            replaces,
            filled: Filled::default(),
            purpose: if reduces(all, order.id) { Purpose::Reduce } else { Purpose::Any },
        })
    });
    let Some(order) = begun else {
        return Err(Problem::new(Code::NotTaken, "the market did not say what came of it"));
    };
    let mut story = OrderStory { order, trades: Vec::new() };
    for event in events {
        go_on(words, &mut story, event);
    }
    Ok(story)
}

/// Takes in a later event, if it concerns the order.
fn go_on(words: &Words, story: &mut OrderStory, event: &Event) {
    let own = &mut story.order;
    let id = own.order.id;
    let (order, standing) = match &event.body {
        EventBody::Created(order) | EventBody::Rested(order) if order.id == id => {
            (*order, Standing::Open)
        }
        EventBody::Triggered(order) if order.id == id => {
            own.woken = true;
            (*order, Standing::Triggered)
        }
        EventBody::Closed { order, reason } if order.id == id => {
            (*order, Standing::Closed(*reason))
        }
        EventBody::Filled(fill) => {
            let Some(trade) = part_of(words, event, fill, own) else { return };
            let order = if fill.maker.id == id { fill.maker } else { fill.taker };
            own.filled.quantity += trade.quantity;
            own.filled.turnover += i128::from(trade.price.0) * i128::from(trade.quantity.0);
            own.filled.fee += trade.fee;
            story.trades.push(trade);
            let filled = order.remaining.is_zero();
            (order, if filled { Standing::Filled } else { Standing::Open })
        }
        _ => return,
    };
    own.order = order;
    own.standing = standing;
    own.changed = event.time;
}

/// The order's part in a trade, if it had one.
fn part_of(words: &Words, event: &Event, fill: &Fill, own: &OwnOrder) -> Option<OwnTrade> {
    let id = own.order.id;
    let (part, other, fee, liquidity) = if fill.taker.id == id {
        (&fill.taker, &fill.maker, fill.taker_fee, Liquidity::Taker)
    } else if fill.maker.id == id {
        (&fill.maker, &fill.taker, fill.maker_fee, Liquidity::Maker)
    } else {
        return None;
    };
    Some(OwnTrade {
        id: fill.id,
        time: event.time,
        instrument: event.instrument,
        order: id,
        label: own.label.clone(),
        side: part.side,
        price: fill.price,
        quantity: fill.quantity,
        fee,
        fee_asset: words.fee_asset(event.instrument)?.id,
        liquidity,
        maker: fill.maker.id,
        taker: fill.taker.id,
        self_trade: fill.is_self_trade().then_some(other.id),
        position: None,
        is_liquidation: false,
    })
}

/// Why a command was refused, if it was.
pub(crate) fn rejected(words: &Words, events: &[Event]) -> Option<Box<Problem>> {
    events.iter().find_map(|event| match event.body {
        EventBody::Rejected(rejection) => Some(problem_of(words, rejection)),
        _ => None,
    })
}

fn problem_of(words: &Words, rejection: Rejection) -> Box<Problem> {
    match rejection {
        Rejection::UnknownInstrument => {
            Problem::new(Code::UnknownInstrument, "the engine does not list it")
        }
        Rejection::UnknownOrder(OrderId(id)) => {
            Problem::new(Code::UnknownOrder, format!("order {id} is not open, or not yours"))
        }
        Rejection::NotTrading(status) => {
            let detail = match status {
                Status::Trading => "it is open",
                Status::PostOnly => "only post-only orders and cancels are taken",
                Status::CancelOnly => "only cancels are taken",
                Status::Halted => "it is halted",
            };
            Problem::new(Code::NotTrading, detail)
        }
        Rejection::BadPrice => {
            Problem::new(Code::BadPrice, "it is not positive or too large").at("body price")
        }
        Rejection::BadQuantity | Rejection::BadAmount => Problem::new(
            Code::BadQuantity,
            "it is not positive, too large, or worth less than the smallest lot",
        ),
        Rejection::BelowMinimum => {
            Problem::new(Code::BelowMinimum, "price × quantity, or the quantity, is too small")
        }
        Rejection::OutsideBand => {
            Problem::new(Code::OutsideBand, "it is more than the band beyond the best price")
                .at("body price")
        }
        Rejection::InsufficientFunds { asset, needed, available } => {
            let detail = match words.assets.get(asset) {
                Some(asset) => {
                    let (needed, free) = (amount(asset, needed), amount(asset, available));
                    format!(
                        "it takes {needed} {code}, and {free} {code} is free",
                        code = asset.code
                    )
                }
                None => "it takes more than is free".to_owned(),
            };
            Problem::new(Code::InsufficientFunds, detail)
        }
        Rejection::UnknownAsset => {
            Problem::new(Code::BadCombination, "the engine does not know the asset")
        }
        Rejection::BadCombination => {
            Problem::new(Code::BadCombination, "the engine does not take this combination")
        }
        Rejection::AlreadyExpired => {
            Problem::new(Code::AlreadyExpired, "its end is not after the market's time")
                .at("body expires_at")
        }
        Rejection::NothingTraded => {
            let detail = "nothing was traded here yet that a trailing stop could follow";
            Problem::new(Code::NothingTraded, detail).at("body trail_basis_points")
        }
        Rejection::Perpetual(why) => of_perpetual(why),
        Rejection::TooManyOrders => {
            Problem::new(Code::TooManyOrders, "as many orders are open as there may be")
        }
    }
}

/// Whether an order was placed to make a position smaller, and for nothing else.
fn reduces(events: &[Event], id: OrderId) -> bool {
    events.iter().any(|event| match event.body {
        EventBody::Perpetual(PerpetualEvent::Reducing { order, .. }) => order == id,
        _ => false,
    })
}

fn of_perpetual(why: PerpetualRejection) -> Box<Problem> {
    let (code, detail) = match why {
        PerpetualRejection::NotAPerpetual => (Code::BadCombination, "it is no perpetual"),
        PerpetualRejection::NoMarkPrice => (Code::NotTrading, "it has no mark price yet"),
        PerpetualRejection::NotForPerpetuals => (
            Code::BadCombination,
            "perpetuals take no stop orders, no orders by worth, and no replacing",
        ),
        PerpetualRejection::NothingToReduce => {
            (Code::NothingToReduce, "there is no position on the other side")
        }
        PerpetualRejection::PositionLimit => {
            (Code::PositionLimit, "the position would be worth more than the last tier's end")
        }
        PerpetualRejection::InLiquidation => {
            (Code::InLiquidation, "orders are taken again once it has ended")
        }
        PerpetualRejection::BadLeverage => {
            (Code::BadLeverage, "it is 0, or above the highest of this perpetual")
        }
        PerpetualRejection::BadMarginMode => (
            Code::BadMarginMode,
            "the mode changes only while there is no position, and margin is set aside for an isolated one only while there \
             is one",
        ),
    };
    Problem::new(code, detail)
}
