//! See `testkit::fuzz::followed::message`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::followed::message(bytes));
