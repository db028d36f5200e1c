//! What is answered: never more than is durable, the same from a compressed segment, and a refusal in words.

use model::{Sequence, Time};

use super::super::super::compression::compress_next;
use super::super::super::record::SEGMENT_HEAD_BYTES;
use super::super::super::simulated::Simulated;
use super::super::super::tests::{BEGINS, command};
use super::super::super::writer::{Batch, Writer};
use super::super::super::{Entry, disk::write_all};
use super::super::tap::{Outlet, tap};
use super::*;

const NOW: Moment = Moment { market: Time(1), wall: Time(2) };

struct Core {
    disk: Simulated,
    writer: Writer,
    outlet: Outlet,
    giver: Giver,
    last: u64,
}

fn head() -> Head {
    let moment = Moment { market: Time(0), wall: Time(0) };
    let (market, configuration, seed, begins) = (1, [2; 16], 3, BEGINS);
    Head { moment, market, configuration, seed, begins, build: "0.1.0".into() }
}

impl Core {
    fn new() -> Self {
        let disk = Simulated::new(1);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let (tap, outlet) = tap();
        let writer = Writer::create(Arc::clone(&shared), [7; 16]).expect("a good disk");
        let writer = writer.with_segments_of(1_000).tapped(tap);
        let giver = Giver::new(shared, outlet.gauge(), head());
        Self { disk, writer, outlet, giver, last: 0 }
    }

    fn append(&mut self) {
        self.last += 1;
        let mut batch = Batch::default();
        let kept = command(&mut engine::flow::Random::new(self.last), BEGINS);
        batch.push(&Entry::Command(kept), Sequence(self.last), BEGINS);
        self.writer.append(&mut batch, BEGINS).expect("a good disk");
    }

    fn write(&mut self) {
        self.append();
        self.writer.sync().expect("a good disk");
        self.writer.counts(self.writer.last());
    }

    /// Its answer.
    fn said<T>(&self, question: Question, then: impl FnOnce(Said<'_>) -> T) -> T {
        let ask = Ask { number: 9, journal: Some([7; 16]), question };
        let bytes = self.giver.answer(&ask.to_bytes(), NOW);
        let answer = Answer::decode(&bytes).expect("it is understood");
        assert_eq!((answer.number, answer.journal), (9, [7; 16]));
        assert_eq!(answer.frontier, self.outlet.gauge().frontier());
        then(answer.said)
    }

    fn bytes(&self, segment: u64, offset: u64, max: u32) -> (u64, u64, Option<u64>, Vec<u8>) {
        self.said(Question::Bytes { segment, offset, max }, |said| match said {
            Said::Piece(it) => (it.segment, it.offset, it.before, it.bytes.to_vec()),
            other => panic!("{other:?}"),
        })
    }

    fn refused(&self, question: Question) -> Why {
        self.said(question, |said| match said {
            Said::Refused(refusal) => {
                assert!(!refusal.words.is_empty());
                refusal.why
            }
            other => panic!("{other:?}"),
        })
    }
}

const ALL: u32 = u32::MAX;

#[test]
fn no_byte_is_given_that_is_not_durable_nor_any_put_there_ahead() {
    let mut core = Core::new();
    assert_eq!(core.bytes(1, 0, ALL).3.len(), SEGMENT_HEAD_BYTES);
    core.write();
    let durable = core.outlet.gauge().frontier().offset;
    core.append();
    let file = core.disk.bytes(&name(1)).expect("it is there");
    assert!(file > durable + 100, "there is more in the file");
    let (segment, offset, before, bytes) = core.bytes(1, 0, ALL);
    assert_eq!((segment, offset, before, bytes.len() as u64), (1, 0, None, durable));
    assert_eq!(core.bytes(1, durable, ALL).3, b"");
    assert_eq!(core.bytes(1, 70, 3).3, bytes[70..73]);
    for (segment, offset) in [(1, durable + 1), (2, 0), (0, 0)] {
        let question = Question::Bytes { segment, offset, max: ALL };
        assert_eq!(core.refused(question), Why::NotThere);
    }
}

#[test]
fn from_a_compressed_segment_comes_what_was_written() {
    let mut core = Core::new();
    while core.writer.segment() < 5 {
        core.write();
    }
    let plain = core.disk.read(&name(2)).expect("it is there");
    let before = core.disk.read(&name(1)).expect("it is there").len() as u64;
    for is_compressed in [false, true] {
        assert_eq!(core.bytes(2, 0, ALL), (2, 0, None, plain.clone()));
        assert_eq!(core.bytes(2, 9, 5), (2, 9, None, plain[9..14].to_vec()));
        // Whoever has all of one is given the next, and so is who has more than all of it.
        for beyond in [0, 1, 5_000] {
            let next = core.bytes(1, before + beyond, ALL);
            assert_eq!(next, (2, 0, Some(before), plain.clone()), "compressed: {is_compressed}");
        }
        while compress_next(&core.disk, 5).expect("a good disk").is_some() {}
    }
    core.disk.change(&segments::compressed_name(3), |bytes| bytes[40] ^= 1);
    let question = Question::Bytes { segment: 3, offset: 0, max: ALL };
    assert_eq!(core.refused(question), Why::Unreadable, "what is damaged is not given");
}

#[test]
fn what_was_taken_away_is_refused_with_where_the_journal_begins() {
    let mut core = Core::new();
    while core.writer.segment() < 5 {
        core.write();
    }
    core.disk.lose(&name(1));
    core.disk.lose(&name(2));
    let ask = |segment, offset| Question::Bytes { segment, offset, max: ALL };
    assert_eq!(core.refused(ask(1, 65)), Why::Pruned(3));
    assert_eq!(core.refused(ask(2, 0)), Why::Pruned(3));
    // It may be that nothing more was in it.
    let (segment, offset, before, bytes) = core.bytes(2, 70, ALL);
    assert_eq!((segment, offset, before), (3, 0, None));
    assert_eq!(bytes, core.disk.read(&name(3)).expect("it is there"));
    // A hole is none that was made on purpose.
    core.disk.lose(&name(4));
    assert_eq!(core.refused(ask(4, 0)), Why::Unreadable);
}

#[test]
fn images_are_given_in_pieces() {
    let core = Core::new();
    let bytes: Vec<u8> = (0..2_000_u32).map(|at| at as u8).collect();
    for segment in [1, 3] {
        let mut file = core.disk.create(&image::name(segment)).expect("a good disk");
        write_all(file.as_mut(), &bytes).expect("a good disk");
    }
    let images = core.said(Question::Images, |said| match said {
        Said::Images(images) => images,
        other => panic!("{other:?}"),
    });
    assert_eq!(images, [1, 3].map(|segment| ImageNote { segment, bytes: 2_000 }));
    for (offset, count) in [(0, 1_000), (1_900, 100), (2_000, 0), (2_001, 0)] {
        let question = Question::Image { segment: 3, offset, max: 1_000 };
        core.said(question, |said| {
            let from = (offset as usize).min(bytes.len());
            let bytes = &bytes[from..from + count];
            let piece = ImagePiece { segment: 3, whole: 2_000, offset, bytes };
            assert_eq!(said, Said::Image(piece));
        });
    }
    assert_eq!(core.refused(Question::Image { segment: 2, offset: 0, max: 9 }), Why::NotThere);
}

#[test]
fn how_the_core_stands_is_said_with_the_moment_of_the_answer() {
    let core = Core::new();
    core.said(Question::Head, |said| {
        assert_eq!(said, Said::Head(Head { moment: NOW, ..head() }));
    });
}

#[test]
fn who_means_another_journal_or_says_nothing_of_sense_is_refused() {
    let core = Core::new();
    let ask = Ask { number: 9, journal: Some([8; 16]), question: Question::Head };
    let mut newer = ask.to_bytes();
    newer[3] += 1;
    let questions = [
        (ask.to_bytes(), Why::OtherJournal, "another journal"),
        (b"nonsense".to_vec(), Why::Unintelligible, "no message"),
        (newer, Why::Unintelligible, "another version of rialto"),
    ];
    for (question, why, words) in questions {
        let bytes = core.giver.answer(&question, NOW);
        let Ok(Answer { said: Said::Refused(refusal), .. }) = Answer::decode(&bytes) else {
            panic!("it is refused");
        };
        assert!(refusal.why == why && refusal.words.contains(words), "{refusal:?}");
    }
}

#[test]
fn a_long_record_is_published_in_messages_none_of_which_is_too_long() {
    let core = Core::new();
    let frontier = core.outlet.gauge().frontier();
    let bytes = vec![7; PIECE_BYTES_MAX * 2 + 5];
    let tapped = Tapped { segment: 1, offset: 0, before: 9, frontier, bytes };
    let mut pieces = Vec::new();
    core.giver.publish(&tapped, &mut Vec::new(), |message| {
        let Ok(Answer { said: Said::Piece(piece), .. }) = Answer::decode(message) else {
            panic!("a piece");
        };
        pieces.push((piece.offset, piece.before, piece.bytes.len()));
    });
    let most = PIECE_BYTES_MAX;
    let offsets = [0, most as u64, 2 * most as u64];
    assert_eq!(
        pieces,
        [(offsets[0], Some(9), most), (offsets[1], None, most), (offsets[2], None, 5)]
    );
}
