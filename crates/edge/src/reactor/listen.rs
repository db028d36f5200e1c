//! Requests in: clients are heard, a little each, their sessions' deeds are done, and the boards are told who listens
//! to what before anybody is told that it is so.

use std::cmp::Reverse;
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

use super::{ANSWER_BYTES_MAX, Loop, MESSAGES_A_VISIT, READ_BYTES, VISITS_A_TURN};
use crate::board_thread::{Asker, Change};
use crate::goodbye::Reason;
use crate::outbox::Slot;
use crate::session::{Deed, Heard, Interest, Returned};
use crate::tls::Cipher;
use crate::ws::decode::Chunk;

impl Loop {
    pub(super) fn note_readiness(
        &mut self,
        place: u32,
        readable: bool,
        writable: bool,
        ended: bool,
    ) {
        let Some(client) = self.clients.get(place) else { return };
        client.read_to_end |= ended;
        if writable && client.blocked {
            client.blocked = false;
            self.write(place);
        }
        if readable || ended {
            self.will_read(place);
        }
    }

    pub(super) fn will_read(&mut self, place: u32) {
        if let Some(client) = self.clients.get(place)
            && !client.will_be_read
        {
            client.will_be_read = true;
            self.readable.push_back(place);
        }
    }

    /// Hears every client that has something to say, a little each.
    pub(super) fn listen(&mut self) {
        // While the boards have no room for changes, nobody can make more of them.
        if !self.changes.is_empty() {
            if !self.readable.is_empty() {
                self.around.counters.reads_held.add(1);
            }
            return;
        }
        for _ in 0..self.readable.len().min(VISITS_A_TURN) {
            let Some(place) = self.readable.pop_front() else { break };
            self.visit(place);
        }
    }

    pub(super) fn visit(&mut self, place: u32) {
        let Some((stream, client)) = self.clients.with_stream(place) else { return };
        client.will_be_read = false;
        if client.session.is_over() || client.session.is_waiting() {
            return;
        }
        if client.outbox.answer_bytes() >= ANSWER_BYTES_MAX {
            client.is_held_off = true;
            return;
        }
        let mut kept = client.kept.take();
        // Readiness is told once: one reads until there is less than one asked for, and where the other end has
        // said its last byte, until one has seen that.
        let mut is_read_again = true;
        let bytes = match &mut kept {
            Some(kept) => &mut kept[..],
            None => match read(stream, client.cipher.as_deref_mut(), &mut self.read_buffer) {
                Ok(0) => return self.lose(place, Reason::ClientVanished),
                Ok(bytes) => {
                    // Of what is encrypted, more may have been read than was asked for.
                    let may_have_more = bytes == READ_BYTES || client.cipher.is_some();
                    is_read_again = may_have_more || client.read_to_end;
                    &mut self.read_buffer[..bytes]
                }
                // The keys may have something to say where the client has said nothing.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if client.cipher.as_deref().is_some_and(Cipher::has_to_write) {
                        self.write(place);
                    }
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    return self.will_read(place);
                }
                Err(error) => return self.lose(place, Reason::Network(error.kind())),
            },
        };
        let mut chunk = Chunk::new(bytes);
        let dialect = &*self.around.dialects[client.dialect];
        let (now, desk) = (self.now, &mut self.desk);
        let heard = client.session.receive(dialect, &mut chunk, MESSAGES_A_VISIT, now, desk);
        if heard == Heard::Enough {
            client.kept = Some(chunk.rest().into());
            is_read_again = true;
        }
        // Who waits for something is read on once that has come back.
        if is_read_again || client.session.is_waiting() {
            self.will_read(place);
        }
        self.carry_out(place);
    }

    /// What a client waits for has come back.
    pub(super) fn hand_back(&mut self, asker: Asker, returned: Returned) {
        let Some(client) = self.clients.of_asker(asker) else { return };
        let dialect = &*self.around.dialects[client.dialect];
        let (now, desk) = (self.now, &mut self.desk);
        client.session.returned(dialect, asker.ticket, returned, now, desk);
        self.will_read(asker.place);
        self.carry_out(asker.place);
    }

    /// Does what a session asked for, and writes what it said.
    pub(super) fn carry_out(&mut self, place: u32) {
        self.do_deeds(place);
        self.write(place);
        self.set_alarm(place);
    }

    /// Does what a session asked for. What is said is put in line; writing it is the caller's.
    pub(super) fn do_deeds(&mut self, place: u32) {
        let mut deeds = std::mem::take(&mut self.desk.deeds);
        let now = self.now;
        self.unlisten(deeds.iter().filter_map(|deed| match deed {
            Deed::Unsubscribe(interest) => interest.slot,
            _ => None,
        }));
        for deed in deeds.drain(..) {
            let client = self.clients.at(place);
            let (tenancy, dialect) = (client.tenancy, client.dialect);
            match deed {
                Deed::Ask(queries, ticket) => {
                    self.changes.push(Change::Ask(queries, Asker { place, tenancy, ticket }));
                }
                Deed::Submit(submission, ticket) => {
                    self.changes.push(Change::Submit(submission, Asker { place, tenancy, ticket }));
                }
                Deed::Subscribe(subject, ticket) => {
                    let asker = Asker { place, tenancy, ticket };
                    self.changes.push(Change::Subscribe { dialect, subject, asker });
                    self.around.counters.interests_open.add(1);
                    if !client.is_held {
                        client.is_held = true;
                        self.held.push(place);
                    }
                }
                Deed::Unsubscribe(interest) => self.leave(place, interest),
                Deed::HangUp => self.leave_all(place),
                Deed::Close { .. } => {
                    self.leave_all(place);
                    self.clients.at(place).say(deed, now);
                }
                Deed::Say(_) | Deed::Ping | Deed::Pong(_) => client.say(deed, now),
            }
        }
        self.desk.deeds = deeds;
        self.clients.note_line(place);
    }

    /// Its end is decided: nothing is told any more.
    pub(super) fn leave_all(&mut self, place: u32) {
        let client = self.clients.at(place);
        client.note_last(self.sequence, self.now);
        client.outbox.forget_frames();
        let interests = client.session.leave();
        self.unlisten(interests.iter().filter_map(|interest| interest.slot));
        for interest in interests {
            self.leave(place, interest);
        }
    }

    /// Frees these spots of one client. Whoever is moved to a free one is told so; from the last spot on, so that it is
    /// none that is to be freed as well.
    fn unlisten(&mut self, spots: impl Iterator<Item = (Slot, u32)>) {
        let mut spots: Vec<(Slot, u32)> = spots.collect();
        spots.sort_unstable_by_key(|&spot| Reverse(spot));
        for (slot, spot) in spots {
            if let Some((moved, from)) = self.fanout.unlisten(slot, spot) {
                self.clients.at(moved).session.note_spot(slot, from, spot);
            }
        }
    }

    pub(super) fn leave(&mut self, place: u32, interest: Interest) {
        let client = self.clients.at(place);
        self.around.counters.interests_open.take(1);
        let (dialect, subject) = (client.dialect, interest.subject);
        self.changes.push(Change::Unsubscribe { dialect, subject });
        interest.outbox_slot().into_iter().for_each(|slot| client.outbox.forget(slot));
    }

    /// Tells the boards who listens to what; only then may the acknowledgements leave.
    pub(super) fn send_changes(&mut self) {
        self.changes.append(&mut self.restarts);
        if !self.changes.is_empty() {
            let changes = std::mem::take(&mut self.changes);
            if let Err(changes) = self.around.boards.change(self.index, changes) {
                self.changes = changes;
                return;
            }
        }
        let mut held = std::mem::take(&mut self.held);
        for place in held.drain(..) {
            // A place that changed hands since then has nothing held.
            if let Some(client) = self.clients.get(place)
                && std::mem::take(&mut client.is_held)
            {
                self.write(place);
            }
        }
        self.held = held;
    }
}

/// Reads from a line, in the clear.
fn read(stream: &mut TcpStream, cipher: Option<&mut Cipher>, into: &mut [u8]) -> io::Result<usize> {
    match cipher {
        None => stream.read(into),
        Some(cipher) => cipher.read(stream, into),
    }
}
