//! The matching engine: commands in, events out, and nothing else. Price-time priority over all instruments
//! of the house, in one state that can be saved, restored and digested.
//!
//! Pure: it reads no clock, does no I/O, draws no random number and knows no float; the same commands give the
//! same events on any machine, and no command can make it panic.
//!
//! How a command goes: what is due expires first; the command is checked and either rejected, changing nothing,
//! or told (`Created`, `Replaced`, `Armed`) and carried out; then stop orders reached by its trades are woken,
//! in waves, each wave in the order of ids. Money moves with what moves it, in the same step: it is held before
//! an order is told, paid and received before a fill is told. Last of all the balances of followed accounts that
//! are not what they were before the command are told, once each, by account and asset.

pub mod rules;

mod engine;

mod ahead;
mod checks;
mod funds;
mod matching;
mod trails;
mod triggers;

mod accounts;
mod expiry;
mod index;
mod ladder;
mod ledger;
mod orders;
mod resting;
mod terms;

mod perpetual;

mod image;

pub mod flow;

#[cfg(test)]
mod tests;

pub use engine::Engine;
pub use image::ImageError;
pub use rules::Rules;
