//! For tests only: a venue in memory, the transcripts that are played on it, the laws, and the captures of real
//! venues.

pub mod transcript;
pub mod venue;

pub mod laws;

pub mod data;
