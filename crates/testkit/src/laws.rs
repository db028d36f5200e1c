//! The laws: what must hold for every market and every listener, whatever the seed. Each says with which seed
//! it broke.

pub mod bars;
pub mod conservation;
pub mod day;
pub mod gap;
pub mod latecomer;
pub mod mirror;
pub mod one_frame;
pub mod perpetual;
pub mod positions;
pub mod private;
pub mod reference;
pub mod restart;
pub mod tally;
pub mod twin;

pub mod verdict;
