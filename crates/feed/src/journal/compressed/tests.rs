use engine::flow::Random;

use super::*;

/// Bytes that compress about as a journal does.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..count).map(|_| (random.next_u64() >> (random.below(2) * 58)) as u8).collect()
}

/// With a sound end behind it.
fn with_end(mut frame: Vec<u8>, holds: u64) -> Vec<u8> {
    let frame_bytes = frame.len() as u64;
    frame.extend(END_MAGIC.to_le_bytes());
    frame.extend((END_BYTES as u32 - 8).to_le_bytes());
    frame.extend(END_TAG);
    frame.extend(frame_bytes.to_le_bytes());
    frame.extend(holds.to_le_bytes());
    let checksum = crc32c::crc32c(&frame);
    frame.extend(checksum.to_le_bytes());
    frame
}

#[test]
fn what_was_compressed_is_given_back_and_anybody_can_decompress_it() {
    for count in [0, 1, 65, 1_000, 300_000] {
        let plain = bytes(count as u64, count);
        let compressed = compress(&plain).expect("it compresses");
        assert_eq!(content(&compressed), Content { bytes: plain.clone(), damage: None });
        // What knows zstd alone skips our end.
        let others = zstd::stream::decode_all(&compressed[..]).expect("a zstd stream");
        assert_eq!(others, plain);
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_found_and_what_is_before_it_is_read() {
    let plain = bytes(1, 1_000);
    let compressed = compress(&plain).expect("it compresses");
    for at in 0..compressed.len() {
        for bit in 0..8 {
            let mut flipped = compressed.clone();
            flipped[at] ^= 1 << bit;
            assert!(content(&flipped).damage.is_some(), "bit {bit} of byte {at}");
        }
        assert!(content(&compressed[..at]).damage.is_some(), "{at} bytes are left");
    }
    let long = bytes(2, 1 << 20);
    let mut flipped = compress(&long).expect("it compresses");
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let read = content(&flipped);
    assert!(read.damage.is_some());
    // zstd's blocks hold 128 KiB.
    assert!(read.bytes.len() >= 256 << 10, "{} bytes are read", read.bytes.len());
    assert_eq!(read.bytes[..256 << 10], long[..256 << 10]);
}

#[test]
fn what_holds_more_than_a_segment_may_is_not_decompressed() {
    let zeros = vec![0; CONTENT_BYTES_MAX + 1];
    assert!(compress(&zeros).is_err());
    let frame = zstd::bulk::compress(&zeros, LEVEL).expect("it compresses");
    assert!(frame.len() < 10_000, "it is a bomb");
    let honest = content(&with_end(frame.clone(), zeros.len() as u64));
    assert_eq!(honest.damage, Some("it holds more than a segment may"));
    assert!(honest.bytes.len() <= CONTENT_BYTES_MAX);
    let lying = content(&with_end(frame.clone(), 100));
    assert_eq!((lying.bytes.len(), lying.damage), (100, Some("it holds more than it says")));
    let short = content(&with_end(zstd::bulk::compress(&[1; 7], LEVEL).expect("it does"), 8));
    assert_eq!((short.bytes.len(), short.damage), (7, Some("it holds less than it says")));
    // Without our end nothing bounds it but the bound.
    let bare = content(&frame);
    assert!(bare.bytes.len() <= CONTENT_BYTES_MAX && bare.damage.is_some());
}

#[test]
fn a_frame_that_asks_for_a_large_window_is_not_decompressed() {
    let plain = vec![7; 1 << 20];
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL).expect("an encoder");
    encoder.window_log(WINDOW_LOG_MAX + 1).expect("it takes it");
    encoder.include_contentsize(false).expect("it takes it");
    io::Write::write_all(&mut encoder, &plain).expect("it takes it");
    let frame = encoder.finish().expect("it ends");
    assert_eq!(zstd::stream::decode_all(&frame[..]).expect("others do").len(), plain.len());
    let read = content(&with_end(frame, plain.len() as u64));
    assert_eq!((read.bytes.len(), read.damage), (0, Some("it cannot be decompressed further")));
}
