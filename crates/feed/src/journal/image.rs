//! Images on the disk: how the whole market stood where one segment of a journal ends and the next begins.
//!
//! ```text
//! DIR/0000000007.image    stands behind segment 7
//! head, then parts        RIALTOIM · layout u32 · bytes of the head u32 · head · its checksum u32
//! head                    journal's id [16] · segment u64 · epoch u32 · last command u64 · market time i64 · hash of
//!                         the last record [16] · events u64 · their digest u64 · the engine's digest u64 · instruments
//!                         and rules u64 · configuration [16] · seed u64 · beginning i64 · build (to the end)
//! part                    kind u32 · layout u32 · bytes u64 · checksum u32 · bytes
//! end                     SHA-256 of all before · 0xa5
//! ```
//!
//! Integers are little-endian, checksums CRC32C: they name the part that is damaged; that nothing is, the SHA-256 says.
//! It is written under another name, made durable, and given its own only then: so one that has a name is whole, or
//! the disk has changed it. What a part's bytes mean is its owner's; nothing is told here of how a market came to be.

use std::fmt;
use std::io;

use model::image::Impossible;
use model::{Epoch, Sequence, Time};
use sha2::{Digest as _, Sha256};

use super::disk::{Disk, write_all};
use super::reader::Boundary;
use super::record::Hash;

#[cfg(test)]
pub(crate) mod tests;

/// How many images are kept: if the newest is damaged there is one more.
pub const IMAGES_KEPT: usize = 2;

/// So much is written and made durable at once: whoever waits for the same disk never waits for more.
const CHUNK_BYTES: usize = 1 << 20;

const MAGIC: &[u8; 8] = b"RIALTOIM";
/// Raised when what is written here changes.
const LAYOUT: u32 = 1;
const ENDING: &str = ".image";
const END_MARK: u8 = 0xa5;
/// Magic, layout and how long the head is.
const PREAMBLE_BYTES: usize = 16;
/// What a head has before the build.
const HEAD_BYTES_MIN: usize = 16 + 8 + 4 + 8 + 8 + 16 + 4 * 8 + 16 + 8 + 8;
const HEAD_BYTES_MAX: usize = HEAD_BYTES_MIN + 256;
const PART_HEAD_BYTES: usize = 20;
const END_BYTES: usize = 33;

/// What an image is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where in the journal it stands.
    pub boundary: Boundary,
    /// Events up to there.
    pub events: u64,
    /// Their digest.
    pub digest: u64,
    /// The engine's digest.
    pub state: u64,
    /// Stands for instruments, assets and rules.
    pub market: u64,
    /// Stands for whatever else of a configuration the parts are made by.
    pub configuration: Hash,
    /// What the crowd is seeded with.
    pub seed: u64,
    /// When the market began.
    pub begins: Time,
    /// Which build made it, for people.
    pub build: Box<str>,
}

/// Whose bytes a part has. A code is never given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Kind {
    /// Of the engine.
    Engine = 1,
    /// Of the crowd.
    Crowd = 2,
    /// Of all else that is told by time and number: sequencer, ticks, digests.
    Course = 3,
    /// Of what is shown.
    Boards = 4,
    /// Of what may be asked for again.
    Repeats = 5,
}

impl Kind {
    /// All kinds, in the order in which they are written.
    pub const ALL: [Self; 5] =
        [Self::Engine, Self::Crowd, Self::Course, Self::Boards, Self::Repeats];

    /// Its name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Crowd => "crowd",
            Self::Course => "course",
            Self::Boards => "boards",
            Self::Repeats => "repeats",
        }
    }
}

/// Bytes that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose they are.
    pub kind: Kind,
    /// How they are laid out: their owner's number.
    pub layout: u32,
    /// They.
    pub bytes: Vec<u8>,
}

/// How a market stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What it is of.
    pub head: Head,
    /// One of each kind, in their order.
    pub parts: Vec<Part>,
}

/// Why an image cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// The system does not give it.
    Disk(io::Error),
    /// It is not what was written.
    Damaged(String),
    /// A build with other layouts wrote it.
    OtherLayout(String),
    /// It is of something else: another journal or market, or not what is served.
    Unfit(String),
    /// It is whole, and says what cannot be.
    Impossible(&'static str, Impossible),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => write!(f, "it cannot be read: {error}"),
            Self::Damaged(what) => write!(f, "it is damaged: {what}"),
            Self::OtherLayout(what) => write!(f, "another version of rialto wrote it: {what}"),
            Self::Unfit(what) => write!(f, "it does not fit: {what}"),
            Self::Impossible(part, what) => write!(f, "of the {part}, {what}"),
        }
    }
}

impl std::error::Error for Unusable {}

impl Unusable {
    /// For what a part's owner finds in its bytes.
    pub fn part(kind: Kind) -> impl Fn(Impossible) -> Self {
        move |what| Self::Impossible(kind.name(), what)
    }
}

/// The name of the image behind a segment.
#[must_use]
pub fn name(segment: u64) -> String {
    format!("{segment:010}{ENDING}")
}

/// Behind which segments there is an image, in their order.
///
/// # Errors
/// The system's.
pub fn list(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let number = |file: &String| {
        let number = file.strip_suffix(ENDING)?.parse().ok()?;
        (name(number) == *file).then_some(number)
    };
    let mut all: Vec<u64> = disk.names()?.iter().filter_map(number).collect();
    all.sort_unstable();
    Ok(all)
}

impl Image {
    /// The bytes of one kind, if they are laid out so.
    ///
    /// # Errors
    /// [`Unusable::OtherLayout`] if not.
    pub fn part(&self, kind: Kind, layout: u32) -> Result<&[u8], Unusable> {
        let part = self.parts.iter().find(|part| part.kind == kind);
        let part = part.expect("an image has a part of each kind");
        if part.layout == layout {
            return Ok(&part.bytes);
        }
        let (name, other) = (kind.name(), part.layout);
        Err(Unusable::OtherLayout(format!("its {name} have layout {other}, and here {layout}")))
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts: usize = self.parts.iter().map(|part| PART_HEAD_BYTES + part.bytes.len()).sum();
        let mut out = Vec::with_capacity(PREAMBLE_BYTES + HEAD_BYTES_MAX + 4 + parts + END_BYTES);
        let head = self.head.to_bytes();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&LAYOUT.to_le_bytes());
        out.extend_from_slice(&(head.len() as u32).to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        for Part { kind, layout, bytes } in &self.parts {
            out.extend_from_slice(&(*kind as u32).to_le_bytes());
            out.extend_from_slice(&layout.to_le_bytes());
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
            out.extend_from_slice(bytes);
        }
        let whole = Sha256::digest(&out);
        out.extend_from_slice(&whole);
        out.push(END_MARK);
        out
    }

    /// Reads what [`Image::to_bytes`] wrote. A byte that differs anywhere is found.
    ///
    /// # Errors
    /// [`Unusable`], with the part that is damaged if that can be said.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, Unusable> {
        let damaged = |what: &str| Unusable::Damaged(what.to_owned());
        let body = bytes.len().checked_sub(END_BYTES).and_then(|at| bytes.split_at_checked(at));
        let (body, end) = body.ok_or_else(|| damaged("it is cut off"))?;
        let mut rest = body;
        let preamble = take(&mut rest, PREAMBLE_BYTES)?;
        if preamble[..8] != *MAGIC {
            return Err(damaged("it does not begin like an image"));
        }
        let (layout, head_bytes) = (u32_at(preamble, 8), u32_at(preamble, 12) as usize);
        if layout != LAYOUT {
            return Err(match end_fits(body, end) {
                true => Unusable::OtherLayout(format!("its layout is {layout}, and here {LAYOUT}")),
                false => damaged("its head"),
            });
        }
        if !(HEAD_BYTES_MIN..=HEAD_BYTES_MAX).contains(&head_bytes) {
            return Err(damaged("its head"));
        }
        let head = take(&mut rest, head_bytes)?;
        let checksum = u32_at(take(&mut rest, 4)?, 0);
        if crc32c::crc32c(&body[..PREAMBLE_BYTES + head_bytes]) != checksum {
            return Err(damaged("its head"));
        }
        let mut parts = Vec::with_capacity(Kind::ALL.len());
        for kind in Kind::ALL {
            let wrong = || damaged(&format!("the part of the {}", kind.name()));
            let about = take(&mut rest, PART_HEAD_BYTES)?;
            let length = u64::from_le_bytes(about[8..16].try_into().expect("eight bytes"));
            let length = usize::try_from(length).ok().filter(|&length| length <= rest.len());
            let bytes = take(&mut rest, length.ok_or_else(wrong)?)?;
            if u32_at(about, 0) != kind as u32 || crc32c::crc32c(bytes) != u32_at(about, 16) {
                return Err(wrong());
            }
            parts.push(Part { kind, layout: u32_at(about, 4), bytes: bytes.to_vec() });
        }
        if !rest.is_empty() || !end_fits(body, end) {
            return Err(damaged("it is not what its digest says"));
        }
        let head = Head::of_bytes(head).ok_or_else(|| damaged("its head"))?;
        Ok(Self { head, parts })
    }

    /// Writes it, and takes away all but the newest [`IMAGES_KEPT`]. Returns how many bytes it has.
    ///
    /// # Errors
    /// The system's. The images that were there before are there still.
    pub fn write(&self, disk: &dyn Disk) -> io::Result<u64> {
        let to = name(self.head.boundary.segment);
        let part = format!("{to}.part");
        let bytes = self.to_bytes();
        if let Err(error) = write(disk, &part, &bytes) {
            // It takes room that the journal may need; the first error is the one to tell.
            let _gone = disk.remove(&part);
            return Err(error);
        }
        disk.rename(&part, &to)?;
        disk.sync()?;
        let all = list(disk)?;
        for old in &all[..all.len().saturating_sub(IMAGES_KEPT)] {
            disk.remove(&name(*old))?;
        }
        Ok(bytes.len() as u64)
    }

    /// Reads the one behind a segment.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn read(disk: &dyn Disk, segment: u64) -> Result<Self, Unusable> {
        let bytes = disk.read(&name(segment)).map_err(Unusable::Disk)?;
        let image = Self::of_bytes(&bytes)?;
        match image.head.boundary.segment {
            here if here == segment => Ok(image),
            other => Err(Unusable::Damaged(format!("it has the name of {}", name(other)))),
        }
    }
}

impl Head {
    fn to_bytes(&self) -> Vec<u8> {
        let Boundary { journal, segment, epoch, last, time, chain } = self.boundary;
        let mut out = Vec::with_capacity(HEAD_BYTES_MAX);
        out.extend_from_slice(&journal);
        out.extend_from_slice(&segment.to_le_bytes());
        out.extend_from_slice(&epoch.0.to_le_bytes());
        out.extend_from_slice(&last.0.to_le_bytes());
        out.extend_from_slice(&time.0.to_le_bytes());
        out.extend_from_slice(&chain);
        for word in [self.events, self.digest, self.state, self.market] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&self.configuration);
        out.extend_from_slice(&self.seed.to_le_bytes());
        out.extend_from_slice(&self.begins.0.to_le_bytes());
        let build = self.build.as_bytes();
        out.extend_from_slice(&build[..build.len().min(HEAD_BYTES_MAX - HEAD_BYTES_MIN)]);
        out
    }

    fn of_bytes(mut bytes: &[u8]) -> Option<Self> {
        let from = &mut bytes;
        let boundary = Boundary {
            journal: fixed(from)?,
            segment: u64::from_le_bytes(fixed(from)?),
            epoch: Epoch(u32::from_le_bytes(fixed(from)?)),
            last: Sequence(u64::from_le_bytes(fixed(from)?)),
            time: Time(i64::from_le_bytes(fixed(from)?)),
            chain: fixed(from)?,
        };
        Some(Self {
            boundary,
            events: u64::from_le_bytes(fixed(from)?),
            digest: u64::from_le_bytes(fixed(from)?),
            state: u64::from_le_bytes(fixed(from)?),
            market: u64::from_le_bytes(fixed(from)?),
            configuration: fixed(from)?,
            seed: u64::from_le_bytes(fixed(from)?),
            begins: Time(i64::from_le_bytes(fixed(from)?)),
            build: std::str::from_utf8(bytes).ok()?.into(),
        })
    }
}

/// Writes a file in pieces, each durable before the next.
fn write(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk.create(name)?;
    for chunk in bytes.chunks(CHUNK_BYTES) {
        write_all(file.as_mut(), chunk)?;
        file.sync()?;
    }
    Ok(())
}

fn end_fits(body: &[u8], end: &[u8]) -> bool {
    let (digest, mark) = end.split_at(END_BYTES - 1);
    Sha256::digest(body)[..] == *digest && mark == [END_MARK]
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Unusable> {
    let split = rest.split_at_checked(count);
    let (taken, behind) = split.ok_or_else(|| Unusable::Damaged("it is cut off".to_owned()))?;
    *rest = behind;
    Ok(taken)
}

fn fixed<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*taken)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
