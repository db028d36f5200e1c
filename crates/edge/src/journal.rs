//! How the journal stands, as whoever has one tells it. The edge knows no journal; it asks, and words what it is
//! told for `/metrics` and the native API.

use std::sync::Arc;
use std::time::Duration;

use model::Time;

/// How a journal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalNote {
    /// When something counts as durable: `sync`, `batch` or `none`.
    pub durability: &'static str,
    /// Which life of the market this is.
    pub epoch: u32,
    /// Commands up to this one are durable.
    pub commands: u64,
    /// How many events the last digest stands for.
    pub events: u64,
    /// It.
    pub digest: u64,
    /// Bytes that were written in this life.
    pub bytes: u64,
    /// Records that were.
    pub records: u64,
    /// How often the disk was asked to make them durable.
    pub syncs: u64,
    /// Why nothing is written any more.
    pub failure: Option<String>,
    /// How the one stands who follows it and takes images.
    pub follower: FollowerNote,
}

/// How the follower of a journal stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowerNote {
    /// The last image.
    pub image: Option<ImageNote>,
    /// Images that were taken in this life.
    pub images: u64,
    /// Why the last one was not taken, if the next may be.
    pub failure: Option<String>,
    /// What is done again is not what was done: no image is taken any more.
    pub alarm: Option<String>,
}

/// An image of how everything stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageNote {
    /// The segment of the journal that it stands behind.
    pub segment: u64,
    /// The last command in it.
    pub command: u64,
    /// How long it is.
    pub bytes: u64,
    /// When it was taken in this life, by the wall's clock; `None` if it was before.
    pub taken_at: Option<Time>,
    /// How long that took, what is behind the one before included.
    pub took: Duration,
}

/// Asks how it stands.
pub type AskJournal = Arc<dyn Fn() -> JournalNote + Send + Sync>;
