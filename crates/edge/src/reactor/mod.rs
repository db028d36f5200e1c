//! Loops: one per core, each the owner of its sockets.

pub mod handle;

pub use handle::{Draining, LoopHandle, Newcomer};
