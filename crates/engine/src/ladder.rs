//! A sorted line of price levels, the best at hand: ranks to level numbers, in chunks of a bounded size, so
//! that work near the best price touches one small chunk and no insertion, however far, moves more than one.
//!
//! It knows ranks, not prices or sides: whoever uses it gives a better price a higher rank.

/// Entries of a chunk: two kilobytes at most are searched or moved.
const CHUNK: usize = 64;
/// A chunk that has shrunk to this joins a neighbour that has room.
const SMALL: usize = 12;

#[derive(Clone, Debug)]
struct Chunk {
    len: usize,
    /// Ascending.
    ranks: [i64; CHUNK],
    levels: [u32; CHUNK],
}

impl Chunk {
    const EMPTY: Self = Self { len: 0, ranks: [0; CHUNK], levels: [0; CHUNK] };

    #[inline]
    fn place_of(&self, rank: i64) -> usize {
        self.ranks[..self.len].partition_point(|&here| here < rank)
    }
    fn insert(&mut self, at: usize, rank: i64, level: u32) {
        self.ranks.copy_within(at..self.len, at + 1);
        self.levels.copy_within(at..self.len, at + 1);
        self.ranks[at] = rank;
        self.levels[at] = level;
        self.len += 1;
    }
    fn remove(&mut self, at: usize) {
        self.ranks.copy_within(at + 1..self.len, at);
        self.levels.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }
}

/// Where ranks were seen last: a rank and its neighbours have places of their own among these.
const HINTS: i64 = 1 << 10;
const NO_HINT: u32 = u32::MAX;

/// The sorted line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ladder {
    /// A rank in line and its level, at the rank's place; `u32::MAX` where there is none. Empty until the first
    /// rank comes. Most orders join a level that exists, and find it here without a search.
    hints: Vec<(i64, u32)>,
    /// The chunks in line, ascending: each one's lowest rank and its number.
    line: Vec<(i64, u32)>,
    chunks: Vec<Chunk>,
    free: Vec<u32>,
    best: Option<(i64, u32)>,
}

impl Ladder {
    /// The highest rank and its level.
    #[inline]
    pub const fn best(&self) -> Option<(i64, u32)> {
        self.best
    }
    /// The chunk in line that holds this rank, or would.
    #[inline]
    fn part_of(&self, rank: i64) -> usize {
        let last = self.line.len() - 1;
        if self.line[last].0 <= rank {
            return last;
        }
        self.line.partition_point(|&(lowest, _)| lowest <= rank).saturating_sub(1)
    }
    /// The level of this rank; if there is none, `make` makes it.
    #[inline]
    pub fn find_or_insert(&mut self, rank: i64, make: impl FnOnce() -> u32) -> u32 {
        let hint = rank.rem_euclid(HINTS) as usize;
        if let Some(&(seen, level)) = self.hints.get(hint)
            && seen == rank
            && level != NO_HINT
        {
            return level;
        }
        let level = self.search_or_insert(rank, make);
        self.hints[hint] = (rank, level);
        level
    }
    #[inline(never)]
    fn search_or_insert(&mut self, rank: i64, make: impl FnOnce() -> u32) -> u32 {
        if self.line.is_empty() {
            if self.hints.is_empty() {
                self.hints.resize(HINTS as usize, (0, NO_HINT));
            }
            let chunk = self.take_chunk();
            self.line.push((rank, chunk));
        }
        let part = self.part_of(rank);
        let chunk = &mut self.chunks[self.line[part].1 as usize];
        let at = chunk.place_of(rank);
        if at < chunk.len && chunk.ranks[at] == rank {
            return chunk.levels[at];
        }
        let level = make();
        if chunk.len < CHUNK {
            chunk.insert(at, rank, level);
            self.line[part].0 = chunk.ranks[0];
        } else {
            self.split_and_insert(part, at, rank, level);
        }
        if self.best.is_none_or(|(best, _)| rank > best) {
            self.best = Some((rank, level));
        }
        level
    }
    #[cold]
    fn split_and_insert(&mut self, part: usize, at: usize, rank: i64, level: u32) {
        let upper = self.take_chunk();
        let lower = self.line[part].1;
        // A line that grows at its best end leaves full chunks behind it.
        let keep = if at == CHUNK { CHUNK } else { CHUNK / 2 };
        let mut moved = Chunk::EMPTY;
        {
            let chunk = &mut self.chunks[lower as usize];
            moved.len = CHUNK - keep;
            moved.ranks[..moved.len].copy_from_slice(&chunk.ranks[keep..]);
            moved.levels[..moved.len].copy_from_slice(&chunk.levels[keep..]);
            chunk.len = keep;
            if at < keep {
                chunk.insert(at, rank, level);
            } else {
                moved.insert(at - keep, rank, level);
            }
            self.line[part].0 = chunk.ranks[0];
        }
        self.line.insert(part + 1, (moved.ranks[0], upper));
        self.chunks[upper as usize] = moved;
    }
    /// Takes a rank out.
    ///
    /// # Panics
    /// If it is not in line.
    pub fn remove(&mut self, rank: i64) {
        let part = self.part_of(rank);
        let number = self.line[part].1;
        let chunk = &mut self.chunks[number as usize];
        let at = chunk.place_of(rank);
        assert!(at < chunk.len && chunk.ranks[at] == rank, "a level in use is in line");
        chunk.remove(at);
        if chunk.len == 0 {
            self.line.remove(part);
            self.free.push(number);
        } else {
            self.line[part].0 = chunk.ranks[0];
            if chunk.len <= SMALL {
                self.join(part);
            }
        }
        let hint = &mut self.hints[rank.rem_euclid(HINTS) as usize];
        if hint.0 == rank {
            hint.1 = NO_HINT;
        }
        if self.best.is_some_and(|(best, _)| best == rank) {
            self.best = self.line.last().map(|&(_, number)| {
                let chunk = &self.chunks[number as usize];
                (chunk.ranks[chunk.len - 1], chunk.levels[chunk.len - 1])
            });
        }
    }
    /// Joins a small chunk with the one below it, if that has room to spare.
    fn join(&mut self, part: usize) {
        let Some(below) = part.checked_sub(1) else { return };
        let (lower, upper) = (self.line[below].1 as usize, self.line[part].1 as usize);
        if self.chunks[lower].len > CHUNK / 2 {
            return;
        }
        let moved = self.chunks[upper].clone();
        let chunk = &mut self.chunks[lower];
        chunk.ranks[chunk.len..chunk.len + moved.len].copy_from_slice(&moved.ranks[..moved.len]);
        chunk.levels[chunk.len..chunk.len + moved.len].copy_from_slice(&moved.levels[..moved.len]);
        chunk.len += moved.len;
        self.line.remove(part);
        self.free.push(upper as u32);
    }
    fn take_chunk(&mut self) -> u32 {
        if let Some(number) = self.free.pop() {
            self.chunks[number as usize].len = 0;
            return number;
        }
        self.chunks.push(Chunk::EMPTY);
        self.chunks.len() as u32 - 1
    }
    /// The levels, best first.
    pub fn best_first(&self) -> impl Iterator<Item = u32> + '_ {
        self.line.iter().rev().flat_map(|&(_, number)| {
            let chunk = &self.chunks[number as usize];
            chunk.levels[..chunk.len].iter().rev().copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn agrees_with_a_sorted_map_under_random_growth_and_decline() {
        for seed in 0..20_u64 {
            let mut random = crate::flow::Random::new(seed);
            let mut ladder = Ladder::default();
            let mut map: BTreeMap<i64, u32> = BTreeMap::new();
            let span = [10, 500, 1_000_000][seed as usize % 3];
            for step in 0..20_000_u32 {
                let rank = random.below(span) as i64 - span as i64 / 2;
                let growing = (step / 4_000) % 2 == 0;
                if random.below(10) < if growing { 7 } else { 2 } {
                    let known = map.get(&rank).copied();
                    let got = ladder.find_or_insert(rank, || step);
                    assert_eq!(got, known.unwrap_or(step), "seed {seed} step {step}");
                    map.insert(rank, got);
                } else if let Some((&there, _)) = map.range(rank..).next() {
                    map.remove(&there);
                    ladder.remove(there);
                }
                let best = map.last_key_value().map(|(&rank, &level)| (rank, level));
                assert_eq!(ladder.best(), best, "seed {seed} step {step}");
                if step % 97 == 0 {
                    assert!(
                        ladder.best_first().eq(map.values().rev().copied()),
                        "seed {seed} step {step}"
                    );
                }
            }
        }
    }
}
