//! The chain of an instrument's order events: each step has a mark, and names the mark before it.

use model::image::{Image, Impossible, Reader};
use model::{EventMark, OrderState, OrderStep, OrderUpdate, Time};

use crate::digest::Digest;
use crate::image::COUNT_MAX;

/// The end of the chain so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    last: Option<EventMark>,
}

impl Chain {
    /// The next step. Marks never go back, even if time did.
    pub fn step(&mut self, time: Time, order: OrderState, step: OrderStep) -> OrderUpdate {
        let millisecond = time.floor_to_millis();
        let mark = match self.last {
            None => EventMark { time: millisecond, tie: 0, ordinal: 1 },
            Some(last) if millisecond > last.time => {
                EventMark { time: millisecond, tie: 0, ordinal: last.ordinal + 1 }
            }
            Some(last) => {
                EventMark { time: last.time, tie: last.tie + 1, ordinal: last.ordinal + 1 }
            }
        };
        let previous = self.last.replace(mark);
        OrderUpdate { time, order, step, mark, previous, is_liquidation: false }
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        self.last.save(out);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let last = Option::<EventMark>::load(from)?;
        match last {
            Some(mark) if mark.tie > u32::MAX >> 1 || mark.ordinal >= COUNT_MAX => {
                Err(Impossible("the end of a chain"))
            }
            last => Ok(Self { last }),
        }
    }

    pub(crate) fn digest(&self, into: &mut Digest) {
        if let Some(last) = self.last {
            into.signed(last.time.0);
            into.word(u64::from(last.tie));
            into.word(last.ordinal);
        }
    }
}
