//! Whose turn it is with a key, how many keys are kept and for how long.

use std::sync::Arc;
use std::time::Duration;

use ::http::StatusCode;
use dialects::Submission;
use model::{AccountId, Action};

use super::{Claim, KEPT_FOR, KEYS_MAX, Once, Reply, Turn, answer_of};

const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

fn submission(number: u32) -> Submission {
    Submission { action: Action::Follow(AccountId(number)), label: None }
}

fn reply(text: &'static str) -> Reply {
    Reply::text(StatusCode::CREATED, "text/plain", text)
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn first(once: &Arc<Once>, account: AccountId, key: &str, now: Duration) -> Claim {
    match once.turn(account, key, &submission(1), now) {
        Turn::First(claim, _) => claim,
        _ => panic!("{key} was used before"),
    }
}

/// The answer that is there already; `None` if this is not a repetition or has none yet.
fn again(once: &Arc<Once>, account: AccountId, key: &str, now: Duration) -> Option<Reply> {
    match once.turn(account, key, &submission(1), now) {
        Turn::Again(news) => news.borrow().clone(),
        _ => None,
    }
}

#[test]
fn the_same_again_is_answered_the_same_and_something_else_is_not() {
    let once = Arc::default();
    let claim = first(&once, ALICE, "key", at(0));
    assert!(matches!(once.turn(ALICE, "key", &submission(1), at(1)), Turn::Again(_)), "at once");
    assert!(matches!(once.turn(ALICE, "key", &submission(2), at(1)), Turn::Other), "at once too");
    claim.answer(reply("done"));
    assert_eq!(again(&once, ALICE, "key", at(2)).expect("an answer").body, "done");
    assert!(matches!(once.turn(ALICE, "key", &submission(2), at(2)), Turn::Other));
    drop(first(&once, BOB, "key", at(2)));
}

#[tokio::test]
async fn who_asks_meanwhile_is_told_the_answer_or_that_there_is_none() {
    let once = Arc::default();
    let claim = first(&once, ALICE, "key", at(0));
    let Turn::Again(news) = once.turn(ALICE, "key", &submission(1), at(0)) else { panic!("once") };
    let waiting = tokio::spawn(answer_of(news));
    claim.answer(reply("done"));
    assert_eq!(waiting.await.expect("it waits").expect("an answer").body, "done");

    let claim = first(&once, ALICE, "other", at(0));
    let Turn::Again(news) = once.turn(ALICE, "other", &submission(1), at(0)) else {
        panic!("once")
    };
    let waiting = tokio::spawn(answer_of(news));
    drop(claim);
    assert!(waiting.await.expect("it waits").is_none());
    drop(first(&once, ALICE, "other", at(0)));
}

#[test]
fn so_many_keys_are_kept_and_so_long() {
    let once = Arc::default();
    let under_way = first(&once, ALICE, "under way", at(0));
    for number in 0..KEYS_MAX {
        first(&once, ALICE, &format!("key {number}"), at(1)).answer(reply("done"));
    }
    // The oldest that is answered has made room; what is under way has not.
    assert!(matches!(once.turn(ALICE, "under way", &submission(1), at(1)), Turn::Again(_)));
    assert!(again(&once, ALICE, "key 1", at(1)).is_some());
    first(&once, ALICE, "key 0", at(1)).answer(reply("done"));
    under_way.answer(reply("late"));

    let last = at(1) + KEPT_FOR - Duration::from_nanos(1);
    assert!(again(&once, ALICE, "key 2", last).is_some());
    assert!(again(&once, ALICE, "under way", last).is_none(), "asked a second earlier");
    drop(first(&once, ALICE, "key 2", at(1) + KEPT_FOR));
}

#[test]
fn what_is_under_way_is_never_forgotten() {
    let once = Arc::default();
    let claims: Vec<Claim> =
        (0..KEYS_MAX).map(|number| first(&once, ALICE, &format!("key {number}"), at(0))).collect();
    let later = at(1) + KEPT_FOR;
    assert!(matches!(once.turn(ALICE, "one more", &submission(1), later), Turn::Full));
    assert!(matches!(once.turn(ALICE, "key 0", &submission(1), later), Turn::Again(_)));
    drop(first(&once, BOB, "one more", later));
    drop(claims);
    drop(first(&once, ALICE, "one more", later));
}
