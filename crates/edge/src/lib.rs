//! Where customers are: everything between a socket and a dialect.

mod start;

pub mod http;
pub mod listener;
pub mod native;
pub mod pages;
pub mod route;

pub mod berths;
pub mod identity;
pub mod nonces;
pub mod passes;
pub mod repeats;
pub mod steps;

pub mod board_thread;
pub mod boards;
pub mod reactor;
pub mod submitted;

pub mod session;

pub mod numbered;
pub mod outbox;
pub mod socket;
pub mod tls;

pub mod clock;
pub mod connections;
pub mod following;
pub mod goodbye;
pub mod journal;
pub mod limits;
pub mod metrics;
pub mod prometheus;
pub mod ws;

#[cfg(test)]
mod testing;

pub use start::{Edge, Revoker, Settings, start};
