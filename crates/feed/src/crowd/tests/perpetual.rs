//! The promises of the crowd of a perpetual beside its spot market.

use std::collections::BTreeMap;

use model::{AlertKind, Amount, Constituent, Contract, MarginMode, Payoff, PerpetualEvent, Tier};

use super::*;

const PERPETUAL: InstrumentId = InstrumentId(1);

fn contract(payoff: Payoff) -> Contract {
    let tier = |up_to: i128, initial_ppm| Tier {
        up_to: Amount(up_to),
        initial_ppm,
        maintenance_ppm: initial_ppm / 2,
    };
    Contract {
        instrument: PERPETUAL,
        payoff,
        size: if payoff == Payoff::Linear { 1 } else { 100 },
        tiers: vec![tier(10_i128.pow(17), 10_000), tier(10_i128.pow(19), 20_000)],
        constituents: vec![Constituent::Book(InstrumentId(0))],
        stale_after: Span::seconds(10),
        outlier_ppm: 50_000,
        basis_ppm_max: 5_000,
        funding_interval: Span::seconds(600),
        sample_interval: Span::seconds(60),
        funding_ppm_max: 7_500,
        liquidation_band_ppm: 20_000,
        liquidation_fee_ppm: 1_000,
    }
}

/// The spot market of BTC/USD, and its perpetual.
fn source(seed: u64, payoff: Payoff) -> EngineSource {
    let mut markets = markets();
    markets.truncate(1);
    let mut instrument = Instrument {
        id: PERPETUAL,
        price_decimals: 0,
        quantity_decimals: 5,
        minimum: Minimum::Notional(1_000_000),
        ..markets[0].instrument.clone()
    };
    let mut size = Quantity(5_000);
    if payoff == Payoff::Inverse {
        instrument.quantity_decimals = 0;
        instrument.minimum = Minimum::Quantity(Quantity(1));
        size = Quantity(30);
    }
    markets.push(Market {
        instrument,
        start: Price(60_000),
        activity: Activity::Quiet,
        size,
        contract: Some(contract(payoff)),
    });
    let instruments: Vec<_> = markets.iter().map(|market| market.instrument.clone()).collect();
    let assets = [Asset { code: "BTC".into(), wander_ppm: 8_000 }];
    let crowd = Crowd::new(seed, &assets, &markets, BEGIN);
    let contracts = [contract(payoff)];
    EngineSource::with_contracts(
        (&instruments, &contracts),
        Some(crowd),
        &[Cadence::TENTH],
        BEGIN,
        Gate::open(),
    )
}

/// What there is of every asset is what was deposited: in purses, at the clearing house, in the insurance fund.
fn assert_all_is_there(engine: &Engine, case: &str) {
    let mut sums: BTreeMap<_, Amount> = BTreeMap::new();
    for balance in engine.balances() {
        *sums.entry(balance.asset).or_default() += balance.available + balance.held;
    }
    for asset in engine.assets().all() {
        let sum = sums.get(&asset.id).copied().unwrap_or_default();
        let sum = sum + engine.clearing(asset.id) + engine.insurance(asset.id);
        assert_eq!(sum, engine.supply(asset.id), "{case}: {}", asset.code);
    }
}

/// What happened in two hours.
#[derive(Debug, Default)]
struct Seen {
    trades: usize,
    /// The longest time without a trade, and the last trade.
    silence: Span,
    last: Option<Time>,
    funded: usize,
    alerts: BTreeMap<AlertKind, usize>,
    liquidations: [usize; 2],
    rejected: BTreeMap<String, usize>,
    /// At first, and later.
    deposits: [usize; 2],
}

fn see(seen: &mut Seen, events: &[Event]) {
    for event in events {
        match &event.body {
            EventBody::Deposited(_) => {
                let is_late = event.time > BEGIN + Span::seconds(300);
                seen.deposits[usize::from(is_late)] += 1;
            }
            EventBody::Filled(_) if event.instrument == PERPETUAL => {
                seen.trades += 1;
                let since = event.time - seen.last.unwrap_or(event.time);
                seen.silence = seen.silence.max(since);
                seen.last = Some(event.time);
            }
            EventBody::Rejected(why) if event.instrument == PERPETUAL => {
                let why = match why {
                    Rejection::InsufficientFunds { .. } => "InsufficientFunds".to_owned(),
                    why => format!("{why:?}"),
                };
                *seen.rejected.entry(why).or_default() += 1;
            }
            EventBody::Perpetual(PerpetualEvent::Funded { amount, .. }) => {
                seen.funded += usize::from(*amount != Amount::ZERO);
            }
            EventBody::Perpetual(PerpetualEvent::Alerted(alert)) => {
                *seen.alerts.entry(alert.kind).or_default() += 1;
                if alert.kind == AlertKind::LiquidationStart {
                    seen.liquidations[usize::from(alert.mode == MarginMode::Cross)] += 1;
                }
            }
            _ => {}
        }
    }
}

#[test]
fn some_go_long_and_some_short_and_now_and_then_one_is_liquidated() {
    let mut modes = [0; 2];
    for (payoff, seed) in [Payoff::Linear, Payoff::Inverse].into_iter().cycle().zip(seeds(3, 20)) {
        let case = format!("{payoff:?}, seed {seed}");
        let mut source = source(seed, payoff);
        let mut seen = Seen::default();
        let (mut longs, mut shorts, mut sides) = (0, 0, 0);
        let mut now = BEGIN;
        while now < BEGIN + Span::seconds(7_200) {
            now = now + Span::millis(100);
            go(&mut source, now, |events| see(&mut seen, events));
            assert_all_is_there(source.engine(), &case);
            if now < BEGIN + Span::seconds(120) || now.micros() % 10_000_000 != 0 {
                continue;
            }
            for side in [Side::Buy, Side::Sell] {
                let count = levels(source.engine(), 1, side);
                assert!(count >= 100, "{case}: {count} levels on {side:?} at {now:?}");
            }
            let positions = source.engine().balances().filter_map(|balance| {
                source.engine().position(balance.account, PERPETUAL).map(|it| it.size)
            });
            let positions: Vec<i64> = positions.collect();
            assert_eq!(positions.iter().sum::<i64>(), 0, "{case}: as much long as short");
            longs += usize::from(positions.iter().any(|&size| size > 0));
            shorts += usize::from(positions.iter().any(|&size| size < 0));
            sides += 1;
        }
        assert!(longs == sides && shorts == sides, "{case}: {longs}, {shorts} of {sides}");
        assert!(seen.trades > 1_500 && seen.silence < Span::seconds(60), "{case}: {seen:?}");
        assert!(seen.funded > 20, "{case}: {seen:?}");
        for kind in [
            AlertKind::InitialWarning,
            AlertKind::InitialBreach,
            AlertKind::MaintenanceWarning,
            AlertKind::LiquidationStart,
            AlertKind::LiquidationConcluded,
        ] {
            assert!(seen.alerts.contains_key(&kind), "{case}: never {kind:?}: {seen:?}");
        }
        // Now and then, and not all the time.
        let count: usize = seen.liquidations.iter().sum();
        assert!((1..720).contains(&count), "{case}: {seen:?}");
        modes[0] += seen.liquidations[0];
        modes[1] += seen.liquidations[1];
        // Who has lost its stake comes again.
        assert!(seen.deposits[1] > 0, "{case}: {seen:?}");
        // They know what a perpetual takes.
        let fine = ["InsufficientFunds", "OutsideBand", "Perpetual(InLiquidation)", "BelowMinimum"];
        assert!(
            seen.rejected
                .keys()
                .all(|why| fine.contains(&why.as_str()) || why.starts_with("UnknownOrder")),
            "{case}: {seen:?}"
        );
        let rejected: usize = seen.rejected.values().sum();
        assert!(rejected * 20 < seen.trades, "{case}: {seen:?}");
    }
    assert!(modes.iter().all(|&count| count > 0), "isolated and cross: {modes:?}");
}
