#![no_main]
//! See `testkit::fuzz::ws_decode`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::ws_decode(bytes));
