//! What machines that follow a journal send each other: whoever reaches the bus may have written it.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use feed::journal::copy::taker::{HELD_BYTES_MAX, Start, Taker, Trouble, Which};
use feed::journal::copy::words::{Answer, Ask, Frontier, Head, MESSAGE_BYTES_MAX, Moment, Piece};
use feed::journal::copy::words::{Question, Refusal, Said, Why};
use feed::journal::disk::Disk;
use feed::journal::memory::Memory;
use feed::journal::reader::Reader;
use feed::journal::segments;
use feed::journal::writer::{Batch, Writer};
use feed::journal::{Entry, Kept};
use model::{Action, Cadence, Sequence, Span};

use super::NOW;

const ID: [u8; 16] = [7; 16];

/// A message, or if the first byte is odd what is in one: read, or refused; what is read is written as it was.
pub fn message(bytes: &[u8]) {
    let [form, rest @ ..] = bytes else { return };
    let mut message = rest.to_vec();
    if form % 2 == 1 {
        message.splice(..0, *b"RJC\x01");
        let checksum = crc32c::crc32c(&message);
        message.extend(checksum.to_le_bytes());
    }
    let ask = Ask::decode(&message);
    let answer = Answer::decode(&message);
    assert!(ask.is_err() || answer.is_err(), "it is one or the other");
    if let Ok(ask) = ask {
        assert_eq!(ask.to_bytes(), message);
    }
    if let Ok(answer) = answer {
        assert!(message.len() <= MESSAGE_BYTES_MAX);
        assert_eq!(answer.to_bytes(), message);
    }
}

/// A journal of some records in some segments.
struct Whole {
    segments: Vec<Vec<u8>>,
    /// Where its records are.
    places: Vec<(String, u64)>,
    frontier: Frontier,
}

static WHOLE: LazyLock<Whole> = LazyLock::new(|| {
    let disk = Memory::default();
    let writer = Writer::create(Arc::new(disk.clone()), ID).expect("memory does not fail");
    let mut writer = writer.with_segments_of(400);
    for number in 1..=20 {
        let mut batch = Batch::default();
        let action = Action::Tick(Cadence(Span(number)));
        let (acts, by_crowd, label, mark) = (0, false, None, None);
        let kept = Kept { time: NOW, action, acts, by_crowd, label, mark };
        batch.push(&Entry::Command(kept), Sequence(number.unsigned_abs()), NOW);
        writer.append(&mut batch, NOW).expect("memory does not fail");
    }
    writer.seal().expect("memory does not fail");
    let listed = segments::list(&disk).expect("memory does not fail");
    let segments = listed.iter().map(|it| disk.read(&it.name()).expect("it is there")).collect();
    let mut reader = Reader::open(&disk).expect("it is sound").expect("there is one");
    let mut places = Vec::new();
    while let Some(record) = reader.record().expect("it is sound") {
        places.push((record.place.segment, record.place.offset));
    }
    let tail = reader.tail().expect("it is sound");
    let frontier = Frontier {
        epoch: tail.epoch,
        segment: tail.segment,
        offset: tail.keep.len() as u64,
        last: tail.last,
        durable: tail.last,
        chain: tail.chain,
    };
    Whole { segments, places, frontier }
});

/// Whoever follows a journal, told what eight bytes each say: pieces of it, some of them changed or said to be elsewhere,
/// and answers, right ones and others. What is given out is the journal's records, in their order, each once, and once
/// it is in trouble nothing more.
pub fn taker(bytes: &[u8]) {
    let Whole { segments, places, .. } = &*WHOLE;
    let mut taker = Taker::new(Start::beginning(), Which::Shown);
    let (mut now, mut given, mut asked) = (Duration::ZERO, 0, None);
    let mut trouble: Option<Trouble> = None;
    for said in bytes.chunks_exact(8) {
        let [kind, segment, at @ ..] = said else { return };
        let [low, high, count, change, moved, pause] = at else { return };
        now += Duration::from_millis(u64::from(*pause) * 16);
        let from = usize::from(*segment) % segments.len();
        let content = &segments[from];
        let at = usize::from(u16::from_le_bytes([*low, *high])) % content.len();
        let mut piece = content[at..][..usize::from(*count).min(content.len() - at)].to_vec();
        if *change > 0
            && let Some(byte) = piece.first_mut()
        {
            *byte ^= change;
        }
        let frontier = frontier(*moved);
        let number = if kind & 8 > 0 { asked.unwrap_or(1) } else { 0 };
        let before = from.checked_sub(1).map(|before| segments[before].len() as u64);
        let said = match kind % 8 {
            0..=3 => Said::Piece(Piece {
                segment: from as u64 + 1,
                offset: at as u64 + u64::from(*moved == 3),
                before: before.filter(|_| kind & 16 == 0).map(|it| it - u64::from(*moved == 5)),
                bytes: &piece,
            }),
            4 => Said::Head(head()),
            5 => Said::Refused(Refusal { why: Why::Pruned(from as u64), words: "gone".into() }),
            6 => Said::Refused(Refusal { why: Why::Unreadable, words: "broken".into() }),
            _ => Said::Images(Vec::new()),
        };
        let journal = if *moved == 7 { [8; 16] } else { ID };
        let mut message = Answer { number, journal, frontier, said }.to_bytes();
        if *moved == 9 {
            message.truncate(at);
        }
        taker.heard(&message, now);
        while let Some(record) = taker.record() {
            match record {
                Ok(record) => {
                    let place = (record.place.segment, record.place.offset);
                    assert_eq!(Some(&place), places.get(given), "the next one and no other");
                    assert!(trouble.is_none(), "{trouble:?} does not pass");
                    given += 1;
                }
                Err(found) => {
                    assert!(!found.to_string().is_empty());
                    assert_eq!(trouble.get_or_insert(found.clone()), &found);
                    break;
                }
            }
        }
        let mut questions = 0;
        while let Some(ask) = taker.asks(now) {
            questions += 1;
            assert!(questions <= 2 && trouble.is_none(), "no more are under way");
            asked = Some(ask.number);
            if let Question::Bytes { segment, offset, .. } = ask.question {
                assert!(segment > 0 && offset <= HELD_BYTES_MAX as u64);
            }
        }
        let standing = taker.standing(now);
        assert_eq!(standing.counts.records, given as u64);
        assert!(standing.last.0 <= WHOLE.frontier.last.0);
    }
}

/// How far the core is said to be.
fn frontier(moved: u8) -> Frontier {
    let whole = WHOLE.frontier;
    match moved {
        1 => Frontier { offset: 65, ..whole },
        2 => Frontier { epoch: model::Epoch(9), segment: 1, offset: 70, ..whole },
        4 => Frontier { durable: Sequence(3), ..whole },
        6 => Frontier { chain: [9; 16], ..whole },
        8 => Frontier { segment: u64::MAX, offset: u64::MAX, last: Sequence(u64::MAX), ..whole },
        _ => whole,
    }
}

fn head() -> Head {
    let moment = Moment { market: NOW, wall: NOW };
    let (market, configuration, seed, begins) = (1, [2; 16], 3, NOW);
    Head { moment, market, configuration, seed, begins, build: "0.1.0".into() }
}

#[cfg(test)]
mod tests {
    use super::super::seeds;
    use super::*;

    /// The seeds are messages as they are written now. `RIALTO_RENEW=1` writes them anew, for another version.
    #[test]
    fn the_seeds_are_of_this_build() {
        let whole = &*WHOLE;
        let answer =
            |said| Answer { number: 5, journal: ID, frontier: whole.frontier, said }.to_bytes();
        let bytes = Question::Bytes { segment: 1, offset: 65, max: 9_000 };
        let ask = Ask { number: 5, journal: Some(ID), question: bytes }.to_bytes();
        let piece = Piece { segment: 2, offset: 0, before: Some(440), bytes: b"of a journal" };
        let refusal = Refusal { why: Why::Pruned(3), words: "it was taken away".into() };
        let whole_one = |message: &[u8]| [&[0], message].concat();
        let inside = |message: &[u8]| [&[1], &message[4..message.len() - 4]].concat();
        let messages = [
            ("ask", whole_one(&ask)),
            ("ask_inside", inside(&ask)),
            ("head", inside(&answer(Said::Head(head())))),
            ("piece", inside(&answer(Said::Piece(piece)))),
            ("refused", inside(&answer(Said::Refused(refusal)))),
        ];
        // All of it, in order, and with a gap that is filled by an answer.
        let mut through = Vec::new();
        let mut gap = Vec::new();
        for (segment, content) in whole.segments.iter().enumerate() {
            for at in (0..content.len()).step_by(200) {
                let [low, high] = (at as u16).to_le_bytes();
                let said = [0, segment as u8, low, high, 200, 0, 0, 1];
                through.extend(said);
                if at != 200 {
                    gap.extend(said);
                }
                if at == 400 {
                    gap.extend([8, segment as u8, 200, 0, 200, 0, 0, 1]);
                }
            }
        }
        let lost =
            [&through[..], &[12, 0, 0, 0, 0, 0, 2, 255], &[12, 0, 0, 0, 0, 0, 2, 255]].concat();
        let scripts = [("through", through), ("gap", gap), ("lost", lost)];
        let folders = [("copy_message", &messages[..]), ("copy_taker", &scripts[..])];
        for (folder, files) in folders {
            for (name, bytes) in files {
                let path = seeds(folder).join(name);
                if std::env::var_os("RIALTO_RENEW").is_some() {
                    std::fs::create_dir_all(seeds(folder)).expect("a folder");
                    std::fs::write(&path, bytes).expect("it can be written");
                }
                assert_eq!(std::fs::read(&path).ok().as_ref(), Some(bytes), "{folder}/{name}");
            }
        }
    }
}
