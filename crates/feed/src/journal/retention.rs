//! Takes the oldest segments away when there is too much of them, or they are too old: only what no image needs any
//! more, one after the other, so that what is left has no gap whenever the power goes.

use std::io;

use model::{Span, Time};

use super::disk::Disk;
use super::record::{self, SEGMENT_HEAD_BYTES};
use super::segments::{self, Segment};

#[cfg(test)]
mod tests;

/// Segments that stay whatever is asked for: the one that is written, and the last sealed one.
const SEGMENTS_MIN: usize = 2;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Bytes of all segments together, as they are on the disk. What an image needs stays even if that is more.
    pub bytes_max: u64,
    /// How long ago what is in a segment may have happened, by the wall's clock; `None` for ever.
    pub age_max: Option<Span>,
}

impl Default for Policy {
    /// Everything, for ever: what is taken away has to be asked for.
    fn default() -> Self {
        Self { bytes_max: u64::MAX, age_max: None }
    }
}

/// What was taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Takes away the oldest segments until the policy is kept, none from `needed` on: that is the first one that is run
/// again behind the older of the two images in use (1 without an image: then nothing is taken away). `now` is the
/// wall's time.
///
/// # Errors
/// The system's. What was not taken away is there still, and it may be tried again.
pub fn prune(disk: &dyn Disk, needed: u64, policy: &Policy, now: Time) -> io::Result<Pruned> {
    let segments = segments::list(disk)?;
    let mut sizes = Vec::with_capacity(segments.len());
    for segment in &segments {
        let mut size = 0;
        for file in segment.files() {
            size += disk.bytes(&file)?;
        }
        sizes.push(size);
    }
    let mut left: u64 = sizes.iter().sum();
    let mut pruned = Pruned::default();
    let behind = segments.iter().skip(1);
    let candidates = segments.len().saturating_sub(SEGMENTS_MIN);
    for ((segment, next), size) in segments.iter().zip(behind).zip(sizes).take(candidates) {
        if segment.number >= needed || next.number != segment.number + 1 {
            break;
        }
        let is_too_much = left > policy.bytes_max;
        if !is_too_much && !is_too_old(disk, next, policy, now)? {
            break;
        }
        for file in segment.files() {
            disk.remove(&file)?;
            // The next one must not be gone before this one is.
            disk.sync()?;
        }
        left -= size;
        pruned.segments += 1;
        pruned.bytes += size;
    }
    Ok(pruned)
}

/// Whether all that is before this segment happened too long ago: before its own first record.
fn is_too_old(disk: &dyn Disk, next: &Segment, policy: &Policy, now: Time) -> io::Result<bool> {
    let Some(age_max) = policy.age_max else { return Ok(false) };
    let content = next.read(disk)?;
    let first = record::read(&content.bytes, SEGMENT_HEAD_BYTES);
    Ok(first.is_ok_and(|(head, _)| now.0.saturating_sub(head.wall.0) > age_max.0))
}
