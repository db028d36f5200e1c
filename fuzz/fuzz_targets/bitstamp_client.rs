#![no_main]
//! See `testkit::fuzz::bitstamp_client`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::bitstamp_client(bytes));
