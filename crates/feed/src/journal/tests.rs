//! Laws of the journal: what was acknowledged is there after whatever the disk did, and no changed bit passes.

use std::io;
use std::sync::{Arc, Mutex};

use engine::flow::Random;
use model::{
    AccountId, Amount, AssetId, Cadence, InstrumentId, MarginMode, NewOrder, OrderId, OrderKind,
    PerpetualAction, Price, Quantity, SelfTradePolicy, Side, Span, Status, TimeInForce, Trail,
    Trigger, TriggerWhen,
};

use super::compression::compress_next;
use super::disk::{Appended, Disk};
use super::reader::{Boundary, Reader, Tail, Trouble};
use super::record::SEGMENT_HEAD_BYTES;
use super::retention::{Policy, prune};
use super::simulated::{Faults, Simulated};
use super::writer::{Batch, Writer};
use super::*;

/// Any command.
pub(super) fn command(random: &mut Random, after: Time) -> Kept {
    fn any<T: Copy>(random: &mut Random, of: &[T]) -> T {
        of[random.below(of.len() as u64) as usize]
    }
    let shift = random.below(63);
    let number = (random.next_u64() >> shift) as i64;
    let account = AccountId((random.next_u64() >> (32 + shift % 32)) as u32);
    let instrument = InstrumentId(random.below(12) as u16);
    let asset = AssetId(random.below(1 << 16) as u16);
    let order = OrderId((1 << 50) + random.below(1 << 20));
    let amount = Amount(i128::from(number) * i128::from(random.next_u64() as i64 >> shift));
    let side = any(random, &[Side::Buy, Side::Sell]);
    let price = Price(number >> random.below(40));
    let quantity = Quantity(random.below(1 << 40) as i64 - 5);
    let when = any(random, &[TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow]);
    let trail = Trail::new(1 + random.below(9_999) as u16).expect("in bounds");
    let force = [
        TimeInForce::GoodTillCanceled,
        TimeInForce::ImmediateOrCancel,
        TimeInForce::FillOrKill,
        TimeInForce::GoodTillDate(Time(number)),
    ];
    let action = match random.below(17) {
        0..=4 => Action::Place(NewOrder {
            account,
            instrument,
            side,
            kind: any(random, &[OrderKind::Limit(price), OrderKind::Market]),
            quantity,
            time_in_force: any(random, &force),
            post_only: random.below(2) == 0,
            trigger: any(
                random,
                &[None, Some(Trigger::at(price, when)), Some(Trigger::trailing(when, trail))],
            ),
        }),
        5 => Action::PlaceWorth { account, instrument, side, worth: amount },
        6 => Action::Cancel { account, instrument, order },
        7 => Action::Replace { account, instrument, order, price, quantity },
        8 => Action::CancelAll { account, instrument: any(random, &[None, Some(instrument)]) },
        9 => Action::SetSelfTradePolicy {
            account,
            policy: any(
                random,
                &[
                    SelfTradePolicy::Allow,
                    SelfTradePolicy::CancelResting,
                    SelfTradePolicy::CancelArriving,
                    SelfTradePolicy::CancelBoth,
                ],
            ),
        },
        10 => Action::Deposit { account, asset, amount },
        11 => Action::Withdraw { account, asset, amount },
        12 => Action::Transfer { from: account, to: AccountId(number as u32), asset, amount },
        13 => Action::Follow(account),
        14 => Action::SetStatus {
            instrument,
            status: any(
                random,
                &[Status::Trading, Status::PostOnly, Status::CancelOnly, Status::Halted],
            ),
        },
        15 => Action::Perpetual(any(
            random,
            &[
                PerpetualAction::SetLeverage { account, instrument, leverage: number as u16 },
                PerpetualAction::SetMarginMode { account, instrument, mode: MarginMode::Isolated },
                PerpetualAction::AddMargin { account, instrument, amount },
                PerpetualAction::Insure { account, asset, amount },
                PerpetualAction::Quote { instrument, constituent: number as u16, price },
                PerpetualAction::Mark(instrument),
            ],
        )),
        _ => Action::Tick(Cadence(Span(number))),
    };
    let text = "a name of one's own, ".repeat(random.below(12) as usize);
    Kept {
        time: after + Span(random.below(3) as i64 * 1_000),
        action,
        acts: random.below(3) as u32,
        by_crowd: random.below(2) == 0,
        label: (random.below(4) == 0).then(|| text.into()),
        mark: (random.below(4) == 0)
            .then(|| Mark(std::array::from_fn(|_| random.next_u64() as u8))),
    }
}

/// Any entry.
pub(super) fn anything(random: &mut Random, after: Time) -> Entry {
    let (events, digest, state) = (random.below(1 << 40), random.next_u64(), random.next_u64());
    match random.below(20) {
        0 => Entry::Digest(Digest { events, digest }),
        1 => Entry::Closed(Closed { events, digest, state }),
        2 => Entry::Opened(Opened {
            time: after,
            warm_up: Span(random.below(2) as i64 * random.below(1 << 62) as i64),
            market: random.next_u64(),
            seed: random.next_u64(),
            events,
            digest,
            state,
            version: "0.1.0".into(),
        }),
        _ => Entry::Command(command(random, after)),
    }
}

/// A journal, and what should be in it.
struct Life {
    writer: Writer,
    batch: Batch,
    /// All entries, in all lives; commands after each.
    log: Vec<Entry>,
    last: Sequence,
    time: Time,
}

impl Life {
    fn push(&mut self, entry: Entry) {
        if let Entry::Command(kept) = &entry {
            self.last = self.last.next();
            self.time = kept.time;
        }
        self.batch.push(&entry, self.last, self.time);
        self.log.push(entry);
    }
}

pub(super) const BEGINS: Time = Time::from_seconds(1_800_000_000);

pub(super) fn read_all(disk: &dyn Disk) -> Result<(Vec<Entry>, Option<Tail>), Trouble> {
    let Some(mut reader) = Reader::open(disk)? else { return Ok((Vec::new(), None)) };
    let mut entries = Vec::new();
    while let Some(record) = reader.record()? {
        entries.extend(record.entries);
    }
    Ok((entries, Some(reader.tail()?)))
}

fn last_of(entries: &[Entry]) -> Sequence {
    Sequence(entries.iter().filter(|entry| matches!(entry, Entry::Command(_))).count() as u64)
}

/// What became of a case.
#[derive(Debug, Default)]
struct Figures {
    acknowledged: usize,
    torn: usize,
    failed: usize,
    lives: usize,
    segments: u64,
    compressed: usize,
    /// How often that was interrupted.
    uncompressed: usize,
    pruned: u64,
    unpruned: u64,
}

/// Where segments of a journal end, and how many entries are before that.
type Ends = Vec<(Boundary, usize)>;

/// All that is in a journal of which this much is known to be before its first segment, if that is not the first of all.
fn read_behind(
    disk: &Simulated,
    log: &[Entry],
    image: Option<&(Boundary, usize)>,
) -> Result<(Vec<Entry>, Option<Tail>, Ends), Trouble> {
    let (mut entries, mut reader) = match (Reader::open(disk), image) {
        (Err(Trouble::Beheaded { .. }), Some((boundary, before))) => {
            (log[..*before].to_vec(), Reader::open_behind(disk, boundary)?)
        }
        (opened, _) => match opened? {
            Some(reader) => (Vec::new(), reader),
            None => return Ok((Vec::new(), None, Vec::new())),
        },
    };
    let mut ends = Vec::new();
    loop {
        let (boundary, before) = (reader.boundary(), entries.len());
        let Some(record) = reader.record()? else { break };
        entries.extend(record.entries);
        if reader.boundary().segment != boundary.segment && before > 0 {
            ends.push((boundary, before));
        }
    }
    Ok((entries, Some(reader.tail()?), ends))
}

/// Several lives of a journal, each ended by what the disk does or by a kill.
fn lives(seed: u64, figures: &mut Figures) {
    let mut random = Random::new(seed);
    let disk = Simulated::new(seed ^ 0xd15c);
    let (mut log, mut acknowledged) = (Vec::new(), 0);
    // The older of two images that somebody has taken.
    let mut image = None;
    for life in 0..4 {
        figures.lives += 1;
        let read = read_behind(&disk, &log, image.as_ref());
        let (found, tail, ends) = read.unwrap_or_else(|trouble| {
            panic!("seed {seed}, life {life}: {trouble}");
        });
        if !ends.is_empty() {
            image = Some(ends[random.below(ends.len() as u64) as usize]);
        }
        assert!(
            found.len() >= acknowledged,
            "seed {seed}, life {life}: {} entries are left of {acknowledged} acknowledged",
            found.len()
        );
        assert!(log.starts_with(&found), "seed {seed}, life {life}: other entries than written");
        figures.torn += usize::from(tail.as_ref().is_some_and(|tail| tail.torn.is_some()));
        let (last, time) = (last_of(&found), tail.as_ref().map_or(BEGINS, |tail| tail.time));
        log = found;
        disk.suffers(Faults {
            ends_at: 1 + random.below(120),
            short: random.below(2) * 200,
            failing: random.below(3) * 20,
            room: if random.below(4) == 0 { random.below(20_000) } else { u64::MAX },
        });
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let begun = match &tail {
            Some(tail) => Writer::go_on(shared, tail),
            None => Writer::create(shared, [seed as u8; 16]),
        };
        if let Ok(writer) = begun {
            // What was read is durable once somebody goes on behind it.
            acknowledged = log.len();
            let writer = writer.with_segments_of(500 + random.below(6_000));
            let mut journal = Life { writer, batch: Batch::default(), log, last, time };
            let needed = image.map_or(1, |(boundary, _)| boundary.segment + 1);
            let disk = (&disk, needed);
            write_until_it_ends(&mut random, disk, &mut journal, &mut acknowledged, figures);
            log = journal.log;
        }
        match random.below(3) {
            0 => disk.process_restarts(),
            _ => disk.power_returns(),
        }
    }
    figures.acknowledged += acknowledged;
    let names = disk.names().expect("names");
    figures.segments = figures.segments.max(names.len() as u64);
}

fn write_until_it_ends(
    random: &mut Random,
    (disk, needed): (&Simulated, u64),
    journal: &mut Life,
    acknowledged: &mut usize,
    figures: &mut Figures,
) {
    loop {
        for _ in 0..1 + random.below(12) {
            let entry = anything(random, journal.time);
            journal.push(entry);
        }
        if journal.writer.append(&mut journal.batch, BEGINS).is_err() {
            figures.failed += 1;
            break;
        }
        if random.below(3) > 0 {
            match journal.writer.sync() {
                Ok(()) => *acknowledged = journal.log.len(),
                Err(_) => {
                    figures.failed += 1;
                    assert!(journal.writer.sync().is_err(), "what failed once is not believed");
                    break;
                }
            }
        }
        // An error in it is not one of the journal.
        if random.below(4) == 0 {
            match compress_next(disk, journal.writer.segment()) {
                Ok(compressed) => figures.compressed += usize::from(compressed.is_some()),
                Err(_) => figures.uncompressed += 1,
            }
        }
        if random.below(8) == 0 {
            let policy = Policy { bytes_max: random.below(10_000), age_max: None };
            match prune(disk, needed, &policy, BEGINS) {
                Ok(pruned) => figures.pruned += pruned.segments,
                Err(_) => figures.unpruned += 1,
            }
        }
    }
}

pub(super) fn cases(few: u64, many: u64) -> std::ops::Range<u64> {
    0..if std::env::var_os("RIALTO_LONG").is_some() { many } else { few }
}

#[test]
fn whatever_the_disk_does_what_was_acknowledged_is_there() {
    let mut figures = Figures::default();
    let cases = cases(1_000, 10_000);
    for seed in cases.clone() {
        lives(seed, &mut figures);
    }
    assert!(
        figures.acknowledged as u64 > 20 * cases.end
            && figures.torn as u64 > cases.end / 4
            && figures.failed as u64 > cases.end
            && figures.segments > 5
            && figures.compressed as u64 > cases.end / 2
            && figures.uncompressed as u64 > cases.end / 20
            && figures.pruned > cases.end / 2
            && figures.unpruned > cases.end / 20,
        "too little happened: {figures:?}"
    );
    println!("{} cases: {figures:?}", cases.end);
}

/// A journal of some segments that was closed as asked, and where its records begin.
pub(super) fn closed(seed: u64) -> (Simulated, Vec<(String, u64)>) {
    let (disk, mut journal) = killed(seed);
    journal.push(Entry::Closed(Closed { events: 0, digest: 0, state: 0 }));
    journal.writer.append(&mut journal.batch, BEGINS).expect("a disk without faults");
    journal.writer.seal().expect("a disk without faults");
    let (places, tail) = places(&disk);
    assert!(tail.closed);
    (disk, places)
}

/// Where the records of a journal begin.
fn places(disk: &dyn Disk) -> (Vec<(String, u64)>, Tail) {
    let mut reader = Reader::open(disk).expect("no trouble").expect("a journal");
    let mut places = Vec::new();
    while let Some(record) = reader.record().expect("no trouble") {
        places.push((record.place.segment, record.place.offset));
    }
    (places, reader.tail().expect("no trouble"))
}

/// A journal of some segments whose writer was not asked to end.
fn killed(seed: u64) -> (Simulated, Life) {
    let mut random = Random::new(seed);
    let disk = Simulated::new(seed);
    let writer = Writer::create(Arc::new(disk.clone()), [7; 16]).expect("a disk without faults");
    let writer = writer.with_segments_of(1_500);
    let (log, last, time) = (Vec::new(), Sequence(0), BEGINS);
    let mut journal = Life { writer, batch: Batch::default(), log, last, time };
    for _ in 0..2 + random.below(12) {
        for _ in 0..1 + random.below(30) {
            let entry = Entry::Command(command(&mut random, journal.time));
            journal.push(entry);
        }
        journal.writer.append(&mut journal.batch, BEGINS).expect("a disk without faults");
        journal.writer.sync().expect("a disk without faults");
    }
    (disk, journal)
}

#[test]
fn a_flipped_bit_is_found_where_it_is() {
    let many = if std::env::var_os("RIALTO_LONG").is_some() { 100 } else { 10 };
    for seed in cases(100, 100) {
        let (disk, places) = closed(seed);
        let names = disk.names().expect("names");
        let mut random = Random::new(seed ^ 0xb17);
        for _ in 0..many {
            let name = &names[random.below(names.len() as u64) as usize];
            let length = disk.read(name).expect("bytes").len();
            let (at, bit) = (random.below(length as u64) as usize, random.below(8));
            let flipped = disk.copy();
            flipped.change(name, |bytes| bytes[at] ^= 1 << bit);
            let what = format!("seed {seed}, bit {bit} of byte {at} of {length} of {name}");
            let place = match read_all(&flipped) {
                Err(Trouble::Damaged { place, .. } | Trouble::Newer { place, .. }) => place,
                other => panic!("{what}: {:?}", other.map(|(entries, _)| entries.len())),
            };
            let mine = places.iter().filter(|(segment, _)| segment == name);
            let begins = mine.map(|(_, offset)| *offset).rfind(|offset| *offset <= at as u64);
            let begins = begins.unwrap_or(0);
            assert_eq!((&place.segment, place.offset), (name, begins), "{what}");
        }
    }
}

/// Behind what was written last there are zeros, until the next is written over them.
#[test]
fn a_flipped_bit_in_what_was_prepared_is_told_and_nothing_is_lost() {
    let many = if std::env::var_os("RIALTO_LONG").is_some() { 100 } else { 10 };
    let (mut refused, mut zeros) = (0, 0);
    for seed in cases(100, 100) {
        let (disk, journal) = killed(seed);
        let name = segments::name(journal.writer.segment());
        let (bytes, (_, tail)) = (disk.read(&name).expect("bytes"), places(&disk));
        assert_eq!((tail.last, &tail.torn), (journal.last, &None), "seed {seed}");
        let (end, length) = (tail.keep.len(), bytes.len());
        assert!(bytes[end..].iter().all(|&byte| byte == 0), "seed {seed}");
        zeros += length - end;
        let mut random = Random::new(seed ^ 0xb17);
        for _ in 0..many.min(length - end) {
            let (at, bit) = (end + random.below((length - end) as u64) as usize, random.below(8));
            let flipped = disk.copy();
            flipped.change(&name, |bytes| bytes[at] ^= 1 << bit);
            let what = format!("seed {seed}, bit {bit} of byte {at} of {length} of {name}");
            let place = match read_all(&flipped) {
                Ok((found, Some(Tail { torn: Some(torn), .. }))) if found == journal.log => {
                    torn.place
                }
                // Where a head would end.
                Err(Trouble::Damaged { place, .. }) => {
                    refused += 1;
                    place
                }
                other => panic!("{what}: {:?}", other.map(|(entries, _)| entries.len())),
            };
            assert_eq!((&place.segment, place.offset), (&name, end as u64), "{what}");
        }
    }
    assert!(zeros > 20_000 && refused < 100, "{zeros} zeros, {refused} refused");
}

#[test]
fn what_is_cut_off_is_missed() {
    let many = if std::env::var_os("RIALTO_LONG").is_some() { 100 } else { 10 };
    for seed in cases(100, 100) {
        let (disk, _) = closed(seed);
        let names = disk.names().expect("names");
        let mut random = Random::new(seed ^ 0xc07);
        for _ in 0..many {
            let place = random.below(names.len() as u64) as usize;
            let (name, is_last) = (&names[place], place + 1 == names.len());
            let length = disk.read(name).expect("bytes").len();
            let left = random.below(length as u64) as usize;
            let cut = disk.copy();
            cut.change(name, |bytes| bytes.truncate(left));
            let what = format!("seed {seed}, {left} bytes are left of {length} of {name}");
            match read_all(&cut) {
                Err(Trouble::Damaged { .. }) if !is_last => {}
                Ok((_, tail)) if is_last => {
                    let told = tail.is_none_or(|tail| !tail.closed || tail.torn.is_some());
                    assert!(told, "{what}: nobody is told");
                }
                other => panic!("{what}: {:?}", other.map(|(entries, _)| entries.len())),
            }
            let gone = disk.copy();
            gone.lose(name);
            match read_all(&gone) {
                Err(Trouble::Damaged { .. }) if !is_last => {}
                Err(Trouble::Beheaded { .. }) if place == 0 && !is_last => {}
                Ok((_, tail)) if is_last && tail.as_ref().is_none_or(|tail| !tail.closed) => {}
                other => panic!("seed {seed}, without {name}: {other:?}"),
            }
        }
    }
}

/// All records of a journal up to where this segment ends.
fn read_until(disk: &dyn Disk, segment: u64) -> Result<(u64, Boundary), Trouble> {
    let mut reader = Reader::open(disk)?.expect("a journal").until(segment);
    let mut records = 0;
    while reader.record()?.is_some() {
        records += 1;
    }
    Ok((records, reader.boundary()))
}

/// Behind a sealed segment there is always another one, so that nothing of it can be torn.
#[test]
fn what_was_sealed_and_is_cut_off_is_damage_also_where_nothing_behind_it_is_read() {
    for seed in 0..20 {
        let (disk, _) = closed(seed);
        let all = segments::list(&disk).expect("names");
        let Some(sealed) = all.len().checked_sub(2).map(|at| all[at].number) else { continue };
        let (records, boundary) = read_until(&disk, sealed).expect("no trouble");
        assert_eq!((boundary.segment, records > 0), (sealed, true), "seed {seed}");
        let name = segments::name(sealed);
        let length = disk.read(&name).expect("bytes").len();
        for left in [length - 1, length - 9, SEGMENT_HEAD_BYTES + 7] {
            let cut = disk.copy();
            cut.change(&name, |bytes| bytes.truncate(left));
            match read_until(&cut, sealed) {
                Err(Trouble::Damaged { place, .. }) => assert_eq!(place.segment, name),
                other => panic!("seed {seed}, {left} bytes of {name}: {other:?}"),
            }
        }
    }
}

#[test]
fn between_a_boundary_and_itself_there_is_nothing() {
    let (disk, _) = closed(3);
    let (_, boundary) = read_until(&disk, 1).expect("no trouble");
    let behind = || Reader::open_behind(&disk, &boundary).expect("there is another segment");
    let mut reader = behind().until(1);
    assert!(reader.record().expect("no trouble").is_none(), "a record");
    assert_eq!(reader.boundary(), boundary);
    assert_eq!(reader.tail().expect("no trouble").segment, 1);
    let mut reader = behind().until(2);
    assert!(reader.record().expect("no trouble").is_some(), "and behind it there is something");
}

#[test]
fn records_of_another_journal_or_in_another_order_are_refused() {
    let (disk, places) = closed(3);
    let pair = places.windows(2).find(|pair| pair[0].0 == pair[1].0).expect("two in one segment");
    let segment = &pair[0].0;
    let (first, second) = (pair[0].1 as usize, pair[1].1 as usize);
    let swapped = disk.copy();
    swapped.change(segment, |bytes| bytes[first..].rotate_left(second - first));
    assert!(matches!(read_all(&swapped), Err(Trouble::Damaged { .. })));
    let (other, _) = closed(4);
    let names = disk.names().expect("names");
    let foreign = other.read(&names[1]).expect("bytes");
    disk.change(&names[1], |bytes| *bytes = foreign);
    let Err(Trouble::Damaged { place, .. }) = read_all(&disk) else { panic!("it is refused") };
    assert_eq!((place.segment, place.offset), (names[1].clone(), 0));
}

#[test]
fn a_record_put_behind_another_than_its_own_is_refused() {
    let written = |seed: u64| {
        let disk = Simulated::new(1);
        let writer = Writer::create(Arc::new(disk.clone()), [7; 16]).expect("no faults");
        let (log, last, time) = (Vec::new(), Sequence(0), BEGINS);
        let mut journal = Life { writer, batch: Batch::default(), log, last, time };
        for record in 0..2 {
            let mut random = Random::new(seed + record);
            let kept = Kept { time: BEGINS, ..command(&mut random, BEGINS) };
            journal.push(Entry::Command(kept));
            journal.writer.append(&mut journal.batch, BEGINS).expect("no faults");
        }
        let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
        let mut offset =
            || reader.record().expect("no trouble").expect("a record").place.offset as usize;
        let (_, second) = (offset(), offset());
        (disk, second)
    };
    let name = segments::name(1);
    let ((disk, second), (other, others)) = (written(1), written(10));
    let stranger = other.read(&name).expect("bytes")[others..].to_vec();
    disk.change(&name, |bytes| bytes.splice(second.., stranger).for_each(drop));
    let Err(Trouble::Damaged { place, what }) = read_all(&disk) else { panic!("it is refused") };
    assert_eq!(place.offset, second as u64);
    assert!(what.contains("follow"), "{what}");
}

#[test]
fn a_torn_record_behind_which_it_is_said_to_be_durable_is_damage() {
    let disk = Simulated::new(1);
    let writer = Writer::create(Arc::new(disk.clone()), [7; 16]).expect("a disk without faults");
    let (log, last, time) = (Vec::new(), Sequence(0), BEGINS);
    let mut journal = Life { writer, batch: Batch::default(), log, last, time };
    let mut random = Random::new(1);
    for synced in [true, true, false] {
        for _ in 0..60 {
            let entry = Entry::Command(command(&mut random, journal.time));
            journal.push(entry);
        }
        journal.writer.append(&mut journal.batch, BEGINS).expect("a disk without faults");
        if synced {
            journal.writer.sync().expect("a disk without faults");
        }
    }
    let name = segments::name(1);
    let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
    let mut offset =
        || reader.record().expect("no trouble").expect("a record").place.offset as usize;
    let (_, second, third) = (offset(), offset(), offset());
    let sector = |from: usize| (from / 512 + 1) * 512;
    let lost = |from: usize| {
        let lost = disk.copy();
        lost.change(&name, |bytes| bytes[sector(from)..sector(from) + 512].fill(0));
        read_all(&lost)
    };
    // Of the last one a sector may not have arrived, for nobody was told that it had.
    let (entries, tail) = lost(third).expect("it is cut");
    assert_eq!(entries.len(), 120);
    assert_eq!(tail.and_then(|tail| tail.torn).map(|torn| torn.place.offset), Some(third as u64));
    // Of the second one all had.
    let Err(Trouble::Damaged { place, .. }) = lost(second) else { panic!("it is refused") };
    assert_eq!(place.offset, second as u64);
}

#[test]
fn a_segment_whose_head_is_gone_is_damaged_where_something_stands_behind_it() {
    for seed in cases(20, 200) {
        let (disk, _) = closed(seed);
        let names = disk.names().expect("names");
        let last = names.last().expect("a segment");
        let sole = disk.copy();
        names[1..].iter().for_each(|name| sole.lose(name));
        for (disk, name) in [(disk.copy(), last), (sole, &names[0])] {
            let length = disk.read(name).expect("bytes").len();
            disk.change(name, |bytes| bytes[..SEGMENT_HEAD_BYTES.min(length)].fill(0));
            match read_all(&disk) {
                Err(Trouble::Damaged { place, .. }) if length > SEGMENT_HEAD_BYTES => {
                    assert_eq!((&place.segment, place.offset), (name, 0), "seed {seed}");
                }
                Ok(_) if length <= SEGMENT_HEAD_BYTES => {}
                other => panic!("seed {seed}, {length} bytes: {:?}", other.map(|_| "no trouble")),
            }
        }
    }
}

/// A disk that gives each file once.
struct Once(Simulated, Mutex<Vec<String>>);

impl Disk for Once {
    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut read = self.1.lock().expect("nobody panics with it");
        if read.iter().any(|known| known == name) {
            return Err(io::Error::from_raw_os_error(5));
        }
        read.push(name.to_owned());
        self.0.read(name)
    }
    fn bytes(&self, name: &str) -> io::Result<u64> {
        self.0.bytes(name)
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn Appended>> {
        self.0.create(name)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

#[test]
fn what_cannot_be_read_again_is_not_taken_for_empty() {
    let disk = Simulated::new(1);
    let mut writer = Writer::create(Arc::new(disk.clone()), [7; 16]).expect("a good disk");
    let mut batch = Batch::default();
    let entry = Entry::Command(command(&mut Random::new(1), BEGINS));
    batch.push(&entry, Sequence(1), BEGINS);
    writer.append(&mut batch, BEGINS).expect("a good disk");
    writer.seal().expect("a good disk");
    // Of the next segment nothing was written but its name.
    disk.create(&segments::name(2)).expect("a good disk");
    let disk = Once(disk, Mutex::default());
    let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
    while reader.record().expect("no trouble").is_some() {}
    let tail = reader.tail();
    assert!(
        matches!(tail, Err(Trouble::Disk { .. })),
        "it keeps {:?}",
        tail.map(|it| it.keep.len())
    );
}

#[test]
fn what_is_set_aside_a_second_time_does_not_take_the_place_of_the_first() {
    let (disk, _) = (1..)
        .map(closed)
        .find(|(disk, _)| disk.names().unwrap_or_default().len() > 2)
        .expect("one");
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut lost = Vec::new();
    for damaged in [2, 1] {
        lost.push(disk.read(&segments::name(3)).expect("bytes"));
        disk.change(&segments::name(damaged), |bytes| bytes[300] ^= 1);
        let mut reader = Reader::open(&disk).expect("no trouble").expect("a journal");
        while let Ok(Some(_)) = reader.record() {}
        let tail = reader.tail().expect("no trouble");
        assert!(tail.behind.contains(&segments::name(3)), "{:?}", tail.behind);
        // The second time there is another third segment.
        Writer::go_on(Arc::clone(&shared), &tail).expect("a disk without faults");
    }
    assert_ne!(lost[0], lost[1]);
    for (name, lost) in ["0000000003.journal.lost", "0000000003.journal.lost.2"].iter().zip(lost) {
        assert_eq!(disk.read(name).ok(), Some(lost), "{name}");
    }
}
