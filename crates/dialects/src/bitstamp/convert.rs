//! The model's values in Bitstamp's words: numbers, sides, subtypes, event ids, times. Section 5.
//!
//! Writes pieces; which piece stands where is `server.rs` and `http.rs`.

use model::{
    AlertKind, EventMark, InstrumentId, MarginMode, OrderKind, OrderState, OrderStep, OrderUpdate,
    OwnOrderUpdate, OwnStep, Price, Quantity, Side, Time, TriggerWhen,
};

use crate::text;

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
        let fixed = match (order.kind, stops_a_loss) {
            (Market, true) => 20,
            (Market, false) => 21,
            (Limit(_), true) => 22,
            (Limit(_), false) => 23,
        };
        return if trigger.trail.is_some() { fixed + 4 } else { fixed };
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

/// Which of the events tells an owner of this step. Section 5.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnOrderEvent {
    /// `order_created`
    Created,
    /// `order_changed`
    Changed,
    /// `order_deleted`
    Deleted,
    /// `order_replaced`
    Replaced,
    /// `stop_active`
    StopActive,
    /// `stop_inactive`
    StopInactive,
}

impl OwnOrderEvent {
    /// How the message goes on behind the user's number, up to the opening quote of the event id.
    pub const fn text(self) -> &'static [u8] {
        match self {
            Self::Created => br#"","event":"order_created","trade_account_id":0,"event_id":""#,
            Self::Changed => br#"","event":"order_changed","trade_account_id":0,"event_id":""#,
            Self::Deleted => br#"","event":"order_deleted","trade_account_id":0,"event_id":""#,
            Self::Replaced => br#"","event":"order_replaced","trade_account_id":0,"event_id":""#,
            Self::StopActive => br#"","event":"stop_active","trade_account_id":0,"event_id":""#,
            Self::StopInactive => br#"","event":"stop_inactive","trade_account_id":0,"event_id":""#,
        }
    }

    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "order_created",
            Self::Changed => "order_changed",
            Self::Deleted => "order_deleted",
            Self::Replaced => "order_replaced",
            Self::StopActive => "stop_active",
            Self::StopInactive => "stop_inactive",
        }
    }

    /// The event that tells this step.
    pub const fn of(update: &OwnOrderUpdate) -> Self {
        match update.step {
            OwnStep::Created => Self::Created,
            OwnStep::Filled { .. } if update.order.remaining.is_zero() => Self::Deleted,
            OwnStep::Filled { .. } => Self::Changed,
            OwnStep::Closed(_) => Self::Deleted,
            OwnStep::Replaces(_) => Self::Replaced,
            OwnStep::Armed => Self::StopActive,
            OwnStep::Triggered | OwnStep::Disarmed(_) => Self::StopInactive,
        }
    }
}

/// What this step of an own order alone executed.
pub const fn own_traded(step: OwnStep) -> Quantity {
    match step {
        OwnStep::Filled { quantity, .. } => quantity,
        _ => Quantity::ZERO,
    }
}

/// The price of an own order in this step: as in public; a stop order that is none of the book's yet and has no
/// limit shows 0. Section 5.7.
pub const fn own_order_price(update: &OwnOrderUpdate) -> OrderPrice {
    match (update.order.kind, update.step, update.order.side) {
        (OrderKind::Limit(price), _, _) | (OrderKind::Market, OwnStep::Filled { price, .. }, _) => {
            OrderPrice::At(price)
        }
        (OrderKind::Market, step, _) if step.is_outside_book() => OrderPrice::At(Price(0)),
        (OrderKind::Market, _, Side::Buy) => OrderPrice::AnyToBuy,
        (OrderKind::Market, _, Side::Sell) => OrderPrice::At(Price(0)),
    }
}

/// Which chain of a market's events a step is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderSource {
    /// `orderbook`: the public one.
    Book,
    /// `stop_order`: steps that stop orders take before they are created.
    Stops,
}

impl OrderSource {
    /// The chain that a step of an own order is in.
    pub const fn of(update: &OwnOrderUpdate) -> Self {
        match update.step.is_outside_book() {
            true => Self::Stops,
            false => Self::Book,
        }
    }

    /// The chain of this name.
    pub fn called(name: &str) -> Option<Self> {
        [Self::Book, Self::Stops].into_iter().find(|source| source.name() == name)
    }

    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Book => "orderbook",
            Self::Stops => "stop_order",
        }
    }

    /// How event ids of this chain end.
    const fn ending(self) -> u64 {
        match self {
            Self::Book => 0x20,
            Self::Stops => 0x21,
        }
    }

    /// How a message ends, from the quote behind its last event id.
    pub const fn tail(self) -> &'static [u8] {
        match self {
            Self::Book => br#","order_source":"orderbook"}"#,
            Self::Stops => br#","order_source":"stop_order"}"#,
        }
    }
}

/// A rate of funding: `0.000123`, without zeros at its end.
pub fn rate(out: &mut Vec<u8>, rate_ppm: i32) {
    text::fixed(out, i64::from(rate_ppm), 6);
    while out.last() == Some(&b'0') {
        out.pop();
    }
    if out.last() == Some(&b'.') {
        out.pop();
    }
}

/// What stage of danger an alert tells of, which is also the event's name. Section 5.11.
pub const fn alert(kind: AlertKind) -> &'static [u8] {
    match kind {
        AlertKind::InitialWarning => b"im_breach_warning",
        AlertKind::InitialBreach => b"im_breach",
        AlertKind::MaintenanceWarning => b"mm_breach_warning",
        AlertKind::LiquidationStart => b"liquidation_start",
        AlertKind::LiquidationConcluded => b"liquidation_concluded",
    }
}

/// `ISOLATED` or `CROSS`
pub const fn margin_mode(mode: MarginMode) -> &'static str {
    match mode {
        MarginMode::Isolated => "ISOLATED",
        MarginMode::Cross => "CROSS",
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
/// cycle through 0–3, and `000020`; `000021` for the chain of the stop orders, so that no two are equal. Text
/// order is time order. A 65,537th event of one millisecond is carried into the microseconds, which are
/// otherwise whole milliseconds.
#[inline]
pub fn event_id(mark: EventMark, instrument: InstrumentId, source: OrderSource) -> [u8; 36] {
    let micros = mark.time.micros() + i64::from(mark.tie >> 16);
    let high = micros.cast_unsigned();
    let low = u64::from(mark.tie & 0xffff) << 48
        | (u64::from(instrument.0) + 1) << 32
        | (mark.ordinal & 3) << 24
        | source.ending();
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

/// What an event id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventName {
    /// When, and which of its millisecond. The ordinal is not known, but for its last two bits, and told as 0.
    pub mark: EventMark,
    /// The market's number, which is its instrument's plus one.
    pub market: u16,
    /// Which chain.
    pub source: OrderSource,
}

impl EventName {
    /// Reads what [`event_id`] has written, in digits of either case.
    pub fn read(text: &str) -> Option<Self> {
        let mut id = 0_u128;
        if text.len() != 36 {
            return None;
        }
        for (at, byte) in text.bytes().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return None;
                }
                continue;
            }
            id = id << 4 | u128::from(char::from(byte).to_digit(16)?);
        }
        let (high, low) = ((id >> 64) as u64, id as u64);
        let time = Time(i64::try_from(high).ok()?);
        let millisecond = time.floor_to_millis();
        let carried = u32::try_from((time - millisecond).0).ok()?;
        let tie = carried << 16 | u32::from((low >> 48) as u16);
        let source = [OrderSource::Book, OrderSource::Stops]
            .into_iter()
            .find(|source| source.ending() == low & 0x00ff_ffff)?;
        let mark = EventMark { time: millisecond, tie, ordinal: 0 };
        Some(Self { mark, market: (low >> 32) as u16, source })
    }

    /// Whether it is of this market.
    pub fn is_of(&self, instrument: InstrumentId) -> bool {
        u32::from(self.market) == u32::from(instrument.0) + 1
    }
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
