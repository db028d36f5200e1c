use std::sync::Arc;

use model::{AccountId, Cadence, EventBody, InstrumentId};

use super::*;
use crate::journal::commit::Durability;
use crate::journal::simulated::Simulated;
use crate::journal::writer::Writer;

/// Which ticks may wait: those that tell nothing new, for nothing happened that a slow topic could still tell.
#[test]
fn a_tick_is_idle_once_nothing_else_has_happened_for_long() {
    let disk = Arc::new(Simulated::new(1));
    let writer = Writer::create(disk, [1; 16]).expect("a disk without faults");
    let digester = Digester::default();
    let commit =
        Commit::start(writer, Durability::None, digester.digest(), |_| ()).expect("a thread");
    let mut recorder = Recorder::new(commit, digester);
    let mut number = 0;
    let mut idle = |seconds: i64, action: Action, caused: usize| {
        number += 1;
        let (sequence, time) = (Sequence(number), Time::from_seconds(seconds));
        let event = Event {
            sequence,
            cause: sequence,
            time,
            instrument: InstrumentId::NONE,
            body: EventBody::Ticked(Cadence::TENTH),
        };
        recorder.batch.clear();
        let command = Command { sequence, time, action };
        recorder.command(&command, false, &Note::default(), &vec![event; caused]);
        recorder.batch.is_idle()
    };
    let (tick, other) = (Action::Tick(Cadence::TENTH), Action::Follow(AccountId(1)));
    let mark = Action::Perpetual(PerpetualAction::Mark(InstrumentId(0)));
    assert!(idle(0, tick, 1), "nothing has happened yet");
    assert!(!idle(0, other, 0));
    assert!(!idle(1, tick, 1), "what happened before is told with it");
    assert!(!idle(10, tick, 1), "by the slowest topic");
    assert!(idle(11, tick, 1));
    assert!(!idle(12, tick, 2), "an order ended with it");
    assert!(!idle(22, tick, 1), "of which a slow topic tells");
    assert!(idle(23, tick, 1));
    assert!(idle(24, mark, 1), "prices of a market that stands still");
    assert!(idle(25, tick, 1), "of which nothing is told");
    assert!(!idle(26, mark, 2), "somebody paid funding, or was warned");
    assert!(!idle(27, tick, 1));
}
