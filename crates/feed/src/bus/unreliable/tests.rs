//! The network is as good as any without faults, as bad as it is told to be with them, and the same for the same seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::super::Bus;
use super::super::conformance::{self, Notes, Stage, hear};
use super::{Faults, Happened, PACKETS_MAX, STEP, Unreliable};

#[test]
fn keeps_what_every_bus_keeps_without_faults() {
    let network = Unreliable::new(1, Faults::NONE);
    let (here, there) = (network.point(), network.point());
    // One of the laws panics on purpose.
    let step = move || drop(catch_unwind(AssertUnwindSafe(|| network.step())));
    conformance::holds(&Stage { here, there, step: Some(Box::new(step)) });
}

const BAD: Faults = Faults {
    lost: 50,
    doubled: 50,
    late: 100,
    late_steps_max: 20,
    stalls: 5,
    stall_steps_max: 30,
    cuts: 2,
    cut_steps_max: 50,
};

/// What two listeners hear of 2,000 messages and 300 questions, and what happened.
fn play(seed: u64, faults: Faults) -> ([Vec<String>; 3], Happened) {
    let network = Unreliable::new(seed, faults);
    let (here, there, yonder) = (network.point(), network.point(), network.point());
    let notes = [(); 3].map(|()| Notes::default());
    let _listening = [hear(&*there, "said", &notes[0]), hear(&*yonder, "said", &notes[1])];
    let _answering = conformance::echo(&*there, "asked");
    for number in 0..2_000_u32 {
        here.publish("said", number.to_string().as_bytes());
        if number % 7 == 0 {
            let question = number.to_string();
            conformance::ask(&*yonder, "asked", question.as_bytes(), 50 * STEP, &notes[2]);
        }
        network.step();
    }
    for _ in 0..200 {
        network.step();
    }
    assert!(network.is_idle(), "seed {seed}: {network:?}");
    (notes.map(|notes| notes.texts()), network.happened())
}

#[test]
fn loses_doubles_delays_stalls_and_cuts_as_told_and_the_same_for_a_seed() {
    for seed in 0..20 {
        let (notes, happened) = play(seed, BAD);
        assert_eq!(play(seed, BAD), (notes.clone(), happened), "seed {seed}");
        let Happened { heard, lost, doubled, late, stalls, cuts } = happened;
        assert!(heard > 2_000 && lost > 100 && doubled > 100, "seed {seed}: {happened:?}");
        assert!(late > 200 && stalls > 5 && cuts > 1, "seed {seed}: {happened:?}");
        for notes in &notes[..2] {
            let mut sorted: Vec<u32> =
                notes.iter().map(|note| note.parse().expect("said")).collect();
            assert!(!sorted.is_sorted(), "seed {seed}: nothing was reordered");
            let heard = sorted.len();
            sorted.sort_unstable();
            sorted.dedup();
            assert!(sorted.len() < heard, "seed {seed}: nothing was doubled");
            assert!(sorted.len() < 2_000, "seed {seed}: nothing was lost");
        }
        // Each question has one reply, whatever became of it.
        assert_eq!(notes[2].len(), 286, "seed {seed}");
        let late = notes[2].iter().filter(|note| *note == "Late").count();
        assert!((1..200).contains(&late), "seed {seed}: {late}");
    }
    assert_ne!(play(0, BAD), play(1, BAD));
}

#[test]
fn carries_nothing_from_or_to_whoever_is_cut_off() {
    let network = Unreliable::new(1, Faults::NONE);
    let (here, there) = (network.point(), network.point());
    let notes = [(); 4].map(|()| Notes::default());
    let _listening = [hear(&*there, "a", &notes[0]), hear(&*here, "b", &notes[1])];
    let _itself = hear(&*there, "b", &notes[2]);
    let _answering = conformance::echo(&*here, "ask");
    here.publish("a", b"on its way");
    there.cut(10);
    for _ in 0..10 {
        here.publish("a", b"to it");
        there.publish("b", b"by it");
        network.step();
    }
    conformance::ask(&*there, "ask", b"?", 5 * STEP, &notes[3]);
    network.step();
    here.publish("a", b"after");
    there.publish("b", b"after");
    for _ in 0..10 {
        network.step();
    }
    assert_eq!(notes[0].texts(), ["after"]);
    assert_eq!(notes[1].texts(), ["after"]);
    assert_eq!(notes[2].all().len(), 11, "what one says to itself passes no network");
    assert_eq!(notes[3].texts(), ["Late"]);
    assert_eq!(network.happened().lost, 22);
}

#[test]
fn tells_whoever_was_stalled_everything_at_once_and_in_order() {
    let network = Unreliable::new(1, Faults::NONE);
    let (here, there) = (network.point(), network.point());
    let notes = Notes::default();
    let _listening = hear(&*there, "a", &notes);
    there.stall(5);
    for number in 0..5_u8 {
        here.publish("a", &[number]);
        network.step();
        assert!(notes.all().is_empty());
    }
    here.publish("a", &[5]);
    assert_eq!(network.step(), 6);
    assert_eq!(notes.all().concat(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn is_bounded_in_what_is_on_its_way() {
    let network = Unreliable::new(1, Faults::NONE);
    let (here, there) = (network.point(), network.point());
    let notes = Notes::default();
    let _listening = hear(&*there, "a", &notes);
    for _ in 0..PACKETS_MAX + 3 {
        here.publish("a", b"");
    }
    assert_eq!((here.standing().lost, there.standing().lost), (3, 0));
    assert_eq!(network.step(), PACKETS_MAX);
}

#[test]
fn is_patient_for_as_many_steps_as_it_takes() {
    let network = Unreliable::new(1, Faults::NONE);
    let here = network.point();
    let _answering = here.answer("a", Box::new(|_, _| ())).expect("a subject");
    for (patience, steps) in [(Duration::ZERO, 1), (STEP, 1), (STEP * 3 / 2, 2), (3 * STEP, 3)] {
        let notes = Notes::default();
        conformance::ask(&*here, "a", b"", patience, &notes);
        for _ in 1..steps {
            network.step();
            assert!(notes.all().is_empty(), "{patience:?}");
        }
        network.step();
        assert_eq!(notes.texts(), ["Late"], "{patience:?}");
    }
    assert_eq!(Arc::strong_count(&here), 1);
}
