//! See `testkit::fuzz::confluencecode::client`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::confluencecode::client(bytes));
