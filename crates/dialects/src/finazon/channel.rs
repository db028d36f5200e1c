//! Channels: what a client may subscribe to, and what tells two subscriptions apart. Sections B3.1 and B3.6.
//!
//! There is one channel, the bars of a minute, at three frequencies. Grammar and lists only; whether a ticker is listed
//! is the caller's question.

use model::{Cadence, Interval, Span, TopicKind};

/// The only channel.
pub const BARS: &str = "bars";
/// The only length of a bar.
pub const AGGREGATION: &str = "1m";
/// The same in our words.
pub const MINUTE: Interval = Interval::Seconds(60);

/// How often a bar is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frequency {
    /// Each second.
    Second,
    /// Each ten seconds.
    TenSeconds,
    /// Each minute, when it is over.
    Minute,
}

impl Frequency {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Second, Self::TenSeconds, Self::Minute];

    /// That of this name, whose case counts.
    #[must_use]
    pub fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|frequency| frequency.name() == name)
    }
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "1s",
            Self::TenSeconds => "10s",
            Self::Minute => "1m",
        }
    }
    /// What its subscribers are told.
    #[must_use]
    pub const fn kind(self) -> TopicKind {
        let seconds = match self {
            Self::Second => 1,
            Self::TenSeconds => 10,
            Self::Minute => 60,
        };
        TopicKind::SampledCandles { interval: MINUTE, cadence: Cadence(Span::seconds(seconds)) }
    }
    /// The frequency at which this is told, if it is one of these.
    #[must_use]
    pub fn of(kind: TopicKind) -> Option<Self> {
        Self::ALL.into_iter().find(|frequency| frequency.kind() == kind)
    }
}

/// What tells two subscriptions apart, and so the name of one: a ticker under everything that was said with it.
///
/// Written `publisher|mic|market|bars|1s|1m|dataset|ticker`. None of its parts has a bar in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// Who publishes it.
    pub publisher: &'a str,
    /// The listing market that was asked for; empty if none was.
    pub mic: &'a str,
    /// The market that was asked for; empty if none was.
    pub market: &'a str,
    /// How often.
    pub frequency: Frequency,
    /// The name of the data set by which the publisher was asked for; empty if it was named itself.
    pub dataset: &'a str,
    /// Of what.
    pub ticker: &'a str,
}

impl Key<'_> {
    /// The subscription's name.
    #[must_use]
    pub fn name(&self) -> Box<str> {
        let Self { publisher, mic, market, frequency, dataset, ticker } = self;
        let frequency = frequency.name();
        format!("{publisher}|{mic}|{market}|{BARS}|{frequency}|{AGGREGATION}|{dataset}|{ticker}")
            .into()
    }
}

/// Of a subscription's name whose it is, and of what.
#[must_use]
pub fn publisher_and_ticker(name: &str) -> Option<(&str, &str)> {
    Some((name.split_once('|')?.0, name.rsplit_once('|')?.1))
}

/// Publishers, data sets and listing markets: lower-case letters, digits and underscores.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=CODE_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_good)
}

/// The longest code and the longest ticker.
pub const CODE_BYTES_MAX: usize = 32;

/// A ticker: upper-case letters and digits, with `/`, `.`, `-` and `_` between.
#[must_use]
pub fn is_ticker(text: &str) -> bool {
    let is_good =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"/.-_".contains(&byte);
    (1..=CODE_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_are_found_by_name_and_by_topic() {
        for frequency in Frequency::ALL {
            assert_eq!(Frequency::called(frequency.name()), Some(frequency));
            assert_eq!(Frequency::of(frequency.kind()), Some(frequency));
        }
        for name in ["", "1S", "5s", "60s", " 1s", "1h"] {
            assert_eq!(Frequency::called(name), None, "{name:?}");
        }
    }

    #[test]
    fn names_differ_where_anything_differs() {
        let (publisher, ticker, frequency) = ("sip", "AAPL", Frequency::Second);
        let key = Key { publisher, mic: "", market: "", frequency, dataset: "", ticker };
        assert_eq!(&*key.name(), "sip|||bars|1s|1m||AAPL");
        let others = [
            Key { publisher: "finazon", ..key },
            Key { mic: "xnas", ..key },
            Key { market: "xnas", ..key },
            Key { frequency: Frequency::Minute, ..key },
            Key { dataset: "sip", ..key },
            Key { ticker: "TSLA", ..key },
        ];
        let mut names: Vec<_> = others.iter().chain([&key]).map(Key::name).collect();
        assert_eq!(publisher_and_ticker(&names[0]), Some(("finazon", "AAPL")));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 7);
    }

    #[test]
    fn codes_and_tickers_hold_nothing_that_would_have_to_be_escaped() {
        for text in ["sip", "us_stocks_essential", "0x"] {
            assert!(is_code(text) && !is_ticker(text), "{text}");
        }
        for text in ["AAPL", "BTC/USDT", "BRK.B", "BRK-B", "X_1"] {
            assert!(is_ticker(text) && !is_code(text), "{text}");
        }
        let long = "a".repeat(33);
        for text in ["", " ", "a|b", "a\"", "é", "Sip ", &long] {
            assert!(!is_code(text) && !is_ticker(&text.to_uppercase()), "{text:?}");
        }
    }
}
