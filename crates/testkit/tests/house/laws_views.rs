//! The laws of the views, over many seeds.

use testkit::laws::latecomer;

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
