//! A digest of state: equal states have equal digests, on any machine.
//!
//! Not a defence against anybody; it finds differences between two that should be the same.

/// Takes in words and gives a digest of them, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Digest {
    /// Takes in one word.
    pub const fn word(&mut self, word: u64) {
        // Two rounds of multiply and fold, so that every bit of a word reaches every bit of the digest.
        let mut state = self.0 ^ word;
        state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
        state ^= state >> 32;
        state = state.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.0 = state ^ (state >> 29);
    }
    /// Takes in a signed word.
    pub const fn signed(&mut self, word: i64) {
        self.word(word.cast_unsigned());
    }
    /// Takes in a wide word.
    pub const fn wide(&mut self, word: i128) {
        self.word(word.cast_unsigned() as u64);
        self.word((word.cast_unsigned() >> 64) as u64);
    }
    /// The digest of what was taken in.
    #[must_use]
    pub const fn finish(self) -> u64 {
        self.0
    }
}
