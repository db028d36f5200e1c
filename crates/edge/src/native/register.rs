//! What people are told of themselves by the native API: the question to whoever keeps accounts.
//!
//! Whether somebody may do something is not asked here but of [`Identities`](crate::identity::Identities).

use model::{AccountId, Time};

/// Knows accounts and their credentials. Asked on the HTTP thread, so it must answer from memory.
pub trait Register: Send + Sync {
    /// What is known of whoever came with this key, which is one of the native API's and good.
    fn key(&self, key: &str) -> Option<KeyNote>;
    /// The account with this number.
    fn account(&self, id: AccountId) -> Option<AccountNote>;
    /// The account of this name.
    fn account_named(&self, _name: &str) -> Option<AccountId> {
        None
    }
    /// The credentials of an account in every dialect, revoked ones too, without secrets.
    fn credentials(&self, id: AccountId) -> Vec<CredentialNote>;
    /// The demo's accounts with all their credentials, as JSON, where they are no secret.
    fn demo(&self) -> Option<String>;
}

/// A key that somebody came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNote {
    /// Its number, as its owner is shown it.
    pub id: String,
    /// How many requests it may make each second; `None` is what everybody may.
    pub requests_per_second_max: Option<u32>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountNote {
    /// What people call it.
    pub name: String,
    /// The number by which its owner is known.
    pub user_id: u64,
    /// Its wallet's address.
    pub address: String,
}

/// A credential without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialNote {
    /// Its number.
    pub id: String,
    /// In which dialect it is good.
    pub dialect: &'static str,
    /// What is shown of its key: all of it where it is no secret.
    pub shown: String,
    /// Whether it may change anything.
    pub may_trade: bool,
    /// The instruments that it is good for, as `BTC/USD`; `None` is all.
    pub instruments: Option<Vec<String>>,
    /// The channels that it may hear; `None` is all.
    pub channels: Option<Vec<String>>,
    /// The feeds of indexes that it may quote.
    pub quotes: Vec<String>,
    /// When it was made.
    pub made: Time,
    /// When it was revoked, if it was.
    pub revoked: Option<Time>,
}

/// Knows nobody: for venues without accounts.
#[derive(Clone, Copy, Debug)]
pub struct Blank;

impl Register for Blank {
    fn key(&self, _key: &str) -> Option<KeyNote> {
        None
    }
    fn account(&self, _id: AccountId) -> Option<AccountNote> {
        None
    }
    fn credentials(&self, _id: AccountId) -> Vec<CredentialNote> {
        Vec::new()
    }
    fn demo(&self) -> Option<String> {
        None
    }
}
