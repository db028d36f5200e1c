//! Accounts and their credentials, as they are found and as they are issued.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use model::{AccountId, Time};

use crate::{Digest, Entitlement, Limits, Secret};

/// Whoever trades: one identity, whatever the dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number in the engine's ledger.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// Its wallet's address, which follows from its number: `0x` and forty hexadecimal digits in lower case.
    pub address: String,
    /// When it was made.
    pub made: Time,
    /// Since when it is blocked, if it is: its credentials are good for nothing then, though none is revoked.
    pub blocked: Option<Time>,
    /// Whether it is one of the demo's, whose credentials are public.
    pub demo: bool,
}

impl Account {
    /// The number by which users know themselves. It is the account's: two that could differ would.
    #[must_use]
    pub fn user_id(&self) -> u64 {
        u64::from(self.id.0)
    }
}

/// A credential's number in its store; `c12` in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(pub u64);

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("c{}", self.0))
    }
}

impl FromStr for CredentialId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        text.strip_prefix('c').and_then(|number| number.parse().ok()).map(Self).ok_or(())
    }
}

/// A credential, as it is found by its key.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its number.
    pub id: CredentialId,
    /// Whose it is.
    pub account: Arc<Account>,
    /// The dialect in which it is good.
    pub dialect: &'static str,
    /// What is shown of its key.
    pub shown: String,
    /// How its holder proves to be that.
    pub proof: Proof,
    /// What it may do.
    pub entitlement: Entitlement,
    /// How much it may do at once.
    pub limits: Limits,
    /// When it was made.
    pub made: Time,
    /// When it was revoked, if it was. A revoked credential may do nothing.
    pub revoked: Option<Time>,
}

/// How the holder of a key proves to be that.
#[derive(Clone, Debug)]
pub enum Proof {
    /// By knowing the key.
    Key,
    /// By signing with this secret.
    Signature(Secret),
    /// By presenting the secret of which this is the hash.
    Secret(Digest),
    /// Not at all: the store was opened without the master key.
    Locked,
}

impl Found {
    /// Its key, where that is no secret.
    #[must_use]
    pub fn public_key(&self) -> Option<&str> {
        let is_secret = matches!(self.proof, Proof::Key);
        (!is_secret).then_some(&*self.shown)
    }
    /// What signatures are made with, if they are and it is still good.
    #[must_use]
    pub fn signing_secret(&self) -> Option<&Secret> {
        match &self.proof {
            Proof::Signature(secret) if self.revoked.is_none() => Some(secret),
            _ => None,
        }
    }
    /// Whether it is good and this is its secret, where one is presented beside the key. The same time passes for
    /// a wrong one.
    #[must_use]
    pub fn is_proven_by(&self, presented: &[u8]) -> bool {
        let is_right = match &self.proof {
            Proof::Signature(secret) => secret.is(presented),
            Proof::Secret(digest) => digest.is(&secret_digest(self.dialect, presented)),
            Proof::Key | Proof::Locked => false,
        };
        is_right && self.revoked.is_none()
    }
    /// Whether it is good and who knows its key needs no other proof.
    #[must_use]
    pub fn is_proven_by_key(&self) -> bool {
        matches!(self.proof, Proof::Key) && self.revoked.is_none()
    }
}

/// Where a key is found.
pub(crate) fn key_digest(dialect: &str, key: &str) -> Digest {
    Digest::of(&[b"rialto key", dialect.as_bytes(), key.as_bytes()])
}

/// What stands for a secret that is only compared.
pub(crate) fn secret_digest(dialect: &str, secret: &[u8]) -> Digest {
    Digest::of(&[b"rialto secret", dialect.as_bytes(), secret])
}

/// A credential that is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// In which dialect.
    pub dialect: String,
    /// What it may do.
    pub entitlement: Entitlement,
    /// How much it may do at once.
    pub limits: Limits,
}

/// A credential just issued: the only time that its secrets are told.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its number.
    pub id: CredentialId,
    /// In which dialect.
    pub dialect: &'static str,
    /// Its parts by their names in that dialect, for its owner.
    pub parts: Vec<(&'static str, Secret)>,
}

/// A credential that is no longer good. Whoever holds connections opened with it ends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Its place among the store's changes: later ones have larger numbers.
    pub version: u64,
    /// The credential.
    pub credential: CredentialId,
    /// In which dialect.
    pub dialect: &'static str,
    /// Its key, where that is no secret. Where it is, nobody knows it but its holder: ask for each key that is in
    /// use whether it is still good.
    pub key: Option<String>,
    /// Whose it was.
    pub account: AccountId,
}
