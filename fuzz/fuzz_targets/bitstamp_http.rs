//! Fuzzes requests to Bitstamp's HTTP half. What must hold is said where the checks are, in `testkit::fuzz`.

#![no_main]
//! See `testkit::fuzz::bitstamp_http`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::bitstamp_http(bytes));
