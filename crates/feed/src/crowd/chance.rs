//! Chance: seeded random numbers in the shapes the crowd needs, in integers.
//!
//! Not a source of secrets; whoever knows the seed knows them all.

use model::Span;
use model::image::{Image, Impossible, Reader, Sink};

/// What spreads neighbouring numbers: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// One participant's own stream of chance. That nobody draws from another's stream keeps the times at which
/// they act, and the fair prices, free of what visitors do.
///
/// It is xoshiro256++ (Blackman and Vigna), seeded by splitmix64 as its authors advise; written out here because an
/// image needs the state.
pub(crate) struct Chance([u64; 4]);

impl Chance {
    /// The stream with this number of this seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        // An odd factor spreads neighbouring numbers over all bits; splitmix64 mixes them.
        let place = stream.wrapping_add(1).wrapping_mul(GOLDEN);
        let mut mixed = seed.rotate_left(32) ^ place;
        Self([(); 4].map(|()| {
            mixed = mixed.wrapping_add(GOLDEN);
            let mut word = mixed;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        }))
    }

    /// The next word.
    pub const fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let word = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        word
    }

    /// Evenly in `0..bound`; 0 if the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Evenly in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high.abs_diff(low) + 1) as i64
    }

    /// Whether something happens that happens so many times in a hundred.
    pub fn percent(&mut self, times: u64) -> bool {
        self.below(100) < times
    }

    /// In `0..bound`, the less likely the farther from 0: `bound` times the `power`th power of an even share.
    pub fn falling(&mut self, bound: i64, power: u32) -> i64 {
        let share = i128::from(self.below(1 << 16));
        ((i128::from(bound) * share.pow(power)) >> (16 * power)) as i64
    }

    /// A bell around 0 whose standard deviation is 1,000.
    pub fn bell(&mut self) -> i64 {
        // The set bits of two words have variance 32; what an even draw adds between two of them fills the
        // gaps, and 1 / 12 of variance.
        let bits = self.next_u64().count_ones() + self.next_u64().count_ones();
        let fine = self.below(1_000) as i64 - 500;
        ((i64::from(bits) - 64) * 1_000 + fine) * 1_000 / 5_664
    }

    /// A pause of about this length: evenly between half of it and half as much again.
    pub fn steady(&mut self, mean: Span) -> Span {
        Span(self.between(mean.0 / 2, mean.0 + mean.0 / 2))
    }

    /// A pause of about this length that is often much shorter and sometimes up to four times as long.
    pub fn restless(&mut self, mean: Span) -> Span {
        let share = (self.below(1 << 16) * self.below(1 << 16)) >> 16;
        Span(((i128::from(mean.0) * i128::from(share)) >> 14) as i64 + 1_000)
    }
}

/// Its state; none that would give nothing but zeros.
impl Image for Chance {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|&word| out.word(word));
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let state = [from.word()?, from.word()?, from.word()?, from.word()?];
        if state == [0; 4] { Err(Impossible("chance that is none")) } else { Ok(Self(state)) }
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn it_draws_what_the_published_generator_draws() {
        for (seed, stream) in [(0, 0), (7, 1), (u64::MAX, 160), (1 << 40, u64::MAX / 2)] {
            let place = u64::wrapping_add(stream, 1).wrapping_mul(GOLDEN);
            let mut published =
                Xoshiro256PlusPlus::seed_from_u64(u64::rotate_left(seed, 32) ^ place);
            let mut ours = Chance::new(seed, stream);
            for _ in 0..1_000 {
                assert_eq!(ours.next_u64(), published.next_u64());
            }
        }
    }
}
