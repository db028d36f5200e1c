use super::*;
use model::{Cadence, EventBody, InstrumentId, Time};

/// Events of these causes, numbered from `first`.
fn caused(first: u64, causes: &[u64]) -> Vec<Event> {
    (first..)
        .zip(causes)
        .map(|(sequence, &cause)| Event {
            sequence: Sequence(sequence),
            cause: Sequence(cause),
            time: Time(0),
            instrument: InstrumentId::NONE,
            body: EventBody::Ticked(Cadence::TENTH),
        })
        .collect()
}

fn sequences(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.sequence.0).collect()
}

#[test]
fn an_open_gate_lets_all_pass() {
    let mut gate = Gate::open();
    let mut events = caused(1, &[1, 1, 2, 900]);
    gate.hold(&mut events, 0);
    assert_eq!(sequences(&events), [1, 2, 3, 4]);
    gate.durable(Sequence(1), &mut events);
    assert_eq!((events.len(), gate.waiting(), gate.is_full()), (4, 0, false));
}

#[test]
fn events_pass_whole_commands_at_a_time_and_in_order() {
    let mut gate = Gate::closed_after(Sequence(4), 100);
    let mut events = caused(10, &[3, 4, 4, 5, 5, 6]);
    gate.hold(&mut events, 0);
    assert_eq!(sequences(&events), [10, 11, 12], "what is durable passes at once");

    // Events that stand before `from` are not the gate's business.
    let mut later = caused(15, &[99]);
    later.extend(caused(16, &[6, 7, 7]));
    gate.hold(&mut later, 1);
    assert_eq!(sequences(&later), [15]);
    assert_eq!(gate.waiting(), 6);

    let mut out = caused(12, &[4]);
    gate.durable(Sequence(6), &mut out);
    assert_eq!(sequences(&out), [12, 13, 14, 15, 16]);
    gate.durable(Sequence(1_000), &mut out);
    assert_eq!(sequences(&out)[5..], [17, 18]);
    assert_eq!(gate.waiting(), 0);

    gate.durable(Sequence(2), &mut out);
    let mut durable = caused(19, &[1_000, 1_001]);
    gate.hold(&mut durable, 0);
    assert_eq!(sequences(&durable), [19], "durability does not go back");
}

#[test]
fn a_full_gate_says_so_until_it_has_let_some_go() {
    let mut gate = Gate::closed_after(Sequence(0), 3);
    let mut events = caused(1, &[1, 1]);
    gate.hold(&mut events, 0);
    assert!(!gate.is_full());
    events = caused(3, &[2, 2]);
    gate.hold(&mut events, 0);
    assert!(gate.is_full() && events.is_empty(), "it holds a command's events whole");
    gate.durable(Sequence(1), &mut events);
    assert_eq!(sequences(&events), [1, 2]);
    assert!(!gate.is_full());
}
