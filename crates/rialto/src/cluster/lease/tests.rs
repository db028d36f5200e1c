//! What is written and read again, and single steps of a core's and a standby's side.

use std::time::Duration;

use model::Sequence;

use super::heir::{self, Heir};
use super::keeper::{self, Keeper, Until};
use super::*;

const CORE: Machine = [1; 16];
const ONE: Machine = [2; 16];
const TWO: Machine = [3; 16];

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn lease(holder: Machine, term: u64, heir: Option<Machine>) -> Lease {
    Lease { holder, term, run: [9; 16], heir, name: "here".to_owned() }
}

fn entry(revision: u64, lease: Lease) -> Entry {
    Entry { revision, lease }
}

#[test]
fn a_lease_is_read_as_it_was_written_and_nothing_else_is_read_as_one() {
    for lease in [lease(CORE, 1, None), lease(ONE, u64::MAX, Some(TWO))] {
        assert_eq!(Lease::of_text(&lease.to_text()), Ok(lease));
    }
    let text = lease(CORE, 1, Some(ONE)).to_text();
    assert_eq!(
        text,
        r#"{"holder":"01010101010101010101010101010101","term":1,"run":"09090909090909090909090909090909","heir":"02020202020202020202020202020202","name":"here"}"#
    );
    let long = text.replace("here", &"x".repeat(ENTRY_BYTES_MAX));
    for foreign in ["", "{}", "7", &text.replace("01", "0"), &text.replace("01", "zz"), &long] {
        assert!(Lease::of_text(foreign).is_err(), "{foreign}");
    }
}

/// A core that has just begun, in a market that runs.
fn core(is_replicated: bool) -> Keeper {
    Keeper::new(entry(1, lease(CORE, 1, None)), ms(0), is_replicated)
}

/// What it would do with the register now, and it is done.
fn writes(keeper: &mut Keeper, now: Duration, durable: u64) -> Option<Machine> {
    let keeper::Do::Replace(revision, lease) = keeper.next(now, Some(Sequence(durable))) else {
        panic!("it writes");
    };
    keeper.replaced(Ok(Some(revision + 1)));
    lease.heir
}

#[test]
fn a_core_without_an_heir_goes_on_without_its_register_and_one_with_an_heir_as_long_as_that_answers()
 {
    let mut keeper = core(false);
    assert_eq!(keeper.until(), Until::Ever);
    for moment in [1_000, 9_000, 60_000].map(ms) {
        assert!(matches!(keeper.next(moment, Some(Sequence(7))), keeper::Do::Replace(..)));
        keeper.replaced(Err("it is down".to_owned()));
        assert_eq!(keeper.next(moment + ms(2_000), Some(Sequence(7))), keeper::Do::Read);
        keeper.found(Ok(Some(entry(1, lease(CORE, 1, None)))));
        assert_eq!(keeper.until(), Until::Ever);
    }
    assert_eq!(writes(&mut keeper, ms(70_000), 7), None);

    // A standby is there, and has what counts.
    keeper.kept(ONE, Sequence(7), ms(70_100));
    assert_eq!(keeper.asks(ms(70_100)), [ONE]);
    assert!(keeper.asks(ms(70_200)).is_empty(), "it was asked just now");
    keeper.heard(ONE, ms(70_100));
    assert_eq!(writes(&mut keeper, ms(71_000), 7), Some(ONE));
    assert_eq!(keeper.until(), Until::Then(ms(76_000)));
    assert_eq!(keeper.counts(), Some(ONE));
    // The register is gone, and the heir answers.
    assert!(matches!(keeper.next(ms(72_000), Some(Sequence(7))), keeper::Do::Replace(..)));
    keeper.replaced(Err("it is down".to_owned()));
    keeper.heard(ONE, ms(75_000));
    assert_eq!(keeper.until(), Until::Then(ms(80_000)));
    assert_eq!(keeper.next(ms(79_999), None), keeper::Do::Read);
    keeper.found(Err("it is down".to_owned()));
    assert_eq!(keeper.next(ms(80_000), None), keeper::Do::Nothing);
    assert_eq!(keeper.until(), Until::Over);
    assert!(keeper.over().expect("it is").contains("it is down"), "{keeper:?}");
}

#[test]
fn whoever_is_named_has_what_counts_and_while_that_is_in_the_balance_nobodys_copy_counts() {
    let mut keeper = core(true);
    keeper.kept(ONE, Sequence(6), ms(900));
    keeper.heard(ONE, ms(900));
    assert_eq!(writes(&mut keeper, ms(1_000), 7), None, "it lacks something");
    keeper.kept(ONE, Sequence(7), ms(1_900));
    keeper.heard(ONE, ms(1_900));
    let next = keeper.next(ms(2_000), Some(Sequence(7)));
    assert_eq!(next, keeper::Do::Replace(2, lease(CORE, 1, Some(ONE))));
    assert_eq!(keeper.counts(), None);
    assert_eq!(keeper.until(), Until::Then(ms(6_900)), "it may be named, and has promised");
    keeper.replaced(Err("nobody knows".to_owned()));
    assert_eq!(keeper.counts(), None);
    // What was there before says nothing of that; it was written, as the register says then.
    assert_eq!(keeper.next(ms(3_000), Some(Sequence(7))), keeper::Do::Read);
    keeper.found(Ok(Some(entry(1, lease(CORE, 1, None)))));
    assert_eq!((keeper.counts(), keeper.heir()), (None, None));
    assert_eq!(keeper.next(ms(4_000), Some(Sequence(7))), keeper::Do::Read);
    keeper.found(Ok(Some(entry(3, lease(CORE, 1, Some(ONE))))));
    assert_eq!(keeper.counts(), Some(ONE));
    assert_eq!(keeper.until(), Until::Then(ms(7_000)), "from when that began");

    // Another one is there; only when the first has been silent for long it is named.
    keeper.kept(TWO, Sequence(9), ms(3_000));
    for moment in [3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000].map(ms) {
        keeper.kept(TWO, Sequence(9), moment);
        keeper.heard(TWO, moment);
        assert_eq!(writes(&mut keeper, moment, 9), Some(ONE), "{moment:?}");
    }
    keeper.kept(TWO, Sequence(9), ms(10_000));
    keeper.heard(TWO, ms(10_000));
    let next = keeper.next(ms(10_000), Some(Sequence(9)));
    assert!(matches!(next, keeper::Do::Replace(_, Lease { heir: Some(TWO), .. })), "{next:?}");
    assert_eq!(keeper.counts(), None, "either may be the heir");
    keeper.replaced(Ok(Some(20)));
    assert_eq!(keeper.counts(), Some(TWO));
    // The heir answers still, and says no more what it has: somebody who does is the heir then.
    for moment in [11_000, 12_000, 13_000, 14_000, 15_000, 16_000, 17_000].map(ms) {
        keeper.kept(ONE, Sequence(9), moment);
        keeper.heard(ONE, moment);
        keeper.heard(TWO, moment);
        assert_eq!(writes(&mut keeper, moment, 9), Some(TWO), "{moment:?}");
    }
    keeper.kept(ONE, Sequence(9), ms(18_000));
    keeper.heard(ONE, ms(18_000));
    keeper.heard(TWO, ms(18_000));
    assert_eq!(writes(&mut keeper, ms(18_000), 9), Some(ONE));
    // Somebody else is the core.
    assert!(matches!(keeper.next(ms(19_000), Some(Sequence(9))), keeper::Do::Replace(..)));
    keeper.replaced(Ok(None));
    assert_eq!(keeper.next(ms(19_000), Some(Sequence(9))), keeper::Do::Read);
    keeper.found(Ok(Some(entry(99, lease(TWO, 2, None)))));
    assert_eq!(keeper.until(), Until::Over);
    assert_eq!(keeper.over(), Some("here is the core of this market now, in term 2"));
}

/// A standby to which this was said by the register at the beginning.
fn standby(seen: Lease) -> Heir {
    let mut heir = Heir::new(ONE, [9; 16], "there".to_owned());
    assert_eq!(heir.next(ms(0)), heir::Do::Read);
    assert_eq!(heir.found(Ok(Some(entry(5, seen))), ms(0)), None);
    heir
}

#[test]
fn an_heir_takes_over_when_core_and_register_were_silent_for_long_and_nobody_else_does() {
    let mut heir = standby(lease(CORE, 1, Some(ONE)));
    assert!(heir.asked(CORE, 1, ms(2_000)) && !heir.asked(TWO, 1, ms(3_000)));
    assert!(!heir.asked(CORE, 2, ms(3_000)), "of a term that it does not know");
    assert_eq!(heir.next(ms(7_999)), heir::Do::Read);
    let _nothing = heir.found(Ok(Some(entry(5, lease(CORE, 1, Some(ONE))))), ms(7_999));
    let take = heir.next(ms(9_000));
    assert_eq!(take, heir::Do::Take(5, Lease { name: "there".to_owned(), ..lease(ONE, 2, None) }));
    assert!(!heir.asked(CORE, 1, ms(9_100)), "nothing is promised any more");
    // Nobody knows what came of it: the same again, and what is there then is its own.
    assert_eq!(heir.taken(Err("it is down".to_owned())), None);
    assert!(!heir.asked(CORE, 1, ms(9_200)));
    assert_eq!(heir.next(ms(10_000)), take);
    assert_eq!(heir.taken(Ok(None)), None);
    assert_eq!(heir.next(ms(10_000)), heir::Do::Read);
    let own = entry(6, Lease { name: "there".to_owned(), ..lease(ONE, 2, None) });
    let won = heir.found(Ok(Some(own.clone())), ms(10_100)).expect("it is the core");
    assert_eq!(won, heir::Won { entry: own, began: ms(9_000) });

    // Whoever is not named takes over only if a person says so.
    let mut heir = standby(lease(CORE, 1, Some(TWO)));
    assert!(heir.tell(ms(5_999)).is_err());
    assert_eq!(heir.next(ms(8_000)), heir::Do::Read, "nobody said so");
    assert_eq!(heir.tell(ms(8_500)), Ok(()));
    assert_eq!(heir.next(ms(8_999)), heir::Do::Nothing, "it is not due");
    assert!(matches!(heir.next(ms(9_000)), heir::Do::Take(5, _)));
    // What was said goes for the next attempt alone: the core was heard of before it, and is gone again later.
    let mut heir = standby(lease(CORE, 1, Some(TWO)));
    assert_eq!((heir.tell(ms(8_000)), heir.heard(ms(8_500))), (Ok(()), ()));
    assert_eq!(heir.next(ms(9_000)), heir::Do::Read);
    assert_eq!(heir.next(ms(60_000)), heir::Do::Read);
    // And never where the core renews, or is heard of.
    let mut heir = standby(lease(CORE, 1, Some(ONE)));
    let _nothing = heir.found(Ok(Some(entry(6, lease(CORE, 1, Some(ONE))))), ms(4_000));
    assert!(heir.tell(ms(9_000)).is_err());
    heir.heard(ms(5_000));
    assert!(heir.tell(ms(10_999)).is_err_and(|why| why.contains("heard of 5999 ms")));
    assert!(matches!(heir.next(ms(11_000)), heir::Do::Take(6, _)));
    // Whoever is the core by what the register says, and is not it (any more), is it again after the same time.
    let mut again = standby(lease(ONE, 4, Some(TWO)));
    assert_eq!(again.next(ms(4_999)), heir::Do::Read);
    let _nothing = again.found(Ok(Some(entry(5, lease(ONE, 4, Some(TWO))))), ms(5_000));
    assert!(matches!(again.next(ms(6_000)), heir::Do::Take(5, Lease { term: 5, .. })));
    // The same entry of another process is not one's own.
    let foreign = Lease { run: [8; 16], name: "there".to_owned(), ..lease(ONE, 5, None) };
    assert_eq!(again.taken(Ok(None)), None);
    assert_eq!(again.found(Ok(Some(entry(6, foreign))), ms(6_100)), None);
}
