//! See `testkit::fuzz::images::board`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::images::board(bytes));
