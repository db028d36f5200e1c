//! The words of the house: what an instrument, an order, a command, an event, a topic and an update are.
//!
//! This crate is the vocabulary that every other crate speaks. It depends on nothing, reads no clock,
//! does no I/O, knows no wire format and no dialect. Prices are ticks, quantities are lots, money is
//! counted in the smallest unit; there is no float.

pub mod decimal;
pub mod ids;
pub mod time;

pub mod address;
pub mod asset;
pub mod contract;
pub mod index;
pub mod instrument;
pub mod order;

pub mod command;
pub mod event;
pub mod source;

pub mod account;
pub mod book;
pub mod candle;
pub mod perpetual;
pub mod position;
pub mod ticker;
pub mod trade;

pub mod query;
pub mod topic;
pub mod update;

pub mod image;

pub use account::{
    Filled, Label, Liquidity, MovementKind, OwnMovement, OwnOrder, OwnOrderUpdate, OwnRecord,
    OwnStep, OwnTrade, Purpose, Standing,
};
pub use address::{ADDRESS_TEXT_BYTES, Address};
pub use asset::{Amount, Asset, Assets, Settlement};
pub use book::{BookSide, Level, OrderEntry};
pub use candle::{Candle, INTERVALS, Interval};
pub use command::{Action, Command};
pub use contract::{Constituent, Contract, Payoff, Tier, Valuation, leverage_ppm};
pub use decimal::{Decimal, DecimalError};
pub use event::{
    Balance, CloseReason, Event, EventBody, Fill, LevelBook, Movement, PerpetualRejection,
    Rejection,
};
pub use ids::{
    AccountId, AssetId, Epoch, InstrumentId, Mark, OrderId, PositionId, Sequence, TradeId,
};
pub use index::{BookScale, FeedName};
pub use instrument::{Instrument, Listing, Minimum, Price, Quantity, Status};
pub use order::{
    NewOrder, OrderKind, OrderState, SelfTradePolicy, Side, TimeInForce, Trail, Trigger,
    TriggerWhen,
};
pub use perpetual::{
    Dealt, Earned, FeedQuote, FundingRate, MarginChoice, OwnAlert, OwnPosition, OwnPositions,
    OwnSettlement, OwnSettlements, PerpetualState, SettlementKind,
};
pub use position::{
    AlertKind, MarginAlert, MarginMode, MarkState, PerpetualAction, PerpetualEvent, PositionState,
    Settled, SettledBy,
};
pub use query::{
    Answer, AnswerBody, OrderKey, OrderStory, OwnOrders, OwnRecords, OwnTrades, Query, RecordKey,
    Sort, Stretch, Which,
};
pub use source::{NoOrders, Note, Outcome, Passed, Source, Taken, Wake};
pub use ticker::{Ticker, Window};
pub use time::{Span, Time};
pub use topic::{Cadence, Class, Scope, Topic, TopicKind, WHOLE};
pub use trade::Trade;
pub use update::{
    BookUpdate, DepthUpdate, DetailUpdate, EventMark, OrderStep, OrderUpdate, Update,
};
