//! A loop with more connections than it looks at in one turn.

use super::*;
use crate::connections::{ConnectionId, ConnectionNote, Wanted, Which};

fn wanted(after: u64, notes_max: usize) -> Wanted {
    let which = Which::default();
    Wanted { which, only: None, after: ConnectionId(after), waiting_bytes_min: 0, notes_max }
}

fn asked(house: &House, wanted: Wanted) -> Vec<u64> {
    let (tell, told) = std::sync::mpsc::sync_channel::<Vec<ConnectionNote>>(1);
    house.handle.survey(wanted, move |notes| drop(tell.send(notes)));
    let notes = told.recv_timeout(PATIENCE).expect("the loop tells");
    notes.iter().map(|note| note.id.0).collect()
}

#[test]
fn all_are_found_over_several_turns_in_the_order_of_their_numbers_and_bounded() {
    const MANY: u64 = 700;
    let house = house(Plain::default());
    let mut visitors: Vec<Option<Visitor>> = (0..MANY).map(|_| Some(house.connect())).collect();
    assert_eq!(asked(&house, wanted(0, 1_000)), (1..=MANY).collect::<Vec<_>>());
    // Places are used again, so that numbers do not stand in the order of places.
    for gone in [3_usize, 90, 600] {
        visitors[gone] = None;
    }
    house.until("three have left", |house| house.goodbyes.recent().len() == 3);
    let newcomers: Vec<Visitor> = (0..3).map(|_| house.connect()).collect();
    let there =
        |from: u64| (from..=MANY + 3).filter(|id| ![4, 91, 601].contains(id)).collect::<Vec<_>>();
    assert_eq!(asked(&house, wanted(0, 1_000)), there(1));
    assert_eq!(asked(&house, wanted(650, 20)), there(651)[..21], "and one more, so that one knows");
    let only = Wanted { only: Some(ConnectionId(MANY + 2)), ..wanted(0, 1) };
    assert_eq!(asked(&house, only), [MANY + 2]);
    assert_eq!(asked(&house, Wanted { waiting_bytes_min: 1, ..wanted(0, 9) }), [0; 0]);
    drop((visitors, newcomers));
}
