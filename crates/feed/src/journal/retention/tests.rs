use super::super::compression::compress_next;
use super::super::reader::Trouble;
use super::super::segments::{list, name};
use super::super::simulated::{Faults, Simulated};
use super::super::tests::{BEGINS, cases, closed, read_all};
use super::*;

const EVERYTHING: Policy = Policy { bytes_max: 0, age_max: None };

fn numbers(disk: &Simulated) -> Vec<u64> {
    list(disk).expect("names").iter().map(|segment| segment.number).collect()
}

fn bytes(disk: &Simulated) -> u64 {
    let names = disk.names().expect("names");
    names.iter().map(|name| disk.bytes(name).expect("its bytes")).sum()
}

/// A journal of at least six segments, some of them compressed.
fn journal() -> Simulated {
    let (disk, _) = (1..).map(closed).find(|(disk, _)| numbers(disk).len() >= 6).expect("one");
    compress_next(&disk, 3).expect("a disk without faults");
    compress_next(&disk, 3).expect("a disk without faults");
    disk
}

#[test]
fn as_much_is_kept_as_is_asked_for_and_no_image_loses_what_it_needs() {
    let whole = journal();
    let all = numbers(&whole);
    let last = *all.last().expect("a segment");
    for needed in 1..=last + 1 {
        for bytes_max in (0..=bytes(&whole) + 400).step_by(400) {
            let disk = whole.copy();
            let policy = Policy { bytes_max, age_max: None };
            let pruned = prune(&disk, needed, &policy, BEGINS).expect("a disk without faults");
            let left = numbers(&disk);
            let case = format!("{bytes_max} bytes, {needed} is needed: {left:?} is left");
            assert!(all.ends_with(&left) && left.len() >= 2, "{case}");
            assert!(left[0] <= needed, "{case}");
            assert_eq!(pruned.segments as usize, all.len() - left.len(), "{case}");
            assert_eq!(pruned.bytes, bytes(&whole) - bytes(&disk), "{case}");
            let is_kept = bytes(&disk) <= bytes_max || left[0] == needed || left.len() == 2;
            assert!(is_kept, "{case}");
            // Nothing went that could have stayed.
            if pruned.segments > 0 {
                let before = all[pruned.segments as usize - 1];
                let size: u64 = whole_size(&whole, before);
                assert!(bytes(&disk) + size > bytes_max, "{case}");
            }
        }
    }
}

fn whole_size(disk: &Simulated, number: u64) -> u64 {
    let segments = list(disk).expect("names");
    let segment = segments.iter().find(|it| it.number == number).expect("it is there");
    segment.files().map(|file| disk.bytes(&file).expect("its bytes")).sum()
}

#[test]
fn without_an_image_nothing_is_taken_away() {
    let disk = journal();
    let there = read_all(&disk).expect("no trouble").0;
    let aged = Policy { bytes_max: 0, age_max: Some(Span(0)) };
    let pruned = prune(&disk, 1, &aged, BEGINS + Span(1)).expect("a disk without faults");
    assert_eq!(pruned, Pruned::default());
    assert_eq!(read_all(&disk).expect("no trouble").0, there);
}

#[test]
fn what_is_too_old_goes_and_what_is_not_stays() {
    let whole = journal();
    let last = numbers(&whole).len();
    let policy = Policy { bytes_max: u64::MAX, age_max: Some(Span(1_000)) };
    for (after, left) in [(0, last), (1_000, last), (1_001, 2)] {
        let disk = whole.copy();
        prune(&disk, u64::MAX, &policy, BEGINS + Span(after)).expect("a disk without faults");
        assert_eq!(numbers(&disk).len(), left, "after {after} µs");
    }
}

#[test]
fn an_age_that_is_longer_than_time_takes_nothing_away() {
    let disk = journal();
    let policy = Policy { age_max: Some(Span(i64::MAX)), ..Policy::default() };
    let pruned = prune(&disk, u64::MAX, &policy, Time(i64::MAX)).expect("a disk without faults");
    assert_eq!(pruned, Pruned::default());
}

#[test]
fn a_journal_without_its_beginning_is_refused_without_an_image() {
    let disk = journal();
    prune(&disk, 3, &EVERYTHING, BEGINS).expect("a disk without faults");
    let trouble = read_all(&disk).expect_err("it is refused");
    let Trouble::Beheaded { segment, after } = &trouble else { panic!("{trouble}") };
    assert!(*segment == name(3) && after.0 > 0, "{trouble}");
    assert!(trouble.to_string().contains("no image"), "{trouble}");
}

/// Wherever the power goes, what is left has no gap and no less than what is needed.
#[test]
fn whatever_interrupts_it_no_gap_is_left() {
    let whole = journal();
    let all = numbers(&whole);
    for seed in cases(20, 500) {
        for ends_at in 1..30 {
            let disk = whole.copy_with(seed);
            disk.suffers(Faults { ends_at, failing: seed % 2 * 50, ..Faults::NONE });
            let done = prune(&disk, 5, &EVERYTHING, BEGINS).is_ok();
            match seed % 3 {
                0 => disk.process_restarts(),
                _ => disk.power_returns(),
            }
            let left = numbers(&disk);
            let case = format!("seed {seed}, at {ends_at}: {left:?} is left");
            assert!(all.ends_with(&left) && left[0] <= 5, "{case}");
            prune(&disk, 5, &EVERYTHING, BEGINS).expect("a disk without faults");
            assert_eq!(numbers(&disk)[0], 5, "{case}");
            assert!(ends_at < 20 || seed % 2 == 1 || done, "{case}");
        }
    }
}
