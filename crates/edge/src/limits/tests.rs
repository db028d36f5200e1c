use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 8));

#[test]
fn seats_are_counted_by_address_and_in_all_and_given_back() {
    let limits = Limits { connections_max: 4, connections_per_address_max: 2, ..Limits::default() };
    let seats = Seats::new(&limits);
    let first = seats.take(THERE).expect("the first of two");
    let second = seats.take(THERE).expect("the second of two");
    assert!(seats.take(THERE).is_none(), "a third from one address");
    let third = seats.take(HERE).expect("loopback is not counted by address");
    let fourth = seats.take(HERE).expect("the last in all");
    assert!(seats.take(ELSEWHERE).is_none(), "a fifth in all");
    assert_eq!(seats.taken(), 4, "a refusal takes nothing");
    drop((first, third));
    let again = seats.take(THERE).expect("what was given back can be taken");
    drop((second, fourth, again));
    assert_eq!(seats.taken(), 0);
    assert!(
        seats.by_address.lock().expect("nobody panicked").is_empty(),
        "nothing is remembered of who left"
    );
}

#[test]
fn a_network_of_ipv6_counts_as_one_and_so_does_an_address_however_it_is_written() {
    let of = |text: &str| whose(text.parse().expect("an address"));
    assert_eq!(of("2001:db8:1:2::7"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(of("2001:db8:1:2::7"), of("2001:db8:1:3::7"));
    assert_eq!(of("::ffff:203.0.113.7"), THERE);
    assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
    assert!(of("::1").is_loopback());
    let seats = Seats::new(&Limits { connections_per_address_max: 1, ..Limits::default() });
    let _first = seats.take("2001:db8::1".parse().expect("an address")).expect("the first");
    assert!(seats.take("2001:db8::2".parse().expect("an address")).is_none());
    assert!(seats.take("2001:db8:0:1::1".parse().expect("an address")).is_some());
}

#[test]
fn a_turnstile_lets_a_burst_through_and_then_the_rate() {
    let mut turnstile = Turnstile::new(vec![Rate { count: 10, per: Duration::from_secs(1) }]);
    let start = Duration::from_secs(100);
    let passed =
        |turnstile: &mut Turnstile, now| (0..100).filter(|_| turnstile.pass(THERE, now)).count();
    assert_eq!(passed(&mut turnstile, start), 10);
    assert!(turnstile.pass(ELSEWHERE, start), "others are not concerned");
    assert_eq!(passed(&mut turnstile, start + Duration::from_millis(250)), 2);
    assert_eq!(passed(&mut turnstile, start + Duration::from_secs(60)), 10);
}

#[test]
fn of_two_rates_the_stricter_holds() {
    let rates = vec![
        Rate { count: 5, per: Duration::from_secs(1) },
        Rate { count: 8, per: Duration::from_secs(600) },
    ];
    let mut turnstile = Turnstile::new(rates);
    let passed = |turnstile: &mut Turnstile, seconds| {
        (0..100).filter(|_| turnstile.pass(THERE, Duration::from_secs(seconds))).count()
    };
    assert_eq!(passed(&mut turnstile, 10), 5);
    assert_eq!(passed(&mut turnstile, 12), 3);
    assert_eq!(passed(&mut turnstile, 14), 0);
}

#[test]
fn quiet_addresses_are_forgotten() {
    let mut turnstile = Turnstile::new(vec![Rate { count: 1, per: Duration::from_secs(1) }]);
    let address = |n: u32| IpAddr::V4(std::net::Ipv4Addr::from(n));
    for n in 0..ADDRESSES_MAX as u32 {
        assert!(turnstile.pass(address(n), Duration::ZERO));
    }
    assert!(!turnstile.pass(THERE, Duration::ZERO), "a full memory lets no new address through");
    assert!(turnstile.pass(THERE, Duration::from_secs(2)));
    assert_eq!(turnstile.full_at.len(), 1);
}

#[test]
fn a_flood_of_addresses_is_not_looked_through_each_time() {
    let mut turnstile = Turnstile::new(vec![Rate { count: 1, per: Duration::from_secs(1) }]);
    for n in 0..ADDRESSES_MAX as u32 {
        assert!(turnstile.pass(n, Duration::ZERO));
    }
    assert!(!turnstile.pass(u32::MAX, Duration::from_millis(950)), "nobody is quiet yet");
    assert!(!turnstile.pass(u32::MAX, Duration::from_millis(1_049)), "it rests");
    assert_eq!(turnstile.full_at.len(), ADDRESSES_MAX);
    assert!(turnstile.pass(u32::MAX, Duration::from_millis(1_050)));
    assert_eq!(turnstile.full_at.len(), 1);
}

#[test]
fn each_may_have_a_rate_of_its_own() {
    let mut turnstile = Turnstile::new(Vec::new());
    let mut passed = |who: &'static str, count, seconds| {
        let rates = [Rate { count, per: Duration::from_secs(1) }];
        let now = Duration::from_secs(seconds);
        (0..100).filter(|_| turnstile.pass_at(who, &rates, now)).count()
    };
    assert_eq!(passed("slow", 3, 10), 3);
    assert_eq!(passed("quick", 50, 10), 50);
    assert_eq!(passed("slow", 3, 10), 0);
    assert_eq!(passed("slow", 3, 11), 3);
    assert_eq!(passed("never", 0, 10), 0);
}
