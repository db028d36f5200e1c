//! Fetches the newest image that the core has, piece by piece: for whoever begins and would not run a whole journal, or
//! what it needs of it was taken away. Like the [taker](super::taker), it relies on no message: what does not come is
//! asked for again.
//!
//! An image is believed once all of it is there and is what its digest says; if it is not, or goes away meanwhile, the
//! next one is fetched.

use std::time::Duration;

use super::super::image::Image;
use super::super::record::Hash;
use super::taker::{PATIENCE, PATIENCE_MAX};
use super::words::{Answer, Ask, ImageNote, ImagePiece, PIECE_BYTES_MAX, Question, Said};

#[cfg(test)]
mod tests;

/// No longer image is fetched.
pub const IMAGE_BYTES_MAX: u64 = 1 << 30;

/// Fetches an image.
#[derive(Debug)]
pub struct Fetch {
    /// Of this journal; of any if it is not known yet.
    journal: Option<Hash>,
    /// Those that there are, the newest last; `None` before that is known.
    images: Option<Vec<ImageNote>>,
    bytes: Vec<u8>,
    /// The question under way, and when it was asked.
    asked: Option<(u32, Duration)>,
    number: u32,
    patience: Duration,
    /// Before this nothing is asked.
    next: Duration,
    outcome: Option<Outcome>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is there, whole. Of which market it is whoever uses it must ask.
    Fetched(Box<Image>),
    /// The core has none that is whole.
    Nothing,
}

impl Fetch {
    /// Of this journal, or of whichever the core has.
    #[must_use]
    pub const fn new(journal: Option<Hash>) -> Self {
        Self {
            journal,
            images: None,
            bytes: Vec::new(),
            asked: None,
            number: 0,
            patience: PATIENCE,
            next: Duration::ZERO,
            outcome: None,
        }
    }

    /// What is to be asked now, if anything is. `now` is the time since any moment.
    pub fn asks(&mut self, now: Duration) -> Option<Ask> {
        let patience = self.patience;
        if self.asked.take_if(|(_, at)| now >= *at + patience).is_some() {
            self.patience = (patience * 2).min(PATIENCE_MAX);
        }
        if self.outcome.is_some() || self.asked.is_some() || now < self.next {
            return None;
        }
        self.number = self.number.wrapping_add(1).max(1);
        self.asked = Some((self.number, now));
        let question = match self.image() {
            None => Question::Images,
            Some(ImageNote { segment, .. }) => {
                let (offset, max) = (self.bytes.len() as u64, PIECE_BYTES_MAX as u32);
                Question::Image { segment, offset, max }
            }
        };
        Some(Ask { number: self.number, journal: self.journal, question })
    }

    /// Hears a message: what is no answer to the question under way is none for us.
    pub fn heard(&mut self, message: &[u8], now: Duration) {
        let Ok(Answer { number, journal, said, .. }) = Answer::decode(message) else { return };
        let is_other = self.journal.is_some_and(|ours| ours != journal);
        if is_other || self.asked.take_if(|(asked, _)| *asked == number).is_none() {
            return;
        }
        self.patience = PATIENCE;
        match said {
            Said::Images(images) if self.images.is_none() => {
                self.journal = Some(journal);
                let images = images.into_iter().filter(|it| it.bytes <= IMAGE_BYTES_MAX);
                self.begin(images.collect());
            }
            Said::Image(piece) => self.piece(&piece, now),
            // It went away meanwhile, or the disk does not give it.
            Said::Refused(_) => self.again(now),
            _ => {}
        }
    }

    /// What became of it, once that is known.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// How much of how much is there.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.bytes.len() as u64, self.image().map_or(0, |it| it.bytes))
    }

    /// The one that is fetched.
    fn image(&self) -> Option<ImageNote> {
        self.images.as_ref().and_then(|images| images.last().copied())
    }

    /// With the last of these.
    fn begin(&mut self, images: Vec<ImageNote>) {
        self.bytes = Vec::new();
        if images.is_empty() {
            self.outcome = Some(Outcome::Nothing);
        }
        self.images = Some(images);
    }

    fn piece(&mut self, piece: &ImagePiece<'_>, now: Duration) {
        let Some(ImageNote { segment, bytes: whole }) = self.image() else { return };
        if piece.segment != segment || piece.offset != self.bytes.len() as u64 {
            return;
        }
        let has = self.bytes.len() as u64 + piece.bytes.len() as u64;
        if piece.whole != whole || has > whole || (piece.bytes.is_empty() && has < whole) {
            // It is another one by now.
            self.again(now);
            return;
        }
        self.bytes.extend_from_slice(piece.bytes);
        if has < whole {
            return;
        }
        match Image::of_bytes(&self.bytes) {
            Ok(image)
                if image.head.boundary.segment == segment
                    && Some(image.head.boundary.journal) == self.journal =>
            {
                self.bytes = Vec::new();
                self.outcome = Some(Outcome::Fetched(Box::new(image)));
            }
            _ => {
                let mut images = self.images.take().unwrap_or_default();
                images.pop();
                self.begin(images);
            }
        }
    }

    /// Asks once more which there are, after a while.
    fn again(&mut self, now: Duration) {
        self.images = None;
        self.bytes = Vec::new();
        self.next = now + PATIENCE;
    }
}
