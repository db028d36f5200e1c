//! The keys of one socket: what it is told is encrypted on its way out, and what it says is read in the clear.
//!
//! Frames are shared by all who listen until they are encrypted, a whole run of them at once. What a socket did not
//! take of a run waits here, at most one run of at most [`JOIN_BYTES`](crate::socket::JOIN_BYTES) in the clear; nothing
//! more is encrypted until that is out, so that what waits longer can still be replaced, dropped and counted as
//! anybody's. A socket for which nothing waits keeps nothing here but its keys.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use rustls::ServerConnection;

use crate::outbox::Outbox;
use crate::socket::{Flushed, JOIN_BYTES, Took, joined, write_once};

/// How often one look at a socket reads on where what came was no data of the client's: a client can say nothing,
/// encrypted, for ever.
const READS_MAX: usize = 16;

/// The keys of one socket.
pub struct Cipher {
    connection: ServerConnection,
    /// Encrypted, and not taken by the socket.
    waiting: Vec<u8>,
    /// How many bytes in the clear, of the run that waits, were of lossless frames.
    lossless: usize,
    /// Since when that which waits longest of the run waits, in the clear or encrypted.
    waits_since: Duration,
    /// Since when the socket took nothing of what waits.
    stuck_since: Duration,
    has_said_farewell: bool,
}

impl Cipher {
    /// Of a connection that has shaken hands.
    #[must_use]
    pub fn new(mut connection: ServerConnection) -> Self {
        connection.set_buffer_limit(Some(JOIN_BYTES));
        Self {
            connection,
            waiting: Vec::new(),
            lossless: 0,
            waits_since: Duration::ZERO,
            stuck_since: Duration::ZERO,
            has_said_farewell: false,
        }
    }

    /// Reads what the client said, in the clear. Nothing is the end: of what it says, or of the line.
    ///
    /// # Errors
    /// What the network says, and [`ErrorKind::InvalidData`] for what is no TLS; [`ErrorKind::Interrupted`] if it is to
    /// be read on later.
    pub fn read(&mut self, socket: &mut (impl Read + Write), into: &mut [u8]) -> io::Result<usize> {
        for _ in 0..READS_MAX {
            match self.connection.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.connection.read_tls(socket)?;
            if let Err(error) = self.connection.process_new_packets() {
                // What it did wrong is told, if the line takes it.
                if self.waiting.is_empty() {
                    let _gone = self.connection.write_tls(socket);
                }
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
        }
        Err(ErrorKind::Interrupted.into())
    }

    /// Whether something encrypted waits for the socket.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether there is something to be written: that, or a word of the protocol's own, such as new keys.
    #[must_use]
    pub fn has_to_write(&self) -> bool {
        self.is_waiting() || self.connection.wants_write()
    }

    /// Encrypted bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes of lossless frames, in the clear, of which some wait encrypted.
    #[must_use]
    pub fn lossless_bytes(&self) -> usize {
        self.lossless
    }

    /// Since when what waits longest waits, counted from where it was told.
    #[must_use]
    pub fn waits_since(&self) -> Option<Duration> {
        self.is_waiting().then_some(self.waits_since)
    }

    /// Since when something waits and nothing of it was taken.
    #[must_use]
    pub fn stuck_since(&self) -> Option<Duration> {
        self.is_waiting().then_some(self.stuck_since)
    }

    /// Encrypts what is told, as much of it as a run holds, and writes it. `sealed` is memory shared by all sockets.
    /// Returns how many bytes, in the clear, were taken. To be called only while nothing waits; and if something then
    /// does, [`Cipher::note_lossless`] is told how much of it cannot be done without.
    ///
    /// # Errors
    /// What the network says.
    pub fn seal(
        &mut self,
        socket: &mut impl Write,
        bytes: &[u8],
        sealed: &mut Vec<u8>,
        now: Duration,
    ) -> io::Result<(usize, Flushed)> {
        debug_assert!(!self.is_waiting(), "only one run at a time is encrypted");
        let taken = self.connection.writer().write(bytes)?;
        if taken == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        let mut flushed = Flushed::default();
        self.push(socket, sealed, now, &mut flushed)?;
        Ok((taken, flushed))
    }

    /// So many bytes of the run that waits, in the clear, were of lossless frames.
    pub fn note_lossless(&mut self, bytes: usize) {
        self.lossless = bytes;
    }

    /// Writes what waits, here and in the outbox, until nothing does or the socket has no room. `join` and `sealed` are
    /// memory shared by all sockets.
    ///
    /// # Errors
    /// What the network says.
    pub fn flush(
        &mut self,
        socket: &mut impl Write,
        outbox: &mut Outbox,
        join: &mut Vec<u8>,
        sealed: &mut Vec<u8>,
        now: Duration,
    ) -> io::Result<Flushed> {
        let mut flushed = Flushed::default();
        self.push(socket, sealed, now, &mut flushed)?;
        while !self.is_waiting() && !outbox.is_empty() {
            let bytes = joined(outbox, join);
            let (taken, sealing) = self.seal(socket, bytes, sealed, now)?;
            let (before, since) = (outbox.lossless_bytes(), outbox.waits_since());
            flushed.frames += outbox.taken(taken, now);
            if self.is_waiting() {
                self.lossless = before - outbox.lossless_bytes();
                self.waits_since = since.unwrap_or(now);
            }
            flushed.writes += sealing.writes;
            flushed.bytes += sealing.bytes;
        }
        flushed.blocked = self.is_waiting();
        Ok(flushed)
    }

    /// Says that nothing more will be said, once; it may have to wait.
    pub fn say_farewell(&mut self, socket: &mut impl Write, sealed: &mut Vec<u8>, now: Duration) {
        if !std::mem::replace(&mut self.has_said_farewell, true) {
            self.connection.send_close_notify();
            // Where it cannot be said, the line is gone, which whoever reads it is told.
            let _gone = self.push(socket, sealed, now, &mut Flushed::default());
        }
    }

    /// Writes what waits, and then what the protocol has to say.
    fn push(
        &mut self,
        socket: &mut impl Write,
        sealed: &mut Vec<u8>,
        now: Duration,
        flushed: &mut Flushed,
    ) -> io::Result<()> {
        if self.is_waiting() {
            let Took::Part(taken) = write(socket, &self.waiting, flushed)? else {
                (self.waiting, self.lossless) = (Vec::new(), 0);
                return self.push(socket, sealed, now, flushed);
            };
            if taken > 0 {
                self.waiting.drain(..taken);
                self.stuck_since = now;
            }
            return Ok(());
        }
        sealed.clear();
        while self.connection.wants_write() {
            self.connection.write_tls(sealed)?;
        }
        if !sealed.is_empty()
            && let Took::Part(taken) = write(socket, sealed, flushed)?
        {
            self.waiting = sealed[taken..].to_vec();
            (self.waits_since, self.stuck_since) = (now, now);
        }
        Ok(())
    }
}

fn write(socket: &mut impl Write, bytes: &[u8], flushed: &mut Flushed) -> io::Result<Took> {
    let took = write_once(socket, bytes)?;
    flushed.writes += 1;
    flushed.bytes += if let Took::Part(taken) = took { taken } else { bytes.len() };
    Ok(took)
}

/// Names no key.
impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
