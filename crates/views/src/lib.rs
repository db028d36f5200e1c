//! What one sees: everything that is shown of an instrument, derived from its events alone.
//!
//! A [`Board`] takes the events of one instrument in and tells updates; it answers questions about the state that was
//! told. [`Market`] tells of all boards at once, [`Accounts`] tells accounts what is their own. It is
//! pure: it reads no clock, does no I/O, knows neither the engine nor any dialect, and never looks at who is
//! listening when it decides what the state is. So whoever comes late sees what the others see.

pub mod board;
pub mod market;

pub mod account;

pub mod book;
pub mod candles;
pub mod chain;
pub mod perpetual;
pub mod steps;
pub mod tape;
pub mod ticker;

pub mod cadence;
pub mod digest;
pub mod image;

pub mod flow;

pub use account::Accounts;
pub use board::Board;
pub use market::Market;

#[cfg(test)]
mod tests;
