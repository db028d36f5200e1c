//! See `testkit::fuzz::kept::record`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::kept::record(bytes));
