//! Which door a request knocks at: by host name if it is a venue's own, else by path.
//!
//! Pure: it looks at names only and does not know what stands behind a door.

use dialects::Doors;

use crate::native;

#[cfg(test)]
mod tests;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// The socket of the dialect with this index.
    Socket(usize),
    /// The HTTP half of the dialect with this index, at this path of the venue: `head` and then `tail`.
    Venue {
        /// Which dialect.
        dialect: usize,
        /// What stands for the prefix at the venue; empty if nothing was replaced.
        head: &'static str,
        /// The rest, as received.
        tail: &'a str,
    },
    /// A page of our own.
    House(Page),
    /// What machines are told of the dialect of this name.
    Document {
        /// Of which half of it.
        half: Half,
        /// As it stands in the path.
        dialect: &'a str,
    },
    /// The native API.
    Native,
    /// Nothing is there.
    Nowhere,
}

/// The halves of a dialect, each with a document of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Its socket.
    Socket,
    /// What is asked over HTTP.
    Http,
}

/// Where the documents of each half lie.
const DOCUMENTS: [(&str, Half); 2] =
    [("/docs/asyncapi/", Half::Socket), ("/docs/openapi/", Half::Http)];

/// Our own pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// What there is, for people.
    Index,
    /// Whether the process lives.
    Health,
    /// Whether it serves.
    Readiness,
    /// Prometheus text.
    Metrics,
}

/// Finds the door for a request; dialects are counted as their doors stand. `host` is the `Host` header as received; `upgrade` tells whether the request
/// asks for a WebSocket.
#[must_use]
pub fn route<'a>(doors: &[Doors], host: Option<&str>, path: &'a str, upgrade: bool) -> Route<'a> {
    if let Some(name) = host.map(without_port) {
        let own = |doors: &Doors| doors.hosts.iter().any(|own| own.eq_ignore_ascii_case(name));
        if let Some(dialect) = doors.iter().position(own) {
            return if upgrade {
                Route::Socket(dialect)
            } else {
                Route::Venue { dialect, head: "", tail: path }
            };
        }
    }
    for (dialect, doors) in doors.iter().enumerate() {
        if doors.socket_paths.contains(&path) {
            return Route::Socket(dialect);
        }
    }
    for (dialect, doors) in doors.iter().enumerate() {
        for (prefix, head) in doors.http_prefixes {
            if let Some(tail) = path.strip_prefix(prefix) {
                return Route::Venue { dialect, head, tail };
            }
        }
    }
    match path {
        "/" => Route::House(Page::Index),
        "/healthz" => Route::House(Page::Health),
        "/readyz" => Route::House(Page::Readiness),
        "/metrics" => Route::House(Page::Metrics),
        _ if path.strip_prefix(native::PREFIX).is_some_and(is_below) => Route::Native,
        _ => document(path).unwrap_or(Route::Nowhere),
    }
}

fn document(path: &str) -> Option<Route<'_>> {
    DOCUMENTS.iter().find_map(|&(folder, half)| {
        let dialect = path.strip_prefix(folder)?.strip_suffix(".json")?;
        Some(Route::Document { half, dialect })
    })
}

/// Whether what follows a prefix is the prefix itself or a path below it.
fn is_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

/// The name in a `Host` header: `[::1]:80` is `[::1]`, `a:80` is `a`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
