//! Bitstamp WebSocket API v2 and the HTTP endpoints that its clients need.

pub mod client;
