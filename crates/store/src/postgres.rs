//! The store in PostgreSQL: for venues of more than one machine, and where a database is operated already.
//!
//! One connection asks and writes, one at a time as all who write do, and a second one only listens, by which one is
//! told at once that others have written ([`listen`]); more would only wait for each other. Each transaction ends within
//! [`CALL_MAX`], whatever the server does. Where it cannot be reached the next call tries anew; what one has learned
//! stays.
//!
//! Not for threads that serve others, and not for asynchronous tasks: each call waits for the server.

mod lease;
mod listen;
mod place;
mod schema;
#[cfg(test)]
pub mod tests;
mod tls;

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::kept::sql::{Cell, Row, Sql, Value, one};
use crate::kept::{Database, Kept, Opening, Wake};
use crate::{DatabaseUrl, Secret, StoreError};
pub use lease::LeaseRow;
use listen::Listening;
use place::Place;

/// How long a transaction may take in all: to connect, to wait for others who write, and to be answered.
pub const CALL_MAX: Duration = Duration::from_secs(8);
/// How long a connection may take to be made, to each of the machines that an address names.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How long one waits for a connection that was idle to answer, before it is made anew.
const IDLE_MAX: Duration = Duration::from_secs(2);
/// For how long one does not look again where nobody answered: so long at first, twice as long each time, and no longer.
const PAUSES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(500)..=Duration::from_secs(5);

/// What each connection is told. Those who write wait for each other at most so long, and who vanishes in between does
/// not keep the others for ever. What has been written is on disk, unless the server was told to do even more.
const SETTINGS: &str = "SET search_path = rialto;
    SET lock_timeout = '4s';
    SET statement_timeout = '5s';
    SET idle_in_transaction_session_timeout = '10s';
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local');";

/// The store in PostgreSQL.
pub type PostgresStore = Kept<Postgres>;

/// The database behind its connections.
pub struct Postgres {
    place: Place,
    /// Drives the connection while somebody waits for it.
    runtime: Option<Runtime>,
    client: Option<Client>,
    /// When the call that is running must have ended.
    ends: Instant,
    /// Since when nobody answers, and what was said.
    outage: Option<Outage>,
    listening: Option<Listening>,
}

/// Nobody answers.
struct Outage {
    error: StoreError,
    pause: Duration,
    /// When one looks again.
    until: Instant,
}

impl PostgresStore {
    /// Opens the store in this database; makes its tables if they are not there, or brings them forward. The password
    /// is the given one, else that of the address.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be reached or read, or not with this master key, or is damaged, or the address is none.
    pub fn open(
        url: &DatabaseUrl,
        password: Option<&Secret>,
        opening: Opening,
    ) -> Result<Self, StoreError> {
        let mut database = Postgres::at(Place::of(url, password)?)?;
        schema::migrate(&mut database, &schema::MIGRATIONS)?;
        Self::on(database, opening)
    }
}

impl Postgres {
    fn at(place: Place) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Database(error.to_string()))?;
        let runtime = Some(runtime);
        let ends = Instant::now();
        Ok(Self { place, runtime, client: None, ends, outage: None, listening: None })
    }

    /// Works between two statements, the second of which makes it stay; after an error there is nothing of it.
    fn within<T>(
        &mut self,
        (begin, end): (&str, &str),
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.ends = Instant::now() + CALL_MAX;
        self.ready()?;
        let done = self.say(begin).and_then(|()| work(self));
        let done = done.and_then(|done| self.say(end).map(|()| done));
        if done.is_err() && self.client.is_some() && self.say("ROLLBACK").is_err() {
            self.client = None;
        }
        done
    }

    /// Has a connection that answers: the one there is, else a new one.
    fn ready(&mut self) -> Result<(), StoreError> {
        if self.client.is_some() {
            // It may have ended since it was last needed, which is no reason to fail.
            let limit = self.ends;
            self.ends = limit.min(Instant::now() + IDLE_MAX);
            let answers = self.say("");
            self.ends = limit;
            if answers.is_ok() {
                return Ok(());
            }
            self.client = None;
        }
        let connected = match self.runtime.as_ref() {
            None => Err(StoreError::Database("it is being closed".to_owned())),
            Some(runtime) => {
                let ends = self.ends.min(Instant::now() + self.place.patience());
                runtime.block_on(answered(ends, self.place.connect()))
            }
        };
        match connected {
            Ok((client, connection)) => {
                let runtime = self.runtime.as_ref().expect("it was there just now");
                runtime.spawn(async move {
                    // Who uses it next is told that it has ended, and why.
                    let _ended = connection.await;
                });
                self.client = Some(client);
                let told = self.say(SETTINGS);
                match &told {
                    Ok(()) => self.outage = None,
                    // Without them it would ask for other tables, and wait for ever.
                    Err(_) => self.client = None,
                }
                told
            }
            Err(error) => {
                let pause = self.outage.as_ref().map(|outage| outage.pause * 2);
                let pause = pause.unwrap_or(*PAUSES.start()).min(*PAUSES.end());
                let until = Instant::now() + pause;
                self.outage = Some(Outage { error: error.clone(), pause, until });
                Err(error)
            }
        }
    }

    /// Says something that gives nothing.
    fn say(&mut self, sql: &str) -> Result<(), StoreError> {
        self.ask(async |client| client.batch_execute(sql).await)
    }

    /// Asks, and waits no longer than the call may take. A connection that is not good for a next question is given up.
    fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let Some((runtime, client)) = self.runtime.as_ref().zip(self.client.as_ref()) else {
            return Err(StoreError::Unreachable("the connection has ended".to_owned()));
        };
        let answer = runtime.block_on(answered(self.ends, question(client)));
        if let Err(StoreError::Unreachable(_)) = &answer {
            self.client = None;
        }
        answer
    }
}

/// Waits, no longer than this.
async fn answered<T>(
    ends: Instant,
    question: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, StoreError> {
    match timeout(ends.saturating_duration_since(Instant::now()), question).await {
        Ok(answer) => answer.map_err(StoreError::from),
        Err(_elapsed) => Err(StoreError::Unreachable("it does not answer".to_owned())),
    }
}

impl Database for Postgres {
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // Whoever holds the row of changes is alone, so that numbers are in the order in which they become visible.
        let begin = "BEGIN; SELECT last FROM change FOR UPDATE";
        self.within((begin, listen::END), |database| work(database))
    }

    fn read<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        self.within((begin, "COMMIT"), |database| work(database))
    }

    fn has_news(&mut self, version: u64) -> Result<bool, StoreError> {
        if let Some(outage) = self.outage.as_ref().filter(|it| Instant::now() < it.until) {
            return Err(outage.error.clone());
        }
        self.ends = Instant::now() + CALL_MAX;
        self.ready()?;
        let last: u64 = one(self, "SELECT last FROM change", &[])?.take()?;
        Ok(last != version)
    }

    fn tell(&mut self, wake: Wake) {
        self.listening = Listening::start(self.place.clone(), wake);
    }
}

impl Sql for Postgres {
    fn change(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let values = parameters(values);
        self.ask(async |client| client.execute(sql, &values).await)
    }

    fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let values = parameters(values);
        let rows = self.ask(async |client| client.query(sql, &values).await)?;
        rows.iter().map(|row| row_of(row).map_err(StoreError::from)).collect()
    }
}

fn parameters<'a>(values: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn row_of(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let cells = row.columns().iter().enumerate().map(|(at, column)| {
        let cell = match *column.type_() {
            Type::BOOL => row.try_get::<_, Option<_>>(at)?.map(Cell::Flag),
            Type::INT8 => row.try_get::<_, Option<_>>(at)?.map(Cell::Number),
            Type::BYTEA => row.try_get::<_, Option<_>>(at)?.map(Cell::Bytes),
            _ => row.try_get::<_, Option<_>>(at)?.map(Cell::Text),
        };
        Ok(cell.unwrap_or(Cell::Null))
    });
    cells.collect::<Result<_, _>>().map(Row::of)
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Flag(flag) => flag.to_sql_checked(kind, out),
            Self::Number(number) => number.to_sql_checked(kind, out),
            Self::Text(text) => text.to_sql_checked(kind, out),
            Self::Bytes(bytes) => bytes.to_sql_checked(kind, out),
        }
    }
    fn accepts(_kind: &Type) -> bool {
        true
    }
    to_sql_checked!();
}

/// Whoever drops it may be an asynchronous task, which must not wait for it.
impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres({})", self.place)
    }
}

/// Never with the row that it tells of, nor with a password.
impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            return match told_whole(&error) {
                wrong if wrong.contains("password missing") => {
                    Self::Database(format!("{wrong}; give it in a file or in PGPASSWORD"))
                }
                wrong if wrong.starts_with("invalid configuration") => Self::Database(wrong),
                why => Self::Unreachable(why),
            };
        };
        let why = told.message().to_owned();
        match told.code().code() {
            // A lock was not to be had, or an answer not in time, or two were in each other's way.
            "55P03" | "57014" | "40001" | "40P01" => Self::Busy,
            // It begins or ends, is a standby now, has too many connections, or has given this one up.
            "25006" | "25P03" | "53300" => Self::Unreachable(why),
            code if code.starts_with("08") || code.starts_with("57P") => Self::Unreachable(why),
            _ => Self::Database(why),
        }
    }
}

/// An error with its causes, which its own words leave out.
fn told_whole(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
