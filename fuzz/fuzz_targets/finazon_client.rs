//! See `testkit::fuzz::finazon::client`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::finazon::client(bytes));
