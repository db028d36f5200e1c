//! The directory of an xRocket venue, read from `GET /api/v1/symbols`.

use std::borrow::Cow;

use model::Listing;
use serde::Deserialize;

use super::super::NAME;
use crate::connector::Misheard;
use crate::published::{Stepped, listed};

/// Section A8: `{"symbols":[{"symbol":"BTC-USDT","baseAsset":"BTC","quoteAsset":"USDT","baseMinSize":"0.00000001",
/// "quoteMinSize":"10","baseIncrement":"0.00000001","priceIncrement":"0.01",…}]}`.
#[derive(Debug, Deserialize)]
struct Directory<'a> {
    #[serde(borrow)]
    symbols: Vec<Row<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    base_asset: Cow<'a, str>,
    #[serde(borrow)]
    quote_asset: Cow<'a, str>,
    #[serde(borrow, default)]
    quote_min_size: Cow<'a, str>,
    #[serde(borrow)]
    base_increment: Cow<'a, str>,
    #[serde(borrow)]
    price_increment: Cow<'a, str>,
}

/// The symbols in the venue's directory, in its order.
///
/// # Errors
/// [`Misheard`] if it makes no sense.
pub fn symbols(directory: &[u8]) -> Result<Vec<String>, Misheard> {
    Ok(rows(directory)?.into_iter().map(|row| row.symbol.into_owned()).collect())
}

fn rows(directory: &[u8]) -> Result<Vec<Row<'_>>, Misheard> {
    let directory: Result<Directory<'_>, _> = serde_json::from_slice(directory);
    let misheard = |error| Misheard::new(format_args!("its directory is no directory: {error}"));
    Ok(directory.map_err(misheard)?.symbols)
}

/// Reads the venue's directory and lists those of its symbols that are in `only`, in the venue's order.
///
/// # Errors
/// [`Misheard`] if it makes no sense, or a symbol is missing in it.
pub fn listings(directory: &[u8], only: &[&str]) -> Result<Vec<Listing>, Misheard> {
    let rows = rows(directory)?;
    let stepped = rows.iter().map(|row| Stepped {
        symbol: (NAME, &row.symbol),
        base: &row.base_asset,
        quote: &row.quote_asset,
        tick: &row.price_increment,
        lot: &row.base_increment,
        value_min: &row.quote_min_size,
    });
    listed(stepped, only).map_err(|why| Misheard::new(format_args!("{why}")))
}
