//! The bus within the process.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::asks::ASKS_MAX;
use super::super::conformance::{self, Notes, Stage, hear};
use super::super::local::{LINE_BYTES_MAX, LINE_MESSAGES_MAX, Local};
use super::super::{Bus, BusError, MESSAGE_BYTES_MAX, Respond};

fn stage() -> Stage {
    let bus = Arc::new(Local::start().expect("the system has a thread"));
    Stage { here: bus.clone(), there: bus, step: None }
}

#[test]
fn keeps_what_every_bus_keeps() {
    conformance::holds(&stage());
}

#[test]
fn never_waits_and_counts_what_it_has_no_room_for() {
    for (bytes, room) in
        [(1, LINE_MESSAGES_MAX), (MESSAGE_BYTES_MAX, LINE_BYTES_MAX / MESSAGE_BYTES_MAX)]
    {
        let stage = stage();
        let (begun, has_begun) = sync_channel(1);
        let (go_on, goes_on) = sync_channel(1);
        let (first, goes_on, notes) =
            (Mutex::new(Some(begun)), Mutex::new(goes_on), Notes::default());
        let note = notes.clone();
        let heard = move |message: &[u8]| {
            if let Some(begun) = first.lock().expect("nobody panics with it").take() {
                begun.send(()).expect("somebody waits");
                goes_on.lock().expect("nobody panics with it").recv().expect("told");
            }
            note.add(&message[..1]);
        };
        let _listening = stage.there.listen("slow", Box::new(heard)).expect("a subject");
        let message = vec![1; bytes];
        stage.here.publish("slow", &message);
        has_begun.recv().expect("it is called");
        for _ in 0..room + 5 {
            stage.here.publish("slow", &message);
        }
        assert_eq!(stage.here.standing().lost, 5, "{bytes}");
        let told = Notes::default();
        conformance::ask(&*stage.here, "slow.ask", &message, Duration::ZERO, &told);
        assert_eq!(told.texts(), ["Full"], "told at once, though the bus' thread is busy");
        go_on.send(()).expect("it waits");
        stage.until(&notes, room + 1);
        stage.settle();
        assert_eq!(notes.all().len(), room + 1, "{bytes}");
    }
}

#[test]
fn asks_so_many_at_a_time() {
    let stage = stage();
    let kept: Arc<Mutex<Vec<Respond>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let answer = move |_: &[u8], respond| keep.lock().expect("nobody panics with it").push(respond);
    let _answering = stage.there.answer("many", Box::new(answer)).expect("a subject");
    let notes = Notes::default();
    let minute = Duration::from_secs(60);
    for _ in 0..ASKS_MAX {
        conformance::ask(&*stage.here, "many", b"", minute, &notes);
    }
    stage.settle();
    assert!(notes.all().is_empty());
    conformance::ask(&*stage.here, "many", b"", minute, &notes);
    assert_eq!(notes.texts(), ["Full"]);
    for respond in kept.lock().expect("nobody panics with it").drain(..) {
        respond.with(b"answered");
    }
    stage.until(&notes, ASKS_MAX + 1);
    assert!(notes.texts()[1..].iter().all(|note| note == "answered"));
}

#[test]
fn tells_whoever_waits_when_it_ends_and_may_be_dropped_by_its_own_thread() {
    let bus = Arc::new(Local::start().expect("the system has a thread"));
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (keep, notes) = (Arc::clone(&kept), Notes::default());
    let answer = move |_: &[u8], respond: Respond| keep.lock().expect("no panic").push(respond);
    let answering = bus.answer("end.ask", Box::new(answer)).expect("a subject");
    conformance::ask(&*bus, "end.ask", b"", Duration::from_secs(60), &notes);
    let last = Mutex::new(Some(Arc::clone(&bus)));
    let heard = move |_: &[u8]| drop(last.lock().expect("nobody panics with it").take());
    let listening = bus.listen("end", Box::new(heard)).expect("a subject");
    let _hearing = hear(&*bus, "end", &Notes::default());
    bus.publish("end", b"");
    drop(bus);
    let stage = stage();
    stage.until(&notes, 1);
    let down = BusError::Down("it has ended".into());
    assert_eq!(notes.texts(), [format!("{down:?}")]);
    // What is left of it may be used, to no avail.
    for respond in kept.lock().expect("nobody panics with it").drain(..) {
        respond.with(b"to nobody");
    }
    drop((listening, answering));
    stage.settle();
    assert_eq!(notes.all().len(), 1);
}
