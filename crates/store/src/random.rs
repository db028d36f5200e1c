//! The one place where randomness comes in.

use sha2::{Digest as _, Sha256};

use crate::StoreError;

/// Where keys, secrets and nonces come from.
#[derive(Debug)]
pub struct Random(From);

#[derive(Debug)]
enum From {
    System,
    Label { seed: [u8; 32], block: u64 },
}

impl Random {
    /// The operating system's.
    #[must_use]
    pub const fn system() -> Self {
        Self(From::System)
    }

    /// Numbers that anybody who knows the label can repeat: for the demo's credentials, which are no secret, and
    /// for tests. Block `n` is the SHA-256 of the label's SHA-256 and `n` as eight bytes, little end first.
    #[must_use]
    pub fn repeatable(label: &str) -> Self {
        Self(From::Label { seed: Sha256::digest(label.as_bytes()).into(), block: 0 })
    }

    /// Fills these bytes; a repeatable source begins a new block each time.
    ///
    /// # Errors
    /// [`StoreError::NoRandomness`] if the system has none.
    pub fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StoreError> {
        match &mut self.0 {
            From::System => {
                getrandom::fill(bytes).map_err(|error| StoreError::NoRandomness(error.to_string()))
            }
            From::Label { seed, block } => {
                for part in bytes.chunks_mut(32) {
                    let mut hash = Sha256::new();
                    hash.update(*seed);
                    hash.update(block.to_le_bytes());
                    part.copy_from_slice(&hash.finalize()[..part.len()]);
                    *block += 1;
                }
                Ok(())
            }
        }
    }

    /// So many bytes.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A text of so many of these letters, each as likely as the others.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub fn letters(&mut self, alphabet: &[u8], count: usize) -> Result<String, StoreError> {
        // Bytes from here on would favour the first letters.
        let fair = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(count);
        while text.len() < count {
            for byte in self.bytes::<32>()? {
                if usize::from(byte) < fair && text.len() < count {
                    text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
                }
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_label_repeats_itself_and_the_system_does_not() {
        let of = |label| Random::repeatable(label).bytes::<40>().expect("bytes");
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        let mut system = Random::system();
        assert_ne!(system.bytes::<32>().expect("bytes"), system.bytes::<32>().expect("bytes"));
    }

    #[test]
    fn letters_are_as_likely_as_each_other() {
        let alphabet: Vec<u8> = (b'A'..b'A' + 62).collect();
        let mut counts = [0_u32; 62];
        let text = Random::repeatable("fair").letters(&alphabet, 62_000).expect("letters");
        text.bytes().for_each(|letter| counts[usize::from(letter - b'A')] += 1);
        // A thousand each, with a deviation of 31; a careless remainder would give the first eight 1,211.
        assert!(counts.iter().all(|count| count.abs_diff(1_000) < 150), "{counts:?}");
    }
}
