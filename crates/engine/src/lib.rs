//! The matching engine: commands in, events out, and nothing else. Price-time priority over all instruments
//! of the house, in one state that can be saved, restored and digested.
//!
//! Pure: it reads no clock, does no I/O, draws no random number and knows no float; the same commands give the
//! same events on any machine, and no command can make it panic. It is not a ledger: whose money backs an order
//! is asked where [`Engine::apply`] has accepted it and not yet told it as created; that place is `checks`.
//!
//! How a command goes: what is due expires first; the command is checked and either rejected, changing nothing,
//! or told (`Created`, `Replaced`, `Armed`) and carried out; then stop orders reached by its trades are woken,
//! in waves, each wave in the order of ids.

pub mod rules;

mod engine;

mod ahead;
mod checks;
mod matching;
mod triggers;

mod accounts;
mod expiry;
mod index;
mod ladder;
mod orders;
mod resting;

mod image;

pub mod flow;

#[cfg(test)]
mod tests;

pub use engine::Engine;
pub use image::ImageError;
pub use rules::Rules;
