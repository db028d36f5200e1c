//! The compressed form of a segment: one zstd frame, and behind it one that zstd skips, with which no bit can change
//! unseen (zstd's own head has one that it never looks at). `zstd -d` gives the plain segment.
//!
//! ```text
//! frame                    zstd's, with the length of what it holds and a checksum
//! end, 32 bytes            magic u32 · 24 u32 · RJZ1 · bytes of the frame u64 · bytes that it holds u64 · checksum of
//!                          all before u32 (CRC32C)
//! ```
//!
//! What is read here may have been changed by anybody: memory is bounded whatever it says.

use std::io::{self, Read};

use super::segments::CONTENT_BYTES_MAX;

#[cfg(test)]
mod tests;

/// Little is gained by more: 3 makes 56 of a hundred bytes of the demo's journal, 19 makes 50 and takes a hundred
/// times as long.
const LEVEL: i32 = 3;
/// How far back a frame may refer, as a power of two: 8 MiB. At our level it is 2 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// One of those that zstd skips.
const END_MAGIC: u32 = 0x184d_2a5a;
const END_TAG: &[u8; 4] = b"RJZ1";
const END_BYTES: usize = 32;

/// What a segment holds, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its bytes; those before the damage, if there is any.
    pub bytes: Vec<u8>,
    /// What is wrong with it as a whole.
    pub damage: Option<&'static str>,
}

/// Compresses what a segment holds.
///
/// # Errors
/// If that is more than a segment may hold, or the compressor says so.
pub fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    if content.len() > CONTENT_BYTES_MAX {
        return Err(io::Error::other("the segment is longer than one may be"));
    }
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.include_contentsize(true)?;
    let mut out = compressor.compress(content)?;
    let frame_bytes = out.len() as u64;
    out.extend(END_MAGIC.to_le_bytes());
    out.extend((END_BYTES as u32 - 8).to_le_bytes());
    out.extend(END_TAG);
    out.extend(frame_bytes.to_le_bytes());
    out.extend((content.len() as u64).to_le_bytes());
    let checksum = crc32c::crc32c(&out);
    out.extend(checksum.to_le_bytes());
    Ok(out)
}

/// What a compressed segment holds. Where it is damaged, what is before that is read all the same: its records have
/// checksums of their own.
#[must_use]
pub fn content(compressed: &[u8]) -> Content {
    let (frame, length) = match split(compressed) {
        Ok(parts) => parts,
        Err(damage) => {
            let (bytes, _) = decompress(compressed, CONTENT_BYTES_MAX);
            return Content { bytes, damage: Some(damage) };
        }
    };
    let (bytes, error) = decompress(frame, length);
    let damage = match error {
        Some(damage) => Some(damage),
        None if bytes.len() != length => Some("it holds less than it says"),
        None => None,
    };
    Content { bytes, damage }
}

/// The frame, and how many bytes it holds.
fn split(compressed: &[u8]) -> Result<(&[u8], usize), &'static str> {
    let (before, checksum) =
        compressed.split_last_chunk::<4>().ok_or("it was not all written, or cut")?;
    if crc32c::crc32c(before) != u32::from_le_bytes(*checksum) {
        return Err("the checksum of the compressed segment does not fit");
    }
    let (frame, end) = before
        .split_last_chunk::<{ END_BYTES - 4 }>()
        .ok_or("it does not end like a compressed segment")?;
    let number = |at: usize| u64::from_le_bytes(end[at..at + 8].try_into().expect("eight bytes"));
    let is_end = end[..4] == END_MAGIC.to_le_bytes()
        && end[4..8] == (END_BYTES as u32 - 8).to_le_bytes()
        && end[8..12] == *END_TAG
        && number(12) == frame.len() as u64;
    if !is_end {
        return Err("it does not end like a compressed segment");
    }
    let length = usize::try_from(number(20)).unwrap_or(usize::MAX);
    if length > CONTENT_BYTES_MAX {
        return Err("it holds more than a segment may");
    }
    Ok((frame, length))
}

/// At most so many bytes of a frame, and what ended it too early.
fn decompress(frame: &[u8], bytes_max: usize) -> (Vec<u8>, Option<&'static str>) {
    let mut bytes = Vec::new();
    let decoder = zstd::stream::read::Decoder::with_buffer(frame).and_then(|mut decoder| {
        decoder.window_log_max(WINDOW_LOG_MAX)?;
        Ok(decoder.single_frame())
    });
    // Each piece is kept before the next one is asked for, so that damage takes only what is behind it.
    let result =
        decoder.and_then(|decoder| decoder.take(bytes_max as u64 + 1).read_to_end(&mut bytes));
    match result {
        Ok(_) if bytes.len() > bytes_max => {
            bytes.truncate(bytes_max);
            (bytes, Some("it holds more than it says"))
        }
        Ok(_) => (bytes, None),
        Err(_) => (bytes, Some("it cannot be decompressed further")),
    }
}
