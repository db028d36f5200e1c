//! Who may be the core, where machines decide that by themselves: one entry in a register that all of them reach, which
//! is only replaced by whoever knows what it was (PostgreSQL, or a key-value of NATS).
//!
//! The core replaces the entry each second, and writes in it who its *heir* is: a standby that has what counts. When
//! the heir has not heard of the core for long, and the entry has not changed for as long, it replaces it by one in its
//! own name, and is the core. Nobody else does so. The core for its part writes nothing any more once its word is too
//! old: that is *fencing*, and it asks no other machine's clock.
//!
//! The register may be away. As long as the heir answers the core's questions, it promises by each answer to wait, and
//! that is as good as the register: nobody else could take over. So a market trades on without its database. Only
//! a core that reaches neither ends itself.
//!
//! ```text
//! core     it is the core until        5 s after it began to write its last entry, or to ask what its heir answered
//! heir     it takes over not before    6 s after it saw the entry change, or heard of the core
//! ```
//!
//! Spans are measured by each machine for itself, by a clock that also runs while the machine sleeps. What is decided
//! stands in [`keeper`] and [`heir`], which know no clock and do nothing; [`tenure`] and the standby do it.

pub mod heir;
pub mod keeper;
pub mod registers;
pub mod tenure;
pub mod waiting;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use std::time::Duration;

use feed::journal::copy::words::Machine;
use serde::{Deserialize, Serialize};

/// For so long a core's word is good, from when it began to give it.
pub const LASTS: Duration = Duration::from_secs(5);
/// For so long whoever takes over must have heard nothing. The second above [`LASTS`] is for clocks that run unevenly.
pub const GONE: Duration = Duration::from_secs(6);
/// How long a register may take to answer.
pub const ANSWER_MAX: Duration = Duration::from_millis(800);
/// The longest entry that is read.
const ENTRY_BYTES_MAX: usize = 1_024;

/// What one run of a machine is told by from others.
pub type Run = [u8; 16];

/// What is in the register: who is the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The core.
    pub holder: Machine,
    /// How often that has changed, or begun anew: no two cores write in the same one.
    pub term: u64,
    /// Which process of it: drawn by each, so that no two take one entry for their own.
    pub run: Run,
    /// Who may take over.
    pub heir: Option<Machine>,
    /// What the core is called, for people.
    pub name: String,
}

/// An entry, by the number that its register gave it: each one is higher than those before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number.
    pub revision: u64,
    /// What it says.
    pub lease: Lease,
}

/// A place with one entry that all machines of a market reach.
pub trait Register: Send {
    /// What it is, for people.
    fn name(&self) -> String;

    /// The number of the entry and its text, if there is one. May be a while old.
    ///
    /// # Errors
    /// Why it does not say, within [`ANSWER_MAX`].
    fn read(&mut self) -> Result<Option<(u64, String)>, String>;

    /// Replaces the entry of this number, or puts the first one there. Its number; `None` if by now there is another entry.
    ///
    /// # Errors
    /// Why it does not say, within [`ANSWER_MAX`]. It may have been done, or be done later.
    fn replace(&mut self, revision: Option<u64>, text: &str) -> Result<Option<u64>, String>;
}

/// A lease as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    holder: String,
    term: u64,
    run: String,
    heir: Option<String>,
    name: String,
}

impl Lease {
    /// Its text: also for whoever looks at the register with other tools.
    pub fn to_text(&self) -> String {
        let written = Written {
            holder: hex(self.holder),
            term: self.term,
            run: hex(self.run),
            heir: self.heir.map(hex),
            name: self.name.clone(),
        };
        serde_json::to_string(&written).expect("texts and a number")
    }

    /// What a text says.
    ///
    /// # Errors
    /// That it is none of ours.
    pub fn of_text(text: &str) -> Result<Self, String> {
        let foreign = || "its entry is none that rialto writes".to_owned();
        if text.len() > ENTRY_BYTES_MAX {
            return Err(foreign());
        }
        let written: Written = serde_json::from_str(text).map_err(|_| foreign())?;
        let heir = written.heir.map(|heir| machine(&heir).ok_or_else(foreign)).transpose()?;
        let holder = machine(&written.holder).ok_or_else(foreign)?;
        let run = machine(&written.run).ok_or_else(foreign)?;
        Ok(Self { holder, term: written.term, run, heir, name: written.name })
    }
}

/// The entry that a register holds.
///
/// # Errors
/// Why it is not known.
pub fn read(register: &mut dyn Register) -> Result<Option<Entry>, String> {
    let found = register.read()?;
    found.map(|(revision, text)| Ok(Entry { revision, lease: Lease::of_text(&text)? })).transpose()
}

/// A machine as it is written.
pub fn hex(machine: Machine) -> String {
    machine.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The machine that is written so.
pub fn machine(text: &str) -> Option<Machine> {
    let mut machine = Machine::default();
    if text.len() != 2 * machine.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in machine.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(machine)
}
