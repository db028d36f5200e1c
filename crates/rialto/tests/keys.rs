//! `rialto keys` as a process of its own, beside one that has the store open, as a running venue has.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use store::{MasterKey, Opening, Pair, SqliteStore, Store as _};

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rialto-keys-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }
    fn master(&self) -> PathBuf {
        self.0.join("master.key")
    }
    fn data(&self) -> PathBuf {
        self.0.join("data")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn rialto(folder: &Folder, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    command.arg("keys").args(words).env_remove("RIALTO_MASTER_KEY").current_dir(&folder.0);
    command.output().expect("rialto runs")
}

/// What it said, having done what it was asked.
fn said(folder: &Folder, words: &[&str]) -> String {
    let output = rialto(folder, words);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {complaint}");
    assert_eq!(complaint, "", "{words:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// What it complained about, having done nothing.
fn complaint(folder: &Folder, words: &[&str], code: i32) -> String {
    let output = rialto(folder, words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    assert_eq!(output.stdout, b"", "{words:?}");
    String::from_utf8(output.stderr).expect("text")
}

fn open(data: &Path, master: &Path) -> SqliteStore {
    let master = Some(MasterKey::read(master).expect("a master key"));
    SqliteStore::open(data, Opening { master, ..Opening::default() }).expect("the store")
}

#[test]
fn another_process_sees_what_it_creates_and_revokes() {
    let folder = Folder::new("two");
    said(&folder, &["master-key", "master.key"]);
    let venue = open(&folder.data(), &folder.master());
    let at = ["--data", "data", "--master-key", "master.key", "--json"];
    let create = |words: &[&str]| -> Value {
        let text = said(&folder, &[&["create", "--account", "carol"], words, &at].concat());
        serde_json::from_str(&text).expect("JSON")
    };
    let carol = create(&[]);
    assert_eq!((&carol["name"], &carol["user_id"]), (&"carol".into(), &10_000.into()));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let (key, secret) = (text(&carol["bitstamp"]["key"]), text(&carol["bitstamp"]["secret"]));
    assert!(venue.credential("bitstamp", &key).is_none(), "not before it looks");
    assert_eq!(venue.refresh(), Ok(true));
    let found = venue.credential("bitstamp", &key).expect("the key is known");
    assert_eq!(found.signing_secret().expect("it signs").reveal(), secret);
    assert!(found.entitlement.trading);

    // One more, with less power, for the same account.
    let words = ["--dialect", "finazon", "--read-only", "--instruments", "btc/usdt,ETH/USDT"];
    let less = create(&words);
    assert_eq!(less["address"], carol["address"]);
    assert!(less.get("bitstamp").is_none());
    assert_eq!(venue.refresh(), Ok(true));
    let api_key = text(&less["finazon"]["api_key"]);
    let less = venue.credential("finazon", &api_key).expect("the key is known");
    let pairs = ["BTC/USDT", "ETH/USDT"].map(|pair| pair.parse::<Pair>().expect("a pair"));
    assert_eq!(less.entitlement.instruments, Some(pairs.into()));
    assert!(!less.entitlement.trading);

    let before = venue.version();
    let revoked = said(&folder, &["revoke", &key, "--data", "data"]);
    assert_eq!(revoked, format!("revoked {}: carol, bitstamp\n", found.id));
    let number = less.id.to_string();
    said(&folder, &["revoke", &number, "--data", "data"]);
    assert_eq!(venue.refresh(), Ok(true));
    let told: Vec<_> = venue.revocations(before).iter().map(|it| it.credential).collect();
    assert_eq!(told, [found.id, less.id]);
    let found = venue.credential("bitstamp", &key).expect("it is remembered");
    assert!(found.signing_secret().is_none());

    assert_eq!(said(&folder, &["block", "carol", "--data", "data"]), "blocked carol\n");
    assert_eq!(venue.refresh(), Ok(true));
    let blocked = || venue.account_named("carol").expect("an account").blocked;
    assert!(blocked().is_some());
    assert!(said(&folder, &["list", "--data", "data"]).contains(", blocked 20"));
    assert_eq!(said(&folder, &["unblock", "carol", "--data", "data"]), "unblocked carol\n");
    assert_eq!(venue.refresh(), Ok(true));
    assert_eq!(blocked(), None);

    let list = said(&folder, &["list", "--data", "data"]);
    assert_eq!(list.lines().count(), 8, "{list}");
    assert_eq!(list.lines().filter(|line| line.contains("revoked 20")).count(), 2, "{list}");
    assert!(list.contains(&key) && list.contains("read-only, instruments BTC/USDT ETH/USDT"));
    assert!(!list.contains(&secret) && !list.contains(&api_key), "{list}");
}

#[test]
fn the_demo_that_it_shows_is_the_demo_that_a_venue_knows() {
    let folder = Folder::new("demo");
    assert_eq!(said(&folder, &["demo", "--json"]), store::demo_json() + "\n");
    let people = said(&folder, &["demo"]);
    for account in store::demo_accounts() {
        assert!(people.contains(&account.account.address), "{people}");
        let parts = account.credentials.iter().flat_map(|issued| &issued.parts);
        parts.for_each(|(_, part)| assert!(people.contains(part.reveal()), "{people}"));
    }
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("wrong");
    let check = |words: &[&str], code: i32, remedy: &str| {
        let complaint = complaint(&folder, words, code);
        assert!(complaint.contains(remedy), "{words:?}: {complaint}");
    };
    check(&["list"], 1, "name the venue's folder with --data");
    check(&["create", "--account", "carol"], 1, "rialto keys master-key FILE");
    check(&["create", "--account", "alice"], 1, "choose another name");
    check(&["create", "--account", "Carol"], 1, "a letter, then");
    check(&["create", "--account", "carol", "--dialect", "klingon"], 2, "there are bitstamp, ");
    check(&["create", "--account", "carol", "--instruments", "BTC"], 2, "such as BTC/USD");
    check(&["create", "--account", "carol", "--channels", "gossip"], 2, "there are trades, ");
    check(&["revoke", "c1"], 1, "nobody holds this credential");
    check(&["block", "carol", "--data", "elsewhere"], 1, "no accounts here");
    check(&["list", "--data", "master.key/none"], 1, "no accounts here");
    said(&folder, &["master-key", "master.key"]);
    check(&["master-key", "master.key"], 1, "name another file");
    std::fs::set_permissions(folder.master(), PermissionsExt::from_mode(0o644)).expect("its mode");
    let create = ["create", "--account", "carol", "--master-key", "master.key"];
    check(&create, 1, "do `chmod 600 master.key`");
    said(&folder, &["create", "--account", "carol", "--dialect", "timex"]);
}
