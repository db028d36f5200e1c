//! The whole house under test: one binary for all that crosses crates.

mod replay;
