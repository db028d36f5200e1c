//! Chance: seeded random numbers in the shapes the crowd needs, in integers.
//!
//! Not a source of secrets; whoever knows the seed knows them all.

use model::Span;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// One participant's own stream of chance. That nobody draws from another's stream keeps the times at which
/// they act, and the fair prices, free of what visitors do.
pub(super) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// The stream with this number of this seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        // An odd factor spreads neighbouring numbers over all bits; `seed_from_u64` mixes them.
        let place = stream.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(Xoshiro256PlusPlus::seed_from_u64(seed.rotate_left(32) ^ place))
    }

    /// Evenly in `0..bound`; 0 if the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
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
        let bits = self.0.next_u64().count_ones() + self.0.next_u64().count_ones();
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
