//! Certificates of tests: one authority for each call, which vouches for one certificate.

use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edge::tls::{Files, Tls};
use model::Time;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// A folder that is gone when this is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    ///
    /// # Panics
    /// If the system has no room for it.
    #[must_use]
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rialto-tests-{}-{count}", process::id()));
        std::fs::create_dir_all(&path).expect("room for a folder");
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left lies among temporary files.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a new certificate for these names and its key into a folder, beside them the authority that vouches for it
/// (`ca.pem`), and returns who trusts that.
///
/// # Panics
/// If they cannot be made or written.
#[must_use]
pub fn certify(folder: &Path, names: &[&str]) -> (Files, Arc<ClientConfig>) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    // By its name a server's certificate is told from one that vouches for itself.
    authority.distinguished_name.push(DnType::CommonName, "an authority of tests");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let own = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(authority, own).expect("a certificate");
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let key = KeyPair::generate().expect("a key");
    let mut server = CertificateParams::new(names).expect("names in order");
    server.use_authority_key_identifier_extension = true;
    let server = server.signed_by(&key, &authority).expect("a certificate");
    let files = Files { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, server.pem()).expect("room for a file");
    std::fs::write(&files.key, key.serialize_pem()).expect("room for a file");
    std::fs::write(folder.join("ca.pem"), authority.pem()).expect("room for a file");
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).expect("a certificate");
    let mut trust = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Who resumes is not shown a certificate again.
    trust.resumption = rustls::client::Resumption::disabled();
    (files, Arc::new(trust))
}

/// What a venue is served under, for these names, and who trusts it.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn served_as(names: &[&str]) -> (Arc<Tls>, Arc<ClientConfig>) {
    let folder = Folder::new();
    let (files, trust) = certify(folder.path(), names);
    let (tls, _) = Tls::open(files, Time::from_seconds(1_800_000_000)).expect("a certificate");
    (Arc::new(tls), trust)
}
