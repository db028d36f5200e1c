//! What a standby does about the lease: a thread that reads the register, answers the core, and takes over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use feed::bus::{Bus, Listening, Respond};
use feed::journal::copy::words::Machine;

use super::heir::{Do, Heir, Won};
use super::tenure::now;
use super::{Register, Run, hex, read};
use crate::aloud;
use crate::cluster::Subjects;
use crate::cluster::words::{Answer, Ask};
use crate::run::{Failure, failed};

/// How often it is looked whether something is to be done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A standby that waits, as long as this lives.
pub struct Waiting {
    shared: Arc<Shared>,
    _answering: Listening,
}

struct Shared {
    heir: Mutex<Heir>,
    ended: AtomicBool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

impl Waiting {
    /// Begins to wait. `won` is told if this machine is the core; then it does nothing more.
    ///
    /// # Errors
    /// [`Failure`] if the bus or the system does not let it.
    pub fn start(
        (me, run, name): (Machine, Run, String),
        register: Box<dyn Register>,
        (bus, subjects): (&Arc<dyn Bus>, &Subjects),
        won: impl FnOnce(Won, Box<dyn Register>) + Send + 'static,
    ) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            heir: Mutex::new(Heir::new(me, run, name)),
            ended: AtomicBool::new(false),
        });
        let asked = Arc::clone(&shared);
        let answer = move |question: &[u8], respond: Respond| {
            if let Ok(Ask::There { holder, term }) = Ask::read(question)
                && asked.heir().asked(holder, term, now())
            {
                respond.with(&Answer::Here(me).to_bytes());
            }
        };
        let answering = bus.answer(&subjects.standby(&hex(me)), Box::new(answer));
        let answering = answering.map_err(failed("answer the core"))?;
        let waiting = Arc::clone(&shared);
        thread::Builder::new()
            .name("lease".into())
            .spawn(move || {
                if let Some((entry, register)) = waiting.wait(register) {
                    won(entry, register);
                }
            })
            .map_err(failed("start a thread for the lease"))?;
        Ok(Self { shared, _answering: answering })
    }

    /// The core was heard of.
    pub fn heard(&self) {
        self.shared.heir().heard(now());
    }

    /// A person tells this machine to take over. It is begun if it may be.
    ///
    /// # Errors
    /// Why it may not.
    pub fn take_over(&self) -> Result<(), String> {
        self.shared.heir().tell(now())
    }
}

impl Shared {
    fn heir(&self) -> MutexGuard<'_, Heir> {
        self.heir.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this machine is the core; or until nobody waits for that any more.
    fn wait(&self, mut register: Box<dyn Register>) -> Option<(Won, Box<dyn Register>)> {
        let mut trouble = None;
        while !self.ended.load(Ordering::Relaxed) {
            let next = self.heir().next(now());
            let won = match next {
                Do::Nothing => {
                    thread::sleep(LOOK_EVERY);
                    continue;
                }
                Do::Take(revision, lease) => {
                    aloud::complain("the core is not heard of any more; taking its lease");
                    let outcome = register.replace(Some(revision), &lease.to_text());
                    let failed = match &outcome {
                        Ok(Some(_)) => None,
                        Ok(None) => Some("somebody else was faster"),
                        Err(why) => Some(why.as_str()),
                    };
                    if let Some(why) = failed {
                        aloud::complain(format_args!("the lease is not had: {why}"));
                    }
                    self.heir().taken(outcome)
                }
                Do::Read => {
                    let found = read(&mut *register);
                    let why = found.as_ref().err().cloned();
                    if why.is_some() != trouble.is_some() {
                        match &why {
                            Some(why) => aloud::complain(format_args!(
                                "the lease in {} cannot be read; this machine does not take over as long as that is so: \
                                 {why}",
                                register.name()
                            )),
                            None => aloud::complain("the lease is read again"),
                        }
                        trouble = why;
                    }
                    let mut heir = self.heir();
                    let was_named = heir.is_named();
                    let won = heir.found(found, now());
                    if heir.is_named() != was_named {
                        aloud::complain(match was_named {
                            false => {
                                "this machine is the heir: it takes over by itself if the core is gone"
                            }
                            true => "this machine is not the heir any more",
                        });
                    }
                    won
                }
            };
            if let Some(won) = won {
                return Some((won, register));
            }
        }
        None
    }
}
