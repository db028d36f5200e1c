//! Each question has one reply.

use std::sync::{Arc, Mutex};

use super::super::{BusError, Reply};
use super::{ASKS_MAX, Asks};

type Told = Arc<Mutex<Vec<u32>>>;

fn reply(told: &Told, name: u32) -> Reply {
    let told = Arc::clone(told);
    Box::new(move |_| told.lock().expect("nobody panics with it").push(name))
}

fn call(reply: Option<Reply>) {
    if let Some(reply) = reply {
        reply(Err(BusError::Late));
    }
}

#[test]
fn is_late_at_its_moment_the_most_impatient_first() {
    let (told, mut asks) = (Told::default(), Asks::default());
    for (name, late) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
        assert!(asks.open(late, reply(&told, name)).is_ok());
    }
    assert_eq!(asks.next(), Some(10));
    assert!(asks.late(9).is_none());
    while let Some(reply) = asks.late(20) {
        call(Some(reply));
    }
    assert_eq!(*told.lock().expect("nobody panics with it"), [2, 4, 3]);
    assert_eq!(asks.next(), Some(30));
}

#[test]
fn is_taken_once_and_not_late_then() {
    let (told, mut asks) = (Told::default(), Asks::default());
    let number = asks.open(10, reply(&told, 1)).unwrap_or_default();
    assert!(asks.take(number + 1).is_none());
    call(asks.take(number));
    call(asks.take(number));
    call(asks.late(10));
    call(asks.end());
    assert_eq!(*told.lock().expect("nobody panics with it"), [1]);
    assert_eq!(asks.next(), None);
}

#[test]
fn has_room_again_once_one_is_answered() {
    let (told, mut asks) = (Told::default(), Asks::default());
    for late in 0..ASKS_MAX {
        assert!(asks.open(late, reply(&told, 0)).is_ok());
    }
    assert!(asks.open(0, reply(&told, 1)).is_err(), "one more than may be");
    assert!(asks.take(1).is_some());
    assert!(asks.open(0, reply(&told, 1)).is_ok());
}
