//! Encrypted connections that then say and hear nothing: each shakes hands, becomes a WebSocket, and is kept open without
//! its keys, which nobody needs any more at this end.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use edge::ws::handshake::Opening;
use edge::ws::head;
use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

/// How many shake hands at a time.
const AT_A_TIME: usize = 4;
/// How long any of them may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one sleeps between two looks at how far they are.
const PAUSE: Duration = Duration::from_millis(100);

/// A certificate for loopback in a folder of its own, and who trusts it. The folder goes with it.
pub struct Certified {
    folder: PathBuf,
    trust: Arc<ClientConfig>,
}

impl Certified {
    /// Makes one.
    pub fn make() -> Result<Self, String> {
        let made = || -> Result<Self, Box<dyn std::error::Error>> {
            let key = KeyPair::generate()?;
            let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
            let certificate = certificate.self_signed(&key)?;
            let mut roots = RootCertStore::empty();
            roots.add(certificate.der().clone())?;
            let mut trust = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            // Each is to be somebody new.
            trust.resumption = Resumption::disabled();
            let folder =
                std::env::temp_dir().join(format!("rialto-bench-idle-{}", std::process::id()));
            fs::create_dir_all(&folder)?;
            let this = Self { folder, trust: Arc::new(trust) };
            fs::write(this.certificate(), certificate.pem())?;
            fs::write(this.key(), key.serialize_pem())?;
            Ok(this)
        };
        made().map_err(|error| format!("failed to make a certificate: {error}"))
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// What a venue is started with that shows it.
    pub fn arguments(&self) -> Result<[String; 6], String> {
        let name = |path: PathBuf| {
            path.into_os_string().into_string().map_err(|_| {
                "failed to name the folder for temporary files: it is no text".to_owned()
            })
        };
        let [certificate, key] = [name(self.certificate())?, name(self.key())?];
        let flags = ["--tls-certificate", "--tls-key", "--tls-listen"].map(str::to_owned);
        let [first, second, third] = flags;
        Ok([first, certificate, second, key, third, "127.0.0.1:0".to_owned()])
    }

    /// Opens so many connections to this path.
    pub fn open(
        &self,
        (address, path): (SocketAddr, &str),
        sockets: usize,
        progress: &mut impl FnMut(&str),
    ) -> Result<Vec<TcpStream>, String> {
        let (begun, opened) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || -> io::Result<Vec<TcpStream>> {
            let mut open = Vec::new();
            while begun.fetch_add(1, Ordering::Relaxed) < sockets {
                open.push(self.shake_hands(address, path)?);
                opened.fetch_add(1, Ordering::Relaxed);
            }
            Ok(open)
        };
        let parts = thread::scope(|scope| {
            let hands: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
            while hands.iter().any(|hand| !hand.is_finished()) {
                progress(&format!("{} of {sockets} open", opened.load(Ordering::Relaxed)));
                thread::sleep(PAUSE);
            }
            let done = hands.into_iter().map(|hand| hand.join().expect("it does not panic"));
            done.collect::<io::Result<Vec<_>>>()
        });
        let parts =
            parts.map_err(|error| format!("failed to open an encrypted connection: {error}"))?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn shake_hands(&self, address: SocketAddr, path: &str) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
        let connection = ClientConnection::new(Arc::clone(&self.trust), name);
        let mut connection = connection.map_err(io::Error::other)?;
        let mut line = Stream::new(&mut connection, &mut stream);
        let opening = Opening::new(*b"nobody looks at!");
        let request = opening.request_bytes(&address.to_string(), path, &[]);
        line.write_all(&request.map_err(|fault| io::Error::other(fault.to_string()))?)?;
        let (mut answer, mut some) = (Vec::new(), [0; 1_024]);
        loop {
            let count = line.read(&mut some)?;
            answer.extend_from_slice(&some[..count]);
            match head::response(&answer) {
                Ok(Some((response, _))) if opening.check(&response).is_ok() => break,
                Ok(None) if count > 0 => {}
                _ => return Err(io::Error::other("the venue does not make a WebSocket of it")),
            }
        }
        Ok(stream)
    }
}

impl Drop for Certified {
    fn drop(&mut self) {
        // What is left lies among temporary files.
        let _left = fs::remove_dir_all(&self.folder);
    }
}
