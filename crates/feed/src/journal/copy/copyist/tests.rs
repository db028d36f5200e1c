//! What is found of a copy when it is opened.

use super::super::super::segments::name;
use super::super::super::simulated::Simulated;
use super::super::taker::{Taker, Which};
use super::super::tests::{NOW, Whole, some};
use super::*;

/// Takes all there is from where a copy ends, and writes it there.
fn copied(opened: Opened, whole: &Whole) -> Copyist {
    let mut copyist = opened.copyist.with_segments_of(2_000);
    let mut taker = Taker::new(opened.start, Which::All);
    while let Some(ask) = taker.asks(NOW) {
        taker.heard(&whole.answer(&ask), NOW);
        while let Some(taken) = taker.take() {
            copyist.write(&taken.expect("no trouble")).expect("a good disk");
        }
    }
    copyist
}

fn open(disk: &Simulated) -> Opened {
    Copyist::open(Arc::new(disk.clone()), None).expect("it can be read")
}

fn holds(disk: &Simulated, whole: &Whole) {
    let listed = segments::list(disk).expect("names");
    let bytes = listed.iter().map(|it| it.read(disk).expect("bytes").bytes);
    assert!(bytes.eq(whole.segments.iter().cloned()), "it is the journal byte for byte");
}

#[test]
fn a_copy_is_the_journal_and_is_gone_on_with_where_it_ends() {
    let (_, whole) = some();
    let disk = Simulated::new(1);
    let mut copyist = copied(open(&disk), &whole);
    let sealed = copyist.seal().expect("a good disk");
    assert_eq!((sealed.segment, sealed.offset), whole.frontier.place());
    assert_eq!(sealed.last, whole.frontier.last);
    holds(&disk, &whole);
    let opened = open(&disk);
    assert!(opened.cut.is_none());
    assert_eq!(opened.start.place(), whole.frontier.place());
    assert_eq!(opened.copyist.durable(), sealed);
}

#[test]
fn what_does_not_come_next_is_not_written() {
    let (_, whole) = some();
    let disk = Simulated::new(1);
    let mut copyist = copied(open(&disk), &whole);
    let mut taker = Taker::new(Start::beginning(), Which::All);
    taker.heard(&whole.piece(0, 1, 0, 5_000), NOW);
    let written = copyist.written();
    while let Some(taken) = taker.take() {
        assert!(copyist.write(&taken.expect("no trouble")).is_err());
    }
    assert_eq!(copyist.written(), written);
}

#[test]
fn what_is_damaged_is_cut_and_set_aside_and_taken_once_more() {
    let (_, whole) = some();
    for at in [(2, 70), (1, 200), (1, 3)] {
        let disk = Simulated::new(1);
        copied(open(&disk), &whole).seal().expect("a good disk");
        let before = disk.read(&name(at.0)).expect("bytes");
        disk.change(&name(at.0), |bytes| bytes[at.1] ^= 1);
        let opened = open(&disk);
        assert!(matches!(opened.cut, Some(Trouble::Damaged { .. })), "{at:?}");
        assert!(opened.start.place().0 <= at.0, "{at:?}");
        for segment in at.0..=whole.frontier.segment {
            let aside = format!("{}.cut", name(segment));
            let mut found = disk.read(&aside).unwrap_or_else(|_| panic!("{at:?}: no {aside}"));
            if segment == at.0 {
                found[at.1] ^= 1;
                assert_eq!(found, before);
            }
        }
        copied(opened, &whole).seal().expect("a good disk");
        holds(&disk, &whole);
    }
}

#[test]
fn what_was_torn_and_looks_damaged_since_the_core_had_it_is_mended_by_opening_it() {
    let (_, whole) = some();
    let disk = Simulated::new(1);
    copied(open(&disk), &whole).seal().expect("a good disk");
    // Of a record in the last segment a part never arrived, and of one behind it all did.
    let last = whole.frontier.segment;
    let mut places = whole.records.iter().filter(|(segment, _)| *segment == last);
    let Some(&(_, offset)) = places.next() else { panic!("there is one") };
    assert!(places.next().is_some(), "and another");
    disk.change(&name(last), |bytes| {
        let from = offset as usize;
        let end = ((from / 512 + 1) * 512).min(from + 60);
        bytes[from..end].fill(0);
    });
    let mut reader = Reader::open(&disk).expect("it begins well").expect("a journal");
    let read = std::iter::from_fn(|| reader.record().transpose()).find_map(Result::err);
    assert!(matches!(read, Some(Trouble::Damaged { .. })), "{read:?}");
    let mut copyist = open(&disk).copyist;
    copyist.seal().expect("a good disk");
    let mut reader = Reader::open(&disk).expect("it begins well").expect("a journal");
    while reader.record().expect("nothing is wrong with it").is_some() {}
    assert!(reader.tail().expect("it can be read").torn.is_none());
}
