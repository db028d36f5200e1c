//! How a journal comes to other machines: its own bytes, which they check and run again. Each of them so derives what
//! the core derived, and proves on the way that it is the same.
//!
//! ```text
//! core                                               edge, standby
//! what is durable ── pieces, as they come ─────────▶ Taker ── records, whole, in order, each following the last
//!                 ◀─ questions: what is missing ────   │
//!                 ── answers ───────────────────────▶  │
//! ```
//!
//! To both sides a journal is one sequence of bytes: its segments, each from its head on, decompressed. A place in it
//! is a segment and an offset. Nothing is relied on but that messages come sometimes: they may be lost, doubled, late
//! and in any order. What is missing is asked for again by its place, and that bytes follow those before is not
//! believed but seen, in the hash that every record has of the one before it.
//!
//! There is no bus here and no clock: messages are bytes, and time is passed in. What is said is in [`words`]. A
//! journal that does not go on from what was given out ([`taker::Trouble`]) is never followed: neither
//! the bus nor whoever answers decides what is true.

pub mod words;

pub mod taker;

pub mod tap;

pub mod giver;

pub mod fetch;

pub mod copyist;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
