//! Whom to call: the parts of a socket's URL, and where the HTTP half of the same venue is.

use dialects::http::percent_decoded;

use super::secret::percent_encoded;
use crate::run::Failure;
use crate::tongues::{self, Tongue};

/// The socket of a venue, and its HTTP half.
pub struct Target {
    /// Where the socket is.
    pub socket: Origin,
    /// Path and query of the socket.
    pub path: String,
    /// Where the HTTP half is.
    pub http: Origin,
    /// How a path at the venue begins, and how it begins there.
    rewrites: Vec<(&'static str, &'static str)>,
}

/// A host, a port, and whether it is spoken to in private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The name, without a port.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Origin {
    /// Reads `ws://HOST[:PORT]` or the like; returns what follows as well.
    fn read(url: &str) -> Result<(Self, &str), Failure> {
        let wrong =
            |why: &str| Failure(format!("failed to read the URL {:.80}: {why}", shown(url)));
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let tls = match scheme {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(wrong("it begins with ws:// or wss://")),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(wrong("a name and a password are not taken there"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (host, port.ok_or_else(|| wrong("its port is no port"))?)
            }
            _ => (authority, if tls { 443 } else { 80 }),
        };
        if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("it has no host"));
        }
        Ok((Self { tls, host: host.to_owned(), port }, path))
    }

    /// What the `Host` header says.
    pub fn host_header(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// The name to look up and to be proven, without the brackets of an address.
    pub fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// A URL without what follows its path. Nothing but the scheme is shown of one in which a name and a password may be:
/// where they end is not certain in one that is wrong.
pub fn shown(url: &str) -> String {
    if !url.contains('@') {
        return url.split(['?', '#']).next().unwrap_or_default().to_owned();
    }
    let is_name = |scheme: &&str| scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
    let scheme = url.split_once("://").map(|(scheme, _)| scheme).filter(is_name);
    scheme.map_or("***".to_owned(), |scheme| format!("{scheme}://***"))
}

/// The tongue that is spoken at this URL, as its path or its host tells.
pub fn tongue_of(url: &str) -> Result<&'static Tongue, Failure> {
    let (origin, path) = Origin::read(url)?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    const TONGUES: &[Tongue] = &tongues::ALL;
    let speaks = |tongue: &&Tongue| {
        let dialect =
            (tongue.dialect)(&[]).expect("nothing is listed, so nothing is wrong with it");
        let doors = dialect.doors();
        let published = tongue.published.socket.and_then(|url| Origin::read(url).ok());
        doors.socket_paths.contains(&path)
            || doors.hosts.contains(&origin.host.as_str())
            || published.is_some_and(|(published, _)| published.host == origin.host)
    };
    TONGUES.iter().find(speaks).ok_or_else(|| {
        Failure(format!(
            "it cannot be told which dialect is spoken at {}; name it with --dialect: {}",
            shown(url),
            tongues::names()
        ))
    })
}

impl Target {
    /// Reads a socket's URL. The HTTP half is at `http` if that is given.
    pub fn read(url: &str, tongue: &Tongue, http: Option<&str>) -> Result<Self, Failure> {
        let (socket, rest) = Origin::read(url)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure(format!(
                "failed to read the URL {}: a blank is in it",
                shown(url)
            )));
        }
        let published = tongue.published.socket.and_then(|url| Origin::read(url).ok());
        let is_published = published.is_some_and(|(published, _)| published == socket);
        let dialect =
            (tongue.dialect)(&[]).expect("nothing is listed, so nothing is wrong with it");
        let doors = dialect.doors();
        let is_ours = doors.socket_paths.contains(&path.split('?').next().unwrap_or_default());
        let (http, rewrites) = match (http, tongue.published.http) {
            (Some(given), _) => (Origin::read(given)?.0, Vec::new()),
            (None, Some(there)) if is_published => (Origin::read(there)?.0, Vec::new()),
            _ if is_ours => {
                let turned = doors.http_prefixes.iter().map(|&(here, there)| (there, here));
                (socket.clone(), turned.collect())
            }
            _ => (socket.clone(), Vec::new()),
        };
        Ok(Self { socket, path, http, rewrites })
    }

    /// The socket's URL.
    pub fn url(&self) -> String {
        let scheme = if self.socket.tls { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.socket.host_header(), self.path)
    }

    /// Whether a venue publishes that its HTTP half is there, so that it is none of ours.
    #[cfg(feature = "watch")]
    pub fn is_published(&self) -> bool {
        let urls = tongues::ALL.iter().map(|it| [it.published.socket, it.published.http]);
        let published = urls.flatten().flatten().filter_map(|url| Origin::read(url).ok());
        published.into_iter().any(|(it, _)| it.host.eq_ignore_ascii_case(&self.http.host))
    }

    /// Turns a path at the venue into the one to ask for there.
    pub fn pages(&self) -> impl Fn(&str) -> String + Send + Sync + 'static {
        let rewrites = self.rewrites.clone();
        move |path| {
            let rewritten = rewrites.iter().find_map(|(there, here)| {
                path.strip_prefix(there).map(|rest| format!("{here}{rest}"))
            });
            rewritten.unwrap_or_else(|| path.to_owned())
        }
    }

    /// All values that the socket's query has for this parameter, as they stand there. The name may be spelled in any
    /// way that some venue might understand.
    pub fn parameters(&self, name: &str) -> Vec<String> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let is_it = |known: &str| percent_decoded(known).eq_ignore_ascii_case(name);
        let values = pairs.filter(|(known, value)| is_it(known) && !value.is_empty());
        values.map(|(_, value)| value.to_owned()).collect()
    }

    /// Adds one.
    pub fn add_parameter(&mut self, name: &str, value: &str) {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        self.path += &format!("{joint}{name}={}", percent_encoded(value));
    }
}
