//! When each message reached its first socket and its last: how far apart the sockets of one message are.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::bench::numbers::Histogram;

/// Two messages are the same if they have equal length and equal first and last bytes, so many of each.
/// Times and channels lie there; reading a whole book for each socket would cost more than receiving it.
const ENDS: usize = 128;
/// A message that a socket has not had after this time is not waited for.
const PATIENCE_NS: u64 = 2_000_000_000;
/// At most so many messages are watched at a time; when there are more, the oldest is not waited for.
const WATCHED_MAX: usize = 1 << 16;

/// Messages that are under way to several sockets.
pub struct Sightings {
    /// How many sockets a message can reach.
    sockets: usize,
    hasher: FixedState,
    watched: HashMap<u64, Sighting, FixedState>,
    /// The watched ones, the oldest first. Those that reached every socket are gone from `watched`.
    order: VecDeque<(u64, u64)>,
    /// From the first socket to the last, in µs.
    spread: Histogram,
}

struct Sighting {
    first_ns: u64,
    last_ns: u64,
    sockets: usize,
}

impl Sightings {
    /// Nothing seen yet.
    pub fn new(sockets: usize) -> Self {
        Self {
            sockets,
            hasher: FixedState::with_seed(1),
            watched: HashMap::with_capacity_and_hasher(1_024, FixedState::with_seed(2)),
            order: VecDeque::with_capacity(1_024),
            spread: Histogram::default(),
        }
    }

    /// A socket got this message.
    pub fn see(&mut self, payload: &[u8], now_ns: u64) {
        if self.sockets < 2 {
            return;
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write_usize(payload.len());
        if payload.len() <= 2 * ENDS {
            hasher.write(payload);
        } else {
            hasher.write(&payload[..ENDS]);
            hasher.write(&payload[payload.len() - ENDS..]);
        }
        let key = hasher.finish();
        if let Some(sighting) = self.watched.get_mut(&key) {
            sighting.last_ns = now_ns;
            sighting.sockets += 1;
            if sighting.sockets == self.sockets {
                self.finish(key);
            }
            return;
        }
        while let Some(&(oldest, since_ns)) = self.order.front()
            && (self.order.len() >= WATCHED_MAX || since_ns + PATIENCE_NS <= now_ns)
        {
            self.order.pop_front();
            // The same message may have come once more since, and is then younger.
            if self.watched.get(&oldest).is_some_and(|it| it.first_ns == since_ns) {
                self.finish(oldest);
            }
        }
        self.watched.insert(key, Sighting { first_ns: now_ns, last_ns: now_ns, sockets: 1 });
        self.order.push_back((key, now_ns));
    }

    fn finish(&mut self, key: u64) {
        let sighting = self.watched.remove(&key);
        if let Some(Sighting { first_ns, last_ns, sockets: 2.. }) = sighting {
            self.spread.add((last_ns - first_ns) / 1_000);
        }
    }

    /// The spread of all messages that more than one socket got, in µs.
    pub fn into_spread(mut self) -> Histogram {
        while let Some((key, _)) = self.order.pop_front() {
            self.finish(key);
        }
        self.spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_from_the_first_socket_to_the_last() {
        let mut sightings = Sightings::new(3);
        for (message, micros) in
            [("a", 10), ("b", 11), ("a", 12), ("b", 12), ("alone", 13), ("a", 30), ("b", 13)]
        {
            sightings.see(message.as_bytes(), micros * 1_000);
        }
        let spread = sightings.into_spread().shares().expect("two messages were shared");
        assert_eq!((spread.count, spread.p50, spread.max), (2, 2, 20));
    }

    #[test]
    fn the_same_words_later_are_another_message() {
        let mut sightings = Sightings::new(2);
        for micros in [100, 101, 500, 503] {
            sightings.see(b"tick", micros * 1_000);
        }
        // One socket alone, then both, after we stopped waiting for the other.
        sightings.see(b"tick", 1_000_000);
        sightings.see(b"other", 3_000_000_000);
        sightings.see(b"tick", 3_100_000_000);
        sightings.see(b"tick", 3_100_007_000);
        let spread = sightings.into_spread().shares().expect("messages were shared");
        assert_eq!((spread.count, spread.p50, spread.max), (3, 3, 7));
    }

    #[test]
    fn what_is_forgotten_takes_no_younger_message_along() {
        let mut sightings = Sightings::new(2);
        for (message, millis) in
            [("tick", 0), ("tick", 1), ("tick", 1_900), ("other", 2_100), ("tick", 2_200)]
        {
            sightings.see(message.as_bytes(), millis * 1_000_000);
        }
        let spread = sightings.into_spread().shares().expect("messages were shared");
        assert_eq!((spread.count, spread.max), (2, 300_000));
    }

    #[test]
    fn long_messages_are_told_apart_by_their_ends() {
        let mut sightings = Sightings::new(2);
        let long = |first: u8, last: u8| {
            let mut bytes = vec![b'.'; 5_000];
            (bytes[100], bytes[4_950]) = (first, last);
            bytes
        };
        for (first, last) in [(1, 1), (2, 1), (1, 2)] {
            sightings.see(&long(first, last), 1_000);
        }
        assert_eq!(sightings.watched.len(), 3);
    }

    #[test]
    fn what_is_watched_is_bounded() {
        let mut sightings = Sightings::new(2);
        for number in 0..2 * WATCHED_MAX as u64 {
            sightings.see(&number.to_le_bytes(), number);
        }
        assert!(sightings.watched.len() <= WATCHED_MAX && sightings.order.len() <= WATCHED_MAX);
    }
}
