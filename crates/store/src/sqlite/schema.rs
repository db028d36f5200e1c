//! The tables, and how an older store becomes a newer one.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::StoreError;

/// Marks a file as ours: `Rial`.
const APPLICATION: i32 = 0x5269_616C;

/// What makes each version of the tables out of the one before. Only ever added to.
pub const MIGRATIONS: [&str; 4] = [
    include_str!("tables-1.sql"),
    include_str!("tables-2.sql"),
    include_str!("tables-3.sql"),
    include_str!("tables-4.sql"),
];

/// Brings a store to the last version, one transaction for each; somebody else may be doing the same.
///
/// # Errors
/// [`StoreError`] if it is too new, or it cannot be written. `Ok(false)` if it is no store of ours.
pub fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<bool, StoreError> {
    let known = migrations.len() as i64;
    loop {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = match version(&step)? {
            None => return Ok(false),
            Some(version) if version > known => {
                return Err(StoreError::TooNew { found: version, known });
            }
            Some(version) if version == known => return Ok(true),
            Some(version) => version,
        };
        step.execute_batch(migrations[version as usize])?;
        step.pragma_update(None, "application_id", APPLICATION)?;
        step.pragma_update(None, "user_version", version + 1)?;
        step.commit()?;
    }
}

/// The version of the tables, 0 in a new file; `None` if the file is somebody else's.
fn version(connection: &Transaction<'_>) -> Result<Option<i64>, StoreError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == i64::from(APPLICATION) {
        return Ok(Some(version));
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok((application == 0 && version == 0 && tables == 0).then_some(0))
}
