//! Tells of its connections whoever asks: a few places each turn, so that a loop with many of them delivers as before.

use std::cell::LazyCell;

use super::Loop;
use super::client::Client;
use crate::connections::{ConnectionNote, NAMES_MAX, Sent, Wanted, Who};

/// Places that are looked at in one turn, for all who ask together.
const PLACES_A_TURN: u32 = 512;

/// How many may ask at once; one more is told nothing.
const SURVEYS_MAX: usize = 32;

/// Is told the connections that were asked for, by number; one more than wanted if there are more. Dropped if the loop
/// has too much to do.
pub(crate) type TellNotes = Box<dyn FnOnce(Vec<ConnectionNote>) + Send>;

/// A question while it is answered.
pub(super) struct Survey {
    wanted: Wanted,
    tell: TellNotes,
    /// The next place to be looked at.
    place: u32,
    /// By number.
    found: Vec<ConnectionNote>,
}

impl Loop {
    pub(super) fn begin_survey(&mut self, wanted: Wanted, tell: TellNotes) {
        if self.surveys.len() < SURVEYS_MAX {
            self.surveys.push_back(Survey { wanted, tell, place: 0, found: Vec::new() });
        }
    }

    /// Goes on with what is asked, a little.
    pub(super) fn survey(&mut self) {
        let Some(mut survey) = self.surveys.pop_front() else { return };
        let end = self.clients.places().end;
        let until = end.min(survey.place.saturating_add(PLACES_A_TURN));
        for place in survey.place..until {
            self.look_at(place, &mut survey);
        }
        if until < end {
            survey.place = until;
            // The others that ask have their turn meanwhile.
            self.surveys.push_back(survey);
        } else {
            (survey.tell)(survey.found);
        }
    }

    fn look_at(&mut self, place: u32, survey: &mut Survey) {
        let (wanted, found) = (&survey.wanted, &mut survey.found);
        let sent = self.clients.sent(place);
        let Some(client) = self.clients.get(place) else { return };
        let is_too_far = |found: &[ConnectionNote]| {
            found.len() > wanted.notes_max && found.last().is_some_and(|last| last.id < client.id)
        };
        if client.id <= wanted.after
            || wanted.only.is_some_and(|only| only != client.id)
            || client.outbox.bytes() < wanted.waiting_bytes_min
            || is_too_far(found)
        {
            return;
        }
        let dialect = self.around.dialects[client.dialect].name();
        // Found out once: it takes a hash of the key.
        let who = LazyCell::new(|| client.who(dialect, &self.around.clerk));
        if !wanted.which.is(client.dialect, client.peer, || (*who).clone()) {
            return;
        }
        let note =
            client.note(LazyCell::force(&who).clone(), sent, self.now, wanted.only.is_some());
        let at = found.partition_point(|other| other.id < note.id);
        found.insert(at, note);
        found.truncate(wanted.notes_max.saturating_add(1));
    }
}

impl Client {
    fn note(
        &self,
        who: Option<Who>,
        sent: Sent,
        now: std::time::Duration,
        with_names: bool,
    ) -> ConnectionNote {
        let names = self.session.names();
        let told = names.iter().take(if with_names { NAMES_MAX } else { 0 });
        ConnectionNote {
            id: self.id,
            dialect: self.dialect,
            peer: self.peer,
            who,
            opened: self.opened,
            leaves: self.session.is_leaving(),
            subscriptions: names.len(),
            names: told.map(|name| name.to_string()).collect(),
            waiting: self.waiting(),
            waits: self.waits(now),
            lag_max: self.lag_max(now),
            sent,
        }
    }
}
