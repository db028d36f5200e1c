use super::*;

fn goodbye(port: u16, reason: Reason) -> Goodbye {
    Goodbye {
        id: ConnectionId(port.into()),
        who: None,
        opened: Time(0),
        ended: Time(3_000_000),
        subscriptions: 2,
        lag_max: Duration::ZERO,
        sent: Sent::default(),
        dialect: 0,
        peer: SocketAddr::from(([127, 0, 0, 1], port)),
        reason,
        code: None,
        age: Duration::from_secs(3),
        topics: 2,
        sequence: Sequence(9),
        unsent: None,
        waiting: Waiting::default(),
        stalled: Duration::ZERO,
    }
}

#[test]
fn the_last_are_kept_and_all_are_counted() {
    let goodbyes = Goodbyes::new(2);
    goodbyes.note(goodbye(1, Reason::ClientClosed));
    goodbyes.note(goodbye(2, Reason::Parted(Parting::SlowConsumer)));
    goodbyes.note(goodbye(3, Reason::ClientClosed));
    let ports: Vec<u16> = goodbyes.recent().iter().map(|goodbye| goodbye.peer.port()).collect();
    assert_eq!(ports, [2, 3]);
    let mut counts = Vec::new();
    goodbyes.each(|name, count| {
        if count > 0 {
            counts.push((name, count));
        }
    });
    assert_eq!(counts, [("slow_consumer", 1), ("client_closed", 2)]);
}

#[test]
fn nothing_is_kept_where_nothing_may_be() {
    let goodbyes = Goodbyes::new(0);
    goodbyes.note(goodbye(1, Reason::Network(io::ErrorKind::ConnectionReset)));
    assert!(goodbyes.recent().is_empty());
}
