//! See `testkit::fuzz::bitstamp_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::bitstamp_decode(bytes));
