//! Sockets that are told the number of the event before each frame, beside others that are not.

use super::*;
use crate::tls::tests::keys;

fn numbered(house: &House) -> Visitor {
    house.connect_as(Form::Numbered, Vec::new())
}

fn number(sequence: u64) -> String {
    format!("{{\"rialto\":{{\"sequence\":{sequence}}}}}")
}

#[test]
fn who_asks_is_told_the_number_before_each_frame_and_nobody_else_is() {
    let mut house = house(Plain::default());
    let (cipher, its_keys) = keys("numbered");
    let mut ann = numbered(&house);
    let mut eve = house.connect_by(Some(Box::new(cipher)), Form::Numbered, Vec::new());
    eve.keys = Some(its_keys);
    let (mut bob, mut tom) = (house.connect(), house.connect_as(Form::Compressed, Vec::new()));
    for visitor in [&mut ann, &mut eve, &mut bob, &mut tom] {
        visitor.says("+trades0");
        house.serve();
        assert_eq!(visitor.hears(), "+trades0 ok", "before an answer there is no number");
    }
    // Several in one turn, not all of them for who listens.
    house.happen(&[print(1, 0), print(2, 1), print(3, 0)]);
    house.happen(&[print(8, 0)]);
    for told in [1, 3, 8] {
        for visitor in [&mut ann, &mut eve] {
            let heard = [visitor.hears(), visitor.hears()];
            assert_eq!(heard, [number(told), format!("trades0 {told}")]);
        }
        for visitor in [&mut bob, &mut tom] {
            assert_eq!(visitor.hears(), format!("trades0 {told}"));
        }
    }
    ann.says("hello");
    assert_eq!(ann.hears(), "? hello");
}

#[test]
fn a_state_has_the_number_of_the_last_event_before_it() {
    let mut house = house(Plain { state_first: true, ..Plain::default() });
    house.happen(&[whole_book(1, 0, 5), print(4, 1)]);
    let mut ann = numbered(&house);
    ann.says("+delta0");
    house.serve();
    house.happen(&[book_change(6, 0, 6)]);
    let heard: [String; 5] = std::array::from_fn(|_| ann.hears());
    let state = (number(4), "book0 1000".to_owned());
    assert_eq!(heard[0], "+delta0 ok");
    assert_eq!((&heard[1], &heard[2]), (&state.0, &state.1));
    assert_eq!((&heard[3], &heard[4]), (&number(6), &"delta0 6000".to_owned()));
}

#[test]
fn what_takes_the_place_of_a_waiting_frame_brings_its_own_number() {
    let mut house = house(Plain { padding: 100_000, ..Plain::default() });
    let mut slow = numbered(&house);
    slow.says("+book0");
    house.serve();
    assert_eq!(slow.hears(), "+book0 ok");
    for number in 1..=500 {
        house.happen(&[whole_book(number, 0, number as i64)]);
    }
    house.until("all are told", |house| house.counters.deliveries.read() == 500);
    let mut heard = Vec::new();
    while heard.last().is_none_or(|text| text != "book0 500000") {
        let (its_number, text) = (slow.hears(), slow.hears());
        let time: u64 = text.strip_prefix("book0 ").and_then(|it| it.parse().ok()).expect("a book");
        assert_eq!(its_number, number(time / 1_000), "of {text}");
        heard.push(text);
    }
    assert!(house.counters.conflated.read() > 0, "{} were heard", heard.len());
    assert!(heard.len() < 500, "some were replaced");
}
