use super::*;
use crate::testing::Dice;

const MINUTE: Duration = Duration::from_secs(60);
const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

fn grant(account: AccountId, key: &str) -> Grant {
    Grant { dialect: "plain", key: key.into(), account, instruments: None }
}

fn random(seed: u64) -> impl FnMut(&mut [u8]) {
    let mut dice = Dice(seed);
    move |bytes| bytes.iter_mut().for_each(|byte| *byte = dice.roll(256) as u8)
}

fn opens(passes: &Passes, account: AccountId, pass: &str, now: u64) -> bool {
    passes.shown("plain", account, pass, Duration::from_secs(now)).is_some()
}

#[test]
fn a_pass_is_good_for_its_account_its_dialect_and_its_time_however_often() {
    let passes = Passes::default();
    let pass = passes.issue(grant(ALICE, "a"), Duration::ZERO, MINUTE, random(1));
    assert!(pass.len() == LENGTH && pass.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    for second in [0, 0, 30, 59] {
        assert!(opens(&passes, ALICE, &pass, second), "at {second}");
    }
    assert!(!opens(&passes, ALICE, &pass, 60));
    assert!(!opens(&passes, BOB, &pass, 0));
    assert!(passes.shown("other", ALICE, &pass, Duration::ZERO).is_none());
    let other = passes.issue(grant(ALICE, "a"), Duration::ZERO, MINUTE, random(2));
    assert!(opens(&passes, ALICE, &pass, 1) && opens(&passes, ALICE, &other, 1), "both are good");
}

#[test]
fn what_is_nearly_a_pass_is_none() {
    let passes = Passes::default();
    let pass = passes.issue(grant(ALICE, "a"), Duration::ZERO, MINUTE, random(3));
    for at in 0..LENGTH {
        let mut bytes = pass.clone().into_bytes();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        let nearly = String::from_utf8(bytes).expect("letters");
        assert!(!opens(&passes, ALICE, &nearly, 0), "letter {at}");
    }
    for nearly in ["", &pass[1..], &pass[..31], &format!("{pass}x"), &pass.to_lowercase()] {
        assert!(!opens(&passes, ALICE, nearly, 0), "{nearly:?}");
    }
}

#[test]
fn passes_end_with_their_key() {
    let passes = Passes::default();
    let one = passes.issue(grant(ALICE, "one"), Duration::ZERO, MINUTE, random(4));
    let other = passes.issue(grant(ALICE, "other"), Duration::ZERO, MINUTE, random(5));
    passes.revoke("elsewhere", "one");
    assert!(opens(&passes, ALICE, &one, 0));
    passes.revoke("plain", "one");
    assert!(!opens(&passes, ALICE, &one, 0));
    assert!(opens(&passes, ALICE, &other, 0));
}

#[test]
fn there_are_only_so_many_and_nobody_takes_anothers() {
    let passes = Passes::default();
    let mut random = random(6);
    let bobs = passes.issue(grant(BOB, "b"), Duration::ZERO, MINUTE, &mut random);
    let all: Vec<String> = (0..=PER_ACCOUNT_MAX)
        .map(|_| passes.issue(grant(ALICE, "a"), Duration::ZERO, MINUTE, &mut random))
        .collect();
    assert!(!opens(&passes, ALICE, &all[0], 0), "the oldest had to go");
    assert!(all[1..].iter().all(|pass| opens(&passes, ALICE, pass, 0)));
    assert!(opens(&passes, BOB, &bobs, 0));
    for account in 10.. {
        if passes.issued().in_all == IN_ALL_MAX {
            break;
        }
        passes.issue(grant(AccountId(account), "c"), Duration::ZERO, MINUTE, &mut random);
    }
    let late = passes.issue(grant(AccountId(3), "c"), Duration::ZERO, MINUTE, &mut random);
    assert!(!opens(&passes, AccountId(3), &late, 0), "no room");
    assert!(opens(&passes, BOB, &bobs, 0));
    // Once their time has passed there is room again.
    let later = passes.issue(grant(AccountId(3), "c"), MINUTE, 2 * MINUTE, &mut random);
    assert!(opens(&passes, AccountId(3), &later, 61));
    assert_eq!(passes.issued().in_all, 1);
}

#[test]
fn every_letter_is_as_likely_as_any_other() {
    let mut counts = [0_u32; 256];
    let mut random = random(7);
    for _ in 0..20_000 {
        for letter in letters(&mut random) {
            counts[usize::from(letter)] += 1;
        }
    }
    // 640,000 letters, 10,323 of each; a standard deviation is about 100.
    for &letter in ALPHABET {
        let count = counts[usize::from(letter)];
        assert!((9_700..10_950).contains(&count), "{} {count} times", letter as char);
    }
}

#[test]
fn nothing_of_a_pass_is_printed() {
    let passes = Passes::default();
    let pass = passes.issue(grant(ALICE, "the key"), Duration::ZERO, MINUTE, random(8));
    let printed = format!("{passes:?}");
    assert!(!printed.contains(&pass) && !printed.contains("the key"), "{printed}");
}
