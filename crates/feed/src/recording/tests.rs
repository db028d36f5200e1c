//! Recordings: what is written is read; what a crash, a full disk or a flipped bit does to one is found or cut, and told.

use std::sync::Arc;

use engine::flow::Random;
use model::{Instrument, InstrumentId, Listing, Minimum, Time};

use super::index;
use super::writer::Refused;
use super::{
    Block, Entry, Frame, Head, Reader, Trouble, What, Writer, segment_name, segment_number,
};
use crate::journal::disk::{Appended, Disk};
use crate::journal::simulated::{Faults, Simulated};

fn head() -> Head {
    let instrument = Instrument {
        id: InstrumentId(0),
        base: "BTC".into(),
        quote: "USD".into(),
        price_decimals: 2,
        tick_units: 50,
        quantity_decimals: 8,
        lot_units: 1,
        minimum: Minimum::Notional(100_000_000_000),
    };
    Head {
        dialect: "sample".into(),
        url: "ws://127.0.0.1:1/sample".into(),
        software: "rialto 0".into(),
        begun: Time(1_000),
        first: 0,
        begins: false,
        listings: vec![Listing {
            instrument,
            description: "Bitcoin / U.S. dollar".into(),
            symbols: vec![("sample".into(), "BTC-USD".into())],
        }],
    }
}

/// The entry of this number in a recording that a seed makes. Each hundredth asks for a connection.
fn what(number: u64, random: &mut Random) -> What {
    let mut bytes = || (0..random.below(400)).map(|_| random.below(256) as u8).collect::<Vec<u8>>();
    match number % 100 {
        1 => What::Called { url: format!("ws://127.0.0.1:1/{number}") },
        2 => What::Opened { answer: b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec() },
        3 => What::Fetched { path: "/book?a=b".into(), status: 200, body: bytes() },
        4 => What::Said(Frame::Text(b"{\"subscribe\":1}".to_vec())),
        5 => What::Heard(Frame::Ping(b"p".to_vec())),
        6 => What::Said(Frame::Pong(b"p".to_vec())),
        7 => What::Heard(Frame::Binary(bytes())),
        98 => What::Heard(Frame::Close { code: None, reason: String::new() }),
        99 => What::Said(Frame::Close { code: Some(1001), reason: "going".into() }),
        0 => What::Gap { why: "the connection was lost".into() },
        _ => What::Heard(Frame::Text(bytes())),
    }
}

fn entries(seed: u64, count: u64) -> Vec<Entry> {
    let mut random = Random::new(seed);
    let entry = |sequence| Entry {
        sequence,
        at: Time(sequence as i64 * 1_000),
        monotonic_ns: sequence * 1_000_000,
        what: what(sequence, &mut random),
        redacted: sequence % 100 == 4,
    };
    (1..=count).map(entry).collect()
}

/// Writes these down, so many in a block; says how many of them are durable.
fn write(disk: &Simulated, all: &[Entry], per_block: usize, segment_bytes: usize) -> u64 {
    let Ok((writer, first)) = Writer::begin(Arc::new(disk.clone()), head()) else { return 0 };
    let mut writer = writer.with_segments_of(segment_bytes);
    let mut durable = first - 1;
    for chunk in all.chunks(per_block) {
        let mut block = Block::beginning_with(chunk[0].sequence);
        for Entry { at, monotonic_ns, what, redacted, .. } in chunk {
            block.push(*at, *monotonic_ns, what, *redacted);
        }
        if writer.write(&block, Time(0)).is_err() {
            return durable;
        }
        durable = block.next() - 1;
    }
    // The index can be made anew.
    let _ended = writer.end();
    durable
}

/// All that can be read, and what was said of it.
fn read(disk: &Simulated) -> (Vec<Entry>, Vec<String>, Option<Trouble>) {
    let mut found = Vec::new();
    let mut reader = match Reader::open(disk) {
        Ok(Some(reader)) => reader,
        Ok(None) => return (found, Vec::new(), None),
        Err(trouble) => return (found, Vec::new(), Some(trouble)),
    };
    loop {
        match reader.entry() {
            Ok(Some(entry)) => found.push(entry),
            Ok(None) => return (found, reader.notes().to_vec(), None),
            Err(trouble) => return (found, reader.notes().to_vec(), Some(trouble)),
        }
    }
}

#[test]
fn what_is_written_is_read_over_many_segments() {
    let (disk, all) = (Simulated::new(1), entries(1, 1_000));
    assert_eq!(write(&disk, &all, 7, 20_000), 1_000);
    let segments = disk.names().expect("names");
    assert!(segments.iter().filter(|name| segment_number(name).is_some()).count() > 5);
    let (found, notes, trouble) = read(&disk);
    assert!(trouble.is_none(), "{trouble:?}");
    assert!(found == all && notes.is_empty(), "{} {notes:?}", found.len());
    let reader = Reader::open(&disk).expect("readable").expect("there");
    assert!(reader.head().is_alike(&head()));
}

#[test]
fn a_moment_is_found_with_and_without_the_index() {
    let (disk, all) = (Simulated::new(2), entries(2, 1_000));
    write(&disk, &all, 7, 20_000);
    let found = |disk: &Simulated, moment: i64| {
        let mut reader = Reader::open(disk).expect("readable").expect("there");
        reader.seek(Time(moment)).expect("a place");
        let first = reader.entry().expect("readable").map(|entry| entry.sequence);
        let mut rest = 1;
        while reader.entry().expect("readable").is_some() {
            rest += 1;
        }
        (first, rest)
    };
    for _ in 0..2 {
        // A connection is asked for at 1, 101, 201 and on.
        assert_eq!(found(&disk, -5), (Some(1), 1_000));
        assert_eq!(found(&disk, 100_999), (Some(1), 1_000));
        assert_eq!(found(&disk, 101_000), (Some(101), 900));
        assert_eq!(found(&disk, 899_000), (Some(801), 200));
        assert_eq!(found(&disk, i64::MAX), (Some(901), 100));
        let whole = disk.read(index::NAME).expect("an index");
        // Half of it is none; it is made anew, and the same.
        disk.change(index::NAME, |bytes| bytes.truncate(bytes.len() / 2));
        assert_eq!(found(&disk, 101_000), (Some(101), 900));
        assert_eq!(disk.read(index::NAME).expect("an index"), whole);
    }
}

#[test]
fn another_recorder_goes_on_where_one_ended_and_not_elsewhere() {
    let (disk, all) = (Simulated::new(3), entries(3, 300));
    write(&disk, &all[..100], 7, 4_000);
    // The first was killed while it wrote.
    let last =
        disk.names().expect("names").into_iter().rfind(|name| segment_number(name).is_some());
    let last = last.expect("a segment");
    disk.change(&last, |bytes| bytes.extend_from_slice(b"BLK\n and then nothing!"));
    write(&disk, &all[100..], 7, 4_000);
    let (found, notes, trouble) = read(&disk);
    assert!(trouble.is_none(), "{trouble:?}");
    assert!(found == all, "{}", found.len());
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains(&last) && notes[0].contains("22 bytes"), "{notes:?}");

    let mut other = head();
    other.url.push('2');
    let refused = Writer::begin(Arc::new(disk.clone()), other);
    assert!(matches!(refused, Err(Refused::Other(_))));
}

#[test]
fn of_whatever_a_disk_does_what_was_durable_is_read() {
    for seed in 0..300 {
        let (disk, all) = (Simulated::new(seed), entries(seed, 200));
        let mut random = Random::new(seed);
        let mut faults = Faults { short: 50, ..Faults::NONE };
        match seed % 3 {
            0 => faults.ends_at = random.below(150),
            1 => faults.room = random.below(30_000),
            _ => faults.failing = 10,
        }
        disk.suffers(faults);
        let durable = write(&disk, &all, 3, 6_000);
        if seed % 2 == 0 {
            disk.power_returns()
        } else {
            disk.process_restarts()
        }
        let (found, notes, trouble) = read(&disk);
        assert!(trouble.is_none(), "seed {seed}: {trouble:?}");
        assert!(found.len() as u64 >= durable, "seed {seed}: {} of {durable}", found.len());
        assert!(found == all[..found.len()], "seed {seed}: {notes:?}");
        // And it can be gone on with.
        let rest = &all[found.len()..];
        assert_eq!(write(&disk, rest, 3, 6_000), 200, "seed {seed}");
        let (found, _, trouble) = read(&disk);
        assert!(trouble.is_none(), "seed {seed}: {trouble:?}");
        assert!(found == all, "seed {seed}: {}", found.len());
    }
}

/// A bit is flipped or an end is cut somewhere: it is named, or the end is left out and that is told. Nothing is read
/// that was not written, and nothing panics.
#[test]
fn damage_is_named_or_cut_and_told() {
    let all = entries(5, 200);
    let (mut named, mut cut) = (0, 0);
    for seed in 0..800 {
        let disk = Simulated::new(seed);
        write(&disk, &all, 9, 6_000);
        let mut random = Random::new(seed);
        let names: Vec<String> = disk.names().expect("names");
        let name = &names[random.below(names.len() as u64) as usize];
        let is_segment = segment_number(name).is_some();
        let is_last = names.iter().rfind(|name| segment_number(name).is_some()) == Some(name);
        let is_cut = random.below(3) == 0;
        let mut nothing_changed = false;
        disk.change(name, |bytes| {
            let at = random.below(bytes.len() as u64) as usize;
            if is_cut {
                // At the end of a block a cut leaves no trace but that the recorder's last word is missing.
                nothing_changed =
                    is_segment && is_last && at > 0 && bytes[at..].starts_with(b"BLK\n");
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << random.below(8);
            }
        });
        let (found, notes, trouble) = read(&disk);
        assert!(found == all[..found.len()], "seed {seed}: {notes:?} {trouble:?}");
        if !is_segment {
            assert!(trouble.is_none() && found.len() == 200, "seed {seed}: only the index");
        } else if trouble.is_some() {
            named += 1;
        } else {
            let is_told = !notes.is_empty() || nothing_changed || (is_cut && found.is_empty());
            assert!(is_told, "seed {seed}: {name}, {} entries and not a word", found.len());
            cut += 1;
        }
        // The index is as little believed.
        if let Ok(Some(mut reader)) = Reader::open(&disk)
            && reader.seek(Time(150_000)).is_ok()
            && let Ok(Some(entry)) = reader.entry()
        {
            assert_eq!(entry, all[entry.sequence as usize - 1], "seed {seed}");
        }
    }
    assert!(named > 300 && cut > 20, "both happen: {named} named, {cut} cut");
}

#[test]
fn an_index_of_more_blocks_than_there_is_room_for_is_not_read() {
    let (disk, all) = (Simulated::new(8), entries(8, 300));
    write(&disk, &all, 7, 4_000);
    let whole = disk.read(index::NAME).expect("an index");
    let rows = index::read(&whole).expect("it is one");
    let many: Vec<index::Row> = rows.iter().copied().cycle().take(100_000).collect();
    disk.change(index::NAME, |bytes| *bytes = index::packed(&many));
    let mut reader = Reader::open(&disk).expect("readable").expect("there");
    assert_eq!(reader.index().expect("an index"), rows);
    assert!(disk.read(index::NAME).expect("an index") == whole, "it is made anew");
}

#[test]
fn an_instrument_whose_value_cannot_be_written_is_none() {
    let read = |price: u8, quantity: u8| {
        let mut head = head();
        let it = &mut head.listings[0].instrument;
        (it.price_decimals, it.quantity_decimals) = (price, quantity);
        Head::read("000001.rec", &head.packed())
    };
    assert!(matches!(read(9, 9), Ok(Some(_))));
    let refused = read(9, 10).expect_err("a value has 19 decimals").to_string();
    assert!(refused.contains("its instrument BTC/USD makes no sense"), "{refused}");
    read(255, 255).expect_err("nor are they counted past what a byte holds");
}

#[test]
fn a_missing_segment_is_named() {
    let (disk, all) = (Simulated::new(6), entries(6, 300));
    write(&disk, &all, 7, 4_000);
    disk.rename(&segment_name(3), "away").expect("renamed");
    let (found, _, trouble) = read(&disk);
    assert!(found == all[..found.len()]);
    let trouble = trouble.expect("a trouble").to_string();
    assert!(trouble.contains("000004.rec") && trouble.contains("missing"), "{trouble}");
    disk.rename(&segment_name(1), "away").expect("renamed");
    assert!(read(&disk).2.is_some());
}

/// A disk on which all files are larger than any of ours, and which nobody reads from.
struct Vast(Simulated);

impl Disk for Vast {
    fn names(&self) -> std::io::Result<Vec<String>> {
        self.0.names()
    }
    fn read(&self, name: &str) -> std::io::Result<Vec<u8>> {
        panic!("{name} is read, and has {} bytes", u64::MAX)
    }
    fn bytes(&self, _: &str) -> std::io::Result<u64> {
        Ok(u64::MAX)
    }
    fn create(&self, name: &str) -> std::io::Result<Box<dyn Appended>> {
        self.0.create(name)
    }
    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.0.remove(name)
    }
    fn sync(&self) -> std::io::Result<()> {
        self.0.sync()
    }
}

#[test]
fn a_segment_that_is_larger_than_any_is_damaged_and_not_read() {
    let (disk, all) = (Simulated::new(1), entries(1, 10));
    assert_eq!(write(&disk, &all, 7, 20_000), 10);
    let refused = Reader::open(&Vast(disk)).err().expect("it is not taken");
    assert!(matches!(refused, Trouble::Damaged { .. }), "{refused:?}");
    assert!(refused.to_string().starts_with("000001.rec is damaged at byte"), "{refused}");
}
