//! See `testkit::fuzz::kept::board_image`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::kept::board_image(bytes));
