//! Letters: connections to take over, keys that are good no longer, and how it all ends.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TryRecvError};
use std::time::Duration;

use dialects::Parting;
use mio::Token;
use mio::unix::SourceFd;

use super::client::Client;
use super::handle::Letter;
use super::{Form, LETTERS_A_TURN, Loop, Newcomer};
use crate::connections::ConnectionId;
use crate::goodbye::Reason;
use crate::session::Session;

impl Loop {
    /// Reads what came by letter. Returns whether that is to be the end.
    pub(super) fn read_letters(&mut self) -> bool {
        self.has_letters = false;
        for _ in 0..LETTERS_A_TURN {
            match self.letters.try_recv() {
                Ok(letter) => {
                    if self.read_letter(letter) {
                        return true;
                    }
                }
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
        self.has_letters = true;
        false
    }

    pub(super) fn read_letter(&mut self, letter: Letter) -> bool {
        match letter {
            Letter::Adopt(newcomer) => self.adopt(newcomer),
            Letter::Drain(gone) => {
                self.drained.push(gone);
                self.draining = true;
                for place in self.clients.places() {
                    self.ask_to_leave(place);
                }
                self.check_drained();
            }
            Letter::Revoke { dialect, key } => {
                for place in self.clients.places() {
                    self.revoke(place, dialect, &key);
                }
            }
            Letter::Turn(tell) => self.turned.push(tell),
            Letter::Survey(wanted, tell) => self.begin_survey(*wanted, tell),
            Letter::Review => {
                for place in self.clients.places() {
                    self.review(place);
                }
            }
            Letter::Stop => return true,
        }
        false
    }

    /// Tells those who asked for a turn before this one that it is over, or has them wait for another one if it
    /// has left something to do.
    pub(super) fn tell_turned(&mut self, mut turned: Vec<SyncSender<Option<Duration>>>) {
        if turned.is_empty() {
            return;
        }
        if !self.readable.is_empty()
            || !self.ring.is_empty()
            || !self.changes.is_empty()
            || !self.surveys.is_empty()
        {
            self.turned.append(&mut turned);
            return;
        }
        for tell in turned {
            // Whoever asked may wait no longer.
            let _gone = tell.send(self.timers.next());
        }
    }

    pub(super) fn adopt(&mut self, newcomer: Newcomer) {
        let Newcomer { stream, cipher, dialect, admitted, form, early, peer, seat } = newcomer;
        let manners = self.around.dialects[dialect].manners();
        let mut session = Session::open(Arc::clone(&self.limits[dialect]), manners, self.now);
        if form == Form::Compressed {
            session.inflate();
        }
        let key = admitted.as_ref().map(|admitted| admitted.login.key.clone());
        admitted.into_iter().for_each(|admitted| session.admitted(*admitted));
        let ready = ready(&stream);
        let fd = stream.as_raw_fd();
        let id = ConnectionId(self.around.connection_ids.fetch_add(1, Ordering::Relaxed) + 1);
        let mut client = Client::new((id, self.desk.wall), session, dialect, peer, seat);
        client.cipher = cipher;
        let place = self.clients.add(stream, form, client);
        self.fanout.make_room(self.clients.places().len());
        self.around.counters.connections.add(1);
        self.around.counters.connections_open.add(1);
        let registered = ready.and_then(|()| {
            let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
            self.poll.registry().register(&mut SourceFd(&fd), Token(place as usize), interest)
        });
        if let Err(error) = registered {
            return self.lose(place, Reason::Network(error.kind()));
        }
        if !early.is_empty() {
            self.clients.at(place).kept = Some(early.into());
        }
        self.will_read(place);
        self.set_alarm(place);
        if key.is_some() {
            let client = self.clients.at(place);
            let dialect = &*self.around.dialects[dialect];
            client.session.let_in_by_login(dialect, self.now, &mut self.desk);
            self.carry_out(place);
        }
        // Was its key revoked since it was admitted, it was told to nobody here.
        let name = self.around.dialects[dialect].name();
        if let Some(key) = key.filter(|key| !self.around.clerk.is_good(name, key)) {
            self.revoke(place, dialect, &key);
        }
        if self.draining {
            self.ask_to_leave(place);
        }
    }

    pub(super) fn ask_to_leave(&mut self, place: u32) {
        self.part(place, Parting::Shutdown);
    }

    /// Does what its dialect's manners say with a connection that was let in by this key.
    fn revoke(&mut self, place: u32, dialect: usize, key: &str) {
        let Some(client) = self.clients.get(place) else { return };
        if client.dialect == dialect && client.session.was_let_in_by(key) {
            let dialect = &*self.around.dialects[dialect];
            client.session.revoked(dialect, key, self.now, &mut self.desk);
            self.carry_out(place);
        }
    }

    /// Looks whether the keys by which a connection was let in are still good.
    fn review(&mut self, place: u32) {
        let Some(client) = self.clients.get(place) else { return };
        let dialect = &*self.around.dialects[client.dialect];
        client.session.review(dialect, self.now, &mut self.desk);
        self.carry_out(place);
    }

    fn part(&mut self, place: u32, parting: Parting) {
        let Some(client) = self.clients.get(place) else { return };
        let dialect = &*self.around.dialects[client.dialect];
        client.session.part(dialect, parting, self.now, &mut self.desk);
        self.carry_out(place);
    }
}

/// Makes a stream fit for a loop.
fn ready(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    // What waits is written at once and whole; the network need not wait for more.
    stream.set_nodelay(true)
}
