//! A client that places orders in Bitstamp's dialect, over one connection, one after the other.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::super::serving::Venue;
use super::super::sockets::wall_ns;

/// How long an order may take.
const PATIENCE: Duration = Duration::from_secs(30);
const HOST: &str = "www.bitstamp.net";
const FORM: &str = "amount=0.00010000&price=100000.00";
const KIND: &str = "application/x-www-form-urlencoded";

/// The next one, of all clients.
static NONCE: AtomicU64 = AtomicU64::new(0);

/// What an order does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It sells, and rests if nobody buys.
    Sell,
    /// It buys what such a one sells.
    Buy,
}

impl Side {
    const fn path(self) -> &'static str {
        match self {
            Self::Sell => "/api/v2/sell/btcusd/",
            Self::Buy => "/api/v2/buy/btcusd/",
        }
    }
}

/// An order that is placed.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// When it was sent, in ns since 1970 by the wall's clock.
    pub sent_ns: u64,
    /// From then until it was read that it is placed.
    pub took: Duration,
}

/// One of the demo's accounts, connected.
pub struct Client {
    stream: TcpStream,
    key: String,
    secret: String,
    answer: Vec<u8>,
}

impl Client {
    /// Connects; every other number is the other account's.
    pub fn connect(venue: &Venue, number: usize) -> Result<Self, String> {
        let demo: Value = serde_json::from_str(&store::demo_json()).expect("it is JSON");
        let text = |name: &str| {
            demo["accounts"][number % 2]["bitstamp"][name].as_str().expect("a text").to_owned()
        };
        let stream = TcpStream::connect(venue.address)
            .and_then(|stream| {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Ok(stream)
            })
            .map_err(|error| format!("failed to connect to the venue: {error}"))?;
        let (key, secret) = (text("key"), text("secret"));
        Ok(Self { stream, key, secret, answer: Vec::new() })
    }

    /// Places an order that sells; how long that took, from sending it to having read that it is placed.
    pub fn place(&mut self) -> Result<Duration, String> {
        self.submit(Side::Sell).map(|placed| placed.took)
    }

    /// Places an order.
    pub fn submit(&mut self, side: Side) -> Result<Placed, String> {
        let request = self.request(side.path());
        let (sent_ns, began) = (wall_ns(), Instant::now());
        self.stream
            .write_all(request.as_bytes())
            .and_then(|()| self.read())
            .map_err(|error| format!("failed to place an order: {error}"))?;
        let took = began.elapsed();
        let answer = String::from_utf8_lossy(&self.answer);
        match answer.starts_with("HTTP/1.1 200") && answer.contains("\"id\"") {
            true => Ok(Placed { sent_ns, took }),
            false => Err(format!("failed to place an order: {answer}")),
        }
    }

    fn request(&self, path: &str) -> String {
        let nonce = NONCE.fetch_add(1, Ordering::Relaxed);
        let nonce = format!("00000000-0000-4000-8000-{nonce:012}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let auth = format!("BITSTAMP {}", self.key);
        let signs = format!("{auth}POST{HOST}{path}{KIND}{nonce}{now}v2{FORM}");
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("any key");
        mac.update(signs.as_bytes());
        let signature: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nX-Auth: {auth}\r\nX-Auth-Signature: {signature}\r\n\
             X-Auth-Nonce: {nonce}\r\nX-Auth-Timestamp: {now}\r\nX-Auth-Version: v2\r\nContent-Type: {KIND}\r\n\
             Content-Length: {}\r\n\r\n{FORM}",
            FORM.len()
        )
    }

    /// Reads one answer, whole.
    fn read(&mut self) -> std::io::Result<()> {
        self.answer.clear();
        let mut some = [0; 2_048];
        loop {
            let count = self.stream.read(&mut some)?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.answer.extend_from_slice(&some[..count]);
            let Some(end) = self.answer.windows(4).position(|end| end == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&self.answer[..end]).to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|it| it.lines().next());
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if self.answer.len() >= end + 4 + length {
                return Ok(());
            }
        }
    }
}
