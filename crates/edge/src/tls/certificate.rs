//! A certificate and its key as they lie on the disk, and what is to be said of them.
//!
//! Words name files and never what is in them.

use std::fmt::{self, Display};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::{Span, Time};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

/// So long before its end it is said that a certificate ends.
const ENDS_SOON: Span = Span::seconds(7 * 24 * 3_600);

/// Where a certificate and its key lie, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and behind it those by which it is vouched for.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What was read.
pub(super) struct Read {
    pub certified: CertifiedKey,
    /// What should be said of it, one line each.
    pub notes: Vec<String>,
}

/// Why a certificate cannot be served. Reads well after "failed to serve TLS: ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub(super) String);

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl Files {
    pub(super) fn read(&self, provider: &CryptoProvider, now: Time) -> Result<Read, Fault> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unread("certificate", &self.certificate, &error))?;
        if chain.is_empty() {
            return Err(unread("certificate", &self.certificate, &PemError::NoItemsFound));
        }
        let private = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| unread("private key", &self.key, &error))?;
        let mut notes = notes(&self.certificate, &chain[0], now);
        notes.extend(self.note_of_the_key());
        let certified =
            CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Fault(format!(
                    "the key in {key} is not that of the first certificate in {certificate}: name the two that \
                     were made together, the server's own certificate first"
                )),
                Error::InvalidCertificate(_) => {
                    Fault(format!("what is in {certificate} is no certificate: {error}"))
                }
                error => Fault(format!(
                    "the key in {key} is of no kind that can be served (ECDSA, Ed25519 or RSA, unencrypted): {error}"
                )),
            })?;
        Ok(Read { certified, notes })
    }

    /// Whether others may read the key.
    fn note_of_the_key(&self) -> Option<String> {
        let mode = std::fs::metadata(&self.key).ok()?.permissions().mode();
        let key = self.key.display();
        (mode & 0o004 != 0).then(|| {
            format!("everybody on this machine may read the key in {key}: chmod 600 {key}")
        })
    }
}

fn unread(what: &str, path: &Path, error: &PemError) -> Fault {
    let path = path.display();
    Fault(match error {
        PemError::Io(error) => format!(
            "failed to read the {what} {path}: {error}; name it under [tls] or with --tls-certificate and \
             --tls-key"
        ),
        PemError::NoItemsFound => {
            let label = what.to_uppercase();
            format!(
                "there is no {what} in {path}: expected PEM, with a line -----BEGIN {label}-----"
            )
        }
        // The library's own words could quote the file.
        _ => format!("what is in {path} is no PEM"),
    })
}

/// What should be said of a certificate's days.
fn notes(path: &Path, certificate: &[u8], now: Time) -> Vec<String> {
    let Some((begins, ends)) = validity(certificate) else { return Vec::new() };
    let path = path.display();
    let day = |time: Time| {
        let time = jiff::Timestamp::from_microsecond(time.0);
        time.map_or_else(|_| "another age".to_owned(), |time| time.to_string())
    };
    if now > ends {
        vec![format!(
            "the certificate in {path} ended on {}, and clients refuse it: renew it and send SIGHUP",
            day(ends)
        )]
    } else if now < begins {
        vec![format!(
            "the certificate in {path} begins on {}, and clients refuse it until then",
            day(begins)
        )]
    } else if ends < now + ENDS_SOON {
        vec![format!("the certificate in {path} ends on {}: renew it and send SIGHUP", day(ends))]
    } else {
        Vec::new()
    }
}

/// From when and until when a certificate is good (RFC 5280, 4.1.2.5), if that can be read.
pub(super) fn validity(certificate: &[u8]) -> Option<(Time, Time)> {
    let (_, outer) = Der(certificate).next()?;
    let (_, signed) = Der(outer).next()?;
    let mut fields = Der(signed);
    // The version, which may be left out, and then number, algorithm and issuer.
    let skipped = if fields.0.first() == Some(&0xA0) { 4 } else { 3 };
    for _ in 0..skipped {
        fields.next()?;
    }
    let (_, span) = fields.next()?;
    let mut ends = Der(span);
    Some((time(ends.next()?)?, time(ends.next()?)?))
}

/// Pieces of DER, one behind the other.
struct Der<'a>(&'a [u8]);

impl<'a> Iterator for Der<'a> {
    /// Its tag and what is in it.
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            short @ ..=0x7F => (usize::from(short), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
                (bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

/// `YYMMDDHHMMSSZ`, or the same with a whole year.
fn time((tag, text): (u8, &[u8])) -> Option<Time> {
    const SHORT: u8 = 0x17;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = text.split_at_checked(if tag == SHORT { 2 } else { 4 })?;
    let year: i16 = year.parse().ok()?;
    let year = match tag {
        SHORT if year < 50 => 2000 + year,
        SHORT => 1900 + year,
        _ => year,
    };
    let pair = |at: usize| rest.get(2 * at..2 * at + 2)?.parse::<i8>().ok();
    let date = DateTime::new(year, pair(0)?, pair(1)?, pair(2)?, pair(3)?, pair(4)?, 0).ok()?;
    Some(Time(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond()))
}
