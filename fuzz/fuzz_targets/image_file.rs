//! See `testkit::fuzz::images::file`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::images::file(bytes));
