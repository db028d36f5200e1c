//! What an address means: where to connect to, as whom, and under what cover.
//!
//! Nothing goes over a network in the clear unless the address says so: other machines are spoken to under TLS, with a
//! certificate of their name, as `sslmode=verify-full` says.

use std::fmt;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, Connection, Socket};

use super::tls::{Cover, Covered};
use super::{CONNECT_MAX, told_whole};
use crate::{DatabaseUrl, Secret, StoreError};

/// Where to connect to, and how.
#[derive(Clone)]
pub struct Place {
    config: Config,
    cover: Cover,
    patience: Duration,
    /// For people.
    name: String,
}

/// A connection that nobody drives yet.
pub type Fresh = (Client, Connection<Socket, Covered>);

impl Place {
    /// That of this address.
    ///
    /// # Errors
    /// [`StoreError::AddressBad`] if it means nothing, or something that we do not do.
    pub fn of(url: &DatabaseUrl, password: Option<&Secret>) -> Result<Self, StoreError> {
        let bad = |why: String| StoreError::AddressBad { address: url.to_string(), why };
        let (text, wishes) = split(url.reveal());
        let mut config = Config::from_str(&text).map_err(|error| bad(told_whole(&error)))?;
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        if let Some(password) = password {
            config.password(password.reveal());
        }
        let is_here = config.get_hosts().iter().all(is_here)
            && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
        let covers = match wishes.mode.as_deref() {
            None => !is_here,
            Some("disable") => false,
            Some("require" | "verify-full") => true,
            Some(_) => {
                return Err(bad(
                    "expected sslmode=verify-full (require is the same here) or sslmode=disable"
                        .into(),
                ));
            }
        };
        let cover = match covers {
            false => Cover::none(),
            true => Cover::of(wishes.roots.as_deref().map(Path::new)).map_err(bad)?,
        };
        config
            .ssl_mode(if covers { SslMode::Require } else { SslMode::Disable })
            .application_name("rialto")
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(20));
        let each = config.get_connect_timeout().copied().unwrap_or(CONNECT_MAX);
        config.connect_timeout(each);
        let machines = config.get_hosts().len().try_into().unwrap_or(u32::MAX);
        let patience = each.saturating_mul(machines);
        Ok(Self { config, cover, patience, name: url.to_string() })
    }

    /// The same, and a connection is there within this time or not, whichever of its machines answers.
    pub fn reached_within(mut self, all: Duration) -> Self {
        let machines = self.config.get_hosts().len().try_into().unwrap_or(u32::MAX);
        self.config.connect_timeout(all / machines.max(1));
        self.patience = all;
        self
    }

    /// Whether what is said goes under TLS.
    #[cfg(test)]
    pub const fn is_covered(&self) -> bool {
        self.cover.is_some()
    }

    /// How long it may take until there is a connection that answers.
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    /// A new connection.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub async fn connect(&self) -> Result<Fresh, tokio_postgres::Error> {
        self.config.connect(self.cover.clone()).await
    }
}

/// What an address says of its cover, in the words of other clients of PostgreSQL.
#[derive(Default)]
struct Wishes {
    mode: Option<String>,
    roots: Option<String>,
}

/// The address without what is said of its cover, and that.
fn split(url: &str) -> (String, Wishes) {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let mut wishes = Wishes::default();
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => wishes.mode = Some(mode.to_owned()),
            Some(("sslrootcert", file)) => wishes.roots = Some(file.replace("%2F", "/")),
            _ => rest.push(pair),
        }
    }
    let place =
        if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
    (place, wishes)
}

/// Whether what is said to it stays on this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
