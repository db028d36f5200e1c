//! The time in which this machine is the core: a thread that keeps its lease, and says when it is over.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use feed::bus::Bus;
use feed::journal::commit::License;
use feed::journal::copy::tap::Gauge;
use feed::journal::copy::words::Machine;
use model::Sequence;

use super::heir::Won;
use super::keeper::{ASK_EVERY, Do, Keeper, Until};
use super::{Entry, Lease, Register, Run, hex, read};
use crate::aloud;
use crate::cluster::Subjects;
use crate::cluster::words::{Answer, Ask};
use crate::run::{Failure, Lost, failed};

#[cfg(test)]
mod tests;

/// How often it is looked whether something is to be done.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long it is waited between two attempts to be the core.
const AGAIN: Duration = Duration::from_millis(500);
/// Looks between two complaints.
const COMPLAIN_EVERY: u32 = 10;
/// The longest name of a machine, for people.
const NAME_CHARACTERS_MAX: usize = 200;

/// Stands for [`Until::Ever`], and for [`Until::Over`].
const EVER: u64 = u64::MAX;
const OVER: u64 = 0;

/// A lease that is kept, as long as this is.
#[derive(Clone)]
pub struct Tenure(Arc<Ended>);

/// Ends the thread when all have dropped it.
struct Ended(Arc<Shared>);

struct Shared {
    keeper: Mutex<Keeper>,
    /// Microseconds by [`now`]; until then this machine is the core.
    until: AtomicU64,
    /// Tells how far things count, once there is a market, and how far its journal was in the beginning.
    level: OnceLock<(Gauge, Sequence)>,
    ended: AtomicBool,
    lost: Arc<Lost>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

/// What shows how long something takes, also while the machine sleeps.
pub fn now() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(clock);
    // From when the machine was started, which is not before it was.
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// What this machine is called, for people: with where it keeps what it keeps.
pub fn name_of(data: &Path) -> String {
    let system = rustix::system::uname();
    let whole = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let name = format!("{}:{}", system.nodename().to_string_lossy(), whole.display());
    name.chars().take(NAME_CHARACTERS_MAX).collect()
}

impl Tenure {
    /// Becomes the core: of a market that has none, or that this machine is the core of already. Waits for the register as
    /// long as that takes. To be called by one process of a machine at a time, which holds the lock of its journal.
    ///
    /// # Errors
    /// [`Failure`] if another machine is it.
    pub fn begin(
        mut register: Box<dyn Register>,
        (me, run, name): (Machine, Run, String),
        is_replicated: bool,
        (bus, subjects): (&Arc<dyn Bus>, &Subjects),
    ) -> Result<Self, Failure> {
        let mut tries = 0;
        let mut tried: Option<(Lease, Duration)> = None;
        let why = |why: &str, register: &dyn Register| {
            aloud::complain(format_args!(
                "waiting for the lease of this market in {}: {why}",
                register.name()
            ));
        };
        loop {
            let refused = match read(&mut *register) {
                Ok(Some(Entry { lease, .. })) if lease.holder != me => {
                    return Err(Failure(format!(
                        "failed to serve as the core of the market {}: its lease in {} is held by {}, in term {}. Let this \
                         machine stand by, with an empty folder; if that machine is gone for good and no standby can take over, \
                         take the lease out of its register (see docs/machines.md)",
                        subjects.name,
                        register.name(),
                        lease.name,
                        lease.term
                    )));
                }
                Ok(Some(entry)) if tried.as_ref().is_some_and(|(it, _)| *it == entry.lease) => {
                    let began = tried.map_or_else(now, |(_, began)| began);
                    return Self::start(
                        Keeper::new(entry, began, is_replicated),
                        register,
                        bus,
                        subjects,
                    );
                }
                Ok(found) => {
                    let revision = found.as_ref().map(|entry| entry.revision);
                    let term = found.map_or(0, |entry| entry.lease.term) + 1;
                    let lease = Lease { holder: me, term, run, heir: None, name: name.clone() };
                    let began = now();
                    match register.replace(revision, &lease.to_text()) {
                        Ok(Some(revision)) => {
                            let entry = Entry { revision, lease };
                            let keeper = Keeper::new(entry, began, is_replicated);
                            return Self::start(keeper, register, bus, subjects);
                        }
                        Ok(None) => "somebody else was faster".to_owned(),
                        Err(why) => {
                            tried = Some((lease, began));
                            why
                        }
                    }
                }
                Err(why) => why,
            };
            if tries % COMPLAIN_EVERY == 0 {
                why(&refused, &*register);
            }
            tries += 1;
            thread::sleep(AGAIN);
        }
    }

    /// Goes on with a lease that was won.
    ///
    /// # Errors
    /// [`Failure`] if the system has no thread to give.
    pub fn won(
        Won { entry, began }: Won,
        register: Box<dyn Register>,
        is_replicated: bool,
        (bus, subjects): (&Arc<dyn Bus>, &Subjects),
    ) -> Result<Self, Failure> {
        Self::start(Keeper::new(entry, began, is_replicated), register, bus, subjects)
    }

    fn start(
        keeper: Keeper,
        register: Box<dyn Register>,
        bus: &Arc<dyn Bus>,
        subjects: &Subjects,
    ) -> Result<Self, Failure> {
        aloud::complain(format_args!(
            "this machine is the core, by the lease in {}, term {}",
            register.name(),
            keeper.term()
        ));
        let shared = Arc::new(Shared {
            until: AtomicU64::new(until(&keeper)),
            keeper: Mutex::new(keeper),
            level: OnceLock::new(),
            ended: AtomicBool::new(false),
            lost: Arc::default(),
        });
        let keeping = Keeping {
            shared: Arc::clone(&shared),
            register,
            bus: Arc::clone(bus),
            subjects: subjects.clone(),
            heir: None,
        };
        thread::Builder::new()
            .name("lease".into())
            .spawn(move || keeping.run())
            .map_err(failed("start a thread for the lease"))?;
        Ok(Self(Arc::new(Ended(shared))))
    }

    /// Told when it is over.
    pub fn lost(&self) -> Arc<Lost> {
        Arc::clone(&self.shared().lost)
    }

    /// What lets a journal be written as long as this machine is the core.
    pub fn license(&self) -> License {
        let shared = Arc::clone(self.shared());
        Box::new(move || match shared.until.load(Ordering::Acquire) {
            EVER => Ok(()),
            until if u128::from(until) > now().as_micros() => Ok(()),
            _ => {
                // Whatever comes now is too late: somebody was told no.
                let why = shared.with(|keeper| {
                    keeper.lapses(now());
                    keeper.over().map(str::to_owned)
                });
                match why {
                    Some(why) => Err(format!("this machine is the core no more: {why}")),
                    // It was renewed in this moment.
                    None => Ok(()),
                }
            }
        })
    }

    /// This machine is the core no more, for this reason: it ends, and the heir takes over.
    pub fn give_up(&self, why: &str) {
        self.shared().with(|keeper| keeper.give_up(why));
        self.shared().lost.lose(why.to_owned());
    }

    /// From now on there is a market that is so far, and an heir can be named. It is to have all that was `found` of the
    /// journal, for that may have been told.
    pub fn of(&self, gauge: Gauge, found: Sequence) {
        // It is said once.
        let _first = self.shared().level.set((gauge, found));
    }

    /// A standby has commands up to this one on its disk. If that counts, `tell` is called.
    pub fn kept(&self, machine: Machine, up_to: Sequence, tell: impl FnOnce()) {
        let mut keeper = self.shared().keeper();
        keeper.kept(machine, up_to, now());
        if keeper.counts() == Some(machine) {
            // Under the lock: whoever is named next is to have what counts by then.
            tell();
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

impl Shared {
    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something, and puts down until when this machine is the core.
    fn with<T>(&self, work: impl FnOnce(&mut Keeper) -> T) -> T {
        let mut keeper = self.keeper();
        let done = work(&mut keeper);
        self.until.store(until(&keeper), Ordering::Release);
        done
    }
}

fn until(keeper: &Keeper) -> u64 {
    match keeper.until() {
        Until::Ever => EVER,
        Until::Then(then) => u64::try_from(then.as_micros()).unwrap_or(EVER - 1),
        Until::Over => OVER,
    }
}

/// What the thread has.
struct Keeping {
    shared: Arc<Shared>,
    register: Box<dyn Register>,
    bus: Arc<dyn Bus>,
    subjects: Subjects,
    /// Who was said to be the heir.
    heir: Option<Machine>,
}

impl Keeping {
    fn run(mut self) {
        let mut silent = false;
        while !self.shared.ended.load(Ordering::Relaxed) {
            self.ask();
            let level = self.shared.level.get();
            let next = self.shared.with(|keeper| {
                let counts = level.map(|(gauge, found)| gauge.frontier().durable.max(*found));
                keeper.next(now(), counts)
            });
            match next {
                Do::Replace(revision, lease) => {
                    let outcome = self.register.replace(Some(revision), &lease.to_text());
                    self.shared.with(|keeper| keeper.replaced(outcome));
                }
                Do::Read => {
                    let outcome = read(&mut *self.register);
                    self.shared.with(|keeper| keeper.found(outcome));
                }
                Do::Nothing => thread::sleep(LOOK_EVERY),
            }
            let keeper = self.shared.keeper();
            if let Some(why) = keeper.over() {
                self.shared.lost.lose(format!("this machine is the core no more: {why}"));
                return;
            }
            let (heir, trouble) = (keeper.heir(), keeper.trouble().map(str::to_owned));
            drop(keeper);
            if heir != self.heir {
                self.heir = heir;
                match heir {
                    Some(heir) => aloud::complain(format_args!(
                        "the standby {} takes over by itself if this machine is gone",
                        hex(heir)
                    )),
                    None => aloud::complain("no standby takes over by itself now"),
                }
            }
            if trouble.is_some() != silent {
                silent = trouble.is_some();
                match trouble {
                    Some(why) => aloud::complain(format_args!(
                        "the lease in {} cannot be renewed now; the market goes on as long as {}: {why}",
                        self.register.name(),
                        if self.heir.is_some() { "its heir answers" } else { "there is no heir" }
                    )),
                    None => aloud::complain("the lease is renewed again"),
                }
            }
        }
    }

    /// Asks standbys whether they are there.
    fn ask(&self) {
        let (asked, term, due) = self.shared.with(|keeper| {
            let asked = now();
            (asked, keeper.term(), keeper.asks(asked))
        });
        if due.is_empty() {
            return;
        }
        let holder = self.shared.keeper().holder();
        let question = Ask::There { holder, term }.to_bytes();
        for machine in due {
            let shared = Arc::clone(&self.shared);
            let heard = move |answer: Result<Vec<u8>, _>| {
                let Ok(answer) = answer else { return };
                if Answer::read(&answer) == Ok(Answer::Here(machine)) {
                    shared.with(|keeper| keeper.heard(machine, asked));
                }
            };
            self.bus.ask(
                &self.subjects.standby(&hex(machine)),
                &question,
                4 * ASK_EVERY,
                Box::new(heard),
            );
        }
    }
}
