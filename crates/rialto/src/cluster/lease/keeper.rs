//! What a core does for its lease: when it replaces the entry, whom it names its heir, and until when it is the core.
//!
//! It knows no clock and does nothing. Moments are spans since some beginning; whoever runs it does what
//! [`Keeper::next`] says, and tells what came of it.

use std::time::Duration;

use feed::journal::copy::words::Machine;
use model::Sequence;

use super::{Entry, LASTS, Lease, Run};

/// How often the entry is replaced.
pub const RENEW_EVERY: Duration = Duration::from_secs(1);
/// How often the heir is asked whether it is there.
pub const ASK_EVERY: Duration = Duration::from_millis(500);
/// Who answered so long ago is not there.
const ABSENT: Duration = Duration::from_secs(2);
/// Whoever is the heir and has not answered, or said what it has, for so long is it no more, if the register can be told.
const FORGOTTEN: Duration = Duration::from_secs(8);
/// An heir is only named by whoever has just reached the register.
const JUST: Duration = Duration::from_millis(2_500);
/// Standbys that are known.
const STANDBYS_MAX: usize = 16;

/// A core's side of its lease.
#[derive(Debug)]
pub struct Keeper {
    me: Machine,
    name: String,
    term: u64,
    run: Run,
    /// Whether what counts is only what the heir has as well.
    is_replicated: bool,
    /// The entry that was seen last.
    revision: u64,
    /// Who is named in the last entry that is known to have been written.
    heir: Option<Machine>,
    /// When that began to be written.
    renewed: Duration,
    /// An entry of which it is not known whether it was written.
    attempt: Option<Attempt>,
    /// Whether the register is asked before anything is written there again.
    is_to_read: bool,
    /// When something is to be done with the register next.
    due: Duration,
    standbys: Vec<Standby>,
    /// How far things counted, and when that was.
    counted: (Duration, Sequence),
    over: Option<String>,
    /// What the register said last that was no answer.
    trouble: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    /// When it was tried for the first time, and for the last.
    began: Duration,
    again: Duration,
    heir: Option<Machine>,
}

#[derive(Clone, Copy, Debug)]
struct Standby {
    machine: Machine,
    /// What it has on its disk.
    kept: Sequence,
    /// When that was said.
    said: Duration,
    /// When it was asked last, and when it was asked what it has answered.
    asked: Option<Duration>,
    answered: Option<Duration>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Replace the entry of this number by this one, and tell.
    Replace(u64, Lease),
    /// Read the entry, and tell.
    Read,
    /// Nothing with the register.
    Nothing,
}

/// Until when somebody is the core, if nothing more is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// For ever: nobody may take over.
    Ever,
    /// Until then.
    Then(Duration),
    /// It is it no more.
    Over,
}

impl Keeper {
    /// Of whoever has written its first entry, of this number, and began to do so then. Nobody is its heir yet.
    pub fn new(written: Entry, began: Duration, is_replicated: bool) -> Self {
        let Entry { revision, lease: Lease { holder, term, run, heir, name } } = written;
        Self {
            me: holder,
            name,
            term,
            run,
            is_replicated,
            revision,
            heir,
            renewed: began,
            attempt: None,
            is_to_read: false,
            due: began + RENEW_EVERY,
            standbys: Vec::new(),
            counted: (began, Sequence(0)),
            over: None,
            trouble: None,
        }
    }

    /// Until when it is the core.
    pub fn until(&self) -> Until {
        if self.over.is_some() {
            return Until::Over;
        }
        // Whoever may be named where anybody looks: each of them has to have promised.
        let attempted = self.attempt.and_then(|attempt| attempt.heir);
        let heirs = || [self.heir, attempted].into_iter().flatten();
        if heirs().next().is_none() {
            return Until::Ever;
        }
        let promised = heirs().map(|heir| self.answered(heir)).min().flatten();
        Until::Then(promised.map_or(self.renewed, |promised| promised.max(self.renewed)) + LASTS)
    }

    /// Whose copies count, where what counts is what the heir has too.
    pub fn counts(&self) -> Option<Machine> {
        self.heir.filter(|_| self.attempt.is_none_or(|attempt| attempt.heir == self.heir))
    }

    /// Why it is the core no more.
    pub fn over(&self) -> Option<&str> {
        self.over.as_deref()
    }

    /// Its heir, as far as it is known.
    pub const fn heir(&self) -> Option<Machine> {
        self.heir
    }

    /// This machine.
    pub const fn holder(&self) -> Machine {
        self.me
    }

    /// In which term it is the core.
    pub const fn term(&self) -> u64 {
        self.term
    }

    /// Why the register did not answer, the last time.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// It is the core no more, if it has not been renewed in time. That cannot be taken back.
    pub fn lapses(&mut self, now: Duration) {
        if let Until::Then(then) = self.until()
            && now >= then
        {
            let register = self.trouble.as_deref().unwrap_or("it was not asked in time");
            self.over = Some(format!(
                "neither the register of the lease nor the heir was heard of for {} s: another machine may be the core \
                 ({register})",
                LASTS.as_secs()
            ));
        }
    }

    /// It is the core no more, for this reason: the lease is renewed no more, so that an heir takes over.
    pub fn give_up(&mut self, why: &str) {
        self.over.get_or_insert_with(|| why.to_owned());
    }

    /// What is to be done now. Commands up to `durable` count; before the market runs none is known to.
    pub fn next(&mut self, now: Duration, durable: Option<Sequence>) -> Do {
        self.lapses(now);
        if self.over.is_some() || now < self.due {
            return Do::Nothing;
        }
        self.due = now + RENEW_EVERY;
        if self.is_to_read {
            return Do::Read;
        }
        let heir = match self.attempt {
            // What may be there already is what is tried again: no more than two can be named anywhere.
            Some(attempt) => attempt.heir,
            None => self.chosen(now, durable),
        };
        // Until it is known what came of it.
        let began = self.attempt.map_or(now, |attempt| attempt.began);
        self.attempt = Some(Attempt { began, again: now, heir });
        let (term, run, name) = (self.term, self.run, self.name.clone());
        let lease = Lease { holder: self.me, term, run, heir, name };
        Do::Replace(self.revision, lease)
    }

    /// Who is to be the heir.
    fn chosen(&mut self, now: Duration, durable: Option<Sequence>) -> Option<Machine> {
        let before = self.counted;
        if let Some(durable) = durable
            && (now >= before.0 + RENEW_EVERY || self.is_replicated)
        {
            self.counted = (now, durable);
        }
        let Some(durable) = durable else { return self.heir };
        let since = |moment: Option<Duration>| moment.map(|moment| now.saturating_sub(moment));
        // Whoever answers and says no more what it has, does not copy.
        let lately = |moment| since(moment).is_some_and(|it| it < FORGOTTEN);
        let known = |heir| self.standbys.iter().find(|it| it.machine == heir);
        let is_there = |it: &Standby| lately(it.answered) && lately(Some(it.said));
        let present = self.heir.filter(|&heir| known(heir).is_some_and(is_there));
        if present.is_some() || now.saturating_sub(self.renewed) > JUST {
            return self.heir;
        }
        // Where copies count nothing has counted that an heir who is gone did not have: the next one has to have all of it.
        // Where they do not, what counted a while ago is what it can have.
        let has_to_have = if self.is_replicated { durable } else { before.1 };
        let fits = |it: &&Standby| {
            since(it.answered).is_some_and(|it| it < ABSENT)
                && since(Some(it.said)).is_some_and(|it| it < ABSENT)
                && it.kept >= has_to_have
        };
        self.standbys.iter().find(fits).map(|it| it.machine)
    }

    /// An entry was replaced, or not.
    pub fn replaced(&mut self, outcome: Result<Option<u64>, String>) {
        let Some(attempt) = self.attempt else { return };
        match outcome {
            Ok(Some(revision)) => self.written(revision, attempt.again, attempt.heir),
            // What was tried before may have been done since, or somebody else was there.
            Ok(None) => (self.is_to_read, self.due) = (true, Duration::ZERO),
            Err(why) => {
                self.is_to_read = true;
                self.trouble = Some(why);
            }
        }
    }

    fn written(&mut self, revision: u64, began: Duration, heir: Option<Machine>) {
        self.revision = revision;
        self.heir = heir;
        self.renewed = began;
        self.attempt = None;
        self.trouble = None;
    }

    /// The entry was read, or not.
    pub fn found(&mut self, outcome: Result<Option<Entry>, String>) {
        match outcome {
            Ok(Some(Entry { revision, lease }))
                if (lease.holder, lease.term, lease.run) == (self.me, self.term, self.run) =>
            {
                // What was there before is read again later; registers may be behind.
                self.is_to_read = revision < self.revision;
                // As it was, what was tried may be done still, until another entry is known to be there.
                if let Some(attempt) = self.attempt.filter(|_| revision > self.revision) {
                    self.due = Duration::ZERO;
                    self.written(revision, attempt.began, attempt.heir);
                }
            }
            Ok(Some(Entry { lease, .. })) => {
                self.over = Some(format!(
                    "{} is the core of this market now, in term {}",
                    lease.name, lease.term
                ));
            }
            Ok(None) => {
                self.over = Some("the lease was taken out of its register".to_owned());
            }
            Err(why) => self.trouble = Some(why),
        }
    }

    /// Whom to ask now whether they are there.
    pub fn asks(&mut self, now: Duration) -> Vec<Machine> {
        let is_due = |asked: Option<Duration>| asked.is_none_or(|asked| now >= asked + ASK_EVERY);
        let due = self.standbys.iter_mut().filter(|it| is_due(it.asked));
        let asked = due.map(|it| {
            it.asked = Some(now);
            it.machine
        });
        asked.collect()
    }

    /// A standby answered what it was asked then: from then on it waits.
    pub fn heard(&mut self, machine: Machine, asked: Duration) {
        if let Some(standby) = self.standbys.iter_mut().find(|it| it.machine == machine) {
            standby.answered = standby.answered.max(Some(asked));
        }
    }

    /// A standby has this on its disk.
    pub fn kept(&mut self, machine: Machine, kept: Sequence, now: Duration) {
        if let Some(known) = self.standbys.iter_mut().find(|it| it.machine == machine) {
            (known.kept, known.said) = (kept, now);
            return;
        }
        if self.standbys.len() == STANDBYS_MAX {
            // Whoever was silent longest; never one who may be named.
            let attempted = self.attempt.and_then(|attempt| attempt.heir);
            let may_go =
                |it: &(usize, &Standby)| ![self.heir, attempted].contains(&Some(it.1.machine));
            let all = self.standbys.iter().enumerate().filter(may_go);
            if let Some((at, _)) = all.min_by_key(|(_, it)| it.said) {
                self.standbys.remove(at);
            }
        }
        self.standbys.push(Standby { machine, kept, said: now, asked: None, answered: None });
    }

    fn answered(&self, machine: Machine) -> Option<Duration> {
        self.standbys.iter().find(|it| it.machine == machine)?.answered
    }
}
