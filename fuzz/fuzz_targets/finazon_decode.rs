//! See `testkit::fuzz::finazon::decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::finazon::decode(bytes));
