//! What is tapped is what counts as durable, whole and in order, and nobody who writes waits for it.

use super::super::super::commit::{Commit, Durability};
use super::super::super::disk::Disk;
use super::super::super::simulated::{Faults, Simulated};
use super::super::super::tests::{BEGINS, command};
use super::super::super::writer::{Batch, Writer};
use super::super::super::{Digest, Entry, segments};
use super::*;

const NOTHING: Digest = Digest { events: 0, digest: 0 };

fn batch(number: u64) -> Batch {
    let mut batch = Batch::default();
    let kept = command(&mut engine::flow::Random::new(number), BEGINS);
    batch.push(&Entry::Command(kept), Sequence(number), BEGINS);
    batch
}

fn tapped(disk: &Simulated) -> (Writer, Outlet) {
    let (tap, outlet) = tap();
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let writer = Writer::create(disk, [7; 16]).expect("a good disk").with_segments_of(2_000);
    (writer.tapped(tap), outlet)
}

/// What was drained of each segment; each piece goes on where the one before ended.
fn drained(outlet: &Outlet) -> Vec<Vec<u8>> {
    let mut segments: Vec<Vec<u8>> = Vec::new();
    while let Ok(tapped) = outlet.try_next() {
        if tapped.offset == 0 {
            assert_eq!(tapped.before, segments.last().map_or(0, |last| last.len() as u64));
            segments.push(Vec::new());
        }
        assert_eq!(tapped.segment, segments.len() as u64);
        let last = segments.last_mut().expect("one was begun");
        assert_eq!(tapped.offset, last.len() as u64);
        last.extend(&tapped.bytes);
        assert_eq!(tapped.frontier.place(), (tapped.segment, last.len() as u64));
        outlet.give_back(tapped);
    }
    segments
}

#[test]
fn what_is_tapped_is_the_journal_byte_for_byte() {
    for durability in [Durability::Sync, Durability::Batch, Durability::None] {
        let disk = Simulated::new(1);
        let (writer, outlet) = tapped(&disk);
        let mut commit = Commit::start(writer, durability, NOTHING, |_| {}).expect("a thread");
        for number in 1..=200 {
            commit.hand_over(&mut batch(number), None, number % 3 == 0);
            if number % 7 == 0 {
                commit.settle(Sequence(number));
            }
        }
        commit.end();
        let segments = drained(&outlet);
        let listed = segments::list(&disk).expect("names");
        let written: Vec<_> =
            listed.iter().map(|it| it.read(&disk).expect("bytes").bytes).collect();
        assert!(written.len() > 3);
        assert_eq!(segments, written, "{durability:?}");
        assert_eq!(outlet.gauge().frontier().last, Sequence(200));
        assert_eq!(outlet.gauge().lost(), 0);
    }
}

#[test]
fn nothing_is_tapped_that_does_not_count_as_durable() {
    let disk = Simulated::new(1);
    let (mut writer, outlet) = tapped(&disk);
    assert_eq!(drained(&outlet)[0].len(), 65, "the head of the first segment is durable");
    let before = outlet.gauge().frontier();
    writer.append(&mut batch(1), BEGINS).expect("a good disk");
    assert!(outlet.try_next().is_err());
    assert_eq!(outlet.gauge().frontier(), before);
    disk.suffers(Faults { failing: 1_000, ..Faults::NONE });
    assert!(writer.sync().is_err());
    assert!(outlet.try_next().is_err());
    // The same by way of the thread, which writes nothing more after that.
    let disk = Simulated::new(1);
    let (writer, outlet) = tapped(&disk);
    disk.suffers(Faults { failing: 1_000, ..Faults::NONE });
    let mut commit = Commit::start(writer, Durability::Sync, NOTHING, |_| {}).expect("a thread");
    commit.hand_over(&mut batch(1), None, true);
    commit.settle(Sequence(1));
    commit.end();
    assert_eq!(drained(&outlet).concat().len(), 65);
}

#[test]
fn whoever_writes_goes_on_where_nobody_drains_and_what_is_lost_is_counted() {
    let disk = Simulated::new(1);
    let (mut writer, outlet) = tapped(&disk);
    let all = TAPPED_MAX as u64 + 100;
    for number in 1..=all {
        writer.append(&mut batch(number), BEGINS).expect("a good disk");
        writer.sync().expect("a good disk");
        writer.counts(writer.last());
    }
    assert!(outlet.gauge().lost() >= 100);
    assert_eq!(outlet.gauge().frontier().last, Sequence(all), "how far it is can be seen");
    let mut last = Sequence(0);
    let mut bytes = 0;
    while let Ok(tapped) = outlet.try_next() {
        assert!(tapped.frontier.last >= last);
        last = tapped.frontier.last;
        bytes += tapped.bytes.len();
        outlet.give_back(tapped);
    }
    assert!(last < Sequence(all) && bytes <= TAPPED_BYTES_MAX);
    // From then on all is tapped again.
    writer.append(&mut batch(all + 1), BEGINS).expect("a good disk");
    writer.counts(writer.last());
    let tapped = outlet.try_next().expect("there is room");
    assert_eq!(tapped.frontier, outlet.gauge().frontier());
}

#[test]
fn the_room_that_bytes_came_in_is_used_again() {
    let disk = Simulated::new(1);
    let (mut writer, outlet) = tapped(&disk);
    let mut first = outlet.try_next().expect("the head");
    first.bytes.reserve(10_000);
    let room = first.bytes.as_ptr();
    outlet.give_back(first);
    for number in 1..=20 {
        writer.append(&mut batch(number), BEGINS).expect("a good disk");
        writer.counts(writer.last());
        let tapped = outlet.try_next().expect("what was written");
        assert_eq!(tapped.bytes.as_ptr(), room, "record {number}");
        outlet.give_back(tapped);
    }
}
