//! TLS to a PostgreSQL server, by the rustls that the rest of the house uses.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What a connection is covered with, if it is.
#[derive(Clone)]
pub struct Cover(Option<Arc<ClientConfig>>);

impl Cover {
    /// Nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Whether it is anything.
    #[cfg(test)]
    pub const fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// TLS, with servers whose certificates these issuers vouch for, or those that the system trusts.
    ///
    /// # Errors
    /// What is wrong with the issuers.
    pub fn of(issuers: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        match issuers {
            Some(file) => {
                let wrong = |why: &dyn std::fmt::Display| {
                    format!(
                        "sslrootcert names {}, which holds no certificates: {why}",
                        file.display()
                    )
                };
                for read in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
                    let certificate = read.map_err(|error| wrong(&error))?;
                    roots.add(certificate).map_err(|error| wrong(&error))?;
                }
                if roots.is_empty() {
                    return Err(wrong(&"there is none in it"));
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    return Err(
                        "this system trusts no certificates; name some by sslrootcert".into()
                    );
                }
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Some(Arc::new(config))))
    }
}

/// Covers one connection to a server of this name.
pub struct Named {
    cover: Cover,
    name: String,
}

/// A connection under TLS.
pub struct Covered(client::TlsStream<Socket>);

impl MakeTlsConnect<Socket> for Cover {
    type Stream = Covered;
    type TlsConnect = Named;
    type Error = io::Error;
    fn make_tls_connect(&mut self, name: &str) -> io::Result<Named> {
        Ok(Named { cover: self.clone(), name: name.to_owned() })
    }
}

impl TlsConnect<Socket> for Named {
    type Stream = Covered;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Covered>> + Send>>;
    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let config = self.cover.0.ok_or(io::ErrorKind::Unsupported)?;
            let name = ServerName::try_from(self.name).map_err(io::Error::other)?;
            TlsConnector::from(config).connect(name, socket).await.map(Covered)
        })
    }
}

impl TlsStream for Covered {
    fn channel_binding(&self) -> ChannelBinding {
        // The certificate was verified, and that is what binding would make up for.
        ChannelBinding::none()
    }
}

impl AsyncRead for Covered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Covered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
