use model::AccountId;

use super::*;

fn done(number: u64) -> Done {
    let action = Action::Follow(AccountId(number as u32));
    Done { command: Sequence(number), action, label: None, events: Vec::new() }
}

fn named(number: u64) -> Mark {
    mark(&["nonce", "a dialect", "a key", &number.to_string()])
}

#[test]
fn marks_differ_where_words_do() {
    let mut seen = std::collections::HashSet::new();
    for words in
        [["a", "b", "c"], ["ab", "", "c"], ["a", "bc", ""], ["", "ab", "c"], ["c", "b", "a"]]
    {
        assert!(seen.insert(mark(&words)), "{words:?}");
    }
    assert_eq!(mark(&["a", "b"]), mark(&["a", "b"]));
}

#[test]
fn what_was_done_is_answered_once_in_its_order_and_its_mark_stays_used() {
    let mut repeats = Repeats::default();
    let wall = Time::from_seconds(1_800_000_000);
    for (number, mark) in [(1, named(1)), (2, named(2)), (3, named(1))] {
        repeats.note(mark, wall, done(number));
    }
    assert_eq!(repeats.take(named(9)), None);
    assert_eq!(repeats.take(named(1)), Some([done(1), done(3)].into()));
    assert_eq!(repeats.take(named(1)), Some(VecDeque::new()));
    let first = Some(First::Done(done(2)));
    assert_eq!((repeats.first(named(2)), repeats.first(named(2))), (first.clone(), first));
}

#[test]
fn the_oldest_is_forgotten_and_still_used_until_its_day_is_over() {
    let mut repeats = Repeats::default();
    let wall = Time::from_seconds(1_800_000_000);
    let many = OUTCOMES_MAX as u64 + 10;
    for number in 0..many {
        repeats.note(named(number), wall, done(number));
    }
    assert_eq!(repeats.take(named(9)), Some(VecDeque::new()), "used, and its outcome forgotten");
    assert_eq!(repeats.first(named(9)), Some(First::Forgotten), "so that it is not done again");
    assert_eq!(repeats.first(named(many)), None);
    assert_eq!(repeats.take(named(10)), Some([done(10)].into()));
    repeats.note(named(many), wall + KEPT_FOR + Span(1), done(many));
    assert_eq!((repeats.take(named(9)), repeats.len()), (None, 1));
}
