//! What one session listens to: the client's own names, the topics they stand for, and how far the boards
//! know of it. Two names may share a topic; it is asked for once and told once.

use model::Topic;

use super::Deed;
use crate::outbox::Slot;

/// Marks one asking for a topic, so that an answer that comes after its subscription has ended, or has ended
/// and begun again, is not taken for the newer one's. Unique within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u32);

/// One topic that a session listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Which.
    pub topic: Topic,
    /// By how many names.
    pub names: u32,
    /// The asking that began it.
    pub ticket: Ticket,
    /// Its slot and the owner's note, once the boards have answered.
    pub slot: Option<(Slot, u32)>,
}

/// What one session listens to. Owns no memory while that is nothing.
#[derive(Debug, Default)]
pub(super) struct Interests {
    /// Sorted by name.
    names: Vec<(Box<str>, Box<[Topic]>)>,
    /// Sorted by topic.
    topics: Vec<Interest>,
    next_ticket: u32,
}

impl Interests {
    /// Adds a name; a name that is there already stays as it is. Returns whether there was room for it.
    pub fn subscribe(
        &mut self,
        name: Box<str>,
        mut topics: Vec<Topic>,
        names_max: usize,
        deeds: &mut Vec<Deed>,
    ) -> bool {
        let Err(at) = self.names.binary_search_by(|(known, _)| known.cmp(&name)) else {
            return true;
        };
        if self.names.len() >= names_max {
            return false;
        }
        // Most sessions listen to one thing, and there are many of them.
        if self.names.is_empty() {
            self.names.reserve_exact(1);
            self.topics.reserve_exact(topics.len());
        }
        topics.sort_unstable();
        topics.dedup();
        for &topic in &topics {
            match self.topics.binary_search_by(|known| known.topic.cmp(&topic)) {
                Ok(at) => self.topics[at].names += 1,
                Err(at) => {
                    let ticket = Ticket(self.next_ticket);
                    self.next_ticket = self.next_ticket.wrapping_add(1);
                    self.topics.insert(at, Interest { topic, names: 1, ticket, slot: None });
                    deeds.push(Deed::Subscribe(topic, ticket));
                }
            }
        }
        self.names.insert(at, (name, topics.into()));
        true
    }

    /// Removes a name, if it is there.
    pub fn unsubscribe(&mut self, name: &str, deeds: &mut Vec<Deed>) {
        let Ok(at) = self.names.binary_search_by(|(known, _)| (**known).cmp(name)) else { return };
        let (_, topics) = self.names.remove(at);
        for topic in topics {
            let at = self
                .topics
                .binary_search_by(|known| known.topic.cmp(&topic))
                .expect("a name's topics are there as long as the name is");
            self.topics[at].names -= 1;
            if self.topics[at].names == 0 {
                deeds.push(Deed::Unsubscribe(self.topics.remove(at)));
            }
        }
        if self.names.is_empty() {
            self.names = Vec::new();
            self.topics = Vec::new();
        }
    }

    pub fn subscribed(&mut self, ticket: Ticket, slot: Slot, place: u32) -> bool {
        let Some(interest) = self.topics.iter_mut().find(|known| known.ticket == ticket) else {
            return false;
        };
        interest.slot = Some((slot, place));
        true
    }

    pub fn place_mut(&mut self, slot: Slot) -> Option<&mut u32> {
        let mut slots = self.topics.iter_mut().filter_map(|known| known.slot.as_mut());
        slots.find(|(known, _)| *known == slot).map(|(_, place)| place)
    }

    pub fn leave(&mut self) -> Vec<Interest> {
        self.names = Vec::new();
        std::mem::take(&mut self.topics)
    }

    pub fn all(&self) -> &[Interest] {
        &self.topics
    }
}
