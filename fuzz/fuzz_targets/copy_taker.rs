//! See `testkit::fuzz::followed::taker`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::followed::taker(bytes));
