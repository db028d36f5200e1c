//! What is published of a venue besides its words, for whoever calls it: where it is, how it wants to be kept awake, where
//! its directory is, and what its connector makes of what it says.

use std::time::Duration;

use model::decimal::DECIMALS_MAX;
use model::{Decimal, Instrument, InstrumentId, Listing, Minimum, Quantity};

/// What is published of a venue.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Its socket; `None` if it is not published where it is.
    pub socket: Option<&'static str>,
    /// Its HTTP half, without a path; `None` if it has none.
    pub http: Option<&'static str>,
    /// Where its instruments are listed in the HTTP half.
    pub directory: Option<&'static str>,
    /// What it wants to hear now and then.
    pub beat: Option<Beat>,
    /// Where it wants a key.
    pub key: KeyPlace,
    /// What its connector tells.
    pub tells: Tells,
}

/// What a venue wants to hear now and then.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// How often.
    pub every: Duration,
    /// This text; `None` is a ping of the socket's.
    pub say: Option<&'static [u8]>,
}

/// Where a venue wants a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// What everybody may see needs none.
    Nowhere,
    /// In the first message.
    Said,
    /// In the URL, as the parameter of this name.
    Query(&'static str),
}

/// What a connector tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// Books by level, and trades.
    BooksAndTrades,
    /// Trades alone.
    Trades,
    /// Bars: no event comes of them.
    Bars,
}

/// A row of a venue's directory that names the steps of price and quantity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stepped<'a> {
    /// The dialect, and the symbol there.
    pub symbol: (&'static str, &'a str),
    pub base: &'a str,
    pub quote: &'a str,
    pub tick: &'a str,
    pub lot: &'a str,
    /// The smallest value of an order.
    pub value_min: &'a str,
}

impl Stepped<'_> {
    /// The listing with this number.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn listing(&self, id: InstrumentId) -> Result<Listing, String> {
        let Self { symbol: (dialect, symbol), base, quote, .. } = *self;
        let code = |text: &str| {
            (1..=24).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !code(base) || !code(quote) || !code(symbol) {
            return Err("its names are no names".to_owned());
        }
        let step = |text: &str, what: &str| match Decimal::parse(text) {
            Ok(step @ Decimal { units: 1.., .. }) => Ok(step),
            Ok(_) => Err(format!("its {what} {text} is not above 0")),
            Err(error) => Err(format!("its {what} {text:?} is {error}")),
        };
        let (tick, lot) = (step(self.tick, "tick")?, step(self.lot, "lot")?);
        if tick.decimals + lot.decimals > DECIMALS_MAX {
            return Err("price times quantity has too many decimals".to_owned());
        }
        let mut instrument = Instrument {
            id,
            base: base.to_owned(),
            quote: quote.to_owned(),
            price_decimals: tick.decimals,
            tick_units: tick.units,
            quantity_decimals: lot.decimals,
            lot_units: lot.units,
            minimum: Minimum::Quantity(Quantity(1)),
        };
        // What cannot be counted is no minimum that matters to whoever only listens.
        if let Ok(value @ Decimal { units: 1.., .. }) = Decimal::parse(self.value_min)
            && value.decimals <= tick.decimals + lot.decimals
        {
            instrument.minimum =
                Minimum::Notional(instrument.notional_of_units(value.units, value.decimals));
        }
        Ok(Listing {
            instrument,
            description: format!("{base} / {quote}"),
            symbols: vec![(dialect.to_owned(), symbol.to_owned())],
        })
    }
}

/// The listings of those rows whose symbols are named, in the order of the rows.
///
/// # Errors
/// A symbol that no row has, or has twice; what is wrong with a row.
pub(crate) fn listed<'a>(
    rows: impl Iterator<Item = Stepped<'a>> + Clone,
    only: &[&str],
) -> Result<Vec<Listing>, String> {
    for symbol in only {
        match rows.clone().filter(|row| row.symbol.1 == *symbol).count() {
            1 => {}
            0 => return Err(format!("its directory does not list {symbol}")),
            _ => return Err(format!("its directory lists {symbol} twice")),
        }
    }
    let wanted = rows.filter(|row| only.contains(&row.symbol.1));
    let listing = |(at, row): (usize, Stepped<'_>)| {
        let id = u16::try_from(at).ok().map(InstrumentId).filter(|id| *id != InstrumentId::NONE);
        let id = id.ok_or("its directory lists too many")?;
        row.listing(id).map_err(|why| format!("in its directory: {}: {why}", row.symbol.1))
    };
    wanted.enumerate().map(listing).collect()
}
