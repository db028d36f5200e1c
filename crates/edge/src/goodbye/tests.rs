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
fn they_are_told_from_the_newest_however_many_pieces_that_takes_and_what_falls_out_meanwhile_is_left_out()
 {
    let goodbyes = Goodbyes::new(1_000);
    let note = |ports: std::ops::Range<u16>| {
        for port in ports {
            goodbyes.note(goodbye(port, Reason::ClientClosed));
        }
    };
    note(0..1_300);
    let ports = |told: Vec<Goodbye>| told.iter().map(|it| it.peer.port()).collect::<Vec<_>>();
    let expected: Vec<u16> = (300..1_300).rev().collect();
    assert_eq!(ports(goodbyes.newest(&Which::default(), None, 0, usize::MAX)), expected);
    assert_eq!(ports(goodbyes.newest(&Which::default(), None, 500, 3)), [799, 798, 797]);
    assert_eq!(ports(goodbyes.newest(&Which::default(), Some("idle"), 0, 9)), [0; 0]);
    assert_eq!(goodbyes.find(ConnectionId(300)).map(|it| it.peer.port()), Some(300));
    assert_eq!(goodbyes.find(ConnectionId(299)), None);
    let mut told = goodbyes.newest_first();
    assert_eq!(told.next().map(|it| it.peer.port()), Some(1_299));
    note(1_300..2_000);
    let last = told.last().map(|it| it.peer.port());
    assert_eq!(last, Some(1_000), "what is still there is told, what is new is not");
    let mut told = goodbyes.newest_first();
    assert_eq!(told.next().map(|it| it.peer.port()), Some(1_999));
    note(2_000..4_000);
    assert_eq!(told.count(), PIECE as usize - 1, "all but the first piece have fallen out");
}

#[test]
fn nothing_is_kept_where_nothing_may_be() {
    let goodbyes = Goodbyes::new(0);
    goodbyes.note(goodbye(1, Reason::Network(io::ErrorKind::ConnectionReset)));
    assert!(goodbyes.recent().is_empty());
}
