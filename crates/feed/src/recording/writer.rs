//! Writes a recording: block after block, each durable before the next is begun, so that a crash can tear the last one
//! alone. After the first error of the disk nothing further is written.

use std::io;
use std::sync::Arc;

use model::Time;

use super::block::BODY_BYTES_MAX;
use super::index::{self, Row};
use super::reader::{Reader, segments};
use super::{Block, Head, SEGMENT_BYTES_MAX, Trouble, segment_name};
use crate::journal::disk::{Appended, Disk, write_all};

/// A segment of so many bytes is full. Readers hold one whole segment.
const SEGMENT_BYTES: usize = 16 << 20;

// What is written is read: its head counts, and the block that fills a segment is packed, which makes what cannot be
// packed longer by less than a 128th.
const _: () =
    assert!(SEGMENT_BYTES + BODY_BYTES_MAX + BODY_BYTES_MAX / 128 + (1 << 20) < SEGMENT_BYTES_MAX);

/// A recording that is being written.
pub struct Writer {
    disk: Arc<dyn Disk>,
    head: Head,
    number: u32,
    file: Box<dyn Appended>,
    bytes: usize,
    written: u64,
    rows: Vec<Row>,
    full: usize,
}

/// Why nothing can be recorded.
#[derive(Debug)]
pub enum Refused {
    /// The disk says no.
    Disk(io::Error),
    /// There is a recording already, and it cannot be gone on with.
    Trouble(Trouble),
    /// There is a recording already, of something else.
    Other(Box<Head>),
}

impl Writer {
    /// Begins a recording, or goes on with the one that is there: then what is missing between the two is the caller's to
    /// mark. Returns the sequence of the first entry as well.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn begin(disk: Arc<dyn Disk>, mut head: Head) -> Result<(Self, u64), Refused> {
        let last = segments(disk.as_ref()).map_err(Refused::Disk)?.last().copied();
        let mut rows = Vec::new();
        head.first = 1;
        if let Some(mut reader) = Reader::open(disk.as_ref()).map_err(Refused::Trouble)? {
            if !reader.head().is_alike(&head) {
                return Err(Refused::Other(Box::new(reader.head().clone())));
            }
            rows = reader.index().map_err(Refused::Trouble)?.to_vec();
            let last = rows.last().map_or(1, |row| row.span.first + u64::from(row.span.count));
            head.first = last;
        }
        head.begins = true;
        let first = head.first;
        // A torn first segment is nobody's; the next number is free in any case.
        let number = last.map_or(1, |last| last + 1);
        let (file, bytes) = Self::segment(disk.as_ref(), number, &head).map_err(Refused::Disk)?;
        let written = bytes as u64;
        Ok((Self { disk, head, number, file, bytes, written, rows, full: SEGMENT_BYTES }, first))
    }

    /// Segments are full at so many bytes.
    #[cfg(test)]
    pub(crate) fn with_segments_of(mut self, bytes: usize) -> Self {
        self.full = bytes;
        self
    }

    fn segment(
        disk: &dyn Disk,
        number: u32,
        head: &Head,
    ) -> io::Result<(Box<dyn Appended>, usize)> {
        let mut file = disk.create(&segment_name(number))?;
        let bytes = head.packed();
        write_all(file.as_mut(), &bytes)?;
        file.sync()?;
        disk.sync()?;
        Ok((file, bytes.len()))
    }

    /// Writes a block down, and returns once it is durable.
    ///
    /// # Errors
    /// The disk's, after which nothing more may be written.
    pub fn write(&mut self, block: &Block, now: Time) -> io::Result<()> {
        if block.is_empty() {
            return Ok(());
        }
        if self.bytes >= self.full {
            self.head.first = block.span().first;
            self.head.begins = false;
            self.head.begun = now;
            self.number += 1;
            (self.file, self.bytes) = Self::segment(self.disk.as_ref(), self.number, &self.head)?;
            self.write_index()?;
        }
        let bytes = block.packed()?;
        write_all(self.file.as_mut(), &bytes)?;
        self.file.sync()?;
        let offset = u32::try_from(self.bytes).expect("a segment is far below 4 GiB");
        self.rows.push(Row { segment: self.number, offset, span: block.span() });
        self.bytes += bytes.len();
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes were written, by this writer.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.written
    }

    /// Ends it: the index is written whole.
    ///
    /// # Errors
    /// The disk's.
    pub fn end(self) -> io::Result<()> {
        self.write_index()
    }

    fn write_index(&self) -> io::Result<()> {
        write_index(self.disk.as_ref(), &self.rows)
    }
}

/// Puts this index in the place of the one that is there.
pub(super) fn write_index(disk: &dyn Disk, rows: &[Row]) -> io::Result<()> {
    const NEW: &str = "index.new";
    let mut file = disk.create(NEW)?;
    write_all(file.as_mut(), &index::packed(rows))?;
    file.sync()?;
    disk.rename(NEW, index::NAME)?;
    disk.sync()
}
