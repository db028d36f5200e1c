//! The store, whatever keeps it: who is found, who is refused, and what damage does. One suite, and a ground for each
//! database that it is played on.

use std::fmt::Debug;

use model::{AccountId, FeedName, Time};

use crate::{
    CredentialId, Entitlement, FORMS, Issued, Limits, MasterKey, Opening, Random, Store,
    StoreError, Wanted,
};

pub const NOW: Time = Time::from_seconds(1_767_603_600);
pub const LATER: Time = Time::from_seconds(1_767_603_700);
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

/// Where a store is kept: a new and empty place, gone when the test is over.
pub trait Ground: Sized + Sync {
    /// What is opened there.
    type Store: Store + Debug;
    /// A new one; `None` where this machine cannot have any, which is said aloud.
    fn new() -> Option<Self>;
    /// Opens the store there.
    fn open(&self, opening: Opening) -> Result<Self::Store, StoreError>;
    /// Does something to it behind the store's back.
    fn sql(&self, sql: &str);
    /// What bytes are called.
    const BYTES: &str;
    /// How these bytes, in hexadecimal digits, are written in a statement.
    fn bytes(hex: &str) -> String;
    /// Statements after which this credential can be changed no more, because the disk is full, and again can be.
    fn broken(credential: u64) -> [String; 2];
    /// All bytes that are on disk.
    fn kept(&self) -> Vec<u8>;
}

/// Plays each of these on every ground.
macro_rules! on_every_ground {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name::<crate::sqlite::tests::Folder>(); })*
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[test] fn $name() { super::$name::<crate::postgres::tests::Ours>(); })*
        }
    };
}

on_every_ground! {
    one_identity_is_found_by_its_keys_in_every_dialect
    nothing_secret_is_shown_by_debug_or_errors
    a_wrong_or_missing_master_key_is_refused
    a_store_without_sealed_secrets_needs_no_master_key_until_then
    a_sealed_secret_that_somebody_changed_or_moved_is_refused
    damage_while_it_is_open_is_told_once_and_hides_nothing_else
    a_revoked_key_proves_nothing_and_watchers_are_told_in_order
    all_keys_of_an_account_in_a_dialect_are_revoked_at_once_and_no_others
    where_one_key_cannot_be_revoked_none_is
    a_blocked_account_is_found_so_by_each_of_its_keys_until_it_is_let_go_on
    a_new_token_takes_the_place_of_the_one_before
    names_are_judged_and_accounts_are_made_once
    two_stores_in_one_place_see_each_other
    each_store_has_an_identity_of_its_own
    many_may_open_and_write_one_place_at_once
    what_a_key_may_quote_is_kept_and_nothing_is_what_is_not_said
    the_demo_is_known_only_where_it_is_asked_for
    a_seed_repeats_a_store
    secrets_are_nowhere_on_disk
}

fn master() -> MasterKey {
    MasterKey::parse(KEY, "the test").expect("a master key")
}

pub fn opening() -> Opening {
    Opening { master: Some(master()), ..Opening::default() }
}

pub fn seeded(seed: &str) -> Opening {
    Opening { random: Random::repeatable(seed), ..opening() }
}

pub fn wanted(dialect: &str) -> Wanted {
    Wanted {
        dialect: dialect.to_owned(),
        entitlement: Entitlement::full(),
        limits: Limits::default(),
    }
}

pub fn everything() -> Vec<Wanted> {
    FORMS.iter().map(|form| wanted(form.dialect)).collect()
}

pub fn reveal(issued: &Issued, part: usize) -> &str {
    issued.parts[part].1.reveal()
}

pub fn error<T>(result: Result<T, StoreError>) -> StoreError {
    match result {
        Ok(_) => panic!("it succeeded"),
        Err(error) => error,
    }
}

/// One identity, six credentials, each good in its own dialect in its own way, in this store and in others opened
/// on the same file.
pub fn check_found(store: &dyn Store, issued: &[Issued], name: &str) {
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

pub fn one_identity_is_found_by_its_keys_in_every_dialect<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a new store");
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
    let again = ground.open(opening()).expect("the same store");
    assert_eq!(again.accounts(), [carol, dan]);
    check_found(&again, &issued, "carol");
    check_found(&again, &others, "dan");
}

pub fn nothing_secret_is_shown_by_debug_or_errors<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let mut opening = seeded("debug");
    opening.demo = true;
    let store = ground.open(opening).expect("a store");
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

pub fn a_wrong_or_missing_master_key_is_refused<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a new store");
    let (_, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    drop(store);
    let wrong = MasterKey::parse(&KEY.replace("ff", "fe"), "the test").expect("a master key");
    let opened = ground.open(Opening { master: Some(wrong), ..opening() });
    assert_eq!(error(opened), StoreError::MasterKeyWrong);
    let opened = ground.open(Opening::default());
    assert_eq!(error(opened), StoreError::MasterKeyMissing);

    // Locked, it lists and revokes, adds what is hashed, and proves nothing by what is sealed.
    let locked = || Opening { locked: true, ..Opening::default() };
    let store = ground.open(locked()).expect("a locked store");
    let found = store.credential("bitstamp", reveal(&issued[0], 0)).expect("it is listed");
    assert!(found.signing_secret().is_none() && !found.is_proven_by(b""));
    let id = store.account_named("carol").expect("the account").id;
    let refused = store.issue(id, &[wanted("finazon"), wanted("bitstamp")], NOW);
    assert_eq!(error(refused), StoreError::MasterKeyMissing);
    assert_eq!(store.credentials().len(), 6, "all or nothing");
    let added = store.issue(id, &[wanted("finazon")], NOW).expect("it is only hashed");
    check_found(&store, &added, "carol");
}

pub fn a_store_without_sealed_secrets_needs_no_master_key_until_then<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(Opening::default()).expect("a store");
    let refused = store.enrol("carol", &[wanted("bitstamp")], NOW);
    assert_eq!(error(refused), StoreError::MasterKeyMissing);
    assert!(store.accounts().is_empty(), "all or nothing");
    store.enrol("carol", &[wanted("timex")], NOW).expect("it is only hashed");
}

pub fn a_sealed_secret_that_somebody_changed_or_moved_is_refused<G: Ground>() {
    // One bit, the nonce, cut short, cut away, another row's; another account's, another key's.
    let (one, nonce, none) = (G::bytes("00"), G::bytes(&"00".repeat(24)), G::bytes(""));
    let sealed = [
        format!("substr(secret_sealed, 1, 30) || {one} || substr(secret_sealed, 32)"),
        format!("{nonce} || substr(secret_sealed, 25)"),
        "substr(secret_sealed, 1, 39)".to_owned(),
        none,
        "(SELECT secret_sealed FROM credential WHERE id = 2)".to_owned(),
    ];
    // In SQLite `||` makes text of bytes, which its tables refuse.
    let sealed = sealed.map(|value| format!("secret_sealed = CAST({value} AS {})", G::BYTES));
    let moved =
        ["account = 10001".to_owned(), format!("key_digest = {}", G::bytes(&"00".repeat(32)))];
    for damage in sealed.into_iter().chain(moved) {
        let Some(ground) = G::new() else { return };
        let store = ground.open(seeded("damage")).expect("a new store");
        for name in ["carol", "dan"] {
            store.enrol(name, &[wanted("bitstamp")], NOW).expect("an account");
        }
        drop(store);
        ground.sql(&format!("UPDATE credential SET {damage} WHERE id = 1"));
        let opened = ground.open(opening());
        assert_eq!(error(opened), StoreError::Tampered(CredentialId(1)), "{damage}");
        let locked = Opening { locked: true, ..Opening::default() };
        let store = ground.open(locked).expect("a locked store");
        store.revoke(CredentialId(1), LATER).expect("as the error says");
        ground.open(opening()).expect("after that it opens");
    }
}

pub fn damage_while_it_is_open_is_told_once_and_hides_nothing_else<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a new store");
    let (_, carol) = store.enrol("carol", &[wanted("bitstamp")], NOW).expect("an account");
    let (_, dan) = store.enrol("dan", &[wanted("bitstamp")], NOW).expect("an account");
    ground.sql(&format!(
        "UPDATE change SET last = last + 2;
         UPDATE credential SET secret_sealed = {}, change = 5 WHERE id = 1;
         UPDATE credential SET revoked = 1, change = 6 WHERE id = 2;",
        G::bytes("00")
    ));
    assert_eq!(store.refresh(), Err(StoreError::Tampered(CredentialId(1))));
    assert_eq!(store.refresh(), Ok(false));
    let found = |issued: &[Issued]| {
        store.credential("bitstamp", reveal(&issued[0], 0)).expect("the key is known")
    };
    assert!(found(&carol).signing_secret().is_none(), "damaged");
    assert!(found(&dan).revoked.is_some(), "revoked, and learned");
    assert_eq!(store.revocations(4).len(), 1);
}

pub fn a_revoked_key_proves_nothing_and_watchers_are_told_in_order<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a store");
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

pub fn all_keys_of_an_account_in_a_dialect_are_revoked_at_once_and_no_others<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a store");
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
    let again = ground.open(opening()).expect("a store");
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

pub fn where_one_key_cannot_be_revoked_none_is<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a store");
    let wanted = [wanted("bitstamp"), wanted("bitstamp"), wanted("bitstamp")];
    let (carol, issued) = store.enrol("carol", &wanted, NOW).expect("an account");
    let last = issued[2].id.0;
    let [broken, mended] = G::broken(last);
    ground.sql(&broken);
    let (before, failed) = (store.version(), store.revoke_all(carol.id, "bitstamp", LATER));
    assert!(
        matches!(&failed, Err(StoreError::Database(why)) if why.contains("full")),
        "{failed:?}"
    );
    let again = ground.open(opening()).expect("a store");
    for store in [&store, &again] {
        assert_eq!(store.version(), before);
        assert!(store.revocations(0).is_empty());
        assert!(store.credentials().iter().all(|found| found.revoked.is_none()));
    }
    ground.sql(&mended);
    assert_eq!(store.revoke_all(carol.id, "bitstamp", LATER).map(|all| all.len()), Ok(3));
}

pub fn a_blocked_account_is_found_so_by_each_of_its_keys_until_it_is_let_go_on<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a store");
    let (account, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    let (other, _) = store.enrol("dave", &everything(), NOW).expect("an account");
    let blocked = |store: &G::Store| {
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

    let again = ground.open(opening()).expect("the same store");
    assert_eq!(blocked(&again), Some(NOW));
    again.block(account.id, false, NOW).expect("it is there");
    assert!(store.refresh().expect("it can be read"));
    assert_eq!(blocked(&store), None);

    assert_eq!(error(store.block(AccountId(9), true, NOW)), StoreError::UnknownAccount);
    assert_eq!(error(store.block(AccountId(1_001), true, NOW)), StoreError::OfDemo);
}

pub fn a_new_token_takes_the_place_of_the_one_before<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a store");
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

pub fn names_are_judged_and_accounts_are_made_once<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(Opening { demo: true, ..opening() }).expect("a store");
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

pub fn two_stores_in_one_place_see_each_other<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let one = ground.open(opening()).expect("a new store");
    let two = ground.open(opening()).expect("the same");
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

pub fn each_store_has_an_identity_of_its_own<G: Ground>() {
    let (Some(ground), Some(other)) = (G::new(), G::new()) else { return };
    let store = ground.open(opening()).expect("a store");
    let identity = store.identity();
    let beside = ground.open(opening()).expect("the same store");
    assert_eq!(beside.identity(), identity);
    drop((store, beside));
    let again = ground.open(opening()).expect("the same store");
    assert_eq!(again.identity(), identity);
    assert_ne!(other.open(opening()).expect("another store").identity(), identity);
    assert_ne!(identity, [0; 16]);
}

pub fn many_may_open_and_write_one_place_at_once<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let work = |who: usize| {
        let store = ground.open(opening()).expect("the store");
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
    let store = ground.open(opening()).expect("the store");
    let accounts = store.accounts();
    assert_eq!(accounts.len(), 32);
    let numbers: Vec<u32> = accounts.iter().map(|account| account.id.0).collect();
    assert_eq!(numbers, (10_000..10_032).collect::<Vec<_>>());
    assert_eq!(store.version(), 64, "each row is a change of its own");
}

pub fn what_a_key_may_quote_is_kept_and_nothing_is_what_is_not_said<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a new store");
    let feeds: [FeedName; 2] = ["kraken", "lmax"].map(|name| name.parse().expect("a name"));
    let entitlement = Entitlement { quotes: feeds.into(), ..Entitlement::read_only() };
    let quoting = Wanted { entitlement, ..wanted("native") };
    let (_, issued) = store.enrol("oracle", &[quoting, wanted("native")], NOW).expect("an account");
    drop(store);
    let store = ground.open(opening()).expect("the store");
    let quotes = |issued: &Issued| {
        let found = store.credential("native", reveal(issued, 0)).expect("it is known");
        found.entitlement.quotes.iter().copied().collect::<Vec<_>>()
    };
    assert_eq!(quotes(&issued[0]), feeds);
    assert_eq!(quotes(&issued[1]), []);
    drop(store);
    ground.sql("UPDATE credential SET quotes = 'Kraken' WHERE quotes IS NOT NULL");
    let opened = ground.open(opening());
    assert_eq!(error(opened), StoreError::Malformed(issued[0].id));
}

pub fn the_demo_is_known_only_where_it_is_asked_for<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let demo = crate::demo_accounts();
    let with = ground.open(Opening { demo: true, ..Opening::default() });
    let with = with.expect("a store");
    let without = ground.open(Opening::default()).expect("a store");
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

pub fn a_seed_repeats_a_store<G: Ground>() {
    let make = || {
        let ground = G::new()?;
        let store = ground.open(seeded("seed")).expect("a store");
        let (account, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
        check_found(&store, &issued, "carol");
        Some(crate::account_json(&account, &issued))
    };
    assert_eq!(make(), make());
}

pub fn secrets_are_nowhere_on_disk<G: Ground>() {
    let Some(ground) = G::new() else { return };
    let store = ground.open(opening()).expect("a new store");
    let (account, issued) = store.enrol("carol", &everything(), NOW).expect("an account");
    let bytes = ground.kept();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&account.address), "the search finds what is there");
    for issued in &issued {
        let secret = &issued.parts.last().expect("a part").1;
        assert!(!holds(secret.reveal()), "the secret of {}", issued.dialect);
    }
}
