//! edge
pub mod limits;
