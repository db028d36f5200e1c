//! The head of a segment: what is recorded in it, so that it can be understood by itself.
//!
//! ```text
//!  0  8 bytes  "RIALTREC"
//!  8  u16      the layout: 1
//! 10  u16      0
//! 12  u32      bytes of the text that follows
//! 16  text     JSON, as below
//!     u32      CRC32C of all before
//! ```

use std::collections::BTreeMap;

use model::decimal::DECIMALS_MAX;
use model::{Instrument, InstrumentId, Listing, Minimum, Quantity, Time};
use serde::{Deserialize, Serialize};

use super::{LAYOUT, Trouble};

const MAGIC: [u8; 8] = *b"RIALTREC";
/// The longest text that is believed.
const TEXT_BYTES_MAX: usize = 8 << 20;
/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which dialect is spoken.
    pub dialect: String,
    /// Where it is spoken, without secrets.
    pub url: String,
    /// What wrote it.
    pub software: String,
    /// When this segment was begun.
    pub begun: Time,
    /// The sequence of its first entry.
    pub first: u64,
    /// Whether a recorder begins here, rather than going on with its last segment.
    pub begins: bool,
    /// The instruments, with their symbols.
    pub listings: Vec<Listing>,
}

/// As it is written.
#[derive(Debug, Deserialize, Serialize)]
struct Text {
    dialect: String,
    url: String,
    software: String,
    begun_us: i64,
    first: u64,
    begins: bool,
    instruments: Vec<Row>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Row {
    base: String,
    quote: String,
    description: String,
    price_decimals: u8,
    tick_units: i64,
    quantity_decimals: u8,
    lot_units: i64,
    /// The smallest value of an order, in `10^-(price_decimals + quantity_decimals)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_value: Option<String>,
    /// The smallest quantity of an order, in lots.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_lots: Option<i64>,
    symbols: BTreeMap<String, String>,
}

impl Head {
    /// Whether both are of one venue, so that one may go on where the other ended.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        self.dialect == other.dialect && self.url == other.url && self.listings == other.listings
    }

    /// The head as it is written.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        let text = Text {
            dialect: self.dialect.clone(),
            url: self.url.clone(),
            software: self.software.clone(),
            begun_us: self.begun.0,
            first: self.first,
            begins: self.begins,
            instruments: self.listings.iter().map(row).collect(),
        };
        let text = serde_json::to_vec(&text).expect("texts and numbers are always JSON");
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&LAYOUT.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&text);
        let sum = crc32c::crc32c(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads the head of a segment, and says how long it is. `None` if the bytes end before it does.
    ///
    /// # Errors
    /// [`Trouble`] if it is none, or not ours to read.
    pub fn read(segment: &str, bytes: &[u8]) -> Result<Option<(Self, usize)>, Trouble> {
        let damaged = |offset, what: String| {
            Err(Trouble::Damaged { segment: segment.to_owned(), offset, what })
        };
        if bytes.len() < MAGIC.len() || !bytes.starts_with(&MAGIC) {
            return match MAGIC.starts_with(bytes) {
                true => Ok(None),
                false => damaged(0, "it does not begin as a segment does".to_owned()),
            };
        }
        let Some(fixed) = bytes.first_chunk::<16>() else { return Ok(None) };
        let layout = u16::from_le_bytes([fixed[8], fixed[9]]);
        if layout != LAYOUT {
            return Err(Trouble::Layout { segment: segment.to_owned(), layout });
        }
        let length = u32::from_le_bytes(fixed[12..16].try_into().expect("four bytes")) as usize;
        if length > TEXT_BYTES_MAX {
            return damaged(12, "its head is longer than any".to_owned());
        }
        let Some(sum) = bytes.get(16 + length..20 + length) else { return Ok(None) };
        if crc32c::crc32c(&bytes[..16 + length]).to_le_bytes() != sum {
            return damaged(16 + length, "the checksum of its head is another one".to_owned());
        }
        let text: Text = match serde_json::from_slice(&bytes[16..16 + length]) {
            Ok(text) => text,
            Err(error) => return damaged(16, format!("its head makes no sense: {error}")),
        };
        let mut listings = Vec::new();
        for row in &text.instruments {
            let id = u16::try_from(listings.len()).ok().map(InstrumentId);
            match id.filter(|id| *id != InstrumentId::NONE).and_then(|id| listing(id, row)) {
                Some(listing) => listings.push(listing),
                None => {
                    let what = format!("its instrument {}/{} makes no sense", row.base, row.quote);
                    return damaged(16, what);
                }
            }
        }
        let head = Self {
            dialect: text.dialect,
            url: text.url,
            software: text.software,
            begun: Time(text.begun_us),
            first: text.first,
            begins: text.begins,
            listings,
        };
        Ok(Some((head, 20 + length)))
    }
}

fn row(listing: &Listing) -> Row {
    let it = &listing.instrument;
    let (minimum_value, minimum_lots) = match it.minimum {
        Minimum::Notional(value) => (Some(value.to_string()), None),
        Minimum::Quantity(Quantity(lots)) => (None, Some(lots)),
    };
    Row {
        base: it.base.clone(),
        quote: it.quote.clone(),
        description: listing.description.clone(),
        price_decimals: it.price_decimals,
        tick_units: it.tick_units,
        quantity_decimals: it.quantity_decimals,
        lot_units: it.lot_units,
        minimum_value,
        minimum_lots,
        symbols: listing.symbols.iter().cloned().collect(),
    }
}

fn listing(id: InstrumentId, row: &Row) -> Option<Listing> {
    let steps = row.tick_units > 0 && row.lot_units > 0;
    let minimum = match (&row.minimum_value, row.minimum_lots) {
        (Some(value), None) => Minimum::Notional(value.parse().ok()?),
        (None, Some(lots)) => Minimum::Quantity(Quantity(lots)),
        _ => return None,
    };
    let instrument = Instrument {
        id,
        base: row.base.clone(),
        quote: row.quote.clone(),
        price_decimals: row.price_decimals,
        tick_units: row.tick_units,
        quantity_decimals: row.quantity_decimals,
        lot_units: row.lot_units,
        minimum,
    };
    (steps && instrument.value_decimals() <= DECIMALS_MAX).then(|| Listing {
        instrument,
        description: row.description.clone(),
        symbols: row.symbols.iter().map(|(name, symbol)| (name.clone(), symbol.clone())).collect(),
    })
}
