//! Zeros ahead of what is written of a segment: to make bytes durable that go where there is a file already takes about
//! half as long as if the file grows.

use std::io;

use super::disk::Appended;
use super::segments::CONTENT_BYTES_MAX;

/// So much of a segment is filled with zeros ahead.
const AHEAD_BYTES: u64 = 1 << 20;

/// Up to where a segment's file has zeros; `None` if there was no room for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead(Option<u64>);

impl Ahead {
    /// It has none.
    pub const NONE: Self = Self(Some(0));

    /// Whether it has some up to here.
    pub fn reaches(&self, end: u64) -> bool {
        self.0.is_some_and(|prepared| prepared >= end)
    }

    /// What was left of them was taken away: it ends here.
    pub const fn sealed(&mut self, end: u64) {
        self.0 = Some(end);
    }

    /// Makes room for so many bytes from here on, and more ahead: no more of that than this.
    pub fn make_room(
        &mut self,
        file: &mut dyn Appended,
        (from, bytes): (u64, u64),
        most: u64,
    ) -> io::Result<()> {
        let end = from + bytes;
        if self.0.is_none_or(|prepared| prepared >= end) {
            return Ok(());
        }
        let to = (end + AHEAD_BYTES.min(most)).min(CONTENT_BYTES_MAX as u64);
        self.0 = match file.prepare(to - from) {
            Ok(()) => Some(to),
            // Then what is appended says whether there is room for it.
            Err(error) if is_full(error.kind()) => None,
            Err(error) => return Err(error),
        };
        Ok(())
    }
}

/// Whether it says that there is no room.
fn is_full(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(kind, StorageFull | QuotaExceeded | FileTooLarge)
}
