//! Which server, who one is there, and how it is trusted.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use async_nats::{ConnectOptions, ServerAddr};
use nkeys::KeyPair;

/// How to reach a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// `HOST:PORT`, `nats://HOST:PORT` or `tls://HOST:PORT`, of one server or of several of a cluster. The others of the
    /// cluster are found by themselves. The port is 4222 if it is not said.
    pub servers: Vec<Box<str>>,
    /// What this machine is called in the server's list of connections.
    pub name: Box<str>,
    /// Who one is there.
    pub login: Login,
    /// How it is trusted.
    pub tls: Tls,
    /// How often it is asked whether it is still there. One that has been silent for three of these is gone.
    pub ping: Duration,
    /// How long a server may take to let one in.
    pub patience: Duration,
    /// The longest pause between two attempts.
    pub pause_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            name: "rialto".into(),
            login: Login::Nobody,
            tls: Tls::default(),
            ping: Duration::from_secs(2),
            patience: Duration::from_secs(3),
            pause_max: Duration::from_secs(2),
        }
    }
}

/// Who one is at the server. What is secret of it is not shown.
#[derive(Clone)]
pub enum Login {
    /// Nobody: the server lets everybody in, or whoever has a certificate.
    Nobody,
    /// A user with a password.
    Password {
        /// The user's name.
        user: Box<str>,
        /// Secret.
        password: Box<str>,
    },
    /// Whoever has this token. It is secret.
    Token(Box<str>),
    /// Whoever can sign with this NKEY, of which this is the seed. It is secret.
    Nkey(Box<str>),
    /// Whom an operator has vouched for: what is in a file of credentials, JWT and seed. It is secret.
    Credentials(Box<str>),
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => out.write_str("Nobody"),
            Self::Password { user, .. } => {
                out.debug_struct("Password").field("user", user).finish_non_exhaustive()
            }
            Self::Token(_) => out.debug_struct("Token").finish_non_exhaustive(),
            Self::Nkey(_) => out.debug_struct("Nkey").finish_non_exhaustive(),
            Self::Credentials(_) => out.debug_struct("Credentials").finish_non_exhaustive(),
        }
    }
}

/// How a server is trusted. The files are read again at each attempt to connect.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Nothing is said to a server without TLS. Without it, TLS is spoken if the server asks for it or its address begins
    /// with `tls://`.
    pub is_required: bool,
    /// TLS comes before the server's first word (its `handshake_first`).
    pub is_first: bool,
    /// PEM files of the authorities that are trusted; those of the system if there are none.
    pub authorities: Vec<PathBuf>,
    /// PEM files of one's own certificate and its key, for a server that asks for them.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Why it could not be started.
#[derive(Debug)]
pub enum Unusable {
    /// No server is named.
    NoServer,
    /// The server of this number, from 1, has no address that is one. It is not shown, as it may contain a password.
    Address(usize),
    /// What was given to show who one is does not do, for this reason, which tells nothing of it.
    Login(Box<str>),
    /// The system's error.
    System(io::Error),
}

impl fmt::Display for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer => write!(out, "no NATS server is named"),
            Self::Address(number) => write!(
                out,
                "the address of NATS server {number} is not `nats://HOST:PORT` or `tls://HOST:PORT` \
                 without user and password"
            ),
            Self::Login(why) => out.write_str(why),
            Self::System(error) => write!(out, "the bus has no thread: {error}"),
        }
    }
}

impl std::error::Error for Unusable {}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Options {
    /// The servers' addresses.
    pub(super) fn addresses(&self) -> Result<Vec<ServerAddr>, Unusable> {
        if self.servers.is_empty() {
            return Err(Unusable::NoServer);
        }
        let address = |(index, text): (usize, &str)| {
            let address: Option<ServerAddr> = text.parse().ok();
            let is_one = |address: &ServerAddr| {
                let is_plain = address.username().is_none() && address.password().is_none();
                is_plain && !address.is_websocket() && !address.host().is_empty()
            };
            address.filter(is_one).ok_or(Unusable::Address(index + 1))
        };
        self.servers.iter().map(|text| &**text).enumerate().map(address).collect()
    }

    /// What the client is told.
    pub(super) fn client(&self) -> Result<ConnectOptions, Unusable> {
        let mut client = match self.login.clone() {
            Login::Nobody => ConnectOptions::new(),
            Login::Password { user, password } => {
                ConnectOptions::with_user_and_password(user.into(), password.into())
            }
            Login::Token(token) => ConnectOptions::with_token(token.into()),
            Login::Nkey(seed) => {
                // The client looks at it only when it connects, and says no more than that it is wrong.
                let pair = KeyPair::from_seed(&seed).map_err(|why| {
                    Unusable::Login(format!("the seed of the NKEY: {why}").into())
                })?;
                // Those of operators and accounts sign others, and have no business on a machine that serves.
                if !pair.public_key().starts_with('U') {
                    let why = "the seed of the NKEY: it is not a user's; one begins with SU";
                    return Err(Unusable::Login(why.into()));
                }
                ConnectOptions::with_nkey(seed.into())
            }
            Login::Credentials(text) => ConnectOptions::with_credentials(&text).map_err(|why| {
                Unusable::Login(format!("the credentials cannot be read: {why}").into())
            })?,
        };
        for authority in &self.tls.authorities {
            client = client.add_root_certificates(authority.clone());
        }
        if let Some((certificate, key)) = &self.tls.certificate {
            client = client.add_client_certificate(certificate.clone(), key.clone());
        }
        if self.tls.is_first {
            client = client.tls_first();
        }
        let longest = self.pause_max;
        Ok(client
            .name(&self.name)
            .require_tls(self.tls.is_required)
            .ping_interval(self.ping)
            .connection_timeout(self.patience)
            .reconnect_delay_callback(move |attempts| pause(attempts, longest))
            .retry_on_initial_connect()
            .max_reconnects(None))
    }
}

/// How long to wait before an attempt, the first of which is 1: twice as long each time.
fn pause(attempt: usize, longest: Duration) -> Duration {
    let doubled = attempt.saturating_sub(2).min(16);
    match attempt {
        ..=1 => Duration::ZERO,
        _ => (Duration::from_millis(10) * (1 << doubled)).min(longest),
    }
}
