//! The store, over a file and in memory: who is found, who is refused, and what damage does.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use model::{AccountId, Time};
use rusqlite::Connection;

use super::{FILE, Opening, SqliteStore, schema};
use crate::{
    Channel, CredentialId, Entitlement, FORMS, Issued, Limits, MasterKey, Random, Store,
    StoreError, Wanted,
};

const NOW: Time = Time::from_seconds(1_767_603_600);
const LATER: Time = Time::from_seconds(1_767_603_700);
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rialto-store-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }
    fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }
    fn sql(&self, sql: &str) {
        let connection = Connection::open(self.file()).expect("the file opens");
        connection.execute_batch(sql).expect("the statement runs");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn master() -> MasterKey {
    MasterKey::parse(KEY, "the test").expect("a master key")
}

fn opening() -> Opening {
    Opening { master: Some(master()), ..Opening::default() }
}

fn seeded(seed: &str) -> Opening {
    Opening { random: Random::repeatable(seed), ..opening() }
}

fn wanted(dialect: &str) -> Wanted {
    Wanted {
        dialect: dialect.to_owned(),
        entitlement: Entitlement::full(),
        limits: Limits::default(),
    }
}

fn everything() -> Vec<Wanted> {
    FORMS.iter().map(|form| wanted(form.dialect)).collect()
}

fn reveal(issued: &Issued, part: usize) -> &str {
    issued.parts[part].1.reveal()
}

fn error<T>(result: Result<T, StoreError>) -> StoreError {
    match result {
        Ok(_) => panic!("it succeeded"),
        Err(error) => error,
    }
}

/// One identity, six credentials, each good in its own dialect in its own way, in this store and in others opened
/// on the same file.
fn check_found(store: &SqliteStore, issued: &[Issued], name: &str) {
    for issued in issued {
        let key = reveal(issued, 0);
        let found = store.credential(issued.dialect, key).expect("the key is known");
        assert_eq!((found.id, found.account.name.as_str()), (issued.id, name));
        assert_eq!(found.account.user_id(), u64::from(found.account.id.0));
        match issued.dialect {
            "bitstamp" => {
                let secret = found.signing_secret().expect("it signs");
                assert_eq!(secret.reveal(), reveal(issued, 1));
                assert!(!found.is_proven_by_key());
            }
            "timex" => {
                assert!(found.is_proven_by(reveal(issued, 1).as_bytes()));
                assert!(!found.is_proven_by(b""));
                assert!(!found.is_proven_by(key.as_bytes()));
                assert!(!found.is_proven_by_key());
                assert!(found.signing_secret().is_none());
            }
            _ => {
                assert!(found.is_proven_by_key());
                assert!(!found.is_proven_by(b""));
                assert!(found.signing_secret().is_none());
            }
        }
        for other in FORMS.iter().filter(|form| form.dialect != issued.dialect) {
            assert!(store.credential(other.dialect, key).is_none(), "{key} in {}", other.dialect);
        }
        assert!(store.credential(issued.dialect, &key[1..]).is_none());
    }
}

#[test]
fn one_identity_is_found_by_its_keys_in_every_dialect() {
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.0, opening()).expect("a new store");
    let (carol, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    assert_eq!((carol.id, carol.made, carol.demo), (AccountId(10_000), NOW, false));
    assert_eq!(issued.len(), 6);
    check_found(&store, &issued, "carol");
    let (dan, others) = store.enrol("dan", &everything(), NOW).expect("another");
    assert_eq!(dan.id, AccountId(10_001));
    check_found(&store, &others, "dan");
    assert_eq!(store.account_at(&dan.address).as_deref(), Some(&*dan));
    assert_eq!(store.account_named("carol").as_deref(), Some(&*carol));
    drop(store);
    let again = SqliteStore::open(&folder.0, opening()).expect("the same store");
    assert_eq!(again.accounts(), [carol, dan]);
    check_found(&again, &issued, "carol");
    check_found(&again, &others, "dan");
}

#[test]
fn in_memory_it_is_the_same_and_a_seed_repeats_it() {
    let make = || {
        let store = SqliteStore::in_memory(seeded("seed")).expect("a store");
        let (account, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
        check_found(&store, &issued, "carol");
        crate::account_json(&account, &issued)
    };
    assert_eq!(make(), make());
}

#[test]
fn secrets_are_nowhere_in_the_file_and_it_is_for_its_owner_only() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.0, opening()).expect("a new store");
    let (account, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(&folder.0).expect("the folder") {
        let path = entry.expect("an entry").path();
        let mode = path.metadata().expect("its mode").mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        bytes.extend(std::fs::read(path).expect("its bytes"));
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&account.address), "the search finds what is there");
    for issued in &issued {
        let secret = &issued.parts.last().expect("a part").1;
        assert!(!holds(secret.reveal()), "the secret of {}", issued.dialect);
    }
}

#[test]
fn nothing_secret_is_shown_by_debug_or_errors() {
    let mut opening = seeded("debug");
    opening.demo = true;
    let store = SqliteStore::in_memory(opening).expect("a store");
    let (account, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    let found = store.credentials();
    let demo = crate::demo_accounts();
    let bad = error(MasterKey::parse(&KEY[1..], "the test"));
    let text =
        format!("{store:?} {account:?} {issued:?} {found:?} {demo:?} {:?} {bad:?} {bad}", master());
    assert!(text.contains("carol") && text.contains(&found[0].shown), "{text}");
    let demo = demo.iter().flat_map(|account| &account.credentials);
    for issued in issued.iter().chain(demo) {
        let secret = issued.parts.last().expect("a part").1.reveal();
        assert!(!text.contains(secret), "{} shows {secret}", issued.dialect);
    }
    assert!(!text.contains(&KEY[1..]));
    let key: String = master_bytes();
    assert!(!text.contains(&key), "the master key's bytes");
}

/// The master key as `Debug` would show its bytes.
fn master_bytes() -> String {
    let bytes: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&KEY[at * 2..at * 2 + 2], 16).expect("two digits"))
        .collect();
    format!("{:?}", &bytes[..8]).trim_matches(['[', ']']).to_owned()
}

#[test]
fn a_wrong_or_missing_master_key_is_refused() {
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.0, opening()).expect("a new store");
    let (_, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    drop(store);
    let wrong = MasterKey::parse(&KEY.replace("ff", "fe"), "the test").expect("a master key");
    let opened = SqliteStore::open(&folder.0, Opening { master: Some(wrong), ..opening() });
    assert_eq!(error(opened), StoreError::MasterKeyWrong);
    let opened = SqliteStore::open(&folder.0, Opening::default());
    assert_eq!(error(opened), StoreError::MasterKeyMissing);

    // Locked, it lists and revokes, adds what is hashed, and proves nothing by what is sealed.
    let locked = || Opening { locked: true, ..Opening::default() };
    let store = SqliteStore::open(&folder.0, locked()).expect("a locked store");
    let found = store.credential("bitstamp", reveal(&issued[0], 0)).expect("it is listed");
    assert!(found.signing_secret().is_none() && !found.is_proven_by(b""));
    let id = store.account_named("carol").expect("the account").id;
    let refused = store.issue(id, &[wanted("finazon"), wanted("bitstamp")], NOW);
    assert_eq!(error(refused), StoreError::MasterKeyMissing);
    assert_eq!(store.credentials().len(), 6, "all or nothing");
    let added = store.issue(id, &[wanted("finazon")], NOW).expect("it is only hashed");
    check_found(&store, &added, "carol");
}

#[test]
fn a_store_without_sealed_secrets_needs_no_master_key_until_then() {
    let store = SqliteStore::in_memory(Opening::default()).expect("a store");
    let refused = store.enrol("carol", &[wanted("bitstamp")], NOW);
    assert_eq!(error(refused), StoreError::MasterKeyMissing);
    assert!(store.accounts().is_empty(), "all or nothing");
    store.enrol("carol", &[wanted("timex")], NOW).expect("it is only hashed");
}

#[test]
fn a_sealed_secret_that_somebody_changed_or_moved_is_refused() {
    for damage in [
        // One bit, the nonce, cut short, cut away, another row's, another account's.
        "UPDATE credential SET secret_sealed = substr(secret_sealed, 1, 30) || char(0) || substr(secret_sealed, 32) WHERE id = 1",
        "UPDATE credential SET secret_sealed = zeroblob(24) || substr(secret_sealed, 25) WHERE id = 1",
        "UPDATE credential SET secret_sealed = substr(secret_sealed, 1, 39) WHERE id = 1",
        "UPDATE credential SET secret_sealed = x'' WHERE id = 1",
        "UPDATE credential SET secret_sealed = (SELECT secret_sealed FROM credential WHERE id = 2) WHERE id = 1",
        "UPDATE credential SET account = 10001 WHERE id = 1",
        "UPDATE credential SET key_digest = zeroblob(32) WHERE id = 1",
    ] {
        let folder = Folder::new();
        let store = SqliteStore::open(&folder.0, opening()).expect("a new store");
        for name in ["carol", "dan"] {
            store.enrol(name, &[wanted("bitstamp")], NOW).expect("an account");
        }
        // `||` makes text of blobs, which a strict table would refuse.
        let damage = match damage.split_once(" SET secret_sealed = ") {
            Some((table, rest)) => {
                let (value, place) = rest.rsplit_once(" WHERE ").expect("a place");
                format!("{table} SET secret_sealed = CAST({value} AS BLOB) WHERE {place}")
            }
            None => damage.to_owned(),
        };
        drop(store);
        folder.sql(&damage);
        let opened = SqliteStore::open(&folder.0, opening());
        assert_eq!(error(opened), StoreError::Tampered(CredentialId(1)), "{damage}");
        let locked = Opening { locked: true, ..Opening::default() };
        let store = SqliteStore::open(&folder.0, locked).expect("a locked store");
        store.revoke(CredentialId(1), LATER).expect("as the error says");
        SqliteStore::open(&folder.0, opening()).expect("after that it opens");
    }
}

#[test]
fn damage_while_it_is_open_is_told_once_and_hides_nothing_else() {
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.0, opening()).expect("a new store");
    let (_, carol) = store.enrol("carol", &[wanted("bitstamp")], NOW).expect("an account");
    let (_, dan) = store.enrol("dan", &[wanted("bitstamp")], NOW).expect("an account");
    folder.sql(
        "UPDATE change SET last = last + 2;
         UPDATE credential SET secret_sealed = x'00', change = 5 WHERE id = 1;
         UPDATE credential SET revoked = 1, change = 6 WHERE id = 2;",
    );
    assert_eq!(store.refresh(), Err(StoreError::Tampered(CredentialId(1))));
    assert_eq!(store.refresh(), Ok(false));
    let found = |issued: &[Issued]| {
        store.credential("bitstamp", reveal(&issued[0], 0)).expect("the key is known")
    };
    assert!(found(&carol).signing_secret().is_none(), "damaged");
    assert!(found(&dan).revoked.is_some(), "revoked, and learned");
    assert_eq!(store.revocations(4).len(), 1);
}

#[test]
fn a_revoked_key_proves_nothing_and_watchers_are_told_in_order() {
    let store = SqliteStore::in_memory(opening()).expect("a store");
    let (carol, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    let before = store.version();
    assert!(store.revocations(0).is_empty());
    for issued in issued.iter().rev() {
        let revocation = store.revoke(issued.id, LATER).expect("it is revoked");
        assert_eq!((revocation.credential, revocation.account), (issued.id, carol.id));
        let is_public = ["bitstamp", "timex"].contains(&issued.dialect);
        assert_eq!(revocation.key.as_deref(), is_public.then_some(reveal(issued, 0)));
        assert_eq!(store.revoke(issued.id, NOW), Ok(revocation), "a second time changes nothing");
        let found = store.credential(issued.dialect, reveal(issued, 0)).expect("it is known");
        assert_eq!(found.revoked, Some(LATER));
        assert!(found.signing_secret().is_none());
        assert!(!found.is_proven_by_key());
        assert!(!found.is_proven_by(issued.parts.last().expect("a part").1.reveal().as_bytes()));
    }
    let told = store.revocations(before);
    let ids: Vec<_> = told.iter().map(|it| it.credential).collect();
    let expected: Vec<_> = issued.iter().rev().map(|it| it.id).collect();
    assert_eq!(ids, expected);
    assert!(told.windows(2).all(|pair| pair[0].version < pair[1].version));
    assert_eq!(store.revocations(told[3].version), told[4..]);
    assert!(store.revocations(store.version()).is_empty());
    assert!(store.revocations(u64::MAX).is_empty());
    assert_eq!(error(store.revoke(CredentialId(77), NOW)), StoreError::UnknownCredential);
    assert_eq!(error(store.revoke(CredentialId(1 << 61), NOW)), StoreError::UnknownCredential);
}

#[test]
fn all_keys_of_an_account_in_a_dialect_are_revoked_at_once_and_no_others() {
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.0, opening()).expect("a store");
    let (carol, first) = store.enrol("carol", &everything(), NOW).expect("an account");
    let more = store
        .issue(carol.id, &[wanted("bitstamp"), wanted("bitstamp")], NOW)
        .expect("two more keys");
    let (_, others) = store.enrol("dora", &everything(), NOW).expect("an account");
    store.revoke(more[0].id, NOW).expect("it is revoked");
    let before = store.version();
    let revoked = store.revoke_all(carol.id, "bitstamp", LATER).expect("they are revoked");
    let own = [&first[0], &more[1]];
    assert_eq!(first[0].dialect, "bitstamp");
    let keys: Vec<_> = revoked.iter().map(|it| it.key.as_deref()).collect();
    assert_eq!(keys, own.map(|it| Some(reveal(it, 0))));
    assert!(revoked.iter().all(|it| it.account == carol.id && it.dialect == "bitstamp"));
    assert_eq!(store.revocations(before), revoked, "watchers are told the same");
    let again = SqliteStore::open(&folder.0, opening()).expect("a store");
    for store in [&store, &again] {
        let is_good = |issued: &Issued| {
            let found = store.credential(issued.dialect, reveal(issued, 0)).expect("it is known");
            found.revoked.is_none()
        };
        assert!(!is_good(&first[0]) && !is_good(&more[0]) && !is_good(&more[1]));
        assert!(first[1..].iter().chain(&others).all(is_good));
    }
    let found = store.credential("bitstamp", reveal(&more[0], 0)).expect("it is known");
    assert_eq!(found.revoked, Some(NOW), "once revoked it stays so");
    assert_eq!(store.revoke_all(carol.id, "bitstamp", LATER), Ok(Vec::new()));
    assert_eq!(
        error(store.revoke_all(AccountId(77), "bitstamp", LATER)),
        StoreError::UnknownAccount
    );
    let demo = crate::demo_accounts()[0].account.id;
    assert_eq!(error(store.revoke_all(demo, "bitstamp", LATER)), StoreError::OfDemo);
}

#[test]
fn where_one_key_cannot_be_revoked_none_is() {
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.0, opening()).expect("a store");
    let wanted = [wanted("bitstamp"), wanted("bitstamp"), wanted("bitstamp")];
    let (carol, issued) = store.enrol("carol", &wanted, NOW).expect("an account");
    let last = issued[2].id.0;
    folder.sql(&format!(
        "CREATE TRIGGER broken BEFORE UPDATE ON credential WHEN old.id = {last}
         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    ));
    let (before, failed) = (store.version(), store.revoke_all(carol.id, "bitstamp", LATER));
    assert!(
        matches!(&failed, Err(StoreError::Database(why)) if why.contains("full")),
        "{failed:?}"
    );
    let again = SqliteStore::open(&folder.0, opening()).expect("a store");
    for store in [&store, &again] {
        assert_eq!(store.version(), before);
        assert!(store.revocations(0).is_empty());
        assert!(store.credentials().iter().all(|found| found.revoked.is_none()));
    }
    folder.sql("DROP TRIGGER broken");
    assert_eq!(store.revoke_all(carol.id, "bitstamp", LATER).map(|all| all.len()), Ok(3));
}

#[test]
fn a_blocked_account_is_found_so_by_each_of_its_keys_until_it_is_let_go_on() {
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.0, opening()).expect("a store");
    let (account, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    let (other, _) = store.enrol("dave", &everything(), NOW).expect("an account");
    let blocked = |store: &SqliteStore| {
        let keys = issued.iter().map(|it| store.credential(it.dialect, reveal(it, 0)));
        let all: Vec<_> = keys.map(|found| found.expect("it is held").account.blocked).collect();
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
        all[0]
    };
    assert_eq!(blocked(&store), None);
    store.block(account.id, true, NOW).expect("it is there");
    let version = store.version();
    store.block(account.id, true, Time(NOW.0 + 1)).expect("it is there");
    assert_eq!((blocked(&store), store.version()), (Some(NOW), version), "a second time is none");
    assert_eq!(store.account(other.id).expect("it is there").blocked, None);
    assert!(store.revocations(0).is_empty(), "none is revoked");

    let again = SqliteStore::open(&folder.0, opening()).expect("the same store");
    assert_eq!(blocked(&again), Some(NOW));
    again.block(account.id, false, NOW).expect("it is there");
    assert!(store.refresh().expect("it can be read"));
    assert_eq!(blocked(&store), None);

    assert_eq!(error(store.block(AccountId(9), true, NOW)), StoreError::UnknownAccount);
    assert_eq!(error(store.block(AccountId(1_001), true, NOW)), StoreError::OfDemo);
}

#[test]
fn a_new_token_takes_the_place_of_the_one_before() {
    let store = SqliteStore::in_memory(opening()).expect("a store");
    let (carol, first) = store.enrol("carol", &[wanted("xrocket")], NOW).expect("an account");
    let (_, other) = store.enrol("dan", &[wanted("xrocket")], NOW).expect("another account");
    let second = store.issue(carol.id, &[wanted("xrocket")], LATER).expect("a token");
    let is_good = |issued: &[Issued]| {
        let found = store.credential("xrocket", reveal(&issued[0], 0)).expect("it is known");
        found.is_proven_by_key()
    };
    assert!(!is_good(&first) && is_good(&second) && is_good(&other));
    assert_eq!(store.revocations(0).len(), 1);
    // Its claims can be read: whose it is.
    let token = reveal(&second[0], 0);
    assert_eq!(token.split('.').count(), 3);
    assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOjEwMDAwLCJpYXQi"));
}

#[test]
fn names_are_judged_and_accounts_are_made_once() {
    let store = SqliteStore::in_memory(Opening { demo: true, ..opening() }).expect("a store");
    let refused = |name: &str| error(store.enrol(name, &[], NOW));
    for name in ["", "Carol", "9", "-a", "a b", "ä", "a\"", &"a".repeat(65)] {
        assert_eq!(refused(name), StoreError::BadName(name.to_owned()));
    }
    assert_eq!(refused("alice"), StoreError::NameOfDemo("alice".to_owned()));
    store.enrol(&"a".repeat(64), &[], NOW).expect("as long as may be");
    assert_eq!(refused(&"a".repeat(64)), StoreError::NameTaken("a".repeat(64)));
    let unknown = store.issue(AccountId(77), &[], NOW);
    assert_eq!(error(unknown), StoreError::UnknownAccount);
    assert_eq!(error(store.issue(AccountId(1_001), &[], NOW)), StoreError::OfDemo);
    let refused = store.enrol("carol", &[wanted("klingon")], NOW);
    assert_eq!(error(refused), StoreError::UnknownDialect("klingon".to_owned()));
    assert_eq!(store.accounts().len(), 3, "alice, bob, and one of our own");
}

#[test]
fn two_stores_on_one_file_see_each_other() {
    let folder = Folder::new();
    let one = SqliteStore::open(&folder.0, opening()).expect("a new store");
    let two = SqliteStore::open(&folder.0, opening()).expect("the same");
    let (carol, issued) = one.enrol("carol", &everything(), NOW).expect("an account");
    assert!(two.account(carol.id).is_none(), "not before it looks");
    assert_eq!(two.refresh(), Ok(true));
    assert_eq!(two.refresh(), Ok(false));
    check_found(&two, &issued, "carol");
    let seen = one.version();
    two.revoke(issued[2].id, LATER).expect("it is revoked");
    assert_eq!(one.refresh(), Ok(true));
    let told: Vec<_> = one.revocations(seen).iter().map(|it| it.credential).collect();
    assert_eq!(told, [issued[2].id]);
}

#[test]
fn many_may_open_and_write_one_file_at_once() {
    let folder = Folder::new();
    let work = |who: usize| {
        let store = SqliteStore::open(&folder.0, opening()).expect("the store");
        for number in 0..8 {
            let name = format!("a{who}-{number}");
            store.enrol(&name, &[wanted("finazon")], NOW).expect("an account");
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|who| {
            scope.spawn(move || work(who));
        });
    });
    let store = SqliteStore::open(&folder.0, opening()).expect("the store");
    let accounts = store.accounts();
    assert_eq!(accounts.len(), 32);
    let numbers: Vec<u32> = accounts.iter().map(|account| account.id.0).collect();
    assert_eq!(numbers, (10_000..10_032).collect::<Vec<_>>());
    assert_eq!(store.version(), 64, "each row is a change of its own");
}

#[test]
fn what_a_key_may_quote_is_kept_and_nothing_is_what_is_not_said() {
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.0, opening()).expect("a new store");
    let feeds: [model::FeedName; 2] = ["kraken", "lmax"].map(|name| name.parse().expect("a name"));
    let entitlement = Entitlement { quotes: feeds.into(), ..Entitlement::read_only() };
    let quoting = Wanted { entitlement, ..wanted("native") };
    let (_, issued) = store.enrol("oracle", &[quoting, wanted("native")], NOW).expect("an account");
    drop(store);
    let store = SqliteStore::open(&folder.0, opening()).expect("the store");
    let quotes = |issued: &Issued| {
        let found = store.credential("native", issued.parts[0].1.reveal()).expect("it is known");
        found.entitlement.quotes.iter().copied().collect::<Vec<_>>()
    };
    assert_eq!(quotes(&issued[0]), feeds);
    assert_eq!(quotes(&issued[1]), []);
    drop(store);
    folder.sql("UPDATE credential SET quotes = 'Kraken' WHERE quotes IS NOT NULL");
    let opened = SqliteStore::open(&folder.0, opening());
    assert_eq!(error(opened), StoreError::Malformed(issued[0].id));
}

#[test]
fn older_tables_are_brought_forward_and_newer_ones_refused() {
    let folder = Folder::new();
    folder.sql(include_str!("store-1.sql"));
    let store = SqliteStore::open(&folder.0, opening()).expect("an old store");
    let version: i64 = {
        let connection = Connection::open(folder.file()).expect("the file");
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        version.expect("its version")
    };
    assert_eq!(version, schema::MIGRATIONS.len() as i64);
    let found = |dialect, key| store.credential(dialect, key).expect("the key is known");
    let bitstamp = found("bitstamp", "4JqAYe5arM1fNF6Bnn7vUFx9IZLCmIUd");
    assert_eq!((bitstamp.account.name.as_str(), bitstamp.account.id.0), ("carol", 10_000));
    let secret = bitstamp.signing_secret().expect("it signs");
    assert_eq!(secret.reveal(), "f2cTRBapCtyVU66A6klzBO4N4LDpLaDx");
    let timex = found("timex", "FC66D48CEF8ADC019A9D87B4B30924A2");
    assert!(timex.is_proven_by(b"QNT5IJANR6F996JOAZOHCHCU2M"));
    let finazon = found("finazon", "1fbbe6ab623e8b32816c9d42dbe8a6b4a5c82575");
    let pairs = ["BTC/USDT".parse().expect("a pair")].into();
    assert_eq!(finazon.entitlement.instruments, Some(pairs));
    assert!(finazon.is_proven_by_key() && !finazon.entitlement.trading);
    let revoked = found("confluencecode", "hDU7Bi2k7vuY6xMicXqJ2GZjWSPcv5Q9Uk30zQDL");
    assert_eq!(revoked.revoked, Some(LATER));
    let native = found("native", "rialto_nkQx8hz9q3K7ZwBRl6jW3YxMo1spaEf8kGeOtjSG");
    assert_eq!(native.entitlement.channels, Some([Channel::Trades, Channel::Private].into()));
    let limits = Limits { connections_max: Some(2), requests_per_second_max: Some(7) };
    assert_eq!(native.limits, limits);
    assert!(native.entitlement.quotes.is_empty());
    assert_eq!(store.revocations(0).len(), 1);
    drop(store);
    folder.sql("PRAGMA user_version = 99");
    let opened = SqliteStore::open(&folder.0, opening());
    let known = schema::MIGRATIONS.len() as i64;
    assert_eq!(error(opened), StoreError::TooNew { found: 99, known });
}

#[test]
fn migrations_run_once_each_in_order_and_a_failed_one_leaves_no_trace() {
    let mut connection = Connection::open_in_memory().expect("a database");
    let good =
        ["CREATE TABLE a (x)", "ALTER TABLE a RENAME COLUMN x TO y; INSERT INTO a VALUES (7)"];
    assert_eq!(schema::migrate(&mut connection, &good[..1]), Ok(true));
    assert_eq!(schema::migrate(&mut connection, &good), Ok(true));
    assert_eq!(schema::migrate(&mut connection, &good), Ok(true));
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT count(y) FROM a"), Ok(1));
    let bad = [good[0], good[1], "INSERT INTO a VALUES (8); INSERT INTO nowhere VALUES (1)"];
    assert!(matches!(schema::migrate(&mut connection, &bad), Err(StoreError::Database(_))));
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT count(y) FROM a"), Ok(1));
    assert_eq!(schema::migrate(&mut connection, &good), Ok(true), "still at version 2");
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let check = |make: &dyn Fn(&Path)| {
        let folder = Folder::new();
        make(&folder.file());
        let before = std::fs::read(folder.file()).expect("the file");
        let opened = SqliteStore::open(&folder.0, opening());
        assert_eq!(error(opened), StoreError::NotAStore(folder.file()));
        before
    };
    check(&|path| std::fs::write(path, "Once upon a time. ".repeat(100)).expect("it is written"));
    check(&|path| {
        let connection = Connection::open(path).expect("a database");
        connection.execute_batch("CREATE TABLE theirs (x)").expect("a table");
    });
}

#[test]
fn the_demo_is_known_only_where_it_is_asked_for() {
    let demo = crate::demo_accounts();
    let with = SqliteStore::in_memory(Opening { demo: true, ..Opening::default() });
    let with = with.expect("a store");
    let without = SqliteStore::in_memory(Opening::default()).expect("a store");
    for account in &demo {
        check_found(&with, &account.credentials, &account.account.name);
        for issued in &account.credentials {
            assert!(without.credential(issued.dialect, reveal(issued, 0)).is_none());
            assert_eq!(error(with.revoke(issued.id, NOW)), StoreError::OfDemo);
        }
    }
    assert!(with.accounts().iter().all(|account| account.demo));
    assert!(without.accounts().is_empty());
}
