//! A client that listens to the trades of a venue, in a thread of its own, and says when it read each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bench::serving::Venue;
use crate::bench::sockets::{Heard, Plan, Sockets};
use crate::bench::target::Target;

const CHANNEL: &str = "live_trades_btcusd";
const SUBSCRIBED: &[u8] = b"bts:subscription_succeeded";
/// In every trade, and in nothing else.
const TRADE: &[u8] = b"\"event\":\"trade\"";
/// How long opening, or a trade, may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Trades that wait to be asked for. One is made at a time.
const TRADES_MAX: usize = 16;
/// How often it is looked whether all is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The client; it parts when dropped.
pub struct Listener {
    trades: Receiver<u64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Subscribes, and waits until that is acknowledged.
    pub fn start(venue: &Venue) -> Result<Self, String> {
        let plan = Plan {
            target: Target::find(&format!("ws://{}/bitstamp", venue.address))?,
            sockets: 1,
            opening_max: 1,
            timeout: PATIENCE,
            say: vec![json!({"event": "bts:subscribe", "data": {"channel": CHANNEL}}).to_string()],
        };
        let mut sockets = Sockets::new(plan)?;
        let mut is_subscribed = false;
        let mut hear = |heard: Heard<'_>| is_subscribed |= contains(heard.payload, SUBSCRIBED);
        sockets.open(&mut hear, &mut |_| ())?;
        let ends = Instant::now() + PATIENCE;
        while !is_subscribed {
            if Instant::now() >= ends {
                return Err("failed to listen to trades: nobody acknowledged it".to_owned());
            }
            let mut hear = |heard: Heard<'_>| is_subscribed |= contains(heard.payload, SUBSCRIBED);
            sockets.turn_for(LOOK_EVERY, &mut hear)?;
        }
        let (tell, trades) = sync_channel(TRADES_MAX);
        let over = Arc::<AtomicBool>::default();
        let ends = Arc::clone(&over);
        let thread = thread::spawn(move || listen(sockets, &tell, &ends));
        Ok(Self { trades, over, thread: Some(thread) })
    }

    /// When the next trade was read, in ns since 1970 by the wall's clock.
    pub fn trade(&self) -> Result<u64, String> {
        let read = self.trades.recv_timeout(PATIENCE);
        read.map_err(|_| "failed to listen to trades: one did not come".to_owned())
    }

    /// Whether a trade was read that nobody asked for.
    pub fn has_more(&self) -> bool {
        self.trades.try_recv().is_ok()
    }
}

fn listen(mut sockets: Sockets, tell: &SyncSender<u64>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let mut hear = |heard: Heard<'_>| {
            if contains(heard.payload, TRADE) {
                // Whoever waited for it may be gone; and of more than one none is.
                let _told = tell.try_send(heard.at_ns);
            }
        };
        // A trade that is waited for and does not come is told.
        if sockets.turn(Instant::now() + LOOK_EVERY, &mut hear).is_err() {
            return;
        }
    }
}

fn contains(payload: &[u8], words: &[u8]) -> bool {
    payload.windows(words.len()).any(|it| it == words)
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say that was not said.
            let _ended = thread.join();
        }
    }
}
