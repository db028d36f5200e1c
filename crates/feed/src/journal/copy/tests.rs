//! The taker alone, told by hand, over journals whose bytes are known.

use std::sync::Arc;
use std::time::Duration;

use engine::flow::Random;
use model::{Epoch, Sequence, Time};

use super::super::reader::Reader;
use super::super::segments::{self, name};
use super::super::simulated::Simulated;
use super::super::tests::{BEGINS, closed, command};
use super::super::writer::{Batch, Writer};
use super::taker::{Complaint, HEAD_EVERY, PATIENCE, PATIENCE_MAX, Start, Taker, Trouble, Which};
use super::words::*;
use crate::journal::Entry;
use crate::journal::disk::Disk;
use crate::journal::record::Hash;

const ID: Hash = [7; 16];

/// What a journal holds: the bytes of its segments, and its records.
pub(super) struct Whole {
    pub segments: Vec<Vec<u8>>,
    pub frontier: Frontier,
    pub records: Vec<(u64, u64)>,
}

pub(super) fn whole(disk: &dyn Disk) -> Whole {
    let listed = segments::list(disk).expect("names");
    let bytes = listed.iter().map(|it| it.read(disk).expect("bytes").bytes).collect::<Vec<_>>();
    let mut reader = Reader::open(disk).expect("no trouble").expect("a journal");
    let mut records = Vec::new();
    while let Some(record) = reader.record().expect("no trouble") {
        let segment = record.place.segment.strip_suffix(".journal").expect("a plain one");
        records.push((segment.parse().expect("a number"), record.place.offset));
    }
    let tail = reader.tail().expect("no trouble");
    let frontier = Frontier {
        epoch: tail.epoch,
        segment: tail.segment,
        offset: tail.keep.len() as u64,
        last: tail.last,
        durable: tail.last,
        chain: tail.chain,
    };
    Whole { segments: bytes, frontier, records }
}

impl Whole {
    fn say(&self, number: u32, said: Said<'_>) -> Vec<u8> {
        Answer { number, journal: ID, frontier: self.frontier, said }.to_bytes()
    }

    /// Some bytes of a segment.
    pub(super) fn piece(&self, number: u32, segment: u64, offset: u64, count: usize) -> Vec<u8> {
        let bytes = &self.segments[segment as usize - 1][offset as usize..];
        let before = (segment > 1).then(|| self.segments[segment as usize - 2].len() as u64);
        let bytes = &bytes[..count.min(bytes.len())];
        self.say(number, Said::Piece(Piece { segment, offset, before, bytes }))
    }

    /// What a core answers that has all of it.
    pub(super) fn answer(&self, ask: &Ask) -> Vec<u8> {
        match ask.question {
            Question::Head => self.say(ask.number, Said::Head(head())),
            Question::Bytes { segment, offset, max } => {
                let is_all = offset == self.segments[segment as usize - 1].len() as u64;
                let (segment, offset) = if is_all { (segment + 1, 0) } else { (segment, offset) };
                self.piece(ask.number, segment, offset, max as usize)
            }
            _ => unreachable!("it takes a journal"),
        }
    }
}

fn head() -> Head {
    Head {
        moment: Moment { market: Time(5), wall: Time(6) },
        market: 1,
        configuration: [2; 16],
        seed: 3,
        begins: Time(4),
        build: "0.1.0".into(),
    }
}

fn places(taker: &mut Taker) -> Vec<(String, u64)> {
    let next = || taker.record();
    std::iter::from_fn(next)
        .map(|record| record.expect("no trouble").place)
        .map(|place| (place.segment, place.offset))
        .collect()
}

fn of_places(places: &[(u64, u64)]) -> Vec<(String, u64)> {
    places.iter().map(|&(segment, offset)| (name(segment), offset)).collect()
}

/// Answers all that it asks until it asks nothing.
fn served(taker: &mut Taker, whole: &Whole, now: Duration) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    while let Some(ask) = taker.asks(now) {
        taker.heard(&whole.answer(&ask), now);
        all.extend(places(taker));
    }
    all
}

pub(super) const NOW: Duration = Duration::from_secs(100);

/// A journal of some segments with more than one record in the first and in the last.
pub(super) fn some() -> (Simulated, Whole) {
    let of = |seed| {
        let (disk, _) = closed(seed);
        let whole = whole(&disk);
        (disk, whole)
    };
    let fits = |it: &Whole| {
        it.segments.len() > 2
            && it.records.len() > 6
            && it.records[1].0 == 1
            && it.records[it.records.len() - 2].0 == it.frontier.segment
    };
    (1..).map(of).find(|(_, it)| fits(it)).expect("one")
}

#[test]
fn what_is_said_is_read_as_it_was_written() {
    let frontier = Frontier {
        epoch: Epoch(1),
        segment: 2,
        offset: 3,
        last: Sequence(5),
        durable: Sequence(4),
        chain: [6; 16],
    };
    let pieces = [None, Some(9)]
        .map(|before| Said::Piece(Piece { segment: 7, offset: 8, before, bytes: b"bytes" }));
    let note = |segment| ImageNote { segment, bytes: 10 + segment };
    let reasons =
        [Why::Pruned(3), Why::NotThere, Why::OtherJournal, Why::Unreadable, Why::Unintelligible];
    let refused = reasons.map(|why| Said::Refused(Refusal { why, words: "in words".into() }));
    let image = ImagePiece { segment: 7, whole: 9, offset: 8, bytes: b"" };
    let others = [Said::Head(head()), Said::Images(vec![note(1), note(2)]), Said::Image(image)];
    for said in pieces.into_iter().chain(refused).chain(others) {
        let answer = Answer { number: 1, journal: ID, frontier, said };
        let bytes = answer.to_bytes();
        assert_eq!(Answer::decode(&bytes), Ok(answer));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            assert!(Answer::decode(&changed).is_err(), "byte {at} is changed");
            assert!(Answer::decode(&bytes[..at]).is_err(), "{at} bytes");
        }
        assert_eq!(Ask::decode(&bytes), Err(Unread::Nonsense("it is no question")));
    }
    let bytes = Question::Bytes { segment: 1, offset: 2, max: 3 };
    let image = Question::Image { segment: 1, offset: 2, max: 3 };
    let kept = Question::Kept { machine: [5; 16], epoch: Epoch(1), last: Sequence(2) };
    for question in [Question::Head, bytes, Question::Images, image, kept] {
        for journal in [None, Some(ID)] {
            let ask = Ask { number: 9, journal, question };
            let bytes = ask.to_bytes();
            assert_eq!(Ask::decode(&bytes), Ok(ask));
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 4;
                assert!(Ask::decode(&changed).is_err(), "byte {at} is changed");
            }
        }
    }
}

#[test]
fn of_long_names_as_much_is_said_as_there_is_room_for() {
    let frontier = some().1.frontier;
    let build: Box<str> = "é".repeat(150).into();
    let said = Said::Head(Head { build, ..head() });
    let bytes = Answer { number: 1, journal: ID, frontier, said }.to_bytes();
    let Ok(Answer { said: Said::Head(head), .. }) = Answer::decode(&bytes) else { panic!("read") };
    assert_eq!(&*head.build, "é".repeat(100));
}

#[test]
fn from_nothing_it_asks_for_all_there_is() {
    let (_, whole) = some();
    let mut taker = Taker::new(Start::beginning(), Which::Shown);
    assert_eq!(served(&mut taker, &whole, NOW), of_places(&whole.records));
    let standing = taker.standing(NOW);
    assert!(standing.is_level);
    assert_eq!((standing.segment, standing.offset), whole.frontier.place());
    assert_eq!(taker.head(), Some(&head()));
    assert_eq!(taker.asks(NOW + HEAD_EVERY).map(|ask| ask.question), Some(Question::Head));
}

#[test]
fn in_any_order_and_doubled_all_comes_once_and_in_order() {
    let (_, whole) = some();
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut taker = Taker::new(Start::beginning(), Which::All);
        let mut all = Vec::new();
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        for (segment, bytes) in whole.segments.iter().enumerate() {
            let mut at = 0;
            while at < bytes.len() {
                let count = 1 + random.below(300) as usize;
                pieces.push(whole.piece(0, segment as u64 + 1, at as u64, count));
                at += count;
            }
        }
        let mut now = NOW;
        for _ in 0..pieces.len() * 4 {
            taker.heard(&pieces[random.below(pieces.len() as u64) as usize], now);
            if random.below(3) == 0 {
                all.extend(places(&mut taker));
            }
            if random.below(6) == 0
                && let Some(ask) = taker.asks(now)
            {
                taker.heard(&whole.answer(&ask), now);
            }
        }
        all.extend(places(&mut taker));
        now += PATIENCE_MAX;
        all.extend(served(&mut taker, &whole, now));
        assert_eq!(all, of_places(&whole.records), "seed {seed}");
    }
}

#[test]
fn a_gap_is_asked_for_at_once_and_only_once() {
    let (_, whole) = some();
    let mut taker = Taker::new(Start::beginning(), Which::All);
    assert_eq!(taker.asks(NOW).map(|ask| ask.question), Some(Question::Head));
    taker.heard(&whole.piece(0, 1, 0, 200), NOW);
    taker.heard(&whole.piece(0, 1, 300, 100), NOW);
    let ask = taker.asks(NOW).expect("something is missing");
    let max = PIECE_BYTES_MAX as u32;
    assert_eq!(ask.question, Question::Bytes { segment: 1, offset: 200, max });
    taker.heard(&whole.piece(0, 1, 400, 100), NOW);
    assert_eq!(taker.asks(NOW), None, "it was asked for");
    taker.heard(&whole.answer(&ask), NOW);
    assert_eq!(taker.standing(NOW).counts.gaps, 2);
    assert!(!places(&mut taker).is_empty());
}

#[test]
fn while_nobody_answers_it_asks_ever_more_rarely_and_at_once_again_when_somebody_is_heard() {
    let (_, whole) = some();
    let mut taker = Taker::new(Start::beginning(), Which::All);
    taker.heard(&whole.piece(0, 1, 0, 200), NOW);
    let mut asked = 0;
    for millis in 0..60_000 {
        while taker.asks(NOW + Duration::from_millis(millis)).is_some() {
            asked += 1;
        }
        let now = NOW + Duration::from_millis(millis);
        assert!(taker.next().is_some_and(|next| next > now), "it says when it asks again");
    }
    assert!((30..50).contains(&asked), "{asked} questions in a minute");
    let now = NOW + Duration::from_mins(1);
    taker.heard(&whole.piece(0, 1, 0, 200), now);
    assert!(taker.next().is_some_and(|next| next <= now + PATIENCE));
    let mut all = Vec::new();
    for millis in 0..=PATIENCE.as_millis() as u64 {
        all.extend(served(&mut taker, &whole, now + Duration::from_millis(millis)));
    }
    assert_eq!(all, of_places(&whole.records));
}

#[test]
fn a_core_that_lost_what_was_given_out_is_not_followed() {
    let (_, whole) = some();
    let shorter = |place: (u64, u64), chain: Hash| {
        let (segment, offset) = place;
        let epoch = Epoch(whole.frontier.epoch.0 + 1);
        let frontier = Frontier { epoch, segment, offset, chain, ..whole.frontier };
        move |number, said| Answer { number, journal: ID, frontier, said }.to_bytes()
    };
    let (last, end) = (whole.records[whole.records.len() - 1], whole.frontier.place());
    let level = || {
        let mut taker = Taker::new(Start::beginning(), Which::All);
        served(&mut taker, &whole, NOW);
        taker
    };
    let (later, next) = (NOW + HEAD_EVERY, end.0 + 1);
    let begins = |before| Piece { segment: next, offset: 0, before: Some(before), bytes: &[0] };
    // Its journal ends before that.
    let mut taker = level();
    let ask = taker.asks(later).expect("the head");
    taker.heard(&shorter(last, [9; 16])(ask.number, Said::Head(head())), later);
    let Some(Trouble::Diverged { place, .. }) = taker.trouble() else { panic!("{taker:?}") };
    assert_eq!((place.segment.clone(), place.offset), (name(end.0), end.1));
    assert!(matches!(taker.record(), Some(Err(Trouble::Diverged { .. }))));
    assert_eq!(taker.asks(later * 2), None);
    // It is as long, and its last record is another.
    let mut taker = level();
    let ask = taker.asks(later).expect("the head");
    taker.heard(&shorter(end, [9; 16])(ask.number, Said::Head(head())), later);
    assert!(matches!(taker.trouble(), Some(Trouble::Diverged { .. })));
    // It has gone on from an earlier place.
    let mut taker = level();
    taker.heard(&shorter((next, 65), [9; 16])(0, Said::Piece(begins(last.1))), later);
    assert!(matches!(taker.trouble(), Some(Trouble::Diverged { .. })));
    // What was late is no sign of that.
    let mut taker = level();
    taker.heard(&shorter(last, [9; 16])(0, Said::Head(head())), later);
    taker.heard(&shorter((next, 65), [9; 16])(0, Said::Piece(begins(end.1 + 9))), later);
    assert_eq!(taker.trouble(), None);
}

#[test]
fn what_was_sent_and_lost_before_it_was_whole_is_asked_for_anew() {
    let (_, whole) = some();
    let mut taker = Taker::new(Start::beginning(), Which::All);
    let (segment, offset) = whole.records[1];
    taker.heard(&whole.piece(0, segment, 0, offset as usize + 100), NOW);
    let first = places(&mut taker);
    assert_eq!(first.len(), 1);
    // What follows there now is not what was begun.
    let bytes = vec![0xee; 5_000];
    let piece = Piece { segment, offset: offset + 100, before: None, bytes: &bytes };
    taker.heard(&whole.say(0, Said::Piece(piece)), NOW);
    assert_eq!(places(&mut taker), []);
    assert_eq!((taker.standing(NOW).counts.doubts, taker.trouble()), (1, None));
    let all = [first, served(&mut taker, &whole, NOW)].concat();
    assert_eq!(all, of_places(&whole.records));
    // The segment ends before it: then it was lost.
    let mut taker = Taker::new(Start::beginning(), Which::All);
    let end = whole.segments[0].len();
    taker.heard(&whole.piece(0, 1, 0, end), NOW);
    let piece = Piece { segment: 1, offset: end as u64, before: None, bytes: &bytes[..50] };
    taker.heard(&whole.say(0, Said::Piece(piece)), NOW);
    let mut all = places(&mut taker);
    taker.heard(&whole.piece(0, 2, 0, 9_000), NOW);
    all.extend(places(&mut taker));
    all.extend(served(&mut taker, &whole, NOW));
    assert_eq!((all, taker.standing(NOW).counts.doubts), (of_places(&whole.records), 0));
    // It ends with it, which is no whole record: that is asked for, and not waited for.
    let mut taker = Taker::new(Start::beginning(), Which::All);
    taker.heard(&whole.piece(0, 1, 0, end), NOW);
    taker.heard(&whole.say(0, Said::Piece(piece)), NOW);
    let mut all = places(&mut taker);
    let before = Some(end as u64 + 50);
    let next = Piece { segment: 2, offset: 0, before, bytes: &whole.segments[1] };
    taker.heard(&whole.say(0, Said::Piece(next)), NOW);
    assert_eq!((places(&mut taker), taker.standing(NOW).counts.doubts), (Vec::new(), 1));
    all.extend(served(&mut taker, &whole, NOW));
    assert_eq!(all, of_places(&whole.records));
    // If it is the same again, that is what is there.
    let mut taker = Taker::new(Start::beginning(), Which::All);
    taker.heard(&whole.piece(0, segment, 0, offset as usize), NOW);
    places(&mut taker);
    for _ in 0..2 {
        assert_eq!(taker.trouble(), None);
        let piece = Piece { segment, offset, before: None, bytes: &bytes };
        taker.heard(&whole.say(0, Said::Piece(piece)), NOW);
        taker.record();
    }
    assert!(matches!(taker.trouble(), Some(Trouble::Diverged { .. })));
}

#[test]
fn a_record_that_follows_by_number_and_not_by_hash_is_not_given_out() {
    let written = |seed: u64| {
        let disk = Simulated::new(1);
        let mut writer = Writer::create(Arc::new(disk.clone()), ID).expect("no faults");
        for number in 1..=2 {
            let mut batch = Batch::default();
            let kept = command(&mut Random::new(seed + number), BEGINS);
            batch.push(&Entry::Command(kept), Sequence(number), BEGINS);
            writer.append(&mut batch, BEGINS).expect("no faults");
        }
        writer.seal().expect("no faults");
        whole(&disk)
    };
    let (ours, other) = (written(1), written(10));
    let mut taker = Taker::new(Start::beginning(), Which::All);
    let (offset, others) = (ours.records[1].1, other.records[1].1);
    taker.heard(&ours.piece(0, 1, 0, offset as usize), NOW);
    assert_eq!(places(&mut taker).len(), 1);
    let bytes = &other.segments[0][others as usize..];
    for _ in 0..2 {
        let piece = Piece { segment: 1, offset, before: None, bytes };
        taker.heard(&ours.say(0, Said::Piece(piece)), NOW);
        assert!(!matches!(taker.record(), Some(Ok(_))));
    }
    assert!(matches!(taker.trouble(), Some(Trouble::Diverged { .. })));
}

#[test]
fn another_journal_is_not_followed_and_overheard_by_mistake_is_no_matter() {
    let (_, whole) = some();
    let mut taker = Taker::new(Start::beginning(), Which::All);
    served(&mut taker, &whole, NOW);
    let later = NOW + HEAD_EVERY;
    let frontier = whole.frontier;
    let say =
        |number| Answer { number, journal: [8; 16], frontier, said: Said::Head(head()) }.to_bytes();
    taker.heard(&say(0), later);
    assert_eq!((taker.trouble(), taker.standing(later).counts.stale), (None, 1));
    let ask = taker.asks(later).expect("the head");
    assert_eq!(ask.journal, Some(ID));
    taker.heard(&say(ask.number), later);
    let (ours, theirs) = (ID, [8; 16]);
    assert_eq!(taker.trouble(), Some(&Trouble::OtherJournal { ours, theirs }));
}

#[test]
fn a_core_whose_life_is_over_is_not_listened_to_unless_it_is_the_only_one() {
    let (_, whole) = some();
    let mut taker = Taker::new(Start::beginning(), Which::All);
    served(&mut taker, &whole, NOW);
    let frontier = Frontier { epoch: Epoch(0), ..whole.frontier };
    let said =
        |number| Answer { number, journal: ID, frontier, said: Said::Head(head()) }.to_bytes();
    for second in 1..20 {
        let now = NOW + HEAD_EVERY * second;
        while let Some(ask) = taker.asks(now) {
            taker.heard(&said(ask.number), now);
        }
        assert_eq!(taker.trouble().is_some(), second >= 11, "after {second} s");
        let silence = taker.standing(now).silence.expect("it was heard once");
        assert_eq!(silence, HEAD_EVERY * second.min(11), "it counts as silent");
        if second >= 11 {
            break;
        }
    }
}

#[test]
fn what_was_taken_away_is_told_and_the_next_segment_followed_if_all_before_it_is_there() {
    let (_, whole) = some();
    let refusal = Refusal { why: Why::Pruned(3), words: "it was pruned".into() };
    let mut taker = Taker::new(Start::beginning(), Which::All);
    let ask = taker.asks(NOW).expect("the head");
    taker.heard(&whole.answer(&ask), NOW);
    let ask = taker.asks(NOW).expect("bytes");
    taker.heard(&whole.say(ask.number, Said::Refused(refusal)), NOW);
    assert!(matches!(taker.trouble(), Some(Trouble::Pruned { first: 3, .. })));
    // How long the first one was nobody knows any more.
    let whole_first = whole.segments[0].len();
    for (count, is_all) in [(whole_first, true), (whole.records[0].1 as usize, false)] {
        let mut taker = Taker::new(Start::beginning(), Which::All);
        taker.heard(&whole.piece(0, 1, 0, count), NOW);
        places(&mut taker);
        let head = taker.asks(NOW).expect("the head");
        taker.heard(&whole.answer(&head), NOW);
        let ask = taker.asks(NOW).expect("bytes");
        let piece = Piece { segment: 2, offset: 0, before: None, bytes: &whole.segments[1] };
        taker.heard(&whole.say(ask.number, Said::Piece(piece)), NOW);
        match taker.trouble() {
            None if is_all => assert_eq!(places(&mut taker)[0].0, name(2)),
            Some(Trouble::Pruned { first: 2, .. }) if !is_all => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_may_not_be_shown_yet_is_held_back_and_a_standby_has_it() {
    let (_, mut whole) = some();
    whole.frontier.durable = Sequence(0);
    let mut standby = Taker::new(Start::beginning(), Which::All);
    assert_eq!(served(&mut standby, &whole, NOW), of_places(&whole.records));
    let mut edge = Taker::new(Start::beginning(), Which::Shown);
    assert_eq!(served(&mut edge, &whole, NOW), [], "nothing is durable");
    whole.frontier.durable = whole.frontier.last;
    let nothing = Piece { segment: 1, offset: 0, before: None, bytes: &[] };
    edge.heard(&whole.say(0, Said::Piece(nothing)), NOW);
    let mut all = places(&mut edge);
    all.extend(served(&mut edge, &whole, NOW + PATIENCE_MAX));
    assert_eq!(all, of_places(&whole.records));
}

#[test]
fn messages_of_another_version_are_told_in_words() {
    let (_, whole) = some();
    let mut taker = Taker::new(Start::beginning(), Which::All);
    let mut message = whole.piece(0, 1, 0, 200);
    message[3] = 9;
    taker.heard(&message, NOW);
    let complaint = taker.standing(NOW).complaint;
    assert_eq!(complaint, Some(Complaint::Unread(Unread::Version(9))));
    assert!(complaint.expect("just so").to_string().contains("another version of rialto"));
    taker.heard(&whole.piece(0, 1, 0, 200), NOW);
    assert_eq!(taker.standing(NOW).complaint, None);
}
