//! The registers that there are: a row in the database of the accounts, and a key of the bus' own server.

use std::path::Path;

use feed::journal::copy::words::Machine;
use store::Random;

use super::{ANSWER_MAX, Register, hex, machine};
use crate::config::{Config, LeasePlan};
use crate::run::{Failure, failed};

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
            let row = accounts.database.lease(file, &plan.market);
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
        self.read(ANSWER_MAX).map_err(|error| error.to_string())
    }

    fn replace(&mut self, revision: Option<u64>, text: &str) -> Result<Option<u64>, String> {
        self.replace(revision, text, ANSWER_MAX).map_err(|error| error.to_string())
    }
}

/// What this machine is called among machines: drawn once, and kept beside its journal, in this folder, which is there.
///
/// # Errors
/// [`Failure`] if the file cannot be read or written, or holds something else.
pub fn this_machine(journal: &Path) -> Result<Machine, Failure> {
    let file = journal.join(FILE);
    let what = || format!("learn from {} what this machine is called", file.display());
    match std::fs::read_to_string(&file) {
        Ok(text) => machine(text.trim_end())
            .ok_or_else(|| Failure(format!("failed to {}: it holds something else", what()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => another_machine(journal),
        Err(error) => Err(failed(what())(error)),
    }
}

/// Draws what this machine is called from now on: what it had promised by its name before it does not have any more.
///
/// # Errors
/// [`Failure`] if the file cannot be written.
pub fn another_machine(journal: &Path) -> Result<Machine, Failure> {
    let file = journal.join(FILE);
    let what = || format!("write to {} what this machine is called", file.display());
    let mut drawn = Machine::default();
    Random::system().fill(&mut drawn).map_err(failed(what()))?;
    std::fs::write(&file, format!("{}\n", hex(drawn))).map_err(failed(what()))?;
    Ok(drawn)
}
