//! Frames: one encoded message that many sockets share, and the builder that dialects write it with.
//!
//! A frame keeps room in front of its text, so that the edge can put a WebSocket header there and send both
//! as one piece of memory. What the header looks like is the edge's business.

use std::sync::Arc;

/// Bytes kept free in front of a frame's text: the longest header of an unmasked WebSocket frame.
pub const HEADROOM: usize = 10;

/// One finished message, shared by everyone who is to receive it. Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct Frame {
    bytes: Arc<Vec<u8>>,
    /// Where the sealed bytes begin, at most [`HEADROOM`].
    start: u8,
}

impl Frame {
    /// What goes to the socket: header, if sealed with one, and text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
    /// The text alone.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.bytes[HEADROOM..]
    }
}

/// Where a dialect writes one message.
#[derive(Debug)]
pub struct FrameBuilder {
    bytes: Vec<u8>,
    /// The emptied shell of an old frame, to be filled again.
    shell: Option<Arc<Vec<u8>>>,
}

impl Default for FrameBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameBuilder {
    /// An empty builder.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: vec![0; HEADROOM], shell: None }
    }
    /// The message so far, to be appended to.
    pub fn text_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
    /// The message so far.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.bytes[HEADROOM..]
    }
    /// Throws away what was written.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADROOM);
    }
}

/// Makes frames out of builders and takes their memory back when the last reader has let go, so that
/// publishing does not allocate in the steady state.
#[derive(Debug)]
pub struct FramePool {
    /// Frames that were given out, oldest first; those that nobody else holds are reused.
    lent: std::collections::VecDeque<Arc<Vec<u8>>>,
    /// How many are remembered at most; more are simply freed by their last reader.
    lent_max: usize,
}

impl FramePool {
    /// A pool that remembers at most `lent_max` frames.
    #[must_use]
    pub fn new(lent_max: usize) -> Self {
        Self { lent: std::collections::VecDeque::with_capacity(lent_max), lent_max }
    }

    /// A builder, with the memory of an old frame if one is free.
    pub fn builder(&mut self) -> FrameBuilder {
        if let Some(mut oldest) = self.lent.pop_front() {
            if let Some(bytes) = Arc::get_mut(&mut oldest) {
                let mut bytes = std::mem::take(bytes);
                bytes.truncate(HEADROOM);
                return FrameBuilder { bytes, shell: Some(oldest) };
            }
            self.lent.push_back(oldest);
        }
        FrameBuilder::new()
    }

    /// Finishes a message. `seal` is given the free room in front and the length of the text, writes a header
    /// right before the text, and returns where it begins.
    pub fn finish(
        &mut self,
        builder: FrameBuilder,
        seal: impl FnOnce(&mut [u8; HEADROOM], usize) -> usize,
    ) -> Frame {
        let FrameBuilder { mut bytes, shell } = builder;
        let length = bytes.len() - HEADROOM;
        let headroom = bytes.first_chunk_mut().expect("a builder always starts with its headroom");
        let start = seal(headroom, length);
        debug_assert!(start <= HEADROOM, "a header ends where the text begins");
        let bytes = match shell {
            Some(mut shell) => {
                *Arc::get_mut(&mut shell).expect("a builder shares its shell with nobody") = bytes;
                shell
            }
            None => Arc::new(bytes),
        };
        if self.lent.len() < self.lent_max {
            self.lent.push_back(Arc::clone(&bytes));
        }
        Frame { bytes, start: start as u8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_when_the_last_reader_has_let_go_and_not_before() {
        let mut pool = FramePool::new(2);
        let seal = |_: &mut [u8; HEADROOM], _| HEADROOM;
        let mut builder = pool.builder();
        builder.text_mut().extend_from_slice(b"the first text");
        let first = pool.finish(builder, seal);
        let memory = first.bytes().as_ptr();

        let mut builder = pool.builder();
        builder.text_mut().extend_from_slice(b"another");
        let second = pool.finish(builder, seal);
        assert_eq!((first.text(), second.text()), (&b"the first text"[..], &b"another"[..]));
        assert_ne!(second.bytes().as_ptr(), memory, "the first is still read");

        drop(first);
        // The second comes up first and is still read; then the first, whose memory is free.
        let mut builder = pool.builder();
        assert!(builder.text().is_empty());
        if builder.text_mut().as_ptr() != memory.wrapping_sub(HEADROOM) {
            builder = pool.builder();
        }
        builder.text_mut().extend_from_slice(b"third");
        let third = pool.finish(builder, seal);
        assert_eq!(third.bytes(), b"third");
        assert_eq!(third.bytes().as_ptr(), memory, "and it is used again");
        assert_eq!(second.text(), b"another");
    }
}
