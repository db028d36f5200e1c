use std::net::{Ipv4Addr, TcpListener as Listener, TcpStream as Stream};

use super::*;

#[test]
fn tcp_is_told_how_long_the_other_end_may_be_silent() {
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let _client = Stream::connect(listener.local_addr().expect("an address")).expect("a stream");
    let (served, _) = listener.accept().expect("a stream");
    assert!(!sockopt::socket_keepalive(&served).expect("it is open"));
    for (silence, first, step) in [(60, 30, 10), (90, 45, 15), (1, 1, 1)] {
        watch_over(&served, Duration::from_secs(silence)).expect("it is open");
        assert!(sockopt::socket_keepalive(&served).expect("it is open"));
        let told = [sockopt::tcp_keepidle(&served), sockopt::tcp_keepintvl(&served)];
        let told = told.map(|time| time.expect("it is open").as_secs());
        assert_eq!(told, [first, step]);
        assert_eq!(sockopt::tcp_keepcnt(&served).expect("it is open"), 3);
        let millis = sockopt::tcp_user_timeout(&served).expect("it is open");
        assert_eq!(u64::from(millis), silence * 1_000);
    }
    // Whatever may be configured is not refused, or nobody would be served.
    watch_over(&served, Duration::from_secs(u32::MAX.into())).expect("the longest that it takes");
    assert_eq!(sockopt::tcp_keepidle(&served).expect("it is open"), KEEPALIVE_MAX);
}
