//! Between our words and the venue's: prices and sizes, moments, ids and names of states. Sections A5.0 and A8.
//!
//! Prices have the decimals of the symbol's tick and sizes those of its base step; nothing is `0`.

use model::{
    CloseReason, Instrument, Listing, OrderId, OrderKind, Price, Quantity, Side, Standing,
    TimeInForce,
};

use super::money::short;
use crate::text;

/// How many steps a book can be gathered in: the tick, and each ten times the one before.
const PRECISIONS: u32 = 5;

/// A symbol with its rules.
#[derive(Debug)]
pub struct Market {
    /// The rules.
    pub instrument: Instrument,
    /// `BTC-USDT`
    pub symbol: Box<str>,
    /// What its book can be gathered in, as it is written and in ticks.
    pub precisions: Vec<(String, Price)>,
}

impl Market {
    /// That of a listing under its symbol.
    pub fn new(listing: &Listing, symbol: &str) -> Self {
        let instrument = listing.instrument.clone();
        let precisions = (0..PRECISIONS).filter_map(|power| {
            let step = Price(10_i64.pow(power));
            let units = step.0.checked_mul(instrument.tick_units)?;
            Some((short(units, instrument.price_decimals), step))
        });
        Self { precisions: precisions.collect(), symbol: symbol.into(), instrument }
    }

    /// How a step of its book is written.
    pub fn precision(&self, step: Price) -> Option<&str> {
        self.precisions.iter().find(|(_, known)| *known == step).map(|(text, _)| text.as_str())
    }

    /// Appends a price.
    pub fn price(&self, out: &mut Vec<u8>, price: Price) {
        let units = self.instrument.price_units(price);
        text::fixed(out, units, self.instrument.price_decimals);
    }
    /// Appends a size; nothing is `0`.
    pub fn size(&self, out: &mut Vec<u8>, quantity: Quantity) {
        if quantity.is_zero() {
            out.push(b'0');
        } else {
            let units = self.instrument.quantity_units(quantity);
            text::fixed(out, units, self.instrument.quantity_decimals);
        }
    }
    /// Appends price × quantity, given in ticks × lots.
    pub fn funds(&self, out: &mut Vec<u8>, turnover: i128) {
        let steps = i128::from(self.instrument.tick_units) * i128::from(self.instrument.lot_units);
        let decimals = self.instrument.price_decimals + self.instrument.quantity_decimals;
        text::shortest(out, turnover * steps, decimals);
    }
}

/// The side of an order, or of a trade's taker.
pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// The type of an order.
pub const fn order_type(kind: OrderKind, is_stop: bool) -> &'static str {
    match (kind, is_stop) {
        (OrderKind::Limit(_), false) => "limit",
        (OrderKind::Market, false) => "market",
        (OrderKind::Limit(_), true) => "stopLimit",
        (OrderKind::Market, true) => "stopMarket",
    }
}

/// How long an order lives. An order with a last day can only come from elsewhere; until then it is open.
pub const fn time_in_force(lives: TimeInForce) -> &'static str {
    match lives {
        TimeInForce::GoodTillCanceled | TimeInForce::GoodTillDate(_) => "GTC",
        TimeInForce::ImmediateOrCancel => "IOC",
        TimeInForce::FillOrKill => "FOK",
    }
}

/// How an order stands; `filled` says whether any of it was filled.
pub const fn status(standing: Standing, filled: bool) -> &'static str {
    match standing {
        Standing::Armed => "pending",
        Standing::Triggered => "sending",
        Standing::Open => "working",
        Standing::Filled => "completed",
        Standing::Replaced(_) => "cancelled",
        Standing::Closed(reason) => match reason {
            CloseReason::NotFilled if filled => "completed",
            CloseReason::NotFilled | CloseReason::Killed | CloseReason::Expired => "expired",
            CloseReason::Canceled
            | CloseReason::SelfTrade
            | CloseReason::NothingToReduce
            | CloseReason::Liquidation => "cancelled",
            CloseReason::WouldMatch | CloseReason::Unfunded => "rejected",
        },
    }
}

/// An order's id: its number in the first and the last digits of a UUID.
pub fn order_id(order: OrderId) -> String {
    let (high, low) = (order.0 >> 16, order.0 & 0xffff);
    format!("{:08x}-{:04x}-8000-8000-00000000{low:04x}", high >> 16, high & 0xffff)
}

/// The order that an id names: `Err` if it is no UUID, `None` if it is none of an order here.
pub fn read_order_id(text: &str) -> Result<Option<OrderId>, ()> {
    let bytes = text.as_bytes();
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let is_uuid = bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match is_dash(at) {
            true => *byte == b'-',
            false => byte.is_ascii_hexdigit(),
        });
    if !is_uuid {
        return Err(());
    }
    let digits = [&text[..8], &text[9..13], &text[32..]].concat();
    let order = u64::from_str_radix(&digits, 16).map(OrderId).map_err(|_| ())?;
    Ok(Some(order).filter(|order| order_id(*order) == text.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_ids_are_read_back_and_others_are_nobodys() {
        for number in [0, 1, 1_125_899_906_842_624, 1 << 53, u64::MAX] {
            let text = order_id(OrderId(number));
            assert_eq!(read_order_id(&text), Ok(Some(OrderId(number))), "{text}");
            assert_eq!(read_order_id(&text.to_uppercase()), Ok(Some(OrderId(number))));
        }
        assert_eq!(order_id(OrderId(1 << 50)), "00040000-0000-8000-8000-000000000000");
        assert_eq!(read_order_id("3fa85f64-5717-4562-b3fc-2c963f66afa6"), Ok(None));
        for text in ["", "1125899906842624", "3fa85f645717-4562-b3fc-2c963f66afa6-", "é"] {
            assert_eq!(read_order_id(text), Err(()), "{text:?}");
        }
    }

    #[test]
    fn states_have_their_names() {
        let closed = |reason, filled| status(Standing::Closed(reason), filled);
        assert_eq!(closed(CloseReason::NotFilled, true), "completed");
        assert_eq!(closed(CloseReason::NotFilled, false), "expired");
        assert_eq!(closed(CloseReason::Killed, false), "expired");
        assert_eq!(closed(CloseReason::Canceled, true), "cancelled");
        assert_eq!(closed(CloseReason::Unfunded, false), "rejected");
        assert_eq!(status(Standing::Armed, false), "pending");
    }

    #[test]
    fn precisions_are_the_tick_and_its_tens() {
        let instrument = |price_decimals, tick_units| Instrument {
            id: model::InstrumentId(0),
            base: "A".into(),
            quote: "B".into(),
            price_decimals,
            tick_units,
            quantity_decimals: 8,
            lot_units: 1,
            minimum: model::Minimum::Quantity(Quantity(1)),
        };
        let check = |decimals, tick, wanted: [&str; 5]| {
            let listing = Listing {
                instrument: instrument(decimals, tick),
                description: String::new(),
                symbols: Vec::new(),
            };
            let market = Market::new(&listing, "A-B");
            let texts: Vec<&str> =
                market.precisions.iter().map(|(text, _)| text.as_str()).collect();
            assert_eq!(texts, wanted);
            assert_eq!(market.precision(Price(10)), Some(wanted[1]));
            assert_eq!(market.precision(Price(20)), None);
        };
        check(2, 1, ["0.01", "0.1", "1", "10", "100"]);
        check(0, 1, ["1", "10", "100", "1000", "10000"]);
        check(2, 50, ["0.5", "5", "50", "500", "5000"]);
    }
}
