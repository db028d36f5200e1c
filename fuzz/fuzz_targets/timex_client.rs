//! See `testkit::fuzz::timex::client`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::timex::client(bytes));
