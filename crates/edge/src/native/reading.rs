//! Understands what a client sends: queries, bodies, numbers. What is wrong is told with its place.

use model::decimal::{DecimalError, parse_units};
use model::instrument::{PRICE_UNITS_MAX, QUANTITY_UNITS_MAX};
use model::{
    AccountId, Action, Amount, Asset, Decimal, Instrument, NewOrder, OrderId, OrderKey, OrderKind,
    PerpetualAction, Price, Quantity, Side, Time, TimeInForce, Trail, Trigger, TriggerWhen,
};
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};
use super::venue::{Words, price as price_text, quantity as quantity_text};
use super::wire::{self, own};

#[cfg(test)]
mod tests;

type Read<T> = Result<T, Box<Problem>>;

/// Undoes percent-encoding; `None` if what comes out is no text.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The parameters of a query as `T` names them, each a text. Those that `T` does not name are refused, as is one
/// that comes twice.
pub(crate) fn query<T: DeserializeOwned>(query: Option<&str>) -> Read<T> {
    let mut pairs = serde_json::Map::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(value)) = (decoded(name), decoded(&value.replace('+', " "))) else {
            let detail = format!("{pair:?} is not percent-encoded text");
            return Err(Problem::new(Code::BadParameter, detail).at("query"));
        };
        if pairs.insert(name.clone(), value.into()).is_some() {
            let detail = "it is there twice";
            return Err(Problem::new(Code::BadParameter, detail).at(format!("query {name}")));
        }
    }
    serde_json::from_value(pairs.into())
        .map_err(|error| Problem::new(Code::BadParameter, error).at("query"))
}

/// A body as `T`.
pub(crate) fn body<T: DeserializeOwned>(content_type: Option<&str>, body: &[u8]) -> Read<T> {
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let detail = match content_type {
            Some(other) => format!("Content-Type is {other:?}"),
            None => "there is no Content-Type".to_owned(),
        };
        return Err(Problem::new(Code::NotJson, detail).at("header Content-Type"));
    }
    // A list would be read as the fields in their order.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::new(Code::BadBody, "it is a list, not an object").at("body"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("body, line {}, column {}", error.line(), error.column());
        let text = error.to_string();
        let detail = text.split(" at line ").next().unwrap_or_default();
        Problem::new(Code::BadBody, detail).at(place)
    })
}

/// A whole number of the query within bounds.
pub(crate) fn count(text: Option<&str>, name: &str, unsaid: usize, most: usize) -> Read<usize> {
    let Some(text) = text else { return Ok(unsaid) };
    text.parse().ok().filter(|&count| count <= most).ok_or_else(|| {
        let detail = format!("{text:?} is not a whole number from 0 to {most}");
        Problem::new(Code::BadParameter, detail).at(format!("query {name}"))
    })
}

/// A moment.
pub(crate) fn time(text: &str, place: &str) -> Read<Time> {
    let stamp: Result<jiff::Timestamp, _> = text.parse();
    stamp.map(|stamp| Time(stamp.as_microsecond())).map_err(|_| {
        let detail = format!("{text:?} is not a time such as 2026-01-05T09:00:00Z");
        Problem::new(Code::BadParameter, detail).at(place)
    })
}

/// Which order a path means: an id, or `client:` and its owner's name for it.
pub(crate) fn order_key(text: &str) -> Read<OrderKey> {
    if let Some(label) = text.strip_prefix("client:") {
        return Ok(OrderKey::Label(label.into()));
    }
    text.parse().map(|id| OrderKey::Id(OrderId(id))).map_err(|_| {
        let detail = format!("{text:?} is neither an order's id nor client: and your own name");
        Problem::new(Code::BadParameter, detail).at("path order")
    })
}

/// Buy or sell.
pub(crate) const fn side(side: wire::Side) -> Side {
    match side {
        wire::Side::Buy => Side::Buy,
        wire::Side::Sell => Side::Sell,
    }
}

/// A price in ticks.
pub(crate) fn price(it: &Instrument, text: &str, place: &str) -> Read<Price> {
    let bad = |detail: String| Problem::new(Code::BadPrice, detail).at(place);
    let units = parse_units(text.as_bytes(), it.price_decimals);
    let found = units.ok().filter(|&units| units > 0 && units <= PRICE_UNITS_MAX);
    found.and_then(|units| it.price_of_units(units)).ok_or_else(|| match units {
        Err(DecimalError::NotANumber) => {
            bad(format!("{text:?} is not a plain decimal number such as \"12.5\""))
        }
        Err(DecimalError::TooPrecise) | Ok(1..=PRICE_UNITS_MAX) => {
            bad(format!("{text} is no multiple of the tick size, {}", price_text(it, Price(1))))
        }
        _ => bad(format!("{text} is not positive or too large")),
    })
}

/// A quantity in lots.
pub(crate) fn quantity(it: &Instrument, text: &str, place: &str) -> Read<Quantity> {
    let bad = |detail: String| Problem::new(Code::BadQuantity, detail).at(place);
    let units = parse_units(text.as_bytes(), it.quantity_decimals);
    let found = units.ok().filter(|&units| units > 0 && units <= QUANTITY_UNITS_MAX);
    found.and_then(|units| it.quantity_of_units(units)).ok_or_else(|| match units {
        Err(DecimalError::NotANumber) => {
            bad(format!("{text:?} is not a plain decimal number such as \"12.5\""))
        }
        Err(DecimalError::TooPrecise) | Ok(1..=QUANTITY_UNITS_MAX) => bad(format!(
            "{text} is no multiple of the lot size, {}",
            quantity_text(it, Quantity(1))
        )),
        _ => bad(format!("{text} is not positive or too large")),
    })
}

/// An owner's name for an order.
pub(crate) fn label(text: Option<&str>) -> Read<Option<Box<str>>> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    match text {
        Some(text) if !(1..=64).contains(&text.len()) || !text.bytes().all(is_letter) => {
            let detail = "it may have 1 to 64 letters, digits and -_.:";
            Err(Problem::new(Code::BadBody, detail).at("body client_order_id"))
        }
        text => Ok(text.map(Into::into)),
    }
}

/// What an order that is asked for means.
pub(crate) fn new_order(
    words: &Words,
    it: &Instrument,
    account: AccountId,
    asked: &own::NewOrder,
) -> Read<Action> {
    use own::OrderType::{Limit, Market, Stop, StopLimit};
    let clash = |place: &str, detail: &str| {
        Problem::new(Code::BadCombination, detail).at(format!("body {place}"))
    };
    let side = side(asked.side);
    let has_limit = matches!(asked.kind, Limit | StopLimit);
    let has_stop = matches!(asked.kind, Stop | StopLimit);
    let kind = match (&asked.price, has_limit) {
        (Some(text), true) => OrderKind::Limit(price(it, text, "body price")?),
        (None, false) => OrderKind::Market,
        (None, true) => {
            return Err(
                clash("price", "a limit order needs a price").remedy("name the limit as \"price\"")
            );
        }
        (Some(_), false) => return Err(clash("price", "only limit orders have a price")),
    };
    let when = match (asked.stop_when, side) {
        (Some(own::TriggerWhen::AtOrAbove), _) | (None, Side::Buy) => TriggerWhen::AtOrAbove,
        (Some(own::TriggerWhen::AtOrBelow), _) | (None, Side::Sell) => TriggerWhen::AtOrBelow,
    };
    let trigger = match (&asked.stop_price, has_stop) {
        _ if let Some(points) = asked.trail_basis_points => {
            let place = "trail_basis_points";
            if !has_stop {
                return Err(clash(place, "only stop orders have one"));
            }
            if asked.stop_price.is_some() {
                return Err(clash(place, "a stop order waits for a price or trails, not both"));
            }
            let trail = Trail::new(points).ok_or_else(|| {
                let most = Trail::BASIS_POINTS_MAX;
                clash(place, "nothing can trail so far")
                    .remedy(format!("name 1 to {most} hundredths of a percent"))
            })?;
            Some(Trigger::trailing(when, trail))
        }
        (Some(text), true) => Some(Trigger::at(price(it, text, "body stop_price")?, when)),
        (None, false) if asked.stop_when.is_some() => {
            return Err(clash("stop_when", "only stop orders have one"));
        }
        (None, false) => None,
        (None, true) => {
            return Err(clash("stop_price", "a stop order needs a stop price")
                .remedy("name what wakes it as \"stop_price\""));
        }
        (Some(_), false) => return Err(clash("stop_price", "only stop orders have one")),
    };
    let time_in_force = time_in_force(asked, has_limit)?;
    let immediate =
        matches!(time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
    if asked.post_only && immediate {
        return Err(clash("post_only", "an order that must match at once cannot be post-only"));
    }
    if asked.reduce_only && words.contract(it.id).is_none() {
        return Err(clash("reduce_only", "only in perpetuals there are positions to reduce"));
    }
    match (&asked.quantity, &asked.worth) {
        (Some(text), None) => {
            let quantity = quantity(it, text, "body quantity")?;
            let (instrument, post_only) = (it.id, asked.post_only);
            let new = NewOrder {
                account,
                instrument,
                side,
                kind,
                quantity,
                time_in_force,
                post_only,
                trigger,
            };
            Ok(match asked.reduce_only {
                true => Action::Perpetual(PerpetualAction::Reduce(new)),
                false => Action::Place(new),
            })
        }
        (None, Some(text)) if asked.kind == Market => {
            if time_in_force != TimeInForce::ImmediateOrCancel {
                return Err(clash("time_in_force", "an order by worth is immediate-or-cancel"));
            }
            let worth = worth(words, it, text)?;
            Ok(Action::PlaceWorth { account, instrument: it.id, side, worth })
        }
        (None, Some(_)) => Err(clash("worth", "only market orders can be sized by worth")),
        (Some(_), Some(_)) => Err(clash("worth", "there is a quantity as well")),
        (None, None) => Err(clash("quantity", "the order has no size")
            .remedy("name its \"quantity\" or, for a market order, its \"worth\"")),
    }
}

fn time_in_force(asked: &own::NewOrder, has_limit: bool) -> Read<TimeInForce> {
    use own::TimeInForce::{Fok, Gtc, Gtd, Ioc};
    let clash = |place: &str, detail: &str| {
        Problem::new(Code::BadCombination, detail).at(format!("body {place}"))
    };
    let unsaid = if has_limit { Gtc } else { Ioc };
    let said = asked.time_in_force.unwrap_or(unsaid);
    if !has_limit && matches!(said, Gtc | Gtd) {
        return Err(clash("time_in_force", "an order without a limit is ioc or fok"));
    }
    match (said, &asked.expires_at) {
        (Gtd, Some(text)) => {
            let place = "body expires_at";
            time(text, place)
                .map(TimeInForce::GoodTillDate)
                .map_err(|problem| Problem::new(Code::BadBody, problem.detail()).at(place))
        }
        (Gtd, None) => {
            Err(clash("expires_at", "a gtd order needs one")
                .remedy("name its end as \"expires_at\""))
        }
        (_, Some(_)) => Err(clash("expires_at", "only gtd orders have one")),
        (Gtc, None) => Ok(TimeInForce::GoodTillCanceled),
        (Ioc, None) => Ok(TimeInForce::ImmediateOrCancel),
        (Fok, None) => Ok(TimeInForce::FillOrKill),
    }
}

/// An amount of an asset, which may be negative.
pub(crate) fn amount(asset: &Asset, text: &str, place: &str) -> Read<Amount> {
    // Sixty-four bits and nineteen decimals more are what fits.
    let fits = |it: &Decimal| asset.decimals <= it.decimals + 19;
    let found = Decimal::parse(text).ok().filter(fits);
    found.and_then(|it| asset.amount_of_units(it.units, it.decimals)).ok_or_else(|| {
        let detail = format!(
            "{text:?} is not an amount of {} with at most {} decimals",
            asset.code, asset.decimals
        );
        Problem::new(Code::BadQuantity, detail).at(place)
    })
}

/// An amount of the quote asset.
fn worth(words: &Words, it: &Instrument, text: &str) -> Read<Amount> {
    let quote = words.assets.by_code(&it.quote);
    let amount = |decimal: Decimal| {
        // Sixty-four bits and nineteen decimals more are what fits.
        let quote = quote.filter(|quote| quote.decimals <= decimal.decimals + 19)?;
        quote.amount_of_units(decimal.units, decimal.decimals)
    };
    let found = Decimal::parse(text).ok().filter(|decimal| decimal.units > 0).and_then(amount);
    found.ok_or_else(|| {
        let decimals = quote.map_or(0, |quote| quote.decimals);
        let detail = format!(
            "{text:?} is not a positive amount of {} with at most {decimals} decimals",
            it.quote
        );
        Problem::new(Code::BadQuantity, detail).at("body worth")
    })
}
