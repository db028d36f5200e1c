use super::apply;

/// The slow twin: the sentence of the RFC, byte by byte.
fn apply_plainly(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte ^= key[(offset + i) % 4];
    }
}

#[test]
fn every_length_alignment_and_offset_agrees_with_the_plain_twin() {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let source: Vec<u8> = (0..200u8).map(|i| i.wrapping_mul(31)).collect();
    for from in 0..16 {
        for len in 0..150 {
            for offset in [0, 1, 2, 3, 4, 7, usize::MAX - 200] {
                let mut fast = source.clone();
                let mut slow = source.clone();
                apply(&mut fast[from..from + len], key, offset);
                apply_plainly(&mut slow[from..from + len], key, offset);
                assert_eq!(fast, slow, "from {from}, {len} bytes, offset {offset}");
            }
        }
    }
}

#[test]
fn the_example_of_the_rfc() {
    let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
    apply(&mut bytes, [0x37, 0xfa, 0x21, 0x3d], 0);
    assert_eq!(&bytes, b"Hello");
}
