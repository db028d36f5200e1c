//! Takes a journal from the core: out of messages as they come, late, doubled, in any order or not at all, it makes
//! the records, whole, in their order, each once and none that does not follow the one before. What is missing it says
//! to ask for.
//!
//! A pure state machine: whoever has it hands it every message and the time, gives the core what it asks, and takes
//! the records out. It holds what was not taken out yet, never more than [`HELD_BYTES_MAX`] or one record, and nothing
//! that came too early: that is asked for again, which costs a round trip.
//!
//! What it has not given out it does not insist on. Bytes that turn out to be no record are dropped and asked for
//! once more; if then the core's journal still does not go on from the last record given out, that is told as
//! [`Trouble`], and nothing is followed any more.

use std::time::Duration;

use model::Sequence;

use super::super::Place;
use super::super::chain::{Break, Chain, Link};
use super::super::reader::Record;
use super::super::record::{self, HEAD_BYTES, SEGMENT_HEAD_BYTES, Wrong};
use super::super::segments::{CONTENT_BYTES_MAX, name};
use super::super::stored::Misread;
use super::words::{Answer, Ask, Frontier, Head, PIECE_BYTES_MAX, Piece, Question, Refusal, Said};
use super::words::{Unread, Why};

mod told;

pub use told::{Complaint, Counts, Standing, Start, Taken, Trouble, Which};

/// With more that was not taken out, nothing is asked for.
pub const HELD_BYTES_MAX: usize = 4 << 20;

/// How often it is asked how the core stands.
pub const HEAD_EVERY: Duration = Duration::from_secs(1);
/// After so long a question is taken for lost, as long as something is heard of the core.
pub const PATIENCE: Duration = Duration::from_millis(250);
/// And so long at most if nothing is.
pub const PATIENCE_MAX: Duration = Duration::from_secs(4);
/// For so long a core of an earlier life may answer before it is taken for the only one there is.
const STALE_MAX: Duration = Duration::from_secs(10);

/// A question under way.
#[derive(Clone, Copy, Debug)]
struct Asked {
    number: u32,
    at: Duration,
    /// What had been given out then: the core had it.
    segment: u64,
    offset: u64,
    /// And what was held besides.
    end: u64,
}

/// Takes a journal from the core.
#[derive(Debug)]
pub struct Taker {
    which: Which,
    /// Up to the last record that was given out.
    chain: Chain,
    segment: u64,
    offset: u64,
    /// Whether nothing was given out of this journal yet, nor is known of it.
    is_first: bool,
    is_known: bool,
    /// What stands behind that, from `at` on.
    bytes: Vec<u8>,
    at: usize,
    /// A record that was looked at already, and may not be shown yet.
    early: Option<(Link, Chain)>,
    /// Something came for which there was no room.
    is_crowded: bool,
    /// Bytes from here on did not follow once.
    doubts: bool,
    trouble: Option<Trouble>,
    complaint: Option<Complaint>,
    frontier: Option<Frontier>,
    head: Option<Head>,
    heard: Option<Duration>,
    /// Since when only a core of an earlier life answers.
    stale: Option<Duration>,
    head_asked: Option<Asked>,
    bytes_asked: Option<Asked>,
    next_head: Duration,
    next_bytes: Duration,
    patience: Duration,
    number: u32,
    counts: Counts,
}

impl Taker {
    /// Begins here. The first thing that it asks is how the core stands.
    #[must_use]
    pub fn new(start: Start, which: Which) -> Self {
        let Start { chain, segment, offset, is_first } = start;
        Self {
            which,
            chain,
            segment,
            offset,
            is_first,
            is_known: !is_first,
            bytes: Vec::new(),
            at: 0,
            early: None,
            is_crowded: false,
            doubts: false,
            trouble: None,
            complaint: None,
            frontier: None,
            head: None,
            heard: None,
            stale: None,
            head_asked: None,
            bytes_asked: None,
            next_head: Duration::ZERO,
            next_bytes: Duration::ZERO,
            patience: PATIENCE,
            number: 0,
            counts: Counts::default(),
        }
    }

    /// Hears a message: a piece that was published, or an answer. `now` is the time since any moment, and never goes
    /// back.
    pub fn heard(&mut self, message: &[u8], now: Duration) {
        if self.trouble.is_some() {
            return;
        }
        self.counts.heard += 1;
        let answer = match Answer::decode(message) {
            Ok(answer) => answer,
            Err(unread) => {
                self.counts.unread += 1;
                if matches!(unread, Unread::Version(_)) {
                    self.complaint = Some(Complaint::Unread(unread));
                }
                return;
            }
        };
        let asked = self.asked(answer.number);
        if self.is_known && answer.journal != self.chain.journal {
            self.counts.stale += 1;
            // Others may publish here by mistake. Whom we asked is the core.
            if asked.is_some() {
                let (ours, theirs) = (self.chain.journal, answer.journal);
                self.trouble = Some(Trouble::OtherJournal { ours, theirs });
            }
            return;
        }
        if self.is_stale(&answer.frontier, asked.is_some(), now) {
            return;
        }
        if !self.is_known {
            (self.is_known, self.chain.journal) = (true, answer.journal);
        }
        let is_refused = matches!(answer.said, Said::Refused(_));
        (self.heard, self.stale) = (Some(now), None);
        if !is_refused {
            self.patience = PATIENCE;
            self.complaint = None;
        }
        if let Some(asked) = asked {
            self.compare(&asked, &answer.frontier);
        }
        self.told(answer.frontier);
        match answer.said {
            Said::Piece(piece) => self.piece(&piece, asked.is_some()),
            Said::Head(head) => self.head = Some(head),
            Said::Refused(refusal) => self.refused(refusal, asked.is_some(), now),
            // Of whoever else asks on the same line.
            Said::Images(_) | Said::Image(_) => {}
        }
    }

    /// The next record, if it is there.
    pub fn record(&mut self) -> Option<Result<Record, Trouble>> {
        loop {
            match self.take()? {
                Ok(Taken { record: Some(record), .. }) => return Some(Ok(record)),
                Ok(_) => {}
                Err(trouble) => return Some(Err(trouble)),
            }
        }
    }

    /// The same with its bytes, and the heads of segments too: for whoever makes a copy.
    pub fn take(&mut self) -> Option<Result<Taken<'_>, Trouble>> {
        if let Some(trouble) = &self.trouble {
            return Some(Err(trouble.clone()));
        }
        let found = if self.offset == 0 { self.next_segment() } else { self.next_record() };
        let (count, link) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return None,
            Err(wrong) => {
                self.broken(wrong);
                return self.trouble.clone().map(Err);
            }
        };
        let (segment, offset) = (self.segment, self.offset);
        let place = Place { segment: name(segment), offset, after: self.chain.last };
        let from = self.at;
        self.at += count;
        self.offset += count as u64;
        (self.doubts, self.is_crowded) = (false, false);
        let record = link.map(|(Link { head, entries, .. }, chain)| {
            self.chain = chain;
            self.counts.records += 1;
            Record { head, place, entries }
        });
        Some(Ok(Taken { segment, offset, bytes: &self.bytes[from..self.at], record }))
    }

    /// What is to be asked now, if anything is; to be called until it says nothing. The core's answer goes to
    /// [`Taker::heard`]; whether one comes is not relied on.
    pub fn asks(&mut self, now: Duration) -> Option<Ask> {
        if self.trouble.is_some() {
            return None;
        }
        self.forget(now);
        if now >= self.next_head && self.head_asked.is_none() {
            self.next_head = now + HEAD_EVERY;
            let asked = self.ask(now);
            self.head_asked = Some(asked);
            return Some(self.question(asked.number, Question::Head));
        }
        if now >= self.next_bytes && self.bytes_asked.is_none() && self.is_behind() {
            let (segment, offset) = (self.segment, self.end());
            let asked = self.ask(now);
            self.bytes_asked = Some(asked);
            let max = PIECE_BYTES_MAX as u32;
            return Some(self.question(asked.number, Question::Bytes { segment, offset, max }));
        }
        None
    }

    /// When [`Taker::asks`] may have something to say again although nothing was heard.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        if self.trouble.is_some() {
            return None;
        }
        let patience = self.patience;
        let lost = |asked: &Option<Asked>| asked.map(|asked| asked.at + patience);
        let head = lost(&self.head_asked).unwrap_or(self.next_head);
        let bytes = match lost(&self.bytes_asked) {
            None if self.is_behind() => Some(self.next_bytes),
            lost => lost,
        };
        Some(bytes.map_or(head, |bytes| head.min(bytes)))
    }

    /// How the core stands, as it last said itself.
    #[must_use]
    pub const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Why nothing is followed any more.
    #[must_use]
    pub const fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self, now: Duration) -> Standing {
        let Chain { epoch, last, time, .. } = self.chain;
        let place = (self.segment, self.offset);
        let shown = self.which == Which::Shown;
        let is_level = |it: Frontier| it.place() <= place || (shown && it.durable <= last);
        Standing {
            journal: self.is_known.then_some(self.chain.journal),
            epoch,
            last,
            time,
            segment: self.segment,
            offset: self.offset,
            frontier: self.frontier,
            silence: self.heard.map(|heard| now.saturating_sub(heard)),
            is_level: self.frontier.is_some_and(is_level) && self.trouble.is_none(),
            complaint: self.complaint.clone(),
            trouble: self.trouble.clone(),
            counts: self.counts,
        }
    }

    // 1. What is said of the core.

    /// Takes out the question that this answers.
    fn asked(&mut self, number: u32) -> Option<Asked> {
        let is_it = |asked: &mut Asked| number != 0 && asked.number == number;
        self.head_asked.take_if(is_it).or_else(|| self.bytes_asked.take_if(is_it))
    }

    /// Whether this is of a life that is over: somebody has gone on from its end, and that was heard. What such a core
    /// says is not listened to, unless there is no other any more.
    fn is_stale(&mut self, frontier: &Frontier, is_answer: bool, now: Duration) -> bool {
        let known = self.frontier.map_or(self.chain.epoch, |it| it.epoch.max(self.chain.epoch));
        if frontier.epoch >= known {
            return false;
        }
        self.counts.stale += 1;
        if is_answer {
            let since = *self.stale.get_or_insert(now);
            if now.saturating_sub(since) >= STALE_MAX {
                let life = frontier.epoch;
                self.diverged(format!("the core is in life {life}, and life {known} was seen"));
            }
        }
        true
    }

    /// What the core had when it was asked must be in what it says it has.
    fn compare(&mut self, asked: &Asked, frontier: &Frontier) {
        let (place, core) = ((asked.segment, asked.offset), frontier.place());
        if core < place {
            let (segment, offset) = core;
            self.diverged(format!("it ends at {}, offset {offset}", name(segment)));
        } else if core == place && place == (self.segment, self.offset) {
            if frontier.chain != self.chain.hash && !self.is_first {
                self.diverged("its last record is another".to_owned());
            }
        } else if core < (asked.segment, asked.end) && place == (self.segment, self.offset) {
            // It has whole records only, and so has lost some of what is held here.
            self.doubt("it ends within what was sent");
        }
    }

    fn told(&mut self, frontier: Frontier) {
        let order = |it: &Frontier| (it.epoch, it.segment, it.offset, it.durable);
        if self.frontier.is_none_or(|known| order(&known) < order(&frontier)) {
            self.frontier = Some(frontier);
        }
    }

    fn refused(&mut self, refusal: Refusal, is_answer: bool, now: Duration) {
        if !is_answer {
            return;
        }
        if let Why::Pruned(first) = refusal.why
            && first > self.segment
        {
            self.trouble = Some(Trouble::Pruned { place: self.place(), first });
            return;
        }
        self.complaint = Some(Complaint::Refused(refusal));
        self.patience = (self.patience * 2).min(PATIENCE_MAX);
        self.next_bytes = now + self.patience;
    }

    // 2. The journal's bytes.

    /// Where what is held ends, in its segment.
    const fn end(&self) -> u64 {
        self.offset + (self.bytes.len() - self.at) as u64
    }

    /// Whether the core is known to have what is not held here, and there is room for it.
    fn is_behind(&self) -> bool {
        let is_more = |it: Frontier| it.place() > (self.segment, self.end());
        self.frontier.is_some_and(is_more) && !self.is_crowded && self.has_room()
    }

    /// Whether anything more is taken in: what one record needs always is.
    fn has_room(&self) -> bool {
        let held = self.bytes.len() - self.at;
        if held < HELD_BYTES_MAX {
            return true;
        }
        let begins = self.offset > 0 && self.early.is_none();
        let head = begins.then(|| record::read_head(&self.bytes, self.at).ok()).flatten();
        head.is_some_and(|head| held < HEAD_BYTES + head.length as usize + 1)
    }

    fn piece(&mut self, piece: &Piece<'_>, is_answer: bool) {
        let Piece { segment, offset, before, bytes } = *piece;
        if self.trouble.is_some() || bytes.is_empty() {
            return;
        }
        if segment == self.segment {
            self.add(offset, bytes);
        } else if segment < self.segment {
            self.counts.doubled += 1;
        } else if segment > self.segment + 1 || offset > 0 {
            self.counts.gaps += 1;
        } else {
            self.next_begins(before, bytes, is_answer);
        }
    }

    /// Puts those of these bytes that are new behind what is held.
    fn add(&mut self, offset: u64, bytes: &[u8]) {
        let Some(known) = self.end().checked_sub(offset) else {
            self.counts.gaps += 1;
            return;
        };
        let new = usize::try_from(known).ok().and_then(|known| bytes.get(known..));
        let Some(new) = new.filter(|new| !new.is_empty()) else {
            self.counts.doubled += 1;
            return;
        };
        if !self.has_room() {
            self.crowded();
            return;
        }
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        } else if self.at > self.bytes.len() / 2 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        self.bytes.extend_from_slice(new);
    }

    /// Before something is taken out, nothing more is asked for.
    const fn crowded(&mut self) {
        self.counts.crowded += 1;
        self.is_crowded = true;
    }

    /// The segment behind this one begins with these bytes.
    fn next_begins(&mut self, before: Option<u64>, bytes: &[u8], is_answer: bool) {
        let (offset, end) = (self.offset, self.end());
        let mut chain = self.chain;
        match before {
            Some(before) if before > end => self.counts.gaps += 1,
            Some(before) if before < offset => {
                let segment = name(self.segment);
                self.diverged(format!("{segment} has {before} bytes and no more"));
            }
            // What is held was not taken out yet.
            Some(before) if before == end && before > offset && self.holds_one() => self.crowded(),
            Some(before) if before > offset => self.doubt("its segment ends within what was sent"),
            Some(_) => self.go_over(bytes),
            // Of this one nothing is there any more. If the next one follows what we have, that was all.
            None if chain.segment(bytes, self.segment + 1, false).is_ok() => self.go_over(bytes),
            None if is_answer && offset == end => {
                self.trouble =
                    Some(Trouble::Pruned { place: self.place(), first: self.segment + 1 });
            }
            None if is_answer => self.doubt("its segment was taken away"),
            None => self.counts.gaps += 1,
        }
    }

    /// Whether what comes next is held here, as far as can be seen: then it can be taken out.
    fn holds_one(&self) -> bool {
        let held = self.bytes.len() - self.at;
        if self.offset == 0 {
            return held >= SEGMENT_HEAD_BYTES;
        }
        let head = record::read_head(&self.bytes, self.at);
        head.is_ok_and(|head| held > HEAD_BYTES + head.length as usize)
    }

    /// Of this segment there is nothing more: it goes on with the next, which begins so.
    fn go_over(&mut self, bytes: &[u8]) {
        self.drop_held();
        self.segment += 1;
        self.offset = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The segment's head, if it is there, and how long it is.
    fn next_segment(&mut self) -> Result<Option<Found>, Break> {
        let bytes = &self.bytes[self.at..];
        if bytes.len() < SEGMENT_HEAD_BYTES {
            return Ok(None);
        }
        let mut chain = self.chain;
        chain.segment(bytes, self.segment, self.is_first)?;
        if chain.journal != self.chain.journal {
            return Err(Break::Unfit("it is of another journal"));
        }
        (self.chain, self.is_first) = (chain, false);
        Ok(Some((SEGMENT_HEAD_BYTES, None)))
    }

    /// The record that begins here, if it is there and may be given out, and how long it is.
    fn next_record(&mut self) -> Result<Option<Found>, Break> {
        let (link, chain) = match self.early.take() {
            Some(early) => early,
            None => {
                if self.bytes.len() - self.at < HEAD_BYTES {
                    return Ok(None);
                }
                let head = record::read_head(&self.bytes, self.at).map_err(Break::Bytes)?;
                let count = HEAD_BYTES + head.length as usize + 1;
                if self.offset + count as u64 > CONTENT_BYTES_MAX as u64 {
                    return Err(Break::Unfit("it is longer than a segment may be"));
                }
                if self.bytes.len() - self.at < count {
                    return Ok(None);
                }
                let mut chain = self.chain;
                let link = chain.record(&self.bytes[self.at..self.at + count], 0)?;
                (link, chain)
            }
        };
        let durable = self.frontier.map_or(Sequence(0), |it| it.durable);
        if self.which == Which::Shown && chain.last > durable {
            self.early = Some((link, chain));
            return Ok(None);
        }
        Ok(Some((link.end, Some((link, chain)))))
    }

    // 3. What does not fit.

    fn broken(&mut self, wrong: Break) {
        let what = match wrong {
            Break::Misread(newer @ Misread::Newer(..)) => {
                let (place, what) = (self.place(), newer.to_string());
                self.trouble = Some(Trouble::Newer { place, what });
                return;
            }
            Break::Bytes(Wrong::Newer(layout)) => {
                let what = format!("its layout is {layout}, which a later version of rialto wrote");
                self.trouble = Some(Trouble::Newer { place: self.place(), what });
                return;
            }
            Break::Misread(misread) => {
                self.doubt(&misread.to_string());
                return;
            }
            Break::Bytes(Wrong::Torn) => "what stands there is no whole record",
            Break::Bytes(Wrong::Damaged(what)) | Break::Unfit(what) => what,
        };
        self.doubt(what);
    }

    /// What is held does not follow. It may have been lost where it came from: once it is asked for again.
    fn doubt(&mut self, what: &str) {
        if self.doubts {
            self.diverged(what.to_owned());
            return;
        }
        self.doubts = true;
        self.counts.doubts += 1;
        self.drop_held();
        // What is under way is of behind that.
        self.bytes_asked = None;
        self.next_bytes = Duration::ZERO;
    }

    fn diverged(&mut self, what: String) {
        self.trouble = Some(Trouble::Diverged { place: self.place(), what });
    }

    fn drop_held(&mut self) {
        self.bytes.clear();
        self.at = 0;
        self.early = None;
        self.is_crowded = false;
    }

    fn place(&self) -> Place {
        Place { segment: name(self.segment), offset: self.offset, after: self.chain.last }
    }

    // 4. Questions.

    fn ask(&mut self, now: Duration) -> Asked {
        self.number = self.number.wrapping_add(1).max(1);
        self.counts.asked += 1;
        let (segment, offset, end) = (self.segment, self.offset, self.end());
        Asked { number: self.number, at: now, segment, offset, end }
    }

    fn question(&self, number: u32, question: Question) -> Ask {
        let journal = self.is_known.then_some(self.chain.journal);
        Ask { number, journal, question }
    }

    /// Takes for lost what was not answered in time, and has more patience the next time.
    fn forget(&mut self, now: Duration) {
        let patience = self.patience;
        let is_lost = |asked: &mut Asked| now >= asked.at + patience;
        let head = self.head_asked.take_if(is_lost);
        let lost =
            u64::from(head.is_some()) + u64::from(self.bytes_asked.take_if(is_lost).is_some());
        if lost > 0 {
            self.counts.unanswered += lost;
            self.patience = (patience * 2).min(PATIENCE_MAX);
        }
        if head.is_some() {
            self.next_head = now;
        }
    }
}

/// How many bytes something has, and what it is if it is a record.
type Found = (usize, Option<(Link, Chain)>);
