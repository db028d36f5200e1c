//! What waits for one socket. Nearly always nothing, and then it owns no memory but a pointer.
//!
//! Three kinds of bytes wait in it, and leave in this order:
//!
//! 1. the rest of a frame that the socket took in part, as nothing may stand inside a frame;
//! 2. *answers*: pongs, pings, acknowledgements, replies, the close. They pass by everything that is told, in
//!    the order in which they were given. Their bound is the caller's, who stops reading from a client whose
//!    answers pile up ([`Outbox::answer_bytes`]);
//! 3. *frames*, in the order in which they were told. Lossless ones all stay: the caller says goodbye when
//!    there are too many bytes of them ([`Outbox::lossless_bytes`]). Of a topic with a latest value only one
//!    frame waits: a newer one takes the place of the older, and keeps its place in line, so that a topic that
//!    speaks often never falls behind the others. There are at most as many of them as topics listened to.
//!    Of topics that can *restart* all frames stay as well, until there are too many bytes of them
//!    ([`Outbox::restart_bytes`]). Then the caller has them dropped ([`Outbox::restart`]): those topics have
//!    *lapsed*, and what they tell is dropped until a whole frame comes, which stands for all of it. One of them at a
//!    time is due for that ([`Outbox::restart_due`]), in the order in which they lapsed, once what stood before it in
//!    line has left: who takes nothing costs nobody a frame.
//!
//! It does not write: it lends the bytes and is told how many were taken.

use std::collections::VecDeque;
use std::time::Duration;

use dialects::Frame;
use model::{Class, Sequence};

#[cfg(test)]
mod tests;

/// Answers that are given so soon after one another count as given together: there may be very many small ones.
const TOGETHER: Duration = Duration::from_millis(100);

/// The number of a topic of a dialect while somebody listens to it, dense from 0. Numbers are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

impl Slot {
    /// As an index into tables that are dense by slot.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// A slot of one listener alone, numbered among those of its socket; nobody else's frames come by it.
    #[must_use]
    pub const fn of_one(number: u32) -> Self {
        Self(1 << 31 | number)
    }
}

/// A frame that is told to whoever listens to a slot.
#[derive(Clone, Debug)]
pub struct Told {
    /// To whose listeners.
    pub slot: Slot,
    /// What may happen to it where a socket is slow.
    pub class: Class,
    /// The event that it tells of.
    pub sequence: Sequence,
    /// Of a topic that can restart: whether it stands for all that was told before.
    pub is_whole: bool,
    /// The whole WebSocket frame.
    pub frame: Frame,
}

/// What became of a frame in an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It stands last in line.
    Waits,
    /// It took the place of an older one.
    Replaced,
    /// It was dropped: its topic has lapsed, and this frame is not whole.
    Dropped,
}

/// What waits for one socket.
#[derive(Debug, Default)]
pub struct Outbox {
    line: Option<Box<Line>>,
}

#[derive(Debug)]
struct Line {
    /// Whole frames, one behind the other.
    answers: Vec<u8>,
    /// How much of `answers` was taken.
    answers_taken: usize,
    /// Since when which of them wait: so many bytes each, the first of them first.
    answers_since: VecDeque<(usize, Duration)>,
    frames: VecDeque<Queued>,
    /// How much of the first frame was taken. Never the whole of it.
    frame_taken: usize,
    /// How many frames have left, so that `place - left` is an index.
    left: u64,
    /// Where the frames with a latest value stand, but for one that is half on the wire: that has to end, and a
    /// newer one waits behind it.
    latest: Vec<(Slot, u64)>,
    /// Topics that have lapsed, in this order.
    lapsed: Vec<Lapsed>,
    /// That of them which was asked for.
    asked: Option<Slot>,
    /// Bytes of the lossless frames that were not taken, of those that can restart, and of all frames.
    lossless_bytes: usize,
    restart_bytes: usize,
    frame_bytes: usize,
    /// Since when nothing was taken.
    stuck_since: Duration,
}

/// A frame in line.
#[derive(Debug)]
struct Queued {
    told: Told,
    /// Since when something of its topic waits at this place: a newer frame that takes an older one's place waits as
    /// long as that did, as its reader has waited so long to hear of the topic.
    since: Duration,
}

/// A topic of which nothing is told until it is told whole.
#[derive(Debug)]
struct Lapsed {
    slot: Slot,
    /// The place in line behind all that stood there when it lapsed; no place at all if it will come by itself.
    place: u64,
}

impl Outbox {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.line.as_deref().is_none_or(|line| !line.has_bytes())
    }

    /// Whether nothing waits and no topic has lapsed: what is told can be written as it comes.
    #[must_use]
    pub const fn is_clear(&self) -> bool {
        self.line.is_none()
    }

    /// Appends answers: `write` is given the buffer and appends whole WebSocket frames.
    pub fn answer(&mut self, now: Duration, write: impl FnOnce(&mut Vec<u8>)) {
        let line = self.line(now);
        let before = line.answers.len();
        write(&mut line.answers);
        let bytes = line.answers.len() - before;
        match line.answers_since.back_mut() {
            Some((together, since)) if now.saturating_sub(*since) < TOGETHER => *together += bytes,
            _ => line.answers_since.push_back((bytes, now)),
        }
        self.tidy();
    }

    /// Appends a frame of which the socket took the first `taken` bytes already, by a write that this outbox
    /// has not seen. That is only possible where nothing waited.
    pub fn push(&mut self, told: &Told, taken: usize, now: Duration) -> Pushed {
        let bytes = told.frame.bytes().len();
        debug_assert!(taken < bytes, "a frame that was taken whole does not wait");
        debug_assert!(taken == 0 || self.is_empty(), "only what is first in line is taken in part");
        let line = self.line(now);
        if told.class == Class::Restart {
            if !line.goes_on(told) {
                return Pushed::Dropped;
            }
            line.restart_bytes += bytes - taken;
        } else if told.class == Class::Latest {
            if let Some(&(_, place)) = line.latest.iter().find(|(slot, _)| *slot == told.slot) {
                let older = &mut line.frames[(place - line.left) as usize].told;
                line.frame_bytes = line.frame_bytes - older.frame.bytes().len() + bytes;
                *older = told.clone();
                return Pushed::Replaced;
            }
            if taken == 0 {
                line.latest.push((told.slot, line.left + line.frames.len() as u64));
            }
        } else {
            line.lossless_bytes += bytes - taken;
        }
        line.frame_bytes += bytes - taken;
        line.frame_taken += taken;
        line.frames.push_back(Queued { told: told.clone(), since: now });
        Pushed::Waits
    }

    /// Too much waits of topics that can restart: drops their frames, but for one that is half on the wire or waits
    /// alone. Their topics have lapsed. Returns how many frames there were.
    pub fn restart(&mut self) -> usize {
        let Some(line) = self.line.as_deref_mut() else { return 0 };
        let begun = usize::from(line.frame_taken > 0);
        let can_restart = |queued: &&Queued| queued.told.class == Class::Restart;
        if line.frames.iter().filter(can_restart).count() < 2 {
            return 0;
        }
        let place = line.left + line.frames.len() as u64;
        let before = line.frames.len();
        for Queued { told, .. } in line.frames.range(begun..).filter(can_restart) {
            if line.lapsed.iter().all(|lapsed| lapsed.slot != told.slot) {
                line.lapsed.push(Lapsed { slot: told.slot, place });
            }
        }
        self.keep_only(|told| told.class != Class::Restart);
        before - self.line.as_deref().map_or(0, |line| line.frames.len())
    }

    /// A topic that is to be told whole now, if one is. It is not named again until [`Outbox::push`] has that frame, or
    /// [`Outbox::put_off`] says that there is none.
    pub fn restart_due(&mut self) -> Option<Slot> {
        let line = self.line.as_deref_mut()?;
        if line.asked.is_some() {
            return None;
        }
        let due = line.lapsed.iter().find(|lapsed| lapsed.place <= line.left)?;
        line.asked = Some(due.slot);
        line.asked
    }

    /// There is nothing whole to tell of this topic yet: what it tells first will be, without being asked for.
    pub fn put_off(&mut self, slot: Slot) {
        let Some(line) = self.line.as_deref_mut() else { return };
        let asked = line.asked.take_if(|asked| *asked == slot);
        let lapsed = line.lapsed.iter_mut().find(|lapsed| Some(lapsed.slot) == asked);
        lapsed.into_iter().for_each(|lapsed| lapsed.place = u64::MAX);
    }

    /// Throws away the frames of a slot, but for one that is half on the wire.
    pub fn forget(&mut self, slot: Slot) {
        if let Some(line) = &mut self.line {
            line.recall(slot);
        }
        self.keep_only(|told| told.slot != slot);
    }

    /// Throws away all frames, but for one that is half on the wire: what is left are the answers.
    pub fn forget_frames(&mut self) {
        if let Some(line) = &mut self.line {
            (line.lapsed, line.asked) = (Vec::new(), None);
        }
        self.keep_only(|_| false);
    }

    fn keep_only(&mut self, mut keep: impl FnMut(&Told) -> bool) {
        let Some(line) = self.line.as_deref_mut() else { return };
        let begun = line.frame_taken > 0;
        for lapsed in &mut line.lapsed {
            lapsed.place = lapsed.place.saturating_sub(line.left);
        }
        line.left = 0;
        let mut kept = 0;
        let mut index = 0;
        line.frames.retain(|Queued { told, .. }| {
            index += 1;
            let keeps = (begun && index == 1) || keep(told);
            kept += u64::from(keeps);
            if !keeps {
                let behind = line.lapsed.iter_mut().filter(|lapsed| lapsed.place > kept);
                behind.for_each(|lapsed| lapsed.place -= 1);
            }
            keeps
        });
        line.latest.clear();
        line.frame_bytes = 0;
        line.lossless_bytes = 0;
        line.restart_bytes = 0;
        for (place, Queued { told, .. }) in line.frames.iter().enumerate() {
            let waiting = told.frame.bytes().len() - if place == 0 { line.frame_taken } else { 0 };
            line.frame_bytes += waiting;
            match told.class {
                Class::Latest if begun && place == 0 => {}
                Class::Latest => line.latest.push((told.slot, place as u64)),
                Class::Lossless => line.lossless_bytes += waiting,
                Class::Restart => line.restart_bytes += waiting,
            }
        }
        self.tidy();
    }

    /// The frames that wait, in part or whole, in the order in which they are to leave.
    pub fn frames(&self) -> impl Iterator<Item = &Told> {
        self.line.as_deref().into_iter().flat_map(|line| &line.frames).map(|queued| &queued.told)
    }

    /// What waits, in the order in which it is to leave.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (begun, answers, frames) = match self.line.as_deref() {
            None => (None, &[][..], None),
            Some(line) if line.frame_taken > 0 => (
                line.frames.front().map(|it| &it.told.frame.bytes()[line.frame_taken..]),
                &line.answers[line.answers_taken..],
                Some(line.frames.range(1..)),
            ),
            Some(line) => (None, &line.answers[line.answers_taken..], Some(line.frames.range(..))),
        };
        let answers = (!answers.is_empty()).then_some(answers);
        let frames = frames.into_iter().flatten().map(|queued| queued.told.frame.bytes());
        begun.into_iter().chain(answers).chain(frames)
    }

    /// The socket took the first `bytes` of what waited. Returns how many frames have left with them.
    ///
    /// # Panics
    /// If there were not so many.
    pub fn taken(&mut self, mut bytes: usize, now: Duration) -> u64 {
        if bytes == 0 {
            return 0;
        }
        let line = self.line.as_deref_mut().expect("only what waits can be taken");
        line.stuck_since = now;
        let left = line.left;
        if line.frame_taken > 0 {
            bytes -= line.take_frame(bytes);
        }
        let of_answers = bytes.min(line.answers.len() - line.answers_taken);
        line.take_answers(of_answers);
        bytes -= of_answers;
        while bytes > 0 {
            bytes -= line.take_frame(bytes);
        }
        let left = line.left - left;
        self.tidy();
        left
    }

    /// Bytes of answers that wait.
    #[must_use]
    pub fn answer_bytes(&self) -> usize {
        self.line.as_deref().map_or(0, |line| line.answers.len() - line.answers_taken)
    }

    /// Bytes of lossless frames that wait.
    #[must_use]
    pub fn lossless_bytes(&self) -> usize {
        self.line.as_deref().map_or(0, |line| line.lossless_bytes)
    }

    /// Bytes of frames that wait of topics that can restart.
    #[must_use]
    pub fn restart_bytes(&self) -> usize {
        self.line.as_deref().map_or(0, |line| line.restart_bytes)
    }

    /// Bytes of frames that wait of topics with a latest value.
    #[must_use]
    pub fn latest_bytes(&self) -> usize {
        self.line
            .as_deref()
            .map_or(0, |line| line.frame_bytes - line.lossless_bytes - line.restart_bytes)
    }

    /// All bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.answer_bytes() + self.line.as_deref().map_or(0, |line| line.frame_bytes)
    }

    /// The oldest event whose frame waits.
    #[must_use]
    pub fn unsent(&self) -> Option<Sequence> {
        self.line.as_deref()?.frames.iter().map(|queued| queued.told.sequence).min()
    }

    /// Since when something waits and nothing of it was taken.
    #[must_use]
    pub fn stuck_since(&self) -> Option<Duration> {
        self.line.as_deref().filter(|line| line.has_bytes()).map(|line| line.stuck_since)
    }

    /// Since when what waits longest waits, answer or frame.
    #[must_use]
    pub fn waits_since(&self) -> Option<Duration> {
        let line = self.line.as_deref()?;
        let answers = line.answers_since.front().map(|&(_, since)| since);
        let frames = line.frames.front().map(|queued| queued.since);
        answers.into_iter().chain(frames).min()
    }

    fn line(&mut self, now: Duration) -> &mut Line {
        let line = self.line.get_or_insert_with(|| {
            Box::new(Line {
                answers: Vec::new(),
                answers_taken: 0,
                answers_since: VecDeque::new(),
                frames: VecDeque::new(),
                frame_taken: 0,
                left: 0,
                latest: Vec::new(),
                lapsed: Vec::new(),
                asked: None,
                lossless_bytes: 0,
                restart_bytes: 0,
                frame_bytes: 0,
                stuck_since: now,
            })
        });
        if !line.has_bytes() {
            line.stuck_since = now;
        }
        line
    }

    /// Gives memory back where nothing is left.
    fn tidy(&mut self) {
        let Some(line) = self.line.as_deref_mut() else { return };
        if line.answers_taken == line.answers.len() {
            line.answers_taken = 0;
            line.answers.clear();
            line.answers_since.clear();
            if line.frames.is_empty() && line.lapsed.is_empty() {
                self.line = None;
            }
        } else if line.answers_taken > 4_096 && line.answers_taken > line.answers.len() / 2 {
            line.answers.drain(..line.answers_taken);
            line.answers_taken = 0;
        }
    }
}

impl Line {
    fn has_bytes(&self) -> bool {
        self.answers_taken < self.answers.len() || !self.frames.is_empty()
    }

    /// Whether a frame of a topic that can restart goes on from what was told: not if the topic has lapsed, unless the
    /// frame is whole; then it has lapsed no longer.
    fn goes_on(&mut self, told: &Told) -> bool {
        if told.is_whole {
            self.recall(told.slot);
        }
        self.lapsed.iter().all(|lapsed| lapsed.slot != told.slot)
    }

    /// A topic has lapsed no longer.
    fn recall(&mut self, slot: Slot) {
        self.lapsed.retain(|lapsed| lapsed.slot != slot);
        self.asked.take_if(|asked| *asked == slot);
    }

    /// Takes so many bytes of answers.
    fn take_answers(&mut self, mut bytes: usize) {
        self.answers_taken += bytes;
        while let Some((together, _)) = self.answers_since.front_mut() {
            if *together > bytes {
                *together -= bytes;
                return;
            }
            bytes -= *together;
            self.answers_since.pop_front();
        }
    }

    /// Takes at most so many bytes from the first frame; says how many.
    fn take_frame(&mut self, bytes: usize) -> usize {
        let Queued { told: first, .. } = self.frames.front().expect("only what waits can be taken");
        let rest = first.frame.bytes().len() - self.frame_taken;
        let taken = bytes.min(rest);
        self.frame_bytes -= taken;
        match first.class {
            Class::Lossless => self.lossless_bytes -= taken,
            Class::Restart => self.restart_bytes -= taken,
            Class::Latest => {
                let left = self.left;
                if let Some(at) = self.latest.iter().position(|(_, place)| *place == left) {
                    self.latest.swap_remove(at);
                }
            }
        }
        if taken < rest {
            self.frame_taken += taken;
            return taken;
        }
        self.frames.pop_front();
        self.frame_taken = 0;
        self.left += 1;
        taken
    }
}
