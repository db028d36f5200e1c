//! The tables, and how an older store becomes a newer one. They stand in a schema of their own, `rialto`.

use super::Postgres;
use crate::StoreError;
use crate::kept::sql::one;

/// What makes each version of the tables out of the one before. Only ever added to.
pub const MIGRATIONS: [&str; 3] =
    [include_str!("tables-1.sql"), include_str!("tables-2.sql"), include_str!("tables-3.sql")];

/// Begins a step, alone among all who migrate: the lock is `Rial`, and lasts as long as the transaction.
const BEGIN: &str = "BEGIN; SELECT pg_advisory_xact_lock(1382637932)";

/// Brings a store to the last version, one transaction for each; somebody else may be doing the same.
///
/// # Errors
/// [`StoreError`] if it is too new, or cannot be written, or the schema is somebody else's.
pub fn migrate(database: &mut Postgres, migrations: &[&str]) -> Result<(), StoreError> {
    let known = migrations.len() as i64;
    // To look takes no lock, so that nobody waits for others where there is nothing to do.
    let mut found = database.within(("BEGIN READ ONLY", "COMMIT"), version)?;
    while found != Some(known) {
        found = database.within((BEGIN, "COMMIT"), |step| {
            let version = match version(step)? {
                Some(version) if version > known => {
                    return Err(StoreError::TooNew { found: version, known });
                }
                Some(version) if version == known => return Ok(Some(version)),
                Some(version) => version,
                None => {
                    make(step)?;
                    0
                }
            };
            let next = usize::try_from(version).ok().and_then(|version| migrations.get(version));
            step.say(next.ok_or(StoreError::SchemaTaken)?)?;
            step.say(&format!("UPDATE tables SET version = {}", version + 1))?;
            Ok(Some(version + 1))
        })?;
    }
    Ok(())
}

/// The version of the tables; `None` where there are none yet.
fn version(database: &mut Postgres) -> Result<Option<i64>, StoreError> {
    let text = "SELECT to_regclass('rialto.tables') IS NOT NULL,
        EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace('rialto'))";
    let mut row = one(database, text, &[])?;
    match (row.take::<bool>()?, row.take::<bool>()?) {
        (true, _) => one(database, "SELECT version FROM tables", &[])?.take().map(Some),
        (false, true) => Err(StoreError::SchemaTaken),
        (false, false) => Ok(None),
    }
}

/// Makes the schema, unless somebody who may has done so, and the table of its version.
fn make(database: &mut Postgres) -> Result<(), StoreError> {
    let text = "SELECT to_regnamespace('rialto') IS NOT NULL";
    let is_there: bool = one(database, text, &[])?.take()?;
    if !is_there {
        database.say("CREATE SCHEMA rialto")?;
    }
    database.say(
        "CREATE TABLE tables (single bigint PRIMARY KEY CHECK (single = 1), version bigint NOT NULL);
         INSERT INTO tables VALUES (1, 0)",
    )
}
