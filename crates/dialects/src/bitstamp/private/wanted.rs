//! What the form of an order asks for: its size, price, life and trigger, each looked at before the engine is asked.
//! Sections 8.4 and 8.5.

use model::decimal::{DecimalError, parse_units};
use model::instrument::{PRICE_UNITS_MAX, QUANTITY_UNITS_MAX};
use model::{
    Decimal, Instrument, MarginMode, OrderKind, Price, Quantity, Side, Time, TimeInForce, Trail,
    Trigger, TriggerWhen,
};

use super::super::http::minimum_order;
use super::closing::read_leverage;
use super::errors::{self, NO_CHOICE, NO_NUMBER, NOT_SUPPORTED, REQUIRED, Unusable};
use super::form::Form;
use crate::http::HttpResponse;

/// The longest name that a client may give an order.
const LABEL_CHARS_MAX: usize = 180;
/// What the last trade is called where a stop order says what wakes it.
pub const LAST_TRADE: &str = "LAST_TRADED_PRICE";

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

/// For orders that do not ask which day it is.
pub const TODAY_UNKNOWN: Time = Time(0);

pub fn amount_too_large(rules: &Instrument) -> Unusable {
    let units = QUANTITY_UNITS_MAX / rules.lot_units * rules.lot_units;
    let most = Decimal { units, decimals: rules.quantity_decimals };
    errors::field("amount", "400.038", format!("The maximum allowed amount is {most}."))
}

pub fn price_too_high(rules: &Instrument, name: &'static str) -> Unusable {
    let units = PRICE_UNITS_MAX / rules.tick_units * rules.tick_units;
    let most = Decimal { units, decimals: rules.price_decimals };
    let code = if name == "price" { "400.041" } else { "400.047" };
    errors::field(name, code, format!("The maximum allowed price is {most}."))
}

/// What a form asks for.
#[derive(Debug)]
pub struct Wanted {
    pub side: Side,
    pub kind: OrderKind,
    pub size: Size,
    pub lives: Lives,
    pub trigger: Option<Trigger>,
    pub label: Option<String>,
    /// Of an order in a perpetual.
    pub of_perpetual: Option<OfPerpetual>,
}

/// What the form of an order in a perpetual asks for beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfPerpetual {
    pub mode: Option<MarginMode>,
    pub leverage: Option<u16>,
    pub reduces: bool,
}

impl OfPerpetual {
    fn read(form: &Form) -> Result<Self, Unusable> {
        let mode = match form.text("margin_mode").map(str::to_ascii_uppercase).as_deref() {
            None => None,
            Some("ISOLATED") => Some(MarginMode::Isolated),
            Some("CROSS") => Some(MarginMode::Cross),
            Some(_) => return Err(errors::mode_refused()),
        };
        let leverage = match form.text("leverage") {
            None => None,
            Some(text) => Some(read_leverage(text).ok_or_else(errors::leverage_refused)?),
        };
        Ok(Self { mode, leverage, reduces: form.flag("reduce_only")? })
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Size {
    Lots(Quantity),
    /// In the market's price decimals of the quote asset.
    Worth(i64),
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    Long,
    AtOnce,
    AllOrNothing,
    MakerOrCancel,
    Until(Time),
    /// Until the end of the day, UTC.
    Today,
}

impl Lives {
    pub const fn time_in_force(self, now: Time) -> TimeInForce {
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
                0 => errors::field("limit_price", "400.001", NOT_SUPPORTED),
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
    pub fn read(
        form: &Form,
        (rules, is_perpetual): (&Instrument, bool),
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
                of_perpetual: match is_perpetual {
                    true => Some(OfPerpetual::read(form)?),
                    false => None,
                },
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
    let trails = subtype.as_deref().and_then(|it| it.strip_prefix("TRAILING_"));
    let stops_a_loss = match (style, trails.or(subtype.as_deref())) {
        (Style::Limit, Some("LIMIT")) | (_, Some("MARKET")) | (_, None) if trails.is_none() => {
            return match form.text("stop_price") {
                Some(_) => Err(errors::field("subtype", "400.049", REQUIRED)),
                None => Ok(None),
            };
        }
        (Style::Limit, Some("STOP_LOSS_LIMIT")) | (Style::Market, Some("STOP_LOSS")) => true,
        // What would trail a profit that is still to be made is published nowhere.
        (Style::Limit, Some("TAKE_PROFIT_LIMIT")) | (Style::Market, Some("TAKE_PROFIT"))
            if trails.is_none() =>
        {
            false
        }
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
    let when = match (side, stops_a_loss) {
        (Side::Buy, true) | (Side::Sell, false) => TriggerWhen::AtOrAbove,
        (Side::Sell, true) | (Side::Buy, false) => TriggerWhen::AtOrBelow,
    };
    if trails.is_some() {
        return read_trail(form).map(|trail| Some(Trigger::trailing(when, trail)));
    }
    Ok(Some(Trigger::at(read_price(form, rules, "stop_price")?, when)))
}

/// How far a trailing stop follows. From where, the market says.
fn read_trail(form: &Form) -> Result<Trail, Unusable> {
    for name in ["activation_price", "stop_price"] {
        if form.text(name).is_some() {
            return Err(errors::field(name, "400.001", NOT_SUPPORTED));
        }
    }
    form.needed("trailing_delta", "400.004")?;
    let points = form.integer("trailing_delta", "400.007")?;
    let trail = points.and_then(|points| u16::try_from(points).ok()).and_then(Trail::new);
    trail.ok_or_else(|| {
        let most = Trail::BASIS_POINTS_MAX;
        let why = format!("Ensure this value is between 1 and {most}.");
        errors::field("trailing_delta", "400.007", why)
    })
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
        Err(DecimalError::TooPrecise) => Err(errors::too_precise(name, malformed, decimals)),
    }
}
