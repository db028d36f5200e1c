//! See `testkit::fuzz::timex::http`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::timex::http(bytes));
