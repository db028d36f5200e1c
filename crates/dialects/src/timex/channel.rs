//! Event paths: which families there are, what each path stands for, and what has to be told for it. Section B5.2.
//!
//! Each event owns one or more paths, `/family/topic/topic…`. A pattern is a regular expression that has to match a whole
//! path; one without anything special in it is a path itself, and is looked up.

pub mod paths;
pub mod pattern;

use model::{AssetId, Cadence, Interval, Span, TopicKind, WHOLE, Window};

use crate::dialect::Wording;

/// How often books are told. Section B5.10.
pub const BOOK_CADENCE: Cadence = Cadence::TENTH;
/// How often statistics are told at most. Section B5.7.
pub const TICKER_CADENCE: Cadence = Cadence::SECOND;

/// What the events of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `ORDER_BOOK_UPDATED`
    Levels,
    /// `RAW_ORDER_BOOK_UPDATED`
    Raw,
    /// `GROUP_ORDER_BOOK_UPDATED`
    Group,
    /// `TICKER_UPDATED`
    Ticker,
    /// `TRADE`, of a market.
    Trade,
    /// `TRADE`, of an account in a market.
    AccountTrade,
    /// What happens to orders of an account in a market.
    Order(OrderEvent),
    /// `DEPOSIT` or `WITHDRAWAL` of an account.
    Movement(Way),
}

/// What happens to an order. In this order where several happen at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    /// `ORDER_UPDATE`
    Update,
    /// `ORDER`
    Order,
    /// `FILLING`
    Filling,
    /// `MARKET_ORDER`
    Market,
    /// `ORDER_EXPIRED`
    Expired,
}

impl OrderEvent {
    /// All, in their order.
    pub const ALL: [Self; 5] =
        [Self::Update, Self::Order, Self::Filling, Self::Market, Self::Expired];

    /// Its wording of an account's orders in a market.
    #[must_use]
    pub const fn wording(self) -> Wording {
        Wording(self as u16)
    }
    /// What it is called on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Update => "ORDER_UPDATE",
            Self::Order => "ORDER",
            Self::Filling => "FILLING",
            Self::Market => "MARKET_ORDER",
            Self::Expired => "ORDER_EXPIRED",
        }
    }
}

/// Where money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the account.
    In,
    /// Away from it.
    Out,
}

impl Way {
    /// Its wording of an account's movements of this token; `None` where there are too many tokens to say.
    #[must_use]
    pub fn wording(self, token: AssetId) -> Option<Wording> {
        Some(Wording(token.0.checked_mul(2)? + self as u16))
    }
    /// What a wording is of.
    #[must_use]
    pub const fn of(wording: Wording) -> (Self, AssetId) {
        let way = if wording.0.is_multiple_of(2) { Self::In } else { Self::Out };
        (way, AssetId(wording.0 / 2))
    }
}

/// How topics of a path are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tokens by their contracts.
    Addresses,
    /// Tokens by their symbols.
    Symbols,
}

/// A kind of path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The first part of its paths.
    pub name: &'static str,
    /// What its events are.
    pub event: Event,
    /// How its topics are written; of markets always by symbol.
    pub form: Form,
}

const fn family(name: &'static str, event: Event, form: Form) -> Family {
    Family { name, event, form }
}

/// All of them.
pub const FAMILIES: [Family; 21] = [
    family("orderbook", Event::Levels, Form::Symbols),
    family("orderbook.raw", Event::Raw, Form::Symbols),
    family("orderbook.group", Event::Group, Form::Symbols),
    family("ticker", Event::Ticker, Form::Symbols),
    family("trade", Event::Trade, Form::Addresses),
    family("trade.symbols", Event::Trade, Form::Symbols),
    family("trade.accounts", Event::AccountTrade, Form::Addresses),
    family("order", Event::Order(OrderEvent::Order), Form::Addresses),
    family("order.symbols", Event::Order(OrderEvent::Order), Form::Symbols),
    family("order-update", Event::Order(OrderEvent::Update), Form::Addresses),
    family("order-update.symbols", Event::Order(OrderEvent::Update), Form::Symbols),
    family("order-expired", Event::Order(OrderEvent::Expired), Form::Addresses),
    family("order-expired.symbols", Event::Order(OrderEvent::Expired), Form::Symbols),
    family("market-order", Event::Order(OrderEvent::Market), Form::Addresses),
    family("market-order.symbols", Event::Order(OrderEvent::Market), Form::Symbols),
    family("filling", Event::Order(OrderEvent::Filling), Form::Addresses),
    family("filling.symbols", Event::Order(OrderEvent::Filling), Form::Symbols),
    family("deposit", Event::Movement(Way::In), Form::Addresses),
    family("deposit.symbols", Event::Movement(Way::In), Form::Symbols),
    family("withdrawal", Event::Movement(Way::Out), Form::Addresses),
    family("withdrawal.symbols", Event::Movement(Way::Out), Form::Symbols),
];

impl Family {
    /// That of this name.
    #[must_use]
    pub fn called(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == name)
    }
    /// Whether its events are an account's.
    #[must_use]
    pub const fn is_of_account(&self) -> bool {
        matches!(self.event, Event::AccountTrade | Event::Order(_) | Event::Movement(_))
    }
}

/// The wording of a book by level as `/orderbook.group` tells it.
pub const GROUPED: Wording = Wording(0);
/// The wording of a book by level as `/orderbook` tells it.
pub const LEVELS: Wording = Wording(1);

/// The wording of an account's orders for its own subscription: an order whose place another took.
pub const PUSH_REPLACED: Wording = Wording(8);
/// The wording of an account's orders for its own subscription: the order that took a step.
pub const PUSH_STEP: Wording = Wording(9);

/// The whole book by level.
pub const BOOK: TopicKind = TopicKind::Book { depth: WHOLE, cadence: BOOK_CADENCE };
/// The whole book by order.
pub const RAW_BOOK: TopicKind = TopicKind::Detail { depth: WHOLE, cadence: BOOK_CADENCE };

/// Statistics of a period.
#[must_use]
pub const fn ticker(period: Period) -> TopicKind {
    TopicKind::Ticker { window: period.window(), cadence: TICKER_CADENCE, quotes: true }
}

/// The span that statistics or a candle are of, as the venue names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// `D1`
    pub name: &'static str,
    /// Of candles.
    pub interval: Interval,
    /// Its length in seconds.
    pub seconds: i64,
}

const fn seconds(name: &'static str, seconds: u32) -> Period {
    Period { name, interval: Interval::Seconds(seconds), seconds: seconds as i64 }
}

/// All of them, the shortest first.
pub const PERIODS: [Period; 11] = [
    seconds("I1", 60),
    seconds("I5", 300),
    seconds("I15", 900),
    seconds("I30", 1_800),
    seconds("H1", 3_600),
    seconds("H2", 7_200),
    seconds("H4", 14_400),
    seconds("H6", 21_600),
    seconds("H12", 43_200),
    seconds("D1", 86_400),
    Period { name: "W1", interval: Interval::Week, seconds: 7 * 86_400 },
];

impl Period {
    /// A day.
    pub const DAY: Self = PERIODS[9];

    /// That of this name, whose case counts.
    #[must_use]
    pub fn called(name: &str) -> Option<Self> {
        PERIODS.into_iter().find(|known| known.name == name)
    }
    /// That of statistics that look back so far.
    #[must_use]
    pub fn of_window(window: Window) -> Option<Self> {
        PERIODS.into_iter().find(|known| known.window() == window)
    }
    /// How far statistics of it look back.
    #[must_use]
    pub const fn window(self) -> Window {
        Window(Span::seconds(self.seconds))
    }
}

/// Whether this has the form of a market's or a token's symbol: upper-case letters and digits.
#[must_use]
pub fn is_symbol(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
