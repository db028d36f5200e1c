//! Frames out: what is in the ring is handed to the sockets that listen, and each is written once.

use dialects::Parting;

use super::{Loop, WORDS_A_TURN};
use crate::board_thread::Word;
use crate::goodbye::Reason;
use crate::outbox::Pushed;
use crate::socket::{Took, write_once};

impl Loop {
    /// Hands out what is in the ring and writes every socket that is told something, once.
    pub(super) fn tell(&mut self) {
        for _ in 0..WORDS_A_TURN {
            if self.fanout.is_full() {
                break;
            }
            let Ok(word) = self.ring.pop() else { break };
            match word {
                Word::Told(told) => {
                    self.sequence = told.sequence;
                    self.tally.deliveries += self.fanout.tell(told) as u64;
                }
                Word::Subscribed(asker, slot, state) => {
                    let Some(client) = self.clients.of_asker(asker) else { continue };
                    // Its spot is known only if it is wanted, so that it listens first.
                    let spot = self.fanout.listen(slot, asker.place);
                    if !client.session.subscribed(asker.ticket, slot, spot) {
                        self.fanout.unlisten(slot, spot);
                    } else if let Some(told) = state {
                        self.tally.deliveries += 1;
                        self.fanout.tell_one(told, asker.place);
                    }
                }
            }
        }
        let moved = self.fanout.moved();
        if moved == 0 {
            self.fanout.end();
            return;
        }
        // Each turn begins with another socket, so that none is always last.
        let begin = (self.turns % moved as u64) as usize;
        for index in (begin..moved).chain(0..begin) {
            let (place, node) = self.fanout.take(index);
            self.tell_client(place, node);
        }
        self.fanout.end();
    }

    #[inline]
    pub(super) fn tell_client(&mut self, place: u32, node: u32) {
        let (wire, clear) = self.clients.wire(place);
        if !clear {
            self.put_in_line(place, node, 0);
            self.write(place);
            return;
        }
        let bytes = self.fanout.bytes(node);
        self.tally.writes += 1;
        match write_once(wire, bytes) {
            Ok(Took::All) => self.tally.bytes_out += bytes.len() as u64,
            Ok(Took::Part(taken)) => {
                self.tally.bytes_out += taken as u64;
                self.put_in_line(place, node, taken);
                self.blocked(place);
            }
            Err(error) => self.lose(place, Reason::Network(error.kind())),
        }
    }

    /// Puts what a socket is told into its outbox, but for the first `taken` bytes.
    #[cold]
    pub(super) fn put_in_line(&mut self, place: u32, node: u32, mut taken: usize) {
        let now = self.now;
        let client = self.clients.at(place);
        for told in self.fanout.frames(node) {
            let bytes = told.frame.bytes().len();
            if taken >= bytes {
                taken -= bytes;
                continue;
            }
            let pushed = client.outbox.push(told, taken, now);
            taken = 0;
            self.tally.conflated += u64::from(pushed == Pushed::Replaced);
        }
        self.clients.note_line(place);
        let client = self.clients.at(place);
        let dialect = &*self.around.dialects[client.dialect];
        if client.outbox.lossless_bytes() > dialect.manners().queue_bytes_max {
            client.session.part(dialect, Parting::SlowConsumer, now, &mut self.desk);
            self.do_deeds(place);
        }
    }

    /// The socket has no room: it is taken up again when it says that it has, or when it has had none for too long.
    pub(super) fn blocked(&mut self, place: u32) {
        self.tally.writes_cut += 1;
        self.clients.at(place).blocked = true;
        self.set_alarm(place);
    }
}
