//! Limits on strangers: how many connections an address may hold, how fast it may open them, and how fast it may ask.
//!
//! An address stands for whoever has it. A host with IPv6 has a network of 64 bits to choose its addresses from, so there the
//! network counts ([`whose`]).
//! Time is passed in. What a refusal says is the dialect's business; what one session may do is in
//! `session`.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// What a listener allows. All of it can be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all, sockets and HTTP together; one more is closed at once.
    pub connections_max: usize,
    /// Connections from one address; one more is closed at once.
    pub connections_per_address_max: usize,
    /// New connections in all within a second; those that come faster wait in the system's queue for their turn.
    pub connections_per_second_max: u32,
    /// New connections of one address; one more is closed at once.
    pub connections_of_address: Rate,
    /// Connections that one key of a dialect may let in, whatever their addresses; one more is told so by its dialect, and
    /// ends.
    pub connections_per_key_max: u32,
    /// How long the other end's machine may say nothing at all, or take nothing of what is sent to it; then the line
    /// counts as broken. Seen to by TCP itself, whatever the dialect. Longer than any dialect waits for a client that
    /// reads nothing, so that those still get that dialect's goodbye.
    pub silence_max: Duration,
    /// The bytes of a request's head; more gets 431.
    pub head_bytes_max: usize,
    /// How long a request's head may take.
    pub head_time_max: Duration,
    /// The bytes of a request's body; more gets 413.
    pub body_bytes_max: usize,
    /// How long a request's body may take.
    pub body_time_max: Duration,
    /// Whether limits by address pass over loopback.
    pub loopback_exempt: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 100_000,
            connections_per_address_max: 1_000,
            connections_per_second_max: 2_000,
            connections_of_address: Rate { count: 200, per: Duration::from_secs(10) },
            connections_per_key_max: 1_000,
            silence_max: Duration::from_secs(120),
            head_bytes_max: 16 * 1024,
            head_time_max: Duration::from_secs(10),
            body_bytes_max: 64 * 1024,
            body_time_max: Duration::from_secs(10),
            loopback_exempt: true,
        }
    }
}

/// Whom limits by address count together: an IPv4 address, or a network of 64 bits of IPv6. An IPv4 address written as IPv6
/// is the IPv4 address.
#[must_use]
pub fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

/// The places that connections take, in all and by address.
#[derive(Debug)]
pub struct Seats {
    taken: AtomicUsize,
    taken_max: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    by_address_max: usize,
    loopback_exempt: bool,
}

impl Seats {
    /// As many as the limits say.
    #[must_use]
    pub fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            taken: AtomicUsize::new(0),
            taken_max: limits.connections_max,
            by_address: Mutex::default(),
            by_address_max: limits.connections_per_address_max,
            loopback_exempt: limits.loopback_exempt,
        })
    }

    /// A place for a connection from this address, or `None` if there is none. It is free again when the
    /// [`Seat`] is dropped.
    #[must_use]
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = whose(address);
        let counted = (!(self.loopback_exempt && address.is_loopback())).then_some(address);
        if let Some(address) = counted {
            let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let count = by_address.entry(address).or_insert(0);
            if *count >= self.by_address_max {
                return None;
            }
            *count += 1;
        }
        // From here on the seat gives back what was counted, whatever happens.
        let seat = Seat { seats: Arc::clone(self), address: counted };
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        if before >= self.taken_max { None } else { Some(seat) }
    }

    /// How many are taken now.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// One connection's place; dropping it frees the place.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    address: Option<IpAddr>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else { return };
        let mut by_address = self.seats.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }
}

/// So many requests within so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// Within how much time.
    pub per: Duration,
}

/// How many addresses a [`Turnstile`] remembers before it forgets those that have been quiet.
const ADDRESSES_MAX: usize = 65_536;

/// How long a [`Turnstile`] that remembers as many as it may rests between two looks at all of them.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// Lets each address, or whoever else, through so often, and no more: the generic cell rate algorithm, one
/// timestamp for each address and rate. A burst of the whole count is let through at once; after it, one each
/// `per / count`.
#[derive(Debug)]
pub struct Turnstile<K = IpAddr> {
    rates: Vec<Rate>,
    /// For each address and rate the moment at which its burst would be whole again.
    full_at: HashMap<K, Vec<Duration>>,
    /// When the quiet ones may next be looked for.
    sweep_at: Duration,
}

impl<K: Eq + Hash> Turnstile<K> {
    /// Every one of these rates is kept.
    #[must_use]
    pub fn new(rates: Vec<Rate>) -> Self {
        Self { rates, full_at: HashMap::new(), sweep_at: Duration::ZERO }
    }

    /// Whether one more request from this address goes through at `now` (session time). One that does not
    /// is not counted.
    pub fn pass(&mut self, address: K, now: Duration) -> bool {
        let rates = std::mem::take(&mut self.rates);
        let passes = self.pass_at(address, &rates, now);
        self.rates = rates;
        passes
    }

    /// The same where each has rates of its own, as many at every call. A count of 0 lets nobody through.
    pub fn pass_at(&mut self, address: K, rates: &[Rate], now: Duration) -> bool {
        if rates.is_empty() {
            return true;
        }
        if rates.iter().any(|rate| rate.count == 0) {
            return false;
        }
        if self.full_at.len() >= ADDRESSES_MAX && !self.full_at.contains_key(&address) {
            // Whoever floods us from many addresses must not make us look at all of them each time.
            if now < self.sweep_at {
                return false;
            }
            self.sweep_at = now + SWEEP_EVERY;
            // An address whose bursts are whole is as good as one never seen.
            self.full_at.retain(|_, full_at| full_at.iter().any(|&at| at > now));
            if self.full_at.len() >= ADDRESSES_MAX {
                return false;
            }
        }
        let full_at =
            self.full_at.entry(address).or_insert_with(|| vec![Duration::ZERO; rates.len()]);
        let fits = |(rate, &at): (&Rate, &Duration)| {
            let waiting = at.saturating_sub(now);
            waiting + rate.per / rate.count <= rate.per
        };
        if !rates.iter().zip(&*full_at).all(fits) {
            return false;
        }
        for (rate, at) in rates.iter().zip(full_at) {
            *at = (*at).max(now) + rate.per / rate.count;
        }
        true
    }
}
