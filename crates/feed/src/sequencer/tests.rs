use super::*;
use model::Cadence;

const TICK: Action = Action::Tick(Cadence::TENTH);

#[test]
fn numbers_have_no_gap_and_time_never_goes_back() {
    let mut sequencer = Sequencer::starting(Time(100));
    let mut stamp = |now| {
        let command = sequencer.command(Time(now), TICK);
        (command.sequence.0, command.time.0)
    };
    assert_eq!(stamp(90), (1, 100), "the start is the earliest stamp");
    assert_eq!(stamp(250), (2, 250));
    assert_eq!(stamp(249), (3, 250), "a late clock does not turn the market's back");
    assert_eq!(stamp(250), (4, 250));
    assert_eq!(stamp(251), (5, 251));
    assert_eq!((sequencer.last(), sequencer.time()), (Sequence(5), Time(251)));
}

#[test]
fn goes_on_after_the_last_command_of_a_log() {
    let mut first = Sequencer::starting(Time(7));
    let _ = first.command(Time(9), TICK);
    let last = first.command(Time(12), TICK);
    let mut second = Sequencer::after(&last);
    assert_eq!(second.command(Time(1), TICK), first.command(Time(1), TICK));
}
