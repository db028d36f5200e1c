use std::sync::Arc;
use std::time::Duration;

use model::{Action, Event, NoOrders, Sequence, Source, Time};

use super::{Settings, start};
use crate::boards::Boards;
use crate::clock::{MarketClock, SessionClock};
use crate::steps::Clerk;

/// Breaks at once.
struct Fragile;

impl Source for Fragile {
    fn due(&self) -> Option<Time> {
        Some(Time(i64::MIN))
    }
    fn advance(&mut self, _now: Time, _out: &mut Vec<Event>) {
        panic!("this source is meant to break");
    }
    fn submit(
        &mut self,
        _now: Time,
        _action: Action,
        _out: &mut Vec<Event>,
    ) -> Result<Sequence, NoOrders> {
        Err(NoOrders)
    }
}

/// Serves those who ask by socket: nobody does.
fn nobody() -> Arc<Clerk> {
    Arc::new(Clerk::of_nobody())
}

#[test]
fn a_thread_that_breaks_is_told_of() {
    let settings = Settings { loops: 1, ..Settings::default() };
    let dialects = std::iter::empty().collect();
    let (clock, session_clock) = (MarketClock::of_the_wall(), SessionClock::started());
    let boards = |loops| Boards::new(Vec::new(), std::iter::empty().collect(), loops);
    let edge =
        start(&settings, &dialects, boards, Box::new(Fragile), clock, session_clock, &nobody())
            .expect("starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let told = runtime.expect("a runtime").block_on(async {
        tokio::time::timeout(Duration::from_secs(60), edge.broken.notified()).await
    });
    told.expect("told within a minute");
}

#[test]
fn an_edge_that_ends_as_asked_is_not_broken() {
    let settings = Settings { loops: 2, ..Settings::default() };
    let dialects = std::iter::empty().collect();
    let boards = |loops| Boards::new(Vec::new(), std::iter::empty().collect(), loops);
    let clock = MarketClock::of_the_wall();
    let session_clock = SessionClock::started();
    let edge = start(&settings, &dialects, boards, Box::new(Idle), clock, session_clock, &nobody())
        .expect("starts");
    let broken = Arc::clone(&edge.broken);
    // Waits for its threads.
    drop(edge);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let told = runtime
        .expect("a runtime")
        .block_on(async { tokio::time::timeout(Duration::ZERO, broken.notified()).await });
    assert!(told.is_err(), "nothing broke");
}

/// Nothing ever happens.
struct Idle;

impl Source for Idle {
    fn due(&self) -> Option<Time> {
        None
    }
    fn advance(&mut self, _now: Time, _out: &mut Vec<Event>) {}
    fn submit(
        &mut self,
        _now: Time,
        _action: Action,
        _out: &mut Vec<Event>,
    ) -> Result<Sequence, NoOrders> {
        Err(NoOrders)
    }
}
