//! What is read from the disk: records, entries and segments of a journal, images of a market. Nobody is trusted to
//! have left them as they were written.

use std::io;

use feed::journal::disk::{Appended, Disk};
use feed::journal::reader::Reader;
use feed::journal::record::{self, HEAD_BYTES, Head, SegmentHead};
use feed::journal::segments;
use feed::journal::stored::{Decoder, Encoder};
use model::{Epoch, Sequence};

use super::NOW;

/// A record wherever it may begin: read, or refused; what is read is written as it was. The first byte says where.
pub fn record(bytes: &[u8]) {
    let [at, bytes @ ..] = bytes else { return };
    let at = usize::from(*at).min(bytes.len());
    if let Ok((head, entries)) = record::read(bytes, at) {
        let mut again = vec![0; HEAD_BYTES];
        again.extend_from_slice(entries);
        record::seal(&mut again, &head);
        assert!(bytes[at..].starts_with(&again), "what was read is what stands there");
        assert!(record::says_durable(bytes, at, head.durable));
    }
    if let Ok(head) = record::read_segment_head(bytes) {
        assert!(bytes.starts_with(&record::segment_head(&head)));
    }
}

/// Entries behind each other: read, or refused; what is read is written so that the same is read again.
pub fn entries(bytes: &[u8]) {
    let mut decoder = Decoder::new(bytes, NOW);
    let mut encoder = Encoder::default();
    encoder.begin(NOW);
    let mut entries = Vec::new();
    while let Ok(Some(entry)) = decoder.entry() {
        encoder.entry(&entry);
        entries.push(entry);
    }
    let mut decoder = Decoder::new(&encoder.bytes, NOW);
    for entry in entries {
        assert_eq!(decoder.entry(), Ok(Some(entry)));
    }
    assert_eq!(decoder.entry(), Ok(None));
}

/// A journal of one segment: read to an end that is named, and nothing is made of it that is not there. If the first
/// byte is even the rest is the segment, else it is the entries of a record that is sound around them, the second byte
/// saying how many.
pub fn segment(bytes: &[u8]) {
    let [form, count, rest @ ..] = bytes else { return };
    let content = match form % 2 {
        0 => bytes[1..].to_vec(),
        _ => sealed(u32::from(*count), rest),
    };
    let disk = OneFile(&content);
    let Ok(Some(mut reader)) = Reader::open(&disk) else { return };
    let mut offset = 0;
    loop {
        match reader.record() {
            Ok(Some(record)) => {
                assert!(record.place.offset >= offset, "they come one behind the other");
                assert_eq!(record.entries.len(), record.head.entries as usize);
                offset = record.place.offset + 1;
            }
            Ok(None) => break,
            Err(trouble) => {
                assert!(!trouble.to_string().is_empty());
                return;
            }
        }
    }
    if let Ok(tail) = reader.tail() {
        assert!(content.starts_with(&tail.keep), "nothing is kept that was not there");
    }
}

/// A segment with these entries in one record.
fn sealed(count: u32, entries: &[u8]) -> Vec<u8> {
    let head = SegmentHead { number: 1, next: Sequence(1), journal: [7; 16], chain: [0; 16] };
    let mut content = record::segment_head(&head).to_vec();
    let mut whole = vec![0; HEAD_BYTES];
    whole.extend_from_slice(entries);
    let head = Head {
        length: entries.len() as u32,
        epoch: Epoch(1),
        entries: count,
        first: Sequence(1),
        time: NOW,
        wall: NOW,
        durable: Sequence(0),
        chain: [0; 16],
    };
    record::seal(&mut whole, &head);
    content.extend_from_slice(&whole);
    content
}

/// A folder with one segment in it.
struct OneFile<'a>(&'a [u8]);

impl Disk for OneFile<'_> {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(vec![segments::name(1)])
    }
    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        Ok(self.0.to_vec())
    }
    fn bytes(&self, _: &str) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
    fn create(&self, _: &str) -> io::Result<Box<dyn Appended>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
