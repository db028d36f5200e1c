use super::*;
use crate::testing::{Dice, told};

const NOW: Duration = Duration::from_secs(7);

/// The outbox, plainly: every byte is in one list of pieces, and nothing is clever.
#[derive(Default)]
struct Naive {
    /// The rest of a frame that was taken in part; whose it is does not matter any more.
    begun: Option<(Told, Vec<u8>)>,
    answers: Vec<u8>,
    frames: Vec<Told>,
}

impl Naive {
    fn push(&mut self, new: &Told, taken: usize) -> Pushed {
        if taken > 0 {
            self.begun = Some((new.clone(), new.frame.bytes()[taken..].to_vec()));
            return Pushed::Waits;
        }
        if new.class == Class::Latest
            && let Some(older) = self.frames.iter_mut().find(|told| told.slot == new.slot)
        {
            *older = new.clone();
            return Pushed::Replaced;
        }
        self.frames.push(new.clone());
        Pushed::Waits
    }
    fn bytes(&self) -> Vec<u8> {
        let begun = self.begun.iter().flat_map(|(_, rest)| rest);
        let frames = self.frames.iter().flat_map(|told| told.frame.bytes());
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
                let first = self.frames.remove(0);
                let rest = first.frame.bytes()[1..].to_vec();
                self.begun = Some((first, rest));
            }
        }
    }
    fn lossless_bytes(&self) -> usize {
        let begun = self.begun.iter().map(|(told, rest)| (told, rest.len()));
        let frames = self.frames.iter().map(|told| (told, told.frame.bytes().len()));
        let lossless = begun.chain(frames).filter(|(told, _)| told.class == Class::Lossless);
        lossless.map(|(_, bytes)| bytes).sum()
    }
    fn unsent(&self) -> Option<Sequence> {
        let begun = self.begun.iter().map(|(told, _)| told);
        begun.chain(&self.frames).map(|told| told.sequence).min()
    }
}

#[test]
fn it_agrees_with_its_naive_twin() {
    for seed in 0..2_000 {
        let mut dice = Dice(seed);
        let (mut outbox, mut naive) = (Outbox::default(), Naive::default());
        for step in 0..60 {
            match dice.roll(8) {
                0 => {
                    let text = vec![b'a' + step as u8 % 26; 1 + dice.roll(5)];
                    outbox.answer(NOW, |answers| answers.extend_from_slice(&text));
                    naive.answers.extend_from_slice(&text);
                }
                1..=3 => {
                    let class = [Class::Latest, Class::Lossless][dice.roll(2)];
                    // Latest and lossless topics never share a slot.
                    let slot = 2 * dice.roll(3) as u32 + u32::from(class == Class::Latest);
                    let told = told(slot, class, step, 1 + dice.roll(9));
                    let bytes = told.frame.bytes().len();
                    let taken = if outbox.is_empty() { dice.roll(bytes) } else { 0 };
                    let pushed = outbox.push(&told, taken, NOW);
                    assert_eq!(pushed, naive.push(&told, taken), "seed {seed}, step {step}");
                }
                4 => {
                    let slot = Slot(dice.roll(6) as u32);
                    outbox.forget(slot);
                    naive.frames.retain(|told| told.slot != slot);
                }
                5 if dice.roll(6) == 0 => {
                    outbox.forget_frames();
                    naive.frames.clear();
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
            assert_eq!(outbox.answer_bytes(), naive.answers.len(), "seed {seed}, step {step}");
            let lossless = naive.lossless_bytes();
            assert_eq!(outbox.lossless_bytes(), lossless, "seed {seed}, step {step}");
            assert_eq!(outbox.unsent(), naive.unsent(), "seed {seed}, step {step}");
        }
    }
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
