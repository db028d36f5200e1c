//! See `testkit::fuzz::images::accounts`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::images::accounts(bytes));
