//! Rows into what readers see, and back.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use model::{AccountId, Address, Time};

use super::sql::{Row, Sql, Value, one};
use crate::credential::{key_digest, secret_digest};
use crate::form::{Keeping, Minted};
use crate::{
    Account, CredentialId, Digest, Entitlement, Form, Found, Issued, Limits, MasterKey, Proof,
    Random, Secret, StoreError, Wanted,
};

/// Asks for the accounts that were written after a version.
pub const ACCOUNTS_AFTER: &str = "SELECT id, name, made, blocked FROM account WHERE change > $1";

/// What [`ACCOUNTS_AFTER`] gives.
pub fn account(mut row: Row) -> Result<Account, StoreError> {
    let id = AccountId(row.take()?);
    Ok(Account {
        id,
        name: row.take()?,
        // The column is written for people who look; older stores have another address there.
        address: Address::of_account(id).to_string(),
        made: Time(row.take()?),
        blocked: row.take::<Option<i64>>()?.map(Time),
        demo: false,
    })
}

/// Asks for the credentials that were written after a version, in the order of their changes.
pub const CREDENTIALS_AFTER: &str = "SELECT id, account, change, key_digest, dialect, key_shown, secret_digest,
    secret_sealed, trading, instruments, channels, quotes, connections_max, requests_per_second_max, made, revoked
    FROM credential WHERE change > $1 ORDER BY change, id";

/// A credential's row, before its words are understood and its secret is opened.
pub struct Raw {
    pub id: CredentialId,
    pub account: AccountId,
    pub version: u64,
    pub key: Digest,
    dialect: String,
    shown: String,
    secret_digest: Option<[u8; 32]>,
    secret_sealed: Option<Vec<u8>>,
    trading: bool,
    instruments: Option<String>,
    channels: Option<String>,
    quotes: Option<String>,
    limits: Limits,
    made: Time,
    revoked: Option<Time>,
}

impl Raw {
    /// What [`CREDENTIALS_AFTER`] gives.
    pub fn of(mut row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: CredentialId(row.take()?),
            account: AccountId(row.take()?),
            version: row.take()?,
            key: Digest(row.take()?),
            dialect: row.take()?,
            shown: row.take()?,
            secret_digest: row.take()?,
            secret_sealed: row.take()?,
            trading: row.take()?,
            instruments: row.take()?,
            channels: row.take()?,
            quotes: row.take()?,
            limits: Limits { connections_max: row.take()?, requests_per_second_max: row.take()? },
            made: Time(row.take()?),
            revoked: row.take::<Option<i64>>()?.map(Time),
        })
    }

    /// As readers see it, and whether its sealed secret is not what we sealed. The secret of a revoked credential
    /// is not needed any more, and not opened.
    pub fn found(
        self,
        account: Arc<Account>,
        master: Option<&MasterKey>,
    ) -> Result<(Found, Option<StoreError>), StoreError> {
        let malformed = StoreError::Malformed(self.id);
        let dialect = Form::of(&self.dialect).map_err(|_| malformed.clone())?.dialect;
        let mut damage = None;
        let proof = match (self.secret_digest, self.secret_sealed, master) {
            (Some(digest), ..) => Proof::Secret(Digest(digest)),
            (None, None, _) => Proof::Key,
            (None, Some(sealed), Some(master)) if self.revoked.is_none() => {
                let opened = master.open(&sealed, &place(self.id, self.account, &self.key));
                let text = opened.and_then(|opened| String::from_utf8(opened.to_vec()).ok());
                match text {
                    Some(text) => Proof::Signature(Secret::new(text)),
                    None => {
                        damage = Some(StoreError::Tampered(self.id));
                        Proof::Locked
                    }
                }
            }
            (None, Some(_), _) => Proof::Locked,
        };
        let entitlement = Entitlement {
            trading: self.trading,
            instruments: words(self.instruments.as_deref()).ok_or_else(|| malformed.clone())?,
            channels: words(self.channels.as_deref()).ok_or_else(|| malformed.clone())?,
            quotes: words(self.quotes.as_deref()).ok_or(malformed)?.unwrap_or_default(),
        };
        let found = Found {
            id: self.id,
            account,
            dialect,
            shown: self.shown,
            proof,
            entitlement,
            limits: self.limits,
            made: self.made,
            revoked: self.revoked,
        };
        Ok((found, damage))
    }
}

/// Makes a credential and writes its row.
pub fn insert(
    sql: &mut dyn Sql,
    account: AccountId,
    wanted: &Wanted,
    now: Time,
    master: Option<&MasterKey>,
    random: &mut Random,
) -> Result<Issued, StoreError> {
    let form = Form::of(&wanted.dialect)?;
    if form.is_single() {
        revoke_all(sql, account, form.dialect, now)?;
    }
    let version = next_version(sql)?;
    let Minted { key, shown, secret, parts } = form.mint(account, now, random)?;
    let next = "SELECT coalesce(max(id), 0) + 1 FROM credential";
    let id = CredentialId(one(sql, next, &[])?.take()?);
    let key = key_digest(form.dialect, key.reveal());
    let (mut digest, mut sealed) = (None, None);
    match secret {
        Some((secret, Keeping::Hashed)) => {
            digest = Some(secret_digest(form.dialect, secret.reveal().as_bytes()).0);
        }
        Some((secret, Keeping::Sealed)) => {
            let master = master.ok_or(StoreError::MasterKeyMissing)?;
            let place = place(id, account, &key);
            sealed = Some(master.seal(secret.reveal().as_bytes(), &place, random)?);
        }
        None => {}
    }
    let Wanted { entitlement, limits, .. } = wanted;
    let (instruments, channels) =
        (entitlement.instruments.as_ref().map(joined), entitlement.channels.as_ref().map(joined));
    let quotes = (!entitlement.quotes.is_empty()).then(|| joined(&entitlement.quotes));
    let columns: [(&str, Value<'_>); 15] = [
        ("id", id.0.into()),
        ("account", account.0.into()),
        ("dialect", form.dialect.into()),
        ("key_digest", key.0.as_slice().into()),
        ("key_shown", (&shown).into()),
        ("secret_digest", digest.as_ref().map(<[u8; 32]>::as_slice).into()),
        ("secret_sealed", sealed.as_deref().into()),
        ("trading", entitlement.trading.into()),
        ("instruments", instruments.as_ref().into()),
        ("channels", channels.as_ref().into()),
        ("quotes", quotes.as_ref().into()),
        ("connections_max", limits.connections_max.into()),
        ("requests_per_second_max", limits.requests_per_second_max.into()),
        ("made", now.micros().into()),
        ("change", version.into()),
    ];
    let names = columns.map(|(name, _)| name).join(", ");
    let marks: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
    let marks = marks.join(", ");
    let text = format!("INSERT INTO credential ({names}) VALUES ({marks})");
    sql.change(&text, &columns.map(|(_, value)| value))?;
    Ok(Issued { id, dialect: form.dialect, parts })
}

/// Takes the power of all the credentials that an account has in a dialect; the number of that change.
pub fn revoke_all(
    sql: &mut dyn Sql,
    account: AccountId,
    dialect: &str,
    now: Time,
) -> Result<u64, StoreError> {
    let version = next_version(sql)?;
    let text = "UPDATE credential SET revoked = $1, change = $2
                WHERE account = $3 AND dialect = $4 AND revoked IS NULL";
    let values = [now.micros().into(), version.into(), account.0.into(), dialect.into()];
    sql.change(text, &values)?;
    Ok(version)
}

/// Whether there is such an account.
pub fn judge_account(sql: &mut dyn Sql, account: AccountId) -> Result<(), StoreError> {
    let text = "SELECT EXISTS (SELECT 1 FROM account WHERE id = $1)";
    let is_there: bool = one(sql, text, &[account.0.into()])?.take()?;
    if is_there { Ok(()) } else { Err(StoreError::UnknownAccount) }
}

/// Counts one more change.
pub fn next_version(sql: &mut dyn Sql) -> Result<u64, StoreError> {
    one(sql, "UPDATE change SET last = last + 1 RETURNING last", &[])?.take()
}

/// To what a sealed secret is bound: it opens for this credential of this account, found by this key, only.
fn place(id: CredentialId, account: AccountId, key: &Digest) -> Vec<u8> {
    let mut place = b"rialto credential secret 1\0".to_vec();
    place.extend(id.0.to_le_bytes());
    place.extend(account.0.to_le_bytes());
    place.extend(key.0);
    place
}

fn joined<T: Display>(words: &BTreeSet<T>) -> String {
    words.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

/// The words of a column; `None` if one is none of ours.
#[expect(clippy::option_option, reason = "a column may be empty, and a word may be wrong")]
fn words<T: FromStr + Ord>(text: Option<&str>) -> Option<Option<BTreeSet<T>>> {
    let Some(text) = text else { return Some(None) };
    text.split_ascii_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>().map(Some)
}
