use super::*;

#[test]
fn the_longest_wait_of_the_last_minute_is_told_and_then_forgotten() {
    let at = Duration::from_secs;
    let mut lag = Lag::default();
    assert_eq!(lag.longest(at(1_000)), Duration::ZERO);
    lag.note(Duration::from_millis(700), at(1_003));
    lag.note(Duration::from_millis(40), at(1_004));
    assert_eq!(lag.longest(at(1_004)), Duration::from_millis(700));
    lag.note(Duration::from_millis(900), at(1_031));
    for second in 1_031..=1_063 {
        assert_eq!(lag.longest(at(second)), Duration::from_millis(900), "{second}");
    }
    lag.note(Duration::from_millis(5), at(1_090));
    assert_eq!(lag.longest(at(1_091)), Duration::from_millis(900), "a minute ago it was so");
    assert_eq!(lag.longest(at(1_101)), Duration::from_millis(5));
    assert_eq!(lag.longest(at(1_000_000)), Duration::ZERO);
}

#[test]
fn a_wait_too_long_to_be_counted_is_not_taken_for_a_short_one() {
    let mut lag = Lag::default();
    lag.note(Duration::from_secs(1 << 40), Duration::from_secs(9));
    assert_eq!(lag.longest(Duration::from_secs(9)), Duration::from_millis(u32::MAX.into()));
}
