use super::*;
use crate::testing::{Dice, told};

const NOW: Duration = Duration::from_secs(7);

/// The outbox, plainly: every byte is in one list of pieces, and nothing is clever.
#[derive(Default)]
struct Naive {
    /// The rest of a frame that was taken in part.
    begun: Option<(Told, Vec<u8>)>,
    answers: Vec<u8>,
    line: Vec<Item>,
    /// Topics that have lapsed, and nothing that stood before them is left.
    passed: Vec<Slot>,
    /// Topics that have lapsed and will come by themselves.
    put_off: Vec<Slot>,
    asked: Option<Slot>,
}

/// What stands in line.
enum Item {
    Frame(Told),
    /// Here a topic lapsed.
    Lapse(Slot),
}

impl Naive {
    fn frames(&self) -> impl Iterator<Item = &Told> {
        self.line.iter().filter_map(|item| match item {
            Item::Frame(told) => Some(told),
            Item::Lapse(_) => None,
        })
    }
    fn push(&mut self, new: &Told, taken: usize) -> Pushed {
        let is_new = |item: &Item| matches!(item, Item::Lapse(slot) if *slot == new.slot);
        if new.class == Class::Restart && new.is_whole {
            self.recall(new.slot);
        }
        let lapsed = self.passed.iter().chain(&self.put_off);
        if self.line.iter().any(is_new) || { lapsed }.any(|slot| *slot == new.slot) {
            return Pushed::Dropped;
        }
        if taken > 0 {
            self.begun = Some((new.clone(), new.frame.bytes()[taken..].to_vec()));
            return Pushed::Waits;
        }
        let same = |told: &Told| told.class == Class::Latest && told.slot == new.slot;
        for item in &mut self.line {
            if let Item::Frame(older) = item
                && same(older)
            {
                *older = new.clone();
                return Pushed::Replaced;
            }
        }
        self.line.push(Item::Frame(new.clone()));
        Pushed::Waits
    }
    fn recall(&mut self, slot: Slot) {
        self.line.retain(|item| !matches!(item, Item::Lapse(lapsed) if *lapsed == slot));
        self.passed.retain(|lapsed| *lapsed != slot);
        self.put_off.retain(|lapsed| *lapsed != slot);
        self.asked = self.asked.filter(|asked| *asked != slot);
    }
    fn forget(&mut self, slot: Slot) {
        self.recall(slot);
        self.line.retain(|item| !matches!(item, Item::Frame(told) if told.slot == slot));
    }
    fn restart(&mut self) -> usize {
        let can = |told: &Told| told.class == Class::Restart;
        let begun = self.begun.iter().filter(|(told, _)| can(told)).count();
        if begun + self.frames().filter(|told| can(told)).count() < 2 {
            return 0;
        }
        let mut slots: Vec<Slot> = Vec::new();
        let before = self.line.len();
        self.line.retain(|item| match item {
            Item::Frame(told) if can(told) => {
                if !slots.contains(&told.slot) {
                    slots.push(told.slot);
                }
                false
            }
            _ => true,
        });
        let dropped = before - self.line.len();
        self.line.extend(slots.into_iter().map(Item::Lapse));
        dropped
    }
    fn restart_due(&mut self) -> Option<Slot> {
        if self.asked.is_some() {
            return None;
        }
        self.asked = match self.line.first() {
            _ if !self.passed.is_empty() => Some(self.passed[0]),
            Some(Item::Lapse(slot)) if self.begun.is_none() => Some(*slot),
            _ => None,
        };
        self.asked
    }
    fn put_off(&mut self, slot: Slot) {
        if self.asked == Some(slot) {
            self.recall(slot);
            self.put_off.push(slot);
        }
    }
    fn bytes(&self) -> Vec<u8> {
        let begun = self.begun.iter().flat_map(|(_, rest)| rest);
        let frames = self.frames().flat_map(|told| told.frame.bytes());
        begun.chain(&self.answers).chain(frames).copied().collect()
    }
    fn taken(&mut self, bytes: usize) {
        for _ in 0..bytes {
            if let Some((_, rest)) = &mut self.begun {
                rest.remove(0);
                if rest.is_empty() {
                    self.begun = None;
                }
            } else if !self.answers.is_empty() {
                self.answers.remove(0);
            } else {
                let first = loop {
                    match self.line.remove(0) {
                        Item::Frame(told) => break told,
                        Item::Lapse(slot) => self.passed.push(slot),
                    }
                };
                let rest = first.frame.bytes()[1..].to_vec();
                self.begun = Some((first, rest));
            }
        }
    }
    fn bytes_of(&self, class: Class) -> usize {
        let begun = self.begun.iter().map(|(told, rest)| (told, rest.len()));
        let frames = self.frames().map(|told| (told, told.frame.bytes().len()));
        let ours = begun.chain(frames).filter(|(told, _)| told.class == class);
        ours.map(|(_, bytes)| bytes).sum()
    }
    fn unsent(&self) -> Option<Sequence> {
        let begun = self.begun.iter().map(|(told, _)| told);
        begun.chain(self.frames()).map(|told| told.sequence).min()
    }
    fn is_clear(&self) -> bool {
        let lapsed = self.passed.len() + self.put_off.len();
        self.bytes().is_empty() && self.line.is_empty() && lapsed == 0
    }
}

#[test]
fn it_agrees_with_its_naive_twin() {
    let mut restarts = 0;
    for seed in 0..4_000 {
        let mut dice = Dice(seed);
        let (mut outbox, mut naive) = (Outbox::default(), Naive::default());
        for step in 0..60 {
            match dice.roll(11) {
                0 => {
                    let text = vec![b'a' + step as u8 % 26; 1 + dice.roll(5)];
                    outbox.answer(NOW, |answers| answers.extend_from_slice(&text));
                    naive.answers.extend_from_slice(&text);
                }
                1..=3 => {
                    // Topics of different classes never share a slot.
                    let class = dice.roll(3);
                    let slot = (3 * dice.roll(3) + class) as u32;
                    let class = [Class::Latest, Class::Lossless, Class::Restart][class];
                    let mut told = told(slot, class, step, 1 + dice.roll(9));
                    told.is_whole = class == Class::Restart && dice.roll(4) == 0;
                    let bytes = told.frame.bytes().len();
                    let taken = if outbox.is_clear() { dice.roll(bytes) } else { 0 };
                    let pushed = outbox.push(&told, taken, NOW);
                    assert_eq!(pushed, naive.push(&told, taken), "seed {seed}, step {step}");
                }
                4 => {
                    let slot = Slot(dice.roll(9) as u32);
                    outbox.forget(slot);
                    naive.forget(slot);
                }
                5 if dice.roll(6) == 0 => {
                    outbox.forget_frames();
                    naive.line.clear();
                    naive.passed.clear();
                    naive.put_off.clear();
                    naive.asked = None;
                }
                6 => {
                    assert_eq!(outbox.restart(), naive.restart(), "seed {seed}, step {step}");
                }
                7 => {
                    let due = outbox.restart_due();
                    assert_eq!(due, naive.restart_due(), "seed {seed}, step {step}");
                    restarts += usize::from(due.is_some());
                }
                8 if dice.roll(3) == 0 => {
                    let slot = Slot(3 * dice.roll(3) as u32 + 2);
                    outbox.put_off(slot);
                    naive.put_off(slot);
                }
                _ => {
                    let waiting = naive.bytes().len();
                    let bytes = dice.roll(waiting.min(20) + 1);
                    outbox.taken(bytes, NOW);
                    naive.taken(bytes);
                }
            }
            let bytes: Vec<u8> = outbox.pieces().flatten().copied().collect();
            assert_eq!(bytes, naive.bytes(), "seed {seed}, step {step}");
            assert_eq!(outbox.bytes(), bytes.len(), "seed {seed}, step {step}");
            assert_eq!(outbox.is_empty(), bytes.is_empty(), "seed {seed}, step {step}");
            assert_eq!(outbox.is_clear(), naive.is_clear(), "seed {seed}, step {step}");
            assert_eq!(outbox.answer_bytes(), naive.answers.len(), "seed {seed}, step {step}");
            let lossless = naive.bytes_of(Class::Lossless);
            assert_eq!(outbox.lossless_bytes(), lossless, "seed {seed}, step {step}");
            let restart = naive.bytes_of(Class::Restart);
            assert_eq!(outbox.restart_bytes(), restart, "seed {seed}, step {step}");
            assert_eq!(outbox.unsent(), naive.unsent(), "seed {seed}, step {step}");
            let stuck = outbox.stuck_since().is_some();
            assert_eq!(stuck, !bytes.is_empty(), "seed {seed}, step {step}");
        }
    }
    assert!(restarts > 500, "only {restarts}");
}

#[test]
fn a_topic_that_speaks_often_keeps_its_place() {
    let mut outbox = Outbox::default();
    for (slot, sequence) in [(1, 1), (3, 2), (1, 3), (3, 4), (1, 5)] {
        outbox.push(&told(slot, Class::Latest, sequence, 4), 0, NOW);
    }
    let texts: Vec<&[u8]> = outbox.pieces().collect();
    let (fifth, fourth) = (told(1, Class::Latest, 5, 4), told(3, Class::Latest, 4, 4));
    assert_eq!(texts, [fifth.frame.bytes(), fourth.frame.bytes()]);
    assert_eq!(outbox.lossless_bytes(), 0, "it never counts against a slow consumer");
}

#[test]
fn what_is_half_on_the_wire_is_not_replaced() {
    let mut outbox = Outbox::default();
    let (first, second) = (told(1, Class::Latest, 1, 9), told(1, Class::Latest, 2, 9));
    assert_eq!(outbox.push(&first, 3, NOW), Pushed::Waits);
    assert_eq!(outbox.push(&second, 0, NOW), Pushed::Waits);
    assert_eq!(outbox.push(&told(1, Class::Latest, 3, 9), 0, NOW), Pushed::Replaced);
    let third = told(1, Class::Latest, 3, 9);
    let pieces: Vec<&[u8]> = outbox.pieces().collect();
    assert_eq!(pieces, [&first.frame.bytes()[3..], third.frame.bytes()]);
}

#[test]
fn it_knows_since_when_nothing_moves_and_owns_nothing_when_empty() {
    let mut outbox = Outbox::default();
    assert_eq!(outbox.stuck_since(), None);
    outbox.push(&told(0, Class::Lossless, 1, 8), 0, Duration::from_secs(1));
    outbox.push(&told(0, Class::Lossless, 2, 8), 0, Duration::from_secs(2));
    assert_eq!(outbox.stuck_since(), Some(Duration::from_secs(1)));
    outbox.taken(0, Duration::from_secs(3));
    assert_eq!(outbox.stuck_since(), Some(Duration::from_secs(1)), "nothing moved");
    outbox.taken(5, Duration::from_secs(4));
    assert_eq!(outbox.stuck_since(), Some(Duration::from_secs(4)));
    outbox.taken(outbox.bytes(), Duration::from_secs(5));
    assert!(outbox.is_empty());
    assert_eq!(outbox.stuck_since(), None);
    assert_eq!(size_of::<Outbox>(), size_of::<usize>());
}

#[test]
fn a_frame_in_line_is_four_words() {
    assert_eq!(size_of::<Told>(), 4 * size_of::<usize>(), "each socket may have many in line");
}

#[test]
fn how_long_something_waits_is_told_of_what_waits_longest() {
    let at = Duration::from_secs;
    let mut outbox = Outbox::default();
    assert_eq!(outbox.waits_since(), None);
    outbox.push(&told(1, Class::Latest, 1, 10), 0, at(1));
    outbox.push(&told(2, Class::Lossless, 2, 10), 0, at(2));
    outbox.answer(at(3), |line| line.extend_from_slice(b"pong"));
    assert_eq!(outbox.waits_since(), Some(at(1)));
    outbox.push(&told(1, Class::Latest, 3, 10), 0, at(4));
    assert_eq!(
        outbox.waits_since(),
        Some(at(1)),
        "its reader has waited since then for that topic"
    );
    assert_eq!(outbox.taken(4 + 3, at(5)), 0, "no frame has left");
    let rest = outbox.bytes() - outbox.lossless_bytes();
    assert_eq!(outbox.taken(rest, at(6)), 1);
    assert_eq!((outbox.waits_since(), outbox.latest_bytes()), (Some(at(2)), 0));
    outbox.answer(at(7), |line| line.extend_from_slice(b"pong"));
    outbox.forget_frames();
    assert_eq!(outbox.waits_since(), Some(at(7)));
    assert_eq!(outbox.taken(outbox.bytes(), at(8)), 0);
    assert_eq!(outbox.waits_since(), None);
}

#[test]
fn of_answers_that_leave_a_few_bytes_at_a_time_the_oldest_counts() {
    let at = Duration::from_secs;
    let mut outbox = Outbox::default();
    for second in 1..=3 {
        outbox.answer(at(second), |line| line.extend_from_slice(b"pong"));
        outbox.answer(at(second), |line| line.extend_from_slice(b"ping"));
    }
    assert_eq!(outbox.waits_since(), Some(at(1)));
    // As long as a byte of them is there they wait, and then those behind them do.
    for (taken, since) in [(7, 1), (1, 2), (7, 2), (2, 3)] {
        outbox.taken(taken, at(4));
        assert_eq!(outbox.waits_since(), Some(at(since)), "{} are left", outbox.bytes());
    }
    assert_eq!((outbox.bytes(), outbox.stuck_since()), (7, Some(at(4))));
    // A queue that is never empty is not older than what is in it.
    for second in 5..50_000 {
        outbox.answer(at(second), |line| line.extend_from_slice(b"pong"));
        outbox.taken(4, at(second));
        assert!(outbox.waits_since() >= Some(at(second - 2)), "at {second}");
    }
}
