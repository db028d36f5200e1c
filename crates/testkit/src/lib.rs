//! testkit

pub mod data;
pub mod laws;
