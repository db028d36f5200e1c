//! Laws of following: whatever the line between them does, and however core and followers die and come back, a record
//! given out is the core's, in its order, once; a copy is the core's journal byte for byte; and what is not so any
//! more, because the core lost it, is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::flow::Random;
use model::{Epoch, Sequence, Span, Time};

use super::super::compression::compress_next;
use super::super::disk::Disk;
use super::super::reader::{Boundary, Reader, Tail, Trouble as Unreadable};
use super::super::record::Hash;
use super::super::retention::{Policy, prune};
use super::super::segments;
use super::super::simulated::{Faults, Simulated};
use super::super::tests::{BEGINS, anything, cases};
use super::super::writer::{Batch, Writer};
use super::super::{Entry, Opened as Life};
use super::copyist::Copyist;
use super::giver::Giver;
use super::taker::{PATIENCE_MAX, Start, Taker, Trouble, Which};
use super::tap::{Outlet, tap};
use super::words::{Answer, Head, Moment, Piece, Said};

const ID: Hash = [7; 16];
const STEP: Duration = Duration::from_millis(10);
/// What is not level so long after all is well again never will be: a question may have been lost just before, and
/// patience was at its longest.
const HEALS: Duration = PATIENCE_MAX.checked_mul(2).expect("it is short");

/// A record as it was written: its life and what is in it.
type Written = (Epoch, Vec<Entry>);

/// What happened in all cases together.
#[derive(Debug, Default)]
struct Figures {
    records: u64,
    lives: u64,
    messages: u64,
    lost: u64,
    gaps: u64,
    doubled: u64,
    doubts: u64,
    diverged: u64,
    pruned: u64,
    copies: u64,
    cuts: u64,
    compressed: u64,
    taken_away: u64,
    taken_over: u64,
    level: u64,
}

// 1. The core.

struct Core {
    disk: Simulated,
    /// Whether what is written counts as durable only once it is.
    syncs: bool,
    /// Whether something may be lost that counted as durable.
    loses: bool,
    alive: Option<Alive>,
    /// All records of its journal, as far as they count as durable, and how they were told before something was lost.
    history: Vec<Written>,
    lost: Vec<Vec<Written>>,
    /// Where segments end, and how many records are before that.
    ends: BTreeMap<u64, (Boundary, usize)>,
    last: Sequence,
    time: Time,
    /// The last life that anybody began: whoever begins one is told by whom it is granted.
    epoch: Epoch,
}

struct Alive {
    writer: Writer,
    outlet: Outlet,
    giver: Giver,
}

impl Core {
    fn new(seed: u64, syncs: bool) -> Self {
        Self {
            disk: Simulated::new(seed),
            syncs,
            loses: !syncs,
            alive: None,
            history: Vec::new(),
            lost: Vec::new(),
            ends: BTreeMap::new(),
            last: Sequence(0),
            time: BEGINS,
            epoch: Epoch(0),
        }
    }

    /// All that is on the disk, from what was pruned on taken from what is known.
    fn read(&mut self, seed: u64) -> Option<(Vec<Written>, Tail)> {
        let disk = self.disk.clone();
        let (mut found, mut reader) = match Reader::open(&disk) {
            Err(Unreadable::Beheaded { .. }) => {
                let first = segments::list(&disk).expect("names")[0].number;
                let end = self.ends.get(&(first - 1));
                let known = || self.ends.keys().collect::<Vec<_>>();
                let (boundary, before) =
                    *end.unwrap_or_else(|| panic!("seed {seed}: {first}, known {:?}", known()));
                let reader = Reader::open_behind(&disk, &boundary).expect("it was there");
                (self.history[..before].to_vec(), reader)
            }
            opened => match opened.unwrap_or_else(|trouble| panic!("seed {seed}: {trouble}")) {
                Some(reader) => (Vec::new(), reader),
                None => return None,
            },
        };
        loop {
            let before = (reader.boundary(), found.len());
            let record = reader.record().unwrap_or_else(|it| panic!("seed {seed}: {it}"));
            for segment in before.0.segment..reader.boundary().segment {
                // There may be some with nothing in them.
                self.ends.insert(segment, (Boundary { segment, ..before.0 }, before.1));
            }
            let Some(record) = record else { break };
            found.push((record.head.epoch, record.entries));
        }
        Some((found, reader.tail().expect("it is there")))
    }

    /// Comes to life again, if the disk lets it.
    fn begin(&mut self, random: &mut Random, seed: u64) {
        let read = self.read(seed);
        let shared: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let writer = match &read {
            Some((_, tail)) => Writer::take_over(Arc::clone(&shared), tail, self.epoch),
            None => Writer::create(Arc::clone(&shared), ID),
        };
        // What was read is durable only once somebody has gone on behind it, and before that nobody is told of it.
        let Ok(writer) = writer else { return };
        let (found, tail) = match read {
            Some((found, tail)) => (found, Some(tail)),
            None => (Vec::new(), None),
        };
        if !found.starts_with(&self.history) {
            assert!(self.loses, "seed {seed}: what was durable is gone");
            self.lost.push(std::mem::replace(&mut self.history, found));
        } else {
            self.history = found;
        }
        self.last = tail.as_ref().map_or(Sequence(0), |tail| tail.last);
        self.time = tail.as_ref().map_or(BEGINS, |tail| tail.time);
        if let Some(tail) = tail {
            let Tail { journal, epoch, last, time, chain, segment, .. } = tail;
            let boundary = Boundary { journal, segment, epoch, last, time, chain };
            self.ends.retain(|&ended, _| ended < segment);
            self.ends.insert(segment, (boundary, self.history.len()));
        }
        self.epoch = writer.epoch();
        let (tap, outlet) = tap();
        let writer = writer.with_segments_of(500 + random.below(6_000)).tapped(tap);
        let giver = Giver::new(shared, outlet.gauge(), head());
        self.alive = Some(Alive { writer, outlet, giver });
        // A life begins with what says so.
        let opened = Life {
            time: self.time,
            warm_up: Span(0),
            market: 1,
            seed: 2,
            events: 0,
            digest: 0,
            state: 0,
            version: "0.1.0".into(),
        };
        self.write(vec![Entry::Opened(opened)]);
    }

    /// Writes a record; the core dies if it cannot.
    fn write(&mut self, entries: Vec<Entry>) {
        let Some(Alive { writer, .. }) = &mut self.alive else { return };
        let mut batch = Batch::default();
        for entry in &entries {
            if let Entry::Command(kept) = entry {
                self.last = self.last.next();
                self.time = kept.time;
            }
            batch.push(entry, self.last, self.time);
        }
        let written = writer.append(&mut batch, BEGINS);
        let written = written.and_then(|()| if self.syncs { writer.sync() } else { Ok(()) });
        if written.is_err() {
            self.alive = None;
            return;
        }
        writer.counts(writer.last());
        self.history.push((writer.epoch(), entries));
    }

    /// Whether this is how some journal began that it has or had.
    fn had(&self, records: &[Written]) -> bool {
        self.history.starts_with(records) || self.lost.iter().any(|it| it.starts_with(records))
    }
}

fn head() -> Head {
    let moment = Moment { market: BEGINS, wall: BEGINS };
    let configuration = [2; 16];
    let (market, seed, begins) = (1, 3, BEGINS);
    Head { moment, market, configuration, seed, begins, build: "0.1.0".into() }
}

// 2. The line.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Core(usize),
    Follower(usize),
}

/// How bad the line is: of a thousand messages so many are lost, and doubled; and how late they are, at most.
#[derive(Clone, Copy)]
struct Line {
    lost: u64,
    doubled: u64,
    late: u64,
}

struct Net {
    random: Random,
    line: Line,
    /// Until when nothing comes through for whom.
    cut: Vec<Duration>,
    under_way: Vec<(Duration, To, Vec<u8>)>,
    messages: u64,
    asked: u64,
    lost: u64,
}

impl Net {
    /// The same, and now and then in two parts if it is a piece: what is longer than a message is sent so too.
    fn tell(&mut self, now: Duration, who: usize, message: &[u8]) {
        let answer = Answer::decode(message).expect("the core said it");
        let Said::Piece(piece) = &answer.said else {
            return self.send(now, To::Follower(who), message);
        };
        if piece.bytes.len() < 2 || self.random.below(3) > 0 {
            return self.send(now, To::Follower(who), message);
        }
        let at = 1 + self.random.below(piece.bytes.len() as u64 - 1);
        let (first, second) = piece.bytes.split_at(at as usize);
        let second = Piece { offset: piece.offset + at, before: None, bytes: second, ..*piece };
        for piece in [Piece { bytes: first, ..*piece }, second] {
            let part = Answer { said: Said::Piece(piece), ..answer.clone() };
            self.send(now, To::Follower(who), &part.to_bytes());
        }
    }

    fn send(&mut self, now: Duration, to: To, message: &[u8]) {
        self.messages += 1;
        self.asked += u64::from(matches!(to, To::Core(_)));
        let (To::Core(who) | To::Follower(who)) = to;
        let copies = 1 + u64::from(self.random.below(1_000) < self.line.doubled);
        for _ in 0..copies {
            if now < self.cut[who] || self.random.below(1_000) < self.line.lost {
                self.lost += 1;
                continue;
            }
            let late = Duration::from_millis(self.random.below(self.line.late + 1));
            self.under_way.push((now + late, to, message.to_vec()));
        }
    }

    fn arrived(&mut self, now: Duration) -> Vec<(To, Vec<u8>)> {
        let mut due = Vec::new();
        let mut at = 0;
        while at < self.under_way.len() {
            if self.under_way[at].0 <= now {
                let (_, to, message) = self.under_way.swap_remove(at);
                due.push((to, message));
            } else {
                at += 1;
            }
        }
        due
    }
}

// 3. Those who follow.

struct Follower {
    taker: Taker,
    given: Vec<Written>,
    /// A standby's.
    copy: Option<Copy>,
}

struct Copy {
    disk: Simulated,
    copyist: Option<Copyist>,
    /// How many records were there when it was durable last.
    durable: usize,
    behind: Option<(Boundary, usize)>,
}

impl Follower {
    fn edge() -> Self {
        Self { taker: Taker::new(Start::beginning(), Which::Shown), given: Vec::new(), copy: None }
    }

    fn standby(disk: Simulated) -> Self {
        let taker = Taker::new(Start::beginning(), Which::All);
        let copy = Copy { disk, copyist: None, durable: 0, behind: None };
        Self { taker, given: Vec::new(), copy: Some(copy) }
    }

    /// Takes out what there is.
    fn take(&mut self, core: &Core, seed: u64) {
        while let Some(taken) = self.taker.take() {
            let Ok(taken) = taken else { break };
            if let Some(copy) = &mut self.copy {
                let Some(copyist) = &mut copy.copyist else { break };
                if copyist.write(&taken).is_err() {
                    copy.copyist = None;
                    break;
                }
            }
            if let Some(record) = taken.record {
                self.given.push((record.head.epoch, record.entries));
                assert!(core.had(&self.given), "seed {seed}: a record that is not the core's");
            }
        }
    }

    fn sync(&mut self) {
        let Some(copy) = &mut self.copy else { return };
        match copy.copyist.as_mut().map(Copyist::sync) {
            Some(Ok(_)) => copy.durable = self.given.len(),
            Some(Err(_)) => copy.copyist = None,
            None => {}
        }
    }

    /// Begins anew: an edge from nothing or an image, a standby from its copy.
    fn begin(&mut self, core: &Core, image: Option<(Boundary, usize)>, figures: &mut Figures) {
        let given_before = |image: &Option<(Boundary, usize)>| {
            let before = image.map_or(0, |(_, before)| before);
            core.history[..before].to_vec()
        };
        let Some(copy) = &mut self.copy else {
            let start = image.map_or(Start::beginning(), |(it, _)| Start::behind(&it));
            self.taker = Taker::new(start, Which::Shown);
            self.given = given_before(&image);
            return;
        };
        let behind = copy.behind.map(|(boundary, _)| boundary);
        let Ok(opened) = Copyist::open(Arc::new(copy.disk.clone()), behind.as_ref()) else {
            return;
        };
        figures.cuts += u64::from(opened.cut.is_some());
        copy.copyist = Some(opened.copyist.with_segments_of(2_000));
        self.taker = Taker::new(opened.start, Which::All);
        self.given = read(&copy.disk, copy.behind, &core.ends_of(copy.behind));
        assert!(self.given.len() >= copy.durable, "what was durable of the copy is gone");
        copy.durable = self.given.len();
    }
}

impl Core {
    /// The records before this, as they are known.
    fn ends_of(&self, behind: Option<(Boundary, usize)>) -> Vec<Written> {
        self.history[..behind.map_or(0, |(_, before)| before).min(self.history.len())].to_vec()
    }
}

/// All records of a copy, behind what is before it.
fn read(disk: &dyn Disk, behind: Option<(Boundary, usize)>, before: &[Written]) -> Vec<Written> {
    let mut all = before.to_vec();
    let opened = match behind {
        Some((boundary, _)) => Reader::open_behind(disk, &boundary).ok(),
        None => Reader::open(disk).expect("it was opened just now"),
    };
    let Some(mut reader) = opened else { return all };
    while let Some(record) = reader.record().expect("it was opened just now") {
        all.push((record.head.epoch, record.entries));
    }
    all
}

// 4. All of it.

struct World {
    seed: u64,
    random: Random,
    now: Duration,
    core: Core,
    net: Net,
    followers: Vec<Follower>,
    /// A core whose life is over, and that does not know it.
    former: Option<Alive>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let syncs = random.below(2) == 0;
        let line = Line {
            lost: random.below(7) * 50,
            doubled: random.below(4) * 100,
            late: random.below(4) * 20,
        };
        let followers = vec![
            Follower::edge(),
            Follower::edge(),
            Follower::standby(Simulated::new(seed ^ 0x57a4)),
        ];
        let net = Net {
            random: Random::new(seed ^ 0x0e7),
            line,
            cut: vec![Duration::ZERO; followers.len()],
            under_way: Vec::new(),
            messages: 0,
            asked: 0,
            lost: 0,
        };
        let core = Core::new(seed ^ 0xc04e, syncs);
        let now = Duration::from_secs(1);
        Self { seed, random, now, core, net, followers, former: None }
    }

    /// A step in which the core does what it may do.
    fn live(&mut self, figures: &mut Figures) {
        let Self { seed, random, core, .. } = self;
        if core.alive.is_none() {
            if random.below(20) == 0 {
                match core.syncs || random.below(2) == 0 {
                    true if random.below(2) == 0 => core.disk.process_restarts(),
                    _ => core.disk.power_returns(),
                }
                core.disk.suffers(Faults {
                    ends_at: 1 + random.below(400),
                    short: random.below(2) * 200,
                    failing: random.below(2) * 5,
                    room: u64::MAX,
                });
                core.begin(random, *seed);
                figures.lives += u64::from(core.alive.is_some());
            }
            return;
        }
        if random.below(3) == 0 {
            for _ in 0..1 + random.below(3) {
                let entries = 0..1 + random.below(8);
                let mut time = core.time;
                let entries = entries.map(|_| {
                    let entry = anything(random, time);
                    if let Entry::Command(kept) = &entry {
                        time = kept.time;
                    }
                    entry
                });
                let entries = entries.collect();
                core.write(entries);
            }
        }
        let Some(Alive { writer, .. }) = &mut core.alive else { return };
        if !core.syncs && random.below(10) == 0 && writer.sync().is_err() {
            core.alive = None;
            return;
        }
        if random.below(30) == 0 {
            let compressed = compress_next(&core.disk, writer.segment());
            figures.compressed += u64::from(compressed.is_ok_and(|it| it.is_some()));
        }
        if random.below(300) == 0 {
            let needed = writer.segment();
            let policy = Policy { bytes_max: 4_000 + random.below(100_000), age_max: None };
            let known = core.ends.keys().next_back().map_or(1, |last| last + 1);
            if let Ok(pruned) = prune(&core.disk, needed.min(known), &policy, BEGINS) {
                figures.taken_away += pruned.segments;
            }
        }
        if random.below(400) == 0 {
            core.alive = None;
        }
    }

    /// A step of the line and those at its ends.
    fn turn(&mut self, figures: &mut Figures) {
        self.now += STEP;
        let Self { seed, random, now, core, net, followers, former } = self;
        if let Some(Alive { outlet, giver, .. }) = &core.alive {
            let mut message = Vec::new();
            while let Ok(tapped) = outlet.try_next() {
                giver.publish(&tapped, &mut message, |message| {
                    for who in 0..followers.len() {
                        net.tell(*now, who, message);
                    }
                });
                outlet.give_back(tapped);
            }
        }
        for (to, message) in net.arrived(*now) {
            match to {
                To::Core(who) => {
                    for alive in core.alive.iter().chain(&*former) {
                        let moment = Moment { market: BEGINS, wall: BEGINS };
                        let answer = alive.giver.answer(&message, moment);
                        net.tell(*now, who, &answer);
                    }
                }
                To::Follower(who) => followers[who].taker.heard(&message, *now),
            }
        }
        for (who, follower) in followers.iter_mut().enumerate() {
            if random.below(10) > 0 {
                follower.take(core, *seed);
            }
            if random.below(5) == 0 {
                follower.sync();
            }
            while let Some(ask) = follower.taker.asks(*now) {
                net.send(*now, To::Core(who), &ask.to_bytes());
            }
            if let Some(Trouble::Pruned { first, .. }) = follower.taker.trouble() {
                figures.pruned += 1;
                // Somebody has an image of where the journal begins now.
                let image = core.ends.get(&(first - 1)).copied();
                if let Some(copy) = &mut follower.copy {
                    copy.disk = Simulated::new(*seed ^ first);
                    (copy.behind, copy.durable) = (image, image.map_or(0, |(_, before)| before));
                }
                follower.begin(core, image, figures);
            }
        }
    }

    /// Things that happen to those who follow.
    fn suffer(&mut self, figures: &mut Figures) {
        let Self { random, now, core, net, followers, .. } = self;
        let who = random.below(followers.len() as u64) as usize;
        if random.below(400) == 0 {
            let long = if random.below(8) == 0 { 1_000 } else { 60 };
            net.cut[who] = *now + STEP * (10 + random.below(long) as u32);
        }
        let follower = &mut followers[who];
        let is_down = follower.copy.as_ref().is_some_and(|copy| copy.copyist.is_none());
        if is_down || random.below(300) == 0 {
            if let Some(copy) = &mut follower.copy {
                match random.below(2) {
                    0 => copy.disk.process_restarts(),
                    _ => copy.disk.power_returns(),
                }
                copy.disk.suffers(Faults {
                    ends_at: 1 + random.below(600),
                    short: random.below(2) * 200,
                    failing: random.below(2) * 5,
                    room: u64::MAX,
                });
                if random.below(4) == 0 {
                    let names = copy.disk.names().expect("names");
                    for name in names {
                        let (at, bit) = (random.below(30_000) as usize, random.below(8));
                        copy.disk.change(&name, |bytes| {
                            if let Some(byte) = bytes.get_mut(at) {
                                *byte ^= 1 << bit;
                                copy.durable = 0;
                            }
                        });
                    }
                }
                copy.copyist = None;
                figures.copies += 1;
            }
            if follower.taker.trouble().is_none() {
                follower.begin(core, None, figures);
            }
        }
    }

    /// The standby goes on with its copy as the core, while the one before goes on answering.
    fn take_over(&mut self, figures: &mut Figures) {
        let Self { seed, random, core, net, followers, former, .. } = self;
        let standby = &followers[2];
        let Some(Copy { disk, copyist: Some(copyist), behind, .. }) = &standby.copy else { return };
        // An image alone is no journal.
        if standby.taker.trouble().is_some() || copyist.durable().offset == 0 {
            return;
        }
        disk.suffers(Faults::NONE);
        disk.power_returns();
        let boundary = behind.map(|(boundary, _)| boundary);
        let opened = Copyist::open(Arc::new(disk.clone()), boundary.as_ref());
        opened.expect("a good disk").copyist.seal().expect("a good disk");
        *former = core.alive.take();
        core.disk = disk.clone();
        core.loses = true;
        if let Some((boundary, before)) = behind {
            core.ends.insert(boundary.segment, (*boundary, *before));
        }
        core.begin(random, *seed);
        for _ in 0..5 {
            let entry = anything(random, core.time);
            core.write(vec![entry]);
        }
        followers.truncate(2);
        net.under_way.retain(|(_, to, _)| !matches!(to, To::Core(2) | To::Follower(2)));
        figures.taken_over += 1;
    }

    /// All is well from now on: all who follow come to be level, or say why not.
    fn heal(&mut self, figures: &mut Figures) {
        let Self { seed, core, net, followers, .. } = self;
        let seed = *seed;
        core.disk.suffers(Faults::NONE);
        if core.alive.is_none() {
            core.disk.process_restarts();
            core.begin(&mut Random::new(1), seed);
        }
        net.line = Line { lost: 0, doubled: 0, late: 0 };
        net.cut.fill(Duration::ZERO);
        for follower in followers.iter_mut() {
            if let Some(copy) = &mut follower.copy {
                copy.disk.suffers(Faults::NONE);
                if copy.copyist.is_none() && follower.taker.trouble().is_none() {
                    copy.disk.process_restarts();
                    follower.begin(core, None, figures);
                }
            }
        }
        let before = self.net.asked;
        let until = self.now + HEALS;
        while self.now < until {
            self.turn(figures);
        }
        self.followers.iter_mut().for_each(Follower::sync);
        let questions = self.net.asked - before;
        // Of each segment that somebody has nothing of, which comes in two parts at most; and the head.
        let segments = self.core.alive.as_ref().map_or(0, |it| it.writer.segment());
        let most = self.followers.len() as u64 * (2 * segments + 2 * HEALS.as_secs());
        assert!(questions < most, "seed {seed}: {questions} questions to heal");
    }

    /// Whoever is not in trouble has all; whoever is had what the core lost.
    fn judge(&self, figures: &mut Figures) {
        let Self { seed, core, followers, now, .. } = self;
        for (who, follower) in followers.iter().enumerate() {
            let counts = follower.taker.standing(*now).counts;
            figures.gaps += counts.gaps;
            figures.doubled += counts.doubled;
            figures.doubts += counts.doubts;
            let is_whole = core.history == follower.given;
            match follower.taker.trouble() {
                None => {
                    let standing = follower.taker.standing(*now);
                    assert!(
                        is_whole && standing.is_level,
                        "seed {seed}, follower {who}: {} records of {}, {standing:?}",
                        follower.given.len(),
                        core.history.len()
                    );
                    figures.level += 1;
                }
                Some(Trouble::Diverged { .. }) => {
                    let began = core.history.starts_with(&follower.given);
                    let trouble = follower.taker.trouble();
                    assert!(
                        !began,
                        "seed {seed}, follower {who}: {trouble:?}, and nothing is lost"
                    );
                    figures.diverged += 1;
                    continue;
                }
                Some(trouble) => panic!("seed {seed}, follower {who}: {trouble}"),
            }
            let Some(copy) = &follower.copy else { continue };
            let copied = segments::list(&copy.disk).expect("names");
            let listed = segments::list(&core.disk).expect("names");
            let end = core.alive.as_ref().map(|it| it.outlet.gauge().frontier().place());
            let copyist = copy.copyist.as_ref().expect("it is at work");
            let durable = copyist.durable();
            assert_eq!(Some((durable.segment, durable.offset)), end, "seed {seed}");
            assert_eq!(durable.last, core.last, "seed {seed}");
            for segment in copied {
                let Some(twin) = listed.iter().find(|it| it.number == segment.number) else {
                    continue;
                };
                let mut bytes = twin.read(&core.disk).expect("bytes").bytes;
                let mut copied = segment.read(&copy.disk).expect("bytes").bytes;
                if segment.number == durable.segment {
                    bytes.truncate(durable.offset as usize);
                    // It has zeros ahead, as the core's has.
                    assert!(copied[durable.offset as usize..].iter().all(|&byte| byte == 0));
                    copied.truncate(durable.offset as usize);
                }
                assert!(copied == bytes, "seed {seed}: segment {} differs", segment.number);
            }
        }
    }
}

fn follow(seed: u64, figures: &mut Figures) {
    let mut world = World::new(seed);
    for who in 0..world.followers.len() {
        world.followers[who].begin(&world.core, None, figures);
    }
    for _ in 0..1_500 {
        world.live(figures);
        world.turn(figures);
        world.suffer(figures);
    }
    if seed.is_multiple_of(2) {
        world.take_over(figures);
    }
    world.heal(figures);
    world.judge(figures);
    figures.records += world.core.history.len() as u64;
    figures.messages += world.net.messages;
    figures.lost += world.net.lost;
}

#[test]
fn whatever_the_line_does_and_whoever_dies_what_is_followed_is_the_journal() {
    let mut figures = Figures::default();
    let cases = cases(30, 2_000);
    for seed in cases.clone() {
        follow(seed, &mut figures);
    }
    let of = cases.end;
    assert!(
        figures.records > 200 * of
            && figures.lives > 5 * of
            && figures.lost > 200 * of
            && figures.gaps > 200 * of
            && figures.doubled > 20 * of
            && figures.diverged > of / 6
            && figures.pruned > of
            && figures.copies > 5 * of
            && figures.cuts > of / 6
            && figures.compressed > 5 * of
            && figures.taken_away > 5 * of
            && figures.taken_over > of / 5
            && figures.level > of,
        "too little happened: {figures:?}"
    );
    println!("{of} cases: {figures:?}");
}
