//! The laws of the edge, over many seeds.

use testkit::laws::private::{self, Bitstamp, Size, Tongue, Witness};
use testkit::laws::{conservation, one_frame, restart, verdict};

#[test]
fn a_frame_is_encoded_once_however_many_listen() {
    let mut all = one_frame::Figures::default();
    for seed in 0..200 {
        let one = one_frame::check(seed);
        all.frames += one.frames;
        all.heard += one.heard;
        all.handed += one.handed;
    }
    println!("{all:?}");
    assert!(
        all.frames > 20_000 && all.heard > 4 * all.frames && all.handed > all.frames,
        "too little happened to mean anything: {all:?}"
    );
}

#[test]
fn who_was_slow_holds_the_same_book_as_who_was_not() {
    let mut all = restart::Figures::default();
    for seed in verdict::seeds() {
        let one = restart::check(seed);
        all.compared += one.compared;
        all.restarts += one.restarts;
        all.trades += one.trades;
    }
    println!("{all:?}");
    assert!(
        all.compared > 3_000 && all.restarts > 1_000 && all.trades > 1_000,
        "too little happened to mean anything: {all:?}"
    );
}

#[test]
fn each_trade_is_told_once_in_every_tongue() {
    let mut all = conservation::trades::Figures::default();
    for seed in verdict::seeds() {
        let one = conservation::trades::check(seed);
        all.trades += one.trades;
        all.told += one.told;
        all.together += one.together;
        all.bars += one.bars;
    }
    println!("{all:?}");
    let tongues = conservation::trades::TONGUES.len() as u64;
    assert_eq!(all.told, tongues * all.trades);
    let enough = all.trades > 10_000 && all.together > 1_000 && all.bars > 500;
    assert!(enough, "too little happened: {all:?}");
}

fn add(all: &mut private::Figures, one: private::Figures) {
    all.delivered += one.delivered;
    all.accepted += one.accepted;
    all.refused += one.refused;
    all.self_trades += one.self_trades;
}

#[test]
fn nobody_is_told_what_is_somebody_elses() {
    for tongue in [&Witness as &dyn Tongue, &Bitstamp] {
        let mut all = private::Figures::default();
        verdict::seeds().for_each(|seed| add(&mut all, private::check(seed, Size::SMALL, tongue)));
        println!("{all:?}");
        assert!(
            all.delivered > 10_000
                && all.accepted > 3_000
                && all.refused > 2_000
                && all.self_trades > 500,
            "too little happened to mean anything: {all:?}"
        );
    }
}

/// A thousand accounts; under `RIALTO_LONG` ten such markets.
#[test]
fn nobody_of_a_thousand_is_told_what_is_somebody_elses() {
    let seeds = if std::env::var_os("RIALTO_LONG").is_some() { 0..10 } else { 0..1 };
    for tongue in [&Witness as &dyn Tongue, &Bitstamp] {
        let mut all = private::Figures::default();
        seeds.clone().for_each(|seed| add(&mut all, private::check(seed, Size::LARGE, tongue)));
        println!("{all:?}");
        assert!(
            all.delivered > 20_000 && all.accepted > 3_000 && all.refused > 3_000,
            "too little happened: {all:?}"
        );
    }
}
