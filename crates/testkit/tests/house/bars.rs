//! The law of Finazon's bars, over an hour of market time.

use testkit::laws::bars;

/// An hour of a few seeds; under `RIALTO_LONG` of forty.
#[test]
fn bars_are_what_the_trades_of_another_dialect_make() {
    let seeds = if std::env::var_os("RIALTO_LONG").is_some() { 0..40 } else { 0..4 };
    let hours = seeds.end;
    let mut all = bars::Figures::default();
    for seed in seeds {
        let one = bars::check(seed, 60);
        all.trades += one.trades;
        all.bars += one.bars;
        all.quiet += one.quiet;
        all.held += one.held;
    }
    println!("{all:?}");
    assert!(
        all.trades > 5_000 * hours
            && all.bars > 30_000 * hours
            && all.quiet > 10 * hours
            && all.held > 10_000 * hours,
        "too little happened to mean anything: {all:?}"
    );
}
