//! The promises of the crowd, on the nine spot instruments of the demo.

use std::collections::BTreeSet;

use engine::Engine;
use model::{
    AccountId, Action, Cadence, CloseReason, Decimal, Event, EventBody, Instrument, InstrumentId,
    Minimum, NewOrder, OrderKind, Price, Quantity, Rejection, Side, Source, Span, Status, Time,
    TimeInForce,
};

mod perpetual;

use super::chance::Chance;
use super::{Activity, Asset, Crowd, FIRST_ACCOUNT, Market};
use crate::gate::Gate;
use crate::source::engine::EngineSource;

/// 2026-11-22T00:00:00Z.
const BEGIN: Time = Time(1_795_305_600_000_000);
/// A visitor's account.
const VISITOR: AccountId = AccountId(1_001);

#[rustfmt::skip]
const DEMO: [[&str; 8]; 9] = [
    // base, quote, activity, tick, lot, minimum, start, size; a minimum in base is written with a '#'
    ["BTC", "USD", "busy", "0.01", "0.00000001", "10", "60000", "0.05"],
    ["ETH", "USD", "busy", "0.01", "0.00000001", "10", "3000", "0.8"],
    ["BTC", "EUR", "quiet", "0.01", "0.00000001", "10", "55000", "0.03"],
    ["BTC", "USDT", "busy", "0.01", "0.00000001", "10", "60000", "0.04"],
    ["ETH", "USDT", "quiet", "0.01", "0.00000001", "10", "3000", "0.6"],
    ["ETH", "BTC", "quiet", "0.000001", "0.00000001", "0.0002", "0.05", "0.5"],
    ["ETH", "AUDT", "quiet", "0.01", "0.0001", "1", "4500", "0.4"],
    ["AAPL", "USD", "busy", "0.01", "1", "#1", "220", "60"],
    ["TSLA", "USD", "busy", "0.01", "1", "#1", "220", "50"],
];

const WANDER: [(&str, u32); 7] = [
    ("BTC", 8_000),
    ("ETH", 10_000),
    ("EUR", 1_500),
    ("USDT", 150),
    ("AUDT", 2_500),
    ("AAPL", 5_000),
    ("TSLA", 9_000),
];

fn markets() -> Vec<Market> {
    let number = |text: &str| Decimal::parse(text).expect("a decimal");
    let market = |(place, row): (usize, &[&str; 8])| {
        let [base, quote, activity, tick, lot, minimum, start, size] = *row;
        let (tick, lot) = (number(tick), number(lot));
        let mut instrument = Instrument {
            id: InstrumentId(place as u16),
            base: base.into(),
            quote: quote.into(),
            price_decimals: tick.decimals,
            tick_units: tick.units,
            quantity_decimals: lot.decimals,
            lot_units: lot.units,
            minimum: Minimum::Quantity(Quantity(1)),
        };
        if !minimum.starts_with('#') {
            let minimum = number(minimum);
            instrument.minimum =
                Minimum::Notional(instrument.notional_of_units(minimum.units, minimum.decimals));
        }
        let units = |text: &str, decimals| number(text).units_at(decimals).expect("it fits");
        Market {
            start: instrument.price_of_units(units(start, tick.decimals)).expect("whole ticks"),
            size: instrument.quantity_of_units(units(size, lot.decimals)).expect("whole lots"),
            activity: if activity == "busy" { Activity::Busy } else { Activity::Quiet },
            contract: None,
            instrument,
        }
    };
    DEMO.iter().enumerate().map(market).collect()
}

fn source(seed: u64) -> EngineSource {
    let markets = markets();
    let assets: Vec<Asset> =
        WANDER.map(|(code, wander_ppm)| Asset { code: code.into(), wander_ppm }).into();
    let instruments: Vec<_> = markets.iter().map(|market| market.instrument.clone()).collect();
    let crowd = Crowd::new(seed, &assets, &markets, BEGIN);
    EngineSource::new(&instruments, Some(crowd), &[Cadence::TENTH], BEGIN, Gate::open())
}

/// Goes on until `till` and hands each slice of events over.
fn go(source: &mut EngineSource, till: Time, mut see: impl FnMut(&[Event])) {
    let mut events = Vec::new();
    while source.due().is_some_and(|due| due <= till) {
        source.advance(till, &mut events);
        see(&events);
        events.clear();
    }
}

fn levels(engine: &Engine, instrument: usize, side: Side) -> usize {
    engine.levels(InstrumentId(instrument as u16), side, usize::MAX).count()
}

/// Seeds of a test: a few, or many when there is time.
fn seeds(few: u64, many: u64) -> std::ops::Range<u64> {
    1..1 + if std::env::var_os("RIALTO_LONG").is_some() { many } else { few }
}

#[test]
fn every_market_has_a_hundred_levels_a_side_at_all_times() {
    for seed in seeds(2, 20) {
        let mut source = source(seed);
        let mut moments = Chance::new(seed, 1);
        let mut now = BEGIN + Span::millis(1_500);
        while now < BEGIN + Span::seconds(3_600) {
            go(&mut source, now, |_| ());
            for place in 0..DEMO.len() {
                for side in [Side::Buy, Side::Sell] {
                    let count = levels(source.engine(), place, side);
                    assert!(
                        count >= 100,
                        "seed {seed}, {:?} after the start: {} has {count} levels on {side:?}",
                        now - BEGIN,
                        name(place)
                    );
                }
            }
            now = now + Span::millis(moments.between(1, 20_000));
        }
    }
}

#[test]
fn chance_has_the_shapes_it_promises_and_is_the_same_everywhere() {
    let mut chance = Chance::new(7, 0);
    let first: Vec<_> = (0..4).map(|_| chance.below(1_000_000)).collect();
    assert_eq!(first, [314_036, 640_740, 717_032, 494_430]);
    let mut other = Chance::new(7, 1);
    assert!((0..4).map(|_| other.below(1_000_000)).ne(first), "streams differ");

    let draws = 40_000;
    let (mut sum, mut squares) = (0, 0);
    for _ in 0..draws {
        let bell = chance.bell();
        sum += bell;
        squares += bell * bell;
        assert!((3..=9).contains(&chance.between(3, 9)));
        assert!((0..50).contains(&chance.falling(50, 3)));
        let pause = chance.steady(Span(1_000)).0;
        assert!((500..=1_500).contains(&pause), "{pause}");
    }
    assert!((sum / draws).abs() < 30, "the bell stands at {}", sum / draws);
    assert!((950_000..1_050_000).contains(&(squares / draws)), "variance {}", squares / draws);
    let share = (0..draws).filter(|_| chance.falling(1_000, 3) < 125).count() as i64;
    assert!((share * 100 / draws - 50).abs() < 2, "half of the cubes of shares are below 1/8");
    let mean = (0..draws).map(|_| chance.restless(Span(1_000_000)).0).sum::<i64>() / draws;
    assert!((980_000..1_030_000).contains(&mean), "a restless pause of {mean} µs");
    assert_eq!(chance.below(0), 0);
}

#[test]
fn fair_prices_are_the_same_everywhere_and_nobody_bends_them() {
    let after = |visits: bool| {
        let mut source = source(7);
        for second in 1..=120 {
            let now = BEGIN + Span::seconds(second);
            go(&mut source, now, |_| ());
            if visits {
                let action = sweep(second as usize % 9, Side::Buy, OrderKind::Market, 1 << 40);
                source.submit(now, action, &mut Vec::new()).expect("an engine takes orders");
            }
        }
        let crowd = source.crowd().expect("there is one");
        (0..DEMO.len()).map(|place| crowd.fair_price(place).0).collect::<Vec<_>>()
    };
    let alone = after(false);
    let prices = [5998232, 299919, 5498015, 5998350, 299925, 50001, 449851, 21974, 21980];
    assert_eq!(alone, prices);
    assert_eq!(after(true), alone);
}

#[test]
fn prices_and_quantities_are_rounded_away_from_the_market() {
    use super::quoter::rounded;
    assert_eq!([1, 99, 100, 199].map(|price| rounded(price, Side::Buy, 100)), [0, 0, 100, 100]);
    assert_eq!(
        [1, 99, 100, 101].map(|price| rounded(price, Side::Sell, 100)),
        [100, 100, 100, 200]
    );
    assert_eq!([0, 9, 19, 4_711].map(|lots| super::first_digits(lots, 10)), [0, 9, 10, 4_000]);
    assert_eq!([99, 101, 4_711].map(|lots| super::first_digits(lots, 100)), [99, 100, 4_700]);
}

/// What an hour of a market amounts to.
#[derive(Clone, Default)]
struct Hour {
    trades: u64,
    /// The longest time without a trade, and the last trade.
    silence: Span,
    last: Option<Time>,
    /// Tenths of a second in which the book changed.
    restless_ticks: u64,
    changed: bool,
    /// The longest run of tenths of a second in which it did not.
    stillness: u64,
    still: u64,
    /// Steps seen: cancelled, expired, not filled, killed, woken, created at market.
    kinds: [u64; 6],
    /// Quantities of trades seen.
    sizes: BTreeSet<i64>,
    refused: Vec<Rejection>,
}

#[test]
fn markets_trade_as_often_as_they_should_and_their_books_never_rest() {
    for seed in seeds(1, 10) {
        let mut hours = vec![Hour::default(); DEMO.len()];
        let minutes = 20;
        let mut source = source(seed);
        let begin = BEGIN + Span::seconds(60);
        go(&mut source, begin, |_| ());
        go(&mut source, begin + Span::seconds(minutes * 60), |events| {
            for event in events {
                if let EventBody::Ticked(_) = event.body {
                    for hour in &mut hours {
                        hour.restless_ticks += u64::from(hour.changed);
                        hour.still = if hour.changed { 0 } else { hour.still + 1 };
                        hour.stillness = hour.stillness.max(hour.still);
                        hour.changed = false;
                    }
                    continue;
                }
                let hour = &mut hours[event.instrument.index()];
                match &event.body {
                    EventBody::Filled(fill) => {
                        let since = event.time - hour.last.unwrap_or(begin);
                        hour.silence = hour.silence.max(since);
                        hour.last = Some(event.time);
                        hour.trades += 1;
                        hour.changed = true;
                        hour.sizes.insert(fill.quantity.0);
                    }
                    EventBody::Rested(_) | EventBody::Replaced { .. } => hour.changed = true,
                    EventBody::Closed { reason, .. } => {
                        hour.changed = true;
                        match reason {
                            CloseReason::Canceled => hour.kinds[0] += 1,
                            CloseReason::Expired => hour.kinds[1] += 1,
                            CloseReason::NotFilled => hour.kinds[2] += 1,
                            CloseReason::Killed => hour.kinds[3] += 1,
                            CloseReason::WouldMatch
                            | CloseReason::SelfTrade
                            | CloseReason::NothingToReduce
                            | CloseReason::Liquidation => (),
                            CloseReason::Unfunded => panic!("seed {seed}: somebody cannot pay"),
                        }
                    }
                    EventBody::Triggered(_) => hour.kinds[4] += 1,
                    EventBody::Created(order) => {
                        hour.kinds[5] += u64::from(order.kind == OrderKind::Market);
                    }
                    EventBody::Rejected(why) => hour.refused.push(*why),
                    _ => (),
                }
            }
        });
        for (place, hour) in hours.iter().enumerate() {
            let at = format!("seed {seed}, {}", name(place));
            let per_minute = hour.trades / minutes.unsigned_abs();
            let busy = DEMO[place][2] == "busy";
            let (rate, silence) = if busy { (120..900, 20) } else { (12..120, 60) };
            assert!(rate.contains(&per_minute), "{at}: {per_minute} trades a minute");
            assert!(hour.silence < Span::seconds(silence), "{at}: silent for {:?}", hour.silence);
            // A client that waits for seven diffs has them within seconds.
            assert!(hour.stillness < 30, "{at}: still for {} ticks", hour.stillness);
            let share = hour.restless_ticks * 100 / (600 * minutes.unsigned_abs());
            assert!(
                share > if busy { 70 } else { 35 },
                "{at}: the book moves in {share} % of ticks"
            );
            assert!(hour.sizes.len() > 60, "{at}: {} sizes of trades", hour.sizes.len());
            assert!(hour.refused.is_empty(), "{at}: refused {:?}", hour.refused);
        }
        for kind in 0..6 {
            let seen = hours.iter().map(|hour| hour.kinds[kind]).sum::<u64>();
            assert!(seen > 0, "seed {seed}: nothing of kind {kind}");
        }
    }
}

#[test]
fn spreads_are_tight_and_the_book_thins_out() {
    for seed in seeds(2, 20) {
        let mut source = source(seed);
        let (mut spreads, mut rounds) = ([0_i64; DEMO.len()], 0);
        let (mut close, mut far) = (0, 0);
        for second in 1..300 {
            go(&mut source, BEGIN + Span::seconds(second * 2), |_| ());
            rounds += 1;
            for (place, spread) in spreads.iter_mut().enumerate() {
                let id = InstrumentId(place as u16);
                let best = |side| source.engine().best(id, side).expect("a level").price.0;
                let (bid, ask) = (best(Side::Buy), best(Side::Sell));
                *spread += (ask - bid) * 1_000_000 / bid;
                let near = ask + ask / 1_000;
                for level in source.engine().levels(id, Side::Sell, usize::MAX) {
                    close += u64::from(level.price.0 < near);
                    far += u64::from(level.price.0 >= near && level.price.0 < near + ask / 1_000);
                }
            }
        }
        for (place, spread) in spreads.iter().enumerate() {
            let mean = spread / rounds;
            let most = if DEMO[place][2] == "busy" { 250 } else { 600 };
            assert!(
                (20..most).contains(&mean),
                "seed {seed}: {}'s spread is {mean} ppm",
                name(place)
            );
        }
        assert!(close > far * 5 / 4, "seed {seed}: {close} levels near the market, {far} behind");
    }
}

/// A market order of a visitor's account for so much.
fn sweep(instrument: usize, side: Side, kind: OrderKind, quantity: i64) -> Action {
    Action::Place(NewOrder {
        account: VISITOR,
        instrument: InstrumentId(instrument as u16),
        side,
        kind,
        quantity: Quantity(quantity),
        time_in_force: match kind {
            OrderKind::Market => TimeInForce::ImmediateOrCancel,
            OrderKind::Limit(_) => TimeInForce::GoodTillCanceled,
        },
        post_only: false,
        trigger: None,
    })
}

/// A visitor comes, and can pay for anything.
fn welcome(source: &mut EngineSource) {
    let assets = source.engine().assets().clone();
    for deposit in engine::flow::riches(&assets, VISITOR) {
        source.submit(BEGIN, deposit, &mut Vec::new()).expect("an engine takes orders");
    }
}

#[test]
fn a_swept_book_is_full_again_within_two_seconds() {
    for seed in seeds(3, 30) {
        let mut source = source(seed);
        welcome(&mut source);
        let mut now = BEGIN + Span::seconds(30 + seed as i64);
        for place in 0..DEMO.len() {
            for side in [Side::Buy, Side::Sell] {
                go(&mut source, now, |_| ());
                let mut events = Vec::new();
                let all = source
                    .engine()
                    .levels(InstrumentId(place as u16), side.opposite(), usize::MAX)
                    .map(|level| level.quantity.0)
                    .sum();
                let action = sweep(place, side, OrderKind::Market, all);
                source.submit(now, action, &mut events).expect("an engine takes orders");
                let left = levels(source.engine(), place, side.opposite());
                assert!(left < 20, "seed {seed}, {}: {left} levels survive a sweep", name(place));

                now = now + Span::seconds(2);
                go(&mut source, now, |_| ());
                let back = levels(source.engine(), place, side.opposite());
                assert!(back >= 100, "seed {seed}, {}: {back} levels after a sweep", name(place));
            }
        }
        // What is swept comes back near the fair price.
        go(&mut source, now + Span::seconds(5), |_| ());
        assert_near_fair(&source, seed, 2_000);
    }
}

#[test]
fn a_wall_in_the_way_moves_the_book_and_does_not_flatten_it() {
    for seed in seeds(2, 20) {
        let mut source = source(seed);
        welcome(&mut source);
        let mut now = BEGIN + Span::seconds(20);
        go(&mut source, now, |_| ());
        for (place, market) in markets().iter().enumerate() {
            // Far more than the crowd can buy at 3 % below the market.
            let price = OrderKind::Limit(Price(market.start.0 * 97 / 100));
            let action = sweep(place, Side::Sell, price, market.size.0 * 20_000);
            source.submit(now, action, &mut Vec::new()).expect("an engine takes orders");
        }
        for _ in 0..4 {
            now = now + Span::seconds(2);
            go(&mut source, now, |_| ());
            for (place, market) in markets().iter().enumerate() {
                let wall =
                    source.engine().best(market.instrument.id, Side::Sell).expect("it stands");
                assert_eq!(wall.price.0, market.start.0 * 97 / 100, "seed {seed}, {}", name(place));
                let count = levels(source.engine(), place, Side::Buy);
                assert!(count >= 100, "seed {seed}, {}: {count} levels", name(place));
            }
        }
        let away = Action::CancelAll { account: VISITOR, instrument: None };
        source.submit(now, away, &mut Vec::new()).expect("an engine takes orders");
        go(&mut source, now + Span::seconds(20), |_| ());
        assert_near_fair(&source, seed, 2_000);
    }
}

#[test]
fn nobody_acts_where_the_status_forbids_it() {
    let mut source = source(5);
    let mut now = BEGIN + Span::seconds(5);
    let at = |status| Action::SetStatus { instrument: InstrumentId(0), status };
    for status in [Status::Halted, Status::CancelOnly, Status::PostOnly] {
        let mut events = Vec::new();
        source.submit(now, at(status), &mut events).expect("an engine takes orders");
        events.clear();
        now = now + Span::seconds(30);
        go(&mut source, now, |slice| events.extend_from_slice(slice));
        events.retain(|event| event.instrument == InstrumentId(0));
        let refused = |event: &Event| matches!(event.body, EventBody::Rejected(_));
        assert!(!events.iter().any(refused), "{status:?}");
        let traded = |event: &Event| matches!(event.body, EventBody::Filled(_));
        assert!(!events.iter().any(traded), "{status:?}");
        assert_eq!(
            events.iter().any(|event| matches!(event.body, EventBody::Rested(_))),
            status == Status::PostOnly
        );
    }
    source.submit(now, at(Status::Trading), &mut Vec::new()).expect("an engine takes orders");
    let mut traded = false;
    go(&mut source, now + Span::seconds(5), |events| {
        traded |= events.iter().any(|event| {
            event.instrument == InstrumentId(0) && matches!(event.body, EventBody::Filled(_))
        });
    });
    assert!(traded, "the market wakes up again");
}

/// Prices stay in their bands, related markets agree, and nothing piles up.
fn holds_for(seed: u64, span: Span) {
    let mut source = source(seed);
    let mut now = BEGIN;
    while now < BEGIN + span {
        now = now + Span::seconds(61);
        let mut trades = Vec::new();
        go(&mut source, now, |events| {
            trades.extend(events.iter().filter_map(|event| match &event.body {
                EventBody::Filled(fill) => Some((event.instrument.index(), fill.price.0)),
                _ => None,
            }));
        });
        for (place, price) in trades {
            let start = markets_start(place);
            let away = (price - start).abs() * 1_000 / start;
            assert!(away < 80, "seed {seed}: {} trades at {price}, start {start}", name(place));
        }
        assert_near_fair(&source, seed, 3_000);
        let open = source.engine().open_orders_count();
        assert!(open < 4_500, "seed {seed}: {open} open orders");
    }
    let engine = source.engine();
    for number in FIRST_ACCOUNT..FIRST_ACCOUNT + 18 * 9 {
        for place in 0..DEMO.len() {
            let count = engine.open_orders(AccountId(number), InstrumentId(place as u16)).count();
            assert!(count <= 36, "seed {seed}: account {number} has {count} open orders");
        }
    }
}

/// Checks that the middle of each market is within so many millionths of its fair price.
fn assert_near_fair(source: &EngineSource, seed: u64, ppm: i64) {
    for place in 0..DEMO.len() {
        let id = InstrumentId(place as u16);
        let best = |side| source.engine().best(id, side).expect("a level").price.0;
        let middle = i64::midpoint(best(Side::Buy), best(Side::Sell));
        let fair = source.crowd().expect("there is one").fair_price(place).0;
        let away = (middle - fair).abs() * 1_000_000 / fair;
        assert!(away < ppm, "seed {seed}: {} is {away} ppm from its fair price", name(place));
    }
}

#[test]
fn prices_stay_near_what_is_fair_and_nothing_piles_up() {
    holds_for(3, Span::seconds(1_800));
}

#[test]
#[ignore = "a day of market time takes half a minute; runs with --long"]
fn a_day_does_not_move_prices_out_of_their_band() {
    for seed in [1, 2] {
        holds_for(seed, Span::seconds(86_400));
    }
}

#[test]
fn related_markets_agree() {
    let mut source = source(11);
    go(&mut source, BEGIN + Span::seconds(1_200), |_| ());
    let middle = |place| {
        let best = |side| source.engine().best(InstrumentId(place), side).expect("a level").price.0;
        i128::from(best(Side::Buy) + best(Side::Sell))
    };
    let (btc, eth, ratio) = (middle(0), middle(1), middle(5));
    // Ticks of ETH/BTC are millionths; both others count cents.
    let implied = eth * 2_000_000 / btc;
    assert!((implied - ratio).abs() * 1_000 < ratio, "ETH/BTC {ratio}, {implied} through USD");
    // The tether is worth a dollar, nearly.
    assert!((btc - middle(3)).abs() * 500 < btc, "BTC/USD {btc}, BTC/USDT {}", middle(3));
}

fn name(place: usize) -> String {
    format!("{}/{}", DEMO[place][0], DEMO[place][1])
}

fn markets_start(place: usize) -> i64 {
    [6_000_000, 300_000, 5_500_000, 6_000_000, 300_000, 50_000, 450_000, 22_000, 22_000][place]
}
