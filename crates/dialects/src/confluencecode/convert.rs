//! Between our words and the venue's: which exchange and market a listing is, which streams a filter means, and the
//! id of a trade. Sections A3-5, A5 and A5.4.

use std::borrow::Cow;

use model::{Instrument, InstrumentId, Listing, TradeId};
use sha1_smol::Sha1;

use super::channel::EventType;
use super::{ListingError, NAME};
use crate::json::quoted;

/// The exchange that a symbol without a number means: our own market.
const OURS: u32 = 2;

/// How long a market's name may be.
const MARKET_BYTES_MAX: usize = 64;

/// The namespace of the ids of what we tell, `da927d55-d424-46c1-a7d6-e674b4a1891a`: drawn once, for this dialect alone.
/// An id is the UUID of version 5 (RFC 9562, section 5.5) in it of `trade:EXCHANGE:MARKET:TRADE`.
pub const NAMESPACE: [u8; 16] = 0xda92_7d55_d424_46c1_a7d6_e674_b4a1_891a_u128.to_be_bytes();

/// Where an instrument is traded, as the venue says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The exchange's number.
    pub exchange: u32,
    /// Its own name of the market.
    pub market: Box<str>,
    /// Whether the market is one of derivatives.
    pub is_derivative: bool,
}

impl Place {
    /// That of a listing's symbol: `BTC-USDT` is on exchange 2, `7:BTCUSDT` on exchange 7, and `7d:BTCUSDT` is a
    /// derivative there.
    #[must_use]
    pub fn parse(symbol: &str) -> Option<Self> {
        let (exchange, market) = symbol.split_once(':').unwrap_or(("", symbol));
        let is_market = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if !(1..=MARKET_BYTES_MAX).contains(&market.len()) || !market.bytes().all(is_market) {
            return None;
        }
        let number = exchange.strip_suffix('d').unwrap_or(exchange);
        let is_derivative = number.len() < exchange.len();
        let exchange = match number {
            "" if symbol.len() == market.len() => OURS,
            _ if number.starts_with('0') || !number.bytes().all(|it| it.is_ascii_digit()) => {
                return None;
            }
            number => number.parse().ok()?,
        };
        Some(Self { exchange, market: market.into(), is_derivative })
    }
}

/// A market with its rules.
pub struct Market {
    /// The rules.
    pub instrument: Instrument,
    /// Where it is traded.
    pub place: Place,
    /// What stands in each trade between its id and its time.
    pub head: Box<[u8]>,
    /// What stands between its time and its price.
    pub tail: &'static [u8],
    /// The digest of its trades' ids, up to the number.
    ids: Sha1,
}

impl Market {
    fn new(listing: &Listing, place: Place) -> Self {
        let instrument = listing.instrument.clone();
        let Place { exchange, market, is_derivative } = &place;
        let (base, quote, kind) = (&instrument.base, &instrument.quote, EventType::Trade.name());
        let head = format!(
            r#"","k":"{kind}","e":{exchange},"m":"{market}","b":{},"c":{},"t":"#,
            quoted(base),
            quoted(quote),
        );
        let tail: &[u8] =
            if *is_derivative { br#","d":true,"p":""# } else { br#","d":false,"p":""# };
        let mut ids = Sha1::from(NAMESPACE);
        ids.update(format!("{kind}:{exchange}:{market}:").as_bytes());
        Self { head: head.into_bytes().into(), tail, ids, instrument, place }
    }

    /// The name of one of its streams.
    pub fn stream(&self, kind: EventType) -> Box<str> {
        kind.stream(self.place.exchange, &self.place.market)
    }

    /// The id of a trade, in its 36 letters.
    pub fn trade_id(&self, trade: TradeId) -> [u8; 36] {
        let mut digest = self.ids.clone();
        digest.update(itoa::Buffer::new().format(trade.0).as_bytes());
        spelled(&digest.digest().bytes())
    }
}

/// A UUID of version 5 from the digest of its namespace and name.
fn spelled(digest: &[u8; 20]) -> [u8; 36] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bytes: [u8; 16] = *digest.first_chunk().expect("twenty are more than sixteen");
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (place, byte) in bytes.into_iter().enumerate() {
        at += usize::from(matches!(place, 4 | 6 | 8 | 10));
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 15)];
        at += 2;
    }
    text
}

/// What a client asks for: all that is named must match, and a pair or a market's name always is. Section A3.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter<'a> {
    /// `eventType`
    pub kind: EventType,
    /// `base`, whose case does not count.
    pub base: Option<Cow<'a, str>>,
    /// `quote`, whose case does not count.
    pub quote: Option<Cow<'a, str>>,
    /// `market`, whose case counts.
    pub market: Option<Cow<'a, str>>,
    /// `exchangeId`; none has the number 0.
    pub exchange: Option<u32>,
}

impl Filter<'_> {
    fn matches(&self, market: &Market) -> bool {
        let same = |asked: &Option<Cow<'_, str>>, known: &str| {
            asked.as_ref().is_none_or(|asked| asked.eq_ignore_ascii_case(known))
        };
        self.exchange.is_none_or(|exchange| exchange == market.place.exchange)
            && same(&self.base, &market.instrument.base)
            && same(&self.quote, &market.instrument.quote)
            && self.market.as_ref().is_none_or(|asked| **asked == *market.place.market)
    }
}

/// Base and quote in upper case.
type Pair = (Box<str>, Box<str>);

/// The listed markets: found by instrument when telling, by name or pair when understanding.
pub struct Catalogue {
    /// In the directory's order.
    listed: Vec<Market>,
    /// Places in `listed`, dense by instrument.
    by_instrument: Vec<Option<u16>>,
    /// Places in `listed`, sorted by the markets' names.
    by_market: Vec<u16>,
    /// Places in `listed`, sorted by their pairs.
    by_pair: Vec<(Pair, u16)>,
}

impl Catalogue {
    /// Those of the listings that have a symbol here.
    pub fn new(listings: &[Listing]) -> Result<Self, ListingError> {
        let mut listed = Vec::new();
        for listing in listings {
            let Some(symbol) = listing.symbol_in(NAME) else { continue };
            let place = Place::parse(symbol);
            let place = place.ok_or_else(|| ListingError::BadSymbol(symbol.into()))?;
            listed.push(Market::new(listing, place));
        }
        let places = 0..u16::try_from(listed.len()).expect("instruments are numbered in 16 bits");
        let of = |place: u16| &listed[usize::from(place)];
        let mut by_market: Vec<u16> = places.clone().collect();
        let name = |place: u16| (&of(place).place.market, of(place).place.exchange);
        by_market.sort_by_key(|&place| name(place));
        if let Some(pair) = by_market.windows(2).find(|pair| name(pair[0]) == name(pair[1])) {
            let (market, exchange) = name(pair[0]);
            return Err(ListingError::DoubleSymbol(format!("{exchange}:{market}")));
        }
        let pair = |place: u16| {
            let Instrument { base, quote, .. } = &of(place).instrument;
            (upper(Some(base)), upper(Some(quote)))
        };
        let mut by_pair: Vec<_> = places.clone().map(|place| (pair(place), place)).collect();
        by_pair.sort();
        let size = listed.iter().map(|market| market.instrument.id.index() + 1).max().unwrap_or(0);
        let mut by_instrument = vec![None; size];
        for place in places {
            by_instrument[of(place).instrument.id.index()] = Some(place);
        }
        Ok(Self { listed, by_instrument, by_market, by_pair })
    }

    /// The market of an instrument, if it is listed.
    pub fn of(&self, instrument: InstrumentId) -> Option<&Market> {
        let place = (*self.by_instrument.get(instrument.index())?)?;
        Some(&self.listed[usize::from(place)])
    }

    /// The markets that a filter means. Only those of its name, or of its pair, are looked at.
    pub fn meant(&self, filter: &Filter<'_>) -> Vec<&Market> {
        let of = |place: u16| &self.listed[usize::from(place)];
        let mut found = Vec::new();
        if let Some(asked) = &filter.market {
            let name = |place: u16| &*of(place).place.market;
            let from = self.by_market.partition_point(|&place| name(place) < &**asked);
            let those = self.by_market[from..].iter().map(|&place| of(place));
            found.extend(those.take_while(|market| *market.place.market == **asked));
        } else {
            let pair = (upper(filter.base.as_deref()), upper(filter.quote.as_deref()));
            let from = self.by_pair.partition_point(|(known, _)| *known < pair);
            let those = self.by_pair[from..].iter().take_while(|(known, _)| *known == pair);
            found.extend(those.map(|&(_, place)| of(place)));
        }
        found.retain(|market| filter.matches(market));
        found
    }
}

fn upper(code: Option<&str>) -> Box<str> {
    code.unwrap_or_default().to_ascii_uppercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_name_an_exchange_and_a_market() {
        let check = |symbol: &str, wanted: Option<(u32, &str, bool)>| {
            let place = Place::parse(symbol);
            let place = place.as_ref().map(|it| (it.exchange, &*it.market, it.is_derivative));
            assert_eq!(place, wanted, "{symbol:?}");
        };
        check("BTC-USDT", Some((2, "BTC-USDT", false)));
        check("2:BTC-USDT", Some((2, "BTC-USDT", false)));
        check("7:BTCUSDT", Some((7, "BTCUSDT", false)));
        check("3d:BTC-USDT-SWAP", Some((3, "BTC-USDT-SWAP", true)));
        check("4294967295:BRK.B/USD", Some((u32::MAX, "BRK.B/USD", false)));
        check(&"x".repeat(64), Some((2, &"x".repeat(64), false)));
        for bad in [
            "",
            ":",
            "7:",
            ":BTC",
            "d:BTC",
            "0:BTC",
            "07:BTC",
            "+7:BTC",
            "-7:BTC",
            "7 :BTC",
            "7D:BTC",
            "7dd:BTC",
            "x:BTC",
            "7:8:BTC",
            "4294967296:BTC",
            "BTC USDT",
            "BTC\"",
            "BTÇ",
        ] {
            check(bad, None);
        }
        check(&"x".repeat(65), None);
    }

    #[test]
    fn ids_are_uuids_of_version_5() {
        // The example of RFC 9562, appendix A.4: `www.example.com` in the namespace of names of the DNS.
        let dns = 0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8_u128.to_be_bytes();
        let mut digest = Sha1::from(dns);
        digest.update(b"www.example.com");
        let id = spelled(&digest.digest().bytes());
        assert_eq!(&id, b"2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }
}
