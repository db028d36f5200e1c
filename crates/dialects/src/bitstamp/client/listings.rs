//! The directory of a Bitstamp venue, read from its `trading-pairs-info`.

use model::{Decimal, Instrument, InstrumentId, Listing, Minimum};
use serde::Deserialize;

use super::super::NAME;
use super::{MARKETS_MAX, market_of};
use crate::connector::Misheard;

/// Where the directory is fetched.
const DIRECTORY: &str = "/api/v2/trading-pairs-info";
/// The most decimals that are believed of a price or an amount; the venue itself has eight.
const DECIMALS_MAX: u8 = 12;
/// The largest minimum that is believed, in its own decimals.
const MINIMUM_UNITS_MAX: i64 = 10_000_000_000_000;

/// One row of `GET /api/v2/trading-pairs-info/` (protocol section 8.2.2): `{"name":"BTC/USD","url_symbol":"btcusd",
/// "base_decimals":8,"counter_decimals":2,"minimum_order":"20.0 USD","trading":"Enabled","description":"Bitcoin / U.S. dollar"}`.
#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    url_symbol: String,
    base_decimals: u8,
    counter_decimals: u8,
    minimum_order: String,
    description: String,
}

/// The symbols in the venue's directory, in its order.
///
/// # Errors
/// [`Misheard`] if it makes no sense.
pub fn symbols(trading_pairs_info: &[u8]) -> Result<Vec<String>, Misheard> {
    Ok(rows(trading_pairs_info)?.into_iter().map(|row| row.url_symbol).collect())
}

fn rows(trading_pairs_info: &[u8]) -> Result<Vec<Row>, Misheard> {
    serde_json::from_slice(trading_pairs_info)
        .map_err(|error| Misheard::new(format_args!("its directory is no directory: {error}")))
}

/// Reads the venue's directory and lists those of its markets whose symbol is in `only`, in the venue's order.
///
/// # Errors
/// [`Misheard`] if it makes no sense, or a symbol is missing in it.
pub fn listings(trading_pairs_info: &[u8], only: &[&str]) -> Result<Vec<Listing>, Misheard> {
    let rows = rows(trading_pairs_info)?;
    let mut listings: Vec<Listing> = Vec::new();
    for row in rows.iter().filter(|row| only.contains(&row.url_symbol.as_str())) {
        let id = InstrumentId(listings.len() as u16);
        if id == InstrumentId::NONE || listings.iter().any(|it| it.symbols[0].1 == row.url_symbol) {
            return Err(Misheard::new(format_args!(
                "its directory lists too many markets, or {} twice",
                row.url_symbol
            )));
        }
        let listing = listing(id, row).map_err(|why| {
            Misheard::new(format_args!("in its directory: {}: {why}", row.url_symbol))
        })?;
        listings.push(listing);
    }
    for symbol in only {
        if !rows.iter().any(|row| row.url_symbol == *symbol) {
            return Err(Misheard::new(format_args!("its directory does not list {symbol}")));
        }
    }
    Ok(listings)
}

/// The listings of a recorded session, given the path and body of everything that was fetched in it: those
/// markets whose books were fetched.
///
/// # Errors
/// [`Misheard`] if the venue's directory was not fetched or makes no sense.
pub fn recorded<'a>(
    fetched: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Listing>, Misheard> {
    let (mut directory, mut symbols) = (None, Vec::new());
    for (path, body) in fetched {
        if path.trim_end_matches('/') == DIRECTORY {
            directory = Some(body);
        }
        symbols.extend(market_of(path).filter(|symbol| !symbols.contains(symbol)));
    }
    match directory {
        Some(_) if symbols.len() > MARKETS_MAX => Err(Misheard::new(format_args!(
            "{} books were fetched, and one connection carries {MARKETS_MAX}",
            symbols.len()
        ))),
        Some(directory) => listings(directory.as_bytes(), &symbols),
        None => Err(Misheard::new(format_args!("its directory, {DIRECTORY}, was not fetched"))),
    }
}

fn listing(id: InstrumentId, row: &Row) -> Result<Listing, String> {
    let (base, quote) = one_cut(&row.name, "/").ok_or("its name is not BASE/QUOTE")?;
    one_cut(&row.description, " / ").ok_or("its description is not \"BASE / QUOTE\"")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if row.url_symbol.is_empty() || !row.url_symbol.bytes().all(plain) {
        return Err("its symbol is not lower case".to_owned());
    }
    if row.base_decimals.max(row.counter_decimals) > DECIMALS_MAX {
        return Err(format!("it has more than {DECIMALS_MAX} decimals"));
    }
    let mut instrument = Instrument {
        id,
        base: base.to_owned(),
        quote: quote.to_owned(),
        price_decimals: row.counter_decimals,
        tick_units: 1,
        quantity_decimals: row.base_decimals,
        lot_units: 1,
        minimum: Minimum::Notional(0),
    };
    if instrument.value_decimals() > model::decimal::DECIMALS_MAX {
        return Err("price times amount has too many decimals".to_owned());
    }
    instrument.minimum = minimum(&instrument, &row.minimum_order)
        .ok_or_else(|| format!("its minimum {:?} is not AMOUNT {quote}", row.minimum_order))?;
    Ok(Listing {
        instrument,
        description: row.description.clone(),
        symbols: vec![(NAME.to_owned(), row.url_symbol.clone())],
    })
}

/// `20.0 USD` as the smallest value of an order.
fn minimum(instrument: &Instrument, text: &str) -> Option<Minimum> {
    let (amount, currency) = text.split_once(' ')?;
    let amount = Decimal::parse(amount).ok()?;
    let finest = instrument.price_decimals + instrument.quantity_decimals;
    let sensible = currency == instrument.quote
        && amount.decimals <= finest
        && (0..=MINIMUM_UNITS_MAX).contains(&amount.units);
    sensible.then(|| Minimum::Notional(instrument.notional_of_units(amount.units, amount.decimals)))
}

/// Both parts of a text that has the separator exactly once.
fn one_cut<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let (before, after) = text.split_once(separator)?;
    (!before.is_empty() && !after.is_empty() && !after.contains(separator))
        .then_some((before, after))
}
