//! The laws of the edge, over many seeds.

use testkit::laws::one_frame;

#[test]
fn a_frame_is_encoded_once_however_many_listen() {
    let mut all = one_frame::Figures::default();
    for seed in 0..200 {
        let one = one_frame::check(seed);
        all.frames += one.frames;
        all.heard += one.heard;
        all.handed += one.handed;
    }
    println!("{all:?}");
    assert!(
        all.frames > 20_000 && all.heard > 4 * all.frames && all.handed > all.frames,
        "too little happened to mean anything: {all:?}"
    );
}
