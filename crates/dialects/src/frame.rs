//! Frames: one encoded message that many sockets share, and the builder that dialects write it with.
//!
//! A frame keeps room in front of its text, so that the edge can put a WebSocket header there and send both
//! as one piece of memory. What the header looks like is the edge's business.
//!
//! A frame may have one hole for a *stamp*: bytes that are each subscription's own. It is as long for everybody, so
//! that the header is the same as well; a frame is still encoded once, and its copies differ in the stamp alone.

use std::sync::Arc;

use model::{BookSide, Price, Side};

use crate::kept::{Kept, Row, Summed};
use crate::text::Pen;

/// Bytes kept free in front of a frame's text: the longest header of an unmasked WebSocket frame.
pub const HEADROOM: usize = 10;

/// One finished message, shared by everyone who is to receive it. Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct Frame {
    bytes: Arc<Vec<u8>>,
    /// Where the sealed bytes begin, at most [`HEADROOM`].
    start: u8,
    /// A [`Hole`], taken apart so that a frame is two words.
    hole_length: u8,
    hole_at: u32,
}

/// The place of a stamp in a message: where it begins, counted from the text's beginning, and its length. Without
/// length there is none.
#[derive(Clone, Copy, Debug, Default)]
struct Hole {
    at: u32,
    length: u8,
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
    /// Whether it has a hole for a stamp.
    #[must_use]
    pub const fn has_hole(&self) -> bool {
        self.hole_length > 0
    }
}

/// Where a dialect writes one message.
#[derive(Debug)]
pub struct FrameBuilder {
    bytes: Vec<u8>,
    hole: Hole,
    /// The emptied shell of an old frame, to be filled again.
    shell: Option<Arc<Vec<u8>>>,
    /// What the subject's last frame has left.
    kept: Kept,
}

impl Default for FrameBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameBuilder {
    fn over(bytes: Vec<u8>, shell: Option<Arc<Vec<u8>>>) -> Self {
        Self { bytes, hole: Hole::default(), shell, kept: Kept::default() }
    }
    /// An empty builder.
    #[must_use]
    pub fn new() -> Self {
        Self::over(vec![0; HEADROOM], None)
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
    /// Leaves a hole of so many bytes, at most 255, for each subscription's own stamp. A message has one at most.
    ///
    /// # Panics
    /// If the message begins with four gigabytes.
    pub fn stamp_here(&mut self, length: u8) {
        debug_assert_eq!(self.hole.length, 0, "a message has one hole at most");
        let at = u32::try_from(self.text().len()).expect("a message is shorter than that");
        self.hole = Hole { at, length };
        self.bytes.resize(self.bytes.len() + usize::from(length), b' ');
    }
    /// Appends the rows of a side, the best first, with commas between; those that the subject's last frame had as well
    /// are copied. `write` appends one of them: what it writes may depend on the row, the side and the subject alone.
    pub fn list<T: Row>(
        &mut self,
        side: Side,
        rows: BookSide<'_, T>,
        write: impl FnMut(&mut Vec<u8>, &T),
    ) {
        self.kept.list(&mut self.bytes, side, rows, write);
    }
    /// The same with a pen, for rows of so many bytes at most: the fastest.
    #[inline(always)]
    pub fn list_by_pen<T: Row>(
        &mut self,
        side: Side,
        rows: BookSide<'_, T>,
        row_bytes_max: usize,
        write: impl FnMut(&mut Pen<'_>, &T),
    ) {
        self.kept.list_by_pen(&mut self.bytes, side, rows, row_bytes_max, write);
    }
    /// The same of levels that are counted from `middle` and added up.
    pub fn list_summed(
        &mut self,
        side: Side,
        levels: BookSide<'_>,
        middle: Price,
        write: impl FnMut(&mut Vec<u8>, &Summed),
    ) {
        self.kept.list_summed(&mut self.bytes, side, levels, middle, write);
    }
    /// Lends what the last frame of its subject has left, or takes it back: what is given is there afterwards.
    pub const fn swap_kept(&mut self, kept: &mut Kept) {
        core::mem::swap(&mut self.kept, kept);
    }
    /// Throws away what was written.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADROOM);
        self.hole = Hole::default();
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
                return FrameBuilder::over(bytes, Some(oldest));
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
        let FrameBuilder { mut bytes, hole, shell, kept: _ } = builder;
        let length = bytes.len() - HEADROOM;
        let headroom = bytes.first_chunk_mut().expect("a builder always starts with its headroom");
        let start = seal(headroom, length);
        debug_assert!(start <= HEADROOM, "a header ends where the text begins");
        self.seal(bytes, hole, shell, start as u8)
    }

    /// A copy of a frame with this stamp in its hole; if it does not fit there, the frame as it is.
    pub fn stamped(&mut self, frame: &Frame, stamp: &[u8]) -> Frame {
        if stamp.len() != usize::from(frame.hole_length) {
            debug_assert!(false, "a dialect's stamps are as long as its holes");
            return frame.clone();
        }
        let FrameBuilder { mut bytes, shell, .. } = self.builder();
        bytes.clear();
        bytes.extend_from_slice(&frame.bytes);
        let from = HEADROOM + frame.hole_at as usize;
        bytes[from..from + stamp.len()].copy_from_slice(stamp);
        self.seal(bytes, Hole::default(), shell, frame.start)
    }

    fn seal(
        &mut self,
        bytes: Vec<u8>,
        hole: Hole,
        shell: Option<Arc<Vec<u8>>>,
        start: u8,
    ) -> Frame {
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
        Frame { bytes, start, hole_length: hole.length, hole_at: hole.at }
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

    #[test]
    fn copies_of_a_frame_differ_in_the_stamp_alone() {
        let mut pool = FramePool::new(8);
        let seal = |headroom: &mut [u8; HEADROOM], length: usize| {
            headroom[HEADROOM - 1] = length as u8;
            HEADROOM - 1
        };
        let mut builder = pool.builder();
        builder.text_mut().extend_from_slice(b"id=");
        builder.stamp_here(3);
        builder.text_mut().extend_from_slice(b"; x");
        let frame = pool.finish(builder, seal);
        assert!(frame.has_hole());
        let (one, other) = (pool.stamped(&frame, b"abc"), pool.stamped(&frame, b"xyz"));
        assert_eq!((one.bytes(), other.bytes()), (&b"\x09id=abc; x"[..], &b"\x09id=xyz; x"[..]));
        assert_eq!(frame.bytes(), b"\x09id=   ; x", "and the frame is as it was");
        assert!(!one.has_hole());

        let mut builder = pool.builder();
        builder.stamp_here(3);
        builder.clear();
        builder.text_mut().extend_from_slice(b"plain");
        assert!(!pool.finish(builder, seal).has_hole(), "what is cleared has no hole");
    }
}
