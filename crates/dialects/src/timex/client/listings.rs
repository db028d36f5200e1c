//! The directory of a TimeX venue, read from `GET /public/markets`.

use std::borrow::Cow;

use model::Listing;
use serde::Deserialize;

use super::super::NAME;
use crate::connector::Misheard;
use crate::published::{Stepped, listed};

/// Section B8.8: `{"symbol":"EOSUSDT","name":"EOS/USDT","baseCurrency":"EOS","quoteCurrency":"USDT",
/// "quantityIncrement":"0.01","tickSize":"0.0001","baseMinSize":"1","quoteMinSize":"10",…}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    base_currency: Cow<'a, str>,
    #[serde(borrow)]
    quote_currency: Cow<'a, str>,
    #[serde(borrow)]
    quantity_increment: Cow<'a, str>,
    #[serde(borrow)]
    tick_size: Cow<'a, str>,
    #[serde(borrow, default)]
    quote_min_size: Cow<'a, str>,
}

/// The symbols in the venue's directory, in its order.
///
/// # Errors
/// [`Misheard`] if it makes no sense.
pub fn symbols(directory: &[u8]) -> Result<Vec<String>, Misheard> {
    Ok(rows(directory)?.into_iter().map(|row| row.symbol.into_owned()).collect())
}

fn rows(directory: &[u8]) -> Result<Vec<Row<'_>>, Misheard> {
    serde_json::from_slice(directory)
        .map_err(|error| Misheard::new(format_args!("its directory is no directory: {error}")))
}

/// Reads the venue's directory and lists those of its markets whose symbol is in `only`, in the venue's order.
///
/// # Errors
/// [`Misheard`] if it makes no sense, or a symbol is missing in it.
pub fn listings(directory: &[u8], only: &[&str]) -> Result<Vec<Listing>, Misheard> {
    let rows = rows(directory)?;
    let stepped = rows.iter().map(|row| Stepped {
        symbol: (NAME, &row.symbol),
        base: &row.base_currency,
        quote: &row.quote_currency,
        tick: &row.tick_size,
        lot: &row.quantity_increment,
        value_min: &row.quote_min_size,
    });
    listed(stepped, only).map_err(|why| Misheard::new(format_args!("{why}")))
}
