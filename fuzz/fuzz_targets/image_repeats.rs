//! See `testkit::fuzz::images::repeats`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::images::repeats(bytes));
