//! A dialect for the edge's own tests, so plain that a test reads as what it tests: `+trades0` subscribes to the
//! trades of instrument 0, `-trades0` unsubscribes, `@7:own0:PASS` subscribes to account 7's own orders there, [`words`]
//! has more; anything else comes back behind a question mark.

use std::time::Duration;

use dialects::{
    Dialect, Doors, FrameBuilder, FramePool, HttpRequest, HttpResponse, LastWords, Manners,
    Opening, Parting, Request, Subject, Visitor,
};
use model::{
    AccountId, Cadence, Class, Event, EventBody, InstrumentId, Level, LevelBook, OrderId, Price,
    Quantity, Sequence, Side, Time, Topic, TopicKind, Trade, TradeId, Update,
};

use crate::outbox::{Slot, Told};
use crate::ws::{Opcode, encode};

pub mod words;

/// See the module.
pub struct Plain {
    pub manners: Manners,
    pub doors: Doors,
    /// Books begin with their state.
    pub state_first: bool,
    /// Blanks behind each message.
    pub padding: usize,
    /// How long a login is good.
    pub login_lasts: Option<Duration>,
}

impl Default for Plain {
    fn default() -> Self {
        Self {
            manners: Manners {
                message_bytes_max: 512,
                oversize_reason: "too long",
                subscriptions_max: 4,
                ping_every: Some(Duration::from_secs(54)),
                pong_within: Duration::from_secs(60),
                idle_max: None,
                age_max: Some(Duration::from_secs(1_000)),
                notice: Duration::from_secs(5),
                queue_bytes_max: 16 * 1024 * 1024,
                stall_max: Duration::from_secs(60),
                wait_max: Duration::from_secs(120),
                ..Manners::LENIENT
            },
            doors: Doors { socket_paths: &["/plain"], http_prefixes: &[], hosts: &[] },
            state_first: false,
            padding: 0,
            login_lasts: None,
        }
    }
}

/// `trades0`, `book0`, `delta0`, `depth0`, each with the instrument's digit; `x:` in front makes another name of the same.
pub fn topic(name: &str) -> Option<Topic> {
    let name = name.rsplit(':').next()?;
    let kind = match name.trim_end_matches(|letter: char| letter.is_ascii_digit()) {
        "trades" => TopicKind::Trades,
        "book" => TopicKind::Book { depth: 10, cadence: Cadence::TENTH },
        "depth" => TopicKind::Depth { depth: 10, step: None, cadence: Cadence::TENTH },
        "delta" => TopicKind::Delta { cadence: Cadence::TENTH },
        "own" => TopicKind::OwnOrders,
        _ => return None,
    };
    let digits = name.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let instrument = InstrumentId(digits.parse().ok()?);
    Some(match kind {
        TopicKind::OwnOrders => Topic::own(ALICE, instrument, kind),
        _ => Topic::of(instrument, kind),
    })
}

/// Whose topics [`topic`] speaks of.
pub const ALICE: AccountId = AccountId(7);

/// `7:own0:PASS`; the topic is that account's, but `7:8:own0:PASS` asks for account 8's as if it were 7.
fn subscribe_own(own: &str) -> Option<Request> {
    let (name, pass) = own.rsplit_once(':')?;
    let (accounts, topic) = name.rsplit_once(':')?;
    let account = |text: &str| Some(AccountId(text.parse().ok()?));
    let (shown, asked) = accounts.split_once(':').unwrap_or((accounts, accounts));
    let instrument = InstrumentId(topic.strip_prefix("own")?.parse().ok()?);
    Some(Request::SubscribeOwn {
        subscription: name.into(),
        account: account(shown)?,
        pass: pass.into(),
        subjects: vec![Topic::own(account(asked)?, instrument, TopicKind::OwnOrders).into()],
        opening: Opening::Said(format!("@{name} ok").into_bytes()),
        refusal: format!("@{name} no").into_bytes(),
    })
}

impl Dialect for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }
    fn doors(&self) -> &Doors {
        &self.doors
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn decode(&self, message: &[u8], visitor: &Visitor<'_>, out: &mut Vec<Request>) {
        let text = String::from_utf8_lossy(message);
        for word in text.split_ascii_whitespace() {
            if let Some(request) = words::understand(word, visitor, self.login_lasts) {
                out.push(request);
                continue;
            }
            let acknowledgement = format!("{word} ok").into_bytes();
            out.push(if let Some(name) = word.strip_prefix('+') {
                let (subjects, stamp) =
                    (topic(name).into_iter().map(Subject::from).collect(), None);
                let opening = Opening::Said(acknowledgement);
                Request::Subscribe { subscription: name.into(), subjects, stamp, opening }
            } else if let Some(name) = word.strip_prefix('-') {
                Request::Unsubscribe { subscriptions: vec![name.into()], acknowledgement }
            } else if let Some(own) = word.strip_prefix('@') {
                subscribe_own(own).expect("an account, a topic and a pass")
            } else {
                Request::Say(format!("? {word}").into_bytes())
            });
        }
    }
    fn encode(
        &self,
        subject: &Subject,
        update: &Update<'_>,
        _: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        let instrument = subject.topic.instrument().expect("all topics here have one");
        let text = match update {
            Update::Trade(trade) => format!("trades{instrument} {}", trade.id),
            Update::Book(book) => format!("book{instrument} {}", book.time.0),
            Update::Depth(book) => {
                let kind = if book.snapshot { "whole" } else { "depth" };
                format!("{kind}{instrument} {}", book.sequence)
            }
            Update::Delta(book) => format!("delta{instrument} {}", book.time.0),
            Update::OwnOrder(own) => format!("own{instrument} of {} {}", own.account, own.order.id),
            _ => return false,
        };
        if subject.wording == words::STAMPED {
            out.stamp_here(words::STAMP_BYTES);
            out.text_mut().push(b' ');
        }
        out.text_mut().extend_from_slice(text.as_bytes());
        if let (words::ROWED, Update::Book(book)) = (subject.wording, update) {
            out.list(Side::Buy, book.bids, |out, level| {
                out.extend_from_slice(format!(" {instrument}:{}", level.quantity.0).as_bytes());
            });
        }
        out.text_mut().extend(std::iter::repeat_n(b' ', self.padding));
        true
    }
    fn tells_state_first(&self, subject: &Subject) -> bool {
        self.state_first
            && matches!(subject.topic.kind, TopicKind::Book { .. } | TopicKind::Delta { .. })
    }
    fn http(&self, _: &HttpRequest<'_>) -> dialects::Step {
        dialects::Step::Reply(HttpResponse::json(404, b"{}".to_vec()))
    }
    fn http_too_fast(&self) -> HttpResponse {
        HttpResponse::json(429, b"{}".to_vec())
    }
    fn part(&self, parting: Parting) -> LastWords {
        let (message, close) = match parting {
            Parting::Shutdown | Parting::TooOld => (Some("please move"), Some((1001, "bye"))),
            Parting::SlowConsumer => (None, Some((1008, "too slow"))),
            Parting::TooManySubscriptions => (None, None),
            Parting::Unresponsive => (None, Some((1011, "no pong"))),
            Parting::Revoked => (Some("who are you"), Some((1008, "revoked"))),
            Parting::Idle => (Some("sleep well"), Some((1001, "idle"))),
            Parting::Abuse => (None, Some((1008, "enough"))),
            Parting::NotLoggedIn => (None, Some((1008, "who is there"))),
            Parting::TooManyConnections => (None, Some((1008, "enough of you"))),
        };
        LastWords { message: message.map(|text| text.as_bytes().to_vec()), close }
    }
}

/// A print by a source by level; `number` is sequence and id.
pub fn print(number: u64, instrument: u16) -> Event {
    let time = Time(number as i64 * 1_000);
    Event {
        sequence: Sequence(number),
        cause: Sequence(0),
        time,
        instrument: InstrumentId(instrument),
        body: EventBody::Printed(Trade {
            id: TradeId(number),
            time,
            price: Price(100),
            quantity: Quantity(1),
            aggressor: Side::Buy,
            maker: OrderId(0),
            taker: OrderId(0),
            maker_account: None,
            taker_account: None,
        }),
    }
}

/// A whole book by level with one bid, of this quantity.
pub fn whole_book(number: u64, instrument: u16, quantity: i64) -> Event {
    level_book(number, instrument, quantity, EventBody::BookSnapshot)
}

/// A change by level of that bid.
pub fn book_change(number: u64, instrument: u16, quantity: i64) -> Event {
    level_book(number, instrument, quantity, EventBody::BookDelta)
}

fn level_book(
    number: u64,
    instrument: u16,
    quantity: i64,
    body: impl Fn(Box<LevelBook>) -> EventBody,
) -> Event {
    let bids = vec![Level { price: Price(99), quantity: Quantity(quantity) }];
    let book = Box::new(LevelBook { bids, asks: Vec::new() });
    Event { body: body(book), ..print(number, instrument) }
}

/// Numbers that look random, from a seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }
}

/// A frame of so many bytes of text, which differ from those of other sequences.
pub fn told(slot: u32, class: Class, sequence: u64, text_bytes: usize) -> Told {
    let mut pool = FramePool::new(0);
    let mut builder = pool.builder();
    builder.text_mut().extend((0..text_bytes).map(|index| (sequence as usize * 31 + index) as u8));
    let frame = pool.finish(builder, |headroom, length| {
        encode::write_header_back(headroom, Opcode::Text, length)
    });
    Told { slot: Slot(slot), class, sequence: Sequence(sequence), is_whole: false, frame }
}
