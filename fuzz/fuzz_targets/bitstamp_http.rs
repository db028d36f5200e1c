//! See `testkit::fuzz::bitstamp_http`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::bitstamp_http(bytes));
