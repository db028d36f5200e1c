use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use model::{Class, Span};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};

use super::*;
use crate::outbox::Outbox;
use crate::socket::JOIN_BYTES;
use crate::testing::{Dice, told};

/// A line to a client: it holds so many bytes until the client reads.
struct Narrow {
    client: ClientConnection,
    room: usize,
    held: Vec<u8>,
    heard: Vec<u8>,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.room - self.held.len());
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.held.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the client wrote.
impl Read for Narrow {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if !self.client.wants_write() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut into = into;
        self.client.write_tls(&mut into)
    }
}

impl Narrow {
    /// The client reads what is held.
    fn hear(&mut self) {
        let held = std::mem::take(&mut self.held);
        let mut rest = &held[..];
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).expect("bytes");
            self.client.process_new_packets().expect("TLS");
            // Nothing more is no error here.
            let _later = self.client.reader().read_to_end(&mut self.heard);
        }
    }
}

/// Names, when it begins and when it ends, in seconds.
fn certify(folder: &std::path::Path, begins: i64, ends: i64) -> (Files, rcgen::Certificate) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let date = |seconds| {
        let time = jiff::Timestamp::from_second(seconds).expect("a time");
        let day = time.to_zoned(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(i32::from(day.year()), day.month() as u8, day.day() as u8)
    };
    (params.not_before, params.not_after) = (date(begins), date(ends));
    let certificate = params.self_signed(&key).expect("a certificate");
    let files = Files { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, certificate.pem()).expect("a file");
    std::fs::write(&files.key, key.serialize_pem()).expect("a file");
    (files, certificate)
}

fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("rialto-edge-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

const DAY: i64 = 86_400;
const NOW: Time = Time::from_seconds(20_000 * DAY);

/// A server's keys, and its client over a line of this room.
fn shaken(room: usize, name: &str) -> (Cipher, Narrow) {
    let (cipher, client) = keys(name);
    (cipher, Narrow { client, room, held: Vec::new(), heard: Vec::new() })
}

/// The keys of both ends of a line. Each test has a name of its own.
pub(crate) fn keys(name: &str) -> (Cipher, ClientConnection) {
    let folder = folder(name);
    let (files, certificate) = certify(&folder, 19_000 * DAY, 40_000 * DAY);
    let (tls, _) = Tls::open(files, NOW).expect("a certificate");
    std::fs::remove_dir_all(&folder).expect("it is there");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("rules");
    let mut server = ServerConnection::new(Arc::clone(&tls.config)).expect("rules");
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).expect("room");
        }
        server.read_tls(&mut &bytes[..]).expect("bytes");
        server.process_new_packets().expect("TLS");
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).expect("room");
        }
        client.read_tls(&mut &bytes[..]).expect("bytes");
        client.process_new_packets().expect("TLS");
    }
    (Cipher::new(server), client)
}

#[test]
fn what_is_encrypted_arrives_whole_and_in_order_however_little_the_line_takes() {
    let (join, sealed) = (&mut Vec::new(), &mut Vec::new());
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let (mut cipher, mut line) = shaken(1 + dice.roll(40_000), &format!("whole{seed}"));
        let (mut outbox, mut expected) = (Outbox::default(), Vec::new());
        for number in 0..60 {
            let kind = dice.roll(3);
            let size = 2 + dice.roll([200, 20_000, 300_000][kind]);
            let told = told(0, Class::Lossless, number, size);
            expected.extend_from_slice(told.frame.bytes());
            outbox.push(&told, 0, Duration::ZERO);
            if dice.roll(3) > 0 {
                cipher.flush(&mut line, &mut outbox, join, sealed, Duration::ZERO).expect("a line");
                let overhead = JOIN_BYTES / 100;
                assert!(cipher.bytes() <= JOIN_BYTES + overhead, "seed {seed}");
                assert!(cipher.lossless_bytes() <= JOIN_BYTES, "seed {seed}");
                line.hear();
            }
        }
        loop {
            let flushed = cipher.flush(&mut line, &mut outbox, join, sealed, Duration::ZERO);
            line.hear();
            if !flushed.expect("a line").blocked {
                break;
            }
        }
        assert!(outbox.is_empty() && !cipher.has_to_write(), "seed {seed}");
        assert_eq!((cipher.lossless_bytes(), cipher.bytes()), (0, 0), "seed {seed}");
        assert!(line.heard == expected, "seed {seed}: every byte, in order");
    }
}

#[test]
fn what_waits_encrypted_is_counted_and_stuck_until_some_of_it_is_taken() {
    let (join, sealed) = (&mut Vec::new(), &mut Vec::new());
    let (mut cipher, mut line) = shaken(1_000, "stuck");
    let mut outbox = Outbox::default();
    outbox.push(&told(1, Class::Lossless, 1, 10_000), 0, Duration::ZERO);
    outbox.push(&told(0, Class::Latest, 2, 30_000), 0, Duration::ZERO);
    let second = Duration::from_secs(1);
    cipher.flush(&mut line, &mut outbox, join, sealed, second).expect("a line");
    assert!(outbox.is_empty(), "it is all encrypted");
    assert!((39_000..40_000).contains(&cipher.bytes()), "{cipher:?}");
    assert_eq!(cipher.stuck_since(), Some(second));
    let lossless = cipher.lossless_bytes();
    assert!((10_000..10_100).contains(&lossless), "{lossless}: not those of the other frame");
    cipher.flush(&mut line, &mut outbox, join, sealed, 2 * second).expect("a line");
    assert_eq!(cipher.stuck_since(), Some(second), "it took nothing");
    line.hear();
    cipher.flush(&mut line, &mut outbox, join, sealed, 3 * second).expect("a line");
    assert_eq!(cipher.stuck_since(), Some(3 * second), "it took some");
    assert_eq!(cipher.waits_since(), Some(Duration::ZERO), "it was told then");
}

#[test]
fn who_changes_keys_is_heard_and_who_does_nothing_else_is_refused() {
    let mut into = [0; 1_024];
    let (mut cipher, mut line) = shaken(1 << 20, "keys");
    for _ in 0..20 {
        line.client.refresh_traffic_keys().expect("TLS 1.3");
    }
    line.client.writer().write_all(b"at last").expect("room");
    let bytes = cipher.read(&mut line, &mut into).expect("it is heard");
    assert_eq!(&into[..bytes], b"at last");
    for _ in 0..200 {
        line.client.refresh_traffic_keys().expect("TLS 1.3");
    }
    let refused = cipher.read(&mut line, &mut into).expect_err("nothing is said");
    assert_eq!(refused.kind(), ErrorKind::InvalidData);
    assert_eq!(cipher.bytes(), 0, "answers do not pile up");
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_by_its_file() {
    let folder = folder("faults");
    let (files, _) = certify(&folder, 19_000 * DAY, 20_100 * DAY);
    let fault = |files: &Files| Tls::open(files.clone(), NOW).expect_err("a fault").to_string();
    let notes = |now| Tls::open(files.clone(), now).expect("a certificate").1;
    use std::os::unix::fs::PermissionsExt;
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(&files.key, mode(0o600)).expect("ours");
    assert_eq!(notes(NOW), [""; 0]);
    for (days, words) in [(1_000, "ended on"), (-3_000, "begins on"), (97, "ends on")] {
        let notes = notes(NOW + Span::seconds(days * DAY));
        assert!(notes.len() == 1 && notes[0].contains(words), "{days}: {notes:?}");
    }
    std::fs::set_permissions(&files.key, mode(0o644)).expect("ours");
    assert!(notes(NOW)[0].contains("chmod 600"));
    let key = std::fs::read_to_string(&files.key).expect("it is there");
    let missing = Files { key: folder.join("none.pem"), ..files.clone() };
    assert!(fault(&missing).contains("none.pem: No such file"), "{}", fault(&missing));
    let swapped = Files { certificate: files.key.clone(), key: files.certificate.clone() };
    assert!(fault(&swapped).contains("there is no certificate in"), "{}", fault(&swapped));
    let other = self::folder("other");
    let foreign = Files { key: certify(&other, 19_000 * DAY, 20_100 * DAY).0.key, ..files.clone() };
    assert!(
        fault(&foreign).contains("is not that of the first certificate"),
        "{}",
        fault(&foreign)
    );
    std::fs::write(&files.key, key.replacen("MIG", "AAA", 1)).expect("ours");
    let broken = fault(&files);
    assert!(broken.contains("key.pem") && !broken.contains("AAA"), "{broken}");
    for folder in [folder, other] {
        std::fs::remove_dir_all(folder).expect("it is there");
    }
}

#[test]
fn what_is_cut_off_is_no_certificate() {
    let folder = folder("days");
    let (_, certificate) = certify(&folder, 19_000 * DAY, 30_000 * DAY);
    std::fs::remove_dir_all(folder).expect("it is there");
    let der = certificate.der();
    let whole = certificate::validity(der).expect("days");
    assert_eq!(whole, (Time::from_seconds(19_000 * DAY), Time::from_seconds(30_000 * DAY)));
    for end in 0..der.len() {
        assert_eq!(certificate::validity(&der[..end]), None, "the first {end} bytes");
    }
}
