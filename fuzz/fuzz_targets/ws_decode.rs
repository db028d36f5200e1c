//! See `testkit::fuzz::ws_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::ws_decode(bytes));
