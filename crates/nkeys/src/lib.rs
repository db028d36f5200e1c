//! NKEYs: the keys by which a client of a NATS server proves who it is, Ed25519 in letters of base 32.
//!
//! It takes the place of the published crate of this name (`[patch.crates-io]` in the workspace), of which `async-nats` uses
//! no more than this: that one brings two dozen crates, six of them in a second version, where `ring` is here already.
//! It makes no keys, and knows no JWT.
//!
//! A public key is `kind u8 · key [32] · check u16`, a seed is two bytes with five bits of `S`, the kind, and three bits of
//! nothing, then `seed [32] · check u16`. The check is CRC-16/XMODEM of all before it, little-endian.

#[cfg(test)]
mod tests;

use std::fmt;

use ring::signature::{Ed25519KeyPair, KeyPair as _};

const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// What a seed begins with: `S`.
const SEED: u8 = 18 << 3;
/// What kinds of keys there are: account, cluster, curve, operator, server, user.
const KINDS: [u8; 6] = [0, 2 << 3, 23 << 3, 14 << 3, 13 << 3, 20 << 3];

/// A key pair. What is secret of it is not shown.
pub struct KeyPair {
    kind: u8,
    pair: Ed25519KeyPair,
}

/// Why a text is no seed. It says nothing of what is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It has another length, or other letters.
    Letters,
    /// A letter was changed.
    Check,
    /// It is something else: a public key, say.
    Kind,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Letters => "it is no seed: one has 58 letters of A to Z and 2 to 7",
            Self::Check => "it is no seed: some of its letters are wrong",
            Self::Kind => "it is no seed, but another kind of key: a seed begins with S",
        })
    }
}

impl std::error::Error for Error {}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyPair").field(&self.public_key()).finish()
    }
}

impl KeyPair {
    /// That of this seed.
    ///
    /// # Errors
    /// [`Error`] if it is none.
    pub fn from_seed(seed: &str) -> Result<Self, Error> {
        let bytes = decoded(seed)?;
        let (body, check) = bytes.split_last_chunk::<2>().ok_or(Error::Letters)?;
        if checksum(body) != u16::from_le_bytes(*check) {
            return Err(Error::Check);
        }
        let (&[first, second], key) = body.split_first_chunk::<2>().ok_or(Error::Letters)?;
        let kind = (first & 0b111) << 5 | second >> 3;
        if first & 0b1111_1000 != SEED || !KINDS.contains(&kind) {
            return Err(Error::Kind);
        }
        // Of any other length it is none.
        let pair = Ed25519KeyPair::from_seed_unchecked(key).map_err(|_| Error::Letters)?;
        Ok(Self { kind, pair })
    }

    /// The public half, as a server's configuration writes it.
    #[must_use]
    pub fn public_key(&self) -> String {
        let mut bytes = vec![self.kind];
        bytes.extend_from_slice(self.pair.public_key().as_ref());
        let check = checksum(&bytes);
        bytes.extend(check.to_le_bytes());
        encoded(&bytes)
    }

    /// Signs this.
    ///
    /// # Errors
    /// None: it is what whoever calls it expects.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.pair.sign(message).as_ref().to_vec())
    }
}

/// CRC-16/XMODEM.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, &byte| {
        (0..8).fold(sum ^ u16::from(byte) << 8, |sum, _| match sum & 0x8000 {
            0 => sum << 1,
            _ => sum << 1 ^ 0x1021,
        })
    })
}

/// Base 32 (RFC 4648) without padding.
fn encoded(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let letter = |at: usize| {
        let value = (at * 5..at * 5 + 5).fold(0, |value, at| value << 1 | usize::from(bit(at)));
        char::from(LETTERS[value])
    };
    (0..(bytes.len() * 8).div_ceil(5)).map(letter).collect()
}

/// What was encoded so; bits that are left over must be 0.
fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    let (mut bytes, mut held, mut bits) = (Vec::with_capacity(text.len()), 0_u16, 0);
    for letter in text.bytes() {
        let value = LETTERS.iter().position(|known| *known == letter).ok_or(Error::Letters)?;
        held = held << 5 | value as u16;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    if held == 0 && bits < 5 { Ok(bytes) } else { Err(Error::Letters) }
}
