//! A line to a venue: TCP, TLS where the URL asks for it, and the WebSocket on top, whose messages come and go whole.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use edge::ws::decode::{Chunk, Decoder, Incoming, Limits};
use edge::ws::handshake::Opening;
use edge::ws::{Opcode, Role, Violation, encode, head};
use feed::recording::{Frame, PAYLOAD_BYTES_MAX};
use store::Random;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::fetch::USER_AGENT;
use super::target::Origin;
use crate::run::{Failure, failed};

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long what is said may take to be sent.
const SAYING: Duration = Duration::from_secs(20);
/// How much is read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Makes connections.
#[derive(Clone)]
pub struct Caller {
    tls: Option<TlsConnector>,
}

impl Caller {
    /// With `tls`, the certificates that this machine trusts are read: those of the system, or of the variable
    /// `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// [`Failure`] if there are none.
    pub fn new(tls: bool) -> Result<Self, Failure> {
        if !tls {
            return Ok(Self { tls: None });
        }
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for certificate in found.certs {
            // One that cannot be read is one that nothing is signed with.
            let _added = roots.add(certificate);
        }
        if roots.is_empty() {
            return Err(Failure(
                "failed to find a certificate that this machine trusts; install the system's (ca-certificates), or name \
                 a file of them in the variable SSL_CERT_FILE"
                    .to_owned(),
            ));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed("set up TLS"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Some(TlsConnector::from(Arc::new(config))) })
    }

    /// Connects.
    ///
    /// # Errors
    /// Why not.
    pub async fn call(&self, origin: &Origin) -> Result<Stream, String> {
        let called = async {
            let address = (origin.name(), origin.port);
            let stream = TcpStream::connect(address).await.map_err(|error| {
                format!("failed to connect to {}: {error}", origin.host_header())
            })?;
            // What is said is short, and waits for nothing.
            let _set = stream.set_nodelay(true);
            let Some(tls) = self.tls.as_ref().filter(|_| origin.tls) else {
                return Ok(Stream::Plain(stream));
            };
            let name = ServerName::try_from(origin.name().to_owned())
                .map_err(|error| format!("{:?} cannot be proven: {error}", origin.host))?;
            let stream = tls.connect(name, stream).await;
            let stream = stream.map_err(|error| {
                format!("failed to speak TLS with {}: {error}", origin.host_header())
            })?;
            Ok(Stream::Tls(Box::new(stream)))
        };
        match tokio::time::timeout(PATIENCE, called).await {
            Ok(called) => called,
            Err(_) => Err(format!(
                "failed to connect to {}: no answer within {} s",
                origin.host_header(),
                PATIENCE.as_secs()
            )),
        }
    }
}

/// What bytes come and go by.
pub enum Stream {
    /// As they are.
    Plain(TcpStream),
    /// In TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// A socket that was asked for: the head of the answer, as it came, and the socket if it was granted.
pub struct Answered {
    /// The head; empty if there was none.
    pub head: Vec<u8>,
    /// The socket, or why there is none.
    pub socket: Result<Socket, String>,
}

/// An open WebSocket.
pub struct Socket {
    stream: Stream,
    decoder: Decoder,
    /// What was read and not decoded.
    chunk: Vec<u8>,
    random: Random,
}

impl Socket {
    /// Asks for a socket.
    pub async fn open(caller: &Caller, origin: &Origin, path: &str) -> Answered {
        let mut head = Vec::new();
        let asked = Self::ask(caller, origin, path, &mut head);
        let socket = match tokio::time::timeout(2 * PATIENCE, asked).await {
            Ok(socket) => socket,
            Err(_) => Err("no whole answer to the upgrade came in time".to_owned()),
        };
        Answered { head, socket }
    }

    async fn ask(
        caller: &Caller,
        origin: &Origin,
        path: &str,
        answer: &mut Vec<u8>,
    ) -> Result<Self, String> {
        let mut stream = caller.call(origin).await?;
        let mut random = Random::system();
        let nonce = random.bytes().map_err(|error| error.to_string())?;
        let opening = Opening::new(nonce);
        let request = opening
            .request_bytes(&origin.host_header(), path, &[("User-Agent", USER_AGENT)])
            .map_err(|fault| fault.to_string())?;
        let lost = |error: std::io::Error| format!("the connection was lost: {error}");
        stream.write_all(&request).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        let mut bytes = Vec::new();
        loop {
            if stream.read_buf(&mut bytes).await.map_err(lost)? == 0 {
                return Err("the connection was ended before it was granted".to_owned());
            }
            let read = head::response(&bytes).map_err(|error| error.to_string())?;
            let Some((response, used)) = read else { continue };
            answer.extend_from_slice(&bytes[..used]);
            opening.check(&response).map_err(|fault| fault.to_string())?;
            let decoder = Decoder::new(Limits::of_messages(PAYLOAD_BYTES_MAX), Role::Client);
            let chunk = bytes.split_off(used);
            return Ok(Self { stream, decoder, chunk, random });
        }
    }

    /// Waits for bytes, unless some wait to be decoded. False once the other side is done. May be dropped at any moment.
    ///
    /// # Errors
    /// The system's.
    pub async fn read(&mut self) -> std::io::Result<bool> {
        if self.chunk.is_empty() {
            self.chunk.reserve(CHUNK_BYTES);
            let mut taken = (&mut self.stream).take(CHUNK_BYTES as u64);
            return Ok(taken.read_buf(&mut self.chunk).await? > 0);
        }
        Ok(true)
    }

    /// The messages in what was read, in their order.
    ///
    /// # Errors
    /// What the other side did wrong; what it said before is handed over.
    pub fn decode(&mut self, mut hear: impl FnMut(Frame)) -> Result<(), Violation> {
        let mut chunk = Chunk::new(&mut self.chunk);
        let mut ended = Ok(());
        loop {
            match self.decoder.next(&mut chunk) {
                Ok(Some(incoming)) => hear(match incoming {
                    Incoming::Text(text) => Frame::Text(text.as_bytes().to_vec()),
                    Incoming::Binary(bytes) => Frame::Binary(bytes.to_vec()),
                    Incoming::Ping(bytes) => Frame::Ping(bytes.to_vec()),
                    Incoming::Pong(bytes) => Frame::Pong(bytes.to_vec()),
                    Incoming::Close { code, reason } => {
                        Frame::Close { code, reason: reason.to_owned() }
                    }
                }),
                Ok(None) => break,
                Err(violation) => {
                    ended = Err(violation);
                    break;
                }
            }
        }
        self.chunk.clear();
        ended
    }

    /// Says a message.
    ///
    /// # Errors
    /// Why it could not be said.
    pub async fn say(&mut self, frame: &Frame) -> Result<(), String> {
        let key = self.random.bytes().map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        match frame {
            Frame::Text(text) => encode::push_client_frame(&mut out, Opcode::Text, key, text),
            Frame::Binary(bytes) => encode::push_client_frame(&mut out, Opcode::Binary, key, bytes),
            Frame::Ping(bytes) => encode::push_client_frame(&mut out, Opcode::Ping, key, bytes),
            Frame::Pong(bytes) => encode::push_client_frame(&mut out, Opcode::Pong, key, bytes),
            Frame::Close { code, reason } => {
                encode::push_client_close(&mut out, key, *code, reason)
            }
        }
        let said = async {
            self.stream.write_all(&out).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(SAYING, said).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the connection was lost: {error}")),
            Err(_) => Err(format!("nothing was taken for {} s", SAYING.as_secs())),
        }
    }
}
