//! The whole house under test: one binary for all that crosses crates.

mod alone;

mod abuse;
mod admission;
mod apart;
mod bad_input;
mod bars;
mod captured;
mod compatible;
mod documented;
mod drain;
mod handshake;
mod laws_edge;
mod laws_engine;
mod laws_mirror;
mod laws_views;
mod mirrored;
mod mutations;
mod native;
mod nested;
mod printed;
mod private;
mod rates;
mod replay;
mod schema;
mod secured;
mod signed;
mod slow;
mod stamped;
mod timex_clients;
mod tls;
mod transcripts;
