//! How a venue stands to the core that it follows, as whoever follows tells it. The edge knows no bus; it asks, and words
//! what it is told for `/metrics` and `/readyz`.

use std::sync::Arc;
use std::time::Duration;

/// How a core is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowingNote {
    /// Which life of the market is shown.
    pub epoch: u32,
    /// The last command that was run again here.
    pub command: u64,
    /// The last command that the core was heard to have; `None` as long as nothing was heard.
    pub core: Option<u64>,
    /// How long ago anything was heard of it.
    pub silence: Option<Duration>,
    /// Whether what is shown is near enough to what the core has: new clients are welcome.
    pub is_fresh: bool,
    /// Records that came.
    pub records: u64,
    /// Messages that came before what is before them, and were asked for again.
    pub gaps: u64,
    /// Questions to the core, and those that were not answered in time.
    pub asked: u64,
    /// See `asked`.
    pub unanswered: u64,
    /// What was submitted here and passed on.
    pub passed_on: u64,
    /// Commands whose events were forgotten, for want of room, before it was known whether they were submitted here: the
    /// oldest first. One that was is told to be unknown.
    pub forgotten: u64,
    /// What came over the bus, or was to go there, and was lost by this machine for want of room.
    pub lost: u64,
    /// How often the bus came up again.
    pub reconnects: u64,
}

impl FollowingNote {
    /// How many commands the core has that are not shown here, as far as is known.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.core.map_or(0, |core| core.saturating_sub(self.command))
    }
}

/// Asks how it stands.
pub type AskFollowing = Arc<dyn Fn() -> FollowingNote + Send + Sync>;
