//! The law *mirror* over its seeds.

use testkit::laws::mirror::{Figures, check};

/// Seeds in a short run, and in a long one.
const SEEDS: [u64; 2] = [400, 20_000];

#[test]
fn whoever_listens_through_our_connector_holds_the_same_book() {
    let long = std::env::var_os("RIALTO_LONG").is_some();
    let seeds = SEEDS[usize::from(long)];
    let mut all = Figures::default();
    for seed in 0..seeds {
        let figures = check(seed);
        all.books += figures.books;
        all.fetched += figures.fetched;
        all.trades += figures.trades;
        all.connections += figures.connections;
        all.given_up += figures.given_up;
    }
    println!("{seeds} seeds: {all:?}");
    // It would hold as well if nothing ever happened.
    assert!(all.connections > seeds + all.given_up && all.fetched > 3 * seeds, "{all:?}");
    assert!(all.books > 50 * seeds && all.trades > 50 * seeds, "{all:?}");
}
