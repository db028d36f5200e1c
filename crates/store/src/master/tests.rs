//! The master key's file, and what it seals.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::MasterKey;
use crate::{Random, StoreError};

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("rialto-master-{}-{name}", std::process::id()))
}

#[test]
fn a_file_is_made_once_for_its_owner_and_read_again() {
    let path = path("made");
    let mut random = Random::repeatable("master");
    MasterKey::make(&path, &mut random).expect("a new file");
    let mode = path.metadata().expect("its mode").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = MasterKey::make(&path, &mut random);
    assert!(matches!(again, Err(StoreError::Io { .. })), "{again:?}");
    let key = MasterKey::read(&path).expect("a master key");
    let sealed = key.seal(b"secret", b"here", &mut random).expect("it is sealed");
    let found = MasterKey::find(Some(&path)).expect("it is read").expect("it is there");
    assert_eq!(found.open(&sealed, b"here").as_deref(), Some(&b"secret".to_vec()));
    std::fs::remove_file(path).expect("it is removed");
}

#[test]
fn a_file_that_others_may_use_is_refused() {
    let path = path("open");
    MasterKey::make(&path, &mut Random::system()).expect("a new file");
    for (mode, good) in [
        (0o600, true),
        (0o400, true),
        (0o440, true),
        (0o644, false),
        (0o604, false),
        (0o602, false),
        (0o660, false),
    ] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        let read = MasterKey::read(&path);
        assert_eq!(read.is_ok(), good, "{mode:o}: {read:?}");
        if let Err(error) = read {
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
    std::fs::remove_file(path).expect("it is removed");
}

#[test]
fn what_is_no_master_key_is_refused_and_not_repeated() {
    let good = "0123456789abcdef".repeat(4);
    MasterKey::parse(&format!(" {good}\n"), "the test").expect("blanks around it do no harm");
    let wrong = [
        String::new(),
        good[1..].to_owned(),
        format!("{good}0"),
        format!("{}g", &good[1..]),
        format!("{}+f", &good[2..]),
        "é".repeat(32),
    ];
    for text in wrong {
        let error = MasterKey::parse(&text, "the test").expect_err("it is no master key");
        let said = error.to_string();
        assert!(said.contains("the test") && said.contains("64 hex"), "{said}");
        assert!(text.is_empty() || !said.contains(&text), "{said}");
    }
    let missing = MasterKey::read(&path("missing")).expect_err("there is no file");
    assert!(missing.to_string().contains("missing"), "{missing}");
}

#[test]
fn what_is_sealed_opens_whole_and_in_its_place_only() {
    let key = MasterKey::parse(&"5a".repeat(32), "the test").expect("a master key");
    let other = MasterKey::parse(&"5b".repeat(32), "the test").expect("another");
    let mut random = Random::repeatable("sealed");
    let sealed = key.seal(b"a secret", b"here", &mut random).expect("it is sealed");
    assert_eq!(key.open(&sealed, b"here").as_deref(), Some(&b"a secret".to_vec()));
    assert!(key.open(&sealed, b"there").is_none());
    assert!(other.open(&sealed, b"here").is_none());
    for length in 0..sealed.len() {
        assert!(key.open(&sealed[..length], b"here").is_none(), "cut to {length}");
    }
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(key.open(&changed, b"here").is_none(), "bit {bit}");
    }
    let twice = key.seal(b"a secret", b"here", &mut random).expect("it is sealed");
    assert_ne!(sealed, twice, "equal secrets are not seen to be equal");
}
