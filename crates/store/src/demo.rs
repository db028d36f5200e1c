//! The accounts of the demo: who they are, their credentials, and what they are given to trade with.
//!
//! Their credentials are no secret. They come from a label (`rialto demo 1`, the account's name, the dialect's name,
//! with `/` between) by [`Random::repeatable`], so that `rialto keys demo` and every venue that runs the demo agree
//! without talking. A venue that strangers can reach must not know them: see [`Opening::demo`](crate::Opening).

#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::{AccountId, Address, Amount, AssetId, Assets, Time};

use crate::credential::{key_digest, secret_digest};
use crate::directory::Directory;
use crate::form::{FORMS, Form, Keeping, Minted};
use crate::{Account, CredentialId, Entitlement, Found, Issued, Limits, Proof, Random};

/// Their names. The first has account and user 1001, and so on.
const NAMES: [&str; 2] = ["alice", "bob"];
const FIRST_ACCOUNT: u32 = 1_001;
/// Far above whatever a store counts to.
const FIRST_CREDENTIAL: u64 = 1 << 62;
/// Since when there is a demo: 2026-01-01.
const MADE: Time = Time::from_seconds(1_767_225_600);

/// Assets of which the demo's accounts are given a million rather than a thousand: moneys and what stands for them.
const MONEYS: [&str; 8] = ["USD", "EUR", "GBP", "USDT", "USDC", "EURC", "PYUSD", "AUDT"];

/// An account of the demo with its credentials.
#[derive(Clone, Debug)]
pub struct DemoAccount {
    /// The account.
    pub account: Account,
    /// Its credentials, one for each dialect.
    pub credentials: Vec<Issued>,
}

/// What an account is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funding {
    /// Which account.
    pub account: AccountId,
    /// Of which asset.
    pub asset: AssetId,
    /// The asset's code.
    pub code: String,
    /// How much.
    pub amount: Amount,
}

/// The demo's accounts, the same on every machine.
#[must_use]
pub fn demo_accounts() -> Vec<DemoAccount> {
    let minted = all().map(|(account, credentials)| DemoAccount {
        account,
        credentials: credentials
            .into_iter()
            .map(|(id, form, minted)| Issued { id, dialect: form.dialect, parts: minted.parts })
            .collect(),
    });
    minted.collect()
}

/// What the demo's accounts are given of these assets: 1,000,000 of each money, 1,000 of anything else.
///
/// # Panics
/// If an asset has so many decimals that a million of it cannot be counted.
#[must_use]
pub fn demo_funding(assets: &Assets) -> Vec<Funding> {
    let each = (FIRST_ACCOUNT..).zip(NAMES).flat_map(|(number, _)| {
        assets.all().iter().map(move |asset| {
            let whole = if MONEYS.contains(&asset.code.as_str()) { 1_000_000 } else { 1_000 };
            let amount = asset.amount_of_units(whole, 0);
            Funding {
                account: AccountId(number),
                asset: asset.id,
                code: asset.code.clone(),
                amount: amount.expect("whole numbers are not finer than any unit"),
            }
        })
    });
    each.collect()
}

/// The demo's accounts with all their credentials, as JSON: what `GET /rialto/v1/demo` answers.
#[must_use]
pub fn demo_json() -> String {
    let accounts: Vec<String> =
        demo_accounts().iter().map(|it| account_json(&it.account, &it.credentials)).collect();
    format!(r#"{{"accounts":[{}]}}"#, accounts.join(","))
}

/// An account with credentials just issued, in the same shape. Names, addresses and parts hold nothing that JSON
/// would have to escape.
#[must_use]
pub fn account_json(account: &Account, credentials: &[Issued]) -> String {
    let mut json = format!(
        r#"{{"name":"{}","user_id":{},"address":"{}""#,
        account.name,
        account.user_id(),
        account.address
    );
    for issued in credentials {
        let parts: Vec<String> = issued
            .parts
            .iter()
            .map(|(name, text)| format!(r#""{name}":"{}""#, text.reveal()))
            .collect();
        json += &format!(r#","{}":{{{}}}"#, issued.dialect, parts.join(","));
    }
    json + "}"
}

/// Whether an account is the demo's.
pub(crate) const fn is_demo(account: AccountId) -> bool {
    account.0 >= FIRST_ACCOUNT && account.0 < FIRST_ACCOUNT + NAMES.len() as u32
}

/// Whether a credential is the demo's.
pub(crate) const fn is_demo_credential(credential: CredentialId) -> bool {
    credential.0 >= FIRST_CREDENTIAL
}

/// Whether a name is that of one of the demo's accounts.
pub(crate) fn is_demo_name(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Puts the demo's accounts into a directory.
pub(crate) fn learn(directory: &mut Directory) {
    for (account, credentials) in all() {
        let account = Arc::new(account);
        directory.learn_account(Arc::clone(&account));
        for (id, form, minted) in credentials {
            let proof = match minted.secret {
                None => Proof::Key,
                Some((secret, Keeping::Sealed)) => Proof::Signature(secret),
                Some((secret, Keeping::Hashed)) => {
                    Proof::Secret(secret_digest(form.dialect, secret.reveal().as_bytes()))
                }
            };
            let found = Found {
                id,
                account: Arc::clone(&account),
                dialect: form.dialect,
                shown: minted.shown,
                proof,
                entitlement: Entitlement::full(),
                limits: Limits::default(),
                made: MADE,
                revoked: None,
            };
            directory.learn_credential(0, key_digest(form.dialect, minted.key.reveal()), found);
        }
    }
}

type Credentials = Vec<(CredentialId, &'static Form, Minted)>;

fn all() -> impl Iterator<Item = (Account, Credentials)> {
    const ENDLESS: &str = "a label gives bytes without end";
    (0_u32..).zip(NAMES).map(|(number, name)| {
        let source = |of: &str| Random::repeatable(&format!("rialto demo 1/{name}/{of}"));
        let id = AccountId(FIRST_ACCOUNT + number);
        let account = Account {
            id,
            name: name.to_owned(),
            address: Address::of_account(id).to_string(),
            made: MADE,
            blocked: None,
            demo: true,
        };
        let first = FIRST_CREDENTIAL + u64::from(number) * 1_000;
        let credentials = (first..).zip(&FORMS).map(|(id, form)| {
            let minted = form.mint(account.id, MADE, &mut source(form.dialect)).expect(ENDLESS);
            (CredentialId(id), form, minted)
        });
        let credentials = credentials.collect();
        (account, credentials)
    })
}
