//! `rialto verify`: runs a journal again and compares every digest in it, and makes every image on the way again and
//! compares its bytes. It changes nothing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use feed::journal::disk::{Disk, Folder};
use feed::journal::image::{self, Head, Image, Unusable};
use feed::journal::reader::{self, Boundary, Reader, Tail, Trouble};
use feed::source::engine::rerun::{Difference, Done};

use crate::aloud;
use crate::config::Config;
use crate::kept::{self, Progress};
use crate::replica::{self, Plan, Replica};
use crate::run::{Failure, failed};

/// What it ends with if the journal is damaged.
const DAMAGED: u8 = 3;
/// What it ends with if the same commands give something else.
const DIFFERS: u8 = 4;

/// Options of `verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// The folder that `rialto serve --data` was given
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The configuration that it was served with; without it `./rialto.toml` if there is one, else the demo
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Begin with the newest image, as a start does, instead of the oldest segment
    #[arg(long)]
    pub from_image: bool,
}

/// Why a journal is not what it should be.
enum Fault {
    /// It cannot be read.
    Unreadable(Failure),
    /// It is not what was written.
    Damaged(Trouble),
    /// It does not do the same again.
    Differs(Difference),
    /// An image of it is not what was written.
    Image(String, Unusable),
}

/// Runs the journal again, says what was found, and ends with what that means.
pub fn run(options: &Verify) -> ExitCode {
    match verify(options) {
        Ok(found) => {
            for line in words(&found) {
                aloud::answer(line);
            }
            ExitCode::SUCCESS
        }
        Err(Fault::Image(name, why)) => {
            aloud::complain(format_args!("{name}: {why}"));
            ExitCode::from(DAMAGED)
        }
        Err(Fault::Unreadable(failure)) => {
            aloud::complain(failure);
            ExitCode::FAILURE
        }
        Err(Fault::Damaged(trouble)) => {
            aloud::complain(trouble);
            ExitCode::from(DAMAGED)
        }
        Err(Fault::Differs(difference)) => {
            aloud::complain(format_args!("what was done is not what happens now, {difference}"));
            ExitCode::from(DIFFERS)
        }
    }
}

fn verify(options: &Verify) -> Result<Found, Fault> {
    let config = Config::load(options.config.as_deref())
        .map_err(failed("read the configuration"))
        .map_err(Fault::Unreadable)?;
    let path = journal(&options.dir);
    let nothing = || {
        let here = options.dir.display();
        Fault::Unreadable(Failure(format!("there is no journal in {here}")))
    };
    if !path.is_dir() {
        return Err(nothing());
    }
    let disk = Folder::at(&path);
    let trouble = |trouble| match trouble {
        Trouble::Damaged { .. } => Fault::Damaged(trouble),
        other => Fault::Unreadable(failed(format_args!("read {}", path.display()))(other)),
    };
    let origin = kept::origin(&disk).map_err(trouble)?.ok_or_else(nothing)?;
    let plan = Plan::new(&config, origin.seed, origin.time);
    let images = Images::of(&disk, &plan)
        .map_err(failed(format_args!("read {}", path.display())))
        .map_err(Fault::Unreadable)?;
    let mut boards = plan.boards();
    let begins = reader::segments(&disk).map_err(trouble)?.first() == Some(&1);
    let from = match options.from_image {
        true => images.usable.last(),
        false if begins => None,
        false => images.usable.first(),
    };
    let mut found = Found::default();
    let (mut replica, mut reader) = match from {
        None => {
            let reader = Reader::open(&disk).map_err(trouble)?.ok_or_else(nothing)?;
            // What the crowd asked for is in the journal; it need not be asked again but for an image.
            let replica = match images.usable.is_empty() {
                true => Replica::bare(&plan),
                false => Replica::begun(&plan, &mut boards),
            };
            (replica, reader)
        }
        Some(&segment) => {
            let opened = replica::open(&disk, segment).and_then(|(image, reader)| {
                let is_last = images.usable.last() == Some(&segment);
                let shown = (!is_last).then_some(&mut boards);
                Ok((Replica::restored(&plan, &image, shown)?, reader))
            });
            found.from = Some(segment);
            opened.map_err(|why| Fault::Image(image::name(segment), why))?
        }
    };
    let mut progress = Progress::new();
    let mut boundary = reader.boundary();
    while let Some(record) = reader.record().map_err(trouble)? {
        let here = reader.boundary().segment;
        for segment in boundary.segment..here {
            if found.from.is_none_or(|from| segment > from) && images.usable.contains(&segment) {
                let there = Boundary { segment, ..boundary };
                found.images += u64::from(images.compare(&disk, &plan, &replica, there)?);
            }
        }
        replica.record(&record).map_err(Fault::Differs)?;
        boundary = reader.boundary();
        progress.tell(&reader, replica.rerun().done().commands);
    }
    found.done = replica.rerun().done();
    found.tail = Some(reader.tail().map_err(trouble)?);
    found.unfit = images.unfit;
    match images.damaged {
        Some((name, why)) => Err(Fault::Image(name, why)),
        None => Ok(found),
    }
}

/// What was found.
#[derive(Default)]
struct Found {
    done: Done,
    tail: Option<Tail>,
    /// Behind which segment's image it began.
    from: Option<u64>,
    /// How many images are what was made again.
    images: u64,
    /// Images that were not looked at, and why.
    unfit: Vec<String>,
}

/// The images of a journal.
struct Images {
    /// Behind which segments there is one that this build and configuration can make again.
    usable: Vec<u64>,
    /// Of others, in words: they are not compared.
    unfit: Vec<String>,
    /// The first one that is not what was written.
    damaged: Option<(String, Unusable)>,
}

impl Images {
    fn of(disk: &dyn Disk, plan: &Plan) -> std::io::Result<Self> {
        let mut images = Self { usable: Vec::new(), unfit: Vec::new(), damaged: None };
        for segment in image::list(disk)? {
            let name = image::name(segment);
            match replica::open(disk, segment).and_then(|(image, _)| plan.fits(&image.head)) {
                Ok(()) => images.usable.push(segment),
                Err(why @ (Unusable::Unfit(_) | Unusable::OtherLayout(_))) => {
                    images.unfit.push(format!("{name} was not compared: {why}"));
                }
                // A venue at work takes old ones away.
                Err(Unusable::Disk(error)) if error.kind() == ErrorKind::NotFound => {}
                Err(why) => drop(images.damaged.get_or_insert((name, why))),
            }
        }
        Ok(images)
    }

    /// Whether the image that stands here is what is made here again; `false` if it is gone.
    fn compare(
        &self,
        disk: &dyn Disk,
        plan: &Plan,
        replica: &Replica<'_>,
        boundary: Boundary,
    ) -> Result<bool, Fault> {
        let name = image::name(boundary.segment);
        let there = match Image::read(disk, boundary.segment) {
            Ok(there) => there,
            Err(Unusable::Disk(error)) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(why) => return Err(Fault::Image(name, why)),
        };
        let here = replica.image(plan, boundary);
        let differs = |what: &str| {
            let what = format!("{name} is not how the market stood there: {what} differs");
            Err(Fault::Differs(Difference { after: boundary.last, what }))
        };
        for (there, here) in there.parts.iter().zip(&here.parts) {
            if there != here {
                return differs(&format!("the part of the {}", here.kind.name()));
            }
        }
        match (Head { build: here.head.build.clone(), ..there.head }) == here.head {
            true => Ok(true),
            false => differs("its head"),
        }
    }
}

/// The journal's own folder, whichever of the two was named.
pub fn journal(dir: &Path) -> PathBuf {
    let below = dir.join(kept::FOLDER);
    if below.is_dir() { below } else { dir.to_owned() }
}

fn words(found: &Found) -> Vec<String> {
    let Done { commands, events, digests, lives, .. } = found.done;
    let mut lines = vec![match found.from {
        None => {
            format!(
                "{commands} commands in {lives} lives, {events} events: {digests} digests agree"
            )
        }
        Some(segment) => format!(
            "from {}: {commands} commands behind it, {events} events in all: {digests} digests agree",
            image::name(segment)
        ),
    }];
    if found.images > 0 {
        lines.push(format!("{} images are byte for byte what was made again", found.images));
    }
    lines.extend(found.unfit.iter().map(|line| format!("note: {line}")));
    let Some(tail) = &found.tail else { return lines };
    match &tail.torn {
        Some(torn) => lines
            .push(format!("note: {torn}; a venue that starts cuts them, nobody was told of them")),
        None if tail.closed => {}
        None => lines.push(
            "note: the last life was not ended as asked; it is whole as far as it goes".into(),
        ),
    }
    lines
}
