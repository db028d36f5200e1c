//! Frames in: bytes as they arrive, messages as soon as they are whole.
//!
//! The caller reads into one buffer that all its sockets share, wraps what it read in a [`Chunk`] and
//! asks [`Decoder::next`] until there is no more. A frame that is whole in the chunk is unmasked where
//! it lies and lent out; only what is cut by the chunk's end is kept, in memory that is given back when
//! its message is done. So a connection that waits owns no heap memory here.
//!
//! Everything is checked as early as the bytes allow: a bad header before its payload, a size before a
//! byte of it is kept, text at the first byte that cannot be UTF-8. How the bytes were cut into chunks
//! changes nothing but when one hears of it.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, ops::Range, str, sync::Arc};

use simdutf8::{basic, compat};

use super::{CONTROL_BYTES_MAX, Opcode, Role, Violation, close, deflate, encode, mask};

/// How much a peer may send at once. One value serves all connections of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message in bytes, all its fragments together.
    pub message_bytes_max: usize,
    /// The longest payload in bytes of one data frame.
    pub frame_bytes_max: usize,
    /// The reason of the close with code 1009, in the dialect's words.
    pub too_big_reason: Cow<'static, str>,
}

impl Limits {
    /// Messages of at most so many bytes, in frames of any size that fits.
    pub const fn of_messages(message_bytes_max: usize) -> Limits {
        Limits {
            message_bytes_max,
            frame_bytes_max: message_bytes_max,
            too_big_reason: Cow::Borrowed("message too big"),
        }
    }

    /// The same limits, with this reason for closing.
    pub fn because(mut self, too_big_reason: impl Into<Cow<'static, str>>) -> Limits {
        self.too_big_reason = too_big_reason.into();
        self
    }
}

/// One whole message, borrowed from the chunk, or from the decoder when it came in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// To be answered by a pong with the same payload.
    Ping(&'a [u8]),
    /// An answer to our ping, or an unasked sign of life.
    Pong(&'a [u8]),
    /// The peer's last word. What it sends after this is not read.
    Close {
        /// Always a code that may be sent; none if the frame was empty.
        code: Option<u16>,
        /// At most 123 bytes; empty if there is no code.
        reason: &'a str,
    },
}

/// Bytes that were read and not yet decoded. They are unmasked in place.
#[derive(Debug)]
pub struct Chunk<'b> {
    bytes: &'b mut [u8],
    /// Where the rest begins.
    at: usize,
}

impl<'b> Chunk<'b> {
    /// All of `bytes`, from the first on.
    #[inline]
    pub const fn new(bytes: &'b mut [u8]) -> Chunk<'b> {
        Chunk { bytes, at: 0 }
    }

    /// What no decoder took yet. Empty once [`Decoder::next`] has answered that there is no more; a
    /// caller that stops before must bring these bytes again, first and once.
    #[inline]
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }
}

/// One connection's incoming half.
#[derive(Debug)]
pub struct Decoder {
    limits: Arc<Limits>,
    role: Role,
    stage: Stage,
    /// The first bytes of a header that is not whole yet.
    header: [u8; encode::CLIENT_HEADER_BYTES_MAX],
    header_bytes: u8,
    /// The frame whose payload is under way.
    frame: Frame,
    /// The message that is under way; between messages, none.
    message: Option<Kind>,
    /// That message is compressed.
    message_packed: bool,
    /// Whether messages may be compressed.
    inflates: bool,
    /// What is kept: the message under way, then a control frame's payload, if that was cut too.
    kept: Vec<u8>,
    /// How much of `kept` belongs to finished fragments of the message under way.
    kept_fragments: usize,
    /// How much of `kept` is known to be UTF-8, up to a whole character.
    kept_checked: usize,
    /// What lies in `kept` behind the fragments has been lent out, and goes at the next question.
    lent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    Payload,
    /// After a close frame or a violation.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    /// It begins a compressed message.
    packed: bool,
    key: [u8; 4],
    masked: bool,
    payload_bytes: usize,
    /// How much of the payload was taken from earlier chunks.
    taken: usize,
}

/// Where a whole message, or a control frame's payload, lies.
struct Found {
    opcode: Opcode,
    /// In `kept`, rather than in the chunk.
    kept: bool,
    range: Range<usize>,
}

impl Decoder {
    /// A decoder at the start of a connection, right after the handshake.
    pub fn new(limits: impl Into<Arc<Limits>>, role: Role) -> Decoder {
        Decoder {
            limits: limits.into(),
            role,
            stage: Stage::Header,
            header: [0; encode::CLIENT_HEADER_BYTES_MAX],
            header_bytes: 0,
            frame: Frame {
                opcode: Opcode::Continuation,
                fin: true,
                packed: false,
                key: [0; 4],
                masked: false,
                payload_bytes: 0,
                taken: 0,
            },
            message: None,
            message_packed: false,
            inflates: false,
            kept: Vec::new(),
            kept_fragments: 0,
            kept_checked: 0,
            lent: false,
        }
    }

    /// Both ends have agreed on [`deflate`]: messages may be compressed. They are kept until they are whole, and inflated
    /// up to the limit of a message and no further.
    pub const fn inflate(&mut self) {
        self.inflates = true;
    }

    /// The next message, or `None` when the chunk is used up.
    ///
    /// After a close frame or a violation the connection says nothing more: whatever follows is
    /// skipped, unread.
    #[inline]
    pub fn next<'a>(
        &'a mut self,
        chunk: &'a mut Chunk<'_>,
    ) -> Result<Option<Incoming<'a>>, Violation> {
        if self.lent {
            self.forget_lent();
        }
        let found = match self.find(chunk) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(violation) => {
                self.end();
                return Err(violation);
            }
        };
        let bytes = if found.kept { &self.kept[found.range] } else { &chunk.bytes[found.range] };
        let incoming = match found.opcode {
            Opcode::Text => match basic::from_utf8(bytes) {
                Ok(text) => Incoming::Text(text),
                Err(_) => {
                    self.stage = Stage::Ended;
                    return Err(NOT_UTF8);
                }
            },
            Opcode::Ping => Incoming::Ping(bytes),
            Opcode::Pong => Incoming::Pong(bytes),
            Opcode::Close => {
                self.stage = Stage::Ended;
                close_of(bytes)?
            }
            Opcode::Binary | Opcode::Continuation => Incoming::Binary(bytes),
        };
        Ok(Some(incoming))
    }

    /// Whether a frame or a message has begun that is not whole yet.
    pub fn is_amid_message(&self) -> bool {
        self.stage != Stage::Ended
            && (self.header_bytes > 0 || self.stage == Stage::Payload || self.message.is_some())
    }

    /// Whether a close frame or a violation ended what can be read.
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// The heap memory this decoder owns, in bytes: none unless a payload was cut by a chunk's end.
    pub fn heap_bytes(&self) -> usize {
        self.kept.capacity()
    }

    /// Takes bytes until a message or control frame is whole.
    #[inline]
    fn find(&mut self, chunk: &mut Chunk<'_>) -> Result<Option<Found>, Violation> {
        loop {
            let frame = match self.stage {
                Stage::Header => match self.read_header(chunk)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
                Stage::Payload => self.frame,
                Stage::Ended => {
                    self.end();
                    chunk.at = chunk.bytes.len();
                    return Ok(None);
                }
            };
            let missing = frame.payload_bytes - frame.taken;
            let from = chunk.at;
            let to = from + missing.min(chunk.bytes.len() - from);
            let piece = &mut chunk.bytes[from..to];
            chunk.at = to;
            if frame.masked {
                mask::apply(piece, frame.key, frame.taken);
            }
            let whole = piece.len() == missing;

            let alone = frame.opcode.is_control()
                || frame.fin && frame.opcode != Opcode::Continuation && !frame.packed;
            if whole && alone && frame.taken == 0 {
                // The frequent case: nothing of it was kept, and nothing about it needs to be.
                self.stage = Stage::Header;
                if frame.opcode == Opcode::Close {
                    close_of(piece)?;
                } else if !frame.opcode.is_control() {
                    self.message = None;
                }
                return Ok(Some(Found { opcode: frame.opcode, kept: false, range: from..to }));
            }

            if self.stage == Stage::Header {
                self.begin(frame);
            }
            self.frame.taken += piece.len();
            self.keep(piece, missing)?;
            if !whole {
                return Ok(None);
            }
            self.stage = Stage::Header;
            if let Some(found) = self.finish_kept()? {
                return Ok(Some(found));
            }
        }
    }

    /// Reads a header, if it is whole with what the chunk has; otherwise keeps its beginning.
    #[inline]
    fn read_header(&mut self, chunk: &mut Chunk<'_>) -> Result<Option<Frame>, Violation> {
        let rest = &chunk.bytes[chunk.at..];
        let before = usize::from(self.header_bytes);
        if before == 0
            && let Some((frame, used)) = self.parse_header(rest)?
        {
            chunk.at += used;
            return Ok(Some(frame));
        }
        let more = rest.len().min(self.header.len() - before);
        self.header[before..before + more].copy_from_slice(&rest[..more]);
        let Some((frame, used)) = self.parse_header(&self.header[..before + more])? else {
            self.header_bytes += more as u8;
            chunk.at += more;
            return Ok(None);
        };
        self.header_bytes = 0;
        chunk.at += used - before;
        Ok(Some(frame))
    }

    /// The header that `bytes` begin with and its length, or none if they end before it does. What is
    /// wrong is said at the first byte that shows it.
    #[inline]
    fn parse_header(&self, bytes: &[u8]) -> Result<Option<(Frame, usize)>, Violation> {
        let &[first, ref rest @ ..] = bytes else { return Ok(None) };
        let fin = first & 0x80 != 0;
        let reserved = first & 0x70;
        let packed = reserved == deflate::COMPRESSED && self.inflates;
        if reserved != 0 && !packed {
            return Err(Violation::protocol("reserved bit set without an extension"));
        }
        let Some(opcode) = Opcode::of_bits(first & 0x0F) else {
            return Err(Violation::protocol("reserved opcode"));
        };
        // Said once for a message, by its first frame.
        if packed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(Violation::protocol("compression bit on a frame that begins no message"));
        }
        match (opcode, self.message) {
            (Opcode::Continuation, None) => {
                return Err(Violation::protocol("continuation without a message to continue"));
            }
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::protocol("new message before the last one ended"));
            }
            _ if opcode.is_control() && !fin => {
                return Err(Violation::protocol("fragmented control frame"));
            }
            _ => {}
        }

        let &[second, ref rest @ ..] = rest else { return Ok(None) };
        let masked = second & 0x80 != 0;
        match self.role {
            Role::Server if !masked => {
                return Err(Violation::protocol("unmasked frame from a client"));
            }
            Role::Client if masked => {
                return Err(Violation::protocol("masked frame from a server"));
            }
            _ => {}
        }
        let short = second & 0x7F;
        if opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX {
            return Err(Violation::protocol("control frame longer than 125 bytes"));
        }
        let (payload_bytes, rest) = match short {
            126 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let length = u64::from(u16::from_be_bytes(*length));
                if length < 126 {
                    return Err(Violation::protocol("length not in its shortest form"));
                }
                (length, rest)
            }
            127 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let length = u64::from_be_bytes(*length);
                if length >> 63 != 0 {
                    return Err(Violation::protocol("length beyond 63 bits"));
                }
                if length <= 0xFFFF {
                    return Err(Violation::protocol("length not in its shortest form"));
                }
                (length, rest)
            }
            _ => (u64::from(short), rest),
        };
        let continues = opcode == Opcode::Continuation && self.message_packed;
        let payload_bytes = self.fit(opcode, packed || continues, payload_bytes)?;

        let (key, rest) = if masked {
            let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (*key, rest)
        } else {
            ([0; 4], rest)
        };
        let frame = Frame { opcode, fin, packed, key, masked, payload_bytes, taken: 0 };
        Ok(Some((frame, bytes.len() - rest.len())))
    }

    /// The length as a size in memory, if the limits let it in.
    #[inline]
    fn fit(&self, opcode: Opcode, packed: bool, payload_bytes: u64) -> Result<usize, Violation> {
        let room = if opcode.is_control() {
            CONTROL_BYTES_MAX
        } else {
            // What cannot be compressed becomes longer: by an eighth, where a fast deflate takes no time to look.
            let more = |most: usize| if packed { most.saturating_add(most / 8 + 64) } else { most };
            let left = more(self.limits.message_bytes_max).saturating_sub(self.kept_fragments);
            left.min(more(self.limits.frame_bytes_max))
        };
        match usize::try_from(payload_bytes) {
            Ok(bytes) if bytes <= room => Ok(bytes),
            _ => {
                Err(Violation { code: close::TOO_BIG, reason: self.limits.too_big_reason.clone() })
            }
        }
    }

    /// Goes on with this frame when the chunk does not have all that it needs.
    fn begin(&mut self, frame: Frame) {
        match frame.opcode {
            Opcode::Text => self.message = Some(Kind::Text),
            Opcode::Binary => self.message = Some(Kind::Binary),
            _ => {}
        }
        if !frame.opcode.is_control() && frame.opcode != Opcode::Continuation {
            self.message_packed = frame.packed;
        }
        self.frame = frame;
        self.stage = Stage::Payload;
    }

    /// Keeps a piece of the payload under way, of which `missing` bytes were still to come.
    fn keep(&mut self, piece: &[u8], missing: usize) -> Result<(), Violation> {
        // Doubling, so that keeping is linear, but never beyond the frame, and never ahead of what the
        // peer has sent: a header alone reserves nothing.
        let needed = self.kept.len() + piece.len();
        if needed > self.kept.capacity() {
            let target = (2 * self.kept.capacity()).clamp(needed, self.kept.len() + missing);
            self.kept.reserve_exact(target - self.kept.len());
        }
        self.kept.extend_from_slice(piece);
        let is_text = self.message == Some(Kind::Text) && !self.message_packed;
        if !self.frame.opcode.is_control() && is_text {
            self.check_kept_text()?;
        }
        Ok(())
    }

    /// Checks what was added since the last time, from the last character that was not whole on.
    fn check_kept_text(&mut self) -> Result<(), Violation> {
        match compat::from_utf8(&self.kept[self.kept_checked..]) {
            Ok(text) => self.kept_checked += text.len(),
            Err(error) if error.error_len().is_none() => self.kept_checked += error.valid_up_to(),
            Err(_) => return Err(NOT_UTF8),
        }
        Ok(())
    }

    /// A kept frame is whole: gives out what it completes, if it completes something.
    fn finish_kept(&mut self) -> Result<Option<Found>, Violation> {
        if self.frame.opcode.is_control() {
            self.lent = true;
            let range = self.kept_fragments..self.kept.len();
            if self.frame.opcode == Opcode::Close {
                close_of(&self.kept[range.clone()])?;
            }
            return Ok(Some(Found { opcode: self.frame.opcode, kept: true, range }));
        }
        self.kept_fragments = self.kept.len();
        if !self.frame.fin {
            return Ok(None);
        }
        if std::mem::take(&mut self.message_packed) {
            let limits = &self.limits;
            let reason = || limits.too_big_reason.clone();
            let too_big = || Violation { code: close::TOO_BIG, reason: reason() };
            self.kept = deflate::unpack(&self.kept, limits.message_bytes_max, too_big)?;
            // As text it is checked when it is lent out.
            self.kept_checked = self.kept.len();
        }
        let opcode = match self.message.take() {
            Some(Kind::Text) if self.kept_checked < self.kept.len() => return Err(NOT_UTF8),
            Some(Kind::Text) => Opcode::Text,
            _ => Opcode::Binary,
        };
        self.kept_fragments = 0;
        self.kept_checked = 0;
        self.lent = true;
        Ok(Some(Found { opcode, kept: true, range: 0..self.kept.len() }))
    }

    /// Drops what was lent out by the last answer, and the memory if nothing else is in it.
    #[cold]
    fn forget_lent(&mut self) {
        self.lent = false;
        self.kept.truncate(self.kept_fragments);
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
    }

    #[cold]
    fn end(&mut self) {
        self.stage = Stage::Ended;
        self.message = None;
        self.kept = Vec::new();
        self.kept_fragments = 0;
    }
}

const NOT_UTF8: Violation = Violation::payload("text that is not utf-8");

/// Reads a close frame's payload (RFC 6455, 5.5.1 and 7.4).
fn close_of(bytes: &[u8]) -> Result<Incoming<'_>, Violation> {
    let Some((code, reason)) = bytes.split_first_chunk() else {
        return match bytes {
            [] => Ok(Incoming::Close { code: None, reason: "" }),
            _ => Err(Violation::protocol("close payload of one byte")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !close::may_be_sent(code) {
        return Err(Violation::protocol("close code that may not be sent"));
    }
    let Ok(reason) = str::from_utf8(reason) else {
        return Err(Violation::payload("close reason that is not utf-8"));
    };
    Ok(Incoming::Close { code: Some(code), reason })
}
