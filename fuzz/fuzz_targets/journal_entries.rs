//! See `testkit::fuzz::kept::entries`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::kept::entries(bytes));
