//! The whole house under test: one binary for all that crosses crates.

mod handshake;
mod laws_edge;
mod laws_engine;
mod laws_mirror;
mod laws_views;
mod replay;
mod transcripts;
