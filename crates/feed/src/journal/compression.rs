//! Compresses sealed segments: in steps between which the power may go, and the journal reads the same after each.
//!
//! The compressed one is written under another name, made durable, and given its own; only then the plain one goes.
//! Whoever calls it decides when; it is no part of the way to durability, and an error in it takes nothing.

use std::io;

use super::compressed::{self, Content};
use super::disk::{Disk, write_all};
use super::segments::{self, compressed_name, name};

#[cfg(test)]
mod tests;

/// A segment that was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// Its number.
    pub segment: u64,
    /// Bytes that it took.
    pub before: u64,
    /// Bytes that it takes.
    pub after: u64,
}

/// Compresses the oldest segment before `open` that is not compressed yet; `None` if there is none. `open` is the
/// one that is written, or any before it: what is compressed is not written again.
///
/// # Errors
/// The system's. What was there before is there still, and it may be tried again.
pub fn compress_next(disk: &dyn Disk, open: u64) -> io::Result<Option<Compressed>> {
    let segments = segments::list(disk)?;
    let mut sealed = segments.iter().filter(|it| it.number < open && it.is_plain);
    let Some(segment) = sealed.next() else { return Ok(None) };
    let (number, Content { bytes: plain, damage }) = (segment.number, segment.read(disk)?);
    if let Some(damage) = damage {
        return Err(io::Error::other(format!("{}: {damage}", segment.name())));
    }
    let bytes = compressed::compress(&plain)?;
    let again = compressed::content(&bytes);
    if again.damage.is_some() || again.bytes != plain {
        return Err(io::Error::other("the compressor does not give back what it took"));
    }
    let to = compressed_name(number);
    let part = format!("{to}.part");
    if let Err(error) = write(disk, &part, &bytes) {
        // It takes room that the journal may need; the first error is the one to tell.
        let _gone = disk.remove(&part);
        return Err(error);
    }
    disk.rename(&part, &to)?;
    disk.sync()?;
    disk.remove(&name(number))?;
    disk.sync()?;
    Ok(Some(Compressed { segment: number, before: plain.len() as u64, after: bytes.len() as u64 }))
}

fn write(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk.create(name)?;
    write_all(file.as_mut(), bytes)?;
    file.sync()
}
