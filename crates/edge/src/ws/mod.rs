//! RFC 6455 without I/O: bytes in, messages out, and back.
//!
//! What it is: the whole framing of the protocol for both ends ([`decode`], [`encode`], [`mask`]) and
//! its opening handshake ([`handshake`], with [`head`] for those who have no HTTP library at hand).
//! Nothing here reads a socket, a clock or a random number; the caller brings bytes, masks and keys.
//!
//! What it is not: it does not decide what to do. A [`Violation`] says which close code and reason the
//! peer has earned; sending it, echoing a close, answering a ping and cutting the line are the
//! session's. One extension is spoken, where both ends agree on it: permessage-deflate ([`deflate`]). Else
//! every reserved bit is a violation.
//!
//! ```
//! use edge::ws::{Role, decode::{Chunk, Decoder, Incoming, Limits}, encode};
//!
//! let mut bytes = Vec::new();
//! encode::push_client_frame(&mut bytes, edge::ws::Opcode::Text, [1, 2, 3, 4], b"hello");
//!
//! let mut decoder = Decoder::new(Limits::of_messages(512), Role::Server);
//! let mut chunk = Chunk::new(&mut bytes);
//! assert_eq!(decoder.next(&mut chunk), Ok(Some(Incoming::Text("hello"))));
//! assert_eq!(decoder.next(&mut chunk), Ok(None));
//! ```

pub mod decode;
pub mod deflate;
pub mod encode;
pub mod handshake;
pub mod head;
pub mod mask;

use std::{borrow::Cow, error::Error, fmt};

/// Which end of the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We serve: what comes in must be masked, what goes out is not.
    Server,
    /// We called: what comes in must not be masked, what goes out is.
    Client,
}

/// What a frame is (RFC 6455, 5.2); the eleven reserved values have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A later fragment of the message that is under way.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// The last frame a side sends.
    Close = 0x8,
    /// Asks for a pong with the same payload.
    Ping = 0x9,
    /// Answers a ping, or says unasked that one is alive.
    Pong = 0xA,
}

impl Opcode {
    /// The opcode of these four bits, if it has a meaning.
    #[inline]
    pub const fn of_bits(bits: u8) -> Option<Opcode> {
        match bits {
            0x0 => Some(Opcode::Continuation),
            0x1 => Some(Opcode::Text),
            0x2 => Some(Opcode::Binary),
            0x8 => Some(Opcode::Close),
            0x9 => Some(Opcode::Ping),
            0xA => Some(Opcode::Pong),
            _ => None,
        }
    }

    /// Close, ping or pong: at most 125 bytes, never fragmented, allowed between fragments.
    #[inline]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// The largest payload of a close, ping or pong.
pub const CONTROL_BYTES_MAX: usize = 125;

/// Close codes by name (RFC 6455, 7.4.1, and the registry it opened).
pub mod close {
    /// All said; nothing is wrong.
    pub const NORMAL: u16 = 1000;
    /// The server is shutting down, or the page was left.
    pub const GOING_AWAY: u16 = 1001;
    /// The framing rules were broken.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// A kind of message that this endpoint does not take.
    pub const UNSUPPORTED: u16 = 1003;
    /// A message that is not what it claims to be, as text that is not UTF-8.
    pub const INVALID_PAYLOAD: u16 = 1007;
    /// A rule of the endpoint was broken, and no other code fits.
    pub const POLICY: u16 = 1008;
    /// A message larger than this endpoint takes.
    pub const TOO_BIG: u16 = 1009;
    /// The server failed.
    pub const INTERNAL: u16 = 1011;
    /// The server restarts; come back.
    pub const RESTART: u16 = 1012;
    /// The server has too much to do; come back later.
    pub const TRY_LATER: u16 = 1013;

    /// Whether a close frame may carry this code. Those that only describe a connection that ended
    /// without one (1005, 1006, 1015), the reserved 1004 and everything unassigned may not.
    #[inline]
    pub const fn may_be_sent(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// The peer broke a rule: the code and reason to close with. Nothing more can be read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// [`close::PROTOCOL_ERROR`], [`close::INVALID_PAYLOAD`] or [`close::TOO_BIG`].
    pub code: u16,
    /// For the close frame and the goodbye record.
    pub reason: Cow<'static, str>,
}

impl Violation {
    const fn protocol(reason: &'static str) -> Violation {
        Violation { code: close::PROTOCOL_ERROR, reason: Cow::Borrowed(reason) }
    }

    const fn payload(reason: &'static str) -> Violation {
        Violation { code: close::INVALID_PAYLOAD, reason: Cow::Borrowed(reason) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.code)
    }
}

impl Error for Violation {}
