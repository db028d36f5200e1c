//! For tests only: laws, recorded data, a whole venue in process, and the dice that choose inputs.

pub mod data;
pub mod dice;
pub mod laws;
pub mod served;
