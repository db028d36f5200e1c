//! xRocket's messages as they are read: requests of clients, leniently and with their ids as they were written, and
//! what a venue says, strictly. Numbers stay text until the instrument's scale is known.
//!
//! Nothing here encodes: the server writes bytes, and in tests these structs read them back.

pub mod failure;
pub mod request;
pub mod token;
pub mod venue;
