//! `store`: who one is. Accounts, their credentials in every dialect, what each credential may do and how much.
//!
//! Not what an account owns: balances live in the engine's ledger. Not what happens to a socket: the edge asks
//! here who holds a key, and learns here that a key was revoked. It knows `model`, SQLite and PostgreSQL, and no
//! dialect's words but the names of the parts of its credentials.
//!
//! Reads are answered from memory, so that nothing on the order path waits for a disk; writes are durable when
//! they return, and seen by readers of this process at once; they wait for the disk or the server, and some seconds for
//! another process, so they are not for a thread that serves others. What another process writes (`rialto keys`, while a
//! venue runs) is seen after [`Store::refresh`], which is cheap when nothing has changed: call it every so often, and
//! whenever one is told ([`Store::tell`]).

mod address;
mod credential;
mod demo;
mod directory;
mod entitlement;
mod error;
mod form;
mod kept;
mod master;
#[cfg(feature = "postgres")]
mod postgres;
mod random;
mod secret;
mod sqlite;

use std::sync::Arc;

pub use address::DatabaseUrl;
pub use credential::{Account, CredentialId, Found, Issued, Proof, Revocation, Wanted};
pub use demo::{DemoAccount, Funding, account_json, demo_accounts, demo_funding, demo_json};
pub use entitlement::{Channel, Entitlement, Limits, Pair};
pub use error::StoreError;
pub use form::{FORMS, Form, NATIVE};
pub use kept::{Identity, Opening, Wake};
pub use master::{MasterKey, VARIABLE as MASTER_KEY_VARIABLE};
#[cfg(feature = "postgres")]
pub use postgres::{LeaseRow, PostgresStore};
pub use random::Random;
pub use secret::{Digest, Secret};
pub use sqlite::{FILE, SqliteStore};

use model::{AccountId, Time};

/// Who one is. The same for every way of keeping it.
pub trait Store: Send + Sync {
    /// By what this store is told from others: random, made with it, and its own for ever. A copy of it has the same.
    fn identity(&self) -> Identity;
    /// Who holds this key in this dialect, revoked or not: judge what is found by [`Found::signing_secret`],
    /// [`Found::is_proven_by`] or [`Found::is_proven_by_key`], which know of revocation. The time it takes tells nothing of other keys.
    fn credential(&self, dialect: &str, key: &str) -> Option<Arc<Found>>;
    /// The account with this number.
    fn account(&self, id: AccountId) -> Option<Arc<Account>>;
    /// The account of this name.
    fn account_named(&self, name: &str) -> Option<Arc<Account>>;
    /// The account whose wallet has this address, which is in lower case.
    fn account_at(&self, address: &str) -> Option<Arc<Account>>;
    /// All accounts, by number.
    fn accounts(&self) -> Vec<Arc<Account>>;
    /// All credentials, revoked ones too, by number.
    fn credentials(&self) -> Vec<Arc<Found>>;

    /// The number of the last change that readers see.
    fn version(&self) -> u64;
    /// What was revoked after this version, in order. Nothing is forgotten, so nobody who asks can miss any:
    /// take [`version`](Self::version) before the first connection, and ask again from the last one told.
    fn revocations(&self, after: u64) -> Vec<Revocation>;
    /// Learns what other processes have written; whether there was anything.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read; what was known stays. [`StoreError::Tampered`] once for a damaged
    /// credential, which is no good from then on; all else was learned.
    fn refresh(&self) -> Result<bool, StoreError>;

    /// Has this called soon after others have written, where that is told: then [`refresh`](Self::refresh) learns what.
    /// It may be called for nothing, and where nothing is told never is, so it is no reason not to look every so often.
    fn tell(&self, wake: Wake);

    /// Makes an account with these credentials, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the name is taken or no name, or a credential cannot be made.
    fn enrol(
        &self,
        name: &str,
        wanted: &[Wanted],
        now: Time,
    ) -> Result<(Arc<Account>, Vec<Issued>), StoreError>;
    /// Gives an account further credentials, all or nothing. A token of a dialect in which an account has but one
    /// revokes the one before.
    ///
    /// # Errors
    /// [`StoreError`] if there is no such account, or a credential cannot be made.
    fn issue(
        &self,
        account: AccountId,
        wanted: &[Wanted],
        now: Time,
    ) -> Result<Vec<Issued>, StoreError>;
    /// Takes a credential's power away, for ever; a second time changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if there is no such credential, or it is the demo's.
    fn revoke(&self, credential: CredentialId, now: Time) -> Result<Revocation, StoreError>;
    /// Takes the power of all the credentials that an account has in a dialect, all or nothing; what it took, by
    /// number. Those that were revoked before are not among them.
    ///
    /// # Errors
    /// [`StoreError`] if there is no such account, it is the demo's, or the store cannot be written.
    fn revoke_all(
        &self,
        account: AccountId,
        dialect: &str,
        now: Time,
    ) -> Result<Vec<Revocation>, StoreError>;
    /// Blocks an account, or lets it go on; a second time changes nothing. No credential of it is revoked, but a venue
    /// lets nobody in by them as long as it is blocked.
    ///
    /// # Errors
    /// [`StoreError`] if there is no such account, or it is the demo's.
    fn block(&self, account: AccountId, blocked: bool, now: Time) -> Result<(), StoreError>;
}
