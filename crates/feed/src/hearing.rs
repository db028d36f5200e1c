//! Hearing a recording: what was recorded, entry by entry, goes through the connector of its dialect, which makes events of
//! it, as it did when it was recorded.
//!
//! What a connector does not understand ends the connection in a recorder, and does here: until the next one opens
//! nothing is told. How often that happened, and why first, is counted for whoever must say it.

#[cfg(test)]
mod tests;

use dialects::{Connector, Errand, Heard};

use crate::recording::{Entry, Frame, What};

/// A recording that is being heard.
pub struct Hearing {
    connector: Box<dyn Connector>,
    /// Whether a connection is open, and understood so far.
    hears: bool,
    /// What a connector asks for was done when it was recorded: nobody does it again.
    errands: Vec<Errand>,
    misheard: u64,
    first: Option<String>,
    gaps: u64,
    heard_before: bool,
}

impl Hearing {
    /// Hears with this connector, which was made for the recording's own listings.
    #[must_use]
    pub fn with(connector: Box<dyn Connector>) -> Self {
        Self {
            connector,
            hears: false,
            errands: Vec::new(),
            misheard: 0,
            first: None,
            gaps: 0,
            heard_before: false,
        }
    }

    /// Takes in the next entry, and appends what it tells.
    pub fn take(&mut self, entry: &Entry, heard: &mut Vec<Heard>) {
        let outcome = match &entry.what {
            What::Opened { .. } => {
                self.connector.opened(&mut self.errands);
                self.hears = true;
                Ok(())
            }
            What::Heard(Frame::Text(text)) if self.hears => {
                self.connector.message(text, heard, &mut self.errands)
            }
            What::Fetched { path, status: 200, body } if self.hears => {
                self.connector.fetched(path, body, heard, &mut self.errands)
            }
            What::Gap { .. } => {
                // Before the first word nothing can be missing between two.
                self.gaps += u64::from(self.heard_before);
                self.hears = false;
                Ok(())
            }
            What::Closed { .. } => {
                self.hears = false;
                Ok(())
            }
            _ => Ok(()),
        };
        self.heard_before |= !heard.is_empty();
        self.errands.clear();
        if let Err(misheard) = outcome {
            self.hears = false;
            self.misheard += 1;
            let first = || format!("entry {}: {misheard}", entry.sequence);
            self.first.get_or_insert_with(first);
        }
    }

    /// How often something may be missing between two words that were heard.
    #[must_use]
    pub const fn gaps(&self) -> u64 {
        self.gaps
    }

    /// How often the connector did not understand, and what it was first.
    #[must_use]
    pub fn misheard(&self) -> Option<(u64, &str)> {
        self.first.as_deref().map(|first| (self.misheard, first))
    }
}
