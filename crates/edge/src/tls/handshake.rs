//! How a connection comes to be encrypted: within a time, and with a word in the clear for who speaks HTTP in the clear.

use std::io::{self, Read, Write};
use std::time::Duration;

use rustls::ServerConnection;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Cipher, Tls};

/// What who speaks HTTP in the clear is told.
const IN_THE_CLEAR: &str = "TLS is spoken at this port: ask with https:// or wss://\n";

/// How long it may take to read that, and how much of what is still said meanwhile is read and dropped: unread, it would
/// make the network throw our answer away.
const HEARING: Duration = Duration::from_secs(1);
const DROPPED_BYTES_MAX: u64 = 64 * 1024;

impl Tls {
    /// Shakes hands, if that takes no longer than `patience`.
    ///
    /// # Errors
    /// Whatever kept it from being done; it has been told to the client as far as that can be.
    pub(crate) async fn shake_hands(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> io::Result<TlsStream<TcpStream>> {
        timeout(patience, async {
            // Every method of HTTP begins with a letter, and no record of TLS does.
            let mut first = [0];
            if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
                refuse_in_the_clear(stream).await?;
                return Err(io::ErrorKind::InvalidData.into());
            }
            TlsAcceptor::from(self.config.clone()).accept(stream).await
        })
        .await?
    }

    /// The same on a line that is waited for, by who has a thread for each of them.
    ///
    /// # Errors
    /// Whatever kept it from being done.
    pub fn shake_hands_and_wait(&self, stream: &mut (impl Read + Write)) -> io::Result<Cipher> {
        let mut connection =
            ServerConnection::new(self.config.clone()).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(stream)?;
        }
        Ok(Cipher::new(connection))
    }
}

async fn refuse_in_the_clear(mut stream: TcpStream) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{IN_THE_CLEAR}",
        IN_THE_CLEAR.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(DROPPED_BYTES_MAX);
    let mut sink = tokio::io::sink();
    // It was answered either way.
    let _late = timeout(HEARING, tokio::io::copy(&mut rest, &mut sink)).await;
    Ok(())
}
