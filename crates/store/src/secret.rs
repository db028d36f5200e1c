//! Secrets in memory: text that is not told by accident.
//!
//! Not a vault: whoever can read the process can read it. It keeps secrets out of logs, errors and panics, and
//! wipes them when they are dropped.

use core::fmt;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::StoreError;

/// A secret text. `Debug` does not show it, there is no `Display`, and comparing takes as long for a wrong
/// secret as for the right one.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// From now on nobody sees it by accident.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
    /// The text itself, for the one who signs with it or hands it to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
    /// Whether this is what was presented, without telling by time how much of it was right. Its length is no
    /// secret.
    #[must_use]
    pub fn is(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is in a file that holds a secret and nothing else, not more than so many bytes, and that not everybody may read.
/// What is wrong with it otherwise is worded by `bad`.
pub(crate) fn read_secret(
    path: &Path,
    bytes_max: usize,
    bad: impl Fn(String) -> StoreError,
) -> Result<Zeroizing<String>, StoreError> {
    let io =
        |error: std::io::Error| StoreError::Io { path: path.to_owned(), error: error.to_string() };
    let file = std::fs::File::open(path).map_err(io)?;
    // Of the open file, so that nobody can put another in its place between the look and the reading.
    let mode = file.metadata().map_err(io)?.mode() & 0o777;
    if mode & 0o007 != 0 || mode & 0o020 != 0 {
        return Err(bad(format!(
            "others may use it (mode {mode:03o}); do `chmod 600 {}`",
            path.display()
        )));
    }
    let mut text = Zeroizing::new(String::with_capacity(bytes_max));
    let read = file.take(bytes_max as u64).read_to_string(&mut text);
    read.map_err(|_| bad("it is not text".to_owned()))?;
    Ok(text)
}

/// The SHA-256 of a secret, which stands for it where it need not be read back.
///
/// A plain hash is right here, and argon2 would be wrong: slow hashes protect passwords, which people choose and
/// which can be guessed. Our keys are at least 128 bits from the system's randomness; nobody tries 2^128 hashes,
/// fast or slow, while a slow one would let a stranger keep a core busy with each wrong key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub(crate) [u8; 32]);

impl Digest {
    /// Of these parts. Each is preceded by its length, so that no two lists of parts look the same.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
    /// Whether it is the same, in the same time whether or not.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}
