//! Finazon's messages as they are read: requests of clients, leniently, and what a venue says, strictly.
//!
//! Nothing here encodes: the server writes bytes, and in tests these structs read them back.

pub mod failure;
pub mod request;
pub mod venue;
