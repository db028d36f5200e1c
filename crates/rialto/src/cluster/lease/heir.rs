//! What a standby does about the lease: what it promises the core, and when it may take over.
//!
//! It knows no clock and does nothing, like its counterpart, the [`keeper`](super::keeper).

use std::time::Duration;

use feed::journal::copy::words::Machine;

use super::{Entry, GONE, Lease, Run};

/// How often the register is read.
pub const READ_EVERY: Duration = Duration::from_secs(1);

/// A standby's side of the lease.
#[derive(Debug)]
pub struct Heir {
    me: Machine,
    run: Run,
    name: String,
    /// The entry, and when it was first seen.
    seen: Option<(Entry, Duration)>,
    /// When the core was last heard of.
    heard: Option<Duration>,
    /// A person has told it to take over. That goes for the next attempt, and no other.
    is_told: bool,
    /// Nothing is promised meanwhile.
    taking: Option<Taking>,
    due: Duration,
}

/// An entry of one's own that is being written.
#[derive(Debug)]
struct Taking {
    lease: Lease,
    began: Duration,
    is_to_read: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Read the entry, and tell.
    Read,
    /// Replace the entry of this number by this one, and tell: it is taken over.
    Take(u64, Lease),
    /// Nothing.
    Nothing,
}

/// This machine is the core: it has written this entry, and began to do so then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Won {
    /// The entry.
    pub entry: Entry,
    /// When.
    pub began: Duration,
}

impl Heir {
    /// A standby of this name that has begun just now.
    pub const fn new(me: Machine, run: Run, name: String) -> Self {
        let (seen, heard, taking) = (None, None, None);
        Self { me, run, name, seen, heard, is_told: false, taking, due: Duration::ZERO }
    }

    /// The core asks whether it is there. If that is answered it is promised to wait; it is not if this returns `false`.
    pub fn asked(&mut self, holder: Machine, term: u64, now: Duration) -> bool {
        // Whoever says so and is not named is one that was the core once.
        let is_core = |lease: &Lease| lease.holder == holder && lease.term == term;
        let is_core = self.seen.as_ref().is_some_and(|(entry, _)| is_core(&entry.lease));
        let promises = self.taking.is_none() && is_core;
        if promises {
            self.heard(now);
        }
        promises
    }

    /// The core was heard of.
    pub fn heard(&mut self, now: Duration) {
        self.heard = Some(now);
    }

    /// Whether this machine is named to take over; or is named the core, which it is not yet, or not any more.
    pub fn is_named(&self) -> bool {
        let is_named = |lease: &Lease| lease.heir == Some(self.me) || lease.holder == self.me;
        self.seen.as_ref().is_some_and(|(entry, _)| is_named(&entry.lease))
    }

    /// A person tells it to take over, also where it is not named. It is tried once.
    ///
    /// # Errors
    /// Why it may not.
    pub fn tell(&mut self, now: Duration) -> Result<(), String> {
        self.may_take(now, true)?;
        self.is_told = true;
        Ok(())
    }

    /// What is to be done now.
    pub fn next(&mut self, now: Duration) -> Do {
        if now < self.due {
            return Do::Nothing;
        }
        self.due = now + READ_EVERY;
        let told = std::mem::take(&mut self.is_told);
        let Some((Entry { revision, lease }, _)) = &self.seen else { return Do::Read };
        match &self.taking {
            Some(taking) if taking.is_to_read => Do::Read,
            // Until it is known what came of it the same is tried again: it cannot be done twice.
            Some(taking) => Do::Take(*revision, taking.lease.clone()),
            None if self.may_take(now, told).is_err() => Do::Read,
            None => {
                let (term, name) = (lease.term + 1, self.name.clone());
                let lease = Lease { holder: self.me, term, run: self.run, heir: None, name };
                let revision = *revision;
                self.taking = Some(Taking { lease: lease.clone(), began: now, is_to_read: false });
                Do::Take(revision, lease)
            }
        }
    }

    /// Whether it may take over.
    ///
    /// # Errors
    /// Why not.
    fn may_take(&self, now: Duration, told: bool) -> Result<(), String> {
        let Some((Entry { lease, .. }, since)) = &self.seen else {
            return Err(
                "nobody holds the lease of this market yet, or its register does not say who"
                    .to_owned(),
            );
        };
        if !self.is_named() && !told {
            return Err("this machine is not the heir".to_owned());
        }
        let ago = |moment: Duration| now.saturating_sub(moment);
        let seconds = GONE.as_secs();
        match self.heard.map(ago) {
            Some(heard) if heard < GONE => {
                return Err(format!(
                    "the core was heard of {} ms ago; end it first, and try again after {seconds} s",
                    heard.as_millis()
                ));
            }
            _ => {}
        }
        match ago(*since) {
            changed if changed < GONE => Err(format!(
                "the lease was renewed, by {}, or seen for the first time {} ms ago; end that core first, and try again \
                 after {seconds} s",
                lease.name,
                changed.as_millis()
            )),
            _ => Ok(()),
        }
    }

    /// The entry was replaced, or not. This machine is the core if this returns something.
    pub fn taken(&mut self, outcome: Result<Option<u64>, String>) -> Option<Won> {
        match outcome {
            Ok(Some(revision)) => {
                let Taking { lease, began, .. } = self.taking.take()?;
                return Some(Won { entry: Entry { revision, lease }, began });
            }
            // There is another entry: one's own perhaps, by an attempt of which it was not known what came.
            Ok(None) => {
                self.due = Duration::ZERO;
                if let Some(taking) = &mut self.taking {
                    taking.is_to_read = true;
                }
            }
            Err(_) => {}
        }
        None
    }

    /// The entry was read, or not, by now. This machine is the core if this returns something.
    pub fn found(&mut self, outcome: Result<Option<Entry>, String>, now: Duration) -> Option<Won> {
        let Ok(found) = outcome else { return None };
        if let (Some(entry), Some(taking)) = (&found, &self.taking)
            && entry.lease == taking.lease
        {
            let won = Won { entry: entry.clone(), began: taking.began };
            self.taking = None;
            return Some(won);
        }
        let revision = found.as_ref().map(|entry| entry.revision);
        if revision == self.seen.as_ref().map(|(entry, _)| entry.revision) {
            if let Some(taking) = &mut self.taking {
                taking.is_to_read = false;
            }
            return None;
        }
        // Somebody was faster.
        self.taking = None;
        self.seen = found.map(|entry| (entry, now));
        None
    }
}
