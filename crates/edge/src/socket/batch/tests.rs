//! Miri knows no `io_uring`; that what is borrowed is not touched later is argued in the code, not tested.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;

use rustix::net::sockopt::set_socket_send_buffer_size;

use super::*;
use crate::socket::write_once;
use crate::testing::Dice;

/// None where the kernel has no `io_uring` or forbids it: then there is nothing to be tested.
fn batch() -> Option<Batch> {
    let batch = Batch::new();
    batch.inspect_err(|error| eprintln!("io_uring is not to be had: {error}")).ok()
}

/// Two ends that do not wait; the first has a buffer of about so many bytes.
fn pair(buffer_bytes: usize) -> (UnixStream, UnixStream) {
    let (here, there) = UnixStream::pair().expect("a pair");
    set_socket_send_buffer_size(&here, buffer_bytes).expect("a buffer");
    [&here, &there].into_iter().for_each(|end| end.set_nonblocking(true).expect("a stream"));
    (here, there)
}

/// Reads so many bytes at most.
fn read(there: &mut UnixStream, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; most];
    let mut read = 0;
    while read < most {
        match there.read(&mut bytes[read..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => read += more,
        }
    }
    bytes.truncate(read);
    bytes
}

/// Nearly everybody's view of an outcome.
fn outcome(took: io::Result<Took>) -> Result<Took, ErrorKind> {
    took.map_err(|error| error.kind())
}

#[test]
fn a_row_takes_what_its_sockets_take_of_writes_of_their_own() {
    let Some(mut batch) = batch() else { return };
    let mut seen = [0; 4];
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let row = 1 + dice.roll(40);
        let buffers: Vec<usize> = (0..row).map(|_| 2_000 + dice.roll(60_000)).collect();
        let mut alike: [Vec<(UnixStream, Option<UnixStream>)>; 2] = [(), ()].map(|()| {
            let pairs = buffers.iter().map(|&bytes| pair(bytes));
            pairs.map(|(here, there)| (here, Some(there))).collect()
        });
        for round in 0..12 {
            let length = [1, 200, 5_500, 70_000][dice.roll(4)] + dice.roll(100);
            let bytes: Vec<u8> = (0..length).map(|index| (index * 7 + round) as u8).collect();
            let [batched, single] = &mut alike;
            let written = batch.write(batched.iter().map(|(here, _)| here.as_fd()), &bytes);
            written.expect("nothing refuses");
            for (index, (here, _)) in single.iter_mut().enumerate() {
                let expected = outcome(write_once(here, &bytes));
                let took = outcome(batch.took(index).expect("it was tried"));
                assert_eq!(took, expected, "seed {seed}, round {round}, socket {index}");
                seen[match took {
                    Ok(Took::All) => 0,
                    Ok(Took::Part(0)) => 1,
                    Ok(Took::Part(_)) => 2,
                    Err(_) => 3,
                }] += 1;
            }
            for index in 0..row {
                let (reads, leaves) = (dice.roll(3) * dice.roll(40_000), dice.roll(40) == 0);
                let [one, other] = alike.each_mut().map(|pairs| {
                    let there = &mut pairs[index].1;
                    let heard = there.as_mut().map(|there| read(there, reads));
                    there.take_if(|_| leaves);
                    heard
                });
                assert!(one == other, "seed {seed}, round {round}, socket {index}: other bytes");
            }
        }
    }
    assert!(seen.iter().all(|&times| times > 100), "all outcomes were seen: {seen:?}");
}

#[test]
fn a_ring_goes_round_and_a_row_is_only_so_long() {
    let Some(mut batch) = batch() else { return };
    let [mut even, mut odd, mut beyond] = [(), (), ()].map(|()| pair(200_000));
    for round in 0..7_u8 {
        let row = (0..SOCKETS_MAX + 3).map(|index| match (index < SOCKETS_MAX, index % 2) {
            (true, 0) => even.0.as_fd(),
            (true, _) => odd.0.as_fd(),
            (false, _) => beyond.0.as_fd(),
        });
        batch.write(row, &[round; 5]).expect("it is taken");
        let took = |index| batch.took(index).map(outcome);
        assert!((0..SOCKETS_MAX).all(|index| took(index) == Some(Ok(Took::All))));
        assert!((SOCKETS_MAX..SOCKETS_MAX + 3).all(|index| took(index).is_none()));
        batch.write([odd.0.as_fd()].into_iter(), &[round]).expect("it is taken");
        assert!(batch.took(0).is_some() && batch.took(1).is_none(), "nothing of the row before");
        let each = SOCKETS_MAX / 2 * 5;
        assert!(read(&mut even.1, 100_000) == vec![round; each]);
        assert!(read(&mut odd.1, 100_000) == vec![round; each + 1]);
    }
    assert_eq!(read(&mut beyond.1, 100_000), b"");
    batch.write([].into_iter(), b"to nobody").expect("it is taken");
    assert!(batch.took(0).is_none());
}

#[test]
fn what_is_no_socket_any_more_says_so_and_the_others_are_written() {
    let Some(mut batch) = batch() else { return };
    let (one, mut there) = pair(100_000);
    let file = std::fs::File::open("/dev/null").expect("a file");
    batch.write([file.as_fd(), one.as_fd()].into_iter(), b"hello").expect("it is taken");
    let error = batch.took(0).expect("it was tried").expect_err("a file is no socket");
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::NOTSOCK.raw_os_error()));
    assert_eq!(batch.took(1).map(outcome), Some(Ok(Took::All)));
    assert_eq!(read(&mut there, 10), b"hello");
}

#[test]
fn who_is_refused_is_told_and_nothing_was_written() {
    // The ring is for the thread that makes it.
    let Some(mut batch) = thread::spawn(batch).join().expect("it makes one") else { return };
    let (one, mut there) = pair(100_000);
    for _ in 0..2 {
        if batch.write([one.as_fd()].into_iter(), b"hello").is_ok() {
            eprintln!("a kernel before 6.0, which does not mind who asks");
            return;
        }
        assert!(batch.took(0).is_none());
        assert!(batch.ring.is_none(), "the kernel never sees what is left in it");
    }
    assert_eq!(read(&mut there, 10), b"");
}

#[test]
fn what_was_interrupted_was_not_tried() {
    let Some(mut batch) = batch() else { return };
    let [again, interrupted, pipe] =
        [rustix::io::Errno::AGAIN, rustix::io::Errno::INTR, rustix::io::Errno::PIPE]
            .map(|errno| Some(-errno.raw_os_error()));
    (batch.said, batch.bytes) = (vec![again, interrupted, pipe, Some(7), Some(6)], 7);
    let took: Vec<_> = (0..6).map(|index| batch.took(index).map(outcome)).collect();
    let (all, part) = (Some(Ok(Took::All)), |bytes| Some(Ok(Took::Part(bytes))));
    let pipe = Some(Err(ErrorKind::BrokenPipe));
    assert_eq!(took, [part(0), None, pipe, all, part(6), None]);
}
