//! The master key: seals the secrets that must be read back, because signatures are made with them.
//!
//! It comes from a file or from the environment, and is never kept in the store: a stolen store, or its backup,
//! gives nobody's secrets away. XChaCha20-Poly1305 with random 24-byte nonces; what is sealed is bound to its
//! row, so that it opens nowhere else.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::secret::read_secret;
use crate::{Random, StoreError};

/// The environment variable that may hold the master key.
pub const VARIABLE: &str = "RIALTO_MASTER_KEY";

const NONCE_BYTES: usize = 24;
const TEXT_BYTES: usize = 64;

/// Seals and opens secrets.
#[derive(Clone)]
pub struct MasterKey(XChaCha20Poly1305);

impl MasterKey {
    /// From sixty-four hexadecimal digits; `from` is what an error calls their source.
    ///
    /// # Errors
    /// [`StoreError::MasterKeyBad`] if it is anything else. The error does not repeat it.
    pub fn parse(text: &str, from: &str) -> Result<Self, StoreError> {
        let bad = || StoreError::MasterKeyBad {
            from: from.to_owned(),
            why: "expected 64 hexadecimal digits and nothing else".to_owned(),
        };
        let digits = text.trim().as_bytes();
        if digits.len() != TEXT_BYTES {
            return Err(bad());
        }
        let mut key = Zeroizing::new([0; 32]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            let digit = |of: u8| char::from(of).to_digit(16).ok_or_else(bad);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Self(XChaCha20Poly1305::new((&*key).into())))
    }

    /// Reads a file that holds nothing else, and that not everybody may read.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read, is open to everybody, or holds no master key.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let from = path.display().to_string();
        let bad = |why: String| StoreError::MasterKeyBad { from: from.clone(), why };
        Self::parse(&read_secret(path, TEXT_BYTES * 2, bad)?, &from)
    }

    /// What the file names, if one is named; else what the environment variable holds, if it is set.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`parse`](Self::parse).
    pub fn find(file: Option<&Path>) -> Result<Option<Self>, StoreError> {
        match (file, std::env::var(VARIABLE)) {
            (Some(path), _) => Self::read(path).map(Some),
            (None, Ok(text)) => Self::parse(&Zeroizing::new(text), VARIABLE).map(Some),
            (None, Err(std::env::VarError::NotPresent)) => Ok(None),
            (None, Err(std::env::VarError::NotUnicode(_))) => Err(StoreError::MasterKeyBad {
                from: VARIABLE.to_owned(),
                why: "it is not text".to_owned(),
            }),
        }
    }

    /// Makes a new one in a new file that only its owner may read.
    ///
    /// # Errors
    /// [`StoreError`] if there is such a file already, or it cannot be written whole.
    pub fn make(path: &Path, random: &mut Random) -> Result<(), StoreError> {
        let io = |error: std::io::Error| StoreError::Io {
            path: path.to_owned(),
            error: match error.kind() {
                ErrorKind::AlreadyExists => "it is there already; name another file".to_owned(),
                _ => error.to_string(),
            },
        };
        let text = Zeroizing::new(random.letters(b"0123456789abcdef", TEXT_BYTES)?);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
        file.write_all(text.as_bytes()).map_err(io)?;
        file.write_all(b"\n").map_err(io)?;
        file.sync_all().map_err(io)
    }

    /// Seals a secret for the place that `bound` names: nonce, then what only this key opens, there only.
    pub(crate) fn seal(
        &self,
        secret: &[u8],
        bound: &[u8],
        random: &mut Random,
    ) -> Result<Vec<u8>, StoreError> {
        let nonce = random.bytes::<NONCE_BYTES>()?;
        let payload = Payload { msg: secret, aad: bound };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("a secret is far shorter than what the cipher can seal");
        Ok([&nonce[..], &sealed].concat())
    }

    /// What was sealed for this place with this key; `None` if this was not.
    pub(crate) fn open(&self, sealed: &[u8], bound: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: bound };
        self.0.decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}
