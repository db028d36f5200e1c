//! What is accepted at all: bounds that keep every sum countable, the price band, the number of open orders.
//!
//! Not the state of an order or a book: these are constants of an engine's life, saved with its image.

pub use model::instrument::{PRICE_UNITS_MAX, QUANTITY_UNITS_MAX};
use model::{Amount, Instrument, Minimum, Price, Quantity, Settlement};

/// The most open orders an engine can be told to hold, resting and armed, over all instruments.
pub const OPEN_ORDERS_MAX: u32 = 1 << 20;

/// As many orders of the largest size as may be open still add up to less than 64 bits hold, so no level can
/// overflow.
const _: () = assert!(QUANTITY_UNITS_MAX <= i64::MAX / OPEN_ORDERS_MAX as i64);

/// What an engine is told at its birth and keeps for life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Orders that may be open, resting and armed, over all instruments. Beyond it, orders that could stay
    /// open are refused. Never above [`OPEN_ORDERS_MAX`].
    pub open_orders_max: u32,
    /// How far through the market a limit price may reach, in hundredths of a per cent of the best opposite
    /// price (of the trigger price for a stop-limit order); `None` is any distance. A price on the other side
    /// of the market cannot trade and is never refused.
    pub band_basis_points: Option<u32>,
    /// What the resting order of a trade pays, in millionths of price × quantity, rounded up to the unit of the
    /// quote asset; at most a million.
    pub maker_fee_ppm: u32,
    /// What the arriving order of a trade pays, likewise.
    pub taker_fee_ppm: u32,
    /// Whether an account pays fees for trades with itself.
    pub self_trades_pay: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            open_orders_max: OPEN_ORDERS_MAX,
            band_basis_points: Some(2_000),
            maker_fee_ppm: 1_000,
            taker_fee_ppm: 2_000,
            self_trades_pay: false,
        }
    }
}

impl Rules {
    /// Whether a buy (or, if `sell`, a sell) limit price reaches too far beyond the reference price.
    pub(crate) fn outside_band(&self, sell: bool, price: Price, reference: Price) -> bool {
        let Some(band) = self.band_basis_points else { return false };
        // Prices stay below 2^53, so the products need more than 64 bits only in the extreme.
        let price = i128::from(price.0) * 10_000;
        let reference = i128::from(reference.0);
        if sell {
            price < reference * (10_000 - i128::from(band))
        } else {
            price > reference * (10_000 + i128::from(band))
        }
    }
}

/// The numbers of an instrument that decide whether an order is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub tick_units: i64,
    pub lot_units: i64,
    pub minimum: Minimum,
    pub price_max: Price,
    pub quantity_max: Quantity,
}

/// No order is worth more than this, at whatever price, and none is for more of the base asset: with the highest
/// fee it is still below [`Amount::MAX`].
const ORDER_MAX: i128 = Amount::MAX.0 / 4;

impl Steps {
    /// # Panics
    /// If the tick or lot size is not positive, or even one lot cannot be counted.
    pub fn of(instrument: &Instrument, settlement: &Settlement) -> Self {
        assert!(
            instrument.tick_units > 0 && instrument.lot_units > 0,
            "tick and lot size of {}/{} are positive",
            instrument.base,
            instrument.quote
        );
        let price_max = PRICE_UNITS_MAX / instrument.tick_units;
        let lots_max = [
            i128::from(QUANTITY_UNITS_MAX / instrument.lot_units),
            ORDER_MAX / i128::from(price_max).saturating_mul(settlement.quote_per_tick_lot),
            ORDER_MAX / settlement.base_per_lot,
        ];
        let quantity_max = lots_max.into_iter().min().unwrap_or(0) as i64;
        assert!(
            quantity_max > 0,
            "steps of {}/{} are so fine that amounts can be counted",
            instrument.base,
            instrument.quote
        );
        Self {
            tick_units: instrument.tick_units,
            lot_units: instrument.lot_units,
            minimum: instrument.minimum,
            price_max: Price(price_max),
            quantity_max: Quantity(quantity_max),
        }
    }
    pub const fn counts_price(&self, price: Price) -> bool {
        price.0 > 0 && price.0 <= self.price_max.0
    }
    pub const fn counts_quantity(&self, quantity: Quantity) -> bool {
        quantity.0 > 0 && quantity.0 <= self.quantity_max.0
    }
    /// Whether so much is below the minimum. `price` is `None` where no price is known; then only a minimum
    /// quantity can speak.
    pub fn below_minimum(&self, price: Option<Price>, quantity: Quantity) -> bool {
        match (self.minimum, price) {
            (Minimum::Quantity(minimum), _) => quantity < minimum,
            (Minimum::Notional(minimum), Some(price)) => {
                let price_units = i128::from(price.0) * i128::from(self.tick_units);
                let quantity_units = i128::from(quantity.0) * i128::from(self.lot_units);
                price_units * quantity_units < minimum
            }
            (Minimum::Notional(_), None) => false,
        }
    }
}
