//! One side's rows and their texts, and how the next list is made of them.

use core::cmp::Ordering;

use model::{Level, OrderEntry, Side};

use super::{Meeting, Row, Summed};
use crate::text::{Pen, SLACK};

/// Rows of each type that there is, by side.
#[derive(Debug, Default)]
pub struct Sides {
    levels: [Rows<Level>; 2],
    orders: [Rows<OrderEntry>; 2],
    pub summed: [Rows<Summed>; 2],
    /// Memory for adding up.
    pub sums: Vec<Summed>,
    /// Memory for a row that no pen writes.
    pub row: Vec<u8>,
}

/// Where rows of a type are kept.
pub trait Place: Sized {
    fn place(sides: &mut Sides) -> &mut [Rows<Self>; 2];
}

impl Place for Level {
    fn place(sides: &mut Sides) -> &mut [Rows<Self>; 2] {
        &mut sides.levels
    }
}

impl Place for OrderEntry {
    fn place(sides: &mut Sides) -> &mut [Rows<Self>; 2] {
        &mut sides.orders
    }
}

impl Place for Summed {
    fn place(sides: &mut Sides) -> &mut [Rows<Self>; 2] {
        &mut sides.summed
    }
}

/// The rows of one side as they were written last.
#[derive(Debug)]
pub struct Rows<T> {
    /// The best last, as books have them.
    rows: Vec<T>,
    written: Written,
    /// Memory for what is written next.
    next: Written,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), written: Written::default(), next: Written::default() }
    }
}

/// The texts of rows, the best first.
#[derive(Debug, Default)]
pub struct Written {
    /// Each row behind a comma; what lies behind `at` is nothing yet. It is never cut, so that room need not be made again.
    bytes: Vec<u8>,
    at: usize,
    /// Where each row ends.
    ends: Vec<u32>,
}

impl<T: Row> Rows<T> {
    /// All texts with commas between: each begins with its own.
    pub fn listed(&self) -> &[u8] {
        self.written.bytes[..self.written.at].get(1..).unwrap_or_default()
    }

    /// Writes these rows, the best of which are last; `write` is to write one of them. Goes through old and new at once,
    /// the best first.
    #[inline(always)]
    pub fn renew(&mut self, side: Side, rows: &[T], mut write: impl FnMut(&mut Written, &T)) {
        self.next.at = 0;
        self.next.ends.clear();
        // What is left of both, the best last.
        let (mut new, mut old) = (rows, &self.rows[..]);
        loop {
            let same = same_at_end(new, old);
            if same == rows.len() && same == self.rows.len() {
                return;
            }
            if same > 0 {
                self.next.copy(&self.written, self.rows.len() - old.len(), same);
                (new, old) = (&new[..new.len() - same], &old[..old.len() - same]);
            }
            let Some((row, rest)) = new.split_last() else { break };
            if let Some((kept, older)) = old.split_last() {
                let standing = match side {
                    Side::Buy => kept.price().cmp(&row.price()),
                    Side::Sell => row.price().cmp(&kept.price()),
                };
                match standing {
                    // Better than what is the best now: it has left.
                    Ordering::Greater => {
                        old = older;
                        continue;
                    }
                    Ordering::Equal => {
                        old = older;
                        if row.meets(kept) == Meeting::Gone {
                            continue;
                        }
                    }
                    Ordering::Less => {}
                }
            }
            write(&mut self.next, row);
            self.next.ends.push(self.next.end());
            new = rest;
        }
        core::mem::swap(&mut self.written, &mut self.next);
        self.rows.clear();
        self.rows.extend_from_slice(rows);
    }
}

impl Written {
    /// Appends what a pen writes, in so many bytes at most.
    #[inline(always)]
    pub fn write(&mut self, bytes_max: usize, write: impl FnOnce(&mut Pen<'_>)) {
        let mut pen = Pen::new(self.room(bytes_max + SLACK));
        write(&mut pen);
        self.at += pen.written();
    }

    /// Room for so many bytes.
    #[inline(always)]
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes.len() < self.at + bytes {
            self.grow(bytes);
        }
        &mut self.bytes[self.at..]
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        self.bytes.resize((self.at + bytes) * 2, 0);
    }

    #[inline(always)]
    fn end(&self) -> u32 {
        u32::try_from(self.at).expect("a side of a book is shorter than four gigabytes")
    }

    /// Appends so many rows of another text, from this one on.
    #[inline]
    fn copy(&mut self, other: &Self, from: usize, count: usize) {
        let begin = if from == 0 { 0 } else { other.ends[from - 1] };
        let ends = &other.ends[from..from + count];
        // Modulo 2^32, as the text may have moved in either direction.
        let moved = self.end().wrapping_sub(begin);
        self.ends.extend(ends.iter().map(|end| end.wrapping_add(moved)));
        let text = &other.bytes[begin as usize..ends[count - 1] as usize];
        self.room(text.len())[..text.len()].copy_from_slice(text);
        self.at += text.len();
    }
}

/// How many of the last rows of both are the same. Most are: so, if one is, it looks at several before it decides.
#[inline(always)]
fn same_at_end<T: PartialEq>(new: &[T], old: &[T]) -> usize {
    const AT_ONCE: usize = 8;
    if new.last().is_none_or(|new| Some(new) != old.last()) {
        return 0;
    }
    let mut same = 0;
    for (new, old) in new.rchunks_exact(AT_ONCE).zip(old.rchunks_exact(AT_ONCE)) {
        if !new.iter().zip(old).fold(true, |same, (new, old)| same & (new == old)) {
            break;
        }
        same += AT_ONCE;
    }
    let (new, old) = (&new[..new.len() - same], &old[..old.len() - same]);
    same + new.iter().rev().zip(old.iter().rev()).take_while(|(new, old)| new == old).count()
}
