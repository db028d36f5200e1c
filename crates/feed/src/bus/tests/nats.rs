//! The bus by a NATS server, with a server of its own for each test.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa};
use serde_json::{Value, json};

use super::super::conformance::{self, Notes, Stage, hear};
use super::super::nats::{Key, Login, Nats, Options, Tls, Unusable};
use super::super::{Bus, BusError};
use super::server::{self, Server, free_port};

/// How long what must happen may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

fn options(servers: &[&Server]) -> Options {
    Options {
        servers: servers.iter().map(|server| server.address()).collect(),
        ping: Duration::from_millis(100),
        patience: Duration::from_millis(500),
        pause_max: Duration::from_millis(100),
        ..Options::default()
    }
}

fn start(options: Options) -> Arc<Nats> {
    Arc::new(Nats::start(options).expect("the options are of use"))
}

/// Two points of one server.
fn stage(here: &Arc<Nats>, there: &Arc<Nats>) -> Stage {
    for bus in [here, there] {
        bus.wait(PATIENCE).expect("it connects");
    }
    Stage { here: here.clone(), there: there.clone(), step: None }
}

/// Waits until it stands so.
fn until(bus: &Nats, what: &str, is_so: impl Fn(&Nats) -> bool) {
    let ends = Instant::now() + PATIENCE;
    while !is_so(bus) {
        assert!(Instant::now() < ends, "{what}: {:?}", bus.standing());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn is_down(bus: &Nats) -> bool {
    bus.standing().down.is_some()
}

#[test]
fn keeps_what_every_bus_keeps() {
    let Some(server) = Server::start("") else { return };
    let (here, there) = (start(options(&[&server])), start(options(&[&server])));
    conformance::holds(&stage(&here, &there));
    let standing = here.standing();
    assert_eq!((standing.down, standing.reconnects, standing.complaint), (None, 0, None));
}

#[test]
fn comes_back_to_a_server_that_was_killed_and_listens_again() {
    let Some(server) = Server::start("") else { return };
    let (here, there) = (start(options(&[&server])), start(options(&[&server])));
    let stage = stage(&here, &there);
    let (heard, replies) = (Notes::default(), Notes::default());
    let _listening = hear(&*there, "said", &heard);
    let _answering = conformance::echo(&*there, "asked");
    stage.settle();
    here.publish("said", b"before");
    stage.until(&heard, 1);
    let port = server.port;
    drop(server);
    until(&here, "it goes down", is_down);
    until(&there, "it goes down", is_down);
    let (lost, began) = (here.standing().lost, Instant::now());
    here.publish("said", b"meanwhile");
    assert_eq!(here.standing().lost, lost + 1);
    conformance::ask(&*here, "asked", b"meanwhile", PATIENCE, &replies);
    assert!(replies.texts()[0].starts_with("Down("), "told at once: {:?}", replies.texts());
    // Whoever comes meanwhile is heard then.
    let late = Notes::default();
    let _late = hear(&*there, "said", &late);
    until(&here, "it says why", |bus| {
        bus.standing().down.is_some_and(|down| down.why.contains("the last attempt"))
    });
    let elapsed = began.elapsed();
    let down = here.standing().down.expect("there is no server");
    assert!(down.span >= elapsed, "{down:?}");
    let _server = Server::start_at(port, "").expect("the port is free again").expect("found");
    for bus in [&here, &there] {
        bus.wait(PATIENCE).expect("it comes back");
        assert!(bus.standing().reconnects >= 1);
    }
    stage.settle();
    here.publish("said", b"after");
    stage.until(&heard, 2);
    stage.until(&late, 1);
    assert_eq!(
        (heard.texts(), late.texts()),
        (vec!["before".into(), "after".into()], vec!["after".into()])
    );
    conformance::ask(&*here, "asked", b"after", PATIENCE, &replies);
    stage.until(&replies, 2);
    assert_eq!(replies.texts()[1], "after!");
}

#[test]
fn outlasts_a_server_that_says_nothing_and_never_waits_for_it() {
    let Some(server) = Server::start("") else { return };
    let (here, there) = (start(options(&[&server])), start(options(&[&server])));
    let stage = stage(&here, &there);
    let (heard, replies) = (Notes::default(), Notes::default());
    let _listening = hear(&*there, "said", &heard);
    let _answering = conformance::echo(&*there, "asked");
    stage.settle();
    server.stop();
    // The connection looks well, and nothing comes back.
    conformance::ask(&*here, "asked", b"", Duration::from_millis(50), &replies);
    stage.until(&replies, 1);
    assert_eq!(replies.texts(), ["Late"]);
    // 200 MB: more than the line, the client and the system have room for.
    let message = vec![0; 100_000];
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    for number in 0..2_000 {
        if number == 300 {
            // More than the client and the system have room for: it waits in line.
            conformance::ask(&*here, "asked", b"waits", PATIENCE, &replies);
        }
        let before = Instant::now();
        here.publish("said", &message);
        slowest = slowest.max(before.elapsed());
    }
    assert!(here.standing().lost > 0, "there is no room for all of it: {:?}", here.standing());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    until(&here, "it goes down", is_down);
    until(&there, "it goes down", is_down);
    stage.until(&replies, 2);
    assert!(replies.texts()[1].starts_with("Down("), "told when it went: {:?}", replies.texts());
    server.go_on();
    for bus in [&here, &there] {
        bus.wait(PATIENCE).expect("it comes back");
    }
    stage.settle();
    let before = heard.all().len();
    assert!(before < 1_000, "what waited would be old: {before}");
    here.publish("said", b"after");
    stage.until(&heard, before + 1);
    conformance::ask(&*here, "asked", b"after", PATIENCE, &replies);
    stage.until(&replies, 3);
    assert_eq!(replies.texts()[2], "after!");
}

#[test]
fn starts_without_a_server_and_finds_it_when_it_comes() {
    let port = free_port();
    let servers = vec![format!("nats://localhost:{port}").into()];
    let bus =
        start(Options { servers, pause_max: Duration::from_millis(50), ..Options::default() });
    let heard = Notes::default();
    let _listening = hear(&*bus, "said", &heard);
    let error = bus.wait(Duration::from_millis(100)).expect_err("there is no server");
    assert!(matches!(&error, BusError::Down(why) if why.contains("connect")), "{error}");
    bus.publish("said", b"lost");
    assert_eq!(bus.standing().lost, 1);
    let Ok(Some(_server)) = Server::start_at(port, "") else { return };
    bus.wait(PATIENCE).expect("it connects");
    let stage = stage(&bus, &bus);
    stage.settle();
    bus.publish("said", b"heard");
    stage.until(&heard, 1);
    assert_eq!((heard.texts(), bus.standing().reconnects), (vec!["heard".to_owned()], 0));
}

#[test]
fn goes_to_another_server_of_the_cluster() {
    let (one, two) = (free_port(), free_port());
    let cluster = |own: u16, other: u16| {
        format!(
            "cluster {{ name: c, listen: \"127.0.0.1:{own}\", routes: [\"nats://127.0.0.1:{other}\"] }}"
        )
    };
    let Some(first) = Server::start(&cluster(one, two)) else { return };
    let second = Server::start(&cluster(two, one)).expect("found");
    let (here, there) = (start(options(&[&first, &second])), start(options(&[&second])));
    let stage = stage(&here, &there);
    let heard = Notes::default();
    let _listening = hear(&*there, "said", &heard);
    stage.settle();
    drop(first);
    // It may have chosen the second one at first, and then nothing happens.
    stage.settle();
    here.wait(PATIENCE).expect("there is another server");
    here.publish("said", b"by the other");
    stage.until(&heard, 1);
    assert_eq!(heard.texts(), ["by the other"]);
}

#[test]
fn says_that_the_server_takes_too_little_and_carries_nothing() {
    let Some(server) = Server::start("max_payload: 1000") else { return };
    let bus = start(options(&[&server]));
    until(&bus, "it says so", |bus| {
        bus.standing().down.is_some_and(|down| down.why.contains("1000 bytes"))
    });
    bus.publish("said", b"short");
    assert_eq!(bus.standing().lost, 1);
    let notes = Notes::default();
    conformance::ask(&*bus, "asked", b"", PATIENCE, &notes);
    assert!(notes.texts()[0].contains("max_payload"), "{:?}", notes.texts());
}

#[test]
fn shows_who_it_is_and_nothing_secret() {
    let users = "authorization { users: [{ user: core, password: s3cr3t }] }";
    let Some(server) = Server::start(users) else { return };
    let with = |password: &str| Options {
        login: Login::Password { user: "core".into(), password: password.into() },
        ..options(&[&server])
    };
    start(with("s3cr3t")).wait(PATIENCE).expect("it is let in");
    let bus = start(with("wr0ng"));
    until(&bus, "it is not let in", |bus| {
        bus.standing().down.is_some_and(|down| down.why.contains("authorization violation"))
    });
    let shown = format!("{:?} {:?} {:?}", bus.standing(), bus, with("wr0ng"));
    assert!(!shown.contains("wr0ng") && shown.contains("core"), "{shown}");

    let token = Server::start("authorization { token: t0k3n }").expect("found");
    let with =
        |token_said: &str| Options { login: Login::Token(token_said.into()), ..options(&[&token]) };
    start(with("t0k3n")).wait(PATIENCE).expect("it is let in");
    assert!(start(with("wr0ng")).wait(Duration::from_millis(300)).is_err());
    assert!(!format!("{:?}", with("wr0ng")).contains("wr0ng"));
}

/// Seeds of an operator, an account and a user, made for these tests.
const OPERATOR: &str = "SOACFKJJN6U4EPBP7JGWN32GSSTVD4IUDXYXNBWZCBZ75VOA6ETQTZPX7Y";
const ACCOUNT: &str = "SAABBHGHURQNXKF3VAIGM3RTR3LJUBIAX2IDZJQRGRQCMJPONPICQFVWBU";
const USER: &str = "SUAH3SIB7Y4LFFQWRFVD3VQJUI5MSRHK23KQSEHY6XNIU7DI4UBZXRD4DE";
/// Somebody else's: the one that the documentation of NATS shows.
const OTHER: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";

fn pair(seed: &str) -> KeyPair {
    KeyPair::from_seed(seed).expect("it is one")
}

/// Whether it is let in, comes back after the server was killed, and shows nothing that is secret; and whether who shows
/// `other` is not let in, and is told why.
fn lets_in(configuration: &str, login: &Login, other: &Login) {
    let Some(server) = Server::start(configuration) else { return };
    let with = |login: &Login| start(Options { login: login.clone(), ..options(&[&server]) });
    let (here, there) = (with(login), with(login));
    let (stage, notes) = (stage(&here, &there), Notes::default());
    let _answering = conformance::echo(&*there, "asked");
    stage.settle();
    conformance::ask(&*here, "asked", b"who", PATIENCE, &notes);
    stage.until(&notes, 1);
    assert_eq!(notes.texts(), ["who!"]);
    let bus = with(other);
    until(&bus, "it is not let in", |bus| {
        bus.standing().down.is_some_and(|down| down.why.contains("authorization violation"))
    });
    for login in [login, other] {
        let options = Options { login: login.clone(), ..options(&[&server]) };
        let shown = format!("{:?} {:?} {options:?}", bus.standing(), here.standing());
        for secret in [USER, OTHER, "BEGIN", "eyJ"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    let port = server.port;
    drop(server);
    until(&here, "it goes down", is_down);
    let _server = Server::start_at(port, configuration).expect("its port is free").expect("found");
    // Each connection is another question to be signed.
    here.wait(PATIENCE).expect("it is let in again");
}

#[test]
fn is_let_in_by_an_nkey() {
    let public = pair(USER).public_key();
    let users = format!("authorization {{ users: [{{ nkey: {public} }}] }}");
    lets_in(&users, &Login::Nkey(USER.into()), &Login::Nkey(OTHER.into()));
}

/// A JSON web token of NATS, signed with this seed.
fn token(by: &str, subject: &str, nats: &Value) -> String {
    let (by, text) = (pair(by), |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string()));
    let head = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let claims = json!({
        "jti": "1", "iat": 1_800_000_000, "iss": by.public_key(), "name": "a test", "sub": subject,
        "nats": nats,
    });
    let said = format!("{}.{}", text(&head), text(&claims));
    let signed = by.sign(said.as_bytes()).expect("it signs");
    format!("{said}.{}", URL_SAFE_NO_PAD.encode(signed))
}

fn credentials(token: &str, seed: &str) -> Login {
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         ************************* IMPORTANT *************************\n\
         NKEY Seed printed below can be used to sign and prove identity.\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    Login::Credentials(text.into())
}

#[test]
fn is_let_in_by_the_credentials_that_an_operator_has_made() {
    let operator = pair(OPERATOR).public_key();
    let operator = token(OPERATOR, &operator, &json!({"type": "operator", "version": 2}));
    let account = pair(ACCOUNT).public_key();
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1,
    });
    let nats = json!({"type": "account", "version": 2, "limits": limits});
    let of_account = token(OPERATOR, &account, &nats);
    let user = pair(USER).public_key();
    let nats = json!({
        "type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
    });
    let user = token(ACCOUNT, &user, &nats);
    let configuration = format!(
        "operator: \"{operator}\"\nresolver: MEMORY\nresolver_preload: {{ {account}: \"{of_account}\" }}"
    );
    // Who has the token only, and another seed, cannot sign for it.
    lets_in(&configuration, &credentials(&user, USER), &credentials(&user, OTHER));
}

#[test]
fn refuses_at_once_what_is_no_key_and_does_not_show_it() {
    let public = pair(USER).public_key();
    let mistaken = USER.replace("SUAH", "SUAA");
    let servers: Vec<Box<str>> = vec!["nats://localhost".into()];
    for (login, said) in [
        (Login::Nkey(public.clone().into()), "a seed begins with S"),
        (Login::Nkey(mistaken.clone().into()), "some of its letters are wrong"),
        (Login::Nkey(USER[1..].into()), "no seed"),
        (Login::Credentials(USER.into()), "credentials cannot be read"),
        (credentials("eyJ", &mistaken), "some of its letters are wrong"),
    ] {
        let options = Options { servers: servers.clone(), login, ..Options::default() };
        let error = Nats::start(options).expect_err("of no use");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(said), "{shown}");
        for secret in [&public, &mistaken, &USER[1..]] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn tells_what_the_server_does_not_allow() {
    let users = "authorization { users: [{ user: edge, password: e, permissions: { \
                 subscribe: [\"allowed.>\", \"settle.>\", \"_INBOX.>\"] } }] }";
    let Some(server) = Server::start(users) else { return };
    let login = Login::Password { user: "edge".into(), password: "e".into() };
    let bus = start(Options { login, ..options(&[&server]) });
    bus.wait(PATIENCE).expect("it is let in");
    let _allowed = hear(&*bus, "allowed.a", &Notes::default());
    stage(&bus, &bus).settle();
    assert_eq!(bus.standing().complaint, None);
    let _denied = hear(&*bus, "denied", &Notes::default());
    until(&bus, "it says so", |bus| {
        bus.standing().complaint.is_some_and(|said| said.to_lowercase().contains("denied"))
    });
    assert_eq!(bus.standing().down, None);
}

#[test]
fn refuses_addresses_that_are_none_or_contain_a_password() {
    for (servers, said) in [
        (vec![], "no NATS server is named"),
        (vec!["localhost", "nats://core:s3cr3t@localhost"], "address of NATS server 2"),
        (vec!["nats://s3cr3t@localhost"], "address of NATS server 1"),
        (vec!["nats://:s3cr3t@localhost"], "address of NATS server 1"),
        (vec!["ws://localhost"], "address of NATS server 1"),
        (vec!["http://s3cr3t"], "address of NATS server 1"),
        (vec!["nats://s3cr3t:x"], "address of NATS server 1"),
        (vec![""], "address of NATS server 1"),
    ] {
        let servers = servers.into_iter().map(Box::from).collect();
        let error: Unusable =
            Nats::start(Options { servers, ..Options::default() }).expect_err("of no use");
        assert!(error.to_string().contains(said), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"));
    }
}

/// The files of an authority, and of what it signed for the server and for whoever connects.
struct Papers(PathBuf);

impl Papers {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("rialto-nats-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("there is a folder for what is temporary");
        let key = || rcgen::KeyPair::generate().expect("it can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key()).expect("it can be signed");
        let papers = Self(folder);
        papers.write("authority", &authority.pem());
        for name in ["server", "client"] {
            let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
            let key = key();
            let signed = params.signed_by(&key, &authority).expect("it can be signed");
            papers.write(name, &signed.pem());
            papers.write(&format!("{name}-key"), &key.serialize_pem());
        }
        papers
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).expect("it can be written");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pem"))
    }

    fn server(&self, more: &str) -> String {
        let [certificate, key, authority] =
            ["server", "server-key", "authority"].map(|name| self.file(name).display().to_string());
        format!(
            "tls {{ cert_file: \"{certificate}\", key_file: \"{key}\", ca_file: \"{authority}\" {more} }}"
        )
    }

    fn trusted(&self) -> Tls {
        Tls { authorities: vec![self.file("authority")], ..Tls::default() }
    }
}

impl Drop for Papers {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn speaks_tls_and_trusts_whom_it_was_told_to() {
    let (papers, others) = (Papers::new("tls"), Papers::new("others"));
    let Some(server) = Server::start(&papers.server("")) else { return };
    let with = |tls: Tls| start(Options { tls, ..options(&[&server]) });
    let (here, there) = (with(papers.trusted()), with(papers.trusted()));
    let stage = stage(&here, &there);
    let notes = Notes::default();
    let _answering = conformance::echo(&*there, "asked");
    stage.settle();
    conformance::ask(&*here, "asked", &vec![b'x'; 100_000], PATIENCE, &notes);
    stage.until(&notes, 1);
    assert_eq!(notes.all()[0].len(), 100_001);
    let bus = with(others.trusted());
    until(&bus, "it does not trust it", |bus| {
        bus.standing().down.is_some_and(|down| down.why.contains("last attempt"))
    });
    // Nor does it say anything to one that has no TLS, where that is required.
    let plain = Server::start("").expect("found");
    let tls = Tls { is_required: true, ..papers.trusted() };
    let bus = start(Options { tls, ..options(&[&plain]) });
    assert!(bus.wait(Duration::from_millis(500)).is_err());
}

#[test]
fn shows_its_certificate_to_a_server_that_asks_and_may_begin_with_tls() {
    let papers = Papers::new("mutual");
    let certificate = Some((papers.file("client"), papers.file("client-key")));
    for is_first in [false, true] {
        if is_first && !server::is_of(10) {
            continue;
        }
        let more =
            format!(", verify: true{}", if is_first { ", handshake_first: true" } else { "" });
        let Some(server) = Server::start(&papers.server(&more)) else { return };
        let tls = Tls { is_first, certificate: certificate.clone(), ..papers.trusted() };
        let without = Tls { certificate: None, ..tls.clone() };
        start(Options { tls, ..options(&[&server]) }).wait(PATIENCE).expect("it is let in");
        let bus = start(Options { tls: without, ..options(&[&server]) });
        assert!(bus.wait(Duration::from_millis(500)).is_err());
    }
}

#[test]
fn tells_whoever_waits_when_it_ends_and_may_be_dropped_by_its_own_thread() {
    let Some(server) = Server::start("") else { return };
    let (bus, other) = (start(options(&[&server])), start(options(&[&server])));
    let stage = stage(&bus, &other);
    let (kept, replies) = (Arc::new(Mutex::new(Vec::new())), Notes::default());
    let (keep, (asked, is_asked)) = (Arc::clone(&kept), sync_channel(1));
    let answer = move |_: &[u8], respond| {
        keep.lock().expect("no panic").push(respond);
        asked.send(()).expect("somebody waits");
    };
    let answering = bus.answer("asked", Box::new(answer)).expect("a subject");
    stage.settle();
    conformance::ask(&*bus, "asked", b"", PATIENCE, &replies);
    is_asked.recv_timeout(PATIENCE).expect("it is asked");
    let last = Mutex::new(Some(Arc::clone(&bus)));
    let heard = move |_: &[u8]| drop(last.lock().expect("no panic").take());
    let listening = bus.listen("end", Box::new(heard)).expect("a subject");
    stage.settle();
    drop((stage, bus));
    other.publish("end", b"");
    let stage = self::stage(&other, &other);
    stage.until(&replies, 1);
    assert_eq!(replies.texts(), [format!("{:?}", BusError::Down("it has ended".into()))]);
    for respond in kept.lock().expect("no panic").drain(..) {
        respond.with(b"to nobody");
    }
    drop((listening, answering));
}

#[test]
#[ignore = "measures, and proves nothing: run it alone, with --nocapture"]
fn how_fast_it_is() {
    let Some(server) = Server::start("") else { return };
    let options = || Options { ping: Duration::from_secs(2), ..options(&[&server]) };
    let (here, there) = (start(options()), start(options()));
    let stage = stage(&here, &there);
    for (count, bytes) in [(200_000_u32, 300), (2_000, 100_000)] {
        let heard = Arc::new((Mutex::new(0_u32), std::sync::Condvar::new()));
        let counted = Arc::clone(&heard);
        let hear = move |_: &[u8]| {
            *counted.0.lock().expect("no panic") += 1;
            counted.1.notify_all();
        };
        let _listening = there.listen("measured", Box::new(hear)).expect("a subject");
        stage.settle();
        let (message, began) = (vec![1; bytes], Instant::now());
        for number in 0..count {
            here.publish("measured", &message);
            // So many are on their way at a time, as the line has room for so many.
            let least = number.saturating_sub(500);
            let all = heard.0.lock().expect("no panic");
            let waits = |heard: &mut u32| *heard < least;
            drop(heard.1.wait_timeout_while(all, PATIENCE, waits).expect("no panic"));
        }
        let all = heard.0.lock().expect("no panic");
        let (all, _) =
            heard.1.wait_timeout_while(all, PATIENCE, |heard| *heard < count).expect("no panic");
        assert_eq!((*all, here.standing().lost), (count, 0));
        let elapsed = began.elapsed();
        let rate = f64::from(count) / elapsed.as_secs_f64();
        println!("{bytes} bytes: {rate:.0} messages/s, {:.1} MB/s", rate * bytes as f64 / 1e6);
    }
    let _answering = conformance::echo(&*there, "asked");
    stage.settle();
    let mut took: Vec<Duration> = (0..5_000)
        .map(|_| {
            let ((tell, told), began) = (sync_channel(1), Instant::now());
            let reply = move |answer: Result<Vec<u8>, BusError>| tell.send(answer).expect("waits");
            here.ask("asked", &[1; 300], PATIENCE, Box::new(reply));
            told.recv().expect("told").expect("answered");
            began.elapsed()
        })
        .collect();
    took.sort();
    println!("question and answer: p50 {:?}, p99 {:?}", took[2_500], took[4_950]);
}

#[test]
fn a_key_is_replaced_by_who_knows_what_it_was_and_by_nobody_else() {
    if !server::is_of(10) {
        return;
    }
    let store = std::env::temp_dir().join(format!("rialto-jetstream-{}", std::process::id()));
    let configuration = format!("jetstream {{ store_dir: {:?} }}", store.display().to_string());
    let Some(server) = Server::start(&configuration) else { return };
    let key = |name| Key::new(options(&[&server]), name).expect("the options are of use");
    let (mut one, mut two, mut other) = (key("main"), key("main"), key("other"));
    assert_eq!(one.read(PATIENCE), Ok(None));
    let first = one.replace(None, "one", PATIENCE).expect("it answers").expect("it is the first");
    assert_eq!(two.replace(None, "two", PATIENCE), Ok(None));
    assert_eq!(two.read(PATIENCE), Ok(Some((first, "one".to_owned()))));
    let second = two.replace(Some(first), "two", PATIENCE).expect("it answers");
    let second = second.expect("it knows it");
    assert!(second > first);
    assert_eq!(one.replace(Some(first), "late", PATIENCE), Ok(None));
    assert_eq!(one.read(PATIENCE), Ok(Some((second, "two".to_owned()))));
    assert_eq!(other.read(PATIENCE), Ok(None), "of another market");

    // Without a server it fails in time; with it again what was there is there.
    let limit = Duration::from_millis(800);
    let port = server.port;
    drop(server);
    let begun = Instant::now();
    let refused = one.replace(Some(second), "three", limit);
    assert!(refused.is_err() && begun.elapsed() < limit * 3, "{refused:?} {:?}", begun.elapsed());
    let server = Server::start_at(port, &configuration).expect("its port is free");
    let ends = Instant::now() + PATIENCE;
    let (revision, text) = loop {
        match one.read(limit) {
            Ok(found) => break found.expect("it was kept"),
            Err(why) => assert!(Instant::now() < ends, "{why}"),
        }
    };
    // What was said in vain may have been done: once at most.
    assert!((revision, text.as_str()) == (second, "two") || text == "three", "{revision} {text}");
    let fresh = one.replace(Some(revision), "four", PATIENCE).expect("it answers");
    assert!(fresh.expect("it knows it") > revision);
    drop(server);
    let _gone = fs::remove_dir_all(store);
}

#[test]
fn a_key_of_a_server_without_jetstream_is_an_error_in_words() {
    let Some(server) = Server::start("") else { return };
    let mut key = Key::new(options(&[&server]), "main").expect("the options are of use");
    let refused = key.read(PATIENCE).expect_err("there is none");
    assert!(!refused.is_empty() && refused != "it does not answer", "{refused}");
}

/// A server that says what is needed to be listened to on one subject, and then this message so many times, as fast as the
/// connection takes it. What it has written so far is counted.
fn floods(message: usize, count: usize, written: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        let hello = "INFO {\"server_id\":\"x\",\"version\":\"2.10.0\",\"proto\":1,\"max_payload\":1048576}\r\n";
        stream.write_all(hello.as_bytes()).expect("it is read");
        let mut lines = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
        let place = loop {
            let line = lines.next().expect("it goes on").expect("text");
            if line.starts_with("PING") {
                stream.write_all(b"PONG\r\n").expect("it is read");
            }
            if let Some(place) = line.strip_prefix("SUB said ") {
                break place.trim().to_owned();
            }
        };
        let message = [
            format!("MSG said {place} {message}\r\n").into_bytes(),
            vec![b'x'; message],
            b"\r\n".to_vec(),
        ]
        .concat();
        for _ in 0..count {
            if stream.write_all(&message).is_err() {
                return;
            }
            written.fetch_add(message.len(), Ordering::SeqCst);
        }
        // As long as somebody listens.
        lines.for_each(drop);
    });
    port
}

#[test]
fn what_arrives_is_read_no_faster_than_it_is_heard() {
    // What the system holds of a connection on both sides, and what the client reads at a time.
    const ARRIVED_BYTES_MAX: usize = 48 << 20;
    for (message, count) in [(500_000, 400), (1_000, 200_000)] {
        let written = Arc::<AtomicUsize>::default();
        let port = floods(message, count, Arc::clone(&written));
        let servers = vec![format!("nats://127.0.0.1:{port}").into()];
        let bus = start(Options { servers, ping: Duration::from_secs(600), ..Options::default() });
        let (tell, told) = sync_channel(1);
        let heard = Mutex::new((0, 0, 0));
        let slow = Duration::from_micros(message as u64 / 250);
        let hear = move |bytes: &[u8]| {
            // As somebody who has something to do with it.
            let began = Instant::now();
            while began.elapsed() < slow {
                std::hint::spin_loop();
            }
            let mut heard = heard.lock().expect("no panic");
            heard.0 += 1;
            heard.1 += bytes.len();
            heard.2 = heard.2.max(written.load(Ordering::SeqCst).saturating_sub(heard.1));
            if heard.0 == count {
                tell.send(heard.2).expect("it is waited for");
            }
        };
        let _listening = bus.listen("said", Box::new(hear)).expect("a subject");
        let most = told.recv_timeout(PATIENCE * 2).expect("all of it is heard");
        assert!(most < ARRIVED_BYTES_MAX, "{most} bytes of messages of {message} were under way");
        assert_eq!(bus.standing().lost, 0);
        println!("messages of {message} bytes: {most} under way at most");
    }
}
