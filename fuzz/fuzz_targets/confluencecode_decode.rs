//! See `testkit::fuzz::confluencecode::decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::confluencecode::decode(bytes));
