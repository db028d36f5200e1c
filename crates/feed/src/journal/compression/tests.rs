//! A journal reads the same before, after and in the middle of being compressed.

use std::sync::Arc;

use engine::flow::Random;

use super::super::Entry;
use super::super::reader::{Reader, Trouble};
use super::super::simulated::{Faults, Simulated};
use super::super::tests::{cases, closed, read_all};
use super::super::writer::Writer;
use super::*;

/// All but the last segment of a journal, compressed.
fn compressed(disk: &Simulated) -> u64 {
    let last = segments::list(disk).expect("names").last().expect("a segment").number;
    let mut count = 0;
    while compress_next(disk, last).expect("a disk without faults").is_some() {
        count += 1;
    }
    count
}

fn entries(disk: &Simulated) -> Vec<Entry> {
    read_all(disk).expect("no trouble").0
}

#[test]
fn a_compressed_journal_reads_as_before_and_takes_less() {
    let (mut before, mut after) = (0, 0);
    for seed in cases(50, 500) {
        let (disk, _) = closed(seed);
        let there = entries(&disk);
        let names = disk.names().expect("names");
        let bytes = |disk: &Simulated| -> u64 {
            let names = disk.names().expect("names");
            names.iter().map(|name| disk.bytes(name).expect("its bytes")).sum()
        };
        before += bytes(&disk);
        assert_eq!(compressed(&disk), names.len() as u64 - 1, "seed {seed}");
        after += bytes(&disk);
        let last = names.last().expect("a segment");
        let now = disk.names().expect("names");
        assert!(now.iter().all(|name| name == last || name.ends_with(".journal.zst")), "{now:?}");
        assert_eq!(entries(&disk), there, "seed {seed}");
    }
    assert!(after < before, "{before} bytes became {after}");
}

/// Wherever the power goes, or the process, or the disk is full or fails: the journal reads the same, and compressing
/// can be gone on with.
#[test]
fn whatever_interrupts_it_the_journal_reads_the_same() {
    let mut interrupted = 0;
    for seed in cases(40, 1_000) {
        let (whole, _) = closed(seed);
        let there = entries(&whole);
        let last = segments::list(&whole).expect("names").last().expect("a segment").number;
        let mut random = Random::new(seed ^ 0xc0);
        for ends_at in 1..40 {
            let disk = whole.copy_with(seed ^ ends_at);
            let faults = match random.below(4) {
                0 => Faults { failing: 100, ..Faults::NONE },
                1 => Faults { room: random.below(3_000), ..Faults::NONE },
                _ => Faults { ends_at, short: random.below(2) * 300, ..Faults::NONE },
            };
            disk.suffers(faults);
            let done = loop {
                match compress_next(&disk, last) {
                    Ok(Some(_)) => {}
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            interrupted += u32::from(!done);
            match random.below(2) {
                0 => disk.process_restarts(),
                _ => disk.power_returns(),
            }
            let case = format!("seed {seed}, {faults:?}");
            assert_eq!(entries(&disk), there, "{case}");
            compressed(&disk);
            assert_eq!(entries(&disk), there, "{case}: gone on with");
            let names = disk.names().expect("names");
            let left = names.iter().filter(|name| !name.ends_with(".zst")).count();
            assert_eq!(left, 1, "{case}: {names:?}");
        }
    }
    assert!(interrupted > 100, "{interrupted}");
}

#[test]
fn where_both_are_there_the_plain_one_is_read() {
    let (disk, _) = closed(3);
    let there = entries(&disk);
    let plain = disk.read(&name(1)).expect("bytes");
    compress_next(&disk, 2).expect("a disk without faults").expect("the first");
    let mut file = disk.create(&name(1)).expect("a disk without faults");
    write_all(file.as_mut(), &plain).expect("a disk without faults");
    disk.change(&compressed_name(1), |bytes| bytes.truncate(40));
    assert_eq!(entries(&disk), there);
    compress_next(&disk, 2).expect("a disk without faults").expect("the first, again");
    assert!(!disk.names().expect("names").contains(&name(1)));
    assert_eq!(entries(&disk), there);
}

#[test]
fn the_last_segment_of_a_journal_is_never_a_compressed_one() {
    let (disk, _) = closed(5);
    let count = compressed(&disk);
    assert!(count > 1, "{count} were compressed");
    disk.lose(&name(count + 1));
    let Err(Trouble::Damaged { place, what }) = read_all(&disk) else { panic!("it is refused") };
    assert_eq!((place.segment, &*what), (name(count + 1), "the segment is missing"));
}

#[test]
fn a_flipped_bit_in_a_compressed_segment_is_found_and_what_is_before_it_is_read() {
    let many = if std::env::var_os("RIALTO_LONG").is_some() { 100 } else { 10 };
    for seed in cases(100, 100) {
        let (disk, _) = closed(seed);
        let there = entries(&disk);
        if compressed(&disk) == 0 {
            continue;
        }
        let names = disk.names().expect("names");
        let names: Vec<_> = names.iter().filter(|name| name.ends_with(".zst")).collect();
        let mut random = Random::new(seed ^ 0xb17);
        for _ in 0..many {
            let name = names[random.below(names.len() as u64) as usize];
            let length = disk.read(name).expect("bytes").len();
            let (at, bit) = (random.below(length as u64) as usize, random.below(8));
            let (flipped, is_cut) = (disk.copy(), random.below(3) == 0);
            flipped.change(name, |bytes| match is_cut {
                true => bytes.truncate(at),
                false => bytes[at] ^= 1 << bit,
            });
            let case =
                format!("seed {seed}, cut {is_cut}, bit {bit} of byte {at} of {length} of {name}");
            let mut found = Vec::new();
            let trouble = match Reader::open(&flipped) {
                Ok(reader) => {
                    let mut reader = reader.expect("a journal");
                    loop {
                        match reader.record() {
                            Ok(Some(record)) => found.extend(record.entries),
                            Ok(None) => panic!("{case}: it is not found"),
                            Err(trouble) => break trouble,
                        }
                    }
                }
                Err(trouble) => trouble,
            };
            let Trouble::Damaged { place, .. } = &trouble else { panic!("{case}: {trouble}") };
            assert_eq!(place.segment, *name, "{case}: {trouble}");
            assert!(there.starts_with(&found), "{case}");
        }
    }
}

/// Whoever accepts the loss goes on with what is before the damage, and nothing of what is behind it comes back, wherever
/// the power goes meanwhile.
#[test]
fn what_is_before_the_damage_of_a_compressed_segment_is_gone_on_with() {
    for seed in cases(20, 200) {
        let (disk, _) = closed(seed);
        if compressed(&disk) == 0 {
            continue;
        }
        disk.change(&compressed_name(1), |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        for ends_at in 1..16 {
            let disk = disk.copy_with(seed);
            disk.suffers(Faults { ends_at, ..Faults::NONE });
            let mut kept = None;
            // Once while the power goes, and again when it is back.
            for _ in 0..2 {
                let Some(mut reader) = Reader::open(&disk).ok().flatten() else { break };
                let mut found = Vec::new();
                let trouble = loop {
                    match reader.record() {
                        Ok(Some(record)) => found.extend(record.entries),
                        Ok(None) => break None,
                        Err(trouble) => break Some(trouble),
                    }
                };
                let case = format!("seed {seed}, at {ends_at}: {trouble:?}");
                let (kept, before) = (kept.get_or_insert_with(|| found.clone()), found);
                assert_eq!(*kept, before, "{case}");
                let tail = reader.tail().expect("no trouble");
                if Writer::go_on(Arc::new(disk.clone()), &tail).is_ok() {
                    assert_eq!(entries(&disk), *kept, "{case}");
                    assert!(!disk.names().expect("names").contains(&compressed_name(1)), "{case}");
                }
                disk.power_returns();
            }
        }
    }
}
