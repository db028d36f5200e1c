//! One's positions, as the native API of the venue told them last, and why that may not be how it is now. It reads no
//! clock and does no I/O; who asks is [`super::asked`].

use std::collections::BTreeMap;
use std::time::Instant;

use model::Time;
use model::decimal::DECIMALS_MAX;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// The most digits of a number that is taken.
const DIGITS_MAX: usize = 30;
/// The longest name that is taken, in bytes.
const NAME_BYTES_MAX: usize = 48;
/// The longest refusal that is shown, in letters.
const WORDS_MAX: usize = 240;

/// Of each perpetual of a venue, by its name, the asset in which its positions are counted.
pub type Assets = BTreeMap<String, String>;

/// What is known of one's positions.
#[derive(Debug, Default)]
pub struct Positions {
    /// What was told last, and when that came.
    pub told: Option<(Page, Instant)>,
    /// Why it is not known how it is now.
    pub doubt: Option<Doubt>,
}

/// Why what was told last may not be so any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Why.
    pub why: String,
    /// When it is asked for again.
    pub again: Instant,
}

/// All open positions of an account at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Market time at which it was so.
    pub time: Time,
    /// Those that were opened last come first.
    pub positions: Vec<Position>,
}

/// An open position. Amounts are in `margin_asset`; what the venue does not tell is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// In which perpetual, by the native API's name.
    pub instrument: String,
    /// On which side.
    pub side: Side,
    /// How much.
    pub size: Exact,
    /// The average price at which it was opened.
    pub entry_price: Option<Exact>,
    /// The mark by which the rest is computed.
    pub mark_price: Option<Exact>,
    /// What it is worth at the mark.
    pub value: Option<Exact>,
    /// Profit at the mark, or loss if negative.
    pub unrealized_profit: Option<Exact>,
    /// The mark at which it would begin to be liquidated.
    pub liquidation_price: Option<Exact>,
    /// What answers for it.
    pub mode: Mode,
    /// Times the margin.
    pub leverage: u16,
    /// How much answers for it, or for all cross positions of the asset together.
    pub equity: Option<Exact>,
    /// What it takes to open it at the mark.
    pub initial_margin: Option<Exact>,
    /// What it takes to keep it at the mark.
    pub maintenance_margin: Option<Exact>,
    /// Whether it is being liquidated.
    pub in_liquidation: bool,
    /// The asset of its amounts, which is no part of what is told of it.
    #[serde(skip_deserializing)]
    pub margin_asset: String,
}

/// On which side a position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It gains when the price rises.
    Long,
    /// It gains when the price falls.
    Short,
}

/// What answers for a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All that the account has of the asset.
    Cross,
    /// What was set aside for it.
    Isolated,
}

/// A plain decimal number, kept as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Exact(String);

impl TryFrom<String> for Exact {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        let fits = whole.len() + fraction.len() <= DIGITS_MAX
            && fraction.len() <= usize::from(DECIMALS_MAX);
        if fits && are_digits(whole) && are_digits(fraction) {
            Ok(Self(text))
        } else {
            Err(format!("{text:.40?} is no plain decimal number"))
        }
    }
}

impl Exact {
    /// As it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Counted in the finest decimal that is taken; `None` if that is too much.
    fn units(&self) -> Option<i128> {
        let fraction = self.0.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let units: i128 = self.0.replace('.', "").parse().ok()?;
        let finer = usize::from(DECIMALS_MAX).checked_sub(fraction)?;
        units.checked_mul(10_i128.pow(u32::try_from(finer).ok()?))
    }
}

impl Page {
    /// The margin ratio of a position in thousandths, rounded up: what it takes to keep it as a share of what answers for it,
    /// of cross positions all of one asset together. Above 1,000 it is liquidated. `None` if it is not told.
    #[must_use]
    pub fn margin_ratio(&self, of: &Position) -> Option<i128> {
        let units = |it: &Option<Exact>| it.as_ref().and_then(Exact::units);
        let is_with_it = |it: &&Position| match of.mode {
            Mode::Isolated => std::ptr::eq(*it, of),
            Mode::Cross => it.mode == Mode::Cross && it.margin_asset == of.margin_asset,
        };
        let mut maintenance: i128 = 0;
        for it in self.positions.iter().filter(is_with_it) {
            maintenance = maintenance.checked_add(units(&it.maintenance_margin)?)?;
        }
        let equity = units(&of.equity)?;
        if equity <= 0 {
            return Some(i128::MAX);
        }
        Some(maintenance.checked_mul(1_000)?.checked_add(equity - 1)? / equity)
    }
}

/// The perpetuals in what `GET /rialto/v1/instruments` answered.
///
/// # Errors
/// Why it is not what a venue of ours answers.
pub fn assets(status: u16, body: &[u8]) -> Result<Assets, String> {
    #[derive(Deserialize)]
    struct Told {
        instruments: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        instrument: String,
        perpetual: Option<Terms>,
    }
    #[derive(Deserialize)]
    struct Terms {
        margin_asset: String,
    }
    let is_name =
        |it: &str| it.len() <= NAME_BYTES_MAX && it.bytes().all(|it| it.is_ascii_graphic());
    let told = match status {
        200 => serde_json::from_slice::<Told>(body).ok(),
        _ => None,
    };
    let told = told.ok_or_else(|| {
        format!("no venue of ours answers (status {status}), and only such a one is shown the key")
    })?;
    let perpetual = |row: Row| Some((row.instrument, row.perpetual?.margin_asset));
    let assets: Assets = told.instruments.into_iter().filter_map(perpetual).collect();
    match assets.iter().all(|(name, asset)| is_name(name) && is_name(asset)) {
        true => Ok(assets),
        false => Err("its instruments have names that are none".to_owned()),
    }
}

/// Whether what the venue tells is how it is now, in what `GET /rialto/v1/status` answered.
///
/// # Errors
/// Why not.
pub fn ready(status: u16, body: &[u8]) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Told {
        ready: bool,
    }
    match answered::<Told>(status, body)?.ready {
        true => Ok(()),
        false => Err("the venue is not ready: what it tells may be old".to_owned()),
    }
}

/// The positions in what `GET /rialto/v1/positions` answered.
///
/// # Errors
/// Why there are none to be had: what the venue said instead.
pub fn page(status: u16, body: &[u8], assets: &Assets) -> Result<Page, String> {
    #[derive(Deserialize)]
    struct Told {
        time: String,
        positions: Vec<Position>,
    }
    let Told { time, mut positions } = answered(status, body)?;
    let time: jiff::Timestamp =
        time.parse().map_err(|_| "what it tells has a time that is none".to_owned())?;
    for it in &mut positions {
        let asset = assets.get(&it.instrument);
        let asset = asset.ok_or("it tells of a position in what is no perpetual of its")?;
        it.margin_asset.clone_from(asset);
    }
    Ok(Page { time: Time(time.as_microsecond()), positions })
}

/// What a page says, or the venue's own words for why it says nothing.
fn answered<'a, T: Deserialize<'a>>(status: u16, body: &'a [u8]) -> Result<T, String> {
    // What is told of an answer may have some of it in it.
    let told = |why: String| why.chars().filter(|it| !it.is_control()).take(WORDS_MAX).collect();
    if status == 200 {
        let read = serde_json::from_slice(body);
        return read.map_err(|error| told(format!("it cannot be read: {error}")));
    }
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = |name: &str| problem[name].as_str();
    let why = match (said("title"), said("detail"), said("remedy")) {
        (Some(title), Some(detail), Some(remedy)) => format!("{title}: {detail}; {remedy}"),
        _ => format!("it answers with status {status}"),
    };
    Err(told(why))
}
