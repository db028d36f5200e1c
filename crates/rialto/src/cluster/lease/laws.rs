//! The law of the lease, over seeds: whatever machines, bus and register do, at no moment two machines may write; and
//! where copies count, whoever takes over has all that counted.
//!
//! Time is made here, in steps. The register may be away for some, answer late, do what it said had failed, do it later, and
//! read what was there a while ago; the bus loses and delays; machines stand still and go on, end and begin again.

use std::time::Duration;

use model::Sequence;
use testkit::dice::Dice;

use super::heir::{self, Heir, Won};
use super::keeper::{self, Keeper, Until};
use super::*;

const STEP: Duration = Duration::from_millis(50);
const STEPS: u64 = 2_400;
const MACHINES: usize = 3;
const SEEDS: u64 = 300;
const SEEDS_LONG: u64 = 20_000;
/// A first entry that nobody holds any more is replaced by the first core.
const TERM: u64 = 1;

/// What holds the entry, and what of it is still to come.
#[derive(Default)]
struct Shelf {
    entry: Option<Entry>,
    /// As it was some steps ago: whoever reads may be told that.
    before: Option<Entry>,
    last: u64,
    late: Vec<(Duration, Option<u64>, Lease)>,
}

impl Shelf {
    fn put(&mut self, revision: Option<u64>, lease: Lease) -> Option<u64> {
        if self.entry.as_ref().map(|entry| entry.revision) != revision {
            return None;
        }
        self.last += 1;
        self.before = self.entry.replace(Entry { revision: self.last, lease });
        Some(self.last)
    }

    fn step(&mut self, now: Duration) {
        let due = |it: &(Duration, Option<u64>, Lease)| it.0 <= now;
        let (due, late) = std::mem::take(&mut self.late).into_iter().partition(due);
        self.late = late;
        for (_, revision, lease) in Vec::from_iter::<Vec<_>>(due) {
            let _whoever_asked_is_gone = self.put(revision, lease);
        }
    }
}

enum Role {
    Core(Keeper),
    Standby(Heir),
    Gone,
}

struct Node {
    role: Role,
    /// What it has on its disk.
    kept: u64,
    /// Of a core: what counted, and what it found when it began.
    counted: u64,
    found: u64,
    /// It stands still until then; and copies nothing until then.
    still_until: Duration,
    behind_until: Duration,
    /// It does not reach the register until then, and nobody on the bus.
    unreached: [Duration; 2],
}

/// What is on its way on the bus.
enum Message {
    There(Machine, u64, Duration),
    Here(Machine, Duration),
    Kept(Machine, u64, u64),
    Heard,
}

struct World {
    dice: Dice,
    now: Duration,
    shelf: Shelf,
    away_until: Duration,
    machines: Vec<Node>,
    bus: Vec<(Duration, usize, Message)>,
    is_replicated: bool,
    seed: u64,
    taken_over: u64,
    ended: u64,
}

fn id(at: usize) -> Machine {
    [at as u8 + 1; 16]
}

fn at(id: Machine) -> usize {
    usize::from(id[0]) - 1
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let is_replicated = dice.roll(2) == 0;
        let mut shelf = Shelf::default();
        let lease =
            Lease { holder: id(0), term: TERM, run: [0; 16], heir: None, name: String::new() };
        let revision = shelf.put(None, lease.clone()).expect("it is the first");
        let now = Duration::from_secs(100);
        let keeper = Keeper::new(Entry { revision, lease }, now, is_replicated);
        let machine = |role| Node {
            role,
            kept: 0,
            counted: 0,
            found: 0,
            still_until: Duration::ZERO,
            behind_until: Duration::ZERO,
            unreached: [Duration::ZERO; 2],
        };
        let standbys = (1..MACHINES)
            .map(|at| machine(Role::Standby(Heir::new(id(at), [0; 16], String::new()))));
        let machines = [machine(Role::Core(keeper))].into_iter().chain(standbys).collect();
        let (bus, away_until) = (Vec::new(), Duration::ZERO);
        Self {
            dice,
            now,
            shelf,
            away_until,
            machines,
            bus,
            is_replicated,
            seed,
            taken_over: 0,
            ended: 0,
        }
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.dice.roll(one_in) == 0
    }

    /// What another process is told by.
    fn run(&mut self) -> Run {
        let mut run = Run::default();
        run[..8].copy_from_slice(&self.dice.next().to_le_bytes());
        run
    }

    fn some(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.dice.next() % most)
    }

    fn send(&mut self, from: usize, to: usize, message: Message) {
        let is_cut = [from, to].iter().any(|&it| self.machines[it].unreached[1] > self.now);
        if !is_cut && !self.chance(20) {
            let delay = if self.chance(20) { self.some(4_000) } else { self.some(20) };
            self.bus.push((self.now + delay, to, message));
        }
    }

    /// What the register says to this machine: what it did, or that it did not answer.
    fn ask<T>(&mut self, of: usize, answer: impl FnOnce(&mut Self) -> T) -> Result<T, String> {
        let is_cut = self.machines[of].unreached[0] > self.now || self.away_until > self.now;
        // What takes long takes the time of whoever waits.
        if self.chance(30) {
            let still = self.some(800);
            self.machines[of].still_until = self.now + still;
        }
        match is_cut || self.chance(10) {
            true => Err("it does not answer".to_owned()),
            false => Ok(answer(self)),
        }
    }

    fn replace(&mut self, of: usize, revision: u64, lease: Lease) -> Result<Option<u64>, String> {
        let done = self.ask(of, |world| world.shelf.put(Some(revision), lease.clone()));
        match done {
            Ok(_) if self.chance(10) => Err("it was done, and nobody heard".to_owned()),
            Err(why) => {
                if self.machines[of].unreached[0] <= self.now && self.chance(3) {
                    let late = self.now + self.some(10_000);
                    self.shelf.late.push((late, Some(revision), lease));
                }
                Err(why)
            }
            done => done,
        }
    }

    fn read(&mut self, of: usize) -> Result<Option<Entry>, String> {
        let stale = self.chance(10);
        self.ask(of, |world| match stale {
            true => world.shelf.before.clone().or_else(|| world.shelf.entry.clone()),
            false => world.shelf.entry.clone(),
        })
    }

    /// Whatever may go wrong.
    fn trouble(&mut self) {
        let most = 15_000;
        if self.chance(300) {
            self.away_until = self.now + self.some(2 * most);
        }
        for of in 0..MACHINES {
            if self.chance(400) {
                self.machines[of].still_until = self.now + self.some(most);
            }
            if self.chance(150) {
                self.machines[of].behind_until = self.now + self.some(most);
            }
            for way in 0..2 {
                if self.chance(200) {
                    self.machines[of].unreached[way] = self.now + self.some(most);
                }
            }
            if self.chance(800) {
                self.machines[of].role = Role::Gone;
            }
            if matches!(self.machines[of].role, Role::Gone) && self.chance(60) {
                self.begin(of);
            }
        }
    }

    /// A machine begins again, as whatever the register lets it be.
    fn begin(&mut self, of: usize) {
        let began = self.now;
        let Ok(Some(entry)) = self.read(of) else { return };
        // Whoever is the core by what is written may be begun as a standby all the same.
        if entry.lease.holder != id(of) || self.chance(2) {
            self.machines[of].role = Role::Standby(Heir::new(id(of), self.run(), String::new()));
            return;
        }
        let (holder, term) = (id(of), entry.lease.term + 1);
        let lease = Lease { holder, term, run: self.run(), heir: None, name: String::new() };
        // Whoever is not told whether it is the core asks again.
        if let Ok(Some(revision)) = self.replace(of, entry.revision, lease.clone()) {
            let keeper = Keeper::new(Entry { revision, lease }, began, self.is_replicated);
            self.is_core(of, keeper);
        }
    }

    fn is_core(&mut self, of: usize, keeper: Keeper) {
        let counted = self.machines.iter().map(|it| it.counted).max().unwrap_or(0);
        if self.is_replicated {
            let kept = self.machines[of].kept;
            assert!(kept >= counted, "seed {}: machine {of} has {kept} of {counted}", self.seed);
        }
        self.machines[of].role = Role::Core(keeper);
        self.machines[of].found = self.machines[of].kept;
        // The others follow it now: what they have beyond it is cut.
        let kept = self.machines[of].kept;
        for machine in &mut self.machines {
            machine.kept = machine.kept.min(kept);
            machine.counted = machine.counted.min(kept);
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let is_due = |it: &(Duration, usize, Message)| it.0 <= now;
        let (due, bus) = std::mem::take(&mut self.bus).into_iter().partition(is_due);
        self.bus = bus;
        for (_, to, message) in Vec::from_iter::<Vec<_>>(due) {
            if self.machines[to].still_until > now {
                // It is read once it goes on.
                self.bus.push((self.machines[to].still_until, to, message));
                continue;
            }
            let Node { role, counted, kept: own, .. } = &mut self.machines[to];
            match (role, message) {
                (Role::Standby(heir), Message::There(holder, term, asked)) => {
                    let promises = heir.asked(holder, term, now);
                    if promises {
                        self.send(to, at(holder), Message::Here(id(to), asked));
                    }
                }
                (Role::Standby(heir), Message::Heard) => heir.heard(now),
                (Role::Core(keeper), Message::Here(machine, asked)) => keeper.heard(machine, asked),
                (Role::Core(keeper), Message::Kept(machine, kept, term))
                    if term == keeper.term() =>
                {
                    keeper.kept(machine, Sequence(kept), now);
                    if keeper.counts() == Some(machine) {
                        *counted = (*counted).max(kept.min(*own));
                    }
                }
                _ => {}
            }
        }
    }

    fn work(&mut self, of: usize) {
        if self.machines[of].still_until > self.now {
            return;
        }
        let now = self.now;
        let counted = self.machines[of].counted.max(self.machines[of].found);
        match &mut self.machines[of].role {
            Role::Gone => {}
            Role::Core(keeper) => {
                let (next, asks) = (keeper.next(now, Some(Sequence(counted))), keeper.asks(now));
                let (is_over, term) = (keeper.until() == Until::Over, keeper.term());
                if is_over {
                    self.machines[of].role = Role::Gone;
                    self.ended += 1;
                    return;
                }
                for machine in asks {
                    self.send(of, at(machine), Message::There(id(of), term, now));
                }
                match next {
                    keeper::Do::Nothing => {}
                    keeper::Do::Read => {
                        let found = self.read(of);
                        if let Role::Core(keeper) = &mut self.machines[of].role {
                            keeper.found(found);
                        }
                    }
                    keeper::Do::Replace(revision, lease) => {
                        let outcome = self.replace(of, revision, lease);
                        if let Role::Core(keeper) = &mut self.machines[of].role {
                            keeper.replaced(outcome);
                        }
                    }
                }
                self.write(of);
            }
            Role::Standby(heir) => {
                let won = match heir.next(now) {
                    heir::Do::Nothing => None,
                    heir::Do::Read => {
                        let found = self.read(of);
                        let Role::Standby(heir) = &mut self.machines[of].role else { return };
                        heir.found(found, now)
                    }
                    heir::Do::Take(revision, lease) => {
                        let outcome = self.replace(of, revision, lease);
                        let Role::Standby(heir) = &mut self.machines[of].role else { return };
                        heir.taken(outcome)
                    }
                };
                if let Some(Won { entry, began }) = won {
                    self.taken_over += 1;
                    let keeper = Keeper::new(entry, began, self.is_replicated);
                    self.is_core(of, keeper);
                }
            }
        }
    }

    /// A core writes something, and standbys that hear of it copy it and say so.
    fn write(&mut self, of: usize) {
        let Role::Core(keeper) = &self.machines[of].role else { return };
        let term = keeper.term();
        self.machines[of].kept += 1;
        let written = self.machines[of].kept;
        for to in (0..MACHINES).filter(|&to| to != of) {
            let is_cut = [of, to].iter().any(|&it| self.machines[it].unreached[1] > self.now);
            let is_still = self.machines[to].still_until > self.now;
            if is_cut || is_still || !matches!(self.machines[to].role, Role::Standby(_)) {
                continue;
            }
            if self.machines[to].behind_until <= self.now {
                self.machines[to].kept = written;
            }
            self.send(of, to, Message::Heard);
            if self.chance(4) {
                let kept = self.machines[to].kept;
                self.send(to, of, Message::Kept(id(to), kept, term));
            }
        }
    }

    fn check(&self) {
        let may_write =
            self.machines.iter().enumerate().filter(|(_, machine)| match &machine.role {
                Role::Core(keeper) => match keeper.until() {
                    Until::Ever => true,
                    Until::Then(then) => self.now < then,
                    Until::Over => false,
                },
                Role::Standby(_) | Role::Gone => false,
            });
        let may_write: Vec<usize> = may_write.map(|(at, _)| at).collect();
        assert!(
            may_write.len() <= 1,
            "seed {}: machines {may_write:?} may write at {:?}",
            self.seed,
            self.now
        );
    }
}

#[test]
fn never_two_machines_may_write_and_whoever_takes_over_has_all_that_counted() {
    let (mut taken_over, mut ended, mut counted) = (0, 0, 0);
    let count = if std::env::var_os("RIALTO_LONG").is_some() { SEEDS_LONG } else { SEEDS };
    for seed in 0..count {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.now += STEP;
            let now = world.now;
            world.shelf.step(now);
            world.trouble();
            world.deliver();
            for of in 0..MACHINES {
                world.work(of);
                world.check();
            }
        }
        taken_over += world.taken_over;
        ended += world.ended;
        counted += world.machines.iter().map(|it| it.counted).max().unwrap_or(0);
    }
    // Else it would hold for want of anything that happens.
    assert!(taken_over > count / 5 && ended > count / 10, "{taken_over} took over, {ended} ended");
    assert!(counted > 100 * count, "{counted}");
}
