//! Numbers and times as text.

use model::Time;

use super::{scaled, time, trimmed};

#[test]
fn numbers_are_exact_however_large() {
    assert_eq!(scaled(0, 0), "0");
    assert_eq!(scaled(7, 0), "7");
    assert_eq!(scaled(-7, 2), "-0.07");
    assert_eq!(scaled(1_234_500, 4), "123.4500");
    assert_eq!(scaled(i128::MIN, 36), "-170.141183460469231731687303715884105728");
    assert_eq!(trimmed("10.000"), "10");
    assert_eq!(trimmed("0.0200"), "0.02");
    assert_eq!(trimmed("100"), "100");
}

#[test]
fn times_have_microseconds_and_an_end() {
    assert_eq!(time(Time(1_800_000_000_000_001)), "2027-01-15T08:00:00.000001Z");
    assert_eq!(time(Time(0)), "1970-01-01T00:00:00.000000Z");
    assert!(time(Time(i64::MAX)).starts_with("9999-12-"));
    assert!(time(Time(i64::MIN)).starts_with("-009999-"));
}
