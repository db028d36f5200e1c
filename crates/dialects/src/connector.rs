//! The seam between the house and a dialect's client half: a venue is listened to, and what it says becomes
//! events. A connector does no I/O; it asks for errands and is told their outcome.

use core::fmt;

use model::{Candle, EventBody, InstrumentId, Time};

/// The client half of a dialect.
pub trait Connector: Send {
    /// The connection is open: what is to be said and fetched first. Forgets all state of an earlier one.
    fn opened(&mut self, errands: &mut Vec<Errand>);

    /// The venue said something.
    ///
    /// # Errors
    /// [`Misheard`] if it makes no sense; the connection should be made anew, as the book may be wrong.
    fn message(
        &mut self,
        text: &[u8],
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard>;

    /// An [`Errand::Fetch`] came back with status 200 and this body.
    ///
    /// # Errors
    /// [`Misheard`] if it makes no sense.
    fn fetched(
        &mut self,
        path: &str,
        body: &[u8],
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard>;

    /// Appends the instruments whose book, as it was told last, does not follow from the venue's words any more: it is being
    /// joined to them anew, and what is told of it next is the whole of it. For whoever shows books meanwhile.
    fn unjoined(&self, instruments: &mut Vec<InstrumentId>) {
        let _ = instruments;
    }

    /// The bar that the venue told last of an instrument, of venues that tell bars: no event comes of one.
    fn bar(&self, instrument: InstrumentId) -> Option<Candle> {
        let _ = instrument;
        None
    }
}

/// What a connector asks its socket half to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Send this text on the socket.
    Say(Vec<u8>),
    /// `GET` this path of the venue's HTTP half and report it by [`Connector::fetched`]. If it cannot be had,
    /// even by asking again, the connection is to be made anew.
    Fetch(String),
    /// Make the connection anew soon: the venue asks for it. What it says until then still counts.
    Reconnect,
}

/// An event as a venue tells it, before it is numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// The venue's own stamp.
    pub time: Time,
    /// What happened.
    pub body: EventBody,
}

/// How much of what was wrong is worded.
const WORDS_CHARS_MAX: usize = 240;

/// What the venue said makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misheard {
    /// What was wrong, fit to follow "failed to understand the venue: ".
    pub what: String,
}

impl Misheard {
    /// Words what was wrong, cut where a venue's own words run on and on.
    pub(crate) fn new(what: fmt::Arguments<'_>) -> Self {
        let mut what = what.to_string();
        if let Some((end, _)) = what.char_indices().nth(WORDS_CHARS_MAX) {
            what.truncate(end);
            what.push('…');
        }
        Self { what }
    }
}

impl fmt::Display for Misheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to understand the venue: {}", self.what)
    }
}

impl core::error::Error for Misheard {}
