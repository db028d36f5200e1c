use std::time::Duration;

use super::*;

const NOON: Time = Time::from_seconds(1_800_000_000);

fn nonce(key: &str, text: &str) -> Nonce {
    Nonce { key: key.into(), text: text.into(), window: Duration::from_secs(300) }
}

fn after(seconds: i64) -> Time {
    NOON + Span::seconds(seconds)
}

#[test]
fn a_nonce_is_fresh_once_within_its_window_for_each_key_and_dialect() {
    let mut nonces = Nonces::default();
    assert!(nonces.note("a", &nonce("key", "1"), NOON));
    assert!(!nonces.note("a", &nonce("key", "1"), NOON));
    assert!(!nonces.note("a", &nonce("key", "1"), after(299)));
    assert!(nonces.note("a", &nonce("key", "2"), after(299)));
    assert!(nonces.note("a", &nonce("other key", "1"), NOON));
    assert!(nonces.note("b", &nonce("key", "1"), NOON));
    assert!(nonces.note("a", &nonce("key", "1"), after(300)), "its window has passed");
    assert!(!nonces.note("a", &nonce("key", "1"), after(599)), "and a new one began");
}

#[test]
fn a_clock_that_goes_back_makes_nothing_fresh() {
    let mut nonces = Nonces::default();
    assert!(nonces.note("a", &nonce("key", "1"), after(100)));
    assert!(!nonces.note("a", &nonce("key", "1"), after(-1_000)));
    assert!(nonces.note("a", &nonce("key", "2"), after(-1_000)));
    assert!(!nonces.note("a", &nonce("key", "1"), after(399)));
}

#[test]
fn a_key_that_used_too_many_waits_and_others_do_not() {
    let mut nonces = Nonces::default();
    for number in 0..PER_KEY_MAX {
        assert!(nonces.note("a", &nonce("key", &number.to_string()), NOON));
    }
    assert!(!nonces.note("a", &nonce("key", "one more"), NOON));
    assert!(nonces.note("a", &nonce("other key", "one more"), NOON));
    assert!(!nonces.note("a", &nonce("key", "0"), after(299)), "nothing was forgotten for it");
    assert!(nonces.note("a", &nonce("key", "one more"), after(300)));
}

#[test]
fn keys_that_are_quiet_make_room() {
    let mut nonces = Nonces::default();
    for number in 0..KEYS_MAX {
        assert!(nonces.note("a", &nonce(&number.to_string(), "1"), NOON));
    }
    assert!(!nonces.note("a", &nonce("one more", "1"), after(299)));
    assert!(nonces.note("a", &nonce("7", "2"), after(299)), "who is known goes on");
    assert!(nonces.note("a", &nonce("one more", "1"), after(300)));
    assert_eq!(nonces.by_key.len(), 2);
}
