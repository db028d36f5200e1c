//! See `testkit::fuzz::tongues`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::tongues::xrocket_http(bytes));
