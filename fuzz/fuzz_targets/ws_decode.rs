//! Fuzzes the bytes of a WebSocket after its handshake. What must hold is said where the checks are, in `testkit::fuzz`.

#![no_main]
//! See `testkit::fuzz::ws_decode`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| testkit::fuzz::ws_decode(bytes));
