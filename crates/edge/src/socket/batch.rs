//! Many sockets that are written the same by one call of the system: a ring of `io_uring`, empty before and after.
//!
//! It says [`write_once`](super::write_once) to each of a row of sockets, and that is all. What is written is borrowed
//! for as long as the call takes; every answer is taken before it returns; nothing is in flight between two calls. So
//! what a socket took only in part, or not at all, is dealt with as it always was. All the `unsafe` of the edge is here.
//!
//! What it is not: a way of waiting. Sockets stay with the loop's own poll.

use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::process;

use io_uring::types::Fd;
use io_uring::{IoUring, Probe, opcode};
use rustix::net::SendFlags;

use super::Took;

#[cfg(test)]
mod tests;

/// How many sockets are written by one call.
pub const SOCKETS_MAX: usize = 256;

/// A socket that has no room says so, and nothing is kept of what it was to take; one that is gone says so without a signal.
const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// `IORING_ENTER_GETEVENTS`: wait for answers.
const WAIT: u32 = 1;

/// How often the kernel may fail to let us wait for what it has begun.
const WAITS_MAX: u32 = 1_000;

/// A ring, and memory for one row.
pub struct Batch {
    /// None once the kernel has refused.
    ring: Option<IoUring>,
    sockets: Vec<RawFd>,
    /// What the kernel said of each: how many bytes, or an error below zero. None where it was not asked.
    said: Vec<Option<i32>>,
    /// How many bytes each was to take.
    bytes: usize,
}

impl Batch {
    /// A batch, if the kernel has what it takes and allows it. For the thread that asks; another may be refused.
    ///
    /// # Errors
    /// What the kernel says against it.
    pub fn new() -> io::Result<Self> {
        let entries = SOCKETS_MAX as u32;
        // Kernels before 6.0 do not know all of these, and do without.
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_submit_all()
            .build(entries)
            .or_else(|_| IoUring::new(entries))?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Send::CODE) {
            return Err(ErrorKind::Unsupported.into());
        }
        let (sockets, said) = (Vec::with_capacity(SOCKETS_MAX), Vec::with_capacity(SOCKETS_MAX));
        Ok(Self { ring: Some(ring), sockets, said, bytes: 0 })
    }

    /// Writes these bytes once to each of these sockets, at most [`SOCKETS_MAX`] of them, in this order. How each took
    /// them [`Batch::took`] knows, after a refusal too.
    ///
    /// # Errors
    /// The kernel refuses to go on. The batch is good for nothing any more.
    pub fn write<'a>(
        &mut self,
        sockets: impl Iterator<Item = BorrowedFd<'a>>,
        bytes: &[u8],
    ) -> io::Result<()> {
        // First whatever is not ours and could panic.
        self.sockets.clear();
        self.sockets.extend(sockets.take(SOCKETS_MAX).map(|socket| socket.as_raw_fd()));
        self.said.clear();
        self.said.resize(self.sockets.len(), None);
        self.bytes = bytes.len();
        let Some(ring) = &mut self.ring else { return Err(ErrorKind::Unsupported.into()) };
        // Of more than a word can count, a part is taken.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut pushed = 0;
        let mut submission = ring.submission();
        for (index, &socket) in self.sockets.iter().enumerate() {
            let entry = opcode::Send::new(Fd(socket), bytes.as_ptr(), length)
                .flags(FLAGS.bits().cast_signed())
                .build()
                .user_data(index as u64);
            // SAFETY: the entry points to `bytes` and names a socket, both of which are borrowed until this function
            // returns. It does not return, and does not panic, before `reap` does; and that returns only when the kernel
            // has answered every entry or can never look at it again, because the ring is gone.
            pushed += usize::from(unsafe { submission.push(&entry) }.is_ok());
        }
        drop(submission);
        let reaped = reap(ring, pushed, &mut self.said);
        if reaped.is_err() {
            // Nobody else has this ring, and nobody submits what is left in it.
            self.ring = None;
        }
        reaped
    }

    /// How the socket at this place in the row took what was written, as `write_once` says it. None if that was not
    /// tried, or was interrupted before anything was taken.
    #[inline]
    pub fn took(&self, index: usize) -> Option<io::Result<Took>> {
        let said = self.said.get(index).copied().flatten()?;
        if let Ok(taken) = usize::try_from(said) {
            return Some(Ok(if taken == self.bytes { Took::All } else { Took::Part(taken) }));
        }
        let error = io::Error::from_raw_os_error(-said);
        match error.kind() {
            ErrorKind::WouldBlock => Some(Ok(Took::Part(0))),
            ErrorKind::Interrupted => None,
            _ => Some(Err(error)),
        }
    }
}

/// Submits what was pushed and takes every answer.
///
/// # Errors
/// The kernel refuses to be entered. All that it has begun is answered; the rest stays in the ring, which must be dropped.
fn reap(ring: &mut IoUring, pushed: usize, said: &mut [Option<i32>]) -> io::Result<()> {
    let (mut left, mut waits) = (pushed, 0);
    let mut refusal = None;
    while left > 0 {
        // Writes that do not wait are answered while they are submitted, so that one call does.
        let entered = match &refusal {
            None => ring.submit_and_wait(left),
            // SAFETY: nothing is submitted and no argument is passed: it only waits.
            Some(_) => unsafe { ring.submitter().enter::<()>(0, left as u32, WAIT, None) },
        };
        for completion in ring.completion() {
            left = left.saturating_sub(1);
            if let Some(said) = said.get_mut(completion.user_data() as usize) {
                *said = Some(completion.result());
            }
        }
        match entered {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if refusal.is_none() => {
                left = left.saturating_sub(ring.submission().len());
                refusal = Some(error);
            }
            Err(_) => {
                waits += 1;
                if waits == WAITS_MAX {
                    // To return would be to take memory away from a kernel that reads it.
                    let last = b"rialto: io_uring does not give back what it was lent\n";
                    let _unheard = io::stderr().write_all(last);
                    process::abort();
                }
            }
        }
    }
    refusal.map_or(Ok(()), Err)
}
