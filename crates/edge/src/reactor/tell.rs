//! Frames out: what is in the ring is handed to the sockets that listen, and each is written once.

use std::io;
use std::ops::Range;

use dialects::Parting;
use model::Class;

use super::fanout::{Fanout, Mark};
use super::{Form, Loop, WORDS_A_TURN};
use crate::board_thread::{Asker, Word};
use crate::goodbye::Reason;
use crate::outbox::{Pushed, Told};
use crate::session::Returned;
use crate::socket::{Flushed, Took, write_once};
use crate::ws::deflate::Packer;

impl Loop {
    /// Hands out what is in the ring and writes every socket that is told something, once. What came back for a
    /// session stands between: all that was told before it is written before it is handed over, and nothing behind it
    /// overtakes it.
    pub(super) fn tell(&mut self) {
        let mut words = WORDS_A_TURN;
        while let Some((asker, returned)) = self.tell_some(&mut words) {
            self.hand_back(asker, *returned);
        }
    }

    /// The same up to the next that came back.
    fn tell_some(&mut self, words: &mut usize) -> Option<(Asker, Box<Returned>)> {
        let mut came_back = None;
        while *words > 0 && !self.fanout.is_full() {
            let Ok(word) = self.ring.pop() else { break };
            *words -= 1;
            match word {
                Word::Told(told) => {
                    self.sequence = told.sequence;
                    self.tally.deliveries += self.fanout.tell(told) as u64;
                }
                Word::Subscribed(asker, slot, state) => {
                    let Some(client) = self.clients.of_asker(asker) else { continue };
                    let Some(interest) = client.session.awaited(asker.ticket) else { continue };
                    let mark = interest.stamp.clone().map(|stamp| Mark::new(asker.ticket, stamp));
                    let spot = self.fanout.listen(slot, asker.place, mark);
                    interest.slot = Some((slot, spot));
                    if let Some(told) = state {
                        self.tally.deliveries += 1;
                        self.fanout.tell_one(told, asker.place, spot);
                    }
                }
                Word::Restarted(asker, told) => self.restart_one(asker, told),
                Word::Returned(asker, returned) => {
                    came_back = Some((asker, returned));
                    break;
                }
            }
        }
        let moved = self.fanout.moved();
        if moved == 0 {
            self.fanout.end();
            return came_back;
        }
        // Each turn begins with another socket, so that none is always last.
        let begin = (self.turns % moved as u64) as usize;
        let mut line = std::mem::take(&mut self.line);
        line.extend((begin..moved).chain(0..begin).map(|index| self.fanout.take(index)));
        let mut rest = &line[..];
        while let Some(&(place, node)) = rest.first() {
            let told = self.tell_alike(rest);
            if told == 0 {
                self.tell_client(place, node);
            }
            rest = &rest[told.max(1)..];
        }
        line.clear();
        self.line = line;
        self.fanout.end();
        came_back
    }

    /// Writes the first in line, and those behind it that are told the same, as long as nothing waits for them and
    /// their lines are plain. Returns how many; the one behind them is somebody else's.
    ///
    /// While the system writes to one socket it pushes what is ours out of the caches nearest to the core, each time.
    /// So between two writes nothing is looked up that was known before, and of each socket one place in memory is
    /// touched.
    fn tell_alike(&mut self, line: &[(u32, u32)]) -> usize {
        let Some(&(first, node)) = line.first() else { return 0 };
        if !self.clients.wire(first).is_plain {
            return 0;
        }
        if let Some(told) = self.tell_row(line) {
            return told;
        }
        let frames = self.fanout.count(node);
        let bytes = self.fanout.bytes(node);
        let mut told = 0;
        let mut cut = None;
        for &(place, other) in line {
            let wire = self.clients.wire(place);
            if other != node || !wire.is_plain {
                break;
            }
            told += 1;
            let took = write_once(wire.stream(), bytes);
            if !matches!(took, Ok(Took::All)) {
                cut = Some((place, took));
                break;
            }
            if !wire.note(frames, bytes.len()) {
                self.clients.note_sent(place, frames.into(), bytes.len());
            }
        }
        self.tally.writes += told as u64;
        self.tally.bytes_out += ((told - usize::from(cut.is_some())) * bytes.len()) as u64;
        if let Some((place, took)) = cut {
            self.told_in_part(place, node, took);
        }
        told
    }

    /// What is left of a write that did not take all.
    #[cold]
    pub(super) fn told_in_part(&mut self, place: u32, node: u32, took: io::Result<Took>) {
        match took {
            Ok(Took::All) => {}
            Ok(Took::Part(taken)) => {
                self.tally.bytes_out += taken as u64;
                self.clients.note_sent(place, 0, taken);
                self.put_in_line(place, node, taken);
                self.blocked(place);
            }
            Err(error) => self.lose(place, Reason::Network(error.kind())),
        }
    }

    /// A topic that has lapsed for this asker goes on with this, in its place among all that is told.
    fn restart_one(&mut self, asker: Asker, told: Option<Told>) {
        let Some(client) = self.clients.of_asker(asker) else { return };
        let Some(interest) = client.session.awaited(asker.ticket) else { return };
        let Some((slot, (_, spot))) = interest.outbox_slot().zip(interest.slot) else { return };
        match told {
            Some(told) => {
                self.tally.deliveries += 1;
                self.fanout.tell_one(told, asker.place, spot);
            }
            None => client.outbox.put_off(slot),
        }
    }

    /// Tells one socket alone, for which something waits or which is told it compressed, numbered or encrypted.
    pub(super) fn tell_client(&mut self, place: u32, node: u32) {
        let wire = self.clients.wire(place);
        if !wire.is_clear {
            if !self.tell_encrypted(place, node) {
                self.put_in_line(place, node, 0);
                self.write(place);
            }
            return;
        }
        let frames = self.fanout.count(node);
        let bytes = self.fanout.packed_bytes(node, &mut self.packer);
        self.tally.writes += 1;
        match write_once(wire.stream(), bytes) {
            Ok(Took::All) => {
                self.tally.bytes_out += bytes.len() as u64;
                self.clients.note_sent(place, frames.into(), bytes.len());
            }
            took => self.told_in_part(place, node, took),
        }
    }

    /// Encrypts and writes what a socket is told, if it is one whose line is encrypted, nothing waits for it, and it is not
    /// numbered. Returns whether that was so.
    fn tell_encrypted(&mut self, place: u32, node: u32) -> bool {
        let compresses = match self.clients.form(place) {
            Form::Plain => false,
            Form::Compressed => true,
            Form::Numbered => return false,
        };
        let Some((stream, client)) = self.clients.with_stream(place) else { return false };
        let Some(cipher) = client.cipher.as_deref_mut() else { return false };
        if cipher.is_waiting() || !client.outbox.is_clear() {
            return false;
        }
        let told = match compresses {
            false => self.fanout.bytes(node),
            true => self.fanout.packed_bytes(node, &mut self.packer),
        };
        let bytes = told.len();
        // One run at a time: what the socket takes at once has not waited, however much of it there is.
        let (mut run, mut flushed) = (0..0, Flushed::default());
        while run.end < bytes && !cipher.is_waiting() {
            match cipher.seal(stream, &told[run.end..], &mut self.sealed, self.now) {
                Ok((taken, sealing)) => {
                    run = run.end..run.end + taken;
                    flushed.writes += sealing.writes;
                    flushed.bytes += sealing.bytes;
                }
                Err(error) => {
                    self.lose(place, Reason::Network(error.kind()));
                    return true;
                }
            }
        }
        self.tally.writes += u64::from(flushed.writes);
        self.tally.bytes_out += flushed.bytes as u64;
        let is_blocked = cipher.is_waiting();
        let is_sealed = run.end == bytes;
        if is_blocked {
            let packer = compresses.then_some(&mut self.packer);
            cipher.note_lossless(lossless_bytes(&mut self.fanout, node, &run, packer));
        }
        if is_sealed {
            let count = self.fanout.count(node);
            self.clients.note_sent(place, count.into(), flushed.bytes);
        } else {
            self.clients.note_sent(place, 0, flushed.bytes);
            self.put_in_line(place, node, run.end);
        }
        if is_blocked {
            self.blocked(place);
        }
        true
    }

    /// Puts what a socket is told into its outbox, but for the first `taken` bytes.
    #[cold]
    pub(super) fn put_in_line(&mut self, place: u32, node: u32, mut taken: usize) {
        let now = self.now;
        let client = self.clients.at(place);
        let restart_bytes_max = self.around.dialects[client.dialect].manners().restart_bytes_max;
        let mut left = 0;
        let form = self.clients.form(place);
        let client = self.clients.at(place);
        for told in self.fanout.frames(node) {
            let formed = match form {
                Form::Plain => None,
                Form::Compressed => Some(self.packer.frame(&told.frame).clone()),
                Form::Numbered => Some(self.numberer.frame(told)),
            };
            let formed = formed.map(|frame| Told { frame, ..told.clone() });
            let told = formed.as_ref().unwrap_or(told);
            let bytes = told.frame.bytes().len();
            if taken >= bytes {
                taken -= bytes;
                left += 1;
                continue;
            }
            let pushed = client.outbox.push(told, taken, now);
            taken = 0;
            self.tally.conflated += u64::from(pushed == Pushed::Replaced);
            self.tally.dropped += u64::from(pushed == Pushed::Dropped);
            if client.outbox.restart_bytes() > restart_bytes_max {
                self.tally.dropped += client.outbox.restart() as u64;
            }
        }
        self.clients.note_sent(place, left, 0);
        self.clients.note_line(place);
        let client = self.clients.at(place);
        let dialect = &*self.around.dialects[client.dialect];
        if client.lossless_bytes() > dialect.manners().queue_bytes_max {
            client.session.part(dialect, Parting::SlowConsumer, now, &mut self.desk);
            self.do_deeds(place);
            self.set_alarm(place);
        }
    }

    /// The socket has no room: it is taken up again when it says that it has, or when it has had none for too long.
    pub(super) fn blocked(&mut self, place: u32) {
        self.tally.writes_cut += 1;
        self.clients.at(place).blocked = true;
        self.set_alarm(place);
    }
}

/// How many of these bytes of what is told, compressed if there is a packer, are of lossless frames.
fn lossless_bytes(
    fanout: &mut Fanout,
    node: u32,
    run: &Range<usize>,
    mut packer: Option<&mut Packer>,
) -> usize {
    let (mut begin, mut lossless) = (0, 0);
    for told in fanout.frames(node) {
        let length = match &mut packer {
            None => told.frame.bytes().len(),
            Some(packer) => packer.frame(&told.frame).bytes().len(),
        };
        let end = begin + length;
        if told.class == Class::Lossless {
            lossless += end.min(run.end).saturating_sub(begin.max(run.start));
        }
        begin = end;
    }
    lossless
}
