//! rialto
fn main() {}
