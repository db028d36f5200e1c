use super::*;
use crate::testing::Dice;

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn an_alarm_rings_when_it_is_due_and_not_before() {
    let mut timers = Timers::default();
    let (mut ann, mut bob) = (Alarm::OFF, Alarm::OFF);
    timers.set(&mut ann, 1, 20 * MILLI);
    timers.set(&mut bob, 2, 10 * MILLI + Duration::from_nanos(1));
    assert_eq!(timers.rung(10 * MILLI), None);
    assert_eq!(timers.next(), Some(10 * MILLI + Duration::from_micros(1)));
    assert_eq!(timers.rung(30 * MILLI), Some((bob, 2)));
    assert_eq!(timers.rung(30 * MILLI), Some((ann, 1)));
    assert_eq!(timers.rung(30 * MILLI), None);
}

#[test]
fn each_is_looked_after_in_time_and_the_heap_stays_small() {
    for seed in 0..50 {
        let mut dice = Dice(seed);
        let mut timers = Timers::default();
        // What a loop keeps: each socket's alarm, and when it truly wants to be looked after.
        let mut alarms = [Alarm::OFF; 10];
        let mut wants = [Duration::MAX; 10];
        let mut now = Duration::ZERO;
        for _ in 0..2_000 {
            now += MILLI * dice.roll(5) as u32;
            while let Some((alarm, place)) = timers.rung(now) {
                let at = place as usize;
                if alarms[at] != alarm {
                    continue;
                }
                alarms[at] = Alarm::OFF;
                if wants[at] <= now {
                    wants[at] = now + MILLI * (1 + dice.roll(100) as u32);
                }
                timers.set(&mut alarms[at], place, wants[at]);
            }
            assert!(wants.iter().all(|due| *due > now), "seed {seed}: {wants:?} at {now:?}");
            let at = dice.roll(10);
            wants[at] = now + MILLI * (1 + dice.roll(100) as u32);
            timers.set(&mut alarms[at], at as u32, wants[at]);
        }
        // Brought forward ever again, an alarm leaves at most those that are not due yet behind.
        assert!(timers.heap.len() < 10 * 100, "seed {seed}: {}", timers.heap.len());
    }
}
