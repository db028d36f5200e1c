//! Streams: what a client may subscribe to, by which name the house knows each, and which topic it stands for.
//! Sections A3-1 and A5.
//!
//! A list only; which markets there are is the catalogue's question.

use model::TopicKind;

/// What a stream tells of a market. Section A5.3: another kind is one more entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// Each trade.
    Trade,
}

const EVENT_TYPES: [(&str, EventType); 1] = [("trade", EventType::Trade)];

impl EventType {
    /// That of this name, whose case counts.
    #[must_use]
    pub fn called(name: &str) -> Option<Self> {
        EVENT_TYPES.iter().find(|(known, _)| *known == name).map(|&(_, it)| it)
    }
    /// Its name, which is `k` in what it tells.
    #[must_use]
    pub const fn name(self) -> &'static str {
        EVENT_TYPES[self as usize].0
    }
    /// What it is to the house.
    #[must_use]
    pub const fn topic(self) -> TopicKind {
        match self {
            Self::Trade => TopicKind::Trades,
        }
    }
    /// The name by which the house knows the stream of this market of this exchange: the same for whoever asks, in
    /// whatever words.
    #[must_use]
    pub fn stream(self, exchange: u32, market: &str) -> Box<str> {
        format!("{}:{exchange}:{market}", self.name()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_name() {
        for (name, kind) in EVENT_TYPES {
            assert_eq!(EventType::called(name), Some(kind));
            assert_eq!(kind.name(), name);
        }
        assert_eq!(EventType::called("Trade"), None, "case counts");
        assert_eq!(&*EventType::Trade.stream(2, "BTC-USDT"), "trade:2:BTC-USDT");
    }
}
