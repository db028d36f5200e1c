//! Frames out: headers, close payloads, and whole frames appended to a buffer.
//!
//! A message is always sent as one frame. Fragments are for those who do not know a message's length
//! when they begin it; we always do.

#[cfg(test)]
mod tests;

use super::{CONTROL_BYTES_MAX, Opcode, close, mask};

/// The longest header of a server's frame: keep this much free in front of a payload for
/// [`write_header_back`].
pub const HEADROOM: usize = 10;

/// The longest header of a client's frame: [`HEADROOM`] and the mask.
pub const CLIENT_HEADER_BYTES_MAX: usize = HEADROOM + 4;

/// Marks the last (here: the only) frame of a message.
const FIN: u8 = 0x80;
/// Says that a mask follows the length.
const MASKED: u8 = 0x80;
/// In place of a length of 126 bytes and more: two or eight bytes of it follow.
const WORD_FOLLOWS: u8 = 126;
const LONG_FOLLOWS: u8 = 127;

/// How long the header of a server's frame is.
#[inline]
pub const fn server_header_bytes(payload_bytes: usize) -> usize {
    match payload_bytes {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    }
}

/// Writes the header of a server's frame at the *end* of `headroom`, right before the payload that
/// begins where `headroom` ends, and returns where in `headroom` the frame now starts.
///
/// ```
/// use edge::ws::{Opcode, encode::{HEADROOM, write_header_back}};
///
/// let mut frame = vec![0; HEADROOM];
/// frame.extend_from_slice(b"hello");
/// let start = write_header_back(&mut frame[..HEADROOM], Opcode::Text, 5);
/// assert_eq!(&frame[start..], b"\x81\x05hello");
/// ```
///
/// # Panics
/// If `headroom` is shorter than the header; [`HEADROOM`] bytes always suffice.
#[inline]
pub fn write_header_back(headroom: &mut [u8], opcode: Opcode, payload_bytes: usize) -> usize {
    let start = headroom
        .len()
        .checked_sub(server_header_bytes(payload_bytes))
        .expect("the room in front of a payload holds its header");
    write_lead(&mut headroom[start..], opcode, 0, payload_bytes);
    start
}

/// Appends the header of a server's frame; the payload of that length is to follow.
#[inline]
pub fn push_server_header(out: &mut Vec<u8>, opcode: Opcode, payload_bytes: usize) {
    push_lead(out, opcode, 0, payload_bytes);
}

/// Appends the header of a client's frame; the payload of that length, masked with `key`
/// ([`mask::apply`]), is to follow.
#[inline]
pub fn push_client_header(out: &mut Vec<u8>, opcode: Opcode, key: [u8; 4], payload_bytes: usize) {
    push_lead(out, opcode, MASKED, payload_bytes);
    out.extend_from_slice(&key);
}

/// Appends a server's frame.
#[inline]
pub fn push_server_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    push_server_header(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends a client's frame, masked with `key`. A client that may be made to send bytes somebody
/// else chose must draw an unpredictable key for each frame (RFC 6455, 10.3).
#[inline]
pub fn push_client_frame(out: &mut Vec<u8>, opcode: Opcode, key: [u8; 4], payload: &[u8]) {
    push_client_header(out, opcode, key, payload.len());
    let from = out.len();
    out.extend_from_slice(payload);
    mask::apply(&mut out[from..], key, 0);
}

/// Appends a server's close frame.
pub fn push_server_close(out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
    let payload = ClosePayload::new(code, reason);
    push_server_frame(out, Opcode::Close, payload.as_bytes());
}

/// Appends a client's close frame.
pub fn push_client_close(out: &mut Vec<u8>, key: [u8; 4], code: Option<u16>, reason: &str) {
    let payload = ClosePayload::new(code, reason);
    push_client_frame(out, Opcode::Close, key, payload.as_bytes());
}

/// What a close frame carries: nothing, or a code and a reason of at most 123 bytes.
#[derive(Clone, Debug)]
pub struct ClosePayload {
    bytes: [u8; CONTROL_BYTES_MAX],
    len: u8,
}

impl ClosePayload {
    /// A reason that is too long is cut at the last whole character that fits. Without a code the
    /// payload is empty, as a reason cannot stand alone.
    ///
    /// # Panics
    /// If `code` may not be sent ([`close::may_be_sent`]): closing with it would itself be a
    /// violation.
    pub fn new(code: Option<u16>, reason: &str) -> ClosePayload {
        let mut payload = ClosePayload { bytes: [0; CONTROL_BYTES_MAX], len: 0 };
        let Some(code) = code else { return payload };
        assert!(close::may_be_sent(code), "a close frame cannot carry the code {code}");
        payload.bytes[..2].copy_from_slice(&code.to_be_bytes());
        let mut end = reason.len().min(CONTROL_BYTES_MAX - 2);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let reason = &reason[..end];
        payload.bytes[2..2 + reason.len()].copy_from_slice(reason.as_bytes());
        payload.len = 2 + reason.len() as u8;
        payload
    }

    /// The payload, ready for a frame.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[inline]
fn push_lead(out: &mut Vec<u8>, opcode: Opcode, masked: u8, payload_bytes: usize) {
    let mut lead = [0; HEADROOM];
    let len = server_header_bytes(payload_bytes);
    write_lead(&mut lead[..len], opcode, masked, payload_bytes);
    out.extend_from_slice(&lead[..len]);
}

/// Fills `lead`, which is as long as [`server_header_bytes`] says.
#[inline]
fn write_lead(lead: &mut [u8], opcode: Opcode, masked: u8, payload_bytes: usize) {
    debug_assert!(
        !opcode.is_control() || payload_bytes <= CONTROL_BYTES_MAX,
        "a control frame carries at most 125 bytes, not {payload_bytes}"
    );
    lead[0] = FIN | opcode as u8;
    match lead.len() {
        2 => lead[1] = masked | payload_bytes as u8,
        4 => {
            lead[1] = masked | WORD_FOLLOWS;
            lead[2..].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            lead[1] = masked | LONG_FOLLOWS;
            lead[2..].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
}
