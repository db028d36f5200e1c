//! Everything that reads bytes from strangers or from a disk, fed with mutations of its seeds: the small, seeded form of what
//! `fuzz/` does by coverage. Under `RIALTO_LONG` many times as many.

use testkit::dice::Dice;
use testkit::fuzz::{Target, mutate, seeds, targets};

/// Longer than anything that the readers take whole.
const BYTES_MAX: usize = 4_096;

/// Says which input it was if the target panics on it.
struct Witness<'a>(&'static str, u64, &'a [u8]);

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(name, seed, bytes) = self;
            println!("{name} failed with seed {seed}, input {:?}", String::from_utf8_lossy(bytes));
        }
    }
}

fn check(target: Target) {
    let mut seeds: Vec<_> = std::fs::read_dir(seeds(target.name))
        .expect("each target has a folder of seeds")
        .map(|file| file.expect("a file can be listed").path())
        .collect();
    seeds.sort();
    let seeds: Vec<Vec<u8>> =
        seeds.into_iter().map(|path| std::fs::read(path).expect("a file can be read")).collect();
    assert!(seeds.len() >= 3, "{} has too few seeds", target.name);
    let feed = |seed, bytes: &[u8]| {
        let _witness = Witness(target.name, seed, bytes);
        (target.feed)(bytes);
    };
    feed(0, b"");
    seeds.iter().for_each(|bytes| feed(0, bytes));
    let rounds = if std::env::var_os("RIALTO_LONG").is_some() { 1_000_000 } else { 8_000 };
    for seed in 1..=rounds {
        feed(seed, &mutate(&mut Dice::new(seed), &seeds, BYTES_MAX));
    }
}

macro_rules! each {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            let named = |target: &Target| target.name == stringify!($name);
            check(targets().find(named).expect("a target of this name"));
        })*

        #[test]
        fn every_target_is_driven_here_and_by_the_fuzzer() {
            let driven = [$(stringify!($name)),*];
            assert!(targets().map(|target| target.name).eq(driven));
            let fuzz = seeds("..").join("fuzz_targets");
            for name in driven {
                assert!(fuzz.join(format!("{name}.rs")).is_file(), "{name}");
            }
        }
    };
}

each!(
    ws_decode,
    ws_head,
    bitstamp_decode,
    bitstamp_http,
    bitstamp_client,
    confluencecode_decode,
    confluencecode_client,
    finazon_decode,
    finazon_client,
    timex_decode,
    timex_http,
    timex_client,
    journal_record,
    journal_entries,
    journal_segment,
    image_file,
    image_board,
    image_accounts,
    image_repeats,
    copy_message,
    copy_taker,
    xrocket_decode,
    xrocket_http,
    xrocket_client
);
