//! For tests only: transcripts and the venue in memory that plays them, laws, recorded data, a whole venue in
//! process, and the dice that choose inputs.

pub mod transcript;
pub mod venue;

pub mod fuzz;
pub mod people;
pub mod postgres;
pub mod process;

pub mod laws;
pub mod served;

pub mod data;
pub mod dice;
pub mod flow;
pub mod leveraged;
pub mod reference;
