//! Messages that came and were not looked at yet, so many bytes at most. With more the newest is dropped, and counted: what
//! it said is asked for again.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes that may wait to be looked at: as much as comes in some tenths of a second.
pub const BYTES_MAX: usize = 32 << 20;

/// Room for messages.
#[derive(Clone, Debug)]
pub struct Room(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    bytes_max: usize,
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// A message that takes room as long as it is there.
#[derive(Debug)]
pub struct Message {
    bytes: Vec<u8>,
    kept: Arc<Kept>,
}

impl Room {
    /// For so many bytes.
    pub fn of(bytes_max: usize) -> Self {
        let (bytes, dropped) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self(Arc::new(Kept { bytes_max, bytes, dropped }))
    }

    /// Keeps a message and gives it away, which may fail; else it is dropped.
    pub fn keep(&self, message: &[u8], give: impl FnOnce(Message) -> bool) {
        let kept = &self.0;
        let count = message.len();
        let has = kept.bytes.fetch_add(count, Ordering::Relaxed) + count;
        let is_given = match has <= kept.bytes_max {
            true => give(Message { bytes: message.to_vec(), kept: Arc::clone(kept) }),
            false => {
                kept.bytes.fetch_sub(count, Ordering::Relaxed);
                false
            }
        };
        if !is_given {
            kept.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Messages that were dropped.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Deref for Message {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.kept.bytes.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_dropped_and_counted() {
        let room = Room::of(100);
        let mut held = Vec::new();
        for _ in 0..3 {
            room.keep(&[7; 40], |message| {
                held.push(message);
                true
            });
        }
        assert_eq!((held.len(), room.dropped()), (2, 1));
        assert_eq!(*held[0], [7; 40]);
        held.pop();
        room.keep(&[8; 60], |message| {
            held.push(message);
            true
        });
        assert_eq!((held.len(), room.dropped()), (2, 1), "there is room again");
        // Whoever is given it may have none.
        held.clear();
        room.keep(&[9; 100], |_| false);
        room.keep(&[9; 100], |_| true);
        assert_eq!(room.dropped(), 2);
    }
}
