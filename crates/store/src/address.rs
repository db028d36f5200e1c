//! The address of a PostgreSQL database, as people write it: `postgres://user@host:port/database?option=value`.
//!
//! It may hold a password, so it is never told as it stands. What it means to the database's client is not known here.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "postgres")]
use crate::LeaseRow;
use crate::secret::read_secret;
use crate::{Opening, Secret, Store, StoreError};

/// The variable that may hold the password, as other clients of PostgreSQL have it.
const VARIABLE: &str = "PGPASSWORD";
/// How long a password may be.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// Where a PostgreSQL database is, and as whom one comes to it.
#[derive(Clone)]
pub struct DatabaseUrl(Secret);

impl DatabaseUrl {
    /// From its text.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let rest =
            rest.ok_or("expected an address such as \"postgres://rialto@localhost/rialto\"")?;
        let (authority, query) = parts(rest);
        // What follows would be taken for the name of a machine, and told as such.
        if authority.matches('@').count() > 1 {
            return Err("expected one @; one in a name or a password is written %40".to_owned());
        }
        if query.split('&').any(|pair| pair.starts_with("password=")) {
            return Err(
                "expected the password before the @, in a file, or in PGPASSWORD".to_owned()
            );
        }
        Ok(Self(Secret::new(text.to_owned())))
    }

    /// Opens the store in this database. The password is in this file, if one is named; else in the address; else in the
    /// variable `PGPASSWORD`; else there is none.
    ///
    /// # Errors
    /// [`StoreError`] if the password cannot be read, or the store not be opened, or the program was built without
    /// PostgreSQL.
    pub fn open(
        &self,
        password_file: Option<&Path>,
        opening: Opening,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let password = self.password(password_file)?;
        self.open_with(password.as_ref(), opening)
    }

    #[cfg(feature = "postgres")]
    fn open_with(
        &self,
        password: Option<&Secret>,
        opening: Opening,
    ) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(crate::PostgresStore::open(self, password, opening)?))
    }

    #[cfg(not(feature = "postgres"))]
    fn open_with(&self, _: Option<&Secret>, _: Opening) -> Result<Arc<dyn Store>, StoreError> {
        Err(StoreError::WithoutPostgres)
    }

    /// The row of this database by which machines agree which of them is the core of a market; each call of it may take
    /// so long. The password is as for [`open`](Self::open).
    ///
    /// # Errors
    /// [`StoreError`] if the password cannot be read, the address is none, or the program was built without PostgreSQL.
    #[cfg(feature = "postgres")]
    pub fn lease(
        &self,
        password_file: Option<&Path>,
        market: &str,
        limit: std::time::Duration,
    ) -> Result<LeaseRow, StoreError> {
        let password = self.password(password_file)?;
        LeaseRow::new(self, password.as_ref(), market, limit)
    }

    fn password(&self, file: Option<&Path>) -> Result<Option<Secret>, StoreError> {
        Ok(match file {
            Some(file) => Some(password_in(file)?),
            None if self.has_password() => None,
            None => std::env::var(VARIABLE).ok().map(Secret::new),
        })
    }

    fn has_password(&self) -> bool {
        let (authority, _) = parts(self.0.reveal().split_once("://").map_or("", |(_, it)| it));
        authority.split_once('@').is_some_and(|(who, _)| who.contains(':'))
    }

    /// All of it, for who connects.
    #[cfg(feature = "postgres")]
    pub(crate) fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// The password in a file that holds nothing else, but perhaps the end of a line.
fn password_in(file: &Path) -> Result<Secret, StoreError> {
    let bad = |why: String| StoreError::PasswordBad { from: file.display().to_string(), why };
    let text = read_secret(file, PASSWORD_BYTES_MAX, bad)?;
    let password = text.trim_end_matches(['\r', '\n']);
    match password.is_empty() || text.len() == PASSWORD_BYTES_MAX {
        true => Err(bad("expected a password and nothing else".to_owned())),
        false => Ok(Secret::new(password.to_owned())),
    }
}

/// What stands before the path, and the options.
fn parts(rest: &str) -> (&str, &str) {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    (place.split('/').next().unwrap_or(place), query)
}

/// Without the password, and without options.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.reveal();
        let (scheme, rest) = text.split_once("://").unwrap_or(("postgres", text));
        let (place, _) = rest.split_once('?').unwrap_or((rest, ""));
        match place.split_once('@') {
            Some((who, place)) => {
                let (user, _password) = who.split_once(':').unwrap_or((who, ""));
                write!(f, "{scheme}://{user}@{place}")
            }
            None => write!(f, "{scheme}://{place}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(other.0.reveal().as_bytes())
    }
}

impl Eq for DatabaseUrl {}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::{DatabaseUrl, PASSWORD_BYTES_MAX, password_in};
    use crate::StoreError;

    #[test]
    fn it_is_told_without_its_password_and_options() {
        for (text, told) in [
            ("postgres://localhost/rialto", "postgres://localhost/rialto"),
            ("postgresql://me@db:5433/r", "postgresql://me@db:5433/r"),
            ("postgres://me:pass:word@a,b/r?sslmode=disable", "postgres://me@a,b/r"),
            ("postgres://:hidden@db", "postgres://@db"),
            ("postgres:///r?host=/run/postgresql&user=me", "postgres:///r"),
        ] {
            let url = DatabaseUrl::parse(text).expect("an address");
            assert_eq!(url.to_string(), told);
            assert_eq!(format!("{url:?}"), format!("DatabaseUrl({told})"));
        }
    }

    #[test]
    fn a_file_holds_a_password_and_nothing_else_for_its_owner() {
        let name = format!("rialto-password-{}", std::process::id());
        let file = std::env::temp_dir().join(name);
        let read = |text: &str, mode: u32| {
            fs::write(&file, text).expect("it is written");
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("its mode");
            password_in(&file)
        };
        let held = |text| read(text, 0o600).map(|it| it.reveal().to_owned());
        assert_eq!(held("hidden"), Ok("hidden".to_owned()));
        assert_eq!(held(" hid den \r\n"), Ok(" hid den ".to_owned()));
        for (text, mode) in
            [("hidden\n", 0o644), ("\n", 0o600), (&"hidden".repeat(PASSWORD_BYTES_MAX), 0o600)]
        {
            let refused = read(text, mode).map(drop).expect_err("it is none");
            assert!(matches!(refused, StoreError::PasswordBad { .. }), "{refused:?}");
            assert!(!refused.to_string().contains("hidden"), "{refused}");
        }
        fs::remove_file(&file).expect("it was there");
        assert!(matches!(password_in(&file), Err(StoreError::Io { .. })));
    }

    #[cfg(not(feature = "postgres"))]
    #[test]
    fn a_program_without_postgres_says_so() {
        let url = DatabaseUrl::parse("postgres://me@db/r").expect("an address");
        let refused = url.open(None, crate::Opening::default()).map(drop);
        assert_eq!(refused, Err(StoreError::WithoutPostgres));
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_it() {
        for text in [
            "hidden",
            "mysql://me:hidden@db/r",
            "postgres://me:hid@den@db/r",
            "postgres://me@db/r?sslmode=disable&password=hidden",
        ] {
            let why = DatabaseUrl::parse(text).expect_err("it is none");
            assert!(why.starts_with("expected ") && !why.contains("hidden"), "{why}");
            assert!(!why.contains("den@"), "{why}");
        }
    }
}
