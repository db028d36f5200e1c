//! A bus for tests, as bad as it is told to be: it loses, doubles, delays and so reorders, stalls, and cuts points off.
//!
//! It is driven by hand in one thread: nothing is heard but within [`Unreliable::step`], time is the steps that were
//! taken, and chance comes from a seed. The same calls with the same seed give the same calls back, in the same order.
//! It wraps no other bus, and has no thread and no clock.
//!
//! What differs from other buses: a call that panics panics out of the step, so that a test that fails fails; and a
//! point that is cut off does not know it, as one behind a broken network does not at first.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::asks::{Asks, PATIENCE_MAX};
use super::roster::{Listener, Roster};
use super::{
    Answer, Bus, BusError, BusStanding, Heard, Listening, MESSAGE_BYTES_MAX, Reply, Respond,
    carries, subject_of,
};
use crate::crowd::chance::Chance;

/// How much patience a step takes.
pub const STEP: Duration = Duration::from_millis(10);

/// The most messages that are on their way; what comes then is lost.
pub const PACKETS_MAX: usize = 65_536;

/// What goes wrong, each in so many of 1,000 cases. A message to several is a case for each of them; a question and its
/// answer are cases too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// It is lost.
    pub lost: u16,
    /// It comes twice.
    pub doubled: u16,
    /// It comes later than what was said after it.
    pub late: u16,
    /// By how many steps at most.
    pub late_steps_max: u64,
    /// A point hears nothing for some time, and then all at once. A case at each step of each point.
    pub stalls: u16,
    /// For how many steps at most.
    pub stall_steps_max: u64,
    /// A point is cut off: what is said to it and by it is lost. A case at each step of each point.
    pub cuts: u16,
    /// For how many steps at most.
    pub cut_steps_max: u64,
}

impl Faults {
    /// Nothing does.
    pub const NONE: Self = Self {
        lost: 0,
        doubled: 0,
        late: 0,
        late_steps_max: 0,
        stalls: 0,
        stall_steps_max: 0,
        cuts: 0,
        cut_steps_max: 0,
    };
}

/// What went wrong so far, and what did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    /// Messages, questions and answers that were heard.
    pub heard: u64,
    /// By chance, or as one end was cut off.
    pub lost: u64,
    /// Came once more.
    pub doubled: u64,
    /// Came later.
    pub late: u64,
    /// Points that began to hear nothing.
    pub stalls: u64,
    /// Points that began to be cut off.
    pub cuts: u64,
}

/// A network of points, each of them a machine with its [`Bus`]. A copy of it is the same network.
#[derive(Clone)]
pub struct Unreliable(Arc<Mutex<Network>>);

/// One machine's bus.
#[derive(Clone)]
pub struct Point {
    network: Unreliable,
    number: usize,
}

struct Network {
    seed: u64,
    faults: Faults,
    chance: Chance,
    /// Steps so far.
    now: u64,
    /// What is on its way, by the step at which it comes, and by its turn.
    packets: BTreeMap<(u64, u64), Packet>,
    turns: u64,
    places: Vec<Place>,
    listeners: Roster<On<Heard>>,
    answerers: Roster<On<Answer>>,
    happened: Happened,
}

/// What the network knows of a point.
#[derive(Default)]
struct Place {
    /// Until that step it hears nothing.
    stalled: u64,
    /// Until that step it is cut off.
    cut: u64,
    asks: Asks<u64>,
    /// Went nowhere for want of room.
    lost: u64,
    refused: u64,
}

/// Somebody at a point.
struct On<Call> {
    point: usize,
    listener: Listener<Call>,
}

/// Something on its way. `None` is the network itself, which says that nobody answers.
#[derive(Clone)]
struct Packet {
    from: Option<usize>,
    to: usize,
    what: What,
}

#[derive(Clone)]
enum What {
    Message(Arc<On<Heard>>, Arc<[u8]>),
    /// With its number at the point that asks.
    Question(Arc<On<Answer>>, Arc<[u8]>, u64),
    Answer(u64, Result<Arc<[u8]>, BusError>),
}

impl Unreliable {
    /// A network without points.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self(Arc::new(Mutex::new(Network {
            seed,
            faults,
            chance: Chance::new(seed, 0),
            now: 0,
            packets: BTreeMap::new(),
            turns: 0,
            places: Vec::new(),
            listeners: Roster::default(),
            answerers: Roster::default(),
            happened: Happened::default(),
        })))
    }

    /// One more machine.
    #[must_use]
    pub fn point(&self) -> Arc<Point> {
        let mut network = self.lock();
        network.places.push(Place::default());
        let number = network.places.len() - 1;
        drop(network);
        Arc::new(Point { network: self.clone(), number })
    }

    /// From now on other things go wrong. What is on its way stays as it is.
    pub fn set(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// What went wrong so far.
    #[must_use]
    pub fn happened(&self) -> Happened {
        self.lock().happened
    }

    /// How many steps there were.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.lock().now
    }

    /// Time passes by one [`STEP`]: what is due is heard, then those are told who have waited for too long. What is said
    /// meanwhile is heard at the next step at the earliest. Returns how many calls there were.
    ///
    /// # Panics
    /// With what is called.
    pub fn step(&self) -> usize {
        let mut calls = 0;
        self.lock().pass();
        while let Some(packet) = self.due() {
            self.call(packet);
            calls += 1;
        }
        while let Some(reply) = self.late() {
            reply(Err(BusError::Late));
            calls += 1;
        }
        calls
    }

    /// Whether nothing is on its way and nobody waits for an answer.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let network = self.lock();
        network.packets.is_empty() && network.places.iter().all(|place| place.asks.next().is_none())
    }

    fn lock(&self) -> MutexGuard<'_, Network> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes next of what is due.
    fn due(&self) -> Option<Packet> {
        let mut network = self.lock();
        let now = network.now;
        loop {
            let entry = network.packets.first_entry().filter(|entry| entry.key().0 <= now);
            let (key, packet) = entry?.remove_entry();
            if network.is_cut(&packet) {
                network.happened.lost += 1;
                continue;
            }
            let stalled = network.places[packet.to].stalled;
            if stalled > now {
                network.packets.insert((stalled, key.1), packet);
                continue;
            }
            network.happened.heard += 1;
            return Some(packet);
        }
    }

    fn late(&self) -> Option<Reply> {
        let mut network = self.lock();
        let now = network.now;
        network.places.iter_mut().find_map(|place| place.asks.late(now))
    }

    fn call(&self, Packet { from, to, what }: Packet) {
        match what {
            What::Message(on, message) if on.listener.is_there() => (on.listener.call)(&message),
            What::Question(on, question, number) if on.listener.is_there() => {
                let asker = from.expect("the network asks nothing");
                (on.listener.call)(&question, self.respond(to, asker, number));
            }
            What::Answer(number, answer) => {
                let reply = self.lock().places[to].asks.take(number);
                if let Some(reply) = reply {
                    reply(answer.map(|answer| answer.to_vec()));
                }
            }
            What::Message(..) | What::Question(..) => {}
        }
    }

    fn respond(&self, from: usize, to: usize, number: u64) -> Respond {
        let network = Arc::downgrade(&self.0);
        Respond(Box::new(move |answer| {
            let Some(network) = network.upgrade().map(Self) else { return };
            let mut network = network.lock();
            match answer.len() {
                ..=MESSAGE_BYTES_MAX => {
                    let what = What::Answer(number, Ok(answer.into()));
                    network.send(Packet { from: Some(from), to, what });
                }
                _ => network.places[from].refused += 1,
            }
        }))
    }
}

impl fmt::Debug for Unreliable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = self.lock();
        out.debug_struct("Unreliable")
            .field("seed", &network.seed)
            .field("faults", &network.faults)
            .field("steps", &network.now)
            .field("happened", &network.happened)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// One step more, and what begins with it.
    fn pass(&mut self) {
        self.now += 1;
        let Self { now, faults, chance, places, happened, .. } = self;
        for place in places {
            if *now >= place.stalled && hits(chance, faults.stalls) {
                place.stalled = *now + up_to(chance, faults.stall_steps_max);
                happened.stalls += 1;
            }
            if *now >= place.cut && hits(chance, faults.cuts) {
                place.cut = *now + up_to(chance, faults.cut_steps_max);
                happened.cuts += 1;
            }
        }
    }

    /// What one says to itself passes no network.
    fn is_cut(&self, packet: &Packet) -> bool {
        let cut = |point: usize| self.places[point].cut > self.now;
        packet.from != Some(packet.to) && (packet.from.is_some_and(cut) || cut(packet.to))
    }

    /// Something goes on its way, or nowhere.
    fn send(&mut self, packet: Packet) {
        if self.is_cut(&packet) || hits(&mut self.chance, self.faults.lost) {
            self.happened.lost += 1;
            return;
        }
        if hits(&mut self.chance, self.faults.doubled) {
            self.happened.doubled += 1;
            self.put(packet.clone());
        }
        self.put(packet);
    }

    fn put(&mut self, packet: Packet) {
        if self.packets.len() >= PACKETS_MAX {
            self.places[packet.from.unwrap_or(packet.to)].lost += 1;
            return;
        }
        let mut due = self.now + 1;
        if hits(&mut self.chance, self.faults.late) {
            due += up_to(&mut self.chance, self.faults.late_steps_max);
            self.happened.late += 1;
        }
        self.turns += 1;
        self.packets.insert((due, self.turns), packet);
    }
}

/// Whether it is one of so many of 1,000 cases.
fn hits(chance: &mut Chance, of_thousand: u16) -> bool {
    of_thousand > 0 && chance.below(1_000) < u64::from(of_thousand)
}

fn up_to(chance: &mut Chance, most: u64) -> u64 {
    1 + chance.below(most)
}

impl Point {
    /// For so many steps it is cut off: what is said to it and by it is lost, and what is on its way then too.
    pub fn cut(&self, steps: u64) {
        let mut network = self.network.lock();
        let until = network.now + steps + 1;
        network.places[self.number].cut = until;
        network.happened.cuts += 1;
    }

    /// For so many steps it hears nothing, and then all at once.
    pub fn stall(&self, steps: u64) {
        let mut network = self.network.lock();
        let until = network.now + steps + 1;
        network.places[self.number].stalled = until;
        network.happened.stalls += 1;
    }

    fn present<Call: Send + Sync + 'static>(
        &self,
        subject: &str,
        call: Call,
        roster: fn(&mut Network) -> &mut Roster<On<Call>>,
    ) -> Result<Listening, BusError> {
        subject_of(subject)?;
        let who = Arc::new(On { point: self.number, listener: Listener::new(call) });
        roster(&mut self.network.lock()).add(subject, &who);
        let network: Weak<Mutex<Network>> = Arc::downgrade(&self.network.0);
        let subject: Box<str> = subject.into();
        Ok(Listening::until(move || {
            who.listener.end();
            if let Some(network) = network.upgrade().map(Unreliable) {
                // Dropped when the lock is not held any more.
                let _before = roster(&mut network.lock()).remove(&subject, &who);
            }
        }))
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Point").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Bus for Point {
    fn publish(&self, subject: &str, message: &[u8]) {
        let mut network = self.network.lock();
        if carries(subject, message).is_err() {
            network.places[self.number].refused += 1;
            return;
        }
        let Some(present) = network.listeners.on(subject) else { return };
        let message: Arc<[u8]> = message.into();
        for on in &*present {
            let what = What::Message(Arc::clone(on), Arc::clone(&message));
            network.send(Packet { from: Some(self.number), to: on.point, what });
        }
    }

    fn listen(&self, subject: &str, heard: Heard) -> Result<Listening, BusError> {
        self.present(subject, heard, |network| &mut network.listeners)
    }

    fn ask(&self, subject: &str, question: &[u8], patience: Duration, reply: Reply) {
        if let Err(error) = carries(subject, question) {
            return reply(Err(error));
        }
        let mut network = self.network.lock();
        let steps = patience.min(PATIENCE_MAX).as_millis().div_ceil(STEP.as_millis()) as u64;
        let late = network.now + steps.max(1);
        let number = match network.places[self.number].asks.open(late, reply) {
            Ok(number) => number,
            Err(reply) => {
                drop(network);
                return reply(Err(BusError::Full));
            }
        };
        let Some(present) = network.answerers.on(subject) else {
            let what = What::Answer(number, Err(BusError::Unanswered));
            return network.send(Packet { from: None, to: self.number, what });
        };
        let question: Arc<[u8]> = question.into();
        for on in &*present {
            let what = What::Question(Arc::clone(on), Arc::clone(&question), number);
            network.send(Packet { from: Some(self.number), to: on.point, what });
        }
    }

    fn answer(&self, subject: &str, answer: Answer) -> Result<Listening, BusError> {
        self.present(subject, answer, |network| &mut network.answerers)
    }

    fn standing(&self) -> BusStanding {
        let network = self.network.lock();
        let Place { lost, refused, .. } = network.places[self.number];
        BusStanding { down: None, lost, refused, ..BusStanding::default() }
    }
}
