//! Questions about state now, beside the stream, and their answers. Answers show the same durable state that
//! subscribers see.

use crate::account::{Label, OwnOrder, OwnOrderUpdate, OwnRecord, OwnTrade};
use crate::book::{Level, OrderEntry};
use crate::candle::{Candle, Interval};
use crate::event::Balance;
use crate::ids::{AccountId, InstrumentId, OrderId, Sequence, TradeId};
use crate::instrument::{Price, Quantity, Status};
use crate::order::Side;
use crate::perpetual::{
    FeedQuote, FundingRate, MarginChoice, OwnAlert, OwnPosition, OwnPositions, OwnSettlement,
    OwnSettlements, PerpetualState,
};
use crate::ticker::{Ticker, Window};
use crate::time::Time;
use crate::topic::Cadence;
use crate::trade::Trade;
use crate::update::{EventMark, OrderUpdate};

/// A question about state now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The whole book by level, as last told to the subscribers of this cadence.
    Book {
        /// Whose.
        instrument: InstrumentId,
        /// As told at this cadence.
        cadence: Cadence,
    },
    /// The whole book by order, as last told to the subscribers of this cadence.
    Detail {
        /// Whose.
        instrument: InstrumentId,
        /// As told at this cadence.
        cadence: Cadence,
    },
    /// The levels in view of a [`TopicKind::Depth`](crate::TopicKind::Depth), as last told to its subscribers; what
    /// it tells next follows on the answer.
    Depth {
        /// Whose.
        instrument: InstrumentId,
        /// Levels a side.
        depth: u16,
        /// In steps of so many ticks.
        step: Option<Price>,
        /// As told at this cadence.
        cadence: Cadence,
    },
    /// The trades since a moment, newest first.
    Trades {
        /// Whose.
        instrument: InstrumentId,
        /// Not older than this.
        since: Time,
        /// At most so many.
        limit: usize,
    },
    /// Candles whose start lies in `from..=till`, oldest first; the newest `limit` of them. So many of each interval are
    /// remembered as there can be in an answer; see the views.
    Candles {
        /// Whose.
        instrument: InstrumentId,
        /// How long each.
        interval: Interval,
        /// First start.
        from: Time,
        /// Last start.
        till: Time,
        /// At most so many.
        limit: usize,
        /// Whether intervals without a trade have a candle too, once there was one: without volume, at the price
        /// before. The running interval is the last.
        filled: bool,
    },
    /// The steps that orders took in public, the oldest first.
    OrderSteps {
        /// Whose.
        instrument: InstrumentId,
        /// Which.
        stretch: Stretch,
    },
    /// Rolling statistics of one instrument.
    Ticker {
        /// Whose.
        instrument: InstrumentId,
        /// How far back.
        window: Window,
    },
    /// Rolling statistics of every instrument, in the directory's order.
    Tickers {
        /// How far back.
        window: Window,
    },
    /// What each instrument lets people do, in the directory's order.
    Statuses,
    /// The accounts of which something is kept, the smallest number first.
    Accounts {
        /// At most so many.
        limit: usize,
    },
    /// What time it is in the market.
    Now,
    /// What an account holds.
    Balances {
        /// Whose.
        account: AccountId,
    },
    /// The open orders of an account, stop orders included, the oldest first.
    OpenOrders {
        /// Whose.
        account: AccountId,
        /// Where; `None` is everywhere.
        instrument: Option<InstrumentId>,
    },
    /// Orders of an account, open and ended not too long ago.
    OwnOrders(OwnOrders),
    /// One order of an account, open or ended not too long ago, and its trades.
    Order {
        /// Whose.
        account: AccountId,
        /// Which.
        key: OrderKey,
    },
    /// Trades of an account.
    OwnTrades(OwnTrades),
    /// Trades of an account, and what else came to it or left it.
    OwnRecords(OwnRecords),
    /// A perpetual's prices, funding and open interest.
    Perpetual {
        /// Which.
        instrument: InstrumentId,
    },
    /// What the constituents of a perpetual's index were quoted at last from outside.
    Quotes {
        /// Of which perpetual.
        instrument: InstrumentId,
    },
    /// Funding that was exchanged, the oldest first; the newest `limit` of it.
    FundingRates {
        /// Of which perpetual.
        instrument: InstrumentId,
        /// Not older than this.
        since: Time,
        /// Not newer than this.
        until: Time,
        /// At most so many.
        limit: usize,
    },
    /// Positions of an account, open and ended not too long ago.
    Positions(OwnPositions),
    /// What an account has chosen in perpetuals, in the directory's order: those in which it ever traded or chose something.
    MarginChoices {
        /// Whose.
        account: AccountId,
    },
    /// Money that came of positions of an account, or went into them.
    Settlements(OwnSettlements),
    /// The last alerts about margins of an account, the newest first.
    MarginAlerts {
        /// Whose.
        account: AccountId,
        /// The instruments that are meant; `None` is all.
        among: Option<Vec<InstrumentId>>,
        /// At most so many.
        limit: usize,
    },
    /// Steps that orders of an account took, the oldest first.
    OwnSteps {
        /// Whose.
        account: AccountId,
        /// Where.
        instrument: InstrumentId,
        /// Whether those are meant that stop orders took outside the book; else those that the public was told.
        outside: bool,
        /// Which.
        stretch: Stretch,
    },
}

impl Query {
    /// Leaves out what is about other instruments than these, where a part of an answer is asked for: what is left out of
    /// an answer afterwards has been counted among those asked for.
    pub fn keep_to(&mut self, only: &[InstrumentId]) {
        let among = match self {
            Self::OwnOrders(OwnOrders { among, .. })
            | Self::OwnTrades(OwnTrades { among, .. })
            | Self::OwnRecords(OwnRecords { among, .. })
            | Self::Positions(OwnPositions { among, .. })
            | Self::Settlements(OwnSettlements { among, .. })
            | Self::MarginAlerts { among, .. } => among,
            _ => return,
        };
        match among {
            Some(among) => among.retain(|instrument| only.contains(instrument)),
            None => *among = Some(only.to_vec()),
        }
    }

    /// The account that alone may be told the answer, if it is about one.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::Balances { account }
            | Self::OpenOrders { account, .. }
            | Self::Order { account, .. }
            | Self::OwnSteps { account, .. }
            | Self::MarginChoices { account }
            | Self::MarginAlerts { account, .. }
            | Self::Positions(OwnPositions { account, .. })
            | Self::Settlements(OwnSettlements { account, .. })
            | Self::OwnOrders(OwnOrders { account, .. })
            | Self::OwnTrades(OwnTrades { account, .. })
            | Self::OwnRecords(OwnRecords { account, .. }) => Some(*account),
            Self::Book { .. }
            | Self::Detail { .. }
            | Self::Depth { .. }
            | Self::Trades { .. }
            | Self::OrderSteps { .. }
            | Self::Candles { .. }
            | Self::Ticker { .. }
            | Self::Tickers { .. }
            | Self::Statuses
            | Self::Perpetual { .. }
            | Self::Quotes { .. }
            | Self::FundingRates { .. }
            | Self::Accounts { .. }
            | Self::Now => None,
        }
    }
}

/// A stretch of a chain of order events. Bounds are compared by their time and tie alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// From here on, this one included.
    pub since: EventMark,
    /// To here, this one left out; `None` is to the end.
    pub until: Option<EventMark>,
    /// At most so many.
    pub limit: usize,
}

impl Stretch {
    /// Whether a step lies in it, whatever its limit.
    #[must_use]
    pub fn covers(&self, mark: EventMark) -> bool {
        let place = |mark: EventMark| (mark.time, mark.tie);
        place(mark) >= place(self.since)
            && self.until.is_none_or(|until| place(mark) < place(until))
    }
}

/// How an owner names an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKey {
    /// By its id.
    Id(OrderId),
    /// By its owner's own name; the newest order with it is meant.
    Label(Label),
}

/// Which trades of an account are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTrades {
    /// Whose.
    pub account: AccountId,
    /// Where; `None` is everywhere.
    pub instrument: Option<InstrumentId>,
    /// The instruments that are meant; `None` is all.
    pub among: Option<Vec<InstrumentId>>,
    /// Not older than this.
    pub since: Option<Time>,
    /// Not newer than this.
    pub until: Option<Time>,
    /// Not with a smaller id than this.
    pub since_id: Option<TradeId>,
    /// Not with a greater id than this.
    pub until_id: Option<TradeId>,
    /// Of which side its own order was.
    pub side: Option<Side>,
    /// Which order rested.
    pub maker: Option<OrderId>,
    /// Which order arrived.
    pub taker: Option<OrderId>,
    /// Which come first.
    pub sort: Sort,
    /// So many of them are left out at first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl OwnTrades {
    /// All of them, the newest first.
    #[must_use]
    pub const fn of(account: AccountId) -> Self {
        Self {
            account,
            instrument: None,
            among: None,
            since: None,
            until: None,
            since_id: None,
            until_id: None,
            side: None,
            maker: None,
            taker: None,
            sort: Sort::NewestFirst,
            offset: 0,
            limit: usize::MAX,
        }
    }
}

/// Which orders of an account are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrders {
    /// Whose.
    pub account: AccountId,
    /// Where; `None` is everywhere.
    pub instrument: Option<InstrumentId>,
    /// The instruments that are meant; `None` is all.
    pub among: Option<Vec<InstrumentId>>,
    /// Of which side.
    pub side: Option<Side>,
    /// Accepted not earlier than this.
    pub since: Option<Time>,
    /// Accepted not later than this.
    pub until: Option<Time>,
    /// Called so by their owner.
    pub label: Option<Label>,
    /// Open, ended or both.
    pub which: Which,
    /// Which come first; one is newer that was accepted later.
    pub sort: Sort,
    /// So many of them are left out at first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl OwnOrders {
    /// All of them, the newest first.
    #[must_use]
    pub const fn of(account: AccountId) -> Self {
        Self {
            account,
            instrument: None,
            among: None,
            side: None,
            since: None,
            until: None,
            label: None,
            which: Which::All,
            sort: Sort::NewestFirst,
            offset: 0,
            limit: usize::MAX,
        }
    }
}

/// Orders in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Which {
    /// Whatever happened to them.
    #[default]
    All,
    /// Those to which something can still happen.
    Open,
    /// The others.
    Ended,
}

/// Which records of an account are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRecords {
    /// Whose.
    pub account: AccountId,
    /// Where; then only trades are meant. `None` is everywhere.
    pub instrument: Option<InstrumentId>,
    /// The instruments of which trades are meant; `None` is all. What else came or left is of none.
    pub among: Option<Vec<InstrumentId>>,
    /// Not older than this.
    pub since: Option<Time>,
    /// Not newer than this.
    pub until: Option<Time>,
    /// None before this one.
    pub from: Option<RecordKey>,
    /// Which come first.
    pub sort: Sort,
    /// So many of them are left out at first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// Which record: if there is none of this number, the next one of its kind is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKey {
    /// A trade.
    Trade(TradeId),
    /// What else came or left, by the event that told it.
    Movement(Sequence),
}

/// Which come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The oldest.
    OldestFirst,
    /// The newest.
    #[default]
    NewestFirst,
}

/// An order of an account and its trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderStory {
    /// The order.
    pub order: OwnOrder,
    /// Its trades that are remembered, the oldest first.
    pub trades: Vec<OwnTrade>,
}

/// The reply to a [`Query`]. Every variant carries the market time at which it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Market time now.
    pub now: Time,
    /// What was asked for.
    pub body: AnswerBody,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerBody {
    /// To [`Query::Book`]: best first.
    Book {
        /// The stamp of the last published state.
        time: Time,
        /// Descending.
        bids: Vec<Level>,
        /// Ascending.
        asks: Vec<Level>,
    },
    /// To [`Query::Detail`]: best first, at one price the oldest first.
    Detail {
        /// The stamp of the last published state.
        time: Time,
        /// Descending.
        bids: Vec<OrderEntry>,
        /// Ascending.
        asks: Vec<OrderEntry>,
    },
    /// To [`Query::Depth`]: best first.
    Depth {
        /// The stamp of the last published state.
        time: Time,
        /// The number of the update that told it.
        sequence: u64,
        /// Descending.
        bids: Vec<Level>,
        /// Ascending.
        asks: Vec<Level>,
        /// What rested on the bids in all.
        bids_total: Quantity,
        /// What rested on the asks in all.
        asks_total: Quantity,
    },
    /// To [`Query::Trades`].
    Trades(Vec<Trade>),
    /// To [`Query::Candles`].
    Candles(Vec<Candle>),
    /// To [`Query::Ticker`].
    Ticker(Box<Ticker>),
    /// To [`Query::Tickers`].
    Tickers(Vec<(InstrumentId, Ticker)>),
    /// To [`Query::Statuses`].
    Statuses(Vec<(InstrumentId, Status)>),
    /// To [`Query::Accounts`].
    Accounts(Vec<AccountId>),
    /// To [`Query::Now`].
    Now,
    /// To [`Query::Balances`]: of each asset that the account ever held, in the order of the assets.
    Balances(Vec<Balance>),
    /// To [`Query::OpenOrders`].
    OpenOrders(Vec<OwnOrder>),
    /// To [`Query::OwnOrders`].
    OwnOrders {
        /// Those asked for.
        orders: Vec<OwnOrder>,
        /// How many there are, those included that `offset` and `limit` left out.
        total: usize,
    },
    /// To [`Query::Order`]; `None` if the account has no such order, or none that is remembered.
    Order(Option<Box<OrderStory>>),
    /// To [`Query::OwnTrades`].
    OwnTrades(Vec<OwnTrade>),
    /// To [`Query::OwnRecords`].
    OwnRecords(Vec<OwnRecord>),
    /// To [`Query::OrderSteps`].
    OrderSteps {
        /// Those that are remembered.
        steps: Vec<OrderUpdate>,
        /// Whether some that were asked for may have been forgotten, or came before all that was ever known.
        is_cut: bool,
    },
    /// To [`Query::OwnSteps`].
    OwnSteps {
        /// Those that are remembered.
        steps: Vec<OwnOrderUpdate>,
        /// As in [`AnswerBody::OrderSteps`].
        is_cut: bool,
    },
    /// To [`Query::Perpetual`], once there was a mark.
    Perpetual(Box<PerpetualState>),
    /// To [`Query::Quotes`]: of each constituent that was ever quoted, by its place.
    Quotes(Vec<FeedQuote>),
    /// To [`Query::FundingRates`].
    FundingRates(Vec<FundingRate>),
    /// To [`Query::Positions`].
    Positions(Vec<OwnPosition>),
    /// To [`Query::MarginChoices`].
    MarginChoices(Vec<MarginChoice>),
    /// To [`Query::Settlements`].
    Settlements(Vec<OwnSettlement>),
    /// To [`Query::MarginAlerts`].
    MarginAlerts(Vec<OwnAlert>),
    /// The source does not know it: orders of a source by level, a book before its first snapshot, a
    /// perpetual that is none or has no mark; or nobody
    /// follows the account.
    Unavailable,
}
