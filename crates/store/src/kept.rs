//! The store over rows in a database: what is written, what is learned of it, and what readers are answered.
//!
//! Not how a database is opened, what a transaction in it is, or how one is told that others have written: that is
//! its own, [`Database`]. Readers are answered by the [`Directory`] and never wait for a database.

pub mod rows;
pub mod sql;
#[cfg(test)]
pub mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};

use model::{AccountId, Address, Time};

use crate::credential::key_digest;
use crate::directory::Directory;
use crate::{
    Account, CredentialId, Digest, Found, Issued, MasterKey, Random, Revocation, Store, StoreError,
    Wanted, demo,
};
use sql::{Sql, one};

/// The first account that is not the demo's, and the first beyond ours: from there on the crowd has its own.
const ACCOUNTS: std::ops::Range<u32> = 10_000..1_000_000;

/// What is sealed to know the right master key by.
const CHECK: &[u8] = b"rialto master key check 1";

/// A database with our tables.
pub trait Database: fmt::Debug + Send {
    /// Works in one transaction, alone among all who write: when it returns what was done is there to stay, or after
    /// an error nothing is. [`StoreError::Unreachable`] leaves open which, as whoever was asked cannot say any more.
    ///
    /// # Errors
    /// What the work says, or [`StoreError`] of the database.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, StoreError>,
    ) -> Result<T, StoreError>;
    /// Looks at one state of it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn read<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, StoreError>,
    ) -> Result<T, StoreError>;
    /// Whether others may have written since the last look, which saw this version.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be asked.
    fn has_news(&mut self, version: u64) -> Result<bool, StoreError>;
    /// Has this called when others have written, if that is ever told.
    fn tell(&mut self, _wake: Wake) {}
}

/// By what a store is told from others.
pub type Identity = [u8; 16];

/// What is called when others have written.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// A store over a database.
#[derive(Debug)]
pub struct Kept<D> {
    identity: Identity,
    desk: Mutex<Desk<D>>,
    directory: RwLock<Directory>,
}

/// What one who writes needs, one at a time.
#[derive(Debug)]
pub(crate) struct Desk<D> {
    pub database: D,
    master: Option<MasterKey>,
    random: Random,
    /// A credential that was found damaged, until somebody is told.
    damage: Option<StoreError>,
}

/// How a store is to be opened.
#[derive(Debug)]
pub struct Opening {
    /// What signing secrets are sealed with.
    pub master: Option<MasterKey>,
    /// Whether it opens without the master key with which its secrets were sealed: what they signed for is not
    /// recognised then. For those who only list and revoke.
    pub locked: bool,
    /// Whether the demo's accounts are known too. They are never written to it. Only for a venue on loopback:
    /// their credentials are public.
    pub demo: bool,
    /// Where new keys come from.
    pub random: Random,
}

impl Default for Opening {
    fn default() -> Self {
        Self { master: None, locked: false, demo: false, random: Random::system() }
    }
}

impl<D: Database> Kept<D> {
    /// The store in this database, whose tables are ours.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read, or not with this master key, or is damaged.
    pub(crate) fn on(database: D, opening: Opening) -> Result<Self, StoreError> {
        let mut directory = Directory::default();
        if opening.demo {
            demo::learn(&mut directory);
        }
        let Opening { master, random, locked, .. } = opening;
        let mut desk = Desk { database, master, random, damage: None };
        desk.judge_master(locked)?;
        let (identity, news) = desk.database.read(|sql| {
            let identity = one(sql, "SELECT id FROM identity", &[])?.take()?;
            Ok((identity, gather(sql, &directory, desk.master.as_ref())?))
        })?;
        if let Some(damage) = news.learn(&mut directory) {
            return Err(damage);
        }
        Ok(Self { identity, desk: Mutex::new(desk), directory: RwLock::new(directory) })
    }

    fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().expect("who changes the directory does not panic")
    }
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk<D>> {
        self.desk.lock().expect("who writes the store does not panic")
    }

    /// Writes in one transaction, and lets readers see it. What they are to see is read before it ends, so that
    /// nothing can fail once it has.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut dyn Sql, Option<&MasterKey>, &mut Random) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut desk = self.desk();
        let Desk { database, master, random, damage } = &mut *desk;
        let (done, news) = database.write(|sql| {
            let done = work(sql, master.as_ref(), random)?;
            Ok((done, gather(sql, &self.directory(), master.as_ref())?))
        })?;
        self.learn(news, damage);
        Ok(done)
    }

    /// Lets readers see it.
    fn learn(&self, news: News, damage: &mut Option<StoreError>) {
        let mut directory =
            self.directory.write().expect("who changes the directory does not panic");
        let found = news.learn(&mut directory);
        *damage = damage.take().or(found);
    }
}

impl<D: Database> Desk<D> {
    /// Whether this is the right master key, or none is needed.
    fn judge_master(&mut self, locked: bool) -> Result<(), StoreError> {
        let kept = self.database.read(check)?;
        let Some(master) = &self.master else {
            let is_needed = kept.is_some() && !locked;
            return if is_needed { Err(StoreError::MasterKeyMissing) } else { Ok(()) };
        };
        let random = &mut self.random;
        let kept = match kept {
            Some(kept) => kept,
            // Somebody else may be doing the same, with another key.
            None => self.database.write(|sql| {
                if let Some(kept) = check(sql)? {
                    return Ok(kept);
                }
                let sealed = master.seal(CHECK, CHECK, random)?;
                sql.change("INSERT INTO master VALUES (1, $1)", &[sealed.as_slice().into()])?;
                Ok(sealed)
            })?,
        };
        master.open(&kept, CHECK).map(drop).ok_or(StoreError::MasterKeyWrong)
    }
}

/// What was sealed to know the right master key by.
fn check(sql: &mut dyn Sql) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sql.rows("SELECT sealed FROM master", &[])?.into_iter().next();
    row.map(|mut row| row.take()).transpose()
}

/// What a directory does not know yet.
struct News {
    accounts: BTreeMap<AccountId, Arc<Account>>,
    credentials: Vec<(u64, Digest, Found)>,
    last: u64,
    damage: Option<StoreError>,
}

/// What there is that the directory does not know: all of it, or an error. A damaged credential is one that proves
/// nothing, so that it keeps nobody from learning what else is there.
fn gather(
    sql: &mut dyn Sql,
    directory: &Directory,
    master: Option<&MasterKey>,
) -> Result<News, StoreError> {
    let known = directory.version();
    let last: u64 = one(sql, "SELECT last FROM change", &[])?.take()?;
    if last < known {
        return Err(StoreError::WentBack { found: last, known });
    }
    let accounts = sql.rows(rows::ACCOUNTS_AFTER, &[known.into()])?;
    let accounts: BTreeMap<AccountId, Arc<Account>> = accounts
        .into_iter()
        .map(|row| rows::account(row).map(|account| (account.id, Arc::new(account))))
        .collect::<Result<_, _>>()?;
    let mut news = News { accounts, credentials: Vec::new(), last, damage: None };
    for row in sql.rows(rows::CREDENTIALS_AFTER, &[known.into()])? {
        let raw = rows::Raw::of(row)?;
        let new = news.accounts.get(&raw.account).cloned();
        let account = new.or_else(|| directory.account(raw.account));
        let account = account.ok_or(StoreError::Malformed(raw.id))?;
        let (version, key) = (raw.version, raw.key);
        let (found, damage) = raw.found(account, master)?;
        news.damage = news.damage.take().or(damage);
        news.credentials.push((version, key, found));
    }
    Ok(news)
}

impl News {
    /// Puts it into the directory that it was gathered for. The first credential that was found damaged is for
    /// somebody to be told of.
    fn learn(self, directory: &mut Directory) -> Option<StoreError> {
        for account in self.accounts.into_values() {
            directory.learn_account(account);
        }
        for (version, key, found) in self.credentials {
            directory.learn_credential(version, key, found);
        }
        directory.reach(self.last);
        self.damage
    }
}

impl<D: Database> Store for Kept<D> {
    fn identity(&self) -> Identity {
        self.identity
    }
    fn credential(&self, dialect: &str, key: &str) -> Option<Arc<Found>> {
        let key = key_digest(dialect, key);
        self.directory().by_key(&key)
    }
    fn account(&self, id: AccountId) -> Option<Arc<Account>> {
        self.directory().account(id)
    }
    fn account_named(&self, name: &str) -> Option<Arc<Account>> {
        self.directory().account_named(name)
    }
    fn account_at(&self, address: &str) -> Option<Arc<Account>> {
        self.directory().account_at(address)
    }
    fn accounts(&self) -> Vec<Arc<Account>> {
        self.directory().accounts()
    }
    fn credentials(&self) -> Vec<Arc<Found>> {
        self.directory().credentials()
    }
    fn version(&self) -> u64 {
        self.directory().version()
    }
    fn revocations(&self, after: u64) -> Vec<Revocation> {
        self.directory().revocations(after)
    }

    fn refresh(&self) -> Result<bool, StoreError> {
        let mut desk = self.desk();
        let Desk { database, master, damage, .. } = &mut *desk;
        let before = self.version();
        if damage.is_none() && !database.has_news(before)? {
            return Ok(false);
        }
        let news = database.read(|sql| gather(sql, &self.directory(), master.as_ref()))?;
        self.learn(news, damage);
        match damage.take() {
            Some(damage) => Err(damage),
            None => Ok(self.version() > before),
        }
    }
    fn tell(&self, wake: Wake) {
        self.desk().database.tell(wake);
    }

    fn enrol(
        &self,
        name: &str,
        wanted: &[Wanted],
        now: Time,
    ) -> Result<(Arc<Account>, Vec<Issued>), StoreError> {
        judge_name(name)?;
        let (id, issued) = self.write(|sql, master, random| {
            let next = "SELECT coalesce(max(id) + 1, $1) FROM account";
            let id: u32 = one(sql, next, &[ACCOUNTS.start.into()])?.take()?;
            if !ACCOUNTS.contains(&id) {
                return Err(StoreError::Full);
            }
            let account = AccountId(id);
            let version = rows::next_version(sql)?;
            let inserted = sql.change(
                "INSERT INTO account (id, name, address, made, change) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (name) DO NOTHING",
                &[
                    id.into(),
                    name.into(),
                    (&Address::of_account(account).to_string()).into(),
                    now.micros().into(),
                    version.into(),
                ],
            )?;
            if inserted == 0 {
                return Err(StoreError::NameTaken(name.to_owned()));
            }
            let each = wanted.iter().map(|it| rows::insert(sql, account, it, now, master, random));
            Ok((account, each.collect::<Result<Vec<_>, _>>()?))
        })?;
        let account = self.account(id).expect("what was written is seen");
        Ok((account, issued))
    }

    fn issue(
        &self,
        account: AccountId,
        wanted: &[Wanted],
        now: Time,
    ) -> Result<Vec<Issued>, StoreError> {
        if demo::is_demo(account) {
            return Err(StoreError::OfDemo);
        }
        self.write(|sql, master, random| {
            rows::judge_account(sql, account)?;
            let each = wanted.iter().map(|it| rows::insert(sql, account, it, now, master, random));
            each.collect()
        })
    }

    fn block(&self, account: AccountId, blocked: bool, now: Time) -> Result<(), StoreError> {
        if demo::is_demo(account) {
            return Err(StoreError::OfDemo);
        }
        self.write(|sql, _, _| {
            let was = "SELECT blocked IS NOT NULL FROM account WHERE id = $1";
            let was = sql.rows(was, &[account.0.into()])?.into_iter().next();
            let was: bool = was.ok_or(StoreError::UnknownAccount)?.take()?;
            if was != blocked {
                let version = rows::next_version(sql)?;
                let since = blocked.then(|| now.micros());
                let text = "UPDATE account SET blocked = $1, change = $2 WHERE id = $3";
                sql.change(text, &[since.into(), version.into(), account.0.into()])?;
                // They are found with their account, so that they are learned anew with it.
                let text = "UPDATE credential SET change = $1 WHERE account = $2";
                sql.change(text, &[version.into(), account.0.into()])?;
            }
            Ok(())
        })
    }

    fn revoke(&self, credential: CredentialId, now: Time) -> Result<Revocation, StoreError> {
        if demo::is_demo_credential(credential) {
            return Err(StoreError::OfDemo);
        }
        self.write(|sql, _, _| {
            let is_good = "SELECT revoked IS NULL FROM credential WHERE id = $1";
            let is_good = sql.rows(is_good, &[credential.0.into()])?.into_iter().next();
            if is_good.ok_or(StoreError::UnknownCredential)?.take()? {
                let version = rows::next_version(sql)?;
                let text = "UPDATE credential SET revoked = $1, change = $2 WHERE id = $3";
                sql.change(text, &[now.micros().into(), version.into(), credential.0.into()])?;
            }
            Ok(())
        })?;
        let directory = self.directory();
        Ok(directory.revocation(credential).expect("what was revoked is listed as revoked"))
    }

    fn revoke_all(
        &self,
        account: AccountId,
        dialect: &str,
        now: Time,
    ) -> Result<Vec<Revocation>, StoreError> {
        if demo::is_demo(account) {
            return Err(StoreError::OfDemo);
        }
        let version = self.write(|sql, _, _| {
            rows::judge_account(sql, account)?;
            rows::revoke_all(sql, account, dialect, now)
        })?;
        Ok(self.directory().revocations_at(version))
    }
}

/// Whether a new account may be named so.
fn judge_name(name: &str) -> Result<(), StoreError> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    let is_inner = |byte: u8| is_letter(byte) || byte.is_ascii_digit() || b"._-".contains(&byte);
    let bytes = name.as_bytes();
    if !bytes.first().is_some_and(|&first| is_letter(first))
        || bytes.len() > 64
        || !bytes.iter().all(|&byte| is_inner(byte))
    {
        return Err(StoreError::BadName(name.to_owned()));
    }
    if demo::is_demo_name(name) {
        return Err(StoreError::NameOfDemo(name.to_owned()));
    }
    Ok(())
}
