//! Sockets that stand in a row to be told the same, written by one call of the system where it takes such calls.
//!
//! Where it takes none, the configuration forbids it or the row is short, each is written by a call of its own (see
//! [`Loop::tell`]): what a socket is told and what becomes of it do not depend on that.

use std::io;

use super::Loop;
use crate::metrics::Counters;
use crate::socket::batch::{Batch, SOCKETS_MAX};
use crate::socket::{Took, write_once};

/// How a loop writes rows.
#[derive(Default)]
pub(super) struct Rows {
    /// None where each socket is written by a call of its own.
    pub batch: Option<Batch>,
    /// From how many sockets on it is used.
    min: usize,
    /// Places of sockets that did not take all, and how they took it.
    cut: Vec<(u32, io::Result<Took>)>,
}

impl Rows {
    /// Makes what rows are written with, if it is wanted, to be had, and not there. For the thread that writes.
    pub fn open(&mut self, row_min: Option<usize>, counters: &Counters) {
        let Some(min) = row_min else { return };
        self.min = min.max(1);
        if self.batch.is_none() {
            // Kernels are too old for it, and hosts forbid it to containers: nothing is lost but speed, and the metrics tell.
            self.batch = Batch::new().ok();
        }
        counters.loops_with_io_uring.add(self.batch.is_some().into());
    }
}

impl Loop {
    /// Writes those at the head of this line that are told the same by one call, if that is how it is done and they are
    /// enough. Returns how many they were.
    pub(super) fn tell_row(&mut self, line: &[(u32, u32)]) -> Option<usize> {
        let batch = self.rows.batch.as_mut()?;
        let &(_, node) = line.first()?;
        let wires = self.clients.wires();
        let is_alike =
            |&&(place, other): &&(u32, u32)| other == node && wires[place as usize].is_plain;
        let row = line.iter().take(SOCKETS_MAX).take_while(is_alike).count();
        if row < self.rows.min {
            return None;
        }
        let frames = self.fanout.count(node);
        let bytes = self.fanout.bytes(node);
        let places = line[..row].iter().map(|&(place, _)| place);
        let sockets = places.clone().map(|place| wires[place as usize].socket());
        let is_refused = batch.write(sockets, bytes).is_err();
        let mut cut = std::mem::take(&mut self.rows.cut);
        for (index, place) in places.enumerate() {
            let wire = self.clients.wire(place);
            match batch.took(index).unwrap_or_else(|| write_once(wire.stream(), bytes)) {
                Ok(Took::All) => {
                    if !wire.note(frames, bytes.len()) {
                        self.clients.note_sent(place, frames.into(), bytes.len());
                    }
                }
                took => cut.push((place, took)),
            }
        }
        self.tally.writes += row as u64;
        self.tally.bytes_out += ((row - cut.len()) * bytes.len()) as u64;
        if is_refused {
            // For good. The kernel may interrupt what this thread does next, which every call of it bears.
            self.rows.batch = None;
            self.around.counters.loops_with_io_uring.take(1);
        }
        for (place, took) in cut.drain(..) {
            self.told_in_part(place, node, took);
        }
        self.rows.cut = cut;
        Some(row)
    }
}
