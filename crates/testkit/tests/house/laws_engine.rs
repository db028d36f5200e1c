//! The laws of the engine, over many seeds.

use testkit::laws::{conservation, perpetual, reference, twin, verdict};

#[test]
fn the_fast_market_agrees_with_the_slow_one() {
    let mut all = reference::Figures::default();
    let seeds = verdict::seeds();
    for seed in seeds.clone() {
        let one = reference::check(seed);
        all.events += one.events;
        all.fills += one.fills;
        all.self_trades += one.self_trades;
        all.woken += one.woken;
        all.trailed += one.trailed;
        all.rejected += one.rejected;
        all.refused_funds += one.refused_funds;
        all.unfunded += one.unfunded;
        all.balances += one.balances;
    }
    println!("{all:?}");
    let many = (seeds.end - seeds.start) as usize;
    assert!(
        all.fills > 100 * many
            && all.woken > 5 * many
            && all.trailed > many
            && all.rejected > 50 * many
            && all.refused_funds > 20 * many
            && all.unfunded > many / 20
            && all.balances > 50 * many,
        "too little happened to mean anything: {all:?}"
    );
}

#[test]
fn twins_agree_and_whoever_was_restored_never_stopped() {
    let mut all = twin::Figures::default();
    let seeds = verdict::seeds();
    for seed in seeds.clone() {
        let one = twin::check(seed);
        all.events += one.events;
        all.digests += one.digests;
        all.imaged += one.imaged;
    }
    println!("{all:?}");
    let many = (seeds.end - seeds.start) as usize;
    assert!(
        all.events > 300 * many && all.digests > 10 * many && all.imaged > 5 * many,
        "too little happened to mean anything: {all:?}"
    );
}

#[test]
fn a_thousand_accounts_agree_with_the_slow_market_and_no_money_is_lost() {
    let long = std::env::var_os("RIALTO_LONG").is_some();
    let commands = if long { 1_000_000 } else { 10_000 };
    let all = reference::check_crowded(1, commands);
    println!("{all:?}");
    assert!(
        all.fills > commands / 10
            && all.self_trades > commands / 5_000
            && all.woken > commands / 200
            && all.trailed > commands / 1_000
            && all.refused_funds > commands / 200
            && all.balances > commands / 100,
        "too little happened to mean anything: {all:?}"
    );
}

#[test]
fn money_comes_from_deposits_and_goes_by_withdrawals_only() {
    let mut all = conservation::Figures::default();
    let seeds = verdict::seeds();
    for seed in seeds.clone() {
        let one = conservation::check(seed);
        all.sums += one.sums;
        all.holds += one.holds;
        all.fees += one.fees;
    }
    println!("{all:?}");
    let many = (seeds.end - seeds.start) as usize;
    assert!(
        all.holds > 1_000 * many && all.fees > 50 * many,
        "too little happened to mean anything: {all:?}"
    );
}

/// A thousand commands a seed: 100,000 of them, 1,000,000 if `RIALTO_LONG` is set.
#[test]
fn perpetuals_agree_with_the_slow_market_and_no_money_is_lost() {
    let long = std::env::var_os("RIALTO_LONG").is_some();
    let many = if long { 1_000 } else { 100 };
    let mut all = perpetual::Figures::default();
    for seed in 0..many {
        all.add(&perpetual::check(seed));
    }
    println!("{all:?}");
    let many = many as usize;
    assert!(
        all.fills > 50 * many
            && all.funded > 10 * many
            && all.warnings > 2 * many
            && all.liquidations > 3 * many
            && all.liquidated > 2 * many
            && all.saved > many / 10
            && all.deleveraged > many / 10
            && all.insured > many / 10
            && all.drawn >= many / 100
            && all.rejected > 50 * many,
        "too little happened to mean anything: {all:?}"
    );
}
