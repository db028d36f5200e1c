//! What a credential may do: trade or only look, in which instruments, on which channels, and which feeds of indexes it
//! quotes.
//!
//! Not whether it is good: that is [`Found`](crate::Found). A credential belongs to one dialect, and is no use in
//! another.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use model::{FeedName, Instrument, InstrumentId, Scope, Topic, TopicKind};

/// What a credential may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// Whether it may change anything: place and cancel orders, move money.
    pub trading: bool,
    /// The instruments it may see and trade, as `BASE/QUOTE`, perpetuals as `BASE/QUOTE-PERP`; `None` is all, those listed later too.
    pub instruments: Option<BTreeSet<Pair>>,
    /// The channels it may hear; `None` is all.
    pub channels: Option<BTreeSet<Channel>>,
    /// The feeds that it may quote for the indexes of those instruments, though it may not trade.
    pub quotes: BTreeSet<FeedName>,
}

/// An instrument by its assets, as `BTC/USD`, or `BTC/USD-PERP` if it is a perpetual: what it is called in no dialect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair(String);

/// What can be heard, in no dialect's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Public trades.
    Trades,
    /// Each order's steps.
    Orders,
    /// Books, whole.
    Book,
    /// Books order by order.
    Detail,
    /// Levels that changed.
    Delta,
    /// Candles.
    Candles,
    /// Rolling statistics.
    Ticker,
    /// Funding rates.
    Funding,
    /// Whatever concerns its own account.
    Private,
}

/// How much a credential may do at once; `None` is what its dialect allows everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time.
    pub connections_max: Option<u32>,
    /// HTTP requests each second.
    pub requests_per_second_max: Option<u32>,
}

impl Entitlement {
    /// Everything but quoting what indexes are made of.
    #[must_use]
    pub const fn full() -> Self {
        Self { trading: true, instruments: None, channels: None, quotes: BTreeSet::new() }
    }
    /// Everything but changing anything.
    #[must_use]
    pub const fn read_only() -> Self {
        Self { trading: false, instruments: None, channels: None, quotes: BTreeSet::new() }
    }

    /// Whether it may see this instrument.
    #[must_use]
    pub fn sees(&self, instrument: &Pair) -> bool {
        match &self.instruments {
            None => true,
            Some(pairs) => pairs.contains(instrument),
        }
    }
    /// Whether it may trade in this instrument.
    #[must_use]
    pub fn trades(&self, instrument: &Pair) -> bool {
        self.trading && self.sees(instrument)
    }
    /// Whether it may hear this topic; `instruments` are all there are, by number. A topic of all instruments is
    /// for those who may see all. Whose account a topic may be about is not decided here.
    #[must_use]
    pub fn hears(&self, topic: &Topic, instruments: &[Pair]) -> bool {
        let is_heard = match &self.channels {
            None => true,
            Some(channels) => channels.iter().any(|channel| channel.carries(topic)),
        };
        let is_seen = match (&self.instruments, topic.instrument()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(id)) => instruments.get(id.index()).is_some_and(|it| self.sees(it)),
        };
        is_heard && is_seen
    }
    /// The numbers of the instruments it may see and trade, rising; `None` is all. `instruments` are all there are, by
    /// number.
    #[must_use]
    pub fn numbers(&self, instruments: &[Pair]) -> Option<Vec<InstrumentId>> {
        self.instruments.as_ref()?;
        let seen = (0..).zip(instruments).filter(|(_, it)| self.sees(it));
        Some(seen.map(|(number, _)| InstrumentId(number)).collect())
    }
}

impl Pair {
    /// The name of this spot instrument.
    #[must_use]
    pub fn of(instrument: &Instrument) -> Self {
        Self(format!("{}/{}", instrument.base, instrument.quote))
    }
    /// The name of this perpetual: who may trade the spot market beside it may not trade on margin for that.
    #[must_use]
    pub fn of_perpetual(instrument: &Instrument) -> Self {
        Self(format!("{}/{}{PERPETUAL}", instrument.base, instrument.quote))
    }
}

/// How the name of a perpetual ends.
const PERPETUAL: &str = "-PERP";

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pair {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let is_code = |code: &str| {
            (1..=16).contains(&code.len()) && code.bytes().all(|it| it.is_ascii_alphanumeric())
        };
        let text = text.to_ascii_uppercase();
        match text.strip_suffix(PERPETUAL).unwrap_or(&text).split_once('/') {
            Some((base, quote)) if is_code(base) && is_code(quote) => Ok(Self(text)),
            _ => Err(format!("{text:?} is not an instrument such as BTC/USD")),
        }
    }
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Trades,
        Self::Orders,
        Self::Book,
        Self::Detail,
        Self::Delta,
        Self::Candles,
        Self::Ticker,
        Self::Funding,
        Self::Private,
    ];

    /// Whether a topic is heard on this channel. A kind that no channel names is only heard by those who may hear
    /// everything.
    #[must_use]
    pub const fn carries(self, topic: &Topic) -> bool {
        if matches!(topic.scope, Scope::Account(..) | Scope::Own(_)) {
            return matches!(self, Self::Private);
        }
        matches!(
            (self, topic.kind),
            (Self::Trades, TopicKind::Trades | TopicKind::TradeBatches)
                | (Self::Orders, TopicKind::Orders)
                | (Self::Book, TopicKind::Book { .. })
                | (Self::Detail, TopicKind::Detail { .. })
                | (Self::Delta, TopicKind::Delta { .. } | TopicKind::Depth { .. })
                | (Self::Candles, TopicKind::Candles { .. } | TopicKind::SampledCandles { .. })
                | (Self::Ticker, TopicKind::Ticker { .. })
                | (Self::Funding, TopicKind::Funding)
        )
    }
    const fn name(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Orders => "orders",
            Self::Book => "book",
            Self::Detail => "detail",
            Self::Delta => "delta",
            Self::Candles => "candles",
            Self::Ticker => "ticker",
            Self::Funding => "funding",
            Self::Private => "private",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Channel {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|channel| channel.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("{text:?} is not a channel; there are {}", names.join(", "))
        })
    }
}
