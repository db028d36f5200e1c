use super::*;

#[test]
fn a_deadline_is_reached_when_it_shows_and_not_before() {
    for speed in [1, 250, 999, 1_000, 1_001, 7_000, 1_000_000] {
        let clock = MarketClock::starting(Time(1_000_000_000), Speed(speed));
        for ahead in [1, 2, 3, 999, 1_000, 123_457, 86_400_000_000] {
            let due = Time(1_000_000_000 + ahead);
            let reached = clock.reaches(due);
            assert!(clock.after(reached) >= due, "speed {speed}, {ahead} µs ahead");
            let before = reached - Duration::from_micros(1);
            assert!(clock.after(before) < due, "speed {speed}, {ahead} µs ahead");
        }
    }
}

#[test]
fn what_is_past_is_due_at_once_and_a_clock_that_stands_still_never_gets_there() {
    let clock = MarketClock::starting(Time(5), Speed::WALL);
    assert_eq!(clock.until(Time(5)), Duration::ZERO);
    assert_eq!(clock.until(Time(-7)), Duration::ZERO);
    let still = MarketClock::starting(Time(5), Speed(0));
    assert_eq!(still.after(Duration::from_secs(1_000_000)), Time(5));
    assert!(still.reaches(Time(6)) > Duration::from_secs(86_400 * 365 * 99));
    assert!(clock.reaches(Time(i64::MAX)) > Duration::from_secs(86_400 * 365 * 99));
}

#[test]
fn what_is_moved_by_hand_moves_for_all_who_hold_it_and_is_not_slept_for() {
    let clock = SessionClock::by_hand(Time(7));
    let other = clock.clone();
    assert_eq!(other.passed().until(Duration::from_secs(1)), None, "nobody knows when");
    clock.passed().set(Duration::from_secs(1));
    clock.set_wall(Time(9));
    assert_eq!((other.now(), other.wall()), (Duration::from_secs(1), Time(9)));
    assert_eq!(other.passed().until(Duration::from_secs(1)), Some(Duration::ZERO));

    let passed = Stopwatch::by_hand();
    let market = MarketClock::by(passed.clone(), Time(5));
    passed.set(Duration::from_micros(3));
    assert_eq!(market.now(), Time(8));
    assert_eq!(market.until(Time(8)), Duration::ZERO);
    assert!(market.until(Time(9)) > Duration::from_secs(86_400 * 365 * 99));
}
