//! How the journal stands, as whoever has one tells it. The edge knows no journal; it asks, and words what it is
//! told for `/metrics` and the native API.

use std::sync::Arc;

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
}

/// Asks how it stands.
pub type AskJournal = Arc<dyn Fn() -> JournalNote + Send + Sync>;
