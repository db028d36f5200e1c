//! rialto
#[cfg_attr(not(test), expect(dead_code, reason = "read by serve"))]
mod config;

fn main() {}
