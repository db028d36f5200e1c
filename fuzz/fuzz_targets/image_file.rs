//! See `testkit::fuzz::kept::image_file`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::kept::image_file(bytes));
