//! Encrypted lines in a loop: what is told is counted, and bounded, as on any other.

use rustix::net::sockopt;

use super::*;
use crate::connections::{ConnectionId, ConnectionNote, Wanted, Which};
use crate::tls::tests::keys;

/// A visitor whose line is encrypted, or is not, and has room for so many bytes on our side.
fn connect(house: &House, name: Option<&str>, room: usize) -> Visitor {
    let (cipher, keys) = name.map(keys).unzip();
    sockopt::set_socket_send_buffer_size(&house.listener, room).expect("room");
    let mut visitor = house.connect_by(cipher.map(Box::new), Form::Plain, Vec::new());
    visitor.keys = keys;
    visitor
}

/// How the only connection stands.
fn note(house: &House) -> ConnectionNote {
    let wanted = Wanted {
        which: Which::default(),
        only: None,
        after: ConnectionId(0),
        waiting_bytes_min: 0,
        notes_max: 1,
    };
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    house.handle.survey(wanted, move |notes| drop(tell.send(notes)));
    told.recv_timeout(PATIENCE).expect("the loop tells").remove(0)
}

#[test]
fn who_takes_all_of_a_long_turn_at_once_is_not_slow() {
    const FRAMES: u64 = 60;
    for name in [None, Some("turn")] {
        let mut plain = Plain { padding: 3_000, ..Plain::default() };
        plain.manners.queue_bytes_max = 50_000;
        let mut house = house(plain);
        let mut ann = connect(&house, name, 1 << 20);
        ann.says("+trades0");
        house.serve();
        assert_eq!(ann.hears(), "+trades0 ok");
        // One turn's frames are more than a run, and than that and all that may wait.
        let prints: Vec<Event> = (1..=FRAMES).map(|number| print(number, 0)).collect();
        house.happen(&prints);
        for number in 1..=FRAMES {
            assert_eq!(ann.hears(), format!("trades0 {number}"), "{name:?}");
        }
        assert_eq!(house.counters.writes_cut.read(), 0, "{name:?}: it took all of it at once");
        let note = note(&house);
        let bytes = house.counters.bytes_out.read();
        assert_eq!((note.sent.frames, note.sent.bytes), (FRAMES, bytes), "{name:?}");
    }
}

#[test]
fn how_late_an_encrypted_run_was_is_remembered() {
    for name in [None, Some("late")] {
        let clock = SessionClock::by_hand(model::Time(0));
        let mut house = house_by(clock.clone(), Plain { padding: 20_000, ..Plain::default() }, 64);
        let mut ann = connect(&house, name, 4_096);
        sockopt::set_socket_recv_buffer_size(&ann.stream, 4_096).expect("room");
        ann.says("+trades0");
        house.serve();
        assert_eq!(ann.hears(), "+trades0 ok");
        // Until some of the last frame waits, and goes on to wait.
        let (mut told, mut before) = (0, 0);
        loop {
            let waiting = note(&house).waiting.bytes();
            if waiting > 0 && waiting == before {
                break;
            }
            if waiting == 0 {
                told += 1;
                house.happen(&[print(told, 0)]);
                house.until("it is told", |house| house.counters.deliveries.read() == told);
            }
            before = waiting;
        }
        clock.passed().set(Duration::from_secs(3));
        for number in 1..=told {
            assert_eq!(ann.hears(), format!("trades0 {number}"), "{name:?}");
        }
        house.until("all of it has left", |house| note(house).waiting.bytes() == 0);
        let note = note(&house);
        assert_eq!(note.waits, Duration::ZERO, "{name:?}");
        assert_eq!(note.lag_max, Duration::from_secs(3), "{name:?}");
        assert_eq!(note.sent.frames, told, "{name:?}");
    }
}
