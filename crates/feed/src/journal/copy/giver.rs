//! Gives a journal to those who follow it: what becomes durable as pieces, as it comes, and on being asked what is on
//! the disk, up to what is durable and never beyond. It has no thread; whoever has a bus publishes what it makes.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Epoch, Sequence};

use super::super::compressed::Content;
use super::super::disk::Disk;
use super::super::image;
use super::super::segments::{self, CONTENT_BYTES_MAX, Segment, name};
use super::tap::{Gauge, Tapped};
use super::words::{Answer, Ask, Frontier, Head, IMAGES_MAX, ImageNote, ImagePiece, Machine};
use super::words::{Moment, PIECE_BYTES_MAX, Piece, Question, Refusal, Said, Unread, Why};

#[cfg(test)]
mod tests;

/// So many segments are kept decompressed: for who comes late, and asks for them piece by piece.
const OPENED_MAX: usize = 2;

/// Gives a journal away.
pub struct Giver {
    disk: Arc<dyn Disk>,
    gauge: Gauge,
    head: Head,
    /// Who is told what others have.
    acknowledged: Option<Acknowledged>,
    /// Segments that were decompressed, the last one last.
    opened: Mutex<Vec<(u64, Arc<Vec<u8>>)>>,
}

/// Is told that this machine has on its disk what was written in a life up to a command.
pub type Acknowledged = Box<dyn Fn(Machine, Epoch, Sequence) + Send + Sync>;

/// A piece that was found: its segment, where it begins there, how long the segment before is.
type Found = (u64, u64, Option<u64>, Vec<u8>);

impl Giver {
    /// Of the journal on this disk that is tapped so. `head` is what is said of the core; of its moment, what is handed
    /// in with each question.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, gauge: Gauge, head: Head) -> Self {
        Self { disk, gauge, head, acknowledged: None, opened: Mutex::default() }
    }

    /// The same, and this is told what others say that they have.
    #[must_use]
    pub fn telling(mut self, acknowledged: Acknowledged) -> Self {
        self.acknowledged = Some(acknowledged);
        self
    }

    /// Publishes what was tapped: in messages none of which is too long.
    pub fn publish(&self, tapped: &Tapped, message: &mut Vec<u8>, mut publish: impl FnMut(&[u8])) {
        let Tapped { segment, before, frontier, .. } = *tapped;
        let journal = self.gauge.journal();
        let mut offset = tapped.offset;
        if tapped.bytes.is_empty() {
            message.clear();
            let said = Said::Piece(Piece { segment, offset, before: None, bytes: &[] });
            Answer { number: 0, journal, frontier, said }.encode(message);
            publish(message);
        }
        for bytes in tapped.bytes.chunks(PIECE_BYTES_MAX) {
            let before = Some(before).filter(|_| offset == 0);
            let said = Said::Piece(Piece { segment, offset, before, bytes });
            message.clear();
            Answer { number: 0, journal, frontier, said }.encode(message);
            publish(message);
            offset += bytes.len() as u64;
        }
    }

    /// Whether this is a question that is answered without the disk: whoever hears it may do so at once.
    #[must_use]
    pub fn needs_no_disk(question: &[u8]) -> bool {
        let ask = Ask::decode(question);
        ask.is_ok_and(|ask| matches!(ask.question, Question::Head | Question::Kept { .. }))
    }

    /// Answers a question, at this moment.
    #[must_use]
    pub fn answer(&self, question: &[u8], now: Moment) -> Vec<u8> {
        let (journal, frontier) = (self.gauge.journal(), self.gauge.frontier());
        let mut number = 0;
        let (mut bytes, mut whole) = (Vec::new(), 0);
        let said =
            Ask::decode(question).map_err(|unread| not_understood(&unread)).and_then(|ask| {
                number = ask.number;
                if ask.journal.is_some_and(|asked| asked != journal) {
                    return Err(refusal(Why::OtherJournal, "another journal is served here"));
                }
                match ask.question {
                    Question::Head => Ok(Said::Head(Head { moment: now, ..self.head.clone() })),
                    Question::Bytes { segment, offset, max } => {
                        let found = self.bytes(&frontier, segment, offset, most(max))?;
                        let (segment, offset, before, piece) = found;
                        bytes = piece;
                        Ok(Said::Piece(Piece { segment, offset, before, bytes: &bytes }))
                    }
                    Question::Kept { machine, epoch, last } => {
                        // Whoever keeps it means this journal and no other.
                        if let Some(acknowledged) = &self.acknowledged
                            && ask.journal == Some(journal)
                        {
                            acknowledged(machine, epoch, last);
                        }
                        let (segment, offset) = frontier.place();
                        Ok(Said::Piece(Piece { segment, offset, before: None, bytes: &[] }))
                    }
                    Question::Images => {
                        self.images().map(Said::Images).map_err(|it| unreadable(&it))
                    }
                    Question::Image { segment, offset, max } => {
                        (whole, bytes) = self.image(segment, offset, most(max))?;
                        Ok(Said::Image(ImagePiece { segment, whole, offset, bytes: &bytes }))
                    }
                }
            });
        let said = said.unwrap_or_else(Said::Refused);
        Answer { number, journal, frontier, said }.to_bytes()
    }

    /// Some of the journal's bytes.
    fn bytes(
        &self,
        frontier: &Frontier,
        segment: u64,
        offset: u64,
        max: usize,
    ) -> Result<Found, Refusal> {
        let (open, end) = frontier.place();
        if segment == 0 || (segment, offset) > (open, end) {
            let words = format!("the journal ends at {}, offset {end}", name(open));
            return Err(refusal(Why::NotThere, &words));
        }
        if segment == open {
            let count = usize::try_from(end - offset).unwrap_or(max).min(max);
            let bytes = self.disk.read_part(&name(segment), offset, count);
            let bytes = bytes.map_err(|error| unreadable(&error))?;
            if bytes.len() < count {
                return Err(refusal(Why::Unreadable, "what was durable is not there"));
            }
            return Ok((segment, offset, None, bytes));
        }
        match self.sealed(segment, offset, max) {
            Ok((bytes, length)) if offset < length => Ok((segment, offset, None, bytes)),
            // Whoever has more than there is sees so by that.
            Ok((_, length)) => {
                let (segment, offset, _, bytes) = self.bytes(frontier, segment + 1, 0, max)?;
                Ok((segment, offset, Some(length), bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.pruned(frontier, segment, offset, max)
            }
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// Of a segment that is not there: the next one, if that is the first and the asker may have all of this one.
    fn pruned(
        &self,
        frontier: &Frontier,
        segment: u64,
        offset: u64,
        max: usize,
    ) -> Result<Found, Refusal> {
        let listed = segments::list(self.disk.as_ref()).map_err(|error| unreadable(&error))?;
        match listed.first().map(|it| it.number) {
            Some(first) if first == segment + 1 && offset > 0 => {
                self.bytes(frontier, first, 0, max)
            }
            Some(first) if first > segment => {
                let words = format!("the journal begins with {}", name(first));
                Err(refusal(Why::Pruned(first), &words))
            }
            _ => Err(refusal(Why::Unreadable, "the segment is missing")),
        }
    }

    /// Some bytes of a segment that is written no more, and how long that is.
    fn sealed(&self, segment: u64, offset: u64, max: usize) -> io::Result<(Vec<u8>, u64)> {
        let plain = name(segment);
        match self.disk.bytes(&plain) {
            Ok(length) if length <= CONTENT_BYTES_MAX as u64 => {
                match self.disk.read_part(&plain, offset, max) {
                    // It was compressed just now.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    bytes => return Ok((bytes?, length)),
                }
            }
            Ok(_) => return Err(io::Error::other("it is longer than a segment may be")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let content = self.decompressed(segment)?;
        let length = content.len() as u64;
        let from = offset.min(length) as usize;
        Ok((content[from..][..max.min(content.len() - from)].to_vec(), length))
    }

    fn decompressed(&self, number: u64) -> io::Result<Arc<Vec<u8>>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = opened.iter().position(|(it, _)| *it == number) {
            let found = opened.remove(at);
            let content = Arc::clone(&found.1);
            opened.push(found);
            return Ok(content);
        }
        let segment = Segment { number, is_plain: false, is_compressed: true };
        let Content { bytes, damage } = segment.read(self.disk.as_ref())?;
        if let Some(damage) = damage {
            return Err(io::Error::other(format!("{}: {damage}", segment.name())));
        }
        let content = Arc::new(bytes);
        if opened.len() == OPENED_MAX {
            opened.remove(0);
        }
        opened.push((number, Arc::clone(&content)));
        Ok(content)
    }

    fn images(&self) -> io::Result<Vec<ImageNote>> {
        let all = image::list(self.disk.as_ref())?;
        let newest = all.len().saturating_sub(IMAGES_MAX);
        let note = |&segment: &u64| {
            let bytes = self.disk.bytes(&image::name(segment))?;
            Ok(ImageNote { segment, bytes })
        };
        all[newest..].iter().map(note).collect()
    }

    /// Some of an image's bytes, and how long it is.
    fn image(&self, segment: u64, offset: u64, max: usize) -> Result<(u64, Vec<u8>), Refusal> {
        let name = image::name(segment);
        let whole = self.disk.bytes(&name);
        let read = whole.and_then(|whole| Ok((whole, self.disk.read_part(&name, offset, max)?)));
        read.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                refusal(Why::NotThere, &format!("there is no image {name}, or not any more"))
            }
            _ => unreadable(&error),
        })
    }
}

fn most(max: u32) -> usize {
    PIECE_BYTES_MAX.min(max as usize)
}

fn refusal(why: Why, words: &str) -> Refusal {
    Refusal { why, words: words.into() }
}

fn unreadable(error: &io::Error) -> Refusal {
    refusal(Why::Unreadable, &format!("the journal cannot be read: {error}"))
}

fn not_understood(unread: &Unread) -> Refusal {
    refusal(Why::Unintelligible, &unread.to_string())
}
