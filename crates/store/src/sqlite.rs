//! The store in SQLite: one file beside the journal, or none at all for a venue that keeps nothing.
//!
//! WAL with `synchronous=FULL`: what a call has written survives a crash and a power cut when it returns. Several
//! processes may have one store open.

mod schema;
#[cfg(test)]
pub mod tests;

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, Transaction, TransactionBehavior};

use crate::StoreError;
use crate::kept::sql::{Cell, Row, Sql, Value};
use crate::kept::{Database, Kept, Opening};

/// The store's file in its folder.
pub const FILE: &str = "accounts.sqlite";

/// How long one who writes waits for another process that does.
const PATIENCE: Duration = Duration::from_secs(5);

/// The store in SQLite.
pub type SqliteStore = Kept<Sqlite>;

/// The database in its file.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    /// SQLite's count of other connections' commits when we last looked.
    seen: i64,
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
        Self::on(Sqlite::with(Connection::open(&path)?, path)?, opening)
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// [`StoreError`] if SQLite cannot even do that.
    pub fn in_memory(opening: Opening) -> Result<Self, StoreError> {
        let memory = Sqlite::with(Connection::open_in_memory()?, PathBuf::from(":memory:"))?;
        Self::on(memory, opening)
    }
}

impl Sqlite {
    fn with(mut connection: Connection, path: PathBuf) -> Result<Self, StoreError> {
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
        Ok(Self { connection, seen: -1 })
    }
}

impl Database for Sqlite {
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let immediate = TransactionBehavior::Immediate;
        let mut transaction = self.connection.transaction_with_behavior(immediate)?;
        let done = work(&mut transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    fn read<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut snapshot = self.connection.transaction()?;
        let done = work(&mut snapshot)?;
        self.seen = snapshot.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok(done)
    }

    fn has_news(&mut self, _version: u64) -> Result<bool, StoreError> {
        let now: i64 =
            self.connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok(now != self.seen)
    }
}

impl Sql for Transaction<'_> {
    fn change(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        Ok(self.execute(sql, rusqlite::params_from_iter(values))? as u64)
    }

    fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.prepare(sql)?;
        let columns = statement.column_count();
        let mut found = statement.query(rusqlite::params_from_iter(values))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let cells = (0..columns).map(|column| cell(row.get_ref(column)?));
            rows.push(Row::of(cells.collect::<Result<_, _>>()?));
        }
        Ok(rows)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Flag(flag) => ValueRef::Integer(flag.into()),
            Self::Number(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell, StoreError> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Number(number),
        ValueRef::Text(_) => Cell::Text(value.as_str().map_err(rusqlite::Error::from)?.to_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => {
            return Err(StoreError::Database("a row holds a number that is not whole".to_owned()));
        }
    })
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
