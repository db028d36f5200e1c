//! A rerun as parts of an image: engine, crowd, and the course of things, which is all that is told by time and number.
//! Between two records nothing is gathered, held back or half told, so that this is all.

use model::image::{Impossible, Reader, Sink, save_number};
use model::{Action, Contract, Instrument, Sequence, Time};

use engine::{Engine, ImageError};

use super::super::{Beat, Digester, EngineSource, Sequencer, market};
use super::{Digest, Done, Rerun};
use crate::journal::image::{Image, Kind, Part, Unusable};

/// Raised with every change of how the engine's own bytes are put into a part; they have a layout of their own.
const ENGINE_LAYOUT: u32 = 1;
/// Raised with every change of what [`course`] writes.
const COURSE_LAYOUT: u32 = 2;

impl Rerun {
    /// The parts that are its own.
    #[must_use]
    pub fn parts(&self) -> [Part; 3] {
        let mut crowd = Vec::new();
        if let Some(members) = &self.source.crowd {
            members.save(&mut crowd);
        }
        [
            Part { kind: Kind::Engine, layout: ENGINE_LAYOUT, bytes: self.source.engine.image() },
            Part { kind: Kind::Crowd, layout: crate::crowd::LAYOUT, bytes: crowd },
            Part { kind: Kind::Course, layout: COURSE_LAYOUT, bytes: course(self) },
        ]
    }

    /// Events so far, and their digest.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digester.digest()
    }

    /// A rerun that goes on from an image, on a source that is new and made of the same. Without a crowd it goes on
    /// without one.
    ///
    /// # Errors
    /// [`Unusable`] if the image is of something else, or says what cannot be.
    pub fn restored(
        source: EngineSource,
        (instruments, contracts): (&[Instrument], &[Contract]),
        image: &Image,
    ) -> Result<Self, Unusable> {
        let mut rerun = Self::new(source);
        let engine = image.part(Kind::Engine, ENGINE_LAYOUT)?;
        let engine = Engine::restore_with(engine, instruments, contracts).map_err(unusable)?;
        if market(instruments, contracts, engine.rules()) != rerun.source.market
            || image.head.market != rerun.source.market
        {
            return Err(unfit("it was taken with other instruments, or other rules for them"));
        }
        rerun.source.engine = engine;
        if let Some(crowd) = rerun.source.crowd.take() {
            let mut from = Reader::new(image.part(Kind::Crowd, crate::crowd::LAYOUT)?);
            let wrong = Unusable::part(Kind::Crowd);
            let crowd = crowd.restored(&mut from).map_err(&wrong)?;
            from.end().map_err(wrong)?;
            rerun.source.crowd = Some(crowd);
        }
        let mut from = Reader::new(image.part(Kind::Course, COURSE_LAYOUT)?);
        rerun.take_course(&mut from).map_err(Unusable::part(Kind::Course))?;
        let (head, digest) = (&image.head, rerun.digest());
        let is_one = rerun.last() == head.boundary.last
            && (digest.events, digest.digest) == (head.events, head.digest)
            && rerun.source.engine.digest() == head.state;
        if is_one { Ok(rerun) } else { Err(unfit("its parts are not of one moment")) }
    }

    fn take_course(&mut self, from: &mut Reader<'_>) -> Result<(), Impossible> {
        use model::image::Image as _;
        let (last, time) = (Sequence::load(from)?, Time::load(from)?);
        if last.0 >= model::image::MAGNITUDE_MAX.unsigned_abs() {
            return Err(Impossible("the last command"));
        }
        self.source.sequencer = Sequencer::at(last, time);
        let ticks = self.source.metronomes.iter().filter(|it| matches!(it.beat, Beat::Tick(_)));
        if from.number()? != ticks.count() as u64 {
            return Err(Impossible("another number of cadences"));
        }
        for metronome in &mut self.source.metronomes {
            let Beat::Tick(known) = metronome.beat else { continue };
            if model::Cadence::load(from)? != known {
                return Err(Impossible("another cadence"));
            }
            metronome.next = Time::load(from)?;
        }
        self.digester = Digester::at(Digest { events: from.number()?, digest: from.word()? });
        self.asked = Vec::load(from)?;
        self.found = usize::try_from(from.number()?).unwrap_or(usize::MAX);
        if self.found > self.asked.len() {
            return Err(Impossible("what the crowd asked for"));
        }
        self.owed = match from.flag("whether a digest is owed")? {
            true => Some(Digest { events: from.number()?, digest: from.word()? }),
            false => None,
        };
        self.doors = Time::load(from)?;
        for metronome in &mut self.source.metronomes {
            if matches!(metronome.beat, Beat::Mark(_)) {
                metronome.next = Time::load(from)?;
            }
        }
        self.done = Done { events: self.digester.events(), ..Done::default() };
        from.end()
    }
}

/// The course of things. When perpetuals are marked next stands at the end, so that it is what it was where there are none.
fn course(rerun: &Rerun) -> Vec<u8> {
    use model::image::Image as _;
    let mut out = Vec::new();
    let Rerun { source, digester, asked, found, owed, doors, done: _ } = rerun;
    source.sequencer.last().save(&mut out);
    source.sequencer.time().save(&mut out);
    let ticks = source.metronomes.iter().filter_map(|metronome| match metronome.beat {
        Beat::Tick(cadence) => Some((cadence, metronome.next)),
        Beat::Mark(_) => None,
    });
    save_number(ticks.clone().count() as u64, &mut out);
    for (cadence, next) in ticks {
        cadence.save(&mut out);
        next.save(&mut out);
    }
    let digest = |digest: Digest, out: &mut Vec<u8>| {
        save_number(digest.events, out);
        out.word(digest.digest);
    };
    digest(digester.digest(), &mut out);
    model::image::save_all::<Action>(asked.iter(), &mut out);
    save_number(*found as u64, &mut out);
    out.push(u8::from(owed.is_some()));
    if let Some(owed) = owed {
        digest(*owed, &mut out);
    }
    doors.save(&mut out);
    for metronome in &source.metronomes {
        if matches!(metronome.beat, Beat::Mark(_)) {
            metronome.next.save(&mut out);
        }
    }
    out
}

fn unfit(what: &str) -> Unusable {
    Unusable::Unfit(what.to_owned())
}

fn unusable(error: ImageError) -> Unusable {
    match error {
        ImageError::NotAnImage | ImageError::Damaged => Unusable::Damaged(error.to_string()),
        ImageError::OtherVersion(_) => Unusable::OtherLayout(error.to_string()),
        ImageError::OtherInstruments => Unusable::Unfit(error.to_string()),
        ImageError::Impossible(what) => Unusable::Impossible(Kind::Engine.name(), Impossible(what)),
    }
}
