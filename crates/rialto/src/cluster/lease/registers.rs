//! The registers that there are: a row in the database of the accounts, and a key of the bus' own server.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use feed::journal::copy::words::Machine;
use store::Random;

use super::{ANSWER_MAX, Register, Run, hex, machine};
use crate::config::{Config, LeasePlan};
use crate::run::{Failure, failed};

#[cfg(test)]
mod tests;

/// The file beside a journal that says what its machine is called among machines: whoever takes the journal away, takes
/// that away too.
const FILE: &str = "machine";

/// The register that is configured, if one is.
///
/// # Errors
/// [`Failure`] if it cannot be as it is configured. That it does not answer is none.
pub fn configured(config: &Config) -> Result<Option<Box<dyn Register>>, Failure> {
    let Some(plan) = &config.bus else { return Ok(None) };
    let Some(lease) = plan.lease else { return Ok(None) };
    match lease {
        LeasePlan::Postgres => {
            let accounts = config.accounts.as_ref().expect("the configuration was checked");
            let file = accounts.password_file.as_deref();
            let row = accounts.database.lease(file, &plan.market, ANSWER_MAX);
            let row =
                row.map_err(failed(format_args!("use the lease in {}", accounts.database)))?;
            Ok(Some(Box::new(row)))
        }
        LeasePlan::JetStream => super::super::bus::register(plan).map(Some),
    }
}

impl Register for store::LeaseRow {
    fn name(&self) -> String {
        self.to_string()
    }

    fn read(&mut self) -> Result<Option<(u64, String)>, String> {
        self.read().map_err(|error| error.to_string())
    }

    fn replace(&mut self, revision: Option<u64>, text: &str) -> Result<Option<u64>, String> {
        self.replace(revision, text).map_err(|error| error.to_string())
    }
}

/// What this machine is called among machines: drawn once, and kept beside its journal, in this folder, which is there.
///
/// # Errors
/// [`Failure`] if the file cannot be read or written, or holds something else.
pub fn this_machine(journal: &Path) -> Result<Machine, Failure> {
    match read(&journal.join(FILE))? {
        Some(machine) => Ok(machine),
        None => another_machine(journal),
    }
}

/// The same, if it was drawn, taken away until it is [named] again: who ends before that is another machine afterwards.
///
/// # Errors
/// [`Failure`] if the file cannot be read or moved, or holds something else.
pub fn set_aside(journal: &Path) -> Result<Option<Machine>, Failure> {
    let file = journal.join(FILE);
    let machine = read(&file)?;
    if machine.is_some() {
        let gone = std::fs::remove_file(&file).and_then(|()| File::open(journal)?.sync_all());
        gone.map_err(failed(format_args!("take {} away for a while", file.display())))?;
    }
    Ok(machine)
}

/// Draws what this machine is called from now on: what it had promised by its name before it does not have any more.
///
/// # Errors
/// [`Failure`] if the file cannot be written.
pub fn another_machine(journal: &Path) -> Result<Machine, Failure> {
    named(journal, this_run()?)
}

/// What this run of the program is told by from others.
///
/// # Errors
/// [`Failure`] if the system has no randomness to give.
pub fn this_run() -> Result<Run, Failure> {
    let mut drawn = Run::default();
    Random::system().fill(&mut drawn).map_err(failed("draw what this machine is called"))?;
    Ok(drawn)
}

/// Keeps what this machine is called, whole and durably or not at all.
///
/// # Errors
/// [`Failure`] if the file cannot be written.
pub fn named(journal: &Path, machine: Machine) -> Result<Machine, Failure> {
    let (file, part) = (journal.join(FILE), journal.join(format!("{FILE}.part")));
    let write = || -> io::Result<()> {
        let mut written = File::create(&part)?;
        writeln!(written, "{}", hex(machine))?;
        written.sync_all()?;
        std::fs::rename(&part, &file)?;
        File::open(journal)?.sync_all()
    };
    let what = || format!("write to {} what this machine is called", file.display());
    write().map_err(failed(what()))?;
    Ok(machine)
}

fn read(file: &Path) -> Result<Option<Machine>, Failure> {
    let what = || format!("learn from {} what this machine is called", file.display());
    match std::fs::read_to_string(file) {
        Ok(text) => machine(text.trim_end()).map(Some).ok_or_else(|| {
            let what = what();
            Failure(format!(
                "failed to {what}: it holds something else; remove it, and another name is drawn"
            ))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(what())(error)),
    }
}
