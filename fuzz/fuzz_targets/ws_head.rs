//! See `testkit::fuzz::ws_head`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::ws_head(bytes));
