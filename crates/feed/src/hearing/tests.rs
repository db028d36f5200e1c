//! Recordings that are heard: what is not understood is nothing until the next connection, what is not stamped is stamped by
//! the recorder, and a clock that is elsewhere is followed.

use std::sync::Arc;

use dialects::{Connector, Errand, Heard, Misheard};
use model::{
    Cadence, Event, EventBody, InstrumentId, Level, LevelBook, Price, Quantity, Source, Span, Time,
};

use super::Hearing;
use crate::journal::simulated::Simulated;
use crate::recording::{Block, Frame, Head, Reader, What, Writer};
use crate::source::replay::Replay;

/// A venue that says a number: a book of that stamp with one bid. It is not understood if it says something else, or before
/// it was fetched from.
struct Numbers {
    fetched: bool,
}

impl Connector for Numbers {
    fn opened(&mut self, errands: &mut Vec<Errand>) {
        self.fetched = false;
        errands.push(Errand::Fetch("/start".into()));
    }
    fn message(
        &mut self,
        text: &[u8],
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        let (Some(number), true) = (number, self.fetched) else {
            // Only a dialect words what it does not understand.
            let xrocket = &mut dialects::xrocket::client::Client::new(&[]);
            return xrocket.message(b"?", heard, errands);
        };
        let bid = Level { price: Price(1), quantity: Quantity(number) };
        let book = LevelBook { bids: vec![bid], asks: Vec::new() };
        let body = EventBody::BookSnapshot(Box::new(book));
        heard.push(Heard { instrument: InstrumentId(0), time: Time(number), body });
        Ok(())
    }
    fn fetched(
        &mut self,
        _: &str,
        _: &[u8],
        _: &mut Vec<Heard>,
        _: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        self.fetched = true;
        Ok(())
    }
}

fn called() -> What {
    What::Called { url: "ws://a/".into() }
}

fn opened() -> What {
    What::Opened { answer: Vec::new() }
}

fn page(status: u16) -> What {
    What::Fetched { path: "/start".into(), status, body: Vec::new() }
}

fn said(text: impl ToString) -> What {
    What::Heard(Frame::Text(text.to_string().into_bytes()))
}

fn gap() -> What {
    What::Gap { why: "lost".into() }
}

/// A recording of these, at these times.
fn recorded(whats: &[(i64, What)]) -> Simulated {
    let disk = Simulated::new(1);
    let head = Head {
        dialect: "numbers".into(),
        url: "ws://a/".into(),
        software: String::new(),
        begun: Time(0),
        first: 1,
        begins: true,
        listings: Vec::new(),
    };
    let (mut writer, first) = Writer::begin(Arc::new(disk.clone()), head).expect("a new one");
    for ((at, what), sequence) in whats.iter().zip(first..) {
        let mut block = Block::beginning_with(sequence);
        block.push(Time(*at), 0, what, false);
        writer.write(&block, Time(*at)).expect("nothing is wrong with the disk");
    }
    writer.end().expect("nothing is wrong with the disk");
    disk
}

fn told(disk: &Simulated, from: Option<Time>) -> (Option<Replay>, Hearing) {
    let mut reader = Reader::open(disk).expect("readable").expect("there");
    if let Some(from) = from {
        reader.seek(from).expect("a place");
    }
    let mut hearing = Hearing::with(Box::new(Numbers { fetched: false }));
    let replay = Replay::heard(&mut reader, &mut hearing, false).expect("readable");
    (replay, hearing)
}

fn all(replay: &mut Replay) -> Vec<Event> {
    let mut events = Vec::new();
    while replay.due().is_some() {
        replay.advance(replay.ends(), &mut events);
    }
    events
}

const NOON: i64 = 1_795_348_800_000_000;

#[test]
fn what_is_not_understood_is_nothing_until_the_next_connection() {
    let disk = recorded(&[
        (NOON, called()),
        (NOON, opened()),
        (NOON, page(503)),
        (NOON + 1, page(200)),
        (NOON + 2, said(NOON)),
        (NOON + 3, said("nonsense")),
        (NOON + 4, said(NOON + 4)),
        (NOON + 5, gap()),
        (NOON + 6, said(NOON + 6)),
        (NOON + 7, called()),
        (NOON + 8, opened()),
        (NOON + 9, page(200)),
        (NOON + 10, said(NOON + 10)),
        (NOON + 11, gap()),
        (NOON + 12, called()),
        (NOON + 13, opened()),
        (NOON + 14, said(NOON + 14)),
    ]);
    let (replay, hearing) = told(&disk, None);
    let events = all(&mut replay.expect("something to tell"));
    let times: Vec<i64> = events.iter().map(|event| event.time.0 - NOON).collect();
    assert_eq!(times, [0, 10]);
    assert_eq!(hearing.gaps(), 2);
    let (count, first) = hearing.misheard().expect("twice");
    assert_eq!(count, 2, "nonsense, and a word before the page");
    assert!(first.starts_with("entry 6: failed to understand the venue"), "{first}");

    let (replay, hearing) = told(&disk, Some(Time(NOON + 9)));
    assert_eq!(all(&mut replay.expect("something to tell")).len(), 1);
    assert_eq!((hearing.gaps(), hearing.misheard().map(|it| it.0)), (1, Some(1)));
    let (replay, _) = told(&disk, Some(Time(NOON + 20)));
    assert!(replay.is_none(), "nothing is told since the last connection");
}

#[test]
fn a_clock_that_is_elsewhere_is_followed_and_tenths_are_told() {
    const THERE: i64 = NOON - 86_400_000_000;
    let words = [(0, 0), (50_000, THERE + 10), (250_000, THERE + 240_000), (260_000, 0)];
    let mut whats = vec![(NOON, called()), (NOON, opened()), (NOON, page(200))];
    whats.extend(words.map(|(after, stamp)| (NOON + after, said(stamp))));
    // The recorder's clock is set back, and something is told hours later.
    whats.push((NOON - 5, said(THERE + 250_000)));
    whats.push((NOON + 4 * 3_600_000_000, said(THERE + 260_000)));
    let (replay, _) = told(&recorded(&whats), None);
    let mut replay = replay.expect("something to tell").ticking();
    assert_eq!(replay.shift(), Span(THERE + 10 - NOON - 50_000));
    assert_eq!(replay.begins(), Time(THERE - 49_990));
    let events = all(&mut replay);
    assert!(events.iter().zip(1..).all(|(event, number)| event.sequence.0 == number));
    let books: Vec<i64> = events
        .iter()
        .filter(|event| matches!(event.body, EventBody::BookSnapshot(_)))
        .map(|event| event.time.0 - THERE)
        .collect();
    // What has no stamp has the time at which it was heard.
    assert_eq!(books, [-49_990, 10, 240_000, 210_010, 250_000, 260_000]);
    let ticks: Vec<i64> = events
        .iter()
        .filter(|event| event.body == EventBody::Ticked(Cadence::TENTH))
        .map(|event| event.time.0 - THERE)
        .collect();
    assert!(ticks.is_sorted() && ticks.iter().all(|tick| tick % 100_000 == 0));
    assert_eq!(ticks[..3], [0, 100_000, 200_000]);
    // Of four silent hours the last is told in tenths, and the first of them.
    assert!((36_000..36_100).contains(&ticks.len()), "{}", ticks.len());
}
