//! The store in SQLite: one file beside the journal, or none at all for a venue that keeps nothing.
//!
//! WAL with `synchronous=FULL`: what a call has written survives a crash and a power cut when it returns. Several
//! processes may have one store open. Readers are answered by the [`Directory`] and never touch the file.

mod rows;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};
use std::time::Duration;

use model::{AccountId, Address, Time};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::credential::key_digest;
use crate::directory::Directory;
use crate::{
    Account, CredentialId, Found, Issued, MasterKey, Random, Revocation, Store, StoreError, Wanted,
    demo,
};

/// The store's file in its folder.
pub const FILE: &str = "accounts.sqlite";

/// The first account that is not the demo's, and the first beyond ours: from there on the crowd has its own.
const ACCOUNTS: std::ops::Range<u32> = 10_000..1_000_000;

/// How long one who writes waits for another process that does.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is sealed to know the right master key by.
const CHECK: &[u8] = b"rialto master key check 1";

/// The store in SQLite.
#[derive(Debug)]
pub struct SqliteStore {
    disk: Mutex<Disk>,
    directory: RwLock<Directory>,
}

/// What one who writes needs, one at a time.
#[derive(Debug)]
struct Disk {
    connection: Connection,
    master: Option<MasterKey>,
    random: Random,
    /// SQLite's count of other connections' commits when we last looked.
    seen: i64,
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

impl SqliteStore {
    /// Opens the store in this folder; makes both if they are not there, for nobody but their owner.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read, or not with this master key, or is damaged.
    pub fn open(folder: &Path, opening: Opening) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| StoreError::Io { path, error: error.to_string() }
        };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(io(folder))?;
        // SQLite would make it readable for all, and gives its companions the same mode.
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(&path).map_err(io(&path))?;
        let opened = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        opened.map_err(io(folder))?;
        Self::on(Connection::open(&path)?, path, opening)
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// [`StoreError`] if SQLite cannot even do that.
    pub fn in_memory(opening: Opening) -> Result<Self, StoreError> {
        Self::on(Connection::open_in_memory()?, PathBuf::from(":memory:"), opening)
    }

    fn on(mut connection: Connection, path: PathBuf, opening: Opening) -> Result<Self, StoreError> {
        connection.busy_timeout(PATIENCE)?;
        let not_ours = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::NotAStore(path.clone()),
            _ => error.into(),
        };
        let mode = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        // When a file changes to WAL, SQLite does not wait for others by itself.
        let end = std::time::Instant::now() + PATIENCE;
        let mode = loop {
            match connection.pragma_update_and_check(None, "journal_mode", "WAL", mode) {
                Err(error)
                    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                        && std::time::Instant::now() < end =>
                {
                    std::thread::sleep(Duration::from_millis(5));
                }
                done => break done.map_err(not_ours)?,
            }
        };
        if mode != "wal" && mode != "memory" {
            return Err(StoreError::Database(format!("no WAL in {}, but {mode}", path.display())));
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        if !schema::migrate(&mut connection, &schema::MIGRATIONS)? {
            return Err(StoreError::NotAStore(path));
        }
        let mut directory = Directory::default();
        if opening.demo {
            demo::learn(&mut directory);
        }
        let mut disk = Disk {
            connection,
            master: opening.master,
            random: opening.random,
            seen: -1,
            damage: None,
        };
        disk.judge_master(opening.locked)?;
        disk.learn(&mut directory)?;
        if let Some(damage) = disk.damage {
            return Err(damage);
        }
        Ok(Self { disk: Mutex::new(disk), directory: RwLock::new(directory) })
    }

    fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().expect("who changes the directory does not panic")
    }
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().expect("who writes the store does not panic")
    }

    /// Writes in one transaction, and lets readers see it.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, Option<&MasterKey>, &mut Random) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut disk = self.disk();
        let Disk { connection, master, random, .. } = &mut *disk;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction, master.as_ref(), random)?;
        transaction.commit()?;
        self.see(&mut disk)?;
        Ok(done)
    }

    /// Lets readers see what is on disk now.
    fn see(&self, disk: &mut Disk) -> Result<(), StoreError> {
        let mut directory =
            self.directory.write().expect("who changes the directory does not panic");
        disk.learn(&mut directory)
    }
}

impl Disk {
    /// Whether this is the right master key, or none is needed.
    fn judge_master(&mut self, locked: bool) -> Result<(), StoreError> {
        let Some(master) = &self.master else {
            let sql = "SELECT EXISTS (SELECT 1 FROM master)";
            let is_needed: bool = self.connection.query_row(sql, [], |row| row.get(0))?;
            return if is_needed && !locked { Err(StoreError::MasterKeyMissing) } else { Ok(()) };
        };
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let kept: Option<Vec<u8>> =
            transaction.query_row("SELECT sealed FROM master", [], |row| row.get(0)).optional()?;
        match kept {
            Some(kept) => match master.open(&kept, CHECK) {
                Some(_) => Ok(()),
                None => Err(StoreError::MasterKeyWrong),
            },
            None => {
                let sealed = master.seal(CHECK, CHECK, &mut self.random)?;
                transaction.execute("INSERT INTO master VALUES (1, ?1)", [sealed])?;
                transaction.commit()?;
                Ok(())
            }
        }
    }

    /// Brings the directory to what is on disk: all of it, or nothing and an error. A damaged credential is learned
    /// as one that proves nothing, so that it keeps nobody from learning what else is there, and is told of later.
    fn learn(&mut self, directory: &mut Directory) -> Result<(), StoreError> {
        let snapshot = self.connection.transaction()?;
        let after = directory.version() as i64;
        let last: i64 = snapshot.query_row("SELECT last FROM change", [], |row| row.get(0))?;
        let seen = snapshot.pragma_query_value(None, "data_version", |row| row.get(0))?;
        let mut sql = snapshot.prepare("SELECT * FROM account WHERE change > ?1")?;
        let accounts: BTreeMap<AccountId, Arc<Account>> = sql
            .query_map([after], rows::account)?
            .map(|account| account.map(|account| (account.id, Arc::new(account))))
            .collect::<Result<_, _>>()?;
        let mut sql =
            snapshot.prepare("SELECT * FROM credential WHERE change > ?1 ORDER BY change, id")?;
        let credentials: Vec<rows::Raw> =
            sql.query_map([after], rows::Raw::of)?.collect::<Result<_, _>>()?;
        let mut found = Vec::with_capacity(credentials.len());
        for raw in credentials {
            let new = accounts.get(&raw.account).cloned();
            let account = new.or_else(|| directory.account(raw.account));
            let account = account.ok_or(StoreError::Malformed(raw.id))?;
            let (version, key) = (raw.version, raw.key);
            let (credential, damage) = raw.found(account, self.master.as_ref())?;
            self.damage = self.damage.take().or(damage);
            found.push((version, key, credential));
        }
        for account in accounts.into_values() {
            directory.learn_account(account);
        }
        for (version, key, found) in found {
            directory.learn_credential(version, key, found);
        }
        directory.reach(last.unsigned_abs());
        drop(sql);
        self.seen = seen;
        Ok(())
    }
}

impl Store for SqliteStore {
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
        let mut disk = self.disk();
        let seen: i64 =
            disk.connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if seen == disk.seen && disk.damage.is_none() {
            return Ok(false);
        }
        let before = self.version();
        self.see(&mut disk)?;
        match disk.damage.take() {
            Some(damage) => Err(damage),
            None => Ok(self.version() > before),
        }
    }

    fn enrol(
        &self,
        name: &str,
        wanted: &[Wanted],
        now: Time,
    ) -> Result<(Arc<Account>, Vec<Issued>), StoreError> {
        judge_name(name)?;
        let (id, issued) = self.write(|transaction, master, random| {
            let id: u32 = transaction.query_row(
                "SELECT coalesce(max(id) + 1, ?1) FROM account",
                [ACCOUNTS.start],
                |row| row.get(0),
            )?;
            if !ACCOUNTS.contains(&id) {
                return Err(StoreError::Full);
            }
            let address = Address::of_account(AccountId(id)).to_string();
            let version = rows::next_version(transaction)?;
            let inserted = transaction.execute(
                "INSERT INTO account (id, name, address, made, change) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name) DO NOTHING",
                params![id, name, address, now.micros(), version],
            )?;
            if inserted == 0 {
                return Err(StoreError::NameTaken(name.to_owned()));
            }
            let account = AccountId(id);
            let each = wanted
                .iter()
                .map(|wanted| rows::insert(transaction, account, wanted, now, master, random));
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
        self.write(|transaction, master, random| {
            let sql = "SELECT EXISTS (SELECT 1 FROM account WHERE id = ?1)";
            if !transaction.query_row(sql, [account.0], |row| row.get(0))? {
                return Err(StoreError::UnknownAccount);
            }
            let each = wanted
                .iter()
                .map(|wanted| rows::insert(transaction, account, wanted, now, master, random));
            each.collect()
        })
    }

    fn block(&self, account: AccountId, blocked: bool, now: Time) -> Result<(), StoreError> {
        if demo::is_demo(account) {
            return Err(StoreError::OfDemo);
        }
        self.write(|transaction, _, _| {
            let sql = "SELECT blocked IS NOT NULL FROM account WHERE id = ?1";
            let was = transaction.query_row(sql, [account.0], |row| row.get(0)).optional()?;
            let was: bool = was.ok_or(StoreError::UnknownAccount)?;
            if was != blocked {
                let version = rows::next_version(transaction)?;
                let since = blocked.then(|| now.micros());
                let sql = "UPDATE account SET blocked = ?1, change = ?2 WHERE id = ?3";
                transaction.execute(sql, params![since, version, account.0])?;
                // They are found with their account, so that they are learned anew with it.
                let sql = "UPDATE credential SET change = ?1 WHERE account = ?2";
                transaction.execute(sql, params![version, account.0])?;
            }
            Ok(())
        })
    }

    fn revoke(&self, credential: CredentialId, now: Time) -> Result<Revocation, StoreError> {
        if demo::is_demo_credential(credential) {
            return Err(StoreError::OfDemo);
        }
        let number = i64::try_from(credential.0).map_err(|_| StoreError::UnknownCredential)?;
        self.write(|transaction, _, _| {
            let sql = "SELECT revoked IS NULL FROM credential WHERE id = ?1";
            let is_good = transaction.query_row(sql, [number], |row| row.get(0)).optional()?;
            if is_good.ok_or(StoreError::UnknownCredential)? {
                let sql = "UPDATE credential SET revoked = ?1, change = ?2 WHERE id = ?3";
                let version = rows::next_version(transaction)?;
                transaction.execute(sql, params![now.micros(), version, number])?;
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
        let version = self.write(|transaction, _, _| {
            let sql = "SELECT EXISTS (SELECT 1 FROM account WHERE id = ?1)";
            if !transaction.query_row(sql, [account.0], |row| row.get(0))? {
                return Err(StoreError::UnknownAccount);
            }
            let version = rows::next_version(transaction)?;
            let sql = "UPDATE credential SET revoked = ?1, change = ?2
                       WHERE account = ?3 AND dialect = ?4 AND revoked IS NULL";
            transaction.execute(sql, params![now.micros(), version, account.0, dialect])?;
            Ok(version.unsigned_abs())
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

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy,
            _ => Self::Database(error.to_string()),
        }
    }
}
