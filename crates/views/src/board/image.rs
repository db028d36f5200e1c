//! A board as a part of an image.

use model::image::{Image, Impossible, Reader};
use model::{InstrumentId, Time};

use super::{Board, Book};
use crate::book::publish::{ByLevel, ByOrder};
use crate::cadence::Paces;
use crate::candles::Candles;
use crate::chain::Chain;
use crate::perpetual::Perpetual;
use crate::steps::Steps;
use crate::tape::Tape;
use crate::ticker::Rolling;

impl Board {
    /// Appends its bytes: all that is shown of its instrument, and nothing of who listens. Between two commands; what
    /// of the last one was not told to those who listen to batches is not in it.
    pub fn save(&self, out: &mut Vec<u8>) {
        let Self {
            instrument,
            book,
            tape,
            candles,
            rolling,
            chain,
            steps,
            stops,
            places: _,
            paces,
            listeners: _,
            batch: _,
            batch_of,
            arriving,
            status,
            perpetual,
            now,
            traded,
            detail: _,
        } = self;
        instrument.save(out);
        match book {
            Book::ByOrder(book) => {
                out.push(0);
                book.save(out);
            }
            Book::ByLevel(book) => {
                out.push(1);
                book.save(out);
            }
        }
        tape.save(out);
        candles.save(out);
        rolling.save(out);
        chain.save(out);
        steps.save(out);
        stops.save(out);
        paces.save(out);
        batch_of.save(out);
        arriving.save(out);
        status.save(out);
        perpetual.is_some().save(out);
        perpetual.iter().for_each(|perpetual| perpetual.save(out));
        now.save(out);
        Some(*traded).filter(|traded| *traded > NEVER).save(out);
    }

    /// Reads what [`Board::save`] wrote of this instrument's board. Nobody listens to it.
    ///
    /// # Errors
    /// [`Impossible`] if no such board can be.
    pub fn load(instrument: InstrumentId, from: &mut Reader<'_>) -> Result<Self, Impossible> {
        if InstrumentId::load(from)? != instrument {
            return Err(Impossible("the board of another instrument"));
        }
        let book = match from.byte()? {
            0 => Book::ByOrder(ByOrder::load(from)?),
            1 => Book::ByLevel(ByLevel::load(from)?),
            _ => return Err(Impossible("a kind of book")),
        };
        let mut loaded = Self::over(instrument, Time(0), book);
        loaded.tape = Tape::load(from)?;
        loaded.candles = Candles::load(from)?;
        loaded.rolling = Rolling::load(from)?;
        loaded.chain = Chain::load(from)?;
        loaded.steps = Steps::load(from)?;
        loaded.stops = Chain::load(from)?;
        loaded.paces = Paces::load(from)?;
        loaded.batch_of = Image::load(from)?;
        loaded.arriving = Image::load(from)?;
        loaded.status = Image::load(from)?;
        if bool::load(from)? {
            loaded.perpetual = Some(Box::new(Perpetual::load(from)?));
        }
        loaded.now = Image::load(from)?;
        loaded.traded = Option::load(from)?.unwrap_or(NEVER);
        Ok(loaded)
    }
}

/// Before the first trade.
const NEVER: Time = Time(i64::MIN);
