//! What waits is written, alarms are looked after, and connections end.

use std::net::Shutdown;
use std::os::fd::AsRawFd;

use dialects::Parting;
use mio::unix::SourceFd;

use super::timers::Alarm;
use super::{ANSWER_BYTES_MAX, Loop};
use crate::board_thread::{Asker, Change};
use crate::goodbye::Reason;
use crate::socket::flush;

impl Loop {
    /// Writes what waits for a socket, if it may be written now; ends it if that was its last word.
    pub(super) fn write(&mut self, place: u32) {
        let Some((stream, client)) = self.clients.with_stream(place) else { return };
        if client.blocked || client.is_held {
            return;
        }
        let waits_since = client.waits_since();
        let (outbox, join, sealed) = (&mut client.outbox, &mut self.join, &mut self.sealed);
        let flushed = match client.cipher.as_deref_mut() {
            None => flush(stream, outbox, join, self.now),
            Some(cipher) => cipher.flush(stream, outbox, join, sealed, self.now),
        };
        match flushed {
            Ok(mut flushed) => {
                if flushed.bytes > 0 {
                    client.note_lag(waits_since, self.now);
                }
                self.tally.writes += u64::from(flushed.writes);
                self.tally.bytes_out += flushed.bytes as u64;
                let is_held_off =
                    client.is_held_off && client.outbox.answer_bytes() >= ANSWER_BYTES_MAX;
                let is_read_again = client.is_held_off && !is_held_off;
                client.is_held_off = is_held_off;
                let said_all = client.outbox.is_empty() && !flushed.blocked;
                let is_over = client.session.is_over();
                let is_deaf = client.session.is_deaf();
                if said_all && is_deaf && !is_over {
                    // The other end sees that nothing more comes, while what it has sent is read and dropped:
                    // unread, it would make the network throw away our close.
                    if let Some(cipher) = client.cipher.as_deref_mut() {
                        cipher.say_farewell(stream, sealed, self.now);
                        flushed.blocked = cipher.is_waiting();
                    }
                    if !flushed.blocked {
                        let _gone = stream.shutdown(Shutdown::Write);
                    }
                }
                self.clients.note_sent(place, flushed.frames, flushed.bytes);
                if said_all && is_over {
                    return self.remove(place);
                }
                self.clients.note_line(place);
                if flushed.blocked {
                    self.blocked(place);
                }
                self.ask_for_restart(place);
                if is_read_again {
                    self.will_read(place);
                }
            }
            Err(error) => self.lose(place, Reason::Network(error.kind())),
        }
    }

    /// Its socket took something: asks for a topic that has lapsed and is due.
    fn ask_for_restart(&mut self, place: u32) {
        let client = self.clients.at(place);
        let Some(slot) = client.outbox.restart_due() else { return };
        let interests = client.session.interests().iter();
        let mut lapsed = interests.filter(|interest| interest.outbox_slot() == Some(slot));
        let interest = lapsed.next().expect("what lapses is listened to");
        let (subject, ticket) = (interest.subject, interest.ticket);
        let (dialect, tenancy) = (client.dialect, client.tenancy);
        let asker = Asker { place, tenancy, ticket };
        self.restarts.push(Change::Restart { dialect, subject, asker });
        self.tally.restarts += 1;
    }

    pub(super) fn look_after_alarms(&mut self) {
        while let Some((alarm, place)) = self.timers.rung(self.now) {
            let Some(client) = self.clients.get(place) else { continue };
            if client.alarm != alarm {
                continue;
            }
            client.alarm = Alarm::OFF;
            let dialect = &*self.around.dialects[client.dialect];
            client.session.tick(dialect, self.now, &mut self.desk);
            if client.stall_due(dialect.manners()).is_some_and(|due| self.now >= due) {
                client.session.part(dialect, Parting::SlowConsumer, self.now, &mut self.desk);
            }
            self.do_deeds(place);
            let client = self.clients.at(place);
            let manners = self.around.dialects[client.dialect].manners();
            if client.session.is_over() && self.now >= client.session.due(manners) {
                self.remove(place);
                continue;
            }
            self.write(place);
            self.set_alarm(place);
        }
    }

    pub(super) fn set_alarm(&mut self, place: u32) {
        let Some(client) = self.clients.get(place) else { return };
        let manners = self.around.dialects[client.dialect].manners();
        let due = client.session.due(manners);
        let due = client.stall_due(manners).map_or(due, |stall| stall.min(due));
        self.timers.set(&mut client.alarm, place, due);
    }

    /// The other end is gone.
    pub(super) fn lose(&mut self, place: u32, reason: Reason) {
        self.clients.at(place).session.lost(reason, self.now, &mut self.desk);
        self.do_deeds(place);
        self.remove(place);
    }

    /// Takes a connection out and leaves a record of its end.
    pub(super) fn remove(&mut self, place: u32) {
        let sent = self.clients.sent(place);
        let (mut stream, mut client) = self.clients.remove(place);
        if let Some(cipher) = client.cipher.as_deref_mut() {
            cipher.say_farewell(&mut stream, &mut self.sealed, self.now);
        }
        debug_assert!(client.session.interests().is_empty(), "who hangs up leaves everything");
        // Closing it takes it out of the poll as well; this only does not rely on it.
        let _gone = self.poll.registry().deregister(&mut SourceFd(&stream.as_raw_fd()));
        let dialect = self.around.dialects[client.dialect].name();
        let who = client.who(dialect, &self.around.clerk);
        if let Some(goodbye) = client.goodbye(who, sent, self.now, self.desk.wall) {
            self.around.goodbyes.note(goodbye);
        }
        self.around.counters.connections_open.take(1);
        self.check_drained();
    }

    pub(super) fn check_drained(&mut self) {
        if self.clients.is_empty() {
            self.drained.clear();
        }
    }
}
