use std::sync::Arc;

use dialects::{FrameBuilder, HEADROOM};
use model::{Class, Sequence};

use super::*;
use crate::testing::{Dice, told};

#[test]
fn everybody_is_told_what_they_listen_to_in_order() {
    for seed in 0..500 {
        let mut dice = Dice(seed);
        let (sockets, slots) = (1 + dice.roll(20), 1 + dice.roll(6));
        let mut fanout = Fanout::new();
        fanout.make_room(sockets);
        // The twin: who listens at which spot, and who has been told what.
        let mut listens: Vec<Vec<u32>> = vec![Vec::new(); slots];
        for turn in 0..20 {
            for _ in 0..dice.roll(8) {
                let slot = dice.roll(slots);
                let place = dice.roll(sockets) as u32;
                match listens[slot].iter().position(|known| *known == place) {
                    Some(spot) => {
                        let moved = fanout.unlisten(Slot(slot as u32), spot as u32);
                        listens[slot].swap_remove(spot);
                        let from = listens[slot].len() as u32;
                        let moves = listens[slot].get(spot).map(|&place| (place, from));
                        assert_eq!(moved, moves, "seed {seed}");
                    }
                    None => {
                        // Every other slot is of stamped subscriptions; what has no hole goes to them as it is.
                        let mark = Mark::new(Ticket(slot as u32), Arc::new(b"abcd".to_vec()));
                        let mark = (slot % 2 == 1).then_some(mark);
                        let spot = fanout.listen(Slot(slot as u32), place, mark);
                        assert_eq!(spot as usize, listens[slot].len(), "seed {seed}");
                        listens[slot].push(place);
                    }
                }
            }
            let mut expected: Vec<Vec<u8>> = vec![Vec::new(); sockets];
            for number in 0..dice.roll(12) {
                let slot = dice.roll(slots);
                let class = [Class::Latest, Class::Lossless][dice.roll(2)];
                let told = told(slot as u32, class, turn * 100 + number as u64, 1 + dice.roll(300));
                if dice.roll(5) == 0 {
                    let place = dice.roll(sockets);
                    expected[place].extend_from_slice(told.frame.bytes());
                    fanout.tell_one(told, place as u32, 0);
                } else {
                    for &place in &listens[slot] {
                        expected[place as usize].extend_from_slice(told.frame.bytes());
                    }
                    assert_eq!(fanout.tell(told), listens[slot].len(), "seed {seed}");
                }
            }
            for index in 0..fanout.moved() {
                let (place, node) = fanout.take(index);
                let framed: Vec<u8> =
                    fanout.frames(node).flat_map(|told| told.frame.bytes()).copied().collect();
                assert!(fanout.bytes(node) == framed, "seed {seed}, turn {turn}");
                let expected = std::mem::take(&mut expected[place as usize]);
                assert!(framed == expected, "seed {seed}, turn {turn}");
            }
            assert!(expected.iter().all(Vec::is_empty), "seed {seed}: somebody was passed over");
            fanout.end();
        }
    }
}

#[test]
fn bytes_are_joined_once_for_all_who_are_told_the_same() {
    let mut fanout = Fanout::new();
    fanout.make_room(100);
    for place in 0..100 {
        fanout.listen(Slot(0), place, None);
        if place % 2 == 0 {
            fanout.listen(Slot(1), place, None);
        }
    }
    for number in 0..10 {
        fanout.tell(told(number % 2, Class::Lossless, u64::from(number), 50));
    }
    let mut joined = Vec::new();
    for index in 0..fanout.moved() {
        let (_, node) = fanout.take(index);
        let bytes = fanout.bytes(node).as_ptr();
        if !joined.contains(&bytes) {
            joined.push(bytes);
        }
    }
    assert_eq!(joined.len(), 2, "two sets of frames, two joined texts");
}

#[test]
fn what_does_not_fit_the_memory_for_joining_is_joined_again() {
    let mut fanout = Fanout::new();
    fanout.make_room(3);
    for place in 0..3 {
        fanout.listen(Slot(place), place, None);
        fanout.listen(Slot(3), place, None);
    }
    for slot in 0..4 {
        fanout.tell(told(slot, Class::Lossless, u64::from(slot), 600_000));
    }
    let taken: Vec<(u32, u32)> = (0..3).map(|index| fanout.take(index)).collect();
    for _ in 0..2 {
        for &(place, node) in &taken {
            let own = told(place, Class::Lossless, u64::from(place), 600_000);
            let shared = told(3, Class::Lossless, 3, 600_000);
            let expected = [own.frame.bytes(), shared.frame.bytes()].concat();
            assert!(fanout.bytes(node) == expected, "socket {place}");
        }
    }
}

#[test]
fn stamped_listeners_are_told_their_own_copies_by_slots_of_their_own() {
    let mut fanout = Fanout::new();
    fanout.make_room(3);
    let mark = |ticket: u32, stamp: &[u8]| Some(Mark::new(Ticket(ticket), Arc::new(stamp.into())));
    let spots = [
        fanout.listen(Slot(0), 0, None),
        fanout.listen(Slot(0), 1, mark(5, b"ab")),
        fanout.listen(Slot(0), 1, mark(6, b"cd")),
        fanout.listen(Slot(0), 2, mark(0, b"ef")),
    ];
    assert_eq!(fanout.unlisten(Slot(0), spots[1]), Some((2, 3)), "the last takes the free spot");
    let mut builder = FrameBuilder::new();
    builder.stamp_here(2);
    builder.text_mut().push(b'!');
    let frame = FramePool::new(0).finish(builder, |_, _| HEADROOM);
    let (slot, class, sequence) = (Slot(0), Class::Latest, Sequence(1));
    let told = Told { slot, class, sequence, is_whole: false, frame };
    assert_eq!(fanout.tell(told.clone()), 3);
    fanout.tell_one(told, 2, spots[1]);
    let mut heard = Vec::new();
    for index in 0..fanout.moved() {
        let (place, node) = fanout.take(index);
        let slots: Vec<Slot> = fanout.frames(node).map(|told| told.slot).collect();
        heard.push((place, slots, String::from_utf8(fanout.bytes(node).to_vec()).expect("text")));
    }
    heard.sort();
    let own = Slot::of_one;
    assert_eq!(
        heard,
        [
            (0, vec![Slot(0)], "  !".into()),
            (1, vec![own(6)], "cd!".into()),
            (2, vec![own(0), own(0)], "ef!ef!".into()),
        ]
    );
}
