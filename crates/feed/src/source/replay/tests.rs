//! The replay over a connector that says what it is told to: times, rounds, and what is refused.

use std::path::PathBuf;

use dialects::{Connector, Errand, Heard, Misheard};
use model::{
    Action, Cadence, Event, EventBody, InstrumentId, NoOrders, OrderId, Price, Quantity, Side,
    Source, Time, Trade, TradeId,
};

use super::Replay;
use crate::capture::Capture;

/// Understands `MICROS` as a change of a book, `whole MICROS` as a book, `trade MICROS` as a trade, and refuses
/// anything else.
struct Parrot;

impl Connector for Parrot {
    fn opened(&mut self, errands: &mut Vec<Errand>) {
        errands.push(Errand::Reconnect);
    }
    fn message(
        &mut self,
        text: &[u8],
        heard: &mut Vec<Heard>,
        _: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        let text = String::from_utf8_lossy(text);
        let (kind, micros) = text.rsplit_once(' ').unwrap_or(("", &text));
        let time = Time(micros.parse().map_err(|_| Misheard { what: text.to_string() })?);
        let body = match kind {
            "trade" => EventBody::Printed(trade_at(time, 7, 100)),
            "whole" => EventBody::BookSnapshot(Box::default()),
            _ => EventBody::BookDelta(Box::default()),
        };
        heard.push(Heard { instrument: InstrumentId(3), time, body });
        Ok(())
    }
    fn fetched(
        &mut self,
        _: &str,
        body: &[u8],
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        self.message(body, heard, errands)
    }
}

fn trade_at(time: Time, id: u64, order: u64) -> Trade {
    Trade {
        id: TradeId(id),
        time,
        price: Price(1),
        quantity: Quantity(1),
        aggressor: Side::Buy,
        maker: OrderId(order),
        taker: OrderId(order + 4),
        maker_account: None,
        taker_account: None,
    }
}

fn replay(name: &str, socket: &str, looped: bool) -> Result<Replay, String> {
    let folder: PathBuf =
        std::env::temp_dir().join(format!("rialto-replay-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("V.ws.1.0"), socket).expect("a file");
    let capture = Capture::read(&folder);
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    Replay::new(&capture.expect("a capture"), &mut Parrot, looped)
        .map_err(|error| error.to_string())
}

const SOCKET: &str =
    "ws://v/ <-> 9\nhttp://v/ -> 10.5: 9400000\n11: 11100000\n11: trade 11000000\n";

fn told(events: &[Event]) -> Vec<(u64, i64)> {
    events.iter().map(|event| (event.sequence.0, event.time.0)).collect()
}

#[test]
fn tells_each_thing_at_the_recorders_time_with_the_venues_stamp() {
    let mut replay = replay("times", SOCKET, false).expect("a replay");
    assert_eq!((replay.begins(), replay.ends()), (Time(10_500_000), Time(11_000_000)));
    assert_eq!((replay.due(), replay.events()), (Some(Time(10_500_000)), 3));
    let mut out = Vec::new();
    replay.advance(Time(10_499_999), &mut out);
    assert_eq!(out, []);
    replay.advance(Time(10_500_000), &mut out);
    assert_eq!((told(&out), replay.due()), (vec![(1, 9_400_000)], Some(Time(11_000_000))));
    replay.advance(Time(99_000_000), &mut out);
    assert_eq!(told(&out), [(1, 9_400_000), (2, 11_100_000), (3, 11_000_000)]);
    assert_eq!(out[2].body, EventBody::Printed(trade_at(Time(11_000_000), 7, 100)));
    assert_eq!(out[2].instrument, InstrumentId(3));
    assert_eq!(replay.due(), None, "it has nothing more to say");
    replay.advance(Time(999_000_000), &mut out);
    assert_eq!(out.len(), 3);
}

#[test]
fn a_loop_goes_on_with_later_stamps_and_new_ids() {
    let mut late = replay("late", SOCKET, true).expect("a replay");
    let mut out = Vec::new();
    late.advance(Time(15_000_000), &mut out);
    // From the earliest stamp, 9.4, to the latest, 11.1, in whole seconds and one more: 2 s.
    let times: Vec<i64> = out.iter().map(|event| event.time.0 - 9_400_000).collect();
    let round = [0, 1_700_000, 1_600_000];
    let expected: Vec<i64> =
        (0..3).flat_map(|n| round.map(|at| at + n * 2_000_000)).take(times.len()).collect();
    assert_eq!((times.len(), times), (9, expected));
    assert_eq!(out[8].body, EventBody::Printed(trade_at(Time(15_000_000), 7 + 2, 100 + 2 * 5)));
    assert_eq!(late.due(), Some(Time(16_500_000)));

    let mut punctual = replay("punctual", SOCKET, true).expect("a replay");
    let mut stepwise = Vec::new();
    while let Some(due) = punctual.due().filter(|due| due.0 <= 15_000_000) {
        punctual.advance(due, &mut stepwise);
    }
    assert_eq!(stepwise, out, "whoever calls late gets the same events");
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    let error = replay("refused", "5: 1\n6: hm\n", false).expect_err("not understood");
    assert!(error.contains("V.ws.1.0, line 2: failed to understand the venue: hm"), "{error}");
    let error = replay("silent", "ws://v/ <-> 5\n", false).expect_err("nothing in it");
    assert!(error.contains("line 1: no book and no trade"), "{error}");
}

#[test]
fn opens_when_the_books_that_came_first_are_there() {
    for (socket, opens) in [
        ("1: whole 1\n2: whole 2\n3: 3\n4: whole 4\n", 2),
        ("1: whole 1\n2: whole 2\n", 2),
        ("1: 1\n2: whole 2\n", 1),
    ] {
        let replay = replay("opens", socket, false).expect("a replay");
        assert_eq!(replay.opens(), Time(opens * 1_000_000), "{socket:?}");
    }
}

#[test]
fn takes_no_orders() {
    let mut replay = replay("orders", SOCKET, false).expect("a replay");
    let action = Action::Tick(Cadence::TENTH);
    assert_eq!(replay.submit(Time(0), action, &mut Vec::new()), Err(NoOrders));
}
