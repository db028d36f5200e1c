//! Where customers are: everything between a socket and a dialect.

pub mod limits;
pub mod ws;
