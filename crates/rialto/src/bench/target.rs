//! Where a load goes: the parts of a `ws://` URL, its host looked up.

use std::net::{SocketAddr, ToSocketAddrs};

use clap::Args;

/// The server that a bench is to look at: `URL` or `--url URL`.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct Server {
    /// The server, as in ws://127.0.0.1:8080/bitstamp
    #[arg(value_name = "URL")]
    place: Option<String>,
    /// The same
    #[arg(long = "url", value_name = "URL")]
    url: Option<String>,
}

impl Server {
    /// This one.
    pub fn at(url: String) -> Self {
        Self { place: Some(url), url: None }
    }

    /// As it was given.
    pub fn url(&self) -> &str {
        self.place.as_deref().or(self.url.as_deref()).unwrap_or_default()
    }

    /// Looked up.
    pub fn target(&self) -> Result<Target, String> {
        Target::find(self.url())
    }
}

/// A WebSocket endpoint that can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it was given.
    pub url: String,
    /// What the `Host` header says.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// The first address that the host's name has.
    pub address: SocketAddr,
}

impl Target {
    /// Reads `ws://HOST[:PORT][/PATH][?QUERY]` and looks the host up.
    pub fn find(url: &str) -> Result<Self, String> {
        let Some(rest) = url.strip_prefix("ws://") else {
            let remedy = if url.starts_with("wss://") {
                "TLS is not spoken here: name the plain port, or put a proxy that ends TLS in front"
            } else {
                "a target is written ws://HOST:PORT/PATH"
            };
            return Err(format!("failed to read the target {url:?}: {remedy}"));
        };
        let cut = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(cut);
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let has_port = host.rsplit_once(':').is_some_and(|(before, port)| {
            !before.is_empty() && !port.contains(']') && !port.is_empty()
        });
        let with_port = if has_port { host.to_owned() } else { format!("{host}:80") };
        let found = with_port.to_socket_addrs();
        let mut addresses =
            found.map_err(|error| format!("failed to look up {host:?} of {url}: {error}"))?;
        let address = addresses.next();
        let address = address.ok_or_else(|| format!("failed to look up {host:?}: no address"))?;
        Ok(Self { url: url.to_owned(), host: host.to_owned(), path, address })
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    fn read(url: &str) -> Result<(String, String, String), String> {
        Target::find(url).map(|it| (it.host, it.path, it.address.to_string()))
    }

    #[test]
    fn a_url_has_host_port_path_and_query() {
        let parts = |host: &str, path: &str, address: &str| {
            Ok((host.to_owned(), path.to_owned(), address.to_owned()))
        };
        let whole = "ws://127.0.0.1:8080/finazon/v1?apikey=k#part";
        assert_eq!(read(whole), parts("127.0.0.1:8080", "/finazon/v1?apikey=k", "127.0.0.1:8080"));
        assert_eq!(read("ws://127.0.0.1"), parts("127.0.0.1", "/", "127.0.0.1:80"));
        assert_eq!(read("ws://127.0.0.1:1?a=b"), parts("127.0.0.1:1", "/?a=b", "127.0.0.1:1"));
        assert_eq!(read("ws://[::1]:9/x"), parts("[::1]:9", "/x", "[::1]:9"));
        assert_eq!(read("ws://[::1]"), parts("[::1]", "/", "[::1]:80"));
    }

    #[test]
    fn what_is_wrong_is_said_with_a_remedy() {
        assert!(read("wss://127.0.0.1/").is_err_and(|error| error.contains("TLS")));
        assert!(read("127.0.0.1:80").is_err_and(|error| error.contains("ws://HOST")));
        assert!(read("ws://").is_err());
        assert!(read("ws://127.0.0.1:x/").is_err());
    }
}
