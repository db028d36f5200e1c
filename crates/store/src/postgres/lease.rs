//! A row that is replaced only by whoever knows what it was: by it machines agree which of them is the core of a market.
//! What stands in it is not known here.

use std::fmt;
use std::time::{Duration, Instant};

use super::place::Place;
use super::{Postgres, schema};
use crate::kept::sql::{Sql as _, Value};
use crate::{DatabaseUrl, Secret, StoreError};

/// The row of a market, on a connection of its own.
#[derive(Debug)]
pub struct LeaseRow {
    database: Postgres,
    market: String,
    /// How long a call may take.
    limit: Duration,
    /// Whether the table is known to be there.
    is_there: bool,
}

impl LeaseRow {
    /// That of this market; each call may take so long. Nobody is connected to yet.
    ///
    /// # Errors
    /// [`StoreError`] if the address is none.
    pub fn new(
        url: &DatabaseUrl,
        password: Option<&Secret>,
        market: &str,
        limit: Duration,
    ) -> Result<Self, StoreError> {
        // Of several machines one may be gone: then there is time to come to the next.
        let place = Place::of(url, password)?.reached_within(limit / 2);
        let database = Postgres::at(place)?;
        Ok(Self { database, market: market.to_owned(), limit, is_there: false })
    }

    /// The row's revision and what stands in it, if it is there. Makes the tables if they are not there, which may take
    /// longer.
    ///
    /// # Errors
    /// [`StoreError`] if nobody says so in time.
    pub fn read(&mut self) -> Result<Option<(u64, String)>, StoreError> {
        let text = "SELECT revision, entry FROM lease WHERE market = $1";
        let Self { database, market, .. } = self.ready()?;
        let row = database.rows(text, &[Value::Text(market)])?.into_iter().next();
        row.map(|mut row| Ok((row.take()?, row.take()?))).transpose()
    }

    /// Replaces what stands in the row of this revision, or makes the row. The revision that it has then; `None` if there
    /// is another row.
    ///
    /// # Errors
    /// [`StoreError`] if nobody says so in time. It may have been done, or be done later.
    pub fn replace(
        &mut self,
        revision: Option<u64>,
        entry: &str,
    ) -> Result<Option<u64>, StoreError> {
        let Self { database, market, .. } = self.ready()?;
        let rows = match revision {
            Some(revision) => {
                let text = "UPDATE lease SET revision = nextval('lease_revision'), entry = $1, written = now()
                    WHERE market = $2 AND revision = $3 RETURNING revision";
                let revision = Value::Number(i64::try_from(revision).unwrap_or(i64::MAX));
                database.rows(text, &[Value::Text(entry), Value::Text(market), revision])?
            }
            None => {
                let text = "INSERT INTO lease (market, entry) VALUES ($2, $1)
                    ON CONFLICT DO NOTHING RETURNING revision";
                database.rows(text, &[Value::Text(entry), Value::Text(market)])?
            }
        };
        rows.into_iter().next().map(|mut row| row.take()).transpose()
    }

    /// Has a connection, and the table.
    fn ready(&mut self) -> Result<&mut Self, StoreError> {
        if !self.is_there {
            schema::migrate(&mut self.database, &schema::MIGRATIONS)?;
            self.is_there = true;
        }
        self.database.ends = Instant::now() + self.limit;
        self.database.ready()?;
        Ok(self)
    }
}

/// For people; without the password.
impl fmt::Display for LeaseRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.database.place)
    }
}
