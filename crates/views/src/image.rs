//! Images of what is shown: each part writes its own bytes beside its digest (`save`), and reads them back (`load`).
//! Here is what they have in common, and what of all that is the caller's.
//!
//! What can be derived is not written, so that it cannot disagree: published levels follow from orders, indexes from
//! what they point into. Who listens is no state: a board that was read back has no listener.

use model::Quantity;
use model::image::MAGNITUDE_MAX;

/// Raised with every change of what [`Board::save`](crate::Board::save) or [`Accounts::save`](crate::Accounts::save)
/// write.
pub const LAYOUT: u32 = 4;

/// Counts beyond this are not believed: there must be room to go on.
pub(crate) const COUNT_MAX: u64 = MAGNITUDE_MAX.unsigned_abs();

/// Whether these can be the sums of some trades, with room for more.
pub(crate) const fn is_sum(volume: Quantity, turnover: i128, trades: u64) -> bool {
    0 <= volume.0
        && volume.0 <= MAGNITUDE_MAX
        && turnover.unsigned_abs() <= (MAGNITUDE_MAX as u128) << 60
        && 1 <= trades
        && trades < COUNT_MAX
}
