//! Fuzzes what a venue says to the Bitstamp connector. What must hold is said where the checks are, in `testkit::fuzz`.

#![no_main]
//! See `testkit::fuzz::bitstamp_client`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::bitstamp_client(bytes));
