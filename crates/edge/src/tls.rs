//! TLS: what is served under which certificate, and how a connection comes to be encrypted.
//!
//! The handshake is done where HTTP is spoken (`handshake`). What becomes a socket takes its keys along to its loop,
//! as a [`Cipher`]. Certificates can be changed while everything goes on ([`Tls::reload`]): who shakes hands
//! afterwards sees the new one, and who is connected notices nothing.
//!
//! Not here: who is trusted by whom. Clients show no certificates.

mod cipher;
mod handshake;

pub mod certificate;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use model::Time;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

pub use certificate::{Fault, Files};
pub use cipher::Cipher;

/// What is spoken within. Sockets begin as HTTP/1.1.
const PROTOCOL: &[u8] = b"http/1.1";

/// What is served under TLS: with which certificate, and by which rules.
pub struct Tls {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
    files: Files,
}

impl Tls {
    /// Reads the certificate and its key; the second value is what should be said of them. `now` is the wall's time.
    ///
    /// # Errors
    /// [`Fault`] if they cannot be read, or do not belong to each other.
    pub fn open(files: Files, now: Time) -> Result<(Self, Vec<String>), Fault> {
        let provider = Arc::new(ring::default_provider());
        let read = files.read(&provider, now)?;
        let shown = Arc::new(Shown(RwLock::new(Arc::new(read.certified))));
        let resolver = Arc::clone(&shown) as Arc<dyn ResolvesServerCert>;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's suites are those of the usual versions")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Who comes back in a storm resumes, which spares both ends a signature; nothing is kept here for it.
        let no_randomness = |_| Fault("the system gives no random numbers".into());
        config.ticketer = ring::Ticketer::new().map_err(no_randomness)?;
        config.send_tls13_tickets = 1;
        Ok((Self { config: Arc::new(config), shown, files }, read.notes))
    }

    /// Reads the files again. What is wrong with them changes nothing: the certificate from before is still shown.
    ///
    /// # Errors
    /// [`Fault`] as for [`Tls::open`].
    pub fn reload(&self, now: Time) -> Result<Vec<String>, Fault> {
        let read = self.files.read(self.config.crypto_provider(), now)?;
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read.certified);
        Ok(read.notes)
    }
}

/// Names no key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// The certificate that is shown to whoever shakes hands, whichever name they ask for.
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Names no key.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}
