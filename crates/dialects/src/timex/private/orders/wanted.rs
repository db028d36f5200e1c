//! An order as a client asks for it.

use std::sync::Arc;

use model::{
    AccountId, Instrument, Minimum, NewOrder, OrderKind, Price, Quantity, Side, Span, Time,
    TimeInForce,
};

use crate::timex::Markets;
use crate::timex::convert::Market;
use crate::timex::http::given::{Given, units};
use crate::timex::wire::refusal::Refusal;

/// The longest name that a client may give an order.
const LABEL_BYTES_MAX: usize = 64;
/// How long an order may live at most: as long as the captures have it, and some more.
const LIFE_SECONDS_MAX: i64 = 200 * 366 * 86_400;

/// An order as it is asked for, with all that its type wants.
pub struct Wanted {
    pub market: Arc<Market>,
    pub label: Option<Box<str>>,
    side: Side,
    kind: OrderKind,
    quantity: Quantity,
    post_only: bool,
    must_fill: bool,
    expiry: Option<Expiry>,
}

/// When an order is to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// So long after it came.
    In(Span),
    /// Then.
    At(Time),
}

impl Expiry {
    /// Reads what is given, if anything is: a moment counts before a length.
    pub fn read(given: &Given) -> Result<Option<Self>, Refusal> {
        if let Some(time) = given.moment("expireTime")? {
            return Ok(Some(Self::At(time)));
        }
        let Some(text) = given.one("expireIn")? else { return Ok(None) };
        let seconds = units(text, 3).filter(|it| (1..=LIFE_SECONDS_MAX * 1_000).contains(it));
        let span = seconds.map(Span::millis).ok_or_else(|| Refusal::invalid("expireIn"))?;
        Ok(Some(Self::In(span)))
    }

    /// When that is; it must lie ahead.
    pub fn after(self, now: Time) -> Result<Time, Refusal> {
        match self {
            Self::In(span) => Ok(now + span),
            Self::At(time) if time > now => Ok(time),
            Self::At(_) => Err(Refusal::invalid("expireTime")),
        }
    }
}

impl Wanted {
    /// Reads a row, whose type is given by this name.
    pub fn read(given: &Given, type_name: &str, markets: &Markets) -> Result<Self, Refusal> {
        let market = Arc::clone(given.required_market("symbol", markets)?);
        let side = match given.required("side")? {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            _ => return Err(Refusal::invalid("side")),
        };
        let order_type = given.required(type_name)?;
        let (has_price, post_only, must_fill) = match order_type {
            "LIMIT" => (true, false, false),
            "POST_ONLY" => (true, true, false),
            "FILL_OR_KILL" => (true, false, true),
            "MARKET" => (false, false, false),
            _ => return Err(Refusal::invalid(type_name)),
        };
        let rests = has_price && !must_fill;
        let expiry = Expiry::read(given)?;
        if rests && expiry.is_none() {
            return Err(Refusal::required("expireIn"));
        }
        let quantity = quantity(given.required("quantity")?, &market.instrument)?;
        let kind = match has_price {
            true => OrderKind::Limit(price(given.required("price")?, &market.instrument)?),
            // A price that says something is a mistake that would be paid for.
            false => match given.one("price")? {
                Some(text) if units(text, 0) != Some(0) => return Err(Refusal::invalid("price")),
                _ => OrderKind::Market,
            },
        };
        if let OrderKind::Limit(price) = kind {
            worth(price, quantity, &market.instrument)?;
        }
        let label = given.one("clientOrderId")?;
        let is_label =
            |label: &str| label.len() <= LABEL_BYTES_MAX && !label.chars().any(char::is_control);
        if label.is_some_and(|label| !is_label(label)) {
            return Err(Refusal::invalid("clientOrderId"));
        }
        let label = label.map(Into::into);
        Ok(Self { market, label, side, kind, quantity, post_only, must_fill, expiry })
    }

    /// Whether it may rest in the book and do nothing else.
    pub fn only_rests(&self) -> bool {
        self.post_only
    }

    /// What the engine is asked for.
    pub fn order(&self, account: AccountId, now: Time) -> Result<NewOrder, Refusal> {
        let expires = self.expiry.map(|expiry| expiry.after(now)).transpose()?;
        let time_in_force = match (self.kind, expires) {
            (OrderKind::Market, _) => TimeInForce::ImmediateOrCancel,
            _ if self.must_fill => TimeInForce::FillOrKill,
            (_, Some(expires)) => TimeInForce::GoodTillDate(expires),
            (_, None) => TimeInForce::GoodTillCanceled,
        };
        Ok(NewOrder {
            account,
            instrument: self.market.instrument.id,
            side: self.side,
            kind: self.kind,
            quantity: self.quantity,
            time_in_force,
            post_only: self.post_only,
            trigger: None,
        })
    }
}

/// A price: a whole number of ticks.
pub fn price(text: &str, rules: &Instrument) -> Result<Price, Refusal> {
    let units = units(text, rules.price_decimals).filter(|units| *units > 0);
    let price = units.and_then(|units| rules.price_of_units(units));
    price.ok_or_else(|| Refusal::invalid("price"))
}

/// A quantity: a whole number of increments, and not too few.
pub fn quantity(text: &str, rules: &Instrument) -> Result<Quantity, Refusal> {
    let units = units(text, rules.quantity_decimals).filter(|units| *units > 0);
    let quantity = units.and_then(|units| rules.quantity_of_units(units));
    let least = match rules.minimum {
        Minimum::Quantity(least) => least,
        Minimum::Notional(_) => Quantity(1),
    };
    quantity.filter(|quantity| *quantity >= least).ok_or_else(|| Refusal::invalid("quantity"))
}

/// Price × quantity: not too little.
pub fn worth(price: Price, quantity: Quantity, rules: &Instrument) -> Result<(), Refusal> {
    match rules.minimum {
        Minimum::Notional(least) if rules.notional(price, quantity) < least => {
            Err(Refusal::invalid("quantity"))
        }
        _ => Ok(()),
    }
}
