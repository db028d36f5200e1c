//! The configuration: any text is read, or refused with a place that lies in it; what is read can be served.

#![no_main]

#[path = "../../crates/rialto/src/config.rs"]
#[expect(dead_code, reason = "the binary uses the rest of it")]
mod config;

use dialects::bitstamp::Bitstamp;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match config::Config::read("fuzz", text) {
        Ok(read) => {
            // Symbols are the dialect's to judge; it may refuse them, in words.
            drop(Bitstamp::new(&read.listings, read.bitstamp));
        }
        Err(error) => {
            let (line, column) = error.place.expect("the text was read");
            assert!(line >= 1 && column >= 1 && line <= text.lines().count() + 1, "{error}");
        }
    }
});
