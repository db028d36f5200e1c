//! How records and the heads of segments are framed, and what bytes that are no record are: torn, or damaged.
//!
//! ```text
//! segment head, 65 bytes   RIALTOJL · layout u32 · number u64 · next command u64 · journal's id [16] · hash of
//!                          the record before [16] · checksum u32 · 0x5a
//! record head, 73 bytes    RJN1 · length of the entries u32 · epoch u32 · entries u32 · first command u64 ·
//!                          market time i64 · wall time i64 · durable before u64 · hash of the record before [16] ·
//!                          checksum of the entries u32 · checksum of this head u32 · 0x5a
//! then                     entries · 0xa5
//! ```
//!
//! Integers are little-endian, checksums CRC32C, hashes the first half of a SHA-256 over the whole record before,
//! whose head has the hash of the one before it, and so on.
//!
//! A disk writes sectors whole or not at all, and where records will be written there is nothing yet, or zeros. So
//! bytes that were torn end too early, or have a sector that is all zeros; and because a record's first and last byte and that of its head are not zero, and no sector within it
//! is, a bit that flipped is never taken for that.

use model::{Epoch, Sequence, Time};
use sha2::{Digest as _, Sha256};

/// What is written as a record's head.
pub const HEAD_BYTES: usize = 73;
/// What is written as a segment's head.
pub const SEGMENT_HEAD_BYTES: usize = 65;
/// Ids and hashes.
pub type Hash = [u8; 16];

/// What disks write at once.
const SECTOR: usize = 512;
const SEGMENT_MAGIC: &[u8; 8] = b"RIALTOJL";
const MAGIC: &[u8; 4] = b"RJN1";
/// Raised when what is written here changes, but for new kinds of entries.
const LAYOUT: u32 = 1;
const HEAD_MARK: u8 = 0x5a;
const END_MARK: u8 = 0xa5;

/// A record's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of its entries.
    pub length: u32,
    /// Which life of the market wrote it.
    pub epoch: Epoch,
    /// How many entries it has.
    pub entries: u32,
    /// The number of its first command; of the next one, if it has none.
    pub first: Sequence,
    /// From which the times of its entries are counted.
    pub time: Time,
    /// When it was written, by the wall's clock.
    pub wall: Time,
    /// Commands up to this one were durable before it was written.
    pub durable: Sequence,
    /// The hash of the record before.
    pub chain: Hash,
}

/// A segment's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    /// Its number; they have no gap.
    pub number: u64,
    /// The next command.
    pub next: Sequence,
    /// The journal's own.
    pub journal: Hash,
    /// The hash of the record before.
    pub chain: Hash,
}

/// Bytes that are not what should stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// They were not all written.
    Torn,
    /// They were changed.
    Damaged(&'static str),
    /// A later build wrote them.
    Newer(u32),
}

/// Writes a record around its entries: `out` has room for the head before them.
pub fn seal(out: &mut Vec<u8>, head: &Head) {
    let entries = &out[HEAD_BYTES..];
    debug_assert_eq!(entries.len(), head.length as usize, "entries stand behind the head");
    let checksum = crc32c::crc32c(entries);
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(MAGIC);
    put(&head.length.to_le_bytes());
    put(&head.epoch.0.to_le_bytes());
    put(&head.entries.to_le_bytes());
    put(&head.first.0.to_le_bytes());
    put(&head.time.0.to_le_bytes());
    put(&head.wall.0.to_le_bytes());
    put(&head.durable.0.to_le_bytes());
    put(&head.chain);
    put(&checksum.to_le_bytes());
    let own = crc32c::crc32c(&out[..HEAD_BYTES - 5]);
    out[HEAD_BYTES - 5..HEAD_BYTES - 1].copy_from_slice(&own.to_le_bytes());
    out[HEAD_BYTES - 1] = HEAD_MARK;
    out.push(END_MARK);
}

/// The hash that the record after this one has.
#[must_use]
pub fn chain(record: &[u8]) -> Hash {
    half(&Sha256::digest(record))
}

/// The first half of a SHA-256.
pub(crate) fn half(whole: &[u8]) -> Hash {
    *whole.first_chunk().expect("a SHA-256 has thirty-two bytes")
}

/// Reads the record that begins at `at`: its head and its entries.
///
/// # Errors
/// What else stands there.
pub fn read(bytes: &[u8], at: usize) -> Result<(Head, &[u8]), Wrong> {
    let head = read_head(bytes, at)?;
    let end = at + HEAD_BYTES + head.length as usize;
    let Some(entries) = bytes.get(at + HEAD_BYTES..end).filter(|_| end < bytes.len()) else {
        return Err(Wrong::Torn);
    };
    let checksum = u32::from_le_bytes(fixed(bytes, at + HEAD_BYTES - 9));
    if bytes[end] != END_MARK || crc32c::crc32c(entries) != checksum {
        return Err(torn_or(bytes, at, end + 1, "its checksum does not fit"));
    }
    Ok((head, entries))
}

/// Reads the head of the record that begins at `at`, wherever that ends.
///
/// # Errors
/// What else stands there.
pub fn read_head(bytes: &[u8], at: usize) -> Result<Head, Wrong> {
    let end = at + HEAD_BYTES;
    if end > bytes.len() {
        return Err(Wrong::Torn);
    }
    let sum = u32::from_le_bytes(fixed(bytes, end - 5));
    let is_whole = bytes[end - 1] == HEAD_MARK && crc32c::crc32c(&bytes[at..end - 5]) == sum;
    if !is_whole {
        return Err(torn_or(bytes, at, end, "the checksum of its head does not fit"));
    }
    if bytes[at..at + 4] != *MAGIC {
        return Err(Wrong::Damaged("it does not begin like a record"));
    }
    Ok(Head {
        length: u32::from_le_bytes(fixed(bytes, at + 4)),
        epoch: Epoch(u32::from_le_bytes(fixed(bytes, at + 8))),
        entries: u32::from_le_bytes(fixed(bytes, at + 12)),
        first: Sequence(u64::from_le_bytes(fixed(bytes, at + 16))),
        time: Time(i64::from_le_bytes(fixed(bytes, at + 24))),
        wall: Time(i64::from_le_bytes(fixed(bytes, at + 32))),
        durable: Sequence(u64::from_le_bytes(fixed(bytes, at + 40))),
        chain: fixed(bytes, at + 48),
    })
}

/// Whether somewhere from `from` on a record begins that says that commands up to `durable` were durable before it.
#[must_use]
pub fn says_durable(bytes: &[u8], from: usize, durable: Sequence) -> bool {
    let mut at = from;
    while let Some(found) = bytes[at..].windows(4).position(|here| here == MAGIC) {
        at += found;
        if read(bytes, at).is_ok_and(|(head, _)| head.durable >= durable) {
            return true;
        }
        at += 1;
    }
    false
}

/// Writes a segment's head.
#[must_use]
pub fn segment_head(head: &SegmentHead) -> [u8; SEGMENT_HEAD_BYTES] {
    let mut out = [0; SEGMENT_HEAD_BYTES];
    out[..8].copy_from_slice(SEGMENT_MAGIC);
    out[8..12].copy_from_slice(&LAYOUT.to_le_bytes());
    out[12..20].copy_from_slice(&head.number.to_le_bytes());
    out[20..28].copy_from_slice(&head.next.0.to_le_bytes());
    out[28..44].copy_from_slice(&head.journal);
    out[44..60].copy_from_slice(&head.chain);
    let sum = crc32c::crc32c(&out[..60]);
    out[60..64].copy_from_slice(&sum.to_le_bytes());
    out[64] = HEAD_MARK;
    out
}

/// Reads a segment's head.
///
/// # Errors
/// What else stands there.
pub fn read_segment_head(bytes: &[u8]) -> Result<SegmentHead, Wrong> {
    if bytes.len() < SEGMENT_HEAD_BYTES {
        return Err(Wrong::Torn);
    }
    let sum = u32::from_le_bytes(fixed(bytes, 60));
    if bytes[64] != HEAD_MARK || crc32c::crc32c(&bytes[..60]) != sum {
        return Err(torn_or(bytes, 0, SEGMENT_HEAD_BYTES, "the checksum of its head does not fit"));
    }
    if bytes[..8] != *SEGMENT_MAGIC {
        return Err(Wrong::Damaged("it does not begin like a segment"));
    }
    match u32::from_le_bytes(fixed(bytes, 8)) {
        LAYOUT => Ok(SegmentHead {
            number: u64::from_le_bytes(fixed(bytes, 12)),
            next: Sequence(u64::from_le_bytes(fixed(bytes, 20))),
            journal: fixed(bytes, 28),
            chain: fixed(bytes, 44),
        }),
        newer => Err(Wrong::Newer(newer)),
    }
}

/// What bytes are that should be whole from `from` to `to`: torn if a sector's part of them, or their last byte, was
/// never written.
fn torn_or(bytes: &[u8], from: usize, to: usize, damaged: &'static str) -> Wrong {
    let mut at = from;
    let mut torn = bytes[to - 1] == 0;
    while at < to && !torn {
        let end = (at / SECTOR + 1) * SECTOR;
        torn = bytes[at..end.min(to)].iter().all(|&byte| byte == 0);
        at = end;
    }
    if torn { Wrong::Torn } else { Wrong::Damaged(damaged) }
}

fn fixed<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("as many bytes as were asked for")
}
