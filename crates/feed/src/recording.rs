//! A recording: what we wrote down while we listened to a venue ourselves. `docs/captures.md` is its description.
//!
//! It is a folder of *segments*, `000001.rec` and on. A segment begins with a [`Head`], which says what was listened to
//! and by which rules its instruments trade, so that nothing else is needed to understand it. *Blocks* follow, each
//! compressed by itself and with a checksum. A block holds [`Entry`]s: what was said and heard on the socket, byte for
//! byte; what was fetched; when a connection was made and how it ended; and a mark wherever something may be missing.
//! A file beside them, the *index*, says where which block lies; if it is lost it is made anew.
//!
//! What the words of a venue mean is a dialect's business.

pub mod block;
pub mod head;
pub mod index;
pub mod reader;
pub mod writer;

#[cfg(test)]
mod tests;

use std::fmt;

use model::Time;

pub use block::Block;
pub use head::Head;
pub use reader::Reader;
pub use writer::Writer;

/// The layout that is written, and the only one that is read.
pub const LAYOUT: u16 = 1;

/// The longest message or body that is recorded, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// The largest segment that is believed, in bytes. One is full at 16 MiB, the block that fills it holds an entry that is
/// as long as any and is packed; so this is more than any is written with.
pub const SEGMENT_BYTES_MAX: usize = 48 << 20;

/// How a segment's file is called.
#[must_use]
pub fn segment_name(number: u32) -> String {
    format!("{number:06}.rec")
}

/// Which segment this file is, if it is one.
#[must_use]
pub fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".rec")?;
    let is_number = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&number| is_number && segment_name(number) == name)
}

/// One thing that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the recording, from 1 without gaps.
    pub sequence: u64,
    /// When, by the recorder's wall clock.
    pub at: Time,
    /// When, in nanoseconds since the recorder began, by a clock that nobody sets. It begins anew where a recorder goes
    /// on with what another left.
    pub monotonic_ns: u64,
    /// What.
    pub what: What,
    /// Whether a secret was in it that is now asterisks: then it is not byte for byte what was on the wire.
    pub redacted: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A connection was asked for.
    Called {
        /// Where.
        url: String,
    },
    /// It was granted: the head of the venue's answer, as it came.
    Opened {
        /// Up to and with the empty line.
        answer: Vec<u8>,
    },
    /// The venue said this.
    Heard(Frame),
    /// We said this.
    Said(Frame),
    /// This was fetched over HTTP.
    Fetched {
        /// Path and query at the venue.
        path: String,
        /// The status of the answer.
        status: u16,
        /// Its body.
        body: Vec<u8>,
    },
    /// The connection ended, or was not granted.
    Closed {
        /// Why.
        why: String,
    },
    /// What the venue said from the entry before until the next [`What::Opened`] is not here.
    Gap {
        /// Why.
        why: String,
    },
    /// The recorder ended as it was asked to: nothing is missing before this.
    Ended {
        /// By whom it was asked.
        why: String,
    },
}

/// One message of a socket, whole: how it was cut into frames is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(Vec<u8>),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The last word.
    Close {
        /// Its code; `None` if it had none.
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
}

/// Why a recording cannot be read, or not further.
#[derive(Debug)]
pub enum Trouble {
    /// The system says no.
    Io {
        /// The file, or the folder.
        file: String,
        /// What it says.
        error: std::io::Error,
    },
    /// What was written is not what is there.
    Damaged {
        /// The segment's file.
        segment: String,
        /// Where in it, in bytes.
        offset: usize,
        /// What is wrong.
        what: String,
    },
    /// Another layout than ours.
    Layout {
        /// The segment's file.
        segment: String,
        /// Which.
        layout: u16,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { file, error } => write!(f, "{file}: {error}"),
            Self::Damaged { segment, offset, what } => {
                write!(f, "{segment} is damaged at byte {offset}: {what}")
            }
            Self::Layout { segment, layout } => write!(
                f,
                "{segment} has layout {layout}, and this build reads layout {LAYOUT}; read it with the build that wrote it"
            ),
        }
    }
}

impl std::error::Error for Trouble {}
