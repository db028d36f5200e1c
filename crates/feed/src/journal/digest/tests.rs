use engine::Engine;
use engine::flow::{self, FlowOptions};

use super::*;

fn events() -> Vec<Event> {
    let options = FlowOptions { resting: 60, commands: 400, accounts: 5, ..Default::default() };
    let flow = flow::flow(options);
    let mut engine = Engine::new(&[flow::instrument()]);
    let mut out = Vec::new();
    for command in flow.fill.iter().chain(&flow.commands) {
        engine.apply(command, &mut out);
    }
    out
}

fn digest(events: &[Event]) -> u64 {
    let mut digester = Digester::default();
    digester.take(events);
    digester.value()
}

#[test]
fn it_is_the_same_however_events_come_and_another_if_any_is_another() {
    let events = events();
    let whole = digest(&events);
    let mut one_by_one = Digester::default();
    let mut due = 0;
    for event in &events {
        due += u64::from(one_by_one.take(std::slice::from_ref(event)));
    }
    assert_eq!((one_by_one.value(), one_by_one.events()), (whole, events.len() as u64));
    assert_eq!(due, events.len() as u64 / EVERY);
    for at in (0..events.len()).step_by(7) {
        let mut changed = events.clone();
        match &mut changed[at].body {
            EventBody::Created(order)
            | EventBody::Rested(order)
            | EventBody::Armed(order)
            | EventBody::Triggered(order)
            | EventBody::Closed { order, .. } => order.remaining.0 += 1,
            EventBody::Filled(fill) => fill.taker_fee.0 += 1,
            EventBody::Replaced { kept_place, .. } => *kept_place = !*kept_place,
            EventBody::Balance(balance) => balance.held.0 += 1,
            _ => changed[at].time.0 += 1,
        }
        assert_ne!(digest(&changed), whole, "{:?}", events[at]);
    }
}

/// On every machine, in every build that reads the journals of this one.
#[test]
fn it_is_what_it_has_always_been() {
    assert_eq!(format!("{:016x}", digest(&events())), GOLDEN);
}

const GOLDEN: &str = "761d2fbe57bbb253";
