//! See `testkit::fuzz::timex::decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::timex::decode(bytes));
