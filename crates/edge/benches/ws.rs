//! What the framing costs: `cargo bench -p edge --bench ws`. Without `--bench`, as under `cargo test`,
//! each figure is taken once over little, so that the bench itself stays true.

use std::{env, hint::black_box, time::Instant};

use edge::ws::{
    Opcode, Role,
    decode::{Chunk, Decoder, Incoming, Limits},
    encode::{self, HEADROOM},
    mask,
};

/// What a loop reads at once.
const CHUNK_BYTES: usize = 64 * 1024;

fn main() {
    let rounds = if env::args().any(|arg| arg == "--bench") { 400 } else { 2 };
    let ascii = |len: usize| {
        "{\"event\":\"bts:subscribe\",\"data\":0123456789}".repeat(len)[..len].to_owned()
    };
    let wide = |len: usize| {
        "grüße an die 🦀 auf der brücke "
            .chars()
            .cycle()
            .scan(0, |n, c| {
                *n += c.len_utf8();
                (*n <= len).then_some(c)
            })
            .collect::<String>()
    };

    for len in [20, 100, 500, 5_500] {
        let text = ascii(len);
        println!(
            "decode masked text, {len:>5} B ascii           {:>8.1} ns",
            decode(&text, CHUNK_BYTES, rounds)
        );
    }
    println!(
        "decode masked text,   100 B not ascii       {:>8.1} ns",
        decode(&wide(100), CHUNK_BYTES, rounds)
    );
    println!(
        "decode masked text,  5500 B not ascii       {:>8.1} ns",
        decode(&wide(5_500), CHUNK_BYTES, rounds)
    );
    println!(
        "decode masked text,   100 B, each cut once  {:>8.1} ns",
        decode(&ascii(100), 106, rounds)
    );
    println!(
        "decode masked text,  5500 B, in 1448 B      {:>8.1} ns",
        decode(&ascii(5_500), 1_448, rounds)
    );
    for len in [100, 200, 5_500, 70_000] {
        println!(
            "header back,        {len:>5} B                  {:>8.2} ns",
            header_back(len, rounds)
        );
    }
    for len in [100, 5_500] {
        println!(
            "mask alone,         {len:>5} B                  {:>8.1} ns",
            masking(len, rounds)
        );
    }
    println!("decoder itself                              {:>8} B", size_of::<Decoder>());
}

/// The least time of so many rounds, in ns for each of `n` things that `work` does.
fn least<S>(rounds: usize, n: usize, mut fresh: impl FnMut() -> S, mut work: impl FnMut(S)) -> f64 {
    (0..rounds)
        .map(|_| {
            let state = fresh();
            let begun = Instant::now();
            work(state);
            begun.elapsed().as_nanos() as f64 / n as f64
        })
        .fold(f64::INFINITY, f64::min)
}

/// ns for each message of a run that is read in chunks of so many bytes.
fn decode(text: &str, chunk_bytes: usize, rounds: usize) -> f64 {
    let mut one = Vec::new();
    encode::push_client_frame(&mut one, Opcode::Text, [0x37, 0xFA, 0x21, 0x3D], text.as_bytes());
    let messages = (4 * CHUNK_BYTES / one.len()).max(1);
    // Begins amid a frame, so that short chunks cut every message.
    let bytes = one.repeat(messages);
    let mut decoder = Decoder::new(Limits::of_messages(1 << 20), Role::Server);
    let skew = if chunk_bytes < CHUNK_BYTES { one.len() / 2 } else { 0 };
    least(
        rounds,
        messages,
        || bytes.clone(),
        |mut bytes| {
            let mut heard = 0;
            let (first, rest) = bytes.split_at_mut(skew);
            for piece in [first].into_iter().chain(rest.chunks_mut(chunk_bytes)) {
                let mut chunk = Chunk::new(piece);
                while let Some(incoming) = decoder.next(&mut chunk).expect("all is well framed") {
                    let Incoming::Text(text) = black_box(incoming) else { panic!("all is text") };
                    heard += usize::from(!text.is_empty());
                }
            }
            assert_eq!(heard, messages);
        },
    )
}

fn header_back(payload_bytes: usize, rounds: usize) -> f64 {
    const TIMES: usize = 10_000;
    let mut headroom = [0; HEADROOM];
    least(
        rounds,
        TIMES,
        || (),
        |()| {
            for _ in 0..TIMES {
                let len = black_box(payload_bytes);
                let start = encode::write_header_back(black_box(&mut headroom), Opcode::Text, len);
                assert_eq!(HEADROOM - black_box(start), encode::server_header_bytes(len));
            }
        },
    )
}

fn masking(len: usize, rounds: usize) -> f64 {
    const TIMES: usize = 1_000;
    let mut bytes = vec![7; len];
    least(
        rounds,
        TIMES,
        || (),
        |()| {
            for _ in 0..TIMES {
                mask::apply(black_box(&mut bytes), black_box([1, 2, 3, 4]), 0);
            }
        },
    )
}
