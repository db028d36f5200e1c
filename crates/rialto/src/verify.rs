//! `rialto verify`: runs a journal again and compares every digest in it. It changes nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use feed::journal::disk::Folder;
use feed::journal::reader::{Reader, Tail, Trouble};
use feed::source::engine::rerun::{Difference, Done, Rerun};

use crate::aloud;
use crate::config::Config;
use crate::kept::{self, Progress, began};
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
}

/// Why a journal is not what it should be.
enum Fault {
    /// It cannot be read.
    Unreadable(Failure),
    /// It is not what was written.
    Damaged(Trouble),
    /// It does not do the same again.
    Differs(Difference),
}

/// Runs the journal again, says what was found, and ends with what that means.
pub fn run(options: &Verify) -> ExitCode {
    match verify(options) {
        Ok((done, tail)) => {
            for line in found(&done, &tail) {
                aloud::answer(line);
            }
            ExitCode::SUCCESS
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

fn verify(options: &Verify) -> Result<(Done, Tail), Fault> {
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
    let opened = began(&disk).map_err(trouble)?.ok_or_else(nothing)?;
    let mut reader = Reader::open(&disk).map_err(trouble)?.ok_or_else(nothing)?;
    // What the crowd asked for is in the journal; it need not be asked again.
    let mut rerun = Rerun::new(config.market_without_crowd(opened.time));
    let mut events = Vec::new();
    let mut progress = Progress::new();
    while let Some(record) = reader.record().map_err(trouble)? {
        for entry in &record.entries {
            rerun.entry(entry, &mut events).map_err(Fault::Differs)?;
        }
        events.clear();
        progress.tell(&reader, rerun.done().commands);
    }
    Ok((rerun.done(), reader.tail().map_err(trouble)?))
}

/// The journal's own folder, whichever of the two was named.
pub fn journal(dir: &Path) -> PathBuf {
    let below = dir.join(kept::FOLDER);
    if below.is_dir() { below } else { dir.to_owned() }
}

fn found(done: &Done, tail: &Tail) -> Vec<String> {
    let Done { commands, events, digests, lives, .. } = *done;
    let mut lines = vec![format!(
        "{commands} commands in {lives} lives, {events} events: {digests} digests agree"
    )];
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
