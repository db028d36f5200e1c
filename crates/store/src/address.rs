//! The address of a PostgreSQL database, as people write it: `postgres://user@host:port/database?option=value`.
//!
//! It may hold a password, so it is never told as it stands. What it means to the database's client is not known here.

use std::fmt;

use crate::Secret;

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

    /// All of it, for who connects.
    #[cfg(feature = "postgres")]
    pub(crate) fn reveal(&self) -> &str {
        self.0.reveal()
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
    use super::DatabaseUrl;

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
