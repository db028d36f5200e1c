//! Where events come from: sources that turn commands, recordings or another venue's words into numbered
//! events. It knows no socket of a customer and no view; whoever shows the events asks a
//! [`Source`](model::Source) to go on until a moment.

pub mod sequencer;

pub mod gate;
pub mod journal;

pub mod capture;
pub mod hearing;
pub mod recording;
pub mod source;

pub mod crowd;

pub mod bus;
