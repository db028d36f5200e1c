//! What waits is bounded, in order, and forgotten when there is nobody to send it to.

use super::super::super::MESSAGE_BYTES_MAX;
use super::{LINE_BYTES_MAX, LINE_MESSAGES_MAX, Line, Order};

fn say(bytes: usize) -> Order {
    Order::Say { subject: "a".into(), message: vec![0; bytes] }
}

#[test]
fn has_room_for_so_many_messages_and_bytes() {
    for (bytes, room) in
        [(0, LINE_MESSAGES_MAX), (MESSAGE_BYTES_MAX, LINE_BYTES_MAX / MESSAGE_BYTES_MAX)]
    {
        let mut line = Line::default();
        assert!((0..room).all(|_| line.put(say(bytes))), "{bytes}");
        assert!(!line.put(say(bytes)), "{bytes}");
        assert!(line.take().is_some());
        let ask = Order::Ask { subject: "a".into(), question: vec![0; bytes], number: 7 };
        assert!(line.put(ask) && !line.put(say(bytes)), "room for one again");
        let gone = line.clear();
        assert_eq!(gone.len(), room);
        assert!(matches!(gone.last(), Some(Order::Ask { number: 7, .. })), "in order");
        assert!(line.take().is_none());
        assert!((0..room).all(|_| line.put(say(bytes))), "all of the room again");
    }
}
