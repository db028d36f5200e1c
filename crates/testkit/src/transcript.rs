//! Transcripts: readable dialogues between a client, the market and a venue, one documented behaviour each.
//!
//! The same text is played on any [`Stage`]: a venue in memory, or the real one over sockets. Time is told, never
//! awaited; what a client reads is compared byte for byte. At the end nothing may be left to read.
//!
//! | line | means |
//! |---|---|
//! | `# what it shows (section)` | the title, first of all; later lines with `#` are remarks |
//! | `with strict markets` | a venue that is other than usual; see [`Setup`] |
//! | `> text`, `< text` | a client says; it hears exactly this next |
//! | `>> ping x`, `>> pong`, `>> close 1000 why`, `>> binary text`, `>> blanks 513`, `>> bytes c1 80` | it sends something else than a text |
//! | `>> padded 513 text` | it says the text with so many blanks behind it that it has 513 bytes |
//! | `<< ping`, `<< pong x`, `<< close 1001 why`, `<< dropped` | it hears something else than a text |
//! | `... close 1008 why` | it hears whatever comes until this |
//! | `silence` | nothing waits for it |
//! | `stall`, `read` | it stops reading; it reads again |
//! | `b > text` | the same by another client, called `b` |
//! | `opens /path?query` | a client connects at this door rather than at the usual one; `but with Host ws.bitstamp.net`, say |
//! | `UPGRADE /path?query` | somebody wants to connect there and is refused: then a line with status and content type, then the body |
//! | `1024 times > …{n}…` | the line so often, `{n}` counting from 0, `{id from 7}` from there in the last twelve digits of the ids that a venue gives |
//! | `place alice buy limit 0.5 @ 60000.00 as first` | an order: `market 0.5`, then `ioc`, `fok`, `post-only`, `for 250 ms`, `when >= 60000.00`, `on ethbtc` |
//! | `cancel first`, `cancel all alice`, `replace first 0.4 @ 60000.00` | what becomes of it |
//! | `deposit alice 0.5 BTC`, `withdraw alice 0.5 BTC`, `transfer alice bob 0.5 BTC` | what an account holds comes and goes |
//! | `self-trade alice cancel-resting` | what happens when her orders meet |
//! | `quote 60000 on btcusd-perp`, `mark on btcusd-perp` | somebody outside trades at this price; a perpetual's prices are taken anew, and what follows from them happens |
//! | `margin alice isolated on btcusd-perp`, `leverage alice 5 on btcusd-perp` | what answers for her position there, and how much of it |
//! | `reduce alice sell limit 0.5 @ 60000 on btcusd-perp` | an order as by `place` that only makes a position smaller |
//! | `status halted on ethbtc` | a market opens or closes: `trading`, `post-only`, `cancel-only`, `halted` |
//! | `book bids 0.5@60000.00 asks 1@60010.00`, `change …`, `print buy 0.5 @ 60000.00` | what a source by level tells |
//! | `tick`, `pass 5 s` | market time moves to the next tick, or so far (`us`, `ms`, `s`, `min`, `h`, `days`) |
//! | `wait 54 s`, `live 54 s` | session time moves so far; the client answers pings on the way |
//! | `admit alice` | a pass is issued to her, good for a minute; [`people`](crate::people) says which |
//! | `revoke alice` | her key is good no longer |
//! | `block alice`, `unblock alice` | her account is blocked; it may go on |
//! | `…{token of alice}…`, `…{key of alice}…` | her token or her key, in any line |
//! | `…{secret of alice}…`, `…{basic of alice}…` | her secret; her key and secret as `Authorization: Basic` has them |
//! | `…{address of alice}…` | her wallet's address |
//! | `disk fails` | what is submitted next cannot be kept, and nothing is taken behind it |
//! | `shutdown` | the server begins to leave |
//! | `GET /path?query` | then a line with status and content type, then the body, `(empty)` or `(any)` |
//! | `POST /path as alice` | the same signed by her; whatever the venue signs in return is checked |
//! | `… but with X-Auth-Nonce abc` | this header is other than usual, and signed so |
//! | `… but without X-Auth-Nonce` | this header is left out after signing |
//! | `… but signed by bob`, `… but signed for ws.bitstamp.net` | with his secret; as if this host had been asked |
//! | `… but 151 s late`, `… but 151 s early` | its timestamp is so far from the wall's time |
//! | `+ amount=1&price=60000` | right behind a request: its body, a form unless a `Content-Type` says otherwise |

mod parse;
mod play;
mod signing;
mod sockets;
mod stage;

pub use parse::{Fault, parse};
pub use play::{Failure, play};
pub use signing::Sent;
pub use sockets::Sockets;
pub use stage::{Ear, Heard, Line, Stage};

use std::time::Duration;

use model::{
    Action, InstrumentId, LevelBook, OrderKind, PerpetualAction, Quantity, SelfTradePolicy, Side,
    Span, Status, Trigger,
};

use crate::people::Person;

/// A dialogue.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// What it shows, with the section of the dialect's description.
    pub title: String,
    /// What its venue is like.
    pub setup: Setup,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// What a transcript's venue is like, other than usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// `with strict markets`
    pub strict_markets: bool,
    /// `with null reconnect data`
    pub null_reconnect_data: bool,
    /// `with private accounts`: what concerns one account is nobody else's business, even where a venue is open.
    pub private_accounts: bool,
    /// `with few streams`: one connection may be subscribed to three, so that there are more.
    pub few_streams: bool,
    /// `with a source by level`: there are no orders, only levels and prints.
    pub by_level: bool,
    /// `with the blank of the sample`
    pub literal_sample: bool,
    /// `with 2 tickers at most`
    pub tickers_max: Option<u32>,
    /// `with no network between`: what waits for a client waits in the server, as no socket has room for it; or so
    /// much passes between both that a network would take too long. Played in memory only.
    pub memory_only: bool,
}

/// One thing that is done.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands, from 1.
    pub line: usize,
    /// What it is.
    pub what: What,
}

/// What is done.
#[derive(Clone, Debug)]
pub enum What {
    /// A client sends this.
    Say(Client, Said),
    /// A client connects at this door, by a request with these headers.
    Open(Client, String, Vec<(String, String)>),
    /// A client hears this next.
    Hear(Client, Heard),
    /// A client hears whatever it is, until it hears this.
    HearUntil(Client, Heard),
    /// Nothing waits for a client.
    Silence(Client),
    /// A client stops reading from its socket.
    Stall(Client),
    /// It reads again.
    Read(Client),
    /// Somebody acts on the market.
    Act(Act),
    /// The market's clock moves to the next tick.
    Tick,
    /// The market's clock moves so far.
    Pass(Span),
    /// The sessions' clock moves so far.
    Wait(Duration),
    /// The sessions' clock moves so far, and the first client answers each ping on the way.
    Live(Duration),
    /// Something is asked over HTTP, and answered so.
    Ask(Ask),
    /// A pass is issued to somebody.
    Admit(&'static Person),
    /// Somebody's key is good no longer.
    Revoke(&'static Person),
    /// What is submitted next cannot be kept, and nothing is taken behind it.
    FailDisk,
    /// Somebody's account is blocked, or is not any more.
    Block(&'static Person, bool),
    /// The server begins to leave.
    ShutDown,
}

/// Which client; the one without a name is 0.
pub type Client = usize;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(String),
    /// A ping.
    Ping(String),
    /// A pong.
    Pong(String),
    /// A close.
    Close(u16, String),
    /// A text message of so many bytes.
    Long(usize),
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
}

/// A request over HTTP and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// `GET`
    pub method: String,
    /// The path at the venue.
    pub path: String,
    /// What follows the question mark.
    pub query: Option<String>,
    /// Who signs it.
    pub signer: Option<&'static Person>,
    /// How it is other than that person's requests usually are, in order.
    pub quirks: Vec<Quirk>,
    /// The body that is sent.
    pub form: String,
    /// The status of the answer.
    pub status: u16,
    /// The exact content type; `None` if there is none.
    pub content_type: Option<String>,
    /// The exact body; `None` if any will do.
    pub body: Option<String>,
}

/// How a request over HTTP is other than usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// This header has this value, which is what is signed. Names are in lower case.
    With(String, String),
    /// This header is left out once all is signed.
    Without(String),
    /// It is signed with somebody else's secret.
    SignedBy(&'static Person),
    /// It is signed as if this host had been asked.
    SignedFor(String),
    /// Its timestamp is so far behind the wall's time, or before it if negative.
    Late(Span),
}

/// What somebody does on the market. Orders are called by labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Places an order.
    Place(Placing),
    /// Cancels an order.
    Cancel(String),
    /// Replaces an order; the new one takes its label.
    Replace(String, Quantity, model::Price),
    /// Cancels all orders of an account.
    CancelAll(model::AccountId),
    /// Brings something to an account, takes it out, or moves it to another.
    Move(Action),
    /// Says what happens when orders of an account meet.
    SelfTrade(model::AccountId, SelfTradePolicy),
    /// What is asked of a perpetual, but orders.
    Perpetual(PerpetualAction),
    /// Opens, restricts or halts a market.
    Status(InstrumentId, Status),
    /// A source by level tells a whole book.
    Book(InstrumentId, LevelBook),
    /// A source by level tells what changed.
    Change(InstrumentId, LevelBook),
    /// A source by level tells a trade.
    Print(InstrumentId, Side, Quantity, model::Price),
}

/// An order to be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placing {
    /// By whom.
    pub account: model::AccountId,
    /// Where.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// How much.
    pub quantity: Quantity,
    /// How long it lives.
    pub lives: Lives,
    /// Whether it is refused rather than matched.
    pub post_only: bool,
    /// What wakes it.
    pub trigger: Option<Trigger>,
    /// Whether it only makes a position smaller.
    pub reduces: bool,
    /// How later lines call it.
    pub label: Option<String>,
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    /// Until it is cancelled.
    Long,
    /// Not at all.
    AtOnce,
    /// All or nothing.
    AllOrNothing,
    /// So long.
    For(Span),
}
