//! Laws of images on the disk: one that has a name is whole, and no changed bit passes.

use engine::flow::Random;
use model::{Epoch, Sequence, Time};

use super::super::simulated::{Faults, Simulated};
use super::*;

fn long() -> bool {
    std::env::var_os("RIALTO_LONG").is_some()
}

/// An image of anything, with parts of up to so many bytes.
pub(crate) fn any(random: &mut Random, segment: u64, bytes_max: u64) -> Image {
    let boundary = Boundary {
        journal: [7; 16],
        segment,
        epoch: Epoch(3),
        last: Sequence(random.next_u64() >> 20),
        time: Time(random.next_u64() as i64 >> 8),
        chain: std::array::from_fn(|_| random.next_u64() as u8),
    };
    let head = Head {
        boundary,
        events: random.next_u64(),
        digest: random.next_u64(),
        state: random.next_u64(),
        market: random.next_u64(),
        configuration: [9; 16],
        seed: 5,
        begins: Time(1),
        build: "0.1.0".into(),
    };
    let parts = Kind::ALL.map(|kind| {
        let bytes = (0..random.below(bytes_max)).map(|_| random.next_u64() as u8).collect();
        Part { kind, layout: 1, bytes }
    });
    Image { head, parts: parts.into() }
}

#[test]
fn an_image_is_read_as_it_was_written_and_no_changed_bit_passes() {
    let mut random = Random::new(1);
    let mut images: Vec<Vec<u8>> = Vec::new();
    for _ in 0..8 {
        let image = any(&mut random, 4, 700);
        let bytes = image.to_bytes();
        assert_eq!(Image::of_bytes(&bytes).expect("what was written"), image);
        images.push(bytes);
    }
    for round in 0..if long() { 10_000 } else { 2_000 } {
        let mut bytes = images[round % images.len()].clone();
        let length = bytes.len() as u64;
        let what = if random.below(4) == 0 {
            let left = random.below(length) as usize;
            bytes.truncate(left);
            format!("cut to {left}")
        } else {
            let bit = random.below(length * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            format!("bit {bit}")
        };
        let read = Image::of_bytes(&bytes);
        assert!(
            matches!(read, Err(Unusable::Damaged(_))),
            "round {round}, {what} of {length}: {read:?}"
        );
    }
}

#[test]
fn every_bit_of_a_small_image_counts() {
    let bytes = any(&mut Random::new(2), 1, 20).to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Image::of_bytes(&changed).is_err(), "bit {bit}");
    }
    for left in 0..bytes.len() {
        assert!(Image::of_bytes(&bytes[..left]).is_err(), "cut to {left}");
    }
    assert!(Image::of_bytes(&[bytes, vec![0]].concat()).is_err(), "longer");
}

#[test]
fn what_is_no_image_is_refused_and_never_a_panic() {
    let image = any(&mut Random::new(3), 1, 60).to_bytes();
    for seed in 0..if long() { 100_000 } else { 2_000 } {
        let mut random = Random::new(seed);
        let mut bytes = image.clone();
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next_u64() as u8;
        }
        // Its checksums fit: somebody wrote it so.
        for sum in [0, 1] {
            let body = bytes.len() - END_BYTES;
            if sum == 1 {
                let digest = Sha256::digest(&bytes[..body]);
                bytes[body..body + 32].copy_from_slice(&digest);
            }
            if let Ok(read) = Image::of_bytes(&bytes) {
                assert!(read.to_bytes() == bytes, "seed {seed}: two spellings");
            }
        }
    }
}

#[test]
fn another_layout_is_told_from_damage() {
    let mut bytes = any(&mut Random::new(4), 1, 60).to_bytes();
    bytes[8] = 99;
    assert!(matches!(Image::of_bytes(&bytes), Err(Unusable::Damaged(_))));
    let body = bytes.len() - END_BYTES;
    let digest = Sha256::digest(&bytes[..body]);
    bytes[body..body + 32].copy_from_slice(&digest);
    assert!(matches!(Image::of_bytes(&bytes), Err(Unusable::OtherLayout(_))));
    let image = any(&mut Random::new(4), 1, 60);
    assert!(matches!(image.part(Kind::Crowd, 2), Err(Unusable::OtherLayout(_))));
}

#[test]
fn the_two_newest_are_kept() {
    let disk = Simulated::new(1);
    let mut random = Random::new(1);
    for segment in [1, 2, 5, 9] {
        any(&mut random, segment, 100).write(&disk).expect("no faults");
    }
    assert_eq!(list(&disk).expect("no faults"), [5, 9]);
    assert!(matches!(Image::read(&disk, 1), Err(Unusable::Disk(_))));
    // One that was given another's name is not taken for it.
    disk.rename(&name(5), &name(7)).expect("no faults");
    assert!(matches!(Image::read(&disk, 7), Err(Unusable::Damaged(_))));
}

#[test]
fn whatever_the_disk_does_one_with_a_name_is_whole_and_one_is_left() {
    let (mut failed, mut dead, mut newest) = (0, 0, 0);
    for seed in 0..if long() { 10_000 } else { 300 } {
        let disk = Simulated::new(seed);
        let mut random = Random::new(seed);
        // Few are so long that they are written in pieces.
        let bytes_max = if seed % 100 == 50 { 500_000 } else { 2_000 };
        let old: Vec<Image> = [2, 3].map(|segment| any(&mut random, segment, bytes_max)).into();
        for image in &old {
            image.write(&disk).expect("no faults yet");
        }
        let new = any(&mut random, 4, bytes_max);
        disk.suffers(Faults {
            ends_at: 1 + random.below(14),
            short: random.below(500),
            failing: random.below(30),
            room: if random.below(4) == 0 { random.below(bytes_max * 5) } else { u64::MAX },
        });
        let written = new.write(&disk);
        failed += u32::from(written.is_err());
        if random.below(2) == 0 {
            disk.power_returns();
            dead += 1;
        } else {
            disk.process_restarts();
        }
        let all = list(&disk).expect("no faults any more");
        for &segment in &all {
            let read = Image::read(&disk, segment).expect("whole");
            let image = if segment == 4 { &new } else { &old[segment as usize - 2] };
            assert!(read == *image, "seed {seed}: image {segment} is another");
        }
        assert!(!all.is_empty() && all.len() <= 3, "seed {seed}: {all:?}");
        assert!(all.contains(&4) || all == [2, 3], "seed {seed}: {all:?}, and none is new");
        assert!(written.is_err() || all.contains(&4), "seed {seed}: written, and gone");
        newest += u32::from(all.contains(&4));
    }
    assert!(failed > 50 && dead > 50 && newest > 50, "{failed} {dead} {newest}");
}
