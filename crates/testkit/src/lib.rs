//! testkit

pub mod data;
