//! Rows into what readers see, and back.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use model::{AccountId, Address, Time};
use rusqlite::{Connection, Row, ToSql, Transaction, params};

use crate::credential::{key_digest, secret_digest};
use crate::form::{Keeping, Minted};
use crate::{
    Account, CredentialId, Digest, Entitlement, Form, Found, Issued, Limits, MasterKey, Proof,
    Random, Secret, StoreError, Wanted,
};

/// An account's row.
pub fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let id = AccountId(row.get("id")?);
    Ok(Account {
        id,
        name: row.get("name")?,
        // The column is written for people who look; older stores have another address there.
        address: Address::of_account(id).to_string(),
        made: Time(row.get("made")?),
        blocked: row.get::<_, Option<i64>>("blocked")?.map(Time),
        demo: false,
    })
}

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
    /// As SQLite has it.
    pub fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: CredentialId(row.get::<_, i64>("id")?.unsigned_abs()),
            account: AccountId(row.get("account")?),
            version: row.get::<_, i64>("change")?.unsigned_abs(),
            key: Digest(row.get("key_digest")?),
            dialect: row.get("dialect")?,
            shown: row.get("key_shown")?,
            secret_digest: row.get("secret_digest")?,
            secret_sealed: row.get("secret_sealed")?,
            trading: row.get("trading")?,
            instruments: row.get("instruments")?,
            channels: row.get("channels")?,
            quotes: row.get("quotes")?,
            limits: Limits {
                connections_max: row.get("connections_max")?,
                requests_per_second_max: row.get("requests_per_second_max")?,
            },
            made: Time(row.get("made")?),
            revoked: row.get::<_, Option<i64>>("revoked")?.map(Time),
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
    into: &Transaction<'_>,
    account: AccountId,
    wanted: &Wanted,
    now: Time,
    master: Option<&MasterKey>,
    random: &mut Random,
) -> Result<Issued, StoreError> {
    let form = Form::of(&wanted.dialect)?;
    if form.is_single() {
        let sql = "UPDATE credential SET revoked = ?1, change = ?2
                   WHERE account = ?3 AND dialect = ?4 AND revoked IS NULL";
        into.execute(sql, params![now.micros(), next_version(into)?, account.0, form.dialect])?;
    }
    let version = next_version(into)?;
    let Minted { key, shown, secret, parts } = form.mint(account, now, random)?;
    let id: i64 =
        into.query_row("SELECT coalesce(max(id), 0) + 1 FROM credential", [], |row| row.get(0))?;
    let id = CredentialId(id.unsigned_abs());
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
    let quotes = &entitlement.quotes;
    let columns: [(&str, &dyn ToSql); 15] = [
        ("id", &(id.0 as i64)),
        ("account", &account.0),
        ("dialect", &form.dialect),
        ("key_digest", &key.0),
        ("key_shown", &shown),
        ("secret_digest", &digest),
        ("secret_sealed", &sealed),
        ("trading", &entitlement.trading),
        ("instruments", &entitlement.instruments.as_ref().map(joined)),
        ("channels", &entitlement.channels.as_ref().map(joined)),
        ("quotes", &(!quotes.is_empty()).then(|| joined(quotes))),
        ("connections_max", &limits.connections_max),
        ("requests_per_second_max", &limits.requests_per_second_max),
        ("made", &now.micros()),
        ("change", &version),
    ];
    let names = columns.map(|(name, _)| name).join(", ");
    let marks = ["?"; 15].join(", ");
    let values = columns.map(|(_, value)| value);
    into.execute(&format!("INSERT INTO credential ({names}) VALUES ({marks})"), values)?;
    Ok(Issued { id, dialect: form.dialect, parts })
}

/// Counts one more change.
pub fn next_version(into: &Connection) -> Result<i64, StoreError> {
    let sql = "UPDATE change SET last = last + 1 RETURNING last";
    Ok(into.query_row(sql, [], |row| row.get(0))?)
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
