//! An order as a client asks for it.

use std::sync::Arc;

use model::{
    AccountId, Action, Amount as Money, NewOrder, OrderKind, Price, Quantity, Side, TimeInForce,
    Trigger, TriggerWhen,
};

use crate::text::shortest;
use crate::xrocket::Markets;
use crate::xrocket::convert::Market;
use crate::xrocket::http::market::{Bounds, funds_min};
use crate::xrocket::http::parameters::Body;
use crate::xrocket::http::problem::{self, Problem};
use crate::xrocket::money::positive;
use crate::xrocket::server::rules;
use crate::xrocket::wire::failure::{Failure, More};

/// An order as it is asked for, with all that its type wants.
pub struct Order {
    pub market: Arc<Market>,
    pub side: Side,
    /// `limit`, as it was written.
    pub type_name: &'static str,
    pub amount: Amount,
    pub limit: Option<Price>,
    pub stop: Option<Price>,
    pub lives: TimeInForce,
    pub label: Option<String>,
}

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many lots.
    Size(Quantity),
    /// As much as this much of the quote asset is worth, fees included.
    Funds(Money),
}

const MEMBERS: [&str; 9] = [
    "clientOrderId",
    "symbol",
    "side",
    "type",
    "size",
    "funds",
    "price",
    "stopPrice",
    "timeInForce",
];

/// The types, and whether each has a price, a stop price, and may rest.
const TYPES: [(&str, bool, bool); 4] = [
    ("limit", true, false),
    ("market", false, false),
    ("stopLimit", true, true),
    ("stopMarket", false, true),
];

impl Order {
    /// Reads a body.
    pub fn read(body: &[u8], markets: &Markets) -> Result<Self, Problem> {
        let body = Body::read(body, MEMBERS)?;
        let label = body.get("clientOrderId")?.map(|label| label.into_owned());
        if label.as_deref().is_some_and(|label| !is_label(label)) {
            let wanted = "1 to 64 letters, digits, hyphens and underscores";
            return Err(Failure::value("clientOrderId", wanted).into());
        }
        let symbol = body.required("symbol")?;
        let side = match &*body.required("side")? {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            _ => return Err(Failure::value("side", "buy or sell").into()),
        };
        let type_name = body.required("type")?;
        let known = TYPES.iter().find(|(name, ..)| *name == type_name);
        let Some(&(type_name, has_price, has_stop)) = known else {
            let wanted = "one of limit, market, stopLimit, stopMarket";
            return Err(Failure::value("type", wanted).into());
        };
        let lives = match &*body.required("timeInForce")? {
            "GTC" if has_price => TimeInForce::GoodTillCanceled,
            "IOC" => TimeInForce::ImmediateOrCancel,
            "FOK" => TimeInForce::FillOrKill,
            _ if has_price => {
                return Err(Failure::value("timeInForce", "one of GTC, IOC, FOK").into());
            }
            _ => return Err(Failure::value("timeInForce", "IOC or FOK").into()),
        };
        let (size, funds) = (body.get("size")?, body.get("funds")?);
        let limit = if has_price { Some(body.required("price")?) } else { None };
        let stop = if has_stop { Some(body.required("stopPrice")?) } else { None };
        let market = Arc::clone(rules::market(&symbol, markets)?);
        let amount = match (size, funds) {
            (Some(_), Some(_)) if type_name == "market" => {
                let detail = "An order has a size or funds, not both";
                return Err(Problem::new(&problem::SIZE_AND_FUNDS, detail));
            }
            (None, Some(funds)) if type_name == "market" => {
                Amount::Funds(money(&funds, &market, markets)?)
            }
            (Some(size), _) => Amount::Size(quantity(&size, &market)?),
            (None, _) if type_name == "market" => {
                let detail = "An order has a size or funds";
                return Err(Problem::new(&problem::NEITHER_SIZE_NOR_FUNDS, detail));
            }
            (None, _) => return Err(Failure::params("size", "a string").into()),
        };
        let limit = limit.map(|text| price("price", &text, &market)).transpose()?;
        let stop = stop.map(|text| price("stopPrice", &text, &market)).transpose()?;
        Ok(Self { market, side, type_name, amount, limit, stop, lives, label })
    }

    /// Whether it is to be filled whole or not at all.
    pub fn must_fill(&self) -> bool {
        self.lives == TimeInForce::FillOrKill
    }

    /// What the engine is asked for. A stop order waits until the last price, which is now on one side of its stop
    /// price, is on the other; where nothing was traded yet a buy waits for a rise and a sell for a fall.
    pub fn action(&self, account: AccountId, last: Option<Price>) -> Action {
        let instrument = self.market.instrument.id;
        let side = self.side;
        let quantity = match self.amount {
            Amount::Funds(worth) => return Action::PlaceWorth { account, instrument, side, worth },
            Amount::Size(quantity) => quantity,
        };
        let trigger = self.stop.map(|price| {
            let rises = last.map_or(side == Side::Buy, |last| price > last);
            let when = if rises { TriggerWhen::AtOrAbove } else { TriggerWhen::AtOrBelow };
            Trigger::at(price, when)
        });
        Action::Place(NewOrder {
            account,
            instrument,
            side,
            kind: self.limit.map_or(OrderKind::Market, OrderKind::Limit),
            quantity,
            time_in_force: self.lives,
            post_only: false,
            trigger,
        })
    }

    /// Its price is beyond what the market takes.
    pub fn price_out_of_range(&self) -> Problem {
        price_out_of_range("price", &self.market)
    }
    /// Its size is beyond what the market takes.
    pub fn amount_out_of_range(&self) -> Problem {
        match self.amount {
            Amount::Size(_) => size_out_of_range(&self.market),
            Amount::Funds(_) => self.funds_out_of_range(),
        }
    }
    /// It is too small.
    pub fn below_minimum(&self) -> Problem {
        match self.market.instrument.minimum {
            model::Minimum::Quantity(_) => size_out_of_range(&self.market),
            model::Minimum::Notional(_) => self.funds_out_of_range(),
        }
    }
    /// Its funds are beyond what the market takes.
    pub fn funds_out_of_range(&self) -> Problem {
        let bounds = Bounds::of(&self.market);
        let most = i128::from(bounds.price.1.0) * i128::from(bounds.size.1.0);
        let shown = |turnover| shown(|out| self.market.funds(out, turnover));
        Problem::new(&problem::FUNDS_RANGE, "The funds are out of range")
            .with("min", More::Text(shown(funds_min(&self.market))))
            .with("max", More::Text(shown(most)))
    }
}

fn is_label(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn shown(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("digits are text")
}

fn price_out_of_range(field: &'static str, market: &Market) -> Problem {
    let (row, detail) = match field {
        "stopPrice" => (&problem::STOP_PRICE_RANGE, "The stop price is out of range"),
        _ => (&problem::PRICE_RANGE, "The price is out of range"),
    };
    let (least, most) = Bounds::of(market).price;
    let rules = &market.instrument;
    let shown = |price| {
        let units = i128::from(rules.price_units(price));
        More::Text(shown(|out| shortest(out, units, rules.price_decimals)))
    };
    Problem::new(row, detail).with("min", shown(least)).with("max", shown(most))
}

fn size_out_of_range(market: &Market) -> Problem {
    let (least, most) = Bounds::of(market).size;
    let rules = &market.instrument;
    let shown = |size| {
        let units = i128::from(rules.quantity_units(size));
        More::Text(shown(|out| shortest(out, units, rules.quantity_decimals)))
    };
    Problem::new(&problem::SIZE_RANGE, "The size is out of range")
        .with("min", shown(least))
        .with("max", shown(most))
}

/// A number of at most so many decimals, in units of `10^-decimals`; `None` if it is too large.
fn units(field: &'static str, text: &str, decimals_max: u8) -> Result<Option<i64>, Problem> {
    let Some((decimal, decimals)) = positive(text) else {
        // What is a number but too long is out of range, not out of form.
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return match is_number && text.bytes().any(|byte| byte != b'0') {
            true => Ok(None),
            false => Err(Failure::value(field, "a positive decimal").into()),
        };
    };
    if decimals > usize::from(decimals_max) {
        return Err(rules::decimals_exceeded(field, decimals_max).into());
    }
    Ok(decimal.units_at(decimals_max).ok())
}

fn price(field: &'static str, text: &str, market: &Market) -> Result<Price, Problem> {
    let rules = &market.instrument;
    let out_of_range = || price_out_of_range(field, market);
    let units = units(field, text, rules.price_decimals)?.ok_or_else(out_of_range)?;
    let price = rules.price_of_units(units).ok_or_else(|| {
        Problem::from(Failure::value(field, "a whole number of price increments"))
    })?;
    let (least, most) = Bounds::of(market).price;
    if price < least || price > most { Err(out_of_range()) } else { Ok(price) }
}

fn quantity(text: &str, market: &Market) -> Result<Quantity, Problem> {
    let rules = &market.instrument;
    let out_of_range = || size_out_of_range(market);
    let units = units("size", text, rules.quantity_decimals)?.ok_or_else(out_of_range)?;
    let size = rules.quantity_of_units(units).ok_or_else(|| {
        Problem::from(Failure::value("size", "a whole number of base increments"))
    })?;
    let (least, most) = Bounds::of(market).size;
    if size < least || size > most { Err(out_of_range()) } else { Ok(size) }
}

/// So much of the quote asset.
fn money(text: &str, market: &Market, markets: &Markets) -> Result<Money, Problem> {
    let settlement = markets.assets.settlement(market.instrument.id);
    let asset = settlement.and_then(|it| markets.assets.get(it.quote));
    let asset = asset.expect("a listed market settles in an asset");
    let decimals_max = market.instrument.price_decimals + market.instrument.quantity_decimals;
    let decimals_max = decimals_max.min(asset.decimals).min(model::decimal::DECIMALS_MAX);
    let most = || {
        let bounds = Bounds::of(market);
        let most = i128::from(bounds.price.1.0) * i128::from(bounds.size.1.0);
        Problem::new(&problem::FUNDS_RANGE, "The funds are out of range")
            .with("min", More::Text(shown(|out| market.funds(out, funds_min(market)))))
            .with("max", More::Text(shown(|out| market.funds(out, most))))
    };
    let units = units("funds", text, decimals_max)?.ok_or_else(most)?;
    asset.amount_of_units(units, decimals_max).ok_or_else(most)
}
