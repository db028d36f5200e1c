//! What one session listens to: the client's own names, the subjects they stand for, and how far the boards
//! know of it. Two names may share a subject; it is asked for once and told once. A stamped name shares with nobody:
//! what it stands for is asked for and told for it alone.

use std::sync::Arc;

use dialects::Subject;

use super::Deed;
use crate::identity::Grant;
use crate::outbox::Slot;

/// Marks one asking of a session, so that an answer that comes after its subscription has ended, or has ended
/// and begun again, is not taken for the newer one's. Unique within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u32);

/// A subscription's own bytes, as they stand in each frame that it is told.
pub type Stamp = Arc<Vec<u8>>;

/// One subject that a session listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Which.
    pub subject: Subject,
    /// By how many names; by one if it is stamped.
    pub names: u32,
    /// The asking that began it.
    pub ticket: Ticket,
    /// The stamp of its name.
    pub stamp: Option<Stamp>,
    /// Its slot and the owner's note, once the boards have answered.
    pub slot: Option<(Slot, u32)>,
}

impl Interest {
    /// Interests are sorted by this.
    const fn key(&self) -> (Subject, Option<Ticket>) {
        (self.subject, if self.stamp.is_some() { Some(self.ticket) } else { None })
    }

    /// The slot by which its frames wait for its socket. What is stamped has one of its own there.
    #[must_use]
    pub fn outbox_slot(&self) -> Option<Slot> {
        let (slot, _) = self.slot?;
        Some(if self.stamp.is_some() { Slot::of_one(self.ticket.0) } else { slot })
    }
}

/// What a name stands for.
#[derive(Debug)]
struct Held {
    subjects: Box<[Subject]>,
    /// Of most names there is no more to be said.
    more: Option<Box<More>>,
}

#[derive(Debug)]
struct More {
    /// What lets it be told what is an account's own.
    grant: Option<Arc<Grant>>,
    /// The ticket of its first interest, if it is stamped; the others follow.
    stamped: Option<Ticket>,
}

/// What one session listens to. Owns no memory while that is nothing.
#[derive(Debug, Default)]
pub(super) struct Interests {
    /// Sorted.
    names: Vec<Box<str>>,
    /// What each name stands for.
    held: Vec<Held>,
    all: Vec<Interest>,
    next_ticket: u32,
}

impl Interests {
    /// A ticket that was not given before.
    pub const fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.wrapping_add(1);
        ticket
    }

    /// The names, in order.
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// Whether this name is there already.
    pub fn has(&self, name: &str) -> bool {
        self.place_of(name).is_ok()
    }

    fn place_of(&self, name: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|known| (**known).cmp(name))
    }

    /// Adds a name; a name that is there already stays as it is.
    pub fn subscribe(
        &mut self,
        name: Box<str>,
        mut subjects: Vec<Subject>,
        stamp: Option<Box<[u8]>>,
        grant: Option<Arc<Grant>>,
        deeds: &mut Vec<Deed>,
    ) {
        let Err(place) = self.place_of(&name) else { return };
        // Most sessions listen to one thing, and there are many of them.
        if self.names.is_empty() {
            self.names.reserve_exact(1);
            self.held.reserve_exact(1);
            self.all.reserve_exact(subjects.len());
        }
        subjects.sort_unstable();
        subjects.dedup();
        let stamp: Option<Stamp> = stamp.map(|stamp| Arc::new(stamp.into()));
        let stamped = stamp.is_some().then_some(Ticket(self.next_ticket));
        for &subject in &subjects {
            let interest = Interest {
                subject,
                names: 1,
                ticket: Ticket(self.next_ticket),
                stamp: stamp.clone(),
                slot: None,
            };
            match self.all.binary_search_by_key(&interest.key(), Interest::key) {
                Ok(at) => self.all[at].names += 1,
                Err(at) => {
                    deeds.push(Deed::Subscribe(subject, self.ticket()));
                    self.all.insert(at, interest);
                }
            }
        }
        let more = stamped.is_some() || grant.is_some();
        let more = more.then(|| Box::new(More { grant, stamped }));
        self.names.insert(place, name);
        self.held.insert(place, Held { subjects: subjects.into(), more });
    }

    /// Removes a name, if it is there.
    pub fn unsubscribe(&mut self, name: &str, deeds: &mut Vec<Deed>) {
        let Ok(place) = self.place_of(name) else { return };
        self.names.remove(place);
        let Held { subjects, more } = self.held.remove(place);
        let stamped = more.and_then(|more| more.stamped);
        for (subject, count) in subjects.into_iter().zip(0..) {
            let ticket = stamped.map(|Ticket(first)| Ticket(first.wrapping_add(count)));
            let at = self
                .all
                .binary_search_by_key(&(subject, ticket), Interest::key)
                .expect("a name's subjects are there as long as the name is");
            self.all[at].names -= 1;
            if self.all[at].names == 0 {
                deeds.push(Deed::Unsubscribe(self.all.remove(at)));
            }
        }
        if self.names.is_empty() {
            (self.names, self.held, self.all) = (Vec::new(), Vec::new(), Vec::new());
        }
    }

    /// Removes the names that are let be told what is an account's own by such a grant.
    pub fn drop_own(&mut self, is_over: impl Fn(&Grant) -> bool, deeds: &mut Vec<Deed>) {
        let grant = |held: &Held| held.more.as_ref()?.grant.clone();
        let over: Vec<Box<str>> = self
            .names
            .iter()
            .zip(&self.held)
            .filter(|(_, held)| grant(held).is_some_and(|grant| is_over(&grant)))
            .map(|(name, _)| name.clone())
            .collect();
        for name in over {
            self.unsubscribe(&name, deeds);
        }
    }

    /// The interest that began with this ticket, if it is still there.
    pub fn of(&mut self, ticket: Ticket) -> Option<&mut Interest> {
        self.all.iter_mut().find(|known| known.ticket == ticket)
    }

    /// The owner's note on the interest with this slot that has been `from` is `to` from now on.
    pub fn note_spot(&mut self, slot: Slot, from: u32, to: u32) {
        let moved = self.all.iter_mut().find(|known| known.slot == Some((slot, from)));
        debug_assert!(moved.is_some(), "a listener has an interest in its slot");
        moved.into_iter().for_each(|moved| moved.slot = Some((slot, to)));
    }

    pub fn leave(&mut self) -> Vec<Interest> {
        (self.names, self.held) = (Vec::new(), Vec::new());
        std::mem::take(&mut self.all)
    }

    pub fn all(&self) -> &[Interest] {
        &self.all
    }
}
