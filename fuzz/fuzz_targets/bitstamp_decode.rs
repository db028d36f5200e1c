//! Fuzzes a client's messages to Bitstamp's dialect. What must hold is said where the checks are, in `testkit::fuzz`.

#![no_main]
//! See `testkit::fuzz::bitstamp_decode`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::bitstamp_decode(bytes));
