use super::*;
use crate::testing::print;

/// Outcomes in words: the command, and the sequences of its events.
type Told = Vec<String>;

fn happened(
    submitted: &mut Submitted<u64>,
    told: &mut Told,
    events: &[Event],
    handed_out: Sequence,
) {
    submitted.happened(events, handed_out, |who, outcome| {
        let Outcome::Done { command, events } = outcome else { panic!("it was taken") };
        assert_eq!(command.0, who, "each is told its own");
        let events: Vec<u64> = events.iter().map(|event| event.sequence.0).collect();
        told.push(format!("{command}: {events:?}"));
    });
}

fn event(sequence: u64, cause: u64) -> Event {
    Event { cause: Sequence(cause), ..print(sequence, 0) }
}

const AT_ONCE: Sequence = Sequence(u64::MAX);

#[test]
fn an_outcome_is_what_the_command_caused_and_nothing_else() {
    let (mut submitted, mut told) = (Submitted::default(), Told::default());
    submitted.expect(Sequence(5), 5);
    happened(
        &mut submitted,
        &mut told,
        &[event(1, 4), event(2, 5), event(3, 5), event(4, 6)],
        AT_ONCE,
    );
    assert_eq!(std::mem::take(&mut told), ["5: [2, 3]"]);
    happened(&mut submitted, &mut told, &[event(5, 5)], AT_ONCE);
    assert_eq!(std::mem::take(&mut told), [""; 0], "it is told once");
}

#[test]
fn an_outcome_without_events_is_told_too() {
    let (mut submitted, mut told) = (Submitted::default(), Told::default());
    submitted.expect(Sequence(5), 5);
    happened(&mut submitted, &mut told, &[], AT_ONCE);
    assert_eq!(std::mem::take(&mut told), ["5: []"]);
}

#[test]
fn an_outcome_waits_until_all_of_its_events_have_come() {
    let (mut submitted, mut told) = (Submitted::default(), Told::default());
    for command in [5, 7, 8] {
        submitted.expect(Sequence(command), command);
    }
    happened(&mut submitted, &mut told, &[event(1, 5)], Sequence(4));
    assert_eq!(std::mem::take(&mut told), [""; 0]);
    happened(&mut submitted, &mut told, &[event(2, 5), event(3, 6), event(4, 7)], Sequence(7));
    assert_eq!(std::mem::take(&mut told), ["5: [1, 2]", "7: [4]"]);
    happened(&mut submitted, &mut told, &[event(5, 8)], Sequence(8));
    assert_eq!(std::mem::take(&mut told), ["8: [5]"]);
}

#[test]
fn only_so_many_may_be_awaited() {
    let (mut submitted, mut told) = (Submitted::default(), Told::default());
    for command in 0..WAITING_MAX as u64 {
        assert!(!submitted.is_full());
        submitted.expect(Sequence(command), command);
    }
    assert!(submitted.is_full());
    happened(&mut submitted, &mut told, &[], Sequence(0));
    assert!(!submitted.is_full());
}
