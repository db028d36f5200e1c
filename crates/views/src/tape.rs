//! The tape: the last trades.

use std::collections::VecDeque;

use model::image::{Image, Impossible, Reader, save_all};
use model::{Time, Trade};

use crate::digest::Digest;
use crate::image::COUNT_MAX;

/// How many trades are kept; the oldest go first.
pub const TRADES_MAX: usize = 65_536;

/// The last trades of an instrument.
#[derive(Debug)]
pub struct Tape {
    /// Oldest first.
    trades: VecDeque<Trade>,
    /// How many there ever were.
    count: u64,
}

impl Tape {
    /// An empty tape.
    #[must_use]
    pub fn new() -> Self {
        // All of the room at once: pages that no trade has reached yet cost nothing.
        Self { trades: VecDeque::with_capacity(TRADES_MAX), count: 0 }
    }

    /// A trade happened.
    pub fn add(&mut self, trade: Trade) {
        if self.trades.len() == TRADES_MAX {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
        self.count += 1;
    }

    /// The last trade.
    #[must_use]
    pub fn last(&self) -> Option<&Trade> {
        self.trades.back()
    }

    /// The trades since a moment, newest first, at most `limit`.
    #[must_use]
    pub fn since(&self, since: Time, limit: usize) -> Vec<Trade> {
        let newest_first = self.trades.iter().rev();
        newest_first.take_while(|trade| trade.time >= since).take(limit).copied().collect()
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        self.count.save(out);
        save_all(self.trades.iter(), out);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let mut tape = Self { count: from.number()?, ..Self::new() };
        for _ in 0..from.count(TRADES_MAX, "more trades than a tape keeps")? {
            tape.trades.push_back(Trade::load(from)?);
        }
        let kept = tape.trades.len() as u64;
        let is_sound = kept == tape.count.min(TRADES_MAX as u64) && tape.count < COUNT_MAX;
        if is_sound { Ok(tape) } else { Err(Impossible("the number of trades")) }
    }

    pub(crate) fn digest(&self, into: &mut Digest) {
        into.word(self.count);
        if let Some(last) = self.last() {
            into.word(last.id.0);
            into.signed(last.time.0);
            into.signed(last.price.0);
            into.signed(last.quantity.0);
            into.word(last.maker.0);
            into.word(last.taker.0);
        }
    }
}

impl Default for Tape {
    fn default() -> Self {
        Self::new()
    }
}
