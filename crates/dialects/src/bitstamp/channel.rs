//! Channel names: what a client may subscribe to, and which topic it stands for. Sections 0.1 and 3.
//!
//! Grammar only; whether a market is listed is the caller's question.

use model::{Cadence, TopicKind};

/// The longest market name that still fits into a subscription of 512 bytes with room to spare.
pub const MARKET_BYTES_MAX: usize = 64;

/// How many levels or orders a side the full book channels show. Section 5.3.
pub const DEPTH: u16 = 100;

/// A well-formed channel name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel<'a> {
    /// A public channel of one market.
    Public(PublicKind, &'a str),
    /// `announcements`: newer than the seed, acknowledged and silent (A24).
    Announcements,
    /// A private channel of one market and user.
    Private(PrivateKind, &'a str, &'a str),
    /// A private channel of a user, over all markets.
    PrivateAll(PrivateAllKind, &'a str),
}

/// When a market's channels speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadences {
    /// Whole books.
    pub books: Cadence,
    /// Levels that changed.
    pub diffs: Cadence,
    /// Whether it has a funding rate.
    pub has_funding: bool,
}

impl Cadences {
    /// Of a spot market: one for all.
    #[must_use]
    pub const fn of_spot(cadence: Cadence) -> Self {
        Self { books: cadence, diffs: cadence, has_funding: false }
    }
    /// Of a perpetual, as it was measured at the venue. Sections 5.3, 5.5 and 5.6.
    pub const OF_PERPETUALS: Self =
        Self { books: Cadence::FIFTH, diffs: Cadence::SECOND, has_funding: true };
}

/// Public channels of one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKind {
    /// `live_trades_`
    Trades,
    /// `live_orders_`
    Orders,
    /// `order_book_`
    Book,
    /// `detail_order_book_`
    DetailBook,
    /// `diff_order_book_`
    DiffBook,
    /// `funding_rate_`
    FundingRate,
}

/// Private channels of one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateKind {
    /// `private-my_orders_`
    Orders,
    /// `private-my_trades_`
    Trades,
    /// `private-live_trades_`
    SelfTrades,
    /// `private-live_order_trades_`: newer than the seed (A24).
    OrderTrades,
}

/// Private channels without a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateAllKind {
    /// `private-my_settlements-`
    Settlements,
    /// `private-my_liquidations-`
    Liquidations,
    /// `private-my_token_settlements-`: newer than the seed (A24).
    TokenSettlements,
}

const PUBLIC: [(&str, PublicKind); 6] = [
    ("live_trades_", PublicKind::Trades),
    ("live_orders_", PublicKind::Orders),
    ("order_book_", PublicKind::Book),
    ("detail_order_book_", PublicKind::DetailBook),
    ("diff_order_book_", PublicKind::DiffBook),
    ("funding_rate_", PublicKind::FundingRate),
];

const PRIVATE: [(&str, PrivateKind); 4] = [
    ("my_orders_", PrivateKind::Orders),
    ("my_trades_", PrivateKind::Trades),
    ("live_trades_", PrivateKind::SelfTrades),
    ("live_order_trades_", PrivateKind::OrderTrades),
];

const PRIVATE_ALL: [(&str, PrivateAllKind); 3] = [
    ("my_settlements-", PrivateAllKind::Settlements),
    ("my_liquidations-", PrivateAllKind::Liquidations),
    ("my_token_settlements-", PrivateAllKind::TokenSettlements),
];

/// Reads a channel name; `None` if it is none.
#[must_use]
pub fn parse(name: &str) -> Option<Channel<'_>> {
    if name == "announcements" {
        return Some(Channel::Announcements);
    }
    if let Some(name) = name.strip_prefix("private-") {
        // A market may itself hold hyphens, so the user stands after the last one.
        let (channel, user) = name.rsplit_once('-')?;
        if user.is_empty() || !user.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if let Some((_, kind)) =
            PRIVATE_ALL.iter().find(|(prefix, _)| prefix.strip_suffix('-') == Some(channel))
        {
            return Some(Channel::PrivateAll(*kind, user));
        }
        return PRIVATE.iter().find_map(|(prefix, kind)| {
            let market = channel.strip_prefix(prefix).filter(|market| is_market(market))?;
            Some(Channel::Private(*kind, market, user))
        });
    }
    PUBLIC.iter().find_map(|(prefix, kind)| {
        let market = name.strip_prefix(prefix).filter(|market| is_market(market))?;
        Some(Channel::Public(*kind, market))
    })
}

/// Whether this spells a market: lower-case letters and digits, in parts joined by single hyphens.
#[must_use]
pub fn is_market(text: &str) -> bool {
    text.split('-').all(|part| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    })
}

impl PublicKind {
    /// What the channel's name begins with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        PUBLIC[self as usize].0
    }

    /// The topic that the channel tells of a market that speaks at these cadences; `None` for a funding rate of one that
    /// has none.
    #[must_use]
    pub const fn topic(self, cadences: Cadences) -> Option<TopicKind> {
        let Cadences { books, diffs, has_funding } = cadences;
        Some(match self {
            Self::Trades => TopicKind::Trades,
            Self::Orders => TopicKind::Orders,
            Self::Book => TopicKind::Book { depth: DEPTH, cadence: books },
            Self::DetailBook => TopicKind::Detail { depth: DEPTH, cadence: books },
            Self::DiffBook => TopicKind::Delta { cadence: diffs },
            Self::FundingRate if has_funding => TopicKind::Funding,
            Self::FundingRate => return None,
        })
    }
}

impl PrivateAllKind {
    /// What the channel's name goes on with behind `private-`, up to the user.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        PRIVATE_ALL[self as usize].0
    }

    /// The topic that the channel tells; `None` for the one that is acknowledged and silent.
    #[must_use]
    pub const fn topic(self) -> Option<TopicKind> {
        match self {
            Self::Settlements => Some(TopicKind::Settlements),
            Self::Liquidations => Some(TopicKind::MarginAlerts),
            Self::TokenSettlements => None,
        }
    }
}

impl PrivateKind {
    /// What the channel's name goes on with behind `private-`.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        PRIVATE[self as usize].0
    }

    /// The topic that the channel tells; `None` for the one that is acknowledged and silent.
    #[must_use]
    pub const fn topic(self) -> Option<TopicKind> {
        Some(match self {
            Self::Orders => TopicKind::OwnOrders,
            Self::Trades => TopicKind::OwnTrades,
            Self::SelfTrades => TopicKind::SelfTrades,
            Self::OrderTrades => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_finds_its_own_prefix() {
        for (prefix, kind) in PUBLIC {
            assert_eq!(kind.prefix(), prefix);
            let name = format!("{prefix}btcusd-perp");
            assert_eq!(parse(&name), Some(Channel::Public(kind, "btcusd-perp")));
        }
    }

    #[test]
    fn each_private_kind_finds_its_own_prefix() {
        for (prefix, kind) in PRIVATE {
            assert_eq!(kind.prefix(), prefix);
            let name = format!("private-{prefix}btcusd-perp-7");
            assert_eq!(parse(&name), Some(Channel::Private(kind, "btcusd-perp", "7")));
        }
    }

    #[test]
    fn the_user_stands_after_the_last_hyphen() {
        assert_eq!(
            parse("private-my_trades_btcusd-perp-314159"),
            Some(Channel::Private(PrivateKind::Trades, "btcusd-perp", "314159"))
        );
        assert_eq!(
            parse("private-live_trades_btcusd-1"),
            Some(Channel::Private(PrivateKind::SelfTrades, "btcusd", "1"))
        );
        assert_eq!(
            parse("private-live_order_trades_btcusd-1"),
            Some(Channel::Private(PrivateKind::OrderTrades, "btcusd", "1"))
        );
        assert_eq!(
            parse("private-my_settlements-7"),
            Some(Channel::PrivateAll(PrivateAllKind::Settlements, "7"))
        );
        assert_eq!(
            parse("private-my_token_settlements-7"),
            Some(Channel::PrivateAll(PrivateAllKind::TokenSettlements, "7"))
        );
    }

    #[test]
    fn what_is_no_channel_is_refused() {
        for name in [
            "",
            "live_trades_",
            "live_trades",
            "livetrades_btcusd",
            "live_trades_BTCUSD",
            "live_trades_btc/usd",
            "live_trades_btc_usd",
            "live_trades_btcusd ",
            " live_trades_btcusd",
            "live_trades_-btcusd",
            "live_trades_btcusd-",
            "live_trades_btc--usd",
            "live_trades_btcusdé",
            "foo_btcusd",
            "announcements_btcusd",
            "Announcements",
            "private-",
            "private-my_orders_btcusd",
            "private-my_orders_btcusd-",
            "private-my_orders_btcusd-perp",
            "private-my_orders_-1",
            "private-my_orders-1",
            "private-my_orders_btcusd-1x",
            "private-my_settlements_btcusd-1",
            "private-my_settlements-",
            "private-my_settlements",
            "private-order_book_btcusd-1",
            "my_orders_btcusd-1",
        ] {
            assert_eq!(parse(name), None, "{name:?}");
        }
    }
}
