//! Everything that reads bytes from strangers or from a disk, each behind one function that takes any bytes and panics only if a
//! promise is broken. `fuzz/` drives them by coverage; [`mutate`] drives them from seeds in the default tests.
//!
//! The configuration is read by the binary's crate, and tested there the same way.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialects::bitstamp::{Bitstamp, Options, client::Client};
use dialects::{
    Connector, Dialect, Errand, Heard, HttpRequest, HttpResponse, Opening, Request, Step, Visitor,
};
use edge::ws::decode::{Chunk, Decoder, Incoming, Limits};
use edge::ws::{CONTROL_BYTES_MAX, Role, Violation, close, handshake, head};
use engine::Engine;
use model::{
    AccountId, Action, Answer, AnswerBody, Cadence, Command, EventBody, InstrumentId, Level,
    Listing, NewOrder, OrderKind, Price, Quantity, Query, Sequence, Side, Span, Time, TimeInForce,
};
use serde_json::Value;
use views::Board;

use crate::dice::Dice;
use crate::served::listing;

pub mod confluencecode;
pub mod finazon;
pub mod followed;
pub mod images;
pub mod kept;
pub mod timex;
pub mod tongues;

/// One reader of bytes that nobody vouches for.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called here and in `fuzz/`.
    pub name: &'static str,
    /// Takes any bytes.
    pub feed: fn(&[u8]),
}

/// Those that are not alike for all dialects.
const OWN: [Target; 21] = [
    Target { name: "ws_decode", feed: ws_decode },
    Target { name: "ws_head", feed: ws_head },
    Target { name: "bitstamp_decode", feed: bitstamp_decode },
    Target { name: "bitstamp_http", feed: bitstamp_http },
    Target { name: "bitstamp_client", feed: bitstamp_client },
    Target { name: "confluencecode_decode", feed: confluencecode::decode },
    Target { name: "confluencecode_client", feed: confluencecode::client },
    Target { name: "finazon_decode", feed: finazon::decode },
    Target { name: "finazon_client", feed: finazon::client },
    Target { name: "timex_decode", feed: timex::decode },
    Target { name: "timex_http", feed: timex::http },
    Target { name: "timex_client", feed: timex::client },
    Target { name: "journal_record", feed: kept::record },
    Target { name: "journal_entries", feed: kept::entries },
    Target { name: "journal_segment", feed: kept::segment },
    Target { name: "image_file", feed: images::file },
    Target { name: "image_board", feed: images::board },
    Target { name: "image_accounts", feed: images::accounts },
    Target { name: "image_repeats", feed: images::repeats },
    Target { name: "copy_message", feed: followed::message },
    Target { name: "copy_taker", feed: followed::taker },
];

/// All of them.
pub fn targets() -> impl Iterator<Item = Target> {
    OWN.iter().chain(tongues::TARGETS).copied()
}

/// The folder of a target's seeds.
#[must_use]
pub fn seeds(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name)
}

// 1. The edge.

/// A message that a decoder gave, kept.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

const MESSAGE_BYTES_MAX: usize = 300;

/// Frames of either side: however the bytes are cut, the same messages come of them and the same violation, nothing
/// is longer than it may be, and nothing follows an end. The first byte chooses the side, the second the cuts.
pub fn ws_decode(bytes: &[u8]) {
    let [side, cuts, stream @ ..] = bytes else { return };
    let role = if side % 2 == 0 { Role::Server } else { Role::Client };
    let whole = decoded(role, stream, |rest| rest);
    let mut dice = Dice::new(u64::from(*cuts));
    let pieces = decoded(role, stream, |rest| 1 + dice.roll(1 + dice.clone().roll(rest)));
    assert_eq!(whole, pieces, "the same however it is cut");
    let single = decoded(role, stream, |_| 1);
    assert_eq!(whole, single, "the same byte by byte");
    for (place, message) in whole.0.iter().enumerate() {
        match message {
            Kept::Text(text) => assert!(text.len() <= MESSAGE_BYTES_MAX),
            Kept::Binary(bytes) => assert!(bytes.len() <= MESSAGE_BYTES_MAX),
            Kept::Ping(payload) | Kept::Pong(payload) => {
                assert!(payload.len() <= CONTROL_BYTES_MAX);
            }
            Kept::Close(code, reason) => {
                assert!(code.is_none_or(close::may_be_sent) && reason.len() <= 123);
                assert_eq!((place + 1, &whole.1), (whole.0.len(), &None), "the last word");
            }
        }
    }
    if let Some(violation) = whole.1 {
        assert!([1002, 1007, 1009].contains(&violation.code), "{violation:?}");
    }
}

/// Everything that comes of a stream whose next piece has as many bytes as `cut` says of what is left.
fn decoded(
    role: Role,
    stream: &[u8],
    mut cut: impl FnMut(usize) -> usize,
) -> (Vec<Kept>, Option<Violation>) {
    let limits = Arc::new(Limits::of_messages(MESSAGE_BYTES_MAX));
    let mut decoder = Decoder::new(limits, role);
    let mut kept = Vec::new();
    let mut rest = stream.to_vec();
    while !rest.is_empty() {
        let later = rest.split_off(cut(rest.len()).clamp(1, rest.len()));
        let mut chunk = Chunk::new(&mut rest);
        loop {
            kept.push(match decoder.next(&mut chunk) {
                Ok(None) => break,
                Ok(Some(Incoming::Text(text))) => Kept::Text(text.to_owned()),
                Ok(Some(Incoming::Binary(bytes))) => Kept::Binary(bytes.to_vec()),
                Ok(Some(Incoming::Ping(payload))) => Kept::Ping(payload.to_vec()),
                Ok(Some(Incoming::Pong(payload))) => Kept::Pong(payload.to_vec()),
                Ok(Some(Incoming::Close { code, reason })) => Kept::Close(code, reason.to_owned()),
                Err(violation) => {
                    assert!(decoder.has_ended());
                    return (kept, Some(violation));
                }
            });
        }
        assert!(chunk.rest().is_empty() || decoder.has_ended(), "nothing is left over");
        rest = later;
    }
    (kept, None)
}

/// Heads of requests and responses: what is read of them lies in what was given, reads the same without what
/// follows it, and is judged without fear.
pub fn ws_head(bytes: &[u8]) {
    if let Ok(Some((request, used))) = head::request(bytes) {
        assert!(used <= bytes.len() && bytes[..used].ends_with(b"\n"));
        let again = head::request(&bytes[..used]).expect("it was a head").expect("it was whole");
        assert_eq!((again.0.headers(), again.1), (request.headers(), used));
        assert!(matches!(head::request(&bytes[..used - 1]), Ok(None)), "not whole without its end");
        match handshake::accept(&request) {
            Ok(accept) => {
                let answer = accept.response_bytes();
                let (answer, _) = head::response(&answer).expect("a head").expect("a whole one");
                assert_eq!(answer.status(), 101);
            }
            Err(refusal) => assert!([400, 405, 426].contains(&refusal.status.as_u16())),
        }
    }
    if let Ok(Some((response, used))) = head::response(bytes) {
        assert!(used <= bytes.len());
        let opening = handshake::Opening::new(*b"0123456789abcdef");
        let fits = bytes[..used].windows(28).any(|it| it == b"BACScCJPNqyz+UBoqMH89VmURoA=");
        assert!(opening.check(&response).is_err() || fits, "nobody else knows the answer");
    }
}

// 2. Bitstamp's server half.

fn listings() -> Vec<Listing> {
    vec![
        listing(0, ["BTC", "USD"], [2, 8], "btcusd"),
        listing(1, ["ETH", "BTC"], [6, 8], "ethbtc"),
        listing(2, ["XRP", "USD"], [5, 0], "xrpusd"),
    ]
}

/// One thing of each thread, since a fuzzer asks many times.
fn with_bitstamp<T>(ask: impl FnOnce(&Bitstamp, &mut Vec<Board>) -> T) -> T {
    thread_local! {
        static VENUE: RefCell<(Bitstamp, Vec<Board>)> = RefCell::new((
            Bitstamp::new(&listings(), Options::default()).expect("listings in order"),
            boards(),
        ));
    }
    VENUE.with_borrow_mut(|(dialect, boards)| ask(dialect, boards))
}

const NOW: Time = Time::from_seconds(1_800_000_000);

/// Boards on which something has happened: orders rest, some have traded, and the books have spoken.
fn boards() -> Vec<Board> {
    let listings = listings();
    let instruments: Vec<_> = listings.into_iter().map(|listing| listing.instrument).collect();
    let mut engine = Engine::new(&instruments);
    let mut events = Vec::new();
    let mut boards: Vec<Board> = instruments
        .iter()
        .map(|it| {
            let mut board = Board::new(it.id, NOW);
            board.listen(model::TopicKind::Delta { cadence: Cadence::TENTH });
            board
        })
        .collect();
    let mut commands = 0;
    let mut dice = Dice::new(1);
    let mut apply = |action| {
        commands += 1;
        let time = NOW + Span::millis(10 * commands);
        let sequence = Sequence(commands.unsigned_abs());
        engine.apply(&Command { sequence, time, action }, &mut events);
    };
    for round in 0..300 {
        let side = if dice.roll(2) == 0 { Side::Buy } else { Side::Sell };
        apply(Action::Place(NewOrder {
            account: AccountId(1 + dice.roll(3) as u32),
            instrument: InstrumentId(dice.roll(3) as u16),
            side,
            kind: OrderKind::Limit(Price(1_000 + dice.roll(30) as i64)),
            quantity: Quantity(1 + dice.roll(1_000_000) as i64),
            time_in_force: TimeInForce::GoodTillCanceled,
            post_only: false,
            trigger: None,
        }));
        if round % 10 == 0 {
            apply(Action::Tick(Cadence::TENTH));
        }
    }
    for event in &events {
        for (board, id) in boards.iter_mut().zip(0..) {
            if [InstrumentId::NONE, InstrumentId(id)].contains(&event.instrument) {
                board.apply(event, &mut |_, _| {});
            }
        }
    }
    boards
}

/// What a client says on the socket: it gets one answer in the dialect, or a subscription of at most one topic under
/// the very name that it gave.
pub fn bitstamp_decode(message: &[u8]) {
    let mut requests = Vec::new();
    with_bitstamp(|dialect, _| dialect.decode(message, &Visitor::STRANGER, &mut requests));
    assert_eq!(requests.len(), 1, "one message, one answer");
    for request in requests {
        match request {
            Request::Say(text) => drop(control(&text)),
            Request::Subscribe {
                subscription, subjects, opening: Opening::Said(words), ..
            } => {
                let said = control(&words);
                assert_eq!(said["event"], "bts:subscription_succeeded");
                assert_eq!(said["channel"], *subscription);
                assert!(subjects.len() <= 1 && !subscription.is_empty());
                assert!(subscription.len() <= message.len());
            }
            Request::SubscribeOwn {
                subscription, opening: Opening::Said(words), refusal, ..
            } => {
                assert_eq!(control(&words)["channel"], *subscription);
                assert_eq!(control(&refusal)["event"], "bts:error");
            }
            Request::Unsubscribe { subscriptions, acknowledgement } => {
                let [subscription] = &subscriptions[..] else { panic!("one name at a time") };
                let said = control(&acknowledgement);
                assert_eq!(said["event"], "bts:unsubscription_succeeded");
                assert_eq!(said["channel"], **subscription);
            }
            other => panic!("the dialect asks for nothing of the kind: {other:?}"),
        }
    }
}

/// A control frame of the dialect: an object with its three members.
fn control(text: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(text).expect("the dialect says JSON");
    let members = value.as_object().expect("an object");
    assert_eq!(members.len(), 3, "{value}");
    assert!(
        value["event"].is_string() && value["channel"].is_string() && value["data"] != Value::Null
    );
    value
}

/// A request to the HTTP half, one part a line: method, path, query, body. Whatever is asked, the answer is a
/// response; JSON where it says so; and a question is one that boards can answer.
pub fn bitstamp_http(request: &[u8]) {
    let mut parts = request.splitn(4, |&byte| byte == b'\n');
    let mut text = || std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
    let (method, path, query) = (text(), text(), text());
    let query = (!query.is_empty()).then_some(query);
    let body = parts.next().unwrap_or_default();
    with_bitstamp(|dialect, boards| {
        let request = HttpRequest { query, body, ..HttpRequest::bare(method, path) };
        check_steps(dialect.http(&request), |query| answer(boards, query));
        // The same question, where nothing is known.
        check_steps(dialect.http(&request), |_| AnswerBody::Unavailable);
    });
}

/// Takes the steps of a request that nobody signed, until it is answered.
fn check_steps(mut step: Step, answer: impl Fn(&Query) -> AnswerBody) {
    loop {
        step = match step {
            Step::Reply(response) => return check_response(&response),
            Step::Ask(query, then) => then(Answer { now: NOW, body: answer(&query) }),
            Step::Identify(_, then) | Step::Prove(_, then) => then(None),
            Step::Nonce(..) | Step::Submit(..) | Step::IssuePass(..) | Step::RevokeKeys(..) => {
                panic!("a step for one whom nobody knows")
            }
        };
    }
}

fn answer(boards: &[Board], query: &Query) -> AnswerBody {
    let of = |instrument: InstrumentId| boards[instrument.index()].answer(query, NOW);
    match *query {
        Query::Now => AnswerBody::Now,
        Query::Statuses => AnswerBody::Statuses(
            boards.iter().map(|board| (board.instrument(), board.status())).collect(),
        ),
        Query::Tickers { window } => {
            let each = boards.iter().zip(0..);
            AnswerBody::Tickers(
                each.map(|(board, id)| (InstrumentId(id), board.ticker(window, NOW))).collect(),
            )
        }
        Query::Book { instrument, .. }
        | Query::Detail { instrument, .. }
        | Query::Depth { instrument, .. }
        | Query::Trades { instrument, .. }
        | Query::Candles { instrument, .. }
        | Query::Ticker { instrument, .. } => of(instrument),
        _ => AnswerBody::Unavailable,
    }
}

fn check_response(response: &HttpResponse) {
    assert!((200..600).contains(&response.status), "{}", response.status);
    if response.content_type == Some("application/json") && !response.body.is_empty() {
        let parsed: Result<Value, _> = serde_json::from_slice(&response.body);
        assert!(parsed.is_ok(), "{}", String::from_utf8_lossy(&response.body));
    }
}

// 3. Bitstamp's client half.

/// What a venue says to our own connector, one message a line; `/path body` is the body that was fetched from there.
/// Whatever it says, what comes of it can be shown: books in order with nothing negative, stamps that do not go
/// back, errands that are requests.
pub fn bitstamp_client(lines: &[u8]) {
    let mut client = Client::new(&listings());
    let (mut heard, mut errands) = (Vec::new(), Vec::new());
    client.opened(&mut errands);
    let mut stamps = [Time(0); 3];
    for line in lines.split(|&byte| byte == b'\n').take(64) {
        let outcome = if line.starts_with(b"/") {
            let at = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
            let (path, body) = line.split_at(at);
            let path = String::from_utf8_lossy(path);
            client.fetched(&path, body, &mut heard, &mut errands)
        } else {
            client.message(line, &mut heard, &mut errands)
        };
        for heard in heard.drain(..) {
            check_heard(&heard, &mut stamps);
        }
        for errand in errands.drain(..) {
            match errand {
                Errand::Say(text) => {
                    serde_json::from_slice::<Value>(&text).expect("it says JSON");
                }
                Errand::Fetch(path) => assert!(path.starts_with("/api/v2/"), "{path}"),
                Errand::Reconnect => {}
            }
        }
        if let Err(misheard) = outcome {
            assert!(misheard.to_string().len() < 2_000, "{misheard}");
            client.opened(&mut errands);
            stamps = [Time(0); 3];
        }
    }
}

fn check_heard(heard: &Heard, stamps: &mut [Time; 3]) {
    match &heard.body {
        EventBody::BookSnapshot(book) | EventBody::BookDelta(book) => {
            let stamp = &mut stamps[heard.instrument.index()];
            assert!(*stamp <= heard.time, "a book's stamps do not go back");
            *stamp = heard.time;
            assert!(book.bids.is_sorted_by(|one, next| one.price > next.price), "{book:?}");
            assert!(book.asks.is_sorted_by(|one, next| one.price < next.price), "{book:?}");
            let in_order = |level: &Level| level.price.0 > 0 && level.quantity.0 >= 0;
            assert!(book.bids.iter().chain(&book.asks).all(in_order), "{book:?}");
        }
        EventBody::Printed(trade) => {
            assert!(trade.price.0 > 0 && trade.quantity.0 > 0, "{trade:?}");
        }
        other => panic!("a source by level does not tell {other:?}"),
    }
}

// 4. Mutations from seeds, for the default tests.

/// Pieces that readers of these formats look for.
const WORDS: [&[u8]; 32] = [
    b"\r\n\r\n",
    b"\r\n",
    b"\n",
    b"HTTP/1.1",
    b"Host: ",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"\"event\"",
    b"\"data\":{",
    b"\"channel\":",
    b"null",
    b"{}",
    b"[]",
    b"[[\"1\",\"0\"]]",
    b"\"\\u0000\"",
    b"\"\\ud800\"",
    b"1e999",
    b"-0",
    b"0.00000000",
    b"99999999999999999999",
    b"order_book_btcusd",
    b"\"exchangeId\":2,",
    b"{\"eventType\":\"trade\",\"market\":\"BTC-USDT\"},",
    b"diff_order_book_btcusd",
    b"\"method\":\"subscribe\"",
    b"\"params\":{\"channel\":\"orderbook\",\"symbol\":\"BTC-USD\"",
    b"\"id\":1,",
    b"unsubscribe",
    b"authorization: Bearer ",
    b"2027-01-15T00:00:00Z",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xe2\x82\xac",
    b"\x81\x80\0\0\0\0",
];

/// Something like one of the seeds, or like two of them; no longer than `bytes_max`.
///
/// # Panics
/// If there is no seed.
#[must_use]
pub fn mutate(dice: &mut Dice, seeds: &[Vec<u8>], bytes_max: usize) -> Vec<u8> {
    let mut bytes = dice.pick(seeds).clone();
    for _ in 0..1 + dice.roll(8) {
        let at = dice.roll(bytes.len() + 1);
        let end = (at + 1 + dice.roll(16)).min(bytes.len());
        match dice.roll(9) {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.roll(8);
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.byte();
                }
            }
            3 => drop(bytes.drain(at.min(end)..end)),
            4 => drop(bytes.splice(at..at, dice.pick(&WORDS).iter().copied())),
            5 => drop(bytes.splice(at.min(end)..end, dice.pick(&WORDS).iter().copied())),
            6 => {
                let again = bytes[at.min(end)..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            7 => {
                let other = dice.pick(seeds);
                let from = dice.roll(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes.truncate(bytes_max);
    bytes
}
