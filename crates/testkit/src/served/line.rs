//! The client's end of one connection, byte by byte: it sends what it is told to, right or wrong, and reads
//! what a server may send. Its reading of frames is its own and plain, so that it can judge the product's.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::PATIENCE;

/// The key of every handshake that a test does not vary, and the answer to it (RFC 6455, 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// See [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// One connection.
pub struct Line {
    stream: TcpStream,
    /// Its keys, if it is encrypted.
    tls: Option<Box<ClientConnection>>,
    /// What was received and not read yet.
    received: Vec<u8>,
}

/// The head of an HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header that is there at most once.
    ///
    /// # Panics
    /// If it is there more often.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert_eq!(values.next(), None, "{name} twice in {self:?}");
        value
    }
}

/// What a client hears after its upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text message.
    Text(String),
    /// A ping with its payload.
    Ping(Vec<u8>),
    /// A pong with its payload.
    Pong(Vec<u8>),
    /// A close frame.
    Close(Option<u16>, String),
    /// The server has said its last byte.
    End,
    /// The connection is broken.
    Lost(ErrorKind),
}

impl Line {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens there.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        Self::try_to(address).expect("somebody listens")
    }

    /// Connects, if somebody listens.
    ///
    /// # Errors
    /// If nobody does.
    pub fn try_to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, tls: None, received: Vec::new() })
    }

    /// Connects and begins to shake hands; that is done when something is said.
    ///
    /// # Panics
    /// If nobody listens there.
    #[must_use]
    pub fn encrypted(address: SocketAddr, trust: &Arc<ClientConfig>, name: &str) -> Self {
        let mut line = Self::to(address);
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let tls = ClientConnection::new(Arc::clone(trust), name).expect("rules in order");
        line.tls = Some(Box::new(tls));
        line
    }

    /// The keys of the connection, if it is encrypted.
    pub fn tls(&mut self) -> Option<&mut ClientConnection> {
        self.tls.as_deref_mut()
    }

    /// The stream below.
    #[must_use]
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends these bytes.
    ///
    /// # Panics
    /// If they cannot be sent.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server takes bytes");
    }

    /// Sends these bytes; whether they arrive does not matter.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.tls {
            None => self.stream.write_all(bytes.as_ref()),
            Some(tls) => {
                let mut stream = rustls::Stream::new(&mut **tls, &mut self.stream);
                stream.write_all(bytes.as_ref())?;
                stream.flush()
            }
        }
    }

    /// Whether the server has said something, or ended it.
    ///
    /// # Panics
    /// If the system does not tell.
    #[must_use]
    pub fn has_news(&mut self) -> bool {
        self.stream.set_nonblocking(true).expect("a stream that is open");
        let peeked = self.peek();
        self.stream.set_nonblocking(false).expect("a stream that is open");
        !self.received.is_empty()
            || !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Waits until the server says something, or ends it; whether it does.
    ///
    /// # Panics
    /// If the system does not tell.
    #[must_use]
    pub fn await_news(&mut self) -> bool {
        let waits = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
        !self.received.is_empty()
            || !matches!(self.peek(), Err(error) if waits.contains(&error.kind()))
    }

    /// Looks whether something comes. What is encrypted can only be looked at by reading it.
    fn peek(&mut self) -> io::Result<usize> {
        match &mut self.tls {
            None => self.stream.peek(&mut [0]),
            Some(_) => self.read_some(),
        }
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 16 * 1024];
        let count = match &mut self.tls {
            None => self.stream.read(&mut bytes)?,
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.stream).read(&mut bytes)?,
        };
        self.received.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Says that it will send nothing more.
    pub fn shut(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _gone = tls.write_tls(&mut self.stream);
        }
        // The server may have ended it before.
        let _gone = self.stream.shutdown(Shutdown::Write);
    }

    /// Sends a text message.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub fn say(&mut self, text: &str) {
        self.send(text_frame(text));
    }

    /// Subscribes to a channel and reads the acknowledgement.
    ///
    /// # Panics
    /// If that does not come next.
    pub fn subscribe(&mut self, channel: &str) {
        self.say(&subscribe(channel));
        assert_eq!(self.hear(), Heard::Text(subscribed(channel)));
    }

    /// Asks for a heartbeat, and returns what came before the answer.
    ///
    /// # Panics
    /// If the connection ends.
    pub fn heard_before_heartbeat(&mut self) -> Vec<Heard> {
        self.say(HEARTBEAT);
        let mut before = Vec::new();
        loop {
            match self.hear() {
                Heard::Text(text) if text == HEARTBEAT_ANSWER => return before,
                end @ (Heard::End | Heard::Lost(_)) => panic!("{end:?} after {before:?}"),
                heard => before.push(heard),
            }
        }
    }

    /// Whether the server answers this client as it should, and says nothing else.
    ///
    /// # Panics
    /// If it does not.
    pub fn check_heartbeat(&mut self) {
        assert_eq!(self.heard_before_heartbeat(), []);
    }

    /// Checks that nothing was told. Two heartbeats: between the loop's reading of the two it hands out all
    /// that was told before the first.
    ///
    /// # Panics
    /// If something was.
    pub fn check_silence(&mut self) {
        self.check_heartbeat();
        self.check_heartbeat();
    }

    /// Turns into a socket at this path.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn upgrade(&mut self, path: &str) {
        self.send(upgrade_request(path));
        self.check_upgraded();
    }

    /// Reads the answer to an upgrade with [`KEY`].
    ///
    /// # Panics
    /// If it is not what it has to be.
    pub fn check_upgraded(&mut self) {
        let upgraded = self.upgraded();
        assert!(upgraded.is_ok(), "{upgraded:?}");
    }

    /// Reads the answer to an upgrade with [`KEY`]; if it is refused, head and body of the refusal.
    ///
    /// # Errors
    /// If the server refuses.
    ///
    /// # Panics
    /// If it is neither an upgrade as it has to be nor a refusal.
    pub fn upgraded(&mut self) -> Result<(), (Head, String)> {
        let head = self.head().expect("an answer");
        if head.status != 101 {
            return Err(self.with_body(head));
        }
        assert_eq!(head.header("sec-websocket-accept"), Some(ACCEPT), "{head:?}");
        assert_eq!(head.header("upgrade"), Some("websocket"), "{head:?}");
        assert!(head.header("connection").is_some_and(|it| it.eq_ignore_ascii_case("upgrade")));
        assert_eq!(head.header("sec-websocket-protocol"), None, "{head:?}");
        assert_eq!(head.header("sec-websocket-extensions"), None, "{head:?}");
        Ok(())
    }

    /// Reads the head of a response; `None` if the connection ends before its first byte, or breaks.
    ///
    /// # Panics
    /// If something else comes than a response, or half of one.
    pub fn head(&mut self) -> Option<Head> {
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            match self.receive() {
                Ok(0) => {
                    let rest = String::from_utf8_lossy(&self.received);
                    assert!(rest.is_empty(), "half a head: {rest}");
                    return None;
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        };
        let rest = self.received.split_off(end + 4);
        let text = String::from_utf8(std::mem::replace(&mut self.received, rest));
        let text = text.expect("a head is text");
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1."));
        let status = status.and_then(|line| line.get(2..5)?.parse().ok());
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Some(Head {
            status: status.expect("a response begins with its status"),
            headers: headers.collect(),
        })
    }

    /// Reads a response with a body of announced length; `None` as for [`Line::head`].
    ///
    /// # Panics
    /// If half of one comes.
    pub fn answer(&mut self) -> Option<(Head, String)> {
        let head = self.head()?;
        Some(self.with_body(head))
    }

    fn with_body(&mut self, head: Head) -> (Head, String) {
        let length = head.header("content-length").map_or(0, |it| it.parse().expect("a length"));
        while self.received.len() < length {
            assert_ne!(self.receive().expect("a whole body"), 0, "half a body after {head:?}");
        }
        let rest = self.received.split_off(length);
        let body = std::mem::replace(&mut self.received, rest);
        (head, String::from_utf8(body).expect("a body is text"))
    }

    /// Reads the next frame of a server.
    ///
    /// # Panics
    /// If it is none that a server may send here: masked, fragmented, of a reserved kind, not text; or if
    /// nothing comes for too long.
    pub fn hear(&mut self) -> Heard {
        let Some((kind, payload)) = (match self.frame() {
            Ok(frame) => frame,
            Err(error) => return Heard::Lost(error.kind()),
        }) else {
            assert!(self.received.is_empty(), "half a frame: {:?}", self.received);
            return Heard::End;
        };
        let text = |payload| String::from_utf8(payload).expect("the server's text is UTF-8");
        match kind {
            0x1 => Heard::Text(text(payload)),
            0x8 if payload.is_empty() => Heard::Close(None, String::new()),
            0x8 => {
                let code = payload.first_chunk().expect("a code has two bytes");
                Heard::Close(Some(u16::from_be_bytes(*code)), text(payload[2..].to_vec()))
            }
            0x9 => Heard::Ping(payload),
            0xA => Heard::Pong(payload),
            other => panic!("a server sends no frame of kind {other:#x}"),
        }
    }

    /// Reads a close frame, and after it the end.
    ///
    /// # Panics
    /// If something else comes, but for the texts that `skip` allows before.
    pub fn check_closed(&mut self, code: u16, reason: &str) {
        assert_eq!(self.hear(), Heard::Close(Some(code), reason.into()));
        assert_eq!(self.hear(), Heard::End);
    }

    /// Kind and payload of the next frame; none at the end.
    fn frame(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        if !self.holds(2)? {
            return Ok(None);
        }
        let (first, second) = (self.received[0], self.received[1]);
        assert_eq!(first & 0x80, 0x80, "the server sends whole messages");
        assert_eq!(first & 0x70, 0, "no extension is spoken");
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let more = match second {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if !self.holds(2 + more)? {
            return Ok(None);
        }
        let length = match more {
            0 => usize::from(second),
            _ => {
                self.received[2..2 + more].iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte))
            }
        };
        if !self.holds(2 + more + length)? {
            return Ok(None);
        }
        let rest = self.received.split_off(2 + more + length);
        let frame = std::mem::replace(&mut self.received, rest);
        Ok(Some((first & 0xF, frame[2 + more..].to_vec())))
    }

    /// Receives until so many bytes wait to be read; whether they do.
    fn holds(&mut self, bytes: usize) -> io::Result<bool> {
        while self.received.len() < bytes {
            if self.receive()? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn receive(&mut self) -> io::Result<usize> {
        match self.read_some() {
            Ok(count) => Ok(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server said nothing for {} seconds", PATIENCE.as_secs())
            }
            Err(error) => Err(error),
        }
    }
}

/// A request for an upgrade as a client sends it, with [`KEY`].
#[must_use]
pub fn upgrade_request(path: &str) -> String {
    upgrade_request_with(path, &[("Host", "localhost")])
}

/// The same with these headers; one of them says the host.
#[must_use]
pub fn upgrade_request_with(path: &str, headers: &[(&str, &str)]) -> String {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "GET {path} HTTP/1.1\r\n{headers}Upgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// A client's frame with this first byte (the end mark, reserved bits and the kind), masked.
#[must_use]
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let mut bytes = vec![first];
    match payload.len() {
        short @ ..126 => bytes.push(0x80 | short as u8),
        middle @ 126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// A client's frame with a whole text message.
#[must_use]
pub fn text_frame(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

/// A client's close frame.
#[must_use]
pub fn close_frame(code: u16) -> Vec<u8> {
    frame(0x88, &code.to_be_bytes())
}

/// The request for a heartbeat.
pub const HEARTBEAT: &str = r#"{"event":"bts:heartbeat"}"#;
/// The answer to it.
pub const HEARTBEAT_ANSWER: &str =
    r#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#;

/// The request for a channel.
#[must_use]
pub fn subscribe(channel: &str) -> String {
    format!(r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}"}}}}"#)
}

/// The acknowledgement of it.
#[must_use]
pub fn subscribed(channel: &str) -> String {
    format!(r#"{{"event":"bts:subscription_succeeded","channel":"{channel}","data":{{}}}}"#)
}
