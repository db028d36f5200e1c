//! The laws of the views, over many seeds.

use testkit::laws::{day, gap, latecomer, positions, tally, verdict};

#[test]
fn whoever_comes_late_holds_what_the_others_hold() {
    let mut all = latecomer::Figures::default();
    for seed in 0..200 {
        let one = latecomer::check(seed);
        all.latecomers += one.latecomers;
        all.compared += one.compared;
        all.words += one.words;
        all.trades += one.trades;
    }
    println!("{all:?}");
    assert!(
        all.latecomers > 400 && all.compared > 50_000 && all.words > 100_000 && all.trades > 5_000,
        "too little happened to mean anything: {all:?}"
    );
}

/// A whole day, and forty minutes around a midnight, forty times; under `RIALTO_LONG` twenty days.
#[test]
fn candles_and_statistics_are_what_the_trades_make_of_them() {
    let days = if std::env::var_os("RIALTO_LONG").is_some() { 20 } else { 1 };
    let days = (0..days).map(|seed| (seed, day::Stretch::day()));
    let mut all = day::Figures::default();
    for (seed, stretch) in days.chain((0..40).map(|seed| (seed, day::Stretch::midnight()))) {
        let one = day::check(seed, stretch);
        all.trades += one.trades;
        all.candles += one.candles;
        all.tickers += one.tickers;
        all.ranges += one.ranges;
    }
    println!("{all:?}");
    assert!(
        all.trades > 3_000 && all.candles > 30_000 && all.tickers > 50_000 && all.ranges > 2_000,
        "too little happened to mean anything: {all:?}"
    );
}

#[test]
fn what_an_account_is_told_adds_up() {
    let mut all = tally::Figures::default();
    for seed in verdict::seeds() {
        let one = tally::check(seed);
        all.orders += one.orders;
        all.replaced += one.replaced;
        all.woken += one.woken;
        all.trades += one.trades;
        all.self_trades += one.self_trades;
    }
    println!("{all:?}");
    assert!(
        all.orders > 20_000
            && all.replaced > 500
            && all.woken > 500
            && all.trades > 20_000
            && all.self_trades > 1_000,
        "too little happened to mean anything: {all:?}"
    );
}

#[test]
fn whoever_comes_late_to_an_account_holds_what_it_holds() {
    let mut all = latecomer::own::Figures::default();
    for seed in 0..200 {
        let one = latecomer::own::check(seed);
        all.latecomers += one.latecomers;
        all.compared += one.compared;
        all.holdings += one.holdings;
        all.steps += one.steps;
    }
    println!("{all:?}");
    assert!(
        all.latecomers > 1_000
            && all.compared > 100_000
            && all.holdings > 5_000
            && all.steps > 20_000,
        "too little happened to mean anything: {all:?}"
    );
}

#[test]
fn whoever_asks_for_what_it_missed_has_missed_nothing() {
    let mut all = gap::Figures::default();
    for seed in verdict::seeds() {
        let one = gap::check(seed);
        all.events += one.events;
        all.gaps += one.gaps;
        all.recovered += one.recovered;
    }
    println!("{all:?}");
    assert!(
        all.events > 20_000 && all.gaps > 500 && all.recovered > 5_000,
        "too little happened to mean anything: {all:?}"
    );
}

#[test]
fn what_is_told_of_positions_is_what_they_are_and_adds_up_to_the_money() {
    let mut all = positions::Figures::default();
    for seed in verdict::seeds() {
        all.add(&positions::check(seed));
    }
    println!("{all:?}");
    assert!(
        all.positions > 5_000
            && all.ended > 1_000
            && all.settlements > 1_000
            && all.funding > 500
            && all.draws > 5
            && all.insured > 50
            && all.trades > 3_000
            && all.liquidations > 20
            && all.alerts > 100
            && all.rates > 500,
        "too little happened to mean anything: {all:?}"
    );
}
