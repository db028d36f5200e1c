//! A client that places orders at times that are set in advance, while other things happen to the venue.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::bench::durable::client::Client;
use crate::bench::numbers::{Histogram, Shares};
use crate::bench::serving::Venue;

/// What an order is counted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the cut.
    Before = 0,
    /// From the cut until everybody is back.
    During = 1,
    /// Neither.
    After = 2,
}

/// Not counted yet.
const WARMING: u8 = Phase::After as u8;
/// No orders any more.
const STOPPED: u8 = 3;

/// The client, in a thread of its own.
pub struct Probe {
    phase: Arc<AtomicU8>,
    took: Arc<Mutex<[Histogram; 2]>>,
    thread: JoinHandle<Result<(), String>>,
}

impl Probe {
    /// Begins to place so many orders a second.
    pub fn start(venue: &Venue, orders: u64) -> Result<Self, String> {
        let mut client = Client::connect(venue, 0)?;
        let phase = Arc::new(AtomicU8::new(WARMING));
        let took = Arc::<Mutex<[Histogram; 2]>>::default();
        let (asked, heard) = (Arc::clone(&phase), Arc::clone(&took));
        let thread = thread::spawn(move || -> Result<(), String> {
            let began = Instant::now();
            for number in 0_u64.. {
                let due = began + Duration::from_nanos(number * 1_000_000_000 / orders);
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let phase = asked.load(Ordering::SeqCst);
                if phase == STOPPED {
                    break;
                }
                client.place()?;
                let mut heard = heard.lock().expect("nobody panics with it");
                if let Some(took) = heard.get_mut(usize::from(phase)) {
                    took.add(due.elapsed().as_micros() as u64);
                }
            }
            Ok(())
        });
        Ok(Self { phase, took, thread })
    }

    /// What orders that are due from now on are counted to.
    pub fn begin(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    /// Places no more. What orders took before and during, in µs from the times at which they were due.
    pub fn stop(self) -> Result<[Option<Shares>; 2], String> {
        self.phase.store(STOPPED, Ordering::SeqCst);
        self.thread
            .join()
            .map_err(|_| "failed to place orders: the thread panicked".to_owned())??;
        let took = self.took.lock().expect("nobody panics with it");
        Ok([0, 1].map(|phase| took[phase].shares()))
    }
}
