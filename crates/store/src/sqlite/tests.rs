//! What is SQLite's own: its file, its older tables, its migrations; and the ground for the suite of the store.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;

use super::{FILE, SqliteStore, schema};
use crate::kept::tests::{Ground, LATER, NOW, check_found, error, everything, opening, seeded};
use crate::{Channel, Limits, Opening, Store as _, StoreError};

/// A folder that is gone when the test is over.
pub struct Folder(PathBuf);

impl Folder {
    fn make() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rialto-store-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }
    fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Ground for Folder {
    type Store = SqliteStore;
    fn new() -> Option<Self> {
        Some(Self::make())
    }
    fn open(&self, opening: Opening) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&self.0, opening)
    }
    fn sql(&self, sql: &str) {
        let connection = Connection::open(self.file()).expect("the file opens");
        connection.execute_batch(sql).expect("the statement runs");
    }
    const BYTES: &str = "BLOB";
    fn bytes(hex: &str) -> String {
        format!("x'{hex}'")
    }
    fn broken(credential: u64) -> [String; 2] {
        let broken = format!(
            "CREATE TRIGGER broken BEFORE UPDATE ON credential WHEN old.id = {credential}
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        );
        [broken, "DROP TRIGGER broken".to_owned()]
    }
    fn kept(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(&self.0).expect("the folder") {
            bytes.extend(std::fs::read(entry.expect("an entry").path()).expect("its bytes"));
        }
        bytes
    }
}

#[test]
fn its_file_is_for_its_owner_only() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = Folder::make();
    let _store = SqliteStore::open(&folder.0, opening()).expect("a new store");
    for entry in std::fs::read_dir(&folder.0).expect("the folder") {
        let path = entry.expect("an entry").path();
        let mode = path.metadata().expect("its mode").mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[test]
fn in_memory_it_is_the_same_and_a_seed_repeats_it() {
    let make = || {
        let store = SqliteStore::in_memory(seeded("seed")).expect("a store");
        let (account, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
        check_found(&store, &issued, "carol");
        crate::account_json(&account, &issued)
    };
    assert_eq!(make(), make());
}

#[test]
fn older_tables_are_brought_forward_and_newer_ones_refused() {
    let folder = Folder::make();
    folder.sql(include_str!("store-1.sql"));
    let store = SqliteStore::open(&folder.0, opening()).expect("an old store");
    let version: i64 = {
        let connection = Connection::open(folder.file()).expect("the file");
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        version.expect("its version")
    };
    assert_eq!(version, schema::MIGRATIONS.len() as i64);
    let found = |dialect, key| store.credential(dialect, key).expect("the key is known");
    let bitstamp = found("bitstamp", "4JqAYe5arM1fNF6Bnn7vUFx9IZLCmIUd");
    assert_eq!((bitstamp.account.name.as_str(), bitstamp.account.id.0), ("carol", 10_000));
    let secret = bitstamp.signing_secret().expect("it signs");
    assert_eq!(secret.reveal(), "f2cTRBapCtyVU66A6klzBO4N4LDpLaDx");
    let timex = found("timex", "FC66D48CEF8ADC019A9D87B4B30924A2");
    assert!(timex.is_proven_by(b"QNT5IJANR6F996JOAZOHCHCU2M"));
    let finazon = found("finazon", "1fbbe6ab623e8b32816c9d42dbe8a6b4a5c82575");
    let pairs = ["BTC/USDT".parse().expect("a pair")].into();
    assert_eq!(finazon.entitlement.instruments, Some(pairs));
    assert!(finazon.is_proven_by_key() && !finazon.entitlement.trading);
    let revoked = found("confluencecode", "hDU7Bi2k7vuY6xMicXqJ2GZjWSPcv5Q9Uk30zQDL");
    assert_eq!(revoked.revoked, Some(LATER));
    let native = found("native", "rialto_nkQx8hz9q3K7ZwBRl6jW3YxMo1spaEf8kGeOtjSG");
    assert_eq!(native.entitlement.channels, Some([Channel::Trades, Channel::Private].into()));
    let limits = Limits { connections_max: Some(2), requests_per_second_max: Some(7) };
    assert_eq!(native.limits, limits);
    assert!(native.entitlement.quotes.is_empty());
    assert_eq!(store.revocations(0).len(), 1);
    drop(store);
    folder.sql("PRAGMA user_version = 99");
    let opened = SqliteStore::open(&folder.0, opening());
    let known = schema::MIGRATIONS.len() as i64;
    assert_eq!(error(opened), StoreError::TooNew { found: 99, known });
}

#[test]
fn migrations_run_once_each_in_order_and_a_failed_one_leaves_no_trace() {
    let mut connection = Connection::open_in_memory().expect("a database");
    let good =
        ["CREATE TABLE a (x)", "ALTER TABLE a RENAME COLUMN x TO y; INSERT INTO a VALUES (7)"];
    assert_eq!(schema::migrate(&mut connection, &good[..1]), Ok(true));
    assert_eq!(schema::migrate(&mut connection, &good), Ok(true));
    assert_eq!(schema::migrate(&mut connection, &good), Ok(true));
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT count(y) FROM a"), Ok(1));
    let bad = [good[0], good[1], "INSERT INTO a VALUES (8); INSERT INTO nowhere VALUES (1)"];
    assert!(matches!(schema::migrate(&mut connection, &bad), Err(StoreError::Database(_))));
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT count(y) FROM a"), Ok(1));
    assert_eq!(schema::migrate(&mut connection, &good), Ok(true), "still at version 2");
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let check = |make: &dyn Fn(&Path)| {
        let folder = Folder::make();
        make(&folder.file());
        let before = std::fs::read(folder.file()).expect("the file");
        let opened = SqliteStore::open(&folder.0, opening());
        assert_eq!(error(opened), StoreError::NotAStore(folder.file()));
        before
    };
    check(&|path| std::fs::write(path, "Once upon a time. ".repeat(100)).expect("it is written"));
    check(&|path| {
        let connection = Connection::open(path).expect("a database");
        connection.execute_batch("CREATE TABLE theirs (x)").expect("a table");
    });
}
