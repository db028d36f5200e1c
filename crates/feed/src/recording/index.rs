//! The index: where which block lies, so that a moment is found without reading what is before it. It is written when a
//! segment is full and at the end; what it does not tell of, or all of it if it is lost or wrong, is read from the
//! blocks' heads.
//!
//! ```text
//!  0  8 bytes  "RIALTIDX"
//!  8  u16      the layout: 1
//! 10  u16      0
//! 12  u32      how many rows
//! 16  rows     u32 segment, u32 offset, u32 flags, u32 entries, u64 first sequence, i64 earliest, i64 latest
//!     u32      CRC32C of all before
//! ```

use model::Time;

use super::LAYOUT;
use super::block::Span;

/// How its file is called.
pub const NAME: &str = "index";
const MAGIC: [u8; 8] = *b"RIALTIDX";
const ROW_BYTES: usize = 40;

/// How long an index of so many blocks is.
#[must_use]
pub const fn bytes_of(blocks: u64) -> u64 {
    blocks.saturating_mul(ROW_BYTES as u64).saturating_add(20)
}

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The segment's number.
    pub segment: u32,
    /// Where in it the block begins, in bytes.
    pub offset: u32,
    /// What the block's head says.
    pub span: Span,
}

/// The index as it is written.
#[must_use]
pub fn packed(rows: &[Row]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&LAYOUT.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&u32::try_from(rows.len()).unwrap_or(u32::MAX).to_le_bytes());
    for Row { segment, offset, span } in rows {
        for word in [*segment, *offset, span.flags, span.count] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&span.first.to_le_bytes());
        out.extend_from_slice(&span.earliest.0.to_le_bytes());
        out.extend_from_slice(&span.latest.0.to_le_bytes());
    }
    let sum = crc32c::crc32c(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// Reads an index; `None` if it is none.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Vec<Row>> {
    let (told, sum) = bytes.split_last_chunk::<4>()?;
    let fixed: &[u8; 16] = told.first_chunk()?;
    let count = u32::from_le_bytes(fixed[12..].try_into().expect("four bytes")) as usize;
    let is_ours = fixed[..8] == MAGIC && fixed[8..10] == LAYOUT.to_le_bytes();
    let is_whole = told.len() == 16 + count.checked_mul(ROW_BYTES)?;
    if !is_ours || !is_whole || crc32c::crc32c(told).to_le_bytes() != *sum {
        return None;
    }
    let rows = told[16..].chunks_exact(ROW_BYTES).map(|row| {
        let word = |at: usize| u32::from_le_bytes(row[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(row[at..at + 8].try_into().expect("eight"));
        let span = Span {
            flags: word(8),
            count: word(12),
            first: long(16),
            earliest: Time(long(24) as i64),
            latest: Time(long(32) as i64),
        };
        Row { segment: word(0), offset: word(4), span }
    });
    Some(rows.collect())
}
