//! A block: entries in a row, compressed together, with a checksum. One can be read without any other.
//!
//! All numbers are little-endian. The head of a block:
//!
//! ```text
//!  0  u32  "BLK\n"
//!  4  u32  1 if a connection is asked for in it, else 0
//!  8  u32  bytes of its body, as it lies there: one frame of zstd
//! 12  u32  bytes of its body, unpacked
//! 16  u32  how many entries
//! 20  u32  0
//! 24  u64  the sequence of the first one
//! 32  i64  the earliest time in it, in microseconds since 1970
//! 40  i64  the latest
//! 48  u32  CRC32C of the body as it lies there
//! 52  u32  CRC32C of the 52 bytes before
//! ```
//!
//! An entry, in the unpacked body: `u8` its kind, `u8` 1 if it is redacted, `u32` bytes of what it says, `i64` its time,
//! `u64` its monotonic time, and what it says.

use model::Time;

use super::{Entry, Frame, PAYLOAD_BYTES_MAX, What};

/// How long the head of a block is.
pub const HEAD_BYTES: usize = 56;
const MAGIC: [u8; 4] = *b"BLK\n";
/// The head of an entry.
const ENTRY_BYTES: usize = 22;
/// A block of so many bytes is full.
const FULL_BYTES: usize = 256 << 10;
/// The longest body that is believed: a full block, and then the longest entry.
pub const BODY_BYTES_MAX: usize = FULL_BYTES + PAYLOAD_BYTES_MAX + (1 << 17);
/// A connection is asked for in this block.
pub const CALLS: u32 = 1;
/// How hard it is packed: what comes live is packed many times faster than it comes.
const LEVEL: i32 = 3;

/// Entries that are being gathered.
#[derive(Debug, Default)]
pub struct Block {
    body: Vec<u8>,
    span: Span,
}

/// What the head of a block says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// [`CALLS`], or 0.
    pub flags: u32,
    /// How many entries.
    pub count: u32,
    /// The sequence of the first one.
    pub first: u64,
    /// The earliest time in it.
    pub earliest: Time,
    /// The latest.
    pub latest: Time,
}

impl Block {
    /// An empty block; its first entry has this sequence.
    #[must_use]
    pub fn beginning_with(first: u64) -> Self {
        Self { body: Vec::new(), span: Span { first, ..Span::default() } }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.span.count == 0
    }

    /// Whether it is time to write it down.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.body.len() >= FULL_BYTES
    }

    /// What its head says.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The sequence of the entry that comes next.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.span.first + self.span.count as u64
    }

    /// Takes an entry in; its sequence is the next one.
    pub fn push(&mut self, at: Time, monotonic_ns: u64, what: &What, redacted: bool) {
        let from = self.body.len();
        self.body.extend_from_slice(&[kind(what), u8::from(redacted)]);
        self.body.extend_from_slice(&[0; 4]);
        self.body.extend_from_slice(&at.0.to_le_bytes());
        self.body.extend_from_slice(&monotonic_ns.to_le_bytes());
        write(what, &mut self.body);
        let length = self.body.len() - from - ENTRY_BYTES;
        let length = u32::try_from(length).expect("an entry is no longer than a message may be");
        self.body[from + 2..from + 6].copy_from_slice(&length.to_le_bytes());
        let span = &mut self.span;
        span.earliest = if span.count == 0 { at } else { span.earliest.min(at) };
        span.latest = if span.count == 0 { at } else { span.latest.max(at) };
        span.count += 1;
        if matches!(what, What::Called { .. }) {
            span.flags |= CALLS;
        }
    }

    /// The block as it is written.
    ///
    /// # Errors
    /// What the packer says.
    pub fn packed(&self) -> std::io::Result<Vec<u8>> {
        let body = zstd::bulk::compress(&self.body, LEVEL)?;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a body is far below 4 GiB");
        let mut out = Vec::with_capacity(HEAD_BYTES + body.len());
        let Span { flags, count, first, earliest, latest } = self.span;
        out.extend_from_slice(&MAGIC);
        for word in [flags, length(&body), length(&self.body), count, 0] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&earliest.0.to_le_bytes());
        out.extend_from_slice(&latest.0.to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        let sum = crc32c::crc32c(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out.extend_from_slice(&body);
        Ok(out)
    }
}

/// The head of a block that lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lying {
    /// What it says.
    pub span: Span,
    /// How long the body is, as it lies there.
    packed: usize,
    /// How long it is unpacked.
    unpacked: usize,
    sum: u32,
}

impl Lying {
    /// Reads the head at the beginning of these bytes; `None` if it is none, or not whole.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight"));
        if head[..4] != MAGIC || crc32c::crc32c(&head[..52]) != word(52) {
            return None;
        }
        let span = Span {
            flags: word(4),
            count: word(16),
            first: long(24),
            earliest: Time(long(32) as i64),
            latest: Time(long(40) as i64),
        };
        let (packed, unpacked) = (word(8) as usize, word(12) as usize);
        let sensible =
            unpacked <= BODY_BYTES_MAX && span.first.checked_add(span.count.into()).is_some();
        sensible.then_some(Self { span, packed, unpacked, sum: word(48) })
    }

    /// How long it is, head and body.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        HEAD_BYTES + self.packed
    }

    /// Reads the entries; `bytes` begin with the head.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn entries(&self, bytes: &[u8]) -> Result<Vec<Entry>, Unread> {
        let body = bytes.get(HEAD_BYTES..self.bytes()).ok_or(Unread::Short)?;
        if crc32c::crc32c(body) != self.sum {
            return Err(Unread::Sum);
        }
        // The checksum is good: from here on it is a writer's fault, and still not believed.
        let wrong = |what: &str| Unread::Wrong(what.to_owned());
        let body = zstd::bulk::decompress(body, self.unpacked)
            .map_err(|error| Unread::Wrong(format!("its body cannot be unpacked: {error}")))?;
        if body.len() != self.unpacked {
            return Err(wrong("its body is shorter than its head says"));
        }
        let mut entries = Vec::new();
        let mut rest = body.as_slice();
        while !rest.is_empty() {
            let Some((head, after)) = rest.split_first_chunk::<ENTRY_BYTES>() else {
                return Err(wrong("it ends within the head of an entry"));
            };
            let length = u32::from_le_bytes(head[2..6].try_into().expect("four bytes")) as usize;
            let Some((said, after)) = after.split_at_checked(length) else {
                return Err(wrong("it ends within an entry"));
            };
            let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight"));
            entries.push(Entry {
                sequence: self.span.first + entries.len() as u64,
                at: Time(long(6) as i64),
                monotonic_ns: long(14),
                what: read(head[0], said).ok_or_else(|| {
                    Unread::Wrong(format!("an entry of kind {} makes no sense", head[0]))
                })?,
                redacted: head[1] & 1 != 0,
            });
            rest = after;
        }
        if entries.len() != self.span.count as usize {
            return Err(wrong("it has another number of entries than its head says"));
        }
        Ok(entries)
    }
}

/// Why the entries of a block cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// The bytes end before it does.
    Short,
    /// Its checksum is not that of its body.
    Sum,
    /// Its checksum is good, and it makes no sense.
    Wrong(String),
}

/// Whether a block lies somewhere in these bytes.
#[must_use]
pub fn lies_in(bytes: &[u8]) -> bool {
    bytes
        .windows(MAGIC.len())
        .enumerate()
        .any(|(at, window)| window == MAGIC && Lying::read(&bytes[at..]).is_some())
}

/// The number of its kind. Numbers are never given to anything else.
const fn kind(what: &What) -> u8 {
    match what {
        What::Called { .. } => 1,
        What::Opened { .. } => 2,
        What::Closed { .. } => 3,
        What::Gap { .. } => 4,
        What::Ended { .. } => 5,
        What::Fetched { .. } => 6,
        What::Heard(frame) => 16 + frame_kind(frame),
        What::Said(frame) => 32 + frame_kind(frame),
    }
}

const fn frame_kind(frame: &Frame) -> u8 {
    match frame {
        Frame::Text(_) => 0,
        Frame::Binary(_) => 1,
        Frame::Ping(_) => 2,
        Frame::Pong(_) => 3,
        Frame::Close { .. } => 4,
    }
}

fn write(what: &What, out: &mut Vec<u8>) {
    match what {
        What::Called { url: text }
        | What::Closed { why: text }
        | What::Gap { why: text }
        | What::Ended { why: text } => out.extend_from_slice(text.as_bytes()),
        What::Opened { answer } => out.extend_from_slice(answer),
        What::Fetched { path, status, body } => {
            out.extend_from_slice(&status.to_le_bytes());
            let path = &path.as_bytes()[..path.len().min(usize::from(u16::MAX))];
            out.extend_from_slice(&(path.len() as u16).to_le_bytes());
            out.extend_from_slice(path);
            out.extend_from_slice(body);
        }
        What::Heard(frame) | What::Said(frame) => match frame {
            Frame::Text(bytes) | Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => {
                out.extend_from_slice(bytes);
            }
            Frame::Close { code, reason } => {
                out.extend_from_slice(&code.unwrap_or(0).to_le_bytes());
                out.extend_from_slice(reason.as_bytes());
            }
        },
    }
}

fn read(kind: u8, said: &[u8]) -> Option<What> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some(match kind {
        1 => What::Called { url: text(said)? },
        2 => What::Opened { answer: said.to_vec() },
        3 => What::Closed { why: text(said)? },
        4 => What::Gap { why: text(said)? },
        5 => What::Ended { why: text(said)? },
        6 => {
            let (&status, rest) = said.split_first_chunk()?;
            let (&length, rest) = rest.split_first_chunk()?;
            let (path, body) = rest.split_at_checked(u16::from_le_bytes(length).into())?;
            let status = u16::from_le_bytes(status);
            What::Fetched { path: text(path)?, status, body: body.to_vec() }
        }
        16..32 => What::Heard(read_frame(kind - 16, said)?),
        32..48 => What::Said(read_frame(kind - 32, said)?),
        _ => return None,
    })
}

fn read_frame(kind: u8, said: &[u8]) -> Option<Frame> {
    Some(match kind {
        0 => Frame::Text(said.to_vec()),
        1 => Frame::Binary(said.to_vec()),
        2 => Frame::Ping(said.to_vec()),
        3 => Frame::Pong(said.to_vec()),
        4 => {
            let (&code, reason) = said.split_first_chunk()?;
            let code = Some(u16::from_le_bytes(code)).filter(|&code| code != 0);
            Frame::Close { code, reason: String::from_utf8(reason.to_vec()).ok()? }
        }
        _ => return None,
    })
}
