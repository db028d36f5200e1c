//! All that a store knows, in memory, as its readers see it.
//!
//! Not the truth: that is on disk. It only ever moves forward to a later version of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::AccountId;

use crate::{Account, CredentialId, Digest, Found, Revocation};

/// Accounts and credentials by whatever they are asked for. What is looked up by strangers' text has a seeded hash.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    accounts: BTreeMap<AccountId, Arc<Account>>,
    by_name: HashMap<String, AccountId>,
    by_address: HashMap<String, AccountId>,
    credentials: BTreeMap<CredentialId, Arc<Found>>,
    by_key: HashMap<Digest, Arc<Found>>,
    revocations: BTreeMap<(u64, CredentialId), Revocation>,
    version: u64,
}

impl Directory {
    /// Takes an account.
    pub fn learn_account(&mut self, account: Arc<Account>) {
        self.by_name.insert(account.name.clone(), account.id);
        self.by_address.insert(account.address.clone(), account.id);
        self.accounts.insert(account.id, account);
    }
    /// Takes a credential, or what it is at this version.
    pub fn learn_credential(&mut self, version: u64, key: Digest, found: Found) {
        if found.revoked.is_some() && !self.is_revoked(found.id) {
            let revocation = Revocation {
                version,
                credential: found.id,
                dialect: found.dialect,
                key: found.public_key().map(str::to_owned),
                account: found.account.id,
            };
            self.revocations.insert((version, found.id), revocation);
        }
        let found = Arc::new(found);
        self.by_key.insert(key, Arc::clone(&found));
        self.credentials.insert(found.id, found);
    }
    /// Has seen everything up to this version.
    pub fn reach(&mut self, version: u64) {
        self.version = self.version.max(version);
    }

    /// The last version it has seen.
    pub fn version(&self) -> u64 {
        self.version
    }
    /// The account with this number.
    pub fn account(&self, id: AccountId) -> Option<Arc<Account>> {
        self.accounts.get(&id).cloned()
    }
    /// The account of this name.
    pub fn account_named(&self, name: &str) -> Option<Arc<Account>> {
        self.by_name.get(name).and_then(|&id| self.account(id))
    }
    /// The account whose wallet has this address.
    pub fn account_at(&self, address: &str) -> Option<Arc<Account>> {
        self.by_address.get(address).and_then(|&id| self.account(id))
    }
    /// All accounts, by number.
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        self.accounts.values().cloned().collect()
    }
    /// The credential found by this key.
    pub fn by_key(&self, key: &Digest) -> Option<Arc<Found>> {
        self.by_key.get(key).cloned()
    }
    /// All credentials, by number.
    pub fn credentials(&self) -> Vec<Arc<Found>> {
        self.credentials.values().cloned().collect()
    }
    /// What was revoked after this version.
    pub fn revocations(&self, after: u64) -> Vec<Revocation> {
        let first = (after.saturating_add(1), CredentialId(0));
        self.revocations.range(first..).map(|(_, it)| it.clone()).collect()
    }
    /// What was revoked by the change of this version, by number.
    pub fn revocations_at(&self, version: u64) -> Vec<Revocation> {
        let first = (version, CredentialId(0));
        let last = (version, CredentialId(u64::MAX));
        self.revocations.range(first..=last).map(|(_, it)| it.clone()).collect()
    }
    /// How this credential was revoked, if it was.
    pub fn revocation(&self, id: CredentialId) -> Option<Revocation> {
        // Asked by who revokes, which is rare; most often it is among the last.
        self.revocations.values().rev().find(|it| it.credential == id).cloned()
    }
    fn is_revoked(&self, id: CredentialId) -> bool {
        self.credentials.get(&id).is_some_and(|known| known.revoked.is_some())
    }
}
