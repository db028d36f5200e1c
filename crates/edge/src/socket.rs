//! Writing: everything that waits for a socket in as few writes as possible.
//!
//! Small pieces are copied together and written at once; for them a copy costs less than the list of pieces
//! that a gathering write wants. What is large is written where it lies. Knows nothing of readiness: the
//! caller says when to try.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use crate::outbox::Outbox;

#[cfg(target_os = "linux")]
pub mod batch;

#[cfg(test)]
mod tests;

/// Pieces are joined up to so many bytes.
pub const JOIN_BYTES: usize = 64 * 1024;

/// A piece of at least so many bytes at the head of the line is written alone, uncopied.
const ALONE_BYTES: usize = 16 * 1024;

/// How a socket took what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// All of it.
    All,
    /// So many bytes and then no more: it is to be tried again when the socket says that it has room.
    Part(usize),
}

/// Writes once, as much as the socket takes.
///
/// # Errors
/// What the network says; that it has no room is none.
#[inline]
pub fn write_once(socket: &mut impl Write, bytes: &[u8]) -> io::Result<Took> {
    loop {
        match socket.write(bytes) {
            Ok(taken) if taken == bytes.len() => return Ok(Took::All),
            Ok(taken) => return Ok(Took::Part(taken)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Took::Part(0)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What flushing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Whether the socket had no room for all of it.
    pub blocked: bool,
    /// How often it was written to.
    pub writes: u32,
    /// Bytes that it took.
    pub bytes: usize,
    /// Frames that have left with them.
    pub frames: u64,
}

/// Writes what waits until nothing does or the socket has no room. `join` is memory for joining, shared by all
/// sockets.
///
/// # Errors
/// What the network says.
pub fn flush(
    socket: &mut impl Write,
    outbox: &mut Outbox,
    join: &mut Vec<u8>,
    now: Duration,
) -> io::Result<Flushed> {
    let mut flushed = Flushed::default();
    while !outbox.is_empty() {
        let joined = joined(outbox, join);
        let offered = joined.len();
        let took = write_once(socket, joined)?;
        flushed.writes += 1;
        let taken = if let Took::Part(taken) = took { taken } else { offered };
        flushed.bytes += taken;
        flushed.frames += outbox.taken(taken, now);
        if taken < offered {
            flushed.blocked = true;
            break;
        }
    }
    Ok(flushed)
}

/// What is to be written next: the first piece where it lies, or several, copied together.
pub(crate) fn joined<'a>(outbox: &'a Outbox, join: &'a mut Vec<u8>) -> &'a [u8] {
    let mut pieces = outbox.pieces().peekable();
    let first = pieces.next().unwrap_or_default();
    if first.len() >= ALONE_BYTES || pieces.peek().is_none() {
        return first;
    }
    join.clear();
    join.extend_from_slice(first);
    for piece in pieces {
        let room = JOIN_BYTES - join.len();
        join.extend_from_slice(&piece[..piece.len().min(room)]);
        if join.len() == JOIN_BYTES {
            break;
        }
    }
    join
}
