use super::*;
use crate::crowd::{Activity, Asset, Market};
use model::{
    AccountId, EventBody, InstrumentId, Minimum, NewOrder, OrderKind, Price, Quantity, Side, Span,
    TimeInForce,
};
use std::hash::{Hash, Hasher};

pub(in crate::source) const BEGIN: Time = Time(1_795_305_600_123_456);

pub(in crate::source) fn instruments() -> Vec<Instrument> {
    let instrument = |id, base: &str, quote: &str| Instrument {
        id: InstrumentId(id),
        base: base.into(),
        quote: quote.into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 4,
        lot_units: 1,
        minimum: Minimum::Notional(10_000_000),
    };
    vec![instrument(0, "BTC", "USD"), instrument(1, "ETH", "USD"), instrument(2, "BTC", "EUR")]
}

pub(in crate::source) fn source(seed: u64) -> EngineSource {
    let instruments = instruments();
    let market = |instrument: &Instrument| Market {
        instrument: instrument.clone(),
        start: Price(if instrument.base == "BTC" { 6_000_000 } else { 300_000 }),
        activity: if instrument.quote == "USD" { Activity::Busy } else { Activity::Quiet },
        size: Quantity(500),
        contract: None,
    };
    let markets: Vec<_> = instruments.iter().map(market).collect();
    let asset = |code: &str| Asset { code: code.into(), wander_ppm: 8_000 };
    let crowd = Crowd::new(seed, &[asset("BTC"), asset("ETH")], &markets, BEGIN);
    EngineSource::new(&instruments, Some(crowd), &[Cadence::TENTH], BEGIN, Gate::open())
}

pub(in crate::source) const VISITOR: AccountId = AccountId(1_001);

/// The market of a seed, where a visitor can pay for anything.
fn visited(seed: u64, events: &mut Vec<Event>) -> EngineSource {
    let mut source = source(seed);
    let assets = source.engine().assets().clone();
    for deposit in engine::flow::riches(&assets, VISITOR) {
        source.submit(BEGIN, deposit, events).expect("it takes orders");
    }
    source
}

/// A visitor's order to buy at this price.
pub(in crate::source) fn buy(price: i64) -> Action {
    Action::Place(NewOrder {
        account: VISITOR,
        instrument: InstrumentId(0),
        side: Side::Buy,
        kind: OrderKind::Limit(Price(price)),
        quantity: Quantity(1_000),
        time_in_force: TimeInForce::GoodTillCanceled,
        post_only: false,
        trigger: None,
    })
}

/// Everything until `till`, asked for in one call a slice.
fn events_until(source: &mut EngineSource, till: Time) -> Vec<Event> {
    let mut events = Vec::new();
    while source.due().is_some_and(|due| due <= till) {
        source.advance(till, &mut events);
    }
    events
}

/// A number that stands for events, byte for byte as they print.
fn digest(events: &[Event]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    events.len().hash(&mut hasher);
    for event in events {
        format!("{event:?}").hash(&mut hasher);
    }
    hasher.finish()
}

#[test]
fn the_same_seed_gives_the_same_market_and_another_seed_another() {
    let market = |seed| digest(&events_until(&mut source(seed), BEGIN + Span::seconds(60)));
    for seed in [0, 1, 7, u64::MAX] {
        assert_eq!(market(seed), market(seed), "seed {seed}");
        assert_ne!(market(seed), market(seed ^ 1), "seed {seed}");
        assert_ne!(market(seed), market(seed ^ (1 << 63)), "seed {seed}");
    }
}

#[test]
fn whoever_calls_late_gets_the_same_events() {
    for seed in 1..4 {
        let till = BEGIN + Span::seconds(90);
        let at_once = events_until(&mut source(seed), till);

        let mut often = Vec::new();
        let mut patient = source(seed);
        // Steps of 1 to 181 ms, in an order that repeats nothing.
        let mut now = BEGIN;
        let mut step = seed as i64;
        while now < till {
            step = (step * 57 + 11) % 181;
            now = (now + Span::millis(1 + step)).min(till);
            patient.advance(now, &mut often);
        }
        assert_eq!(often.len(), at_once.len(), "seed {seed}");
        assert!(often == at_once, "seed {seed}: the same number of events, but not the same");
        assert_eq!(patient.engine().digest(), {
            let mut again = source(seed);
            events_until(&mut again, till);
            again.engine().digest()
        });
    }
}

#[test]
fn events_are_numbered_without_gaps_and_time_does_not_go_back() {
    let events = events_until(&mut source(4), BEGIN + Span::seconds(30));
    for (place, pair) in events.windows(2).enumerate() {
        assert_eq!(pair[0].sequence.next(), pair[1].sequence, "at {place}");
        assert!(pair[0].cause <= pair[1].cause && pair[0].time <= pair[1].time, "at {place}");
    }
}

#[test]
fn ticks_stand_at_the_multiples_of_their_cadence() {
    let half = Cadence(Span::millis(500));
    let cadences = [Cadence::TENTH, half, Cadence::TENTH];
    let mut source = EngineSource::new(&instruments(), None, &cadences, BEGIN, Gate::open());
    assert_eq!(source.due(), Some(Time(1_795_305_600_200_000)));
    let ticks: Vec<_> = events_until(&mut source, BEGIN + Span::seconds(1))
        .iter()
        .map(|event| match event.body {
            EventBody::Ticked(cadence) => (event.time.micros() % 10_000_000 / 1_000, cadence),
            _ => panic!("nobody else is here: {event:?}"),
        })
        .collect();
    let tenth = |millis| (millis, Cadence::TENTH);
    assert_eq!(
        ticks,
        [
            tenth(200),
            tenth(300),
            tenth(400),
            tenth(500),
            (500, half),
            tenth(600),
            tenth(700),
            tenth(800),
            tenth(900),
            tenth(1_000),
            (1_000, half),
            tenth(1_100)
        ]
    );
    // A market that begins on a multiple ticks at its beginning.
    let begin = Time(1_795_305_600_200_000);
    let source = EngineSource::new(&instruments(), None, &cadences, begin, Gate::open());
    assert_eq!(source.due(), Some(begin));
}

pub(super) fn perpetual(id: u16) -> Contract {
    Contract {
        instrument: InstrumentId(id),
        payoff: Payoff::Linear,
        size: 1,
        tiers: vec![model::Tier {
            up_to: model::Amount(1 << 80),
            initial_ppm: 10_000,
            maintenance_ppm: 5_000,
        }],
        constituents: vec![Constituent::Book(InstrumentId(0))],
        stale_after: Span::seconds(10),
        outlier_ppm: 50_000,
        basis_ppm_max: 5_000,
        funding_interval: Span::seconds(28_800),
        sample_interval: Span::seconds(60),
        funding_ppm_max: 7_500,
        liquidation_band_ppm: 20_000,
        liquidation_fee_ppm: 1_000,
    }
}

#[test]
fn a_perpetual_is_marked_at_whole_seconds_as_its_index_stands_then() {
    let mut instruments = instruments();
    let id = u16::try_from(instruments.len()).expect("a few");
    instruments.push(Instrument { id: InstrumentId(id), ..instruments[0].clone() });
    let contracts = [perpetual(id)];
    let source = |contracts: &[Contract]| {
        let market = (&*instruments, contracts);
        EngineSource::with_contracts(market, None, &[Cadence::TENTH], BEGIN, Gate::open())
    };
    let mut market = source(&contracts);
    let mut events = Vec::new();
    let assets = market.engine().assets().clone();
    for account in [AccountId(7), AccountId(8)] {
        for deposit in engine::flow::riches(&assets, account) {
            market.submit(BEGIN, deposit, &mut events).expect("it takes orders");
        }
    }
    let order = |price, side| match buy(price) {
        Action::Place(new) => Action::Place(NewOrder {
            account: if side == Side::Buy { AccountId(7) } else { AccountId(8) },
            side,
            ..new
        }),
        other => other,
    };
    market.submit(BEGIN, order(5_999_000, Side::Buy), &mut events).expect("it takes orders");
    market.submit(BEGIN, order(6_001_000, Side::Sell), &mut events).expect("it takes orders");
    let mut events = events_until(&mut market, BEGIN + Span::seconds(2));
    market
        .submit(market.time(), order(6_000_000, Side::Buy), &mut events)
        .expect("it takes orders");
    events.extend(events_until(&mut market, BEGIN + Span::seconds(3)));
    let marks: Vec<_> = events
        .iter()
        .zip(events.iter().skip(1))
        .filter_map(|(event, next)| match event.body {
            EventBody::Perpetual(model::PerpetualEvent::Marked(state)) => {
                // Those who show it at that moment's tick have it.
                assert_eq!(
                    (next.time, &next.body),
                    (event.time, &EventBody::Ticked(Cadence::TENTH))
                );
                Some((event.instrument.0, event.time.micros() % 60_000_000, state.index.0))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        marks,
        [(id, 1_000_000, 6_000_000), (id, 2_000_000, 6_000_000), (id, 3_000_000, 6_000_500)]
    );
    // Other terms are another market.
    let other = Contract { funding_ppm_max: 7_501, ..perpetual(id) };
    let markets = [&[][..], &contracts, &[other]].map(|contracts| source(contracts).market());
    assert!(markets[0] != markets[1] && markets[1] != markets[2], "{markets:?}");
}

#[test]
fn an_order_comes_after_everything_that_is_due_and_bends_the_market_from_there() {
    let now = BEGIN + Span::millis(7_777);
    let mut before = Vec::new();
    let mut undisturbed = visited(9, &mut before);
    before.extend(events_until(&mut undisturbed, now));

    let mut events = Vec::new();
    let mut visited = visited(9, &mut events);
    let cause = visited.submit(now, buy(6_100_000), &mut events).expect("it takes orders");
    assert_eq!(events[..before.len()], before[..]);
    assert!(events.len() > before.len() + 1, "an order through the market trades");
    for event in &events[before.len()..] {
        assert_eq!((event.cause, event.time), (cause, now));
    }
    assert_eq!((visited.last(), visited.time()), (cause, now));

    let later = now + Span::seconds(20);
    assert_ne!(
        digest(&events_until(&mut undisturbed, later)),
        digest(&events_until(&mut visited, later))
    );
}

#[test]
fn what_is_foreseen_changes_nothing_whether_it_comes_or_not() {
    let run = |foreseen: bool| {
        let mut events = Vec::new();
        let mut source = visited(6, &mut events);
        let mut now = BEGIN;
        let mut mine: Vec<model::OrderId> = Vec::new();
        for turn in 0..60 {
            now = now + Span::millis(300);
            // Cancels of orders that are open, are gone, are others' and never were, between new ones.
            let cancel =
                |order| Action::Cancel { account: VISITOR, instrument: InstrumentId(0), order };
            let mut actions: Vec<Action> = (0..10).map(|away| buy(5_900_000 + away)).collect();
            actions.extend(mine.iter().rev().take(12).copied().map(cancel));
            let anybodys = mine.last().copied().unwrap_or_default();
            actions.extend(
                (0..4)
                    .map(|back| cancel(model::OrderId((anybodys.0 + 9).saturating_sub(back * 7)))),
            );
            if foreseen {
                source.foresee(&mut actions.iter());
                source.foresee(&mut actions.iter().rev());
            }
            for action in actions.into_iter().take(20 + turn % 7) {
                let from = events.len();
                source.submit(now, action, &mut events).expect("it takes orders");
                mine.extend(events[from..].iter().filter_map(|event| match event.body {
                    EventBody::Rested(order) if order.account == VISITOR => Some(order.id),
                    _ => None,
                }));
            }
        }
        assert!(mine.len() > 500, "{} orders rested", mine.len());
        let closed = |event: &&Event| matches!(event.body, EventBody::Closed { order, .. } if order.account == VISITOR);
        assert!(events.iter().filter(closed).count() > 300, "orders are cancelled");
        (digest(&events), source.engine().digest())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_long_sleep_is_caught_up_in_slices() {
    let mut source = source(2);
    let now = BEGIN + Span::seconds(600);
    let mut events = Vec::new();
    source.advance(now, &mut events);
    let reached = source.time();
    assert!(reached < now && source.due().is_some_and(|due| due <= now));
    // What is due at one moment is finished: one act asks for a few dozen things at most.
    assert!((SLICE_COMMANDS..SLICE_COMMANDS + 100).contains(&source.last().0));

    // Who asks in the middle of it meets the market that is shown.
    events.clear();
    let cause = source.submit(now, buy(5_000_000), &mut events).expect("it takes orders");
    let told = events.last().expect("the order is told");
    assert_eq!(told.cause, cause);
    assert!(told.time > reached && told.time < now && source.due().is_some_and(|due| due <= now));
    assert!(cause.0 < 2 * SLICE_COMMANDS + 200);

    events_until(&mut source, now);
    assert!(source.due().is_some_and(|due| due > now && due <= now + Span::millis(100)));
}

#[test]
fn behind_a_gate_events_wait_until_their_command_is_durable() {
    let till = BEGIN + Span::seconds(5);
    let open = events_until(&mut source(6), till);

    let mut gated = EngineSource { gate: Gate::closed_after(Sequence(0), 500), ..source(6) };
    let mut events = Vec::new();
    let mut rounds = 0;
    loop {
        gated.advance(till, &mut events);
        assert!(events.len() <= open.len());
        match gated.due() {
            Some(due) if due > till => break,
            due => assert_eq!(due, None, "a full gate has nothing to say by itself"),
        }
        let told = events.len();
        gated.advance(till, &mut events);
        assert_eq!(events.len(), told, "a full gate does not go on");
        gated.durable(gated.last(), &mut events);
        rounds += 1;
    }
    assert!(rounds > 3, "it was full {rounds} times");
    gated.durable(gated.last(), &mut events);
    assert!(events == open);
}
