//! The real thread over a disk that is only told of; one test holds its syncs back by hand.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use engine::flow::Random;
use model::Action;

use super::super::disk::{Appended, Disk};
use super::super::reader::Reader;
use super::super::record::SEGMENT_HEAD_BYTES;
use super::super::simulated::{Faults, Simulated};
use super::super::{Entry, Kept, tests::command};
use super::*;

const BEGINS: Time = Time::from_seconds(1_800_000_000);
const NOTHING: Digest = Digest { events: 0, digest: 0 };

fn batch(numbers: std::ops::RangeInclusive<u64>) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        let mut random = Random::new(number);
        let kept = Kept { time: Time(BEGINS.0 + number as i64), ..command(&mut random, BEGINS) };
        batch.push(&Entry::Command(kept), Sequence(number), BEGINS);
    }
    batch
}

fn start(disk: Arc<dyn Disk>, durability: Durability) -> (Commit, Receiver<String>) {
    // Of short segments no more than that is prepared ahead.
    let writer = Writer::create(disk, [1; 16]).expect("a disk without faults");
    let writer = writer.with_segments_of(2_000);
    let (tell, told) = sync_channel(1);
    let complain = move |what: &str| tell.send(what.to_owned()).expect("somebody listens");
    (Commit::start(writer, durability, NOTHING, complain).expect("a thread"), told)
}

fn commands(disk: &dyn Disk) -> (Vec<Action>, usize) {
    let mut reader = Reader::open(disk).expect("no trouble").expect("a journal");
    let (mut actions, mut records) = (Vec::new(), 0);
    while let Some(record) = reader.record().expect("no trouble") {
        records += 1;
        actions.extend(record.entries.iter().filter_map(|entry| match entry {
            Entry::Command(kept) => Some(kept.action),
            _ => None,
        }));
    }
    (actions, records)
}

/// A disk whose syncs wait until they are let go on.
struct Held {
    disk: Simulated,
    held: Arc<Mutex<Option<Hold>>>,
}

/// By the first it says that it syncs, by the second it is let go on.
type Hold = (SyncSender<()>, Receiver<()>);

struct HeldFile(Box<dyn Appended>, Arc<Mutex<Option<Hold>>>);

impl Disk for Held {
    fn names(&self) -> io::Result<Vec<String>> {
        self.disk.names()
    }
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.disk.read(name)
    }
    fn bytes(&self, name: &str) -> io::Result<u64> {
        self.disk.bytes(name)
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn Appended>> {
        Ok(Box::new(HeldFile(self.disk.create(name)?, Arc::clone(&self.held))))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
}

impl Appended for HeldFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn prepare(&mut self, bytes: u64) -> io::Result<()> {
        self.0.prepare(bytes)
    }
    fn seal(&mut self) -> io::Result<()> {
        self.0.seal()
    }
    fn sync(&mut self) -> io::Result<()> {
        if let Some((begun, go_on)) = &*lock(&self.1) {
            begun.send(()).expect("the test waits");
            go_on.recv().expect("the test lets it go on");
        }
        self.0.sync()
    }
}

#[test]
fn what_comes_during_a_sync_is_one_record_and_nothing_is_durable_before_its_own() {
    let disk = Simulated::new(1);
    let held = Held { disk: disk.clone(), held: Arc::default() };
    let gate = Arc::clone(&held.held);
    let (commit, _) = start(Arc::new(held), Durability::Sync);
    let (begun, begins) = sync_channel(0);
    let (go_on, goes_on) = sync_channel(0);
    *lock(&gate) = Some((begun, goes_on));
    commit.hand_over(&mut batch(1..=2), None, true);
    begins.recv().expect("it syncs");
    for number in 3..=12 {
        let mut one = batch(number..=number);
        commit.hand_over(&mut one, None, true);
        assert!(one.is_empty(), "it was taken");
    }
    assert_eq!(commit.durable(), Sequence(0), "the first sync is under way");
    go_on.send(()).expect("it waits");
    begins.recv().expect("it syncs again");
    assert_eq!(commit.durable(), Sequence(2), "the second one is under way");
    go_on.send(()).expect("it waits");
    *lock(&gate) = None;
    commit.settle(Sequence(12));
    assert_eq!(commit.durable(), Sequence(12));
    let (actions, records) = commands(&disk);
    let mut whole = batch(1..=12);
    assert_eq!((actions.len(), records), (12, 2));
    let twin = Simulated::new(2);
    let writer = Writer::create(Arc::new(twin.clone()), [1; 16]);
    writer.and_then(|mut writer| writer.append(&mut whole, BEGINS)).expect("no faults");
    assert_eq!(actions, commands(&twin).0, "in their order, at their times");
    let standing = commit.watcher().standing();
    assert_eq!((standing.records, standing.syncs), (2, 2));
}

#[test]
fn whoever_turns_the_engine_is_woken_when_more_is_durable() {
    for durability in [Durability::Sync, Durability::Batch, Durability::None] {
        let (mut commit, _) = start(Arc::new(Simulated::new(1)), durability);
        let (woken, wakes) = sync_channel(8);
        commit.wake_with(Box::new(move || woken.send(()).expect("the test waits")));
        commit.hand_over(&mut batch(1..=1), Some(Digest { events: 7, digest: 8 }), true);
        wakes.recv().expect("it wakes");
        assert_eq!(commit.durable(), Sequence(1), "{durability:?}");
        let standing = commit.watcher().standing();
        assert_eq!((standing.digest.events, standing.durable), (7, Sequence(1)));
        // What nobody waits for comes by itself.
        commit.hand_over(&mut batch(2..=2), None, false);
        wakes.recv().expect("it wakes");
        assert_eq!(commit.durable(), Sequence(2), "{durability:?}");
        commit.end();
    }
}

#[test]
fn after_a_failed_write_or_sync_nothing_more_is_durable_and_it_is_said() {
    for (faults, last, what) in [
        (Faults { failing: 1_000, ..Faults::NONE }, 40, "it fails"),
        // So few may be written on this thread.
        (Faults { failing: 1_000, ..Faults::NONE }, 2, "it fails at once"),
        (Faults { room: 100, ..Faults::NONE }, 40, "it is full"),
        (Faults { ends_at: 2, ..Faults::NONE }, 40, "the power goes"),
        (Faults { ends_at: 2, ..Faults::NONE }, 2, "the power goes at once"),
    ] {
        let disk = Simulated::new(3);
        let (mut commit, complaints) = start(Arc::new(disk.clone()), Durability::Sync);
        let (woken, wakes) = sync_channel(8);
        commit.wake_with(Box::new(move || woken.send(()).expect("the test waits")));
        commit.hand_over(&mut batch(1..=1), None, true);
        wakes.recv().expect("it wakes");
        disk.suffers(faults);
        commit.hand_over(&mut batch(2..=last), None, true);
        wakes.recv().expect("it wakes");
        assert!(commit.is_broken(), "{what}");
        assert_eq!(commit.durable(), Sequence(1), "{what}");
        let complaint = complaints.recv().expect("it is said");
        assert_eq!(commit.watcher().standing().failure, Some(complaint), "{what}");
        disk.process_restarts();
        commit.hand_over(&mut batch(41..=41), None, true);
        commit.settle(Sequence(41));
        assert_eq!(commit.durable(), Sequence(1), "{what}: it is not tried again");
        commit.end();
    }
}

#[test]
fn what_was_handed_over_before_the_end_is_written() {
    for durability in [Durability::Sync, Durability::Batch, Durability::None] {
        let disk = Simulated::new(1);
        let (mut commit, _) = start(Arc::new(disk.clone()), durability);
        commit.hand_over(&mut batch(1..=9), None, false);
        commit.end();
        disk.power_returns();
        assert_eq!(commands(&disk).0.len(), 9, "{durability:?}");
    }
}

#[test]
fn who_waits_is_told_before_anybody_complains() {
    let disk = Simulated::new(3);
    let writer = Writer::create(Arc::new(disk.clone()), [1; 16]).expect("a disk without faults");
    let (go_on, stopped) = sync_channel::<()>(0);
    // Whoever complains may wait for long, or panic: what it writes to may be full as well.
    let complain = move |_: &str| {
        let _gone_on = stopped.recv();
    };
    let mut commit = Commit::start(writer, Durability::Sync, NOTHING, complain).expect("a thread");
    let (woken, wakes) = sync_channel(8);
    commit.wake_with(Box::new(move || woken.send(()).expect("the test waits")));
    disk.suffers(Faults { failing: 1_000, ..Faults::NONE });
    commit.hand_over(&mut batch(1..=1), None, true);
    let told = wakes.recv_timeout(Duration::from_secs(20));
    drop(go_on);
    assert!(told.is_ok() && commit.is_broken(), "{told:?}");
    commit.end();
}

#[test]
fn who_may_not_write_any_more_writes_nothing_and_what_was_being_written_does_not_count() {
    // It is asked before each record and behind it: after so many times it may not.
    for (asked, written, counts) in [(0, 0, 0), (1, 1, 0), (2, 1, 1), (3, 2, 1), (4, 2, 2)] {
        let disk = Simulated::new(4);
        let writer = Writer::create(Arc::new(disk.clone()), [1; 16]).expect("a good disk");
        let left = std::sync::atomic::AtomicU32::new(asked);
        let license = move || {
            let less = |left: u32| left.checked_sub(1);
            let left = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
            left.map(drop).map_err(|_| "another machine writes it".to_owned())
        };
        let terms = Terms { license: Some(Box::new(license)), ..Terms::default() };
        let mut commit = Commit::start_on(writer, terms, NOTHING, |_| ()).expect("a thread");
        for number in 1..=2 {
            commit.hand_over(&mut batch(number..=number), None, true);
            commit.settle(Sequence(number));
        }
        assert_eq!(commit.durable(), Sequence(counts), "{asked}");
        let failure = commit.watcher().standing().failure;
        assert_eq!(failure.is_some(), asked < 4, "{failure:?}");
        assert!(failure.is_none_or(|it| it.ends_with("another machine writes it")));
        commit.end();
        disk.power_returns();
        assert_eq!(commands(&disk).0.len(), written, "{asked}");
    }
}

/// A disk beneath which something is wrong with us.
struct Panicking(Simulated);

struct PanickingFile;

impl Disk for Panicking {
    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.read(name)
    }
    fn bytes(&self, name: &str) -> io::Result<u64> {
        self.0.bytes(name)
    }
    fn create(&self, _: &str) -> io::Result<Box<dyn Appended>> {
        Ok(Box::new(PanickingFile))
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

impl Appended for PanickingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(bytes.len() <= SEGMENT_HEAD_BYTES, "a provoked panic");
        Ok(bytes.len())
    }
    fn prepare(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn seal(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_of_its_thread_is_a_failure_and_nobody_waits_for_ever() {
    let (mut commit, _) = start(Arc::new(Panicking(Simulated::new(1))), Durability::Sync);
    let (woken, wakes) = sync_channel(8);
    commit.wake_with(Box::new(move || woken.send(()).expect("the test waits")));
    commit.hand_over(&mut batch(1..=1), None, true);
    wakes.recv_timeout(Duration::from_secs(20)).expect("it wakes");
    assert!(commit.is_broken());
    commit.settle(Sequence(1));
    assert_eq!(commit.durable(), Sequence(0));
    let failure = commit.watcher().standing().failure.expect("it is said");
    assert!(failure.contains("thread broke"), "{failure}");
    commit.end();
}

#[test]
fn what_only_tells_that_time_passes_waits_longest_and_holds_nothing_else_up() {
    let idle = || {
        let mut batch = Batch::default();
        let tick = Action::Tick(model::Cadence::TENTH);
        let kept =
            Kept { time: BEGINS, action: tick, acts: 0, by_crowd: false, label: None, mark: None };
        batch.push_idle(&Entry::Command(kept), Sequence(1), BEGINS);
        batch
    };
    let pause = |batch: Batch, awaited, is_owed| {
        Pending { batch, awaited, is_owed, ..Pending::default() }.pause()
    };
    assert_eq!(pause(Batch::default(), true, false), None);
    assert_eq!(pause(Batch::default(), false, true), Some(UNHURRIED), "what was written is owed");
    assert_eq!(pause(idle(), false, false), Some(IDLE));
    assert_eq!(pause(idle(), false, true), Some(UNHURRIED));
    assert_eq!(pause(idle(), true, false), Some(Duration::ZERO), "it rides along");
    assert_eq!(pause(batch(1..=2), false, false), Some(UNHURRIED));
    let mut both = idle();
    both.append(&mut batch(2..=2));
    assert_eq!(pause(both, false, false), Some(UNHURRIED), "the more urgent decides");
    let mut both = batch(1..=1);
    both.append(&mut idle());
    assert_eq!(pause(both, false, false), Some(UNHURRIED), "in either order");
}

/// A disk that notes on which threads it is asked to sync.
struct Noting(Simulated, Arc<Mutex<Vec<thread::ThreadId>>>);

struct NotingFile(Box<dyn Appended>, Arc<Mutex<Vec<thread::ThreadId>>>);

impl Disk for Noting {
    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.read(name)
    }
    fn bytes(&self, name: &str) -> io::Result<u64> {
        self.0.bytes(name)
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn Appended>> {
        Ok(Box::new(NotingFile(self.0.create(name)?, Arc::clone(&self.1))))
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

impl Appended for NotingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn prepare(&mut self, bytes: u64) -> io::Result<()> {
        self.0.prepare(bytes)
    }
    fn seal(&mut self) -> io::Result<()> {
        self.0.seal()
    }
    fn sync(&mut self) -> io::Result<()> {
        lock(&self.1).push(thread::current().id());
        self.0.sync()
    }
}

#[test]
fn whoever_writes_it_all_is_written_in_its_order_and_little_at_once() {
    let noted = Arc::<Mutex<Vec<_>>>::default();
    let mut random = Random::new(5);
    let (mut before, mut at_once) = (0, 0);
    // As long as the machine is too busy for any disk to be quick.
    for _ in 0..1_000 {
        let disk = Simulated::new(1);
        let noting = Noting(disk.clone(), Arc::clone(&noted));
        let (mut commit, _) = start(Arc::new(noting), Durability::Sync);
        for _ in 0..200 {
            let few = random.below(3) > 0;
            let last = before + 1 + random.below(if few { 3 } else { 20 });
            if random.below(4) == 0 {
                commit.settle(Sequence(before));
            }
            let (awaited, mine) = (random.below(2) == 0, lock(&noted).len());
            commit.hand_over(&mut batch(before + 1..=last), None, awaited);
            let me = thread::current().id();
            if lock(&noted)[mine..].contains(&me) {
                assert!(awaited && last - before <= u64::from(FEW), "{} at once", last - before);
                assert_eq!(commit.durable(), Sequence(last), "it is durable at once");
                at_once += 1;
            }
            before = last;
        }
        commit.end();
        disk.power_returns();
        let action = |number| command(&mut Random::new(number), BEGINS).action;
        let written: Vec<Action> = (1..=before).map(action).collect();
        assert_eq!(commands(&disk).0, written);
        if at_once > 20 {
            return;
        }
        before = 0;
    }
    panic!("{at_once} batches were written at once");
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_one_of_nothing() {
    let disk = Simulated::new(1);
    let (commit, complaints) = start(Arc::new(disk.clone()), Durability::Sync);
    let mut pen = lock(&commit.shared.pen);
    // Zeros, the record; then the sync.
    disk.suffers(Faults { ends_at: 3, ..Faults::NONE });
    let failed = commit.shared.write(&mut pen, &mut batch(1..=1), None, false);
    assert!(failed.is_err() && pen.writer.last() == Sequence(1), "it was appended");
    disk.process_restarts();
    let nothing = commit.shared.write(&mut pen, &mut Batch::default(), None, false);
    assert!(nothing.is_err(), "there is nothing to write, and yet");
    assert_eq!((commit.durable(), commit.watcher().standing().durable), (Sequence(0), Sequence(0)));
    drop(pen);
    drop(commit);
    // Its thread finds that out as well.
    complaints.recv().expect("it is said");
}

#[test]
fn what_is_written_at_once_and_not_synced_is_synced_soon_though_nothing_more_comes() {
    let disk = Simulated::new(1);
    let (commit, _complaints) = start(Arc::new(disk), Durability::Batch);
    let (mut last, mut owed) = (0, 0);
    // As long as the machine is too busy for two within a twentieth of a second.
    while owed < 3 && last < 5_000 {
        last += 1;
        commit.hand_over(&mut batch(last..=last), None, true);
        let began = Instant::now();
        // To wait for it in another way would wake the thread.
        while commit.durable() < Sequence(last) {
            assert!(began.elapsed() < Duration::from_secs(20), "{last} is not written");
            thread::yield_now();
        }
        if lock(&commit.shared.pending).is_owed {
            owed += 1;
        }
        while lock(&commit.shared.pending).is_owed {
            assert!(began.elapsed() < Duration::from_secs(20), "{last} is owed still");
            thread::yield_now();
        }
    }
    assert_eq!(owed, 3, "of {last}");
}
