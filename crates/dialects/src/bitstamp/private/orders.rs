//! Placing an order: what the form asks for, and what became of it. Sections 8.4, 8.4.1 and 8.5.

use std::sync::Arc;

use model::decimal::{DecimalError, parse_units};
use model::instrument::{PRICE_UNITS_MAX, QUANTITY_UNITS_MAX};
use model::{
    Action, Amount, Decimal, Event, EventBody, Instrument, NewOrder, OrderKind, OrderState, Price,
    Quantity, Query, Rejection, Side, Time, TimeInForce, Trigger, TriggerWhen,
};

use super::super::http::minimum_order;
use super::super::money::{self, Round};
use super::super::object::Object;
use super::super::server::Market;
use super::errors::{self, NO_CHOICE, NO_NUMBER, REQUIRED, Unusable};
use super::form::Form;
use super::{Call, Ground};
use crate::http::HttpResponse;
use crate::step::{Outcome, Step, Submission};

/// The longest name that a client may give an order.
const LABEL_CHARS_MAX: usize = 180;
/// What the last trade is called where a stop order says what wakes it.
const LAST_TRADE: &str = "LAST_TRADED_PRICE";

/// By which of its three paths an order comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `/buy/{market}/`
    Limit,
    /// `/buy/market/{market}/`
    Market,
    /// `/buy/instant/{market}/`
    Instant,
}

/// Places an order.
pub fn place(call: Call, market: Arc<Market>, side: Side, style: Style) -> Step {
    let wanted = match Wanted::read(&call.form, &market.instrument, side, style) {
        Ok(wanted) => wanted,
        Err(refusal) => return Step::Reply(refusal),
    };
    if wanted.lives != Lives::Today {
        return submit(call, market, wanted, TODAY_UNKNOWN);
    }
    // Only the market knows which day it is.
    let then = move |answer: model::Answer| submit(call, market, wanted, answer.now);
    Step::Ask(Query::Now, Box::new(then))
}

/// For orders that do not ask which day it is.
const TODAY_UNKNOWN: Time = Time(0);

fn submit(call: Call, market: Arc<Market>, wanted: Wanted, now: Time) -> Step {
    let rules = &market.instrument;
    let action = match wanted.size {
        Size::Lots(quantity) => Action::Place(NewOrder {
            account: call.account,
            instrument: rules.id,
            side: wanted.side,
            kind: wanted.kind,
            quantity,
            time_in_force: wanted.lives.time_in_force(now),
            post_only: wanted.lives == Lives::MakerOrCancel,
            trigger: wanted.trigger,
        }),
        Size::Worth(units) => {
            let quote = call.ground.assets.settlement(rules.id).map(|it| it.quote);
            let asset = quote.and_then(|id| call.ground.assets.get(id));
            let worth = asset.and_then(|it| it.amount_of_units(units, rules.price_decimals));
            Action::PlaceWorth {
                account: call.account,
                instrument: rules.id,
                side: wanted.side,
                worth: worth.unwrap_or(Amount::ZERO),
            }
        }
    };
    let label: Option<Box<str>> = wanted.label.as_deref().map(Into::into);
    let reply = move |outcome| Step::Reply(placed(&call.ground, &market, &wanted, outcome));
    Step::Submit(Submission { action, label }, Box::new(reply))
}

/// `{"id":"1234123412341234","market":"BTC/USD","datetime":"2022-01-31 14:43:15.796000","type":"0",…}`
fn placed(ground: &Ground, market: &Market, wanted: &Wanted, outcome: Outcome) -> HttpResponse {
    let Outcome::Done { events, .. } = outcome else { return errors::not_placed().response() };
    let rules = &market.instrument;
    for event in &events {
        match &event.body {
            EventBody::Created(order) | EventBody::Armed(order) => {
                let price = shown_price(rules, order, &events);
                let body = Object::new()
                    .text("id", &order.id.0.to_string())
                    .text("market", &market.name)
                    .text("datetime", &money::datetime(event.time))
                    .text("type", type_of(order.side))
                    .text("price", &price)
                    .text("amount", &money::quantity(rules, order.original))
                    .some("client_order_id", wanted.label.as_deref());
                return HttpResponse::json(200, stop_fields(body, rules, order).end().into());
            }
            EventBody::Rejected(why) => {
                let side = wanted.side;
                return rejected(ground, rules, side, *why).response();
            }
            _ => {}
        }
    }
    errors::UNKNOWN.response()
}

/// What a stop order says of itself, besides what all orders do.
pub fn stop_fields(object: Object, rules: &Instrument, order: &OrderState) -> Object {
    let Some(trigger) = order.trigger else { return object };
    let stop = match (order.side, trigger.when) {
        (Side::Buy, TriggerWhen::AtOrAbove) | (Side::Sell, TriggerWhen::AtOrBelow) => "STOP_LOSS",
        _ => "TAKE_PROFIT",
    };
    let limit = if order.kind == OrderKind::Market { "" } else { "_LIMIT" };
    object
        .text("subtype", &[stop, limit].concat())
        .text("stop_price", &money::price(rules, trigger.price))
        .text("trigger", LAST_TRADE)
}

/// `0` buy, `1` sell.
pub const fn type_of(side: Side) -> &'static str {
    match side {
        Side::Buy => "0",
        Side::Sell => "1",
    }
}

/// The limit price; of a market order the best price that it met, which was the first (A36), or nothing.
fn shown_price(rules: &Instrument, order: &OrderState, events: &[Event]) -> String {
    let first = events.iter().find_map(|event| match &event.body {
        EventBody::Filled(fill) if fill.taker.id == order.id => Some(fill.price),
        _ => None,
    });
    money::price(rules, order.kind.limit().or(first).unwrap_or(Price(0)))
}

/// Why the engine refused an order, in the venue's words. Section 8.5.
pub fn rejected(ground: &Ground, rules: &Instrument, side: Side, why: Rejection) -> Unusable {
    match why {
        Rejection::BelowMinimum => {
            errors::all("400.020", format!("Minimum order size is {}.", minimum_order(rules)))
        }
        Rejection::OutsideBand => {
            let way = if side == Side::Buy { "above" } else { "below" };
            errors::all("400.021", format!("Price is more than 20% {way} market price."))
        }
        Rejection::InsufficientFunds { asset, needed, available } => {
            let Some(asset) = ground.assets.get(asset) else { return errors::not_placed() };
            let decimals = ground.currencies[asset.id.index()].decimals;
            let code = &asset.code;
            let available = money::amount(available, asset, decimals, Round::Down);
            const CHECK: &str = "Check your account balance for details.";
            let text = if *code == rules.quote {
                let needed = money::amount(needed, asset, decimals, Round::Up);
                format!(
                    "You need {needed} {code} to open that order. You have only {available} {code} available. {CHECK}"
                )
            } else {
                format!("You have only {available} {code} available. {CHECK}")
            };
            errors::all("400.009", text)
        }
        Rejection::AlreadyExpired => {
            errors::all("400.032", "'expire_time' must be set in future date.")
        }
        Rejection::BadPrice => price_too_high(rules, "price"),
        Rejection::BadQuantity | Rejection::BadAmount => amount_too_large(rules),
        Rejection::UnknownInstrument
        | Rejection::UnknownOrder(_)
        | Rejection::UnknownAsset
        | Rejection::NotTrading(_)
        | Rejection::BadCombination
        | Rejection::TooManyOrders => errors::not_placed(),
    }
}

fn amount_too_large(rules: &Instrument) -> Unusable {
    let units = QUANTITY_UNITS_MAX / rules.lot_units * rules.lot_units;
    let most = Decimal { units, decimals: rules.quantity_decimals };
    errors::field("amount", "400.038", format!("The maximum allowed amount is {most}."))
}

fn price_too_high(rules: &Instrument, name: &'static str) -> Unusable {
    let units = PRICE_UNITS_MAX / rules.tick_units * rules.tick_units;
    let most = Decimal { units, decimals: rules.price_decimals };
    let code = if name == "price" { "400.041" } else { "400.047" };
    errors::field(name, code, format!("The maximum allowed price is {most}."))
}

/// What a form asks for.
#[derive(Debug)]
struct Wanted {
    side: Side,
    kind: OrderKind,
    size: Size,
    lives: Lives,
    trigger: Option<Trigger>,
    label: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Size {
    Lots(Quantity),
    /// In the market's price decimals of the quote asset.
    Worth(i64),
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lives {
    Long,
    AtOnce,
    AllOrNothing,
    MakerOrCancel,
    Until(Time),
    /// Until the end of the day, UTC.
    Today,
}

impl Lives {
    const fn time_in_force(self, now: Time) -> TimeInForce {
        const DAY: i64 = 86_400;
        match self {
            Self::Long | Self::MakerOrCancel => TimeInForce::GoodTillCanceled,
            Self::AtOnce => TimeInForce::ImmediateOrCancel,
            Self::AllOrNothing => TimeInForce::FillOrKill,
            Self::Until(time) => TimeInForce::GoodTillDate(time),
            Self::Today => {
                let today = now.seconds().div_euclid(DAY);
                TimeInForce::GoodTillDate(Time::from_seconds((today + 1) * DAY))
            }
        }
    }

    /// At most one wish is taken.
    fn read(form: &Form) -> Result<Self, Unusable> {
        let mut lives = Self::Long;
        let mut wishes = 0;
        for (name, wish) in [
            ("daily_order", Self::Today),
            ("ioc_order", Self::AtOnce),
            ("fok_order", Self::AllOrNothing),
            ("moc_order", Self::MakerOrCancel),
            ("gtd_order", Self::Until(TODAY_UNKNOWN)),
        ] {
            if form.flag(name)? {
                lives = wish;
                wishes += 1;
            }
        }
        if form.text("limit_price").is_some() {
            let why = match wishes {
                0 => errors::field("limit_price", "400.001", "This field is not supported."),
                _ => errors::all(
                    "400.025",
                    "Both limit_price and any optional parameter cannot be set.",
                ),
            };
            return Err(why);
        }
        if wishes > 1 {
            return Err(errors::all("400.024", "Only one of optional parameters can be set."));
        }
        let until = form.integer("expire_time", "400.023")?;
        match (lives, until) {
            (Self::Until(_), None) => Err(errors::field("expire_time", "400.022", REQUIRED)),
            (Self::Until(_), Some(millis)) => {
                // What cannot be counted is as far away as can be.
                Ok(Self::Until(Time(millis.saturating_mul(1_000))))
            }
            (_, Some(_)) => Err(errors::all("400.033", "'expire_time' must be None.")),
            (lives, None) => Ok(lives),
        }
    }
}

impl Wanted {
    /// All numbers are looked at, so that all that is wrong with them is told at once; then the rest, field by
    /// field.
    fn read(
        form: &Form,
        rules: &Instrument,
        side: Side,
        style: Style,
    ) -> Result<Self, HttpResponse> {
        let in_counter = match style {
            Style::Instant if side == Side::Buy => true,
            Style::Instant => form.flag("amount_in_counter").map_err(|it| it.response())?,
            Style::Limit | Style::Market => false,
        };
        let size = if in_counter { worth(form, rules) } else { lots(form, rules) };
        let price = match style {
            Style::Limit => read_price(form, rules, "price").map(Some),
            Style::Market | Style::Instant => Ok(None),
        };
        let (size, price) = match (size, price) {
            (Ok(size), Ok(price)) => (size, price),
            (Err(one), Err(two)) => return Err(errors::both(one, two)),
            (Err(wrong), _) | (_, Err(wrong)) => return Err(wrong.response()),
        };
        let rest = || -> Result<Self, Unusable> {
            let lives = match style {
                Style::Limit => Lives::read(form)?,
                Style::Market | Style::Instant => Lives::AtOnce,
            };
            Ok(Self {
                side,
                kind: price.map_or(OrderKind::Market, OrderKind::Limit),
                size,
                lives,
                trigger: match style {
                    Style::Limit | Style::Market => trigger(form, rules, side, style, lives)?,
                    Style::Instant => None,
                },
                label: label(form, "client_order_id")?.map(str::to_owned),
            })
        };
        rest().map_err(|wrong| wrong.response())
    }
}

/// A client's name for an order.
pub fn label<'a>(form: &'a Form, name: &'static str) -> Result<Option<&'a str>, Unusable> {
    let Some(label) = form.text(name) else { return Ok(None) };
    let length = label.chars().count();
    if length > LABEL_CHARS_MAX {
        let why = format!(
            "Ensure this value has at most {LABEL_CHARS_MAX} characters (it has {length})."
        );
        return Err(errors::field(name, "400.008", why));
    }
    Ok(Some(label))
}

/// What wakes a stop order, if it is one.
fn trigger(
    form: &Form,
    rules: &Instrument,
    side: Side,
    style: Style,
    lives: Lives,
) -> Result<Option<Trigger>, Unusable> {
    let subtype = form.text("subtype").map(str::to_ascii_uppercase);
    let stops_a_loss = match (style, subtype.as_deref()) {
        (Style::Limit, Some("LIMIT")) | (_, Some("MARKET")) | (_, None) => {
            return match form.text("stop_price") {
                Some(_) => Err(errors::field("subtype", "400.049", REQUIRED)),
                None => Ok(None),
            };
        }
        (Style::Limit, Some("STOP_LOSS_LIMIT")) | (Style::Market, Some("STOP_LOSS")) => true,
        (Style::Limit, Some("TAKE_PROFIT_LIMIT")) | (Style::Market, Some("TAKE_PROFIT")) => false,
        _ => return Err(errors::field("subtype", "400.007", NO_CHOICE)),
    };
    if form.text("trigger").is_some_and(|word| !word.eq_ignore_ascii_case(LAST_TRADE)) {
        return Err(errors::field("trigger", "400.007", NO_CHOICE));
    }
    if !matches!(lives, Lives::Long | Lives::AtOnce | Lives::AllOrNothing) {
        return Err(errors::all(
            "400.058",
            "Only GTC, FOK and IOC time in force allowed for take profit and stop loss orders.",
        ));
    }
    let price = read_price(form, rules, "stop_price")?;
    let when = match (side, stops_a_loss) {
        (Side::Buy, true) | (Side::Sell, false) => TriggerWhen::AtOrAbove,
        (Side::Sell, true) | (Side::Buy, false) => TriggerWhen::AtOrBelow,
    };
    Ok(Some(Trigger { price, when }))
}

/// An amount of the base asset.
pub fn read_lots(form: &Form, rules: &Instrument) -> Result<Quantity, Unusable> {
    let units = read_number(form, "amount", rules.quantity_decimals)?
        .map_err(|_| amount_too_large(rules))?;
    let lots = rules.quantity_of_units(units).ok_or_else(|| {
        let step = Decimal { units: rules.lot_units, decimals: rules.quantity_decimals };
        errors::field("amount", "400.026", format!("The amount must be a multiple of {step}."))
    })?;
    // What is not above nothing is below every minimum.
    if lots.0 <= 0 {
        return Err(errors::all(
            "400.020",
            format!("Minimum order size is {}.", minimum_order(rules)),
        ));
    }
    Ok(lots)
}

fn lots(form: &Form, rules: &Instrument) -> Result<Size, Unusable> {
    read_lots(form, rules).map(Size::Lots)
}

/// An amount of the quote asset.
fn worth(form: &Form, rules: &Instrument) -> Result<Size, Unusable> {
    let units =
        read_number(form, "amount", rules.price_decimals)?.map_err(|_| amount_too_large(rules))?;
    if units <= 0 {
        return Err(errors::all(
            "400.020",
            format!("Minimum order size is {}.", minimum_order(rules)),
        ));
    }
    Ok(Size::Worth(units))
}

/// A price by this name.
pub fn read_price(form: &Form, rules: &Instrument, name: &'static str) -> Result<Price, Unusable> {
    let units =
        read_number(form, name, rules.price_decimals)?.map_err(|_| price_too_high(rules, name))?;
    let code = if name == "price" { "400.041" } else { "400.047" };
    if units <= 0 {
        let least = Decimal { units: rules.tick_units, decimals: rules.price_decimals };
        return Err(errors::field(name, code, format!("The minimum allowed price is {least}.")));
    }
    rules.price_of_units(units).ok_or_else(|| {
        let step = Decimal { units: rules.tick_units, decimals: rules.price_decimals };
        errors::field(name, code, format!("The price must be a multiple of {step}."))
    })
}

/// A number that has to be there, in `10^-decimals`; the inner error is a number too large to be counted.
fn read_number(form: &Form, name: &'static str, decimals: u8) -> Result<Result<i64, ()>, Unusable> {
    let (missing, malformed) = match name {
        "amount" => ("400.005", "400.026"),
        "price" => ("400.006", "400.041"),
        _ => ("400.004", "400.047"),
    };
    let text = form.needed(name, missing)?;
    match parse_units(text.as_bytes(), decimals) {
        Ok(units) => Ok(Ok(units)),
        Err(DecimalError::TooLarge) => Ok(Err(())),
        Err(DecimalError::NotANumber) => Err(errors::field(name, "400.007", NO_NUMBER)),
        Err(DecimalError::TooPrecise) => Err(errors::field(
            name,
            malformed,
            format!("Ensure that there are no more than {decimals} decimal places."),
        )),
    }
}
