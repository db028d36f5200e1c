//! What an edge and the core say to each other besides the journal: how market time runs, and what the edge's clients
//! submit; and what a core asks a standby. What comes of that is not said here: which command it became is, and the rest is run again from the journal.
//!
//! ```text
//! message    RMK · version u8 · kind u8 · by kind · checksum of all before u32
//!    1       hello
//!    2       submit: edge [16] · number u64 · wall time i64 · life u32 · action · label · mark, the last three as in images
//!    3       there? machine that is the core [16] · term u64, of a standby
//!   65       told: market time i64 · thousandths by which it runs u32 · whether it is the wall's u8 · whether accounts are
//!            kept u8 · if so, which store of them [16]
//!   66       decided: life u32 · command u64, 0 if it was not taken, all ones if nobody knows
//!   67       here: machine that stands by [16]
//! ```
//!
//! Integers are little-endian, checksums CRC32C. A message of another version is refused in words, never guessed at.

use edge::clock::Speed;
use feed::journal::copy::words::{Machine, Unread};
use feed::source::followed::Decision;
use model::image::{Image as _, Reader};
use model::{Action, Epoch, Note, Sequence, Time};
use store::Identity;

const MAGIC: &[u8; 3] = b"RMK";
/// Raised when what is said here changes.
const VERSION: u8 = 2;
const HELLO: u8 = 1;
const SUBMIT: u8 = 2;
const THERE: u8 = 3;
const TOLD: u8 = 65;
const DECIDED: u8 = 66;
const HERE: u8 = 67;
const UNKNOWN: u64 = u64::MAX;

/// What an edge asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// How market time runs.
    Hello,
    /// That this be submitted.
    Submit(Submit),
    /// Whether a standby is there. If it answers it takes over only after it has heard nothing for long.
    There {
        /// Who asks as the core.
        holder: Machine,
        /// In which term of the lease.
        term: u64,
    },
}

/// Something that a client of an edge submits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Which run of which edge asks.
    pub edge: [u8; 16],
    /// And which of its questions this is: the bus may double it.
    pub number: u64,
    /// When it was asked, by the wall's clock: the bus may deliver it late.
    pub asked: Time,
    /// In which life of the market, as far as the edge knows.
    pub life: Epoch,
    /// What is submitted.
    pub action: Action,
    /// What is kept with it.
    pub note: Note,
}

/// What the core says to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// How market time runs, and which store the core's accounts are kept in, if they are in any.
    Told(Runs, Option<Identity>),
    /// What came of what was to be submitted.
    Decided(Decision),
    /// This standby is there.
    Here(Machine),
}

/// How market time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// What it is when this is said.
    pub now: Time,
    /// How fast it runs.
    pub speed: Speed,
    /// Whether it is what is on the wall's clock.
    pub follows_the_wall: bool,
}

impl Ask {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Hello => sealed(HELLO, |_| ()),
            Self::There { holder, term } => sealed(THERE, |out| {
                out.extend(holder);
                out.extend(term.to_le_bytes());
            }),
            Self::Submit(Submit { edge, number, asked, life, action, note }) => {
                sealed(SUBMIT, |out| {
                    out.extend(edge);
                    out.extend(number.to_le_bytes());
                    out.extend(asked.0.to_le_bytes());
                    out.extend(life.0.to_le_bytes());
                    action.save(out);
                    note.label.save(out);
                    note.mark.save(out);
                })
            }
        }
    }

    /// Reads what [`Ask::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn read(message: &[u8]) -> Result<Self, Unread> {
        let (kind, mut from) = opened(message)?;
        let ask = match kind {
            HELLO => Self::Hello,
            THERE => Self::There { holder: from.array()?, term: from.word()? },
            SUBMIT => {
                let (edge, number) = (from.array()?, from.word()?);
                let asked = Time(i64::from_le_bytes(from.array()?));
                let life = Epoch(u32::from_le_bytes(from.array()?));
                let action = Action::load(&mut from)?;
                let (label, mark) = (Option::load(&mut from)?, Option::load(&mut from)?);
                let note = Note { label, mark };
                Self::Submit(Submit { edge, number, asked, life, action, note })
            }
            _ => return Err(Unread::Nonsense("it is no question")),
        };
        from.end()?;
        Ok(ask)
    }
}

impl Answer {
    /// Its bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Told(Runs { now, speed, follows_the_wall }, accounts) => sealed(TOLD, |out| {
                out.extend(now.0.to_le_bytes());
                out.extend(speed.0.to_le_bytes());
                out.push(u8::from(follows_the_wall));
                out.push(u8::from(accounts.is_some()));
                out.extend(accounts.iter().flatten());
            }),
            Self::Decided(decision) => sealed(DECIDED, |out| {
                let (life, word) = match decision {
                    Decision::Command(life, command) => (life.0, command.0),
                    Decision::NotTaken => (0, 0),
                    Decision::Unknown => (0, UNKNOWN),
                };
                out.extend(life.to_le_bytes());
                out.extend(word.to_le_bytes());
            }),
            Self::Here(machine) => sealed(HERE, |out| out.extend(machine)),
        }
    }

    /// Reads what [`Answer::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn read(message: &[u8]) -> Result<Self, Unread> {
        let (kind, mut from) = opened(message)?;
        let answer = match kind {
            TOLD => {
                let runs = Runs {
                    now: Time(i64::from_le_bytes(from.array()?)),
                    speed: Speed(u32::from_le_bytes(from.array()?)),
                    follows_the_wall: from.flag("whether time is the wall's")?,
                };
                let are_kept = from.flag("whether accounts are kept")?;
                let accounts = are_kept.then(|| from.array()).transpose()?;
                Self::Told(runs, accounts)
            }
            HERE => Self::Here(from.array()?),
            DECIDED => {
                let life = Epoch(u32::from_le_bytes(from.array()?));
                Self::Decided(match from.word()? {
                    0 => Decision::NotTaken,
                    UNKNOWN => Decision::Unknown,
                    command => Decision::Command(life, Sequence(command)),
                })
            }
            _ => return Err(Unread::Nonsense("it is no answer")),
        };
        from.end()?;
        Ok(answer)
    }
}

fn sealed(kind: u8, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend(MAGIC);
    out.extend([VERSION, kind]);
    write(&mut out);
    let sum = crc32c::crc32c(&out);
    out.extend(sum.to_le_bytes());
    out
}

fn opened(message: &[u8]) -> Result<(u8, Reader<'_>), Unread> {
    let (body, sum) = message.split_last_chunk::<4>().ok_or(Unread::Nonsense("it is too short"))?;
    let Some((&[a, b, c, version, kind], rest)) = body.split_first_chunk::<5>() else {
        return Err(Unread::Nonsense("it is too short"));
    };
    if [a, b, c] != *MAGIC {
        return Err(Unread::Nonsense("it does not begin like one"));
    }
    if version != VERSION {
        return Err(Unread::Version(version));
    }
    if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
        return Err(Unread::Nonsense("its checksum does not fit"));
    }
    Ok((kind, Reader::new(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AccountId, Mark};

    fn submit() -> Ask {
        let note = Note { label: Some("mine".into()), mark: Some(Mark([7; 16])) };
        Ask::Submit(Submit {
            edge: [3; 16],
            number: 9,
            asked: Time(-1),
            life: Epoch(4),
            action: Action::CancelAll { account: AccountId(1_001), instrument: None },
            note,
        })
    }

    #[test]
    fn what_is_said_is_heard() {
        for ask in [Ask::Hello, submit(), Ask::There { holder: [8; 16], term: 3 }] {
            assert_eq!(Ask::read(&ask.to_bytes()), Ok(ask));
        }
        let runs = Runs { now: Time(-5), speed: Speed(2_500), follows_the_wall: true };
        let decisions = [
            Decision::Command(Epoch(1), Sequence(1)),
            Decision::Command(Epoch(u32::MAX), Sequence(u64::MAX - 1)),
            Decision::NotTaken,
            Decision::Unknown,
        ];
        let told = [None, Some([7; 16])].map(|accounts| Answer::Told(runs, accounts));
        for answer in
            decisions.map(Answer::Decided).into_iter().chain(told).chain([Answer::Here([9; 16])])
        {
            assert_eq!(Answer::read(&answer.to_bytes()), Ok(answer));
        }
    }

    #[test]
    fn what_was_changed_on_its_way_or_is_none_is_not_believed() {
        let whole = submit().to_bytes();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(Ask::read(&changed).is_err(), "byte {at}");
            assert!(Ask::read(&whole[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(Answer::read(&whole), Err(Unread::Nonsense("it is no answer")));
        assert_eq!(
            Ask::read(&Answer::Decided(Decision::NotTaken).to_bytes()),
            Err(Unread::Nonsense("it is no question"))
        );
    }

    #[test]
    fn another_version_is_told_whatever_it_says() {
        let mut other = Ask::Hello.to_bytes();
        other[3] = 9;
        other.truncate(12);
        let unread = Ask::read(&other).expect_err("another version");
        assert_eq!(unread, Unread::Version(9));
        let words = unread.to_string();
        assert!(words.contains("version 9") && words.contains("another version"), "{words}");
    }
}
