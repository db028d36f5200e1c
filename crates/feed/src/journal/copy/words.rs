//! What the core and those who follow its journal say to each other.
//!
//! ```text
//! message    RJC · version u8 · kind u8 · by kind · checksum of all before u32
//! ask        number u32 · journal's id [16], zeros if any will do · by kind
//!    33        how the core stands
//!    34        segment u64 · offset u64 · bytes at most u32
//!    35        which images there are
//!    36        of the image behind segment u64 · from offset u64 · bytes at most u32
//!    37        (no question: this machine has on its disk) machine [16] · of life u32 · commands up to u64
//! answer     number u32, 0 if nobody asked · journal's id [16] · frontier · by kind
//!    1         segment u64 · offset u64 · length of the segment before u64, all ones if that is not said · bytes
//!    2         market time i64 · wall time i64 · instruments and rules u64 · configuration [16] · seed u64 ·
//!              beginning i64 · build (to the end)
//!    3         for each image: segment u64 · bytes u64
//!    4         image behind segment u64 · its bytes u64 · offset u64 · bytes
//!    5         why u8 · detail u64 · words (to the end)
//! frontier   epoch u32 · segment u64 · offset u64 · last command u64 · durable up to command u64 · hash of the last
//!            record [16]
//! ```
//!
//! Integers are little-endian, checksums CRC32C: a message that was changed on its way is dropped like one that was
//! lost. One of another version is never guessed at.

use std::fmt;

use model::image::{Impossible, Reader};
use model::{Epoch, Sequence, Time};

use super::super::record::Hash;

/// No message is longer.
pub use crate::bus::MESSAGE_BYTES_MAX;
/// No more of a journal or an image is in one message.
pub const PIECE_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 256;
/// No more images are told of.
pub const IMAGES_MAX: usize = 16;

const MAGIC: &[u8; 3] = b"RJC";
/// Raised when what is said here changes.
const VERSION: u8 = 2;
const CHECKSUM_BYTES: usize = 4;
/// Of a build's name, or of why something is refused.
const WORDS_BYTES_MAX: usize = 200;
const UNKNOWN: u64 = u64::MAX;

mod kind {
    pub const PIECE: u8 = 1;
    pub const HEAD: u8 = 2;
    pub const IMAGES: u8 = 3;
    pub const IMAGE: u8 = 4;
    pub const REFUSED: u8 = 5;
    pub const ASK_HEAD: u8 = 33;
    pub const ASK_BYTES: u8 = 34;
    pub const ASK_IMAGES: u8 = 35;
    pub const ASK_IMAGE: u8 = 36;
    pub const ASK_KEPT: u8 = 37;
}

/// Why a message is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is of this version, and here another is spoken.
    Version(u8),
    /// It is none, or was changed on its way.
    Nonsense(&'static str),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "a message of version {version}, and here version {VERSION} is spoken: another version of rialto runs \
                 on the other side"
            ),
            Self::Nonsense(what) => write!(f, "no message of ours: {what}"),
        }
    }
}

impl std::error::Error for Unread {}

impl From<Impossible> for Unread {
    fn from(Impossible(what): Impossible) -> Self {
        Self::Nonsense(what)
    }
}

/// What a machine is called among machines: drawn once, and kept beside its journal.
pub type Machine = [u8; 16];

/// How far the core's journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontier {
    /// The life that writes it.
    pub epoch: Epoch,
    /// The segment that is written.
    pub segment: u64,
    /// Up to where.
    pub offset: u64,
    /// The last command before that.
    pub last: Sequence,
    /// Commands up to this one count as durable and may be shown: it is less than `last` where others must have them
    /// first.
    pub durable: Sequence,
    /// The hash of the last record before that.
    pub chain: Hash,
}

impl Frontier {
    /// What orders places, of two lives too: a later one begins behind where it found the journal's end.
    #[must_use]
    pub const fn place(&self) -> (u64, u64) {
        (self.segment, self.offset)
    }
}

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// By which the answer is known. Not 0.
    pub number: u32,
    /// The journal that is meant; `None` if any is.
    pub journal: Option<Hash>,
    /// What is asked.
    pub question: Question,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// How the core stands.
    Head,
    /// A journal's bytes.
    Bytes {
        /// From this segment.
        segment: u64,
        /// From this offset on.
        offset: u64,
        /// No more than this.
        max: u32,
    },
    /// Which images there are.
    Images,
    /// An image's bytes.
    Image {
        /// The one behind this segment.
        segment: u64,
        /// From this offset on.
        offset: u64,
        /// No more than this.
        max: u32,
    },
    /// None: it is said that the asker has something on its own disk, and will have it whatever becomes of the core. The
    /// answer is how far the core is.
    Kept {
        /// Who has it.
        machine: Machine,
        /// In the life of the core that it follows.
        epoch: Epoch,
        /// The last command that it has.
        last: Sequence,
    },
}

/// What the core says, asked or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Of the question; 0 if nobody asked.
    pub number: u32,
    /// The journal's own.
    pub journal: Hash,
    /// How far it is.
    pub frontier: Frontier,
    /// What is said.
    pub said: Said<'a>,
}

/// What can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Some of the journal.
    Piece(Piece<'a>),
    /// How the core stands.
    Head(Head),
    /// The images that there are, in their order.
    Images(Vec<ImageNote>),
    /// Some of an image.
    Image(ImagePiece<'a>),
    /// Nothing, and why.
    Refused(Refusal),
}

/// Some of a journal's bytes, all of one segment, all of them durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// In which segment they are.
    pub segment: u64,
    /// And where they begin there.
    pub offset: u64,
    /// How long the segment before is, if that is said: so that whoever has all of it knows to go on.
    pub before: Option<u64>,
    /// They. None where only the frontier is told.
    pub bytes: &'a [u8],
}

/// How the core stands: all that whoever follows it has to know before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// When this was said.
    pub moment: Moment,
    /// Stands for instruments, assets and rules.
    pub market: u64,
    /// Stands for whatever else of a configuration images are made by.
    pub configuration: Hash,
    /// What the crowd is seeded with.
    pub seed: u64,
    /// When the market began.
    pub begins: Time,
    /// Which build the core is, for people. Cut if it is very long.
    pub build: Box<str>,
}

/// A moment, by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The market's.
    pub market: Time,
    /// The wall's.
    pub wall: Time,
}

/// An image that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageNote {
    /// Behind which segment.
    pub segment: u64,
    /// How long it is.
    pub bytes: u64,
}

/// Some of an image's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImagePiece<'a> {
    /// Behind which segment it stands.
    pub segment: u64,
    /// How long all of it is.
    pub whole: u64,
    /// Where these begin.
    pub offset: u64,
    /// They.
    pub bytes: &'a [u8],
}

/// A refusal, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub why: Why,
    /// The same for people. Cut if it is very long.
    pub words: Box<str>,
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was taken away for its age or for want of room; the journal begins with this segment now.
    Pruned(u64),
    /// There is no such thing, or not any more.
    NotThere,
    /// Another journal is served here.
    OtherJournal,
    /// The disk does not give it, or it is damaged there.
    Unreadable,
    /// The question was not understood.
    Unintelligible,
}

impl Ask {
    /// Writes it behind what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let from = out.len();
        let kind = match self.question {
            Question::Head => kind::ASK_HEAD,
            Question::Bytes { .. } => kind::ASK_BYTES,
            Question::Images => kind::ASK_IMAGES,
            Question::Image { .. } => kind::ASK_IMAGE,
            Question::Kept { .. } => kind::ASK_KEPT,
        };
        begin(out, kind);
        out.extend(self.number.to_le_bytes());
        out.extend(self.journal.unwrap_or_default());
        match self.question {
            Question::Head | Question::Images => {}
            Question::Bytes { segment, offset, max } | Question::Image { segment, offset, max } => {
                out.extend(segment.to_le_bytes());
                out.extend(offset.to_le_bytes());
                out.extend(max.to_le_bytes());
            }
            Question::Kept { machine, epoch, last } => {
                out.extend(machine);
                out.extend(epoch.0.to_le_bytes());
                out.extend(last.0.to_le_bytes());
            }
        }
        end(out, from);
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Reads what [`Ask::encode`] wrote.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn decode(message: &[u8]) -> Result<Self, Unread> {
        let (kind, mut from) = open(message)?;
        let from = &mut from;
        let number = u32::from_le_bytes(from.array()?);
        let journal = Some(from.array()?).filter(|id| *id != Hash::default());
        let question = match kind {
            kind::ASK_HEAD => Question::Head,
            kind::ASK_IMAGES => Question::Images,
            kind::ASK_BYTES | kind::ASK_IMAGE => {
                let (segment, offset) = (from.word()?, from.word()?);
                let max = u32::from_le_bytes(from.array()?);
                match kind {
                    kind::ASK_BYTES => Question::Bytes { segment, offset, max },
                    _ => Question::Image { segment, offset, max },
                }
            }
            kind::ASK_KEPT => Question::Kept {
                machine: from.array()?,
                epoch: Epoch(u32::from_le_bytes(from.array()?)),
                last: Sequence(from.word()?),
            },
            _ => return Err(Unread::Nonsense("it is no question")),
        };
        from.end()?;
        Ok(Self { number, journal, question })
    }
}

impl<'a> Answer<'a> {
    /// Writes it behind what is there. No piece in it is longer than [`PIECE_BYTES_MAX`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        let from = out.len();
        let kind = match &self.said {
            Said::Piece(_) => kind::PIECE,
            Said::Head(_) => kind::HEAD,
            Said::Images(_) => kind::IMAGES,
            Said::Image(_) => kind::IMAGE,
            Said::Refused(_) => kind::REFUSED,
        };
        begin(out, kind);
        out.extend(self.number.to_le_bytes());
        out.extend(self.journal);
        let Frontier { epoch, segment, offset, last, durable, chain } = self.frontier;
        out.extend(epoch.0.to_le_bytes());
        for word in [segment, offset, last.0, durable.0] {
            out.extend(word.to_le_bytes());
        }
        out.extend(chain);
        match &self.said {
            Said::Piece(Piece { segment, offset, before, bytes }) => {
                debug_assert!(bytes.len() <= PIECE_BYTES_MAX, "it is cut before");
                for word in [*segment, *offset, before.unwrap_or(UNKNOWN)] {
                    out.extend(word.to_le_bytes());
                }
                out.extend_from_slice(bytes);
            }
            Said::Head(head) => head.encode(out),
            Said::Images(images) => {
                for note in images.iter().rev().take(IMAGES_MAX).rev() {
                    out.extend(note.segment.to_le_bytes());
                    out.extend(note.bytes.to_le_bytes());
                }
            }
            Said::Image(ImagePiece { segment, whole, offset, bytes }) => {
                debug_assert!(bytes.len() <= PIECE_BYTES_MAX, "it is cut before");
                for word in [*segment, *whole, *offset] {
                    out.extend(word.to_le_bytes());
                }
                out.extend_from_slice(bytes);
            }
            Said::Refused(Refusal { why, words }) => {
                let (code, detail) = match *why {
                    Why::Pruned(first) => (1, first),
                    Why::NotThere => (2, 0),
                    Why::OtherJournal => (3, 0),
                    Why::Unreadable => (4, 0),
                    Why::Unintelligible => (5, 0),
                };
                out.push(code);
                out.extend(detail.to_le_bytes());
                out.extend_from_slice(cut(words).as_bytes());
            }
        }
        end(out, from);
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Reads what [`Answer::encode`] wrote.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn decode(message: &'a [u8]) -> Result<Self, Unread> {
        let (kind, mut from) = open(message)?;
        let from = &mut from;
        let number = u32::from_le_bytes(from.array()?);
        let journal = from.array()?;
        let frontier = Frontier {
            epoch: Epoch(u32::from_le_bytes(from.array()?)),
            segment: from.word()?,
            offset: from.word()?,
            last: Sequence(from.word()?),
            durable: Sequence(from.word()?),
            chain: from.array()?,
        };
        let said = match kind {
            kind::PIECE => {
                let (segment, offset, before) = (from.word()?, from.word()?, from.word()?);
                let before = Some(before).filter(|&before| before != UNKNOWN);
                Said::Piece(Piece { segment, offset, before, bytes: rest(from, PIECE_BYTES_MAX)? })
            }
            kind::HEAD => Said::Head(Head::decode(from)?),
            kind::IMAGES => {
                let mut images = Vec::with_capacity(IMAGES_MAX);
                while from.left() > 0 {
                    if images.len() == IMAGES_MAX {
                        return Err(Unread::Nonsense("more images than there may be"));
                    }
                    images.push(ImageNote { segment: from.word()?, bytes: from.word()? });
                }
                Said::Images(images)
            }
            kind::IMAGE => {
                let (segment, whole, offset) = (from.word()?, from.word()?, from.word()?);
                let bytes = rest(from, PIECE_BYTES_MAX)?;
                Said::Image(ImagePiece { segment, whole, offset, bytes })
            }
            kind::REFUSED => {
                let (code, detail) = (from.byte()?, from.word()?);
                let why = match code {
                    1 => Why::Pruned(detail),
                    2 => Why::NotThere,
                    3 => Why::OtherJournal,
                    4 => Why::Unreadable,
                    5 => Why::Unintelligible,
                    _ => return Err(Unread::Nonsense("a reason that there is not")),
                };
                if detail != 0 && code != 1 {
                    return Err(Unread::Nonsense("a detail that there is not"));
                }
                Said::Refused(Refusal { why, words: text(from)?.into() })
            }
            _ => return Err(Unread::Nonsense("it is no answer")),
        };
        from.end()?;
        Ok(Self { number, journal, frontier, said })
    }
}

impl Head {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { moment, market, configuration, seed, begins, build } = self;
        out.extend(moment.market.0.to_le_bytes());
        out.extend(moment.wall.0.to_le_bytes());
        out.extend(market.to_le_bytes());
        out.extend(configuration);
        out.extend(seed.to_le_bytes());
        out.extend(begins.0.to_le_bytes());
        out.extend_from_slice(cut(build).as_bytes());
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Unread> {
        let moment = Moment { market: time(from)?, wall: time(from)? };
        Ok(Self {
            moment,
            market: from.word()?,
            configuration: from.array()?,
            seed: from.word()?,
            begins: time(from)?,
            build: text(from)?.into(),
        })
    }
}

fn begin(out: &mut Vec<u8>, kind: u8) {
    out.extend_from_slice(MAGIC);
    out.extend([VERSION, kind]);
}

fn end(out: &mut Vec<u8>, from: usize) {
    let checksum = crc32c::crc32c(&out[from..]);
    out.extend(checksum.to_le_bytes());
}

/// The kind of a message that is whole, and what is in it.
fn open(message: &[u8]) -> Result<(u8, Reader<'_>), Unread> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(Unread::Nonsense("it is longer than a message may be"));
    }
    let body = message.strip_prefix(MAGIC).ok_or(Unread::Nonsense("it does not begin like one"))?;
    match body.first() {
        Some(&VERSION) => {}
        Some(&other) => return Err(Unread::Version(other)),
        None => return Err(Unread::Nonsense("it is cut off")),
    }
    let whole = message.split_last_chunk::<CHECKSUM_BYTES>();
    let (before, checksum) = whole.ok_or(Unread::Nonsense("it is cut off"))?;
    if crc32c::crc32c(before) != u32::from_le_bytes(*checksum) {
        return Err(Unread::Nonsense("its checksum does not fit"));
    }
    let body = before.get(MAGIC.len() + 1..).and_then(<[u8]>::split_first);
    let (kind, body) = body.ok_or(Unread::Nonsense("it is cut off"))?;
    Ok((*kind, Reader::new(body)))
}

fn rest<'a>(from: &mut Reader<'a>, most: usize) -> Result<&'a [u8], Unread> {
    let count = from.left();
    if count > most {
        return Err(Unread::Nonsense("it holds more than it may"));
    }
    Ok(from.bytes(count)?)
}

fn text<'a>(from: &mut Reader<'a>) -> Result<&'a str, Unread> {
    let bytes = rest(from, WORDS_BYTES_MAX)?;
    std::str::from_utf8(bytes).map_err(|_| Unread::Nonsense("words that are none"))
}

/// As much of a text as is told.
fn cut(text: &str) -> &str {
    let most = text.len().min(WORDS_BYTES_MAX);
    let end = (0..=most).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or_default()]
}

fn time(from: &mut Reader<'_>) -> Result<Time, Unread> {
    Ok(Time(i64::from_le_bytes(from.array()?)))
}
