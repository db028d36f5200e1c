//! What the native API says of connections: of those that are open, and of why others ended. No key and no secret is
//! among it.

use serde::Serialize;
use utoipa::ToSchema;

/// A connection that is open.
#[derive(Debug, Serialize, ToSchema)]
pub struct Connection {
    /// Its number, from 1 since the server was started.
    #[schema(example = "17")]
    pub id: String,
    /// What is spoken on it.
    pub dialect: String,
    /// The other end, as this server sees it.
    #[schema(example = "127.0.0.1:50514")]
    pub address: String,
    /// Whose it is. `null` as long as nobody has shown a key.
    #[schema(required)]
    pub holder: Option<Holder>,
    /// When it became a socket, by the wall's clock.
    #[schema(format = DateTime, example = "2026-01-05T09:00:00.000000Z")]
    pub opened_at: String,
    /// Whether it is being ended, or was told that it will be.
    pub leaves: bool,
    /// How many subscriptions it has.
    pub subscriptions: usize,
    /// What waits for it.
    pub waiting: Waiting,
    /// How long that which waits longest has waited, in milliseconds; 0 if nothing waits.
    pub waits_ms: u64,
    /// The longest that anything waited over the last minute, in milliseconds.
    pub lag_ms: u64,
    /// What has left for it.
    pub sent: Sent,
    /// The first 1,000 of its subscriptions, by the client's own names, in alphabetical order. `null` in a list of
    /// connections.
    #[schema(required)]
    pub listens_to: Option<Vec<String>>,
}

/// Whose a connection is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Holder {
    /// The number by which the account's owner is known.
    #[schema(example = 1001)]
    pub user_id: u64,
    /// What people call it.
    #[schema(required, example = "alice")]
    pub name: Option<String>,
    /// The number of the credential that was shown, as `rialto keys list` tells it.
    #[schema(required, example = "c3")]
    pub credential: Option<String>,
}

/// Bytes that wait for a connection, by what happens to them if they become too many.
#[derive(Debug, Serialize, ToSchema)]
pub struct Waiting {
    /// All of them.
    pub bytes: usize,
    /// Answers, pings, pongs: they pass by all that is told, and a client that leaves too many of them is not read from.
    pub answers: usize,
    /// Of topics of which nothing may be dropped: the connection ends (`slow_consumer`).
    pub lossless: usize,
    /// Of topics that can begin anew: they are dropped, and the topics told whole.
    pub restart: usize,
    /// Of topics with a latest value: one frame of each, the newest.
    pub latest: usize,
}

/// What has left for a connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sent {
    /// Frames of what it listens to.
    pub frames: u64,
    /// Bytes of all kinds, as they left: under TLS, encrypted.
    pub bytes: u64,
}

/// Connections.
#[derive(Debug, Serialize, ToSchema)]
pub struct Connections {
    /// By number.
    pub connections: Vec<Connection>,
    /// Ask again with `after` this, as there are more. `null` if there are none.
    #[schema(required, example = "117")]
    pub next: Option<String>,
}

/// Who decided that a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decider {
    /// The client.
    Client,
    /// This server.
    Server,
    /// Neither: the network failed.
    Network,
}

/// Why a connection ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct Goodbye {
    /// The number that the connection had.
    #[schema(example = "17")]
    pub id: String,
    /// What was spoken on it.
    pub dialect: String,
    /// The other end, as this server saw it.
    #[schema(example = "127.0.0.1:50514")]
    pub address: String,
    /// Whose it was. `null` if nobody had shown a key.
    #[schema(required)]
    pub holder: Option<Holder>,
    /// When it became a socket, by the wall's clock.
    #[schema(format = DateTime, example = "2026-01-05T09:00:00.000000Z")]
    pub opened_at: String,
    /// When it had ended, by the wall's clock.
    #[schema(format = DateTime, example = "2026-01-05T09:30:00.000000Z")]
    pub ended_at: String,
    /// Who decided.
    pub decided_by: Decider,
    /// Why, for programs: as `reason` of `rialto_goodbyes_total` in `/metrics`.
    #[schema(example = "slow_consumer")]
    pub reason: &'static str,
    /// Why, for people.
    pub explanation: String,
    /// What to do about it.
    pub remedy: String,
    /// The close code that was said first. `null` if the line was dropped without one.
    #[schema(required, example = 1008)]
    pub code: Option<u16>,
    /// How many subscriptions it had when its end was decided.
    pub subscriptions: usize,
    /// The last event that its loop had told of by then.
    #[schema(example = "8123")]
    pub last_event: String,
    /// The oldest event of which a frame still waited. `null` if none did.
    #[schema(required, example = "8100")]
    pub oldest_unsent_event: Option<String>,
    /// What waited for it when its end was decided.
    pub waiting: Waiting,
    /// For how long it had taken nothing of that, in milliseconds.
    pub stalled_ms: u64,
    /// The longest that anything waited over its last minute, in milliseconds.
    pub lag_ms: u64,
    /// What had left for it.
    pub sent: Sent,
}

/// Why connections ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct Goodbyes {
    /// The newest first.
    pub goodbyes: Vec<Goodbye>,
}
