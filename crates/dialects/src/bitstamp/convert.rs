//! The model's values in Bitstamp's words: numbers, sides, subtypes, event ids, times. Section 5.
//!
//! Writes pieces; which piece stands where is `server.rs` and `http.rs`.

use model::{
    EventMark, InstrumentId, OrderKind, OrderState, OrderStep, OrderUpdate, Price, Quantity, Side,
    TriggerWhen,
};

/// What a market order to buy shows as its price, before anything is executed. Section 5.2.2.
pub const MARKET_BUY_PRICE: i64 = 999_999_999;

/// 0 buy, 1 sell.
pub const fn side(side: Side) -> &'static [u8; 1] {
    match side {
        Side::Buy => b"0",
        Side::Sell => b"1",
    }
}

/// The number of an order's kind. Section 5.2.1; daily orders are told as good-till-date, since that is what
/// they are here.
pub const fn order_subtype(order: &OrderState) -> u64 {
    use OrderKind::{Limit, Market};
    use model::TimeInForce::{FillOrKill, GoodTillCanceled, GoodTillDate, ImmediateOrCancel};
    if let Some(trigger) = order.trigger {
        let stops_a_loss = match order.side {
            Side::Buy => matches!(trigger.when, TriggerWhen::AtOrAbove),
            Side::Sell => matches!(trigger.when, TriggerWhen::AtOrBelow),
        };
        return match (order.kind, stops_a_loss) {
            (Market, true) => 20,
            (Market, false) => 21,
            (Limit(_), true) => 22,
            (Limit(_), false) => 23,
        };
    }
    match (order.kind, order.post_only, order.time_in_force) {
        (Market, _, _) => 2,
        (Limit(_), true, _) => 5,
        (Limit(_), false, GoodTillCanceled) => 0,
        (Limit(_), false, ImmediateOrCancel) => 4,
        (Limit(_), false, FillOrKill) => 6,
        (Limit(_), false, GoodTillDate(_)) => 8,
    }
}

/// Which of the three public events tells this step. Section 5.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    /// `order_created`
    Created,
    /// `order_changed`
    Changed,
    /// `order_deleted`
    Deleted,
}

impl OrderEvent {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::Created, Self::Changed, Self::Deleted];

    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "order_created",
            Self::Changed => "order_changed",
            Self::Deleted => "order_deleted",
        }
    }

    /// The event that tells this step.
    pub const fn of(update: &OrderUpdate) -> Self {
        match update.step {
            OrderStep::Created => Self::Created,
            OrderStep::Filled { .. } if update.order.remaining.is_zero() => Self::Deleted,
            OrderStep::Filled { .. } => Self::Changed,
            OrderStep::Closed(_) | OrderStep::Replaced => Self::Deleted,
        }
    }
}

/// What this step alone executed.
pub const fn traded(step: OrderStep) -> Quantity {
    match step {
        OrderStep::Filled { quantity, .. } => quantity,
        OrderStep::Created | OrderStep::Closed(_) | OrderStep::Replaced => Quantity::ZERO,
    }
}

/// What an order event shows as the order's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderPrice {
    /// This.
    At(Price),
    /// [`MARKET_BUY_PRICE`].
    AnyToBuy,
}

/// The price of an order in this step: its limit; for a market order what this step executed at, else the
/// best there could be. Section 5.2.2.
pub const fn order_price(update: &OrderUpdate) -> OrderPrice {
    match (update.order.kind, update.step, update.order.side) {
        (OrderKind::Limit(price), _, _)
        | (OrderKind::Market, OrderStep::Filled { price, .. }, _) => OrderPrice::At(price),
        (OrderKind::Market, _, Side::Buy) => OrderPrice::AnyToBuy,
        (OrderKind::Market, _, Side::Sell) => OrderPrice::At(Price(0)),
    }
}

/// An event id. Section 5.2: microseconds, 16 bits that count within them, 16 bits of market, 8 bits that
/// cycle through 0–3, and `000020`. Text order is time order. A 65,537th event of one millisecond is carried
/// into the microseconds, which are otherwise whole milliseconds.
pub fn event_id(mark: EventMark, instrument: InstrumentId) -> [u8; 36] {
    let micros = mark.time.micros() + i64::from(mark.tie >> 16);
    let high = micros.cast_unsigned();
    let low = u64::from(mark.tie & 0xffff) << 48
        | (u64::from(instrument.0) + 1) << 32
        | (mark.ordinal & 3) << 24
        | 0x20;
    let mut id = [b'-'; 36];
    for (half, at) in [((high >> 32), 0), (low & 0xffff_ffff, 28)] {
        id[at..at + 8].copy_from_slice(&eight_hex(half));
    }
    let (high, low) = (eight_hex(high & 0xffff_ffff), eight_hex(low >> 32));
    id[9..13].copy_from_slice(&high[..4]);
    id[14..18].copy_from_slice(&high[4..]);
    id[19..23].copy_from_slice(&low[..4]);
    id[24..28].copy_from_slice(&low[4..]);
    id
}

/// The eight hexadecimal digits of a number of 32 bits, all at once: nibbles are spread to bytes, and those
/// above nine lifted from the digits to the letters.
const fn eight_hex(number: u64) -> [u8; 8] {
    let fours = number >> 16 | (number & 0xffff) << 32;
    let twos = (fours & 0x0000_00ff_0000_00ff) << 16 | (fours >> 8) & 0x0000_00ff_0000_00ff;
    let ones = (twos & 0x000f_000f_000f_000f) << 8 | (twos >> 4) & 0x000f_000f_000f_000f;
    let letters = ((ones + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (ones + 0x3030_3030_3030_3030 + letters * 39).to_le_bytes()
}
