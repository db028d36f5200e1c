//! Channels: what a client may subscribe to, what tells two subscriptions apart, and which topic each stands for.
//! Sections A3 and A5.0.
//!
//! Grammar and lists only; whether a symbol is listed, and what its steps are, is the caller's question.

use std::fmt::Write as _;

use model::{Cadence, Interval, Span, Window};

/// How often books are told. Section A5.3 (e).
pub const BOOK_CADENCE: Cadence = Cadence::TENTH;

/// How often candles and the statistics of a symbol are told at most. Sections A5.1 and A5.5.
pub const PULSE: Cadence = Cadence::THREE_TENTHS;
/// How often the statistics of all symbols are told. Section A5.2.
pub const MARKET_CADENCE: Cadence = Cadence::SECOND;

/// What a subscription can be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Rolling statistics of a symbol.
    Ticker,
    /// Rolling statistics of all symbols.
    AllTickers,
    /// Best levels of a symbol's book.
    Orderbook,
    /// Trades of a symbol.
    Trades,
    /// Candles of a symbol.
    Candles,
    /// What the account holds.
    Balances,
    /// The account's orders.
    ActiveOrders,
}

const CHANNELS: [(&str, Channel); 7] = [
    ("ticker", Channel::Ticker),
    ("allTickers", Channel::AllTickers),
    ("orderbook", Channel::Orderbook),
    ("trades", Channel::Trades),
    ("candles", Channel::Candles),
    ("balances", Channel::Balances),
    ("activeOrders", Channel::ActiveOrders),
];

impl Channel {
    /// The channel of this name, whose case counts.
    #[must_use]
    pub fn called(name: &str) -> Option<Self> {
        CHANNELS.iter().find(|(known, _)| *known == name).map(|&(_, channel)| channel)
    }
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        CHANNELS[self as usize].0
    }
    /// Whether it tells what is an account's own.
    #[must_use]
    pub const fn is_private(self) -> bool {
        matches!(self, Self::Balances | Self::ActiveOrders)
    }
    /// Whether it is about one symbol.
    #[must_use]
    pub const fn has_symbol(self) -> bool {
        matches!(self, Self::Ticker | Self::Orderbook | Self::Trades | Self::Candles)
    }
    /// What its interval is called, if it has one.
    #[must_use]
    pub const fn interval_member(self) -> Option<&'static str> {
        match self {
            Self::Ticker | Self::AllTickers => Some("interval"),
            Self::Candles => Some("type"),
            _ => None,
        }
    }
}

/// An interval as the venue names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// `1hour`
    pub name: &'static str,
    /// Of candles.
    pub interval: Interval,
    /// Its length in seconds; a month counts as 31 days.
    pub seconds: i64,
}

const fn seconds(name: &'static str, seconds: u32) -> Named {
    Named { name, interval: Interval::Seconds(seconds), seconds: seconds as i64 }
}

/// All intervals, the shortest first.
pub const INTERVALS: [Named; 12] = [
    seconds("1min", 60),
    seconds("5min", 300),
    seconds("15min", 900),
    seconds("30min", 1_800),
    seconds("1hour", 3_600),
    seconds("2hour", 7_200),
    seconds("4hour", 14_400),
    seconds("8hour", 28_800),
    seconds("12hour", 43_200),
    seconds("1day", 86_400),
    Named { name: "1week", interval: Interval::Week, seconds: 7 * 86_400 },
    Named { name: "1month", interval: Interval::Month, seconds: 31 * 86_400 },
];

impl Named {
    /// The interval of this name.
    #[must_use]
    pub fn called(name: &str) -> Option<Self> {
        INTERVALS.into_iter().find(|known| known.name == name)
    }
    /// That of candles of this length.
    #[must_use]
    pub fn of(interval: Interval) -> Option<Self> {
        INTERVALS.into_iter().find(|known| known.interval == interval)
    }
    /// That of statistics that look back so far.
    #[must_use]
    pub fn of_window(window: Window) -> Option<Self> {
        INTERVALS.into_iter().find(|known| known.window() == window)
    }
    /// How far statistics of this interval look back; 30 days for a month.
    #[must_use]
    pub const fn window(self) -> Window {
        match self.interval {
            Interval::Month => Window::MONTH,
            _ => Window(Span::seconds(self.seconds)),
        }
    }
}

/// How many levels a side a book may be asked for.
pub const DEPTHS: [u16; 7] = [5, 10, 20, 50, 100, 200, 500];
/// How many a book has that was asked for without a depth.
pub const DEPTH_DEFAULT: u16 = 500;

/// What tells subscriptions of one connection apart. Section A5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// Of what.
    pub channel: Channel,
    /// Of which symbol.
    pub symbol: Option<&'a str>,
    /// Its `interval` or `type`.
    pub interval: Option<&'a str>,
    /// Its `depth`, as digits.
    pub depth: Option<&'a str>,
    /// Its `precision`.
    pub precision: Option<&'a str>,
}

/// Stands between the parts of a name, and in none of them.
const BETWEEN: char = '|';

impl<'a> Key<'a> {
    /// Of a channel without anything else.
    #[must_use]
    pub const fn of(channel: Channel) -> Self {
        Self { channel, symbol: None, interval: None, depth: None, precision: None }
    }

    /// The name by which the house knows the subscription.
    #[must_use]
    pub fn name(&self) -> Box<str> {
        let mut name = self.channel.name().to_owned();
        for part in [self.symbol, self.interval, self.depth, self.precision] {
            let _ = write!(name, "{BETWEEN}{}", part.unwrap_or(""));
        }
        name.into()
    }

    /// The key of a name; `None` if it is none.
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let mut parts = name.split(BETWEEN);
        let channel = Channel::called(parts.next()?)?;
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (symbol, interval, depth, precision) = (part(), part(), part(), part());
        Some(Self { channel, symbol, interval, depth, precision })
    }
}

/// Which subscriptions are to end: those of a channel whose members are all equal to the given ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// `symbol`
    pub symbol: Option<&'a str>,
    /// `interval`
    pub interval: Option<&'a str>,
    /// `type`
    pub kind: Option<&'a str>,
    /// `depth`, as digits.
    pub depth: Option<&'a str>,
    /// `precision`
    pub precision: Option<&'a str>,
}

impl Filter<'_> {
    /// Whether a subscription is to end.
    #[must_use]
    pub fn matches(&self, key: &Key<'_>) -> bool {
        let of = |member| key.interval.filter(|_| key.channel.interval_member() == Some(member));
        let is = |given: Option<&str>, has: Option<&str>| given.is_none() || given == has;
        is(self.symbol, key.symbol)
            && is(self.interval, of("interval"))
            && is(self.kind, of("type"))
            && is(self.depth, key.depth)
            && is(self.precision, key.precision)
    }
}

/// Whether this has the form of a symbol: `BASE-QUOTE` in upper-case letters and digits.
#[must_use]
pub fn is_symbol(text: &str) -> bool {
    let is_code = |code: &str| {
        !code.is_empty()
            && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    };
    matches!(text.split_once('-'), Some((base, quote)) if is_code(base) && is_code(quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_finds_its_own_name() {
        for (name, channel) in CHANNELS {
            assert_eq!((channel.name(), Channel::called(name)), (name, Some(channel)));
        }
        for name in ["", "Ticker", "orderBook", "alltickers", "active_orders", "trades "] {
            assert_eq!(Channel::called(name), None, "{name:?}");
        }
    }

    #[test]
    fn windows_and_candles_find_their_interval_again() {
        for known in INTERVALS {
            assert_eq!(Named::of(known.interval), Some(known));
            assert_eq!(Named::of_window(known.window()), Some(known));
            assert_eq!(known.interval.length_max(), Span::seconds(known.seconds), "{}", known.name);
        }
    }

    #[test]
    fn names_are_read_back() {
        let keys = [
            Key::of(Channel::Balances),
            Key { symbol: Some("BTC-USDT"), ..Key::of(Channel::Trades) },
            Key { interval: Some("1day"), ..Key::of(Channel::AllTickers) },
            Key {
                symbol: Some("BTC-USDT"),
                depth: Some("20"),
                precision: Some("0.01"),
                ..Key::of(Channel::Orderbook)
            },
            Key { symbol: Some("BTC-USDT"), precision: Some("10"), ..Key::of(Channel::Orderbook) },
        ];
        for key in keys {
            assert_eq!(Key::parse(&key.name()), Some(key));
        }
        assert_eq!(Key::parse("books|BTC-USDT|||"), None);
    }

    #[test]
    fn a_filter_wants_every_member_it_names() {
        let candles =
            Key { symbol: Some("BTC-USD"), interval: Some("1hour"), ..Key::of(Channel::Candles) };
        let ticker = Key { channel: Channel::Ticker, ..candles };
        assert!(Filter::default().matches(&candles));
        assert!(Filter { kind: Some("1hour"), ..Filter::default() }.matches(&candles));
        assert!(!Filter { interval: Some("1hour"), ..Filter::default() }.matches(&candles));
        assert!(Filter { interval: Some("1hour"), ..Filter::default() }.matches(&ticker));
        assert!(!Filter { symbol: Some("ETH-USD"), ..Filter::default() }.matches(&ticker));
        assert!(!Filter { depth: Some("20"), ..Filter::default() }.matches(&ticker));
    }

    #[test]
    fn symbols_are_two_upper_case_codes() {
        assert!(is_symbol("BTC-USDT") && is_symbol("1INCH-USD"));
        for text in
            ["", "-", "BTC", "BTC-", "-USD", "btc-usd", "BTC/USD", "BTC-USD-PERP", "BTC-ÜSD"]
        {
            assert!(!is_symbol(text), "{text:?}");
        }
    }
}
