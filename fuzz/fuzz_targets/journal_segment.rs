//! See `testkit::fuzz::kept::segment`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::kept::segment(bytes));
