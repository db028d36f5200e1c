//! How the connection to the server stands: as it was seen last, and since when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Client, Event};

use super::super::{BusError, BusStanding, Down, MESSAGE_BYTES_MAX};

/// The connection.
pub(super) struct Link {
    /// As [`Seen::down`] says, to be read in passing.
    is_up: AtomicBool,
    seen: Mutex<Seen>,
    changed: Condvar,
}

struct Seen {
    /// Since when, and why.
    down: Option<(Instant, Box<str>)>,
    /// Why the last attempt to connect came to nothing.
    trouble: Option<Box<str>>,
    complaint: Option<Box<str>>,
    reconnects: u64,
}

impl Link {
    pub fn new() -> Self {
        let seen = Seen {
            down: Some((Instant::now(), "it is connecting".into())),
            trouble: None,
            complaint: None,
            reconnects: 0,
        };
        Self { is_up: AtomicBool::new(false), seen: Mutex::new(seen), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it carries.
    ///
    /// # Errors
    /// Why not.
    pub fn is_up(&self) -> Result<(), BusError> {
        if self.is_up.load(Ordering::Acquire) {
            return Ok(());
        }
        match &self.lock().down {
            Some((_, why)) => Err(BusError::Down(why.clone())),
            None => Ok(()),
        }
    }

    /// Waits until it is up; else says why it is not.
    pub fn wait(&self, patience: Duration) -> Result<(), Box<str>> {
        let seen =
            self.changed.wait_timeout_while(self.lock(), patience, |seen| seen.down.is_some());
        match &seen.unwrap_or_else(PoisonError::into_inner).0.down {
            Some((_, why)) => Err(why.clone()),
            None => Ok(()),
        }
    }

    /// How it stands, but for what is counted elsewhere.
    pub fn standing(&self) -> BusStanding {
        let seen = self.lock();
        let down = seen.down.as_ref();
        BusStanding {
            down: down.map(|(since, why)| Down { span: since.elapsed(), why: why.clone() }),
            complaint: seen.complaint.clone(),
            reconnects: seen.reconnects,
            ..BusStanding::default()
        }
    }

    /// What the client told. Returns how many messages were lost that had come.
    pub fn note(&self, event: &Event) -> u64 {
        match event {
            Event::ClientError(error) => self.lock().trouble = Some(said(&error.to_string())),
            Event::ServerError(error) => self.lock().complaint = Some(said(&error.to_string())),
            Event::SlowConsumer(_) => return 1,
            _ => {}
        }
        0
    }

    /// Looks at the client. Returns whether it went down just now.
    pub fn look(&self, client: &Client) -> bool {
        let why: Option<Box<str>> = match (client.connection_state(), client.max_payload()) {
            (State::Connected, MESSAGE_BYTES_MAX..) => None,
            (State::Connected, most) => Some(
                format!(
                    "the server takes messages of {most} bytes at most, and {MESSAGE_BYTES_MAX} are \
                     needed: set `max_payload` in its configuration"
                )
                .into(),
            ),
            (State::Pending, _) => Some("there is no connection yet".into()),
            (State::Disconnected, _) => Some("the connection was lost".into()),
        };
        let connects = client.statistics().connects.load(Ordering::Relaxed);
        let mut seen = self.lock();
        seen.reconnects = connects.saturating_sub(1);
        let was_up = seen.down.is_none();
        seen.down = why.map(|why| {
            let since = seen.down.as_ref().map_or_else(Instant::now, |(since, _)| *since);
            let why = match &seen.trouble {
                Some(trouble) => format!("{why}; the last attempt: {trouble}").into(),
                None => why,
            };
            (since, why)
        });
        let is_up = seen.down.is_none();
        if is_up {
            seen.trouble = None;
        }
        self.is_up.store(is_up, Ordering::Release);
        self.changed.notify_all();
        was_up && !is_up
    }

    /// It is over.
    pub fn end(&self) {
        let mut seen = self.lock();
        seen.down = Some((Instant::now(), "it has ended".into()));
        self.is_up.store(false, Ordering::Release);
        self.changed.notify_all();
    }
}

/// What a server says may be long.
fn said(text: &str) -> Box<str> {
    text.chars().take(300).collect::<String>().into()
}
