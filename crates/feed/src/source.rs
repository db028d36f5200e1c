//! The sources: each is asked to go on until a moment of market time and tells what happened.

pub mod engine;
pub mod followed;
pub mod replay;
