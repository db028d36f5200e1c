use model::Class;

use super::*;
use crate::testing::{Dice, told};

/// A socket that takes so many bytes and then says that it has no room, or fails.
#[derive(Default)]
struct Narrow {
    room: usize,
    taken: Vec<u8>,
    writes: usize,
    interrupt: bool,
    broken: bool,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.interrupt) {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        self.writes += 1;
        let taken = bytes.len().min(self.room);
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room -= taken;
        self.taken.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn outbox(frames: &[usize]) -> (Outbox, Vec<u8>) {
    let mut outbox = Outbox::default();
    for (sequence, bytes) in frames.iter().enumerate() {
        outbox.push(&told(0, Class::Lossless, sequence as u64, *bytes), 0, Duration::ZERO);
    }
    outbox.answer(Duration::ZERO, |answers| answers.extend_from_slice(b"\x8a\x00"));
    let bytes = outbox.pieces().flatten().copied().collect();
    (outbox, bytes)
}

#[test]
fn what_is_small_is_joined_and_what_is_large_is_not_copied() {
    for (frames, writes) in
        [(&[10; 32][..], 1), (&[200; 1_000], 4), (&[20_000, 10, 20_000], 2), (&[300_000], 2)]
    {
        let (mut waiting, bytes) = outbox(frames);
        let mut socket = Narrow { room: usize::MAX, ..Narrow::default() };
        let mut join = Vec::new();
        let flushed = flush(&mut socket, &mut waiting, &mut join, Duration::ZERO);
        let flushed = flushed.expect("nothing fails");
        assert!(socket.taken == bytes, "every byte, in order");
        assert_eq!((flushed.blocked, flushed.bytes), (false, bytes.len()));
        assert!(socket.writes <= writes + 1, "{} writes for {frames:?}", socket.writes);
        assert_eq!(flushed.writes as usize, socket.writes);
        assert!(join.len() <= JOIN_BYTES);
        assert!(waiting.is_empty());
    }
}

#[test]
fn whatever_room_there_is_every_byte_comes_once_and_in_order() {
    for seed in 0..500 {
        let mut dice = Dice(seed);
        let frames: Vec<usize> = (0..1 + dice.roll(40)).map(|_| 1 + dice.roll(5_000)).collect();
        let (mut waiting, bytes) = outbox(&frames);
        let mut socket = Narrow::default();
        let mut join = Vec::new();
        while !waiting.is_empty() {
            socket.room = dice.roll(30_000);
            socket.interrupt = dice.roll(4) == 0;
            let flushed = flush(&mut socket, &mut waiting, &mut join, Duration::ZERO);
            let flushed = flushed.expect("nothing fails");
            assert_eq!(flushed.blocked, !waiting.is_empty(), "seed {seed}");
        }
        assert!(socket.taken == bytes, "seed {seed}");
    }
}

#[test]
fn a_network_that_fails_is_told_of() {
    let (mut waiting, _) = outbox(&[10]);
    let mut socket = Narrow { broken: true, ..Narrow::default() };
    let failed = flush(&mut socket, &mut waiting, &mut Vec::new(), Duration::ZERO);
    assert_eq!(failed.expect_err("it is broken").kind(), ErrorKind::ConnectionReset);
}
