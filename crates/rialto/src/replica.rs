//! A whole market as its journal makes it: engine, crowd, what is shown and what may be asked for again. Run on record by
//! record, taken an image of, read back from one. The start, the follower and `verify` all stand on this, so that what
//! they make of a journal is the same.

use edge::boards::Boards;
use edge::repeats::{Done, Repeats};
use feed::journal::Entry;
use feed::journal::copy::words as copy;
use feed::journal::disk::Disk;
use feed::journal::image::{self, Head, Image, Kind, Part, Unusable};
use feed::journal::reader::{Boundary, Reader, Record};
use feed::journal::record::Hash;
use feed::journal::retention::Policy;
use feed::source::engine::EngineSource;
use feed::source::engine::rerun::{Difference, Rerun};
use model::{Assets, Event, Instrument, Time};
use views::{Accounts, Board};

use crate::config::Config;
use crate::run::Nobody;

#[cfg(test)]
pub(crate) mod tests;

/// What a market is made of.
#[derive(Clone)]
pub struct Plan {
    config: Config,
    /// What the crowd is seeded with.
    pub seed: u64,
    /// When it began.
    pub begins: Time,
    configuration: Hash,
}

impl Plan {
    /// The market of this configuration that was begun so.
    pub fn new(config: &Config, seed: u64, begins: Time) -> Self {
        let crowd = &config.crowd;
        let configuration =
            feed::crowd::configuration(&crowd.assets, &crowd.markets, &config.cadences());
        Self { config: config.clone(), seed, begins, configuration }
    }

    fn instruments(&self) -> Vec<Instrument> {
        self.config.listings.iter().map(|it| it.instrument.clone()).collect()
    }

    /// How much of its journal is kept.
    pub const fn retention(&self) -> Policy {
        self.config.retention
    }

    /// What is said of it to those who follow it, but for the moment. `market` stands for instruments and rules.
    pub fn head(&self, market: u64) -> copy::Head {
        let moment = copy::Moment { market: self.begins, wall: self.begins };
        let (configuration, build) = (self.configuration, env!("RIALTO_VERSION").into());
        copy::Head { moment, market, configuration, seed: self.seed, begins: self.begins, build }
    }

    /// Whether a core serves this market, and would make the same of its journal.
    ///
    /// # Errors
    /// What differs.
    pub fn agrees(&self, head: &copy::Head) -> Result<(), &'static str> {
        if self.source().market() != head.market {
            return Err(
                "it has other instruments, other steps of price and quantity, other contracts, or other fees",
            );
        }
        if self.configuration != head.configuration {
            return Err("its crowd or its cadences are configured otherwise");
        }
        Ok(())
    }

    /// It before its first command.
    pub fn source(&self) -> EngineSource {
        self.config.market_begun(self.seed, self.begins)
    }

    /// What is shown of it, for whoever listens to nothing.
    pub fn boards(&self) -> Boards {
        let instruments = self.instruments();
        let boards = instruments.iter().map(|it| Board::new(it.id, self.begins));
        let accounts = Accounts::new(Assets::of(&instruments).paid_by(&self.config.contracts));
        Boards::new(boards.collect(), [].into(), 1).with_accounts(accounts)
    }
}

/// The market, as far as the journal was run again.
pub struct Replica<'b> {
    rerun: Rerun,
    /// What is shown of it; nothing where that is of no use.
    boards: Option<&'b mut Boards>,
    repeats: Repeats,
    events: Vec<Event>,
}

impl<'b> Replica<'b> {
    /// It before its first command, shown to these boards, which are new.
    pub fn begun(plan: &Plan, boards: &'b mut Boards) -> Self {
        let rerun = Rerun::new(plan.source());
        Self { rerun, boards: Some(boards), repeats: Repeats::default(), events: Vec::new() }
    }

    /// Its engine alone, before its first command: what the crowd asked for is in the journal.
    pub fn bare(plan: &Plan) -> Self {
        let rerun = Rerun::new(plan.config.market_without_crowd(plan.begins));
        Self { rerun, boards: None, repeats: Repeats::default(), events: Vec::new() }
    }

    /// It as it was when the image was taken, shown to these boards instead of what they showed. Without boards there
    /// is no crowd either.
    ///
    /// # Errors
    /// [`Unusable`]; then the boards show what they did.
    pub fn restored(
        plan: &Plan,
        image: &Image,
        boards: Option<&'b mut Boards>,
    ) -> Result<Self, Unusable> {
        plan.fits(&image.head)?;
        let source = match boards {
            Some(_) => plan.source(),
            None => plan.config.market_without_crowd(plan.begins),
        };
        let rerun = Rerun::restored(source, (&plan.instruments(), &plan.config.contracts), image)?;
        let mut repeats = Repeats::default();
        let mut boards = boards;
        if let Some(boards) = boards.as_mut() {
            let bytes = image.part(Kind::Repeats, edge::repeats::LAYOUT)?;
            repeats = Repeats::load(bytes).map_err(Unusable::part(Kind::Repeats))?;
            let bytes = image.part(Kind::Boards, views::image::LAYOUT)?;
            boards.load(bytes).map_err(Unusable::part(Kind::Boards))?;
        }
        Ok(Self { rerun, boards, repeats, events: Vec::new() })
    }

    /// Does a record again, shows it, and notes what may be asked for again.
    ///
    /// # Errors
    /// [`Difference`] if it does not do the same.
    pub fn record(&mut self, record: &Record) -> Result<(), Difference> {
        let Self { rerun, boards, repeats, events } = self;
        for entry in &record.entries {
            let from = events.len();
            rerun.entry(entry, events)?;
            let Entry::Command(kept) = entry else { continue };
            let Some(boards) = boards else { continue };
            if let Some(label) = &kept.label {
                boards.label(rerun.last(), label.clone());
            }
            if let Some(mark) = kept.mark {
                let (command, action, label) = (rerun.last(), kept.action, kept.label.clone());
                let done = Done { command, action, label, events: events[from..].to_vec() };
                repeats.note(mark, record.head.wall, done);
            }
        }
        if let Some(boards) = boards {
            boards.apply(events, &mut Nobody);
        }
        events.clear();
        Ok(())
    }

    /// How far it has come, and what was found on the way.
    pub const fn rerun(&self) -> &Rerun {
        &self.rerun
    }

    /// An image of how it stands, at this place of its journal; with boards only.
    pub fn image(&self, plan: &Plan, boundary: Boundary) -> Image {
        let digest = self.rerun.digest();
        let head = Head {
            boundary,
            events: digest.events,
            digest: digest.digest,
            state: self.rerun.source().engine().digest(),
            market: self.rerun.source().market(),
            configuration: plan.configuration,
            seed: plan.seed,
            begins: plan.begins,
            build: env!("CARGO_PKG_VERSION").into(),
        };
        let mut parts = Vec::from(self.rerun.parts());
        let mut bytes = Vec::new();
        if let Some(boards) = &self.boards {
            boards.save(&mut bytes);
        }
        parts.push(Part { kind: Kind::Boards, layout: views::image::LAYOUT, bytes });
        let mut bytes = Vec::new();
        self.repeats.save(&mut bytes);
        parts.push(Part { kind: Kind::Repeats, layout: edge::repeats::LAYOUT, bytes });
        Image { head, parts }
    }

    /// The rerun to be gone on with, and what may be asked for again.
    pub fn finish(self) -> (Rerun, Repeats) {
        (self.rerun, self.repeats)
    }
}

impl Plan {
    /// Whether an image is of this market, made of the same.
    ///
    /// # Errors
    /// [`Unusable::Unfit`], with what differs.
    pub fn fits(&self, head: &Head) -> Result<(), Unusable> {
        let what = if head.configuration != self.configuration {
            "it was taken with another configuration of crowd or cadences"
        } else if head.seed != self.seed || head.begins != self.begins {
            "it is of a market that began otherwise"
        } else {
            return Ok(());
        };
        Err(Unusable::Unfit(what.to_owned()))
    }
}

/// Reads the image behind a segment, and opens the journal behind it.
///
/// # Errors
/// [`Unusable`], also if the journal does not go on from it.
pub fn open(disk: &dyn Disk, segment: u64) -> Result<(Image, Reader<'_>), Unusable> {
    let image = Image::read(disk, segment)?;
    let reader = Reader::open_behind(disk, &image.head.boundary).map_err(|trouble| {
        Unusable::Unfit(format!("the journal does not go on from it: {trouble}"))
    })?;
    Ok((image, reader))
}

/// Behind which segments there are images, the newest first.
///
/// # Errors
/// The system's.
pub fn newest_first(disk: &dyn Disk) -> std::io::Result<Vec<u64>> {
    let mut all = image::list(disk)?;
    all.reverse();
    Ok(all)
}
