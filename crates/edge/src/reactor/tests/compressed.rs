//! Compressed frames: made once, whoever and however many listen, and only for who has agreed on it.

use super::*;

#[test]
fn a_frame_is_compressed_once_for_all_who_compress_and_not_at_all_for_nobody() {
    const FRAMES: u64 = 40;
    let mut house = house(Plain { padding: 2_000, ..Plain::default() });
    let mut plain: Vec<Visitor> = (0..3).map(|_| house.connect()).collect();
    let join = |house: &mut House, visitor: &mut Visitor| {
        visitor.says("+trades0");
        house.serve();
        assert_eq!(visitor.hears(), "+trades0 ok");
    };
    plain.iter_mut().for_each(|visitor| join(&mut house, visitor));
    house.happen(&[print(1, 0)]);
    plain.iter_mut().for_each(|visitor| assert!(visitor.hears().starts_with("trades0 1")));
    assert_eq!(house.counters.compressions.read(), 0, "nobody compresses");
    let before = house.counters.bytes_out.read();

    let mut packed: Vec<Visitor> =
        (0..25).map(|_| house.connect_as(Form::Compressed, Vec::new())).collect();
    packed.iter_mut().for_each(|visitor| join(&mut house, visitor));
    for number in 2..2 + FRAMES {
        // Sometimes several in one turn, which are joined.
        house.happen(&[print(number, 0)]);
    }
    for visitor in packed.iter_mut().chain(&mut plain) {
        for number in 2..2 + FRAMES {
            let heard = visitor.hears();
            assert_eq!(heard, format!("trades0 {number}"));
        }
    }
    house.until("it is counted", |house| house.counters.compressions.read() >= FRAMES);
    assert_eq!(house.counters.compressions.read(), FRAMES, "runs are frames, not listeners");
    let bytes = house.counters.bytes_out.read() - before;
    let of_plain = 3 * FRAMES * 2_000;
    assert!(bytes < of_plain * 5 / 4, "{bytes}: 25 of 28 are sent little");
}

#[test]
fn what_waits_for_a_client_that_compresses_is_compressed_as_well() {
    const FRAMES: u64 = 20;
    let mut house = house(Plain { padding: 2_000, ..Plain::default() });
    let mut slow = house.connect_as(Form::Compressed, Vec::new());
    slow.says("+trades0");
    house.serve();
    assert_eq!(slow.hears(), "+trades0 ok");
    // It asks and does not read, until its answers wait; what it is told then waits behind them.
    let word = "x".repeat(400);
    let mut asked = 0;
    while house.counters.writes_cut.read() == 0 {
        slow.says(&word);
        asked += 1;
    }
    for number in 1..=FRAMES {
        house.happen(&[print(number, 0)]);
    }
    house.until("all of it waits", |house| house.counters.deliveries.read() == FRAMES);
    // Answers pass by what is told.
    let heard: Vec<String> = (0..asked + FRAMES).map(|_| slow.hears()).collect();
    let told: Vec<&String> = heard.iter().filter(|text| text.starts_with("trades0")).collect();
    assert_eq!(
        told,
        (1..=FRAMES)
            .map(|number| format!("trades0 {number}"))
            .collect::<Vec<_>>()
            .iter()
            .collect::<Vec<_>>()
    );
    assert_eq!(house.counters.compressions.read(), FRAMES);
    let plain = asked * (word.len() as u64 + 2 + 4) + 500 * FRAMES;
    house.until("it is counted", |house| house.counters.messages_in.read() > asked);
    assert!(house.counters.bytes_out.read() < plain + 1_000, "of 2,000 bytes each little was sent");
}
