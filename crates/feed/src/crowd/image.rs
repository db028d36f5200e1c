//! A crowd as a part of an image: what its members remember between acts. Who they are follows from the markets and the
//! seed, so an image is read into a crowd that was made of the same.

use model::image::{Image, Impossible, Reader, save_number};
use model::{Cadence, Side, Span, Time};
use sha2::{Digest as _, Sha256};

use super::fair::FairPrices;
use super::taker::Taker;
use super::{Activity, Asset, Crowd, Market, Participant, Reverse, WANDER_MAX};
use crate::journal::record::{Hash, half};

/// Raised with every change of what [`Crowd::save`] writes, and of the cast: with other members it means something
/// else.
pub const LAYOUT: u32 = 1;

/// How far apart the next acts, and the fair prices' next steps, may lie: farther they never do.
const APART_MAX: Span = Span::seconds(3_600);

/// Stands for what a crowd is made of, and when topics speak: with others an image means something else.
#[must_use]
pub fn configuration(assets: &[Asset], markets: &[Market], cadences: &[Cadence]) -> Hash {
    let mut hash = Sha256::new();
    let mut word = |word: u64| hash.update(word.to_le_bytes());
    word(cadences.len() as u64);
    cadences.iter().for_each(|cadence| word(cadence.0.0.cast_unsigned()));
    word(markets.len() as u64);
    for Market { instrument, start, activity, size, contract } in markets {
        word(u64::from(instrument.id.0));
        word(start.0.cast_unsigned());
        word(u64::from(*activity == Activity::Busy));
        word(size.0.cast_unsigned());
        // Nothing where there is none: its terms are the market's to know.
        if contract.is_some() {
            word(1);
        }
    }
    for Asset { code, wander_ppm } in assets {
        hash.update((code.len() as u64).to_le_bytes());
        hash.update(code);
        hash.update(wander_ppm.to_le_bytes());
    }
    half(&hash.finalize())
}

impl Crowd {
    /// Appends its bytes. Between two acts.
    pub fn save(&self, out: &mut Vec<u8>) {
        let Self { fair, markets: _, participants, agenda, mine: _ } = self;
        let mut dues: Vec<(u32, Time)> =
            agenda.iter().map(|&Reverse((due, number))| (number, due)).collect();
        dues.sort_unstable();
        save_number(participants.len() as u64, out);
        for (Participant { role, chance, introduced, .. }, (_, due)) in
            participants.iter().zip(dues)
        {
            due.save(out);
            chance.save(out);
            introduced.save(out);
            if let Some(taker) = role.memory() {
                taker.burst.save(out);
                taker.side.save(out);
            }
        }
        fair.save(out);
    }

    /// The crowd as it was when the image was taken, if this one was made of the same.
    ///
    /// # Errors
    /// [`Impossible`] if no crowd of these markets can be so.
    pub fn restored(mut self, from: &mut Reader<'_>) -> Result<Self, Impossible> {
        if from.number()? != self.participants.len() as u64 {
            return Err(Impossible("a crowd of another size"));
        }
        self.agenda.clear();
        for (participant, number) in self.participants.iter_mut().zip(0..) {
            self.agenda.push(Reverse((Time::load(from)?, number)));
            participant.chance = Image::load(from)?;
            participant.introduced = Image::load(from)?;
            if let Some(taker) = participant.role.memory_mut() {
                taker.restore(u64::load(from)?, Side::load(from)?)?;
            }
        }
        self.fair.restore(from)?;
        // Whoever is far ahead or behind would have to catch up for hours.
        let Some(first) = self.due() else { return Ok(self) };
        let dues = self.agenda.iter().map(|&Reverse((due, _))| due);
        let moments = dues.chain([self.fair.next]);
        match moments.into_iter().all(|it| (it - first).0.abs() <= APART_MAX.0) {
            true => Ok(self),
            false => Err(Impossible("when the crowd acts next")),
        }
    }
}

impl Taker {
    fn restore(&mut self, burst: u64, side: Side) -> Result<(), Impossible> {
        (self.burst, self.side) = (burst, side);
        if burst <= super::taker::BURST_MAX { Ok(()) } else { Err(Impossible("a burst")) }
    }
}

impl FairPrices {
    fn save(&self, out: &mut Vec<u8>) {
        self.next.save(out);
        save_number(self.assets.len() as u64, out);
        for asset in &self.assets {
            asset.chance.save(out);
            asset.away.save(out);
            asset.mood.save(out);
        }
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), Impossible> {
        self.next = Time::load(from)?;
        if from.number()? != self.assets.len() as u64 {
            return Err(Impossible("another number of assets that wander"));
        }
        for asset in &mut self.assets {
            asset.chance = Image::load(from)?;
            asset.away = Image::load(from)?;
            asset.mood = Image::load(from)?;
            let is_near = asset.away.unsigned_abs() <= (asset.wander * WANDER_MAX).unsigned_abs();
            if !is_near || !super::fair::MOODS.contains(&asset.mood) {
                return Err(Impossible("how far an asset wandered"));
            }
        }
        Ok(())
    }
}
