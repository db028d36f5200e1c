//! The number of its event before each frame, for who asks for it: our console's explorer, or whoever wants to know from
//! which event a frame derives.
//!
//! It is a subprotocol (RFC 6455, 1.9): [`PROTOCOL`], which nobody is given who did not offer it. On such a socket, right
//! before each message that is told to subscribers, comes a text of its own:
//!
//! ```json
//! {"rialto":{"sequence":4711}}
//! ```
//!
//! The message itself stays as the dialect worded it, byte for byte. Before answers, pings and closes there is no number:
//! they derive from what the client said. Both are one piece in the outbox, so that whatever is dropped or replaced there
//! takes its number along.
//!
//! What it is not: part of any dialect. And nobody else pays for it: such a socket is never among those that are written
//! the same bytes, as it is with compressed ones.

use std::fmt::Write as _;

use dialects::{Frame, FramePool, HEADROOM};
use http::{HeaderMap, HeaderValue, header};

use crate::outbox::Told;
use crate::ws::{Opcode, encode};

#[cfg(test)]
mod tests;

/// What `Sec-WebSocket-Protocol` offers and answers.
pub const PROTOCOL: &str = "rialto.sequence";

/// Frames whose memory is remembered for being used again.
const FRAMES_REMEMBERED_MAX: usize = 64;

/// What `Sec-WebSocket-Protocol` answers to a request's offers: nothing, unless ours is among them.
#[must_use]
pub fn agree(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let mut offers = texts.flat_map(|text| text.split(',')).map(str::trim);
    // Names of subprotocols are compared as they are (RFC 6455, 11.5).
    offers.any(|offer| offer == PROTOCOL).then_some(HeaderValue::from_static(PROTOCOL))
}

/// Puts numbers before frames. Its memory is reused.
#[derive(Debug)]
pub struct Numberer {
    text: String,
    pool: FramePool,
}

impl Default for Numberer {
    fn default() -> Self {
        Self { text: String::new(), pool: FramePool::new(FRAMES_REMEMBERED_MAX) }
    }
}

impl Numberer {
    /// The number's frame and the frame itself, in one piece.
    ///
    /// # Panics
    /// Never: text takes whatever is written to it.
    pub fn frame(&mut self, told: &Told) -> Frame {
        self.text.clear();
        write!(self.text, r#"{{"rialto":{{"sequence":{}}}}}"#, told.sequence.0)
            .expect("text takes whatever is written to it");
        let mut builder = self.pool.builder();
        encode::push_server_frame(builder.text_mut(), Opcode::Text, self.text.as_bytes());
        builder.text_mut().extend_from_slice(told.frame.bytes());
        self.pool.finish(builder, |_, _| HEADROOM)
    }
}
