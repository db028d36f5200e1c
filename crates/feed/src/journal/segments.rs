//! Which segments a disk has, in which of two forms, and what they hold.
//!
//! A segment is written plain, `0000000007.journal`. Once another has been begun behind it, it may be compressed,
//! `0000000007.journal.zst`. Where both are there, somebody was interrupted between making the second one and taking
//! the first away: the plain one is read, for it is what was written.

use std::collections::BTreeMap;
use std::io;

use super::compressed::{self, Content};
use super::disk::Disk;

/// Bytes that a segment may hold: none that we write holds more, and of what is said to be one no more is read.
pub const CONTENT_BYTES_MAX: usize = 64 << 20;

/// How the names of segments end.
const ENDING: &str = ".journal";
/// What stands behind that if they are compressed.
const COMPRESSED: &str = ".zst";

/// The name of a segment.
#[must_use]
pub fn name(number: u64) -> String {
    format!("{number:010}{ENDING}")
}

/// Its name once it is compressed.
#[must_use]
pub fn compressed_name(number: u64) -> String {
    format!("{number:010}{ENDING}{COMPRESSED}")
}

/// What a file is called that is set aside, for people to look at: `FILE.WHY`, and if that is there already
/// `FILE.WHY.2` or the next that is not. These are the names of all files.
#[must_use]
pub fn name_aside(names: &[String], file: &str, why: &str) -> String {
    let first = format!("{file}.{why}");
    let numbered = (2_u64..).map(|number| format!("{first}.{number}"));
    let mut free = std::iter::once(first.clone()).chain(numbered);
    free.find(|name| !names.contains(name)).expect("there are more numbers than files")
}

/// A segment that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its number.
    pub number: u64,
    /// Whether it is there as it was written.
    pub is_plain: bool,
    /// Whether it is there compressed.
    pub is_compressed: bool,
}

impl Segment {
    /// The file that is read.
    #[must_use]
    pub fn name(&self) -> String {
        if self.is_plain { name(self.number) } else { compressed_name(self.number) }
    }

    /// Its files. Whoever takes them away does it in this order: the one that is read goes last.
    pub fn files(&self) -> impl Iterator<Item = String> + use<> {
        let compressed = self.is_compressed.then(|| compressed_name(self.number));
        let plain = self.is_plain.then(|| name(self.number));
        compressed.into_iter().chain(plain)
    }

    /// Reads what it holds.
    ///
    /// # Errors
    /// The system's.
    pub fn read(&self, disk: &dyn Disk) -> io::Result<Content> {
        if self.is_plain {
            match read(disk, &name(self.number)) {
                // Somebody has compressed it since it was listed: a venue that is at work.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                plain => return plain,
            }
        }
        let read = read(disk, &compressed_name(self.number))?;
        Ok(if read.damage.is_none() { compressed::content(&read.bytes) } else { read })
    }
}

/// What is in a file, if it is not too long.
fn read(disk: &dyn Disk, name: &str) -> io::Result<Content> {
    if disk.bytes(name)? > CONTENT_BYTES_MAX as u64 {
        let damage = Some("it is longer than a segment may be");
        return Ok(Content { bytes: Vec::new(), damage });
    }
    Ok(Content { bytes: disk.read(name)?, damage: None })
}

/// The segments that are there, in their order.
///
/// # Errors
/// The system's.
pub fn list(disk: &dyn Disk) -> io::Result<Vec<Segment>> {
    let mut segments = BTreeMap::new();
    for file in disk.names()? {
        let (plain, is_compressed) = match file.strip_suffix(COMPRESSED) {
            Some(plain) => (plain, true),
            None => (file.as_str(), false),
        };
        let number = plain.strip_suffix(ENDING).and_then(|number| number.parse().ok());
        let Some(number) = number.filter(|&number| name(number) == plain) else { continue };
        let nothing = Segment { number, is_plain: false, is_compressed: false };
        let segment = segments.entry(number).or_insert(nothing);
        segment.is_plain |= !is_compressed;
        segment.is_compressed |= is_compressed;
    }
    Ok(segments.into_values().collect())
}
