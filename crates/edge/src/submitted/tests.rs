use std::sync::{Arc, Mutex};

use super::*;
use crate::testing::print;

/// Outcomes in words: the command, and the sequences of its events.
type Told = Arc<Mutex<Vec<String>>>;

fn expect(submitted: &mut Submitted, told: &Told, command: u64) {
    let told = Arc::clone(told);
    submitted.expect(
        Sequence(command),
        Box::new(move |outcome| {
            let Outcome::Done { command, events } = outcome else { panic!("it was taken") };
            let events: Vec<u64> = events.iter().map(|event| event.sequence.0).collect();
            told.lock().expect("nobody panics with it").push(format!("{command}: {events:?}"));
        }),
    );
}

fn event(sequence: u64, cause: u64) -> Event {
    Event { cause: Sequence(cause), ..print(sequence, 0) }
}

fn take(told: &Told) -> Vec<String> {
    std::mem::take(&mut told.lock().expect("nobody panics with it"))
}

const AT_ONCE: Sequence = Sequence(u64::MAX);

#[test]
fn an_outcome_is_what_the_command_caused_and_nothing_else() {
    let (mut submitted, told) = (Submitted::default(), Told::default());
    expect(&mut submitted, &told, 5);
    submitted.happened(&[event(1, 4), event(2, 5), event(3, 5), event(4, 6)], AT_ONCE);
    assert_eq!(take(&told), ["5: [2, 3]"]);
    submitted.happened(&[event(5, 5)], AT_ONCE);
    assert_eq!(take(&told), [""; 0], "it is told once");
}

#[test]
fn an_outcome_without_events_is_told_too() {
    let (mut submitted, told) = (Submitted::default(), Told::default());
    expect(&mut submitted, &told, 5);
    submitted.happened(&[], AT_ONCE);
    assert_eq!(take(&told), ["5: []"]);
}

#[test]
fn an_outcome_waits_until_all_of_its_events_have_come() {
    let (mut submitted, told) = (Submitted::default(), Told::default());
    for command in [5, 7, 8] {
        expect(&mut submitted, &told, command);
    }
    submitted.happened(&[event(1, 5)], Sequence(4));
    assert_eq!(take(&told), [""; 0]);
    submitted.happened(&[event(2, 5), event(3, 6), event(4, 7)], Sequence(7));
    assert_eq!(take(&told), ["5: [1, 2]", "7: [4]"]);
    submitted.happened(&[event(5, 8)], Sequence(8));
    assert_eq!(take(&told), ["8: [5]"]);
}

#[test]
fn only_so_many_may_be_awaited() {
    let (mut submitted, told) = (Submitted::default(), Told::default());
    for command in 0..WAITING_MAX as u64 {
        assert!(!submitted.is_full());
        expect(&mut submitted, &told, command);
    }
    assert!(submitted.is_full());
    submitted.happened(&[], Sequence(0));
    assert!(!submitted.is_full());
}
