//! Asks a venue that runs by its native API, for commands that only tell people what it says.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

use crate::run::{Failure, failed};

/// How long a venue may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer: a thousand connections have half a megabyte.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The variable with a key of the native API, for who does not operate the venue.
pub const KEY: &str = "RIALTO_KEY";

/// The key in [`KEY`], if there is one.
///
/// # Errors
/// [`Failure`] if what is there cannot be a key.
pub fn key() -> Result<Option<String>, Failure> {
    let key = std::env::var(KEY).ok().map(|key| key.trim().to_owned());
    let key = key.filter(|key| !key.is_empty());
    match key.as_deref().is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic())) {
        true => Err(Failure(format!("the variable {KEY} is no key"))),
        false => Ok(key),
    }
}

/// A venue that runs.
pub struct Asking {
    /// `host:port`.
    authority: String,
    key: Option<String>,
}

impl Asking {
    /// The venue at such a URL, asked by the key in [`KEY`] if there is one.
    ///
    /// # Errors
    /// [`Failure`] if it is no URL that can be asked.
    pub fn at(url: &str) -> Result<Self, Failure> {
        let Some(rest) = url.strip_prefix("http://") else {
            let remedy = "name it as http://HOST:PORT";
            return Err(Failure(format!("{url:?} cannot be asked: {remedy}")));
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let port = authority.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let authority =
            if port.is_some() { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority, key: key()? })
    }

    /// What a page below `/rialto/v1` tells; `None` if it knows nothing of the kind.
    ///
    /// # Errors
    /// [`Failure`] if nobody answers, or what the venue says instead.
    pub fn get(&self, page: &str, query: &[(&str, String)]) -> Result<Option<Value>, Failure> {
        let mut target = format!("/rialto/v1{page}");
        for (index, (name, value)) in query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target += &format!("{name}={}", encoded(value));
        }
        let answer =
            self.send(&target).map_err(failed(format_args!("ask http://{}", self.authority)))?;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).unwrap_or_default();
        let body: Value = serde_json::from_str(body).map_err(|_| {
            Failure(format!(
                "http://{}{target} is no venue: it answered {status:?}",
                self.authority
            ))
        })?;
        match status {
            "200" => Ok(Some(body)),
            _ if body["code"] == "unknown-connection" => Ok(None),
            _ => {
                let said = |name: &str| body[name].as_str().unwrap_or("?").to_owned();
                Err(Failure(format!("{}: {}; {}", said("title"), said("detail"), said("remedy"))))
            }
        }
    }

    fn send(&self, target: &str) -> std::io::Result<Vec<u8>> {
        let mut last = std::io::Error::other("it has no address");
        for address in self.authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return self.converse(stream, target),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn converse(&self, mut stream: TcpStream, target: &str) -> std::io::Result<Vec<u8>> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n", self.authority);
        if let Some(key) = &self.key {
            request += &format!("Authorization: Bearer {key}\r\n");
        }
        request += "Connection: close\r\n\r\n";
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// A value as it stands in a query.
fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => write!(text, "%{byte:02X}").expect("a string takes every text"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_perhaps_a_port() {
        let authority = |url: &str| Asking::at(url).ok().map(|it| it.authority);
        assert_eq!(authority("http://127.0.0.1:8080"), Some("127.0.0.1:8080".into()));
        assert_eq!(authority("http://[::1]:8080/"), Some("[::1]:8080".into()));
        assert_eq!(authority("http://venue.example/x"), Some("venue.example:80".into()));
        assert_eq!(authority("127.0.0.1:8080"), None);
        assert_eq!(authority("wss://127.0.0.1:8080"), None);
    }

    #[test]
    fn values_are_percent_encoded() {
        assert_eq!(encoded("a b&c=[::1]:5"), "a%20b%26c%3D%5B%3A%3A1%5D%3A5");
    }
}
