//! permessage-deflate (RFC 7692): what is agreed on, and messages made smaller and whole again, one at a time.
//!
//! Neither end keeps anything between messages (`server_no_context_takeover`, `client_no_context_takeover`): so a frame
//! is compressed once for all who are told it, and a connection that compresses owns no memory for it. Our window is the
//! largest, as it is everybody's: who asks for a smaller one (`server_max_window_bits` below 15) is served uncompressed.
//!
//! What it is not: it decides nothing about who compresses; answers, pings and closes are never compressed, which the
//! extension leaves to each message.

use std::fmt;

use dialects::{Frame, FramePool};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use http::{HeaderMap, HeaderValue, header};

use super::{Opcode, Violation, close, encode};

#[cfg(test)]
mod tests;

/// What a compressed message's last block ends with, and what is left out of it (RFC 7692, 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The first reserved bit says that a message is compressed.
pub const COMPRESSED: u8 = 0x40;

/// Messages below this are sent as they are: there is nothing to be saved.
const TEXT_BYTES_MIN: usize = 64;

/// Compressed frames whose memory is remembered for being used again.
const FRAMES_REMEMBERED_MAX: usize = 256;

/// What `Sec-WebSocket-Extensions` answers to a request's offers; `None` if none of them can be taken.
#[must_use]
pub fn agree(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    texts.flat_map(|text| text.split(',')).find_map(answer)
}

/// The answer to one offer, if it can be taken: its parameters are known, have values that they may have, and come once
/// (RFC 7692, 7.1).
fn answer(offer: &str) -> Option<HeaderValue> {
    let mut parts = offer.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let mut seen: Vec<&str> = Vec::new();
    let mut names_our_window = false;
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start()))),
            None => (part, None),
        };
        match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover", None) => {}
            ("server_max_window_bits", Some("15")) => names_our_window = true,
            // Whatever window the other end uses, ours is large enough for it.
            ("client_max_window_bits", None) => {}
            ("client_max_window_bits", Some(bits)) if is_window(bits) => {}
            _ => return None,
        }
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    Some(HeaderValue::from_static(if names_our_window {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"
    } else {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    }))
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

fn is_window(bits: &str) -> bool {
    matches!(bits, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
}

/// Compresses messages. Its memory is reused for each.
pub struct Packer {
    deflate: Compress,
    packed: Vec<u8>,
    pool: FramePool,
    runs: u64,
}

impl Default for Packer {
    fn default() -> Self {
        Self {
            deflate: Compress::new(Compression::fast(), false),
            packed: Vec::new(),
            pool: FramePool::new(FRAMES_REMEMBERED_MAX),
            runs: 0,
        }
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").field("runs", &self.runs).finish_non_exhaustive()
    }
}

impl Packer {
    /// The payload of a compressed message with this text.
    ///
    /// # Panics
    /// Never: there is memory for whatever comes out.
    pub fn pack(&mut self, text: &[u8]) -> &[u8] {
        self.runs += 1;
        self.deflate.reset();
        self.packed.clear();
        loop {
            self.packed.reserve(text.len() / 2 + 256);
            let from = usize::try_from(self.deflate.total_in()).expect("it was in memory");
            let flush = FlushCompress::Sync;
            let status = self.deflate.compress_vec(&text[from..], &mut self.packed, flush);
            status.expect("deflate refuses nothing");
            let is_in = self.deflate.total_in() == text.len() as u64;
            // While there was room left nothing is held back.
            if is_in && self.packed.len() < self.packed.capacity() {
                break;
            }
        }
        debug_assert!(self.packed.ends_with(&TAIL), "a flush ends with an empty block");
        self.packed.truncate(self.packed.len() - TAIL.len());
        &self.packed
    }

    /// The same message as a compressed frame, made once whoever asks for it, on whichever thread; the frame itself where
    /// that would not be shorter.
    pub fn frame<'a>(&mut self, frame: &'a Frame) -> &'a Frame {
        frame.packed(|text| self.make(text)).unwrap_or(frame)
    }

    /// How many messages were compressed since this was asked last.
    pub fn runs(&mut self) -> u64 {
        std::mem::take(&mut self.runs)
    }

    fn make(&mut self, text: &[u8]) -> Option<Frame> {
        if text.len() < TEXT_BYTES_MIN {
            return None;
        }
        let mut builder = self.pool.builder();
        let packed = self.pack(text);
        if packed.len() >= text.len() {
            return None;
        }
        builder.text_mut().extend_from_slice(packed);
        Some(self.pool.finish(builder, |headroom, length| {
            let start = encode::write_header_back(headroom, Opcode::Text, length);
            headroom[start] |= COMPRESSED;
            start
        }))
    }
}

/// The message that was compressed to these bytes. Stops as soon as it has more than `message_bytes_max`, which gets
/// `too_big`.
pub(super) fn unpack(
    packed: &[u8],
    message_bytes_max: usize,
    too_big: impl FnOnce() -> Violation,
) -> Result<Vec<u8>, Violation> {
    let mut inflate = Decompress::new(false);
    let mut text = Vec::new();
    for input in [packed, &TAIL] {
        let before = inflate.total_in();
        loop {
            let taken = usize::try_from(inflate.total_in() - before).expect("it was in memory");
            if text.len() == text.capacity() {
                // Doubling, but never far beyond what may be.
                let room = message_bytes_max.saturating_add(1).saturating_sub(text.len());
                text.reserve_exact(room.min(text.len().max(512)).max(1));
            }
            let status = inflate.decompress_vec(&input[taken..], &mut text, FlushDecompress::Sync);
            if text.len() > message_bytes_max {
                return Err(too_big());
            }
            let taken = usize::try_from(inflate.total_in() - before).expect("it was in memory");
            match status {
                // Its last block said that it is the last: at most an empty one may follow (RFC 7692, 7.2.3.4).
                Ok(Status::StreamEnd) if input.len() - taken <= TAIL.len() => return Ok(text),
                Ok(Status::Ok | Status::BufError)
                    if taken == input.len() && text.len() < text.capacity() =>
                {
                    break;
                }
                Ok(Status::Ok) => {}
                Ok(Status::BufError) if text.len() == text.capacity() => {}
                Ok(_) | Err(_) => return Err(BROKEN),
            }
        }
    }
    Ok(text)
}

const BROKEN: Violation = Violation {
    code: close::INVALID_PAYLOAD,
    reason: std::borrow::Cow::Borrowed("compressed data that cannot be inflated"),
};
