//! The tests of the loop again, with rows written by one call of `io_uring`, and with a kernel that refuses in the midst.

use super::*;
use crate::socket::batch::Batch;

thread_local! {
    /// The loop of this test has what the kernel will refuse to it.
    static IS_REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Before a loop runs.
pub(super) fn ready(mut this: Loop) -> Loop {
    if IS_REFUSED.get() {
        // Of another thread, and not the loop's; one that is gone, as when a ring is closed its own thread is interrupted.
        let made = std::thread::spawn(|| Batch::new().ok()).join();
        this.rows.batch = made.expect("it panics at nothing");
    }
    this
}

fn with_rows(test: impl Fn()) {
    ROW_MIN_OF_TEST.set(Some(1));
    test();
}

fn refused(test: impl Fn()) {
    IS_REFUSED.set(true);
    with_rows(test);
}

macro_rules! again {
    ($how:ident: $($test:ident,)*) => {
        mod $how {
            $(
                #[test]
                fn $test() {
                    super::$how(super::super::$test);
                }
            )*
        }
    };
}

again! {
    with_rows:
    who_subscribes_is_acknowledged_then_told_and_then_no_more,
    nothing_is_acknowledged_before_the_boards_have_been_asked,
    what_followed_the_handshake_is_heard,
    state_comes_first_and_without_a_gap_before_what_changes,
    a_client_that_never_reads_is_let_go_and_nobody_else_notices,
    a_slow_client_of_a_numbered_book_begins_anew_with_one_whole_frame,
    a_client_that_takes_nothing_for_too_long_is_let_go,
    a_slow_client_gets_the_newest_of_what_has_a_latest_value,
    answers_pass_by_what_waits_and_never_stand_inside_it,
    nothing_follows_the_word_that_nothing_will_follow_even_where_it_waited,
    a_client_that_asks_and_never_reads_is_not_read_from,
    a_client_that_reads_late_gets_all_its_answers,
    who_hangs_up_behind_a_last_word_is_heard_and_gone,
    each_end_has_its_record,
    a_revoked_key_ends_the_lines_that_it_let_in_and_no_others,
    draining_tells_everybody_goes_on_telling_and_ends_when_all_have_left,
    pings_are_sent,
    in_a_storm_everybody_hears_what_is_theirs,
    a_turn_is_over_when_what_is_due_is_done,
}

again! {
    refused:
    who_subscribes_is_acknowledged_then_told_and_then_no_more,
    a_client_that_never_reads_is_let_go_and_nobody_else_notices,
    a_slow_client_gets_the_newest_of_what_has_a_latest_value,
    answers_pass_by_what_waits_and_never_stand_inside_it,
    in_a_storm_everybody_hears_what_is_theirs,
}

/// Each way of writing: from how many sockets on rows are, whether the kernel refuses them, and how many loops write them
/// in the end.
fn ways() -> [(Option<usize>, bool, u64); 3] {
    let has_batch = Batch::new().is_ok();
    [(None, false, 0), (Some(8), false, has_batch.into()), (Some(8), true, 0)]
}

/// So many listeners of one topic.
fn listeners(house: &mut House, count: usize) -> Vec<Visitor> {
    let mut visitors: Vec<Visitor> = (0..count).map(|_| house.connect()).collect();
    for visitor in &mut visitors {
        visitor.says("+trades0");
        house.serve();
        assert_eq!(visitor.hears(), "+trades0 ok");
    }
    visitors
}

#[test]
fn more_than_one_row_hears_all_each_way() {
    for (row_min, is_refused, loops) in ways() {
        ROW_MIN_OF_TEST.set(row_min);
        IS_REFUSED.set(is_refused);
        let mut house = house(Plain::default());
        let mut visitors = listeners(&mut house, crate::socket::batch::SOCKETS_MAX + 9);
        for number in 1..=5 {
            house.happen(&[print(number, 0)]);
            for visitor in &mut visitors {
                assert_eq!(
                    visitor.hears(),
                    format!("trades0 {number}"),
                    "{row_min:?} {is_refused}"
                );
            }
        }
        let written = 6 * visitors.len() as u64;
        house.until("it is counted", |house| house.counters.writes.read() == written);
        assert_eq!(house.counters.loops_with_io_uring.read(), loops, "{row_min:?} {is_refused}");
    }
}

#[test]
fn a_full_socket_in_a_row_gets_all_it_has_missed_and_the_others_do_not_wait() {
    for (row_min, is_refused, loops) in ways() {
        ROW_MIN_OF_TEST.set(row_min);
        IS_REFUSED.set(is_refused);
        let mut plain = Plain { padding: 60_000, ..Plain::default() };
        plain.manners.queue_bytes_max = usize::MAX;
        let mut house = house(plain);
        let mut visitors = listeners(&mut house, 10);
        let mut slow = visitors.remove(4);
        let (mut number, mut left) = (0, 3);
        while left > 0 {
            number += 1;
            house.happen(&[print(number, 0)]);
            for visitor in &mut visitors {
                assert_eq!(
                    visitor.hears(),
                    format!("trades0 {number}"),
                    "{row_min:?} {is_refused}"
                );
            }
            house.until("it is brought", |house| house.counters.deliveries.read() == 10 * number);
            left -= u64::from(house.counters.writes_cut.read() > 0);
        }
        for number in 1..=number {
            assert_eq!(slow.hears(), format!("trades0 {number}"), "{row_min:?} {is_refused}");
        }
        assert_eq!(house.counters.loops_with_io_uring.read(), loops, "{row_min:?} {is_refused}");
    }
}
