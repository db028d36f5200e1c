//! Where customers are: everything between a socket and a dialect.

pub mod http;
pub mod listener;
pub mod route;

pub mod board_thread;
pub mod reactor;

pub mod clock;
pub mod goodbye;
pub mod limits;
pub mod metrics;
pub mod prometheus;
pub mod ws;
