//! Fuzzes the heads of HTTP requests and responses. What must hold is said where the checks are, in `testkit::fuzz`.

#![no_main]
//! See `testkit::fuzz::ws_head`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::ws_head(bytes));
