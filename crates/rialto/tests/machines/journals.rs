//! Journals of machines that were cores one after the other, compared record by record.

use std::path::Path;

use feed::journal::disk::Folder;
use feed::journal::reader::Reader;

/// A record: the life that wrote it, its first command, and the hash over all of it, which names those before it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub life: u32,
    pub first: u64,
    pub hash: [u8; 16],
}

/// The records in the journal of a `--data` folder, but for what was torn at its end.
pub fn records(data: &Path) -> Vec<Written> {
    let disk = Folder::at(&data.join("journal"));
    let mut reader = Reader::open(&disk).expect("a journal").expect("one with a beginning");
    let mut records = Vec::<Written>::new();
    while let Some(record) = reader.record().expect("records in order") {
        let head = record.head;
        // What a record is, the next one says.
        if let Some(last) = records.last_mut() {
            last.hash = head.chain;
        }
        records.push(Written { life: head.epoch.0, first: head.first.0, hash: [0; 16] });
    }
    let tail = reader.tail().expect("an end");
    if let Some(last) = records.last_mut() {
        last.hash = tail.chain;
    }
    records
}

/// Of a journal that others went on with and of theirs: how many records they have in common, and how many only the old
/// one has.
///
/// # Errors
/// In words: behind what they have in common a life wrote both, or one of theirs is not later than all of the old one's.
pub fn parted(old: &[Written], new: &[Written]) -> Result<(usize, usize), String> {
    let common = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    if common == 0 {
        return Err("they do not even begin the same".to_owned());
    }
    let last = old.iter().map(|record| record.life).max().unwrap_or(0);
    match new[common..].iter().find(|record| record.life <= last) {
        Some(record) if common < old.len() => Err(format!(
            "in life {} another machine wrote command {} behind {common} common records, where the old core has {:?}",
            record.life, record.first, old[common]
        )),
        _ => Ok((common, old.len() - common)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_writers_in_one_life_are_seen() {
        let record = |life, first, hash| Written { life, first, hash: [hash; 16] };
        let common = [record(1, 1, 1), record(1, 2, 2), record(2, 3, 3)];
        let and = |more: &[Written]| [&common, more].concat();
        let old = and(&[record(2, 5, 4)]);
        assert_eq!(parted(&old, &and(&[record(3, 5, 5)])), Ok((3, 1)));
        assert_eq!(parted(&common, &and(&[record(2, 5, 5), record(3, 6, 6)])), Ok((3, 0)));
        assert!(parted(&old, &and(&[record(2, 5, 5)])).is_err(), "the same life goes on elsewhere");
        let later = and(&[record(2, 5, 4), record(3, 6, 5)]);
        assert!(
            parted(&later, &and(&[record(3, 5, 6)])).is_err(),
            "both begin a life of one number"
        );
        assert!(parted(&old, &[record(1, 1, 9)]).is_err());
    }
}
