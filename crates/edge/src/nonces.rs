//! Nonces: numbers used once. Whoever repeats a signed request within its window is found out here.
//!
//! Time is the wall's and passed in. Nothing is forgotten within its window: a key that used too many nonces has
//! to wait.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use dialects::Nonce;
use model::{Span, Time};

#[cfg(test)]
mod tests;

/// Nonces of one key that are remembered at once; while they are, no other is fresh.
pub const PER_KEY_MAX: usize = 131_072;
/// Keys whose nonces are remembered at once.
pub const KEYS_MAX: usize = 65_536;

/// Nonces that were noted, each until its window has passed.
#[derive(Default)]
pub struct Nonces {
    by_key: HashMap<(&'static str, Box<str>), Noted>,
    /// Two hashes that nobody outside can foresee: a nonce is remembered as what they make of it.
    hashers: [RandomState; 2],
}

#[derive(Default)]
struct Noted {
    known: HashSet<[u64; 2]>,
    /// In the order in which they came.
    until: VecDeque<(Time, [u64; 2])>,
}

impl Nonces {
    /// Takes note of a nonce of a dialect's key at `wall`. Returns whether it was not noted before.
    pub fn note(&mut self, dialect: &'static str, nonce: &Nonce, wall: Time) -> bool {
        if self.by_key.len() >= KEYS_MAX {
            self.by_key.retain(|_, noted| {
                noted.forget(wall);
                !noted.known.is_empty()
            });
        }
        let mark = self.hashers.each_ref().map(|hasher| hasher.hash_one(&nonce.text));
        let key = (dialect, nonce.key.as_str().into());
        if self.by_key.len() >= KEYS_MAX && !self.by_key.contains_key(&key) {
            return false;
        }
        let noted = self.by_key.entry(key).or_default();
        noted.forget(wall);
        if noted.known.len() >= PER_KEY_MAX || !noted.known.insert(mark) {
            return false;
        }
        let window = Span(i64::try_from(nonce.window.as_micros()).unwrap_or(i64::MAX));
        noted.until.push_back((Time(wall.0.saturating_add(window.0)), mark));
        true
    }
}

impl Noted {
    fn forget(&mut self, wall: Time) {
        while let Some(&(until, mark)) = self.until.front()
            && until <= wall
        {
            self.until.pop_front();
            self.known.remove(&mark);
        }
    }
}
