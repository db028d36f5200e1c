//! A whole venue in this process, served on a free port of loopback: listener, HTTP half, loops and board
//! thread as in production, around a market that moves only when a test says so ([`Market`]).
//!
//! Session time is the machine's, and a test that needs a timer gives the dialect shorter manners
//! ([`Setup::manners`]); or it moves by hand ([`Setup::session_by_hand`], [`Served::wait`]), and then nothing is ever
//! late. Dropping a [`Served`] ends all of it and joins its threads.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dialects::bitstamp::{Bitstamp, Options};
use dialects::xrocket::{self, XRocket};
use dialects::{Dialect, Manners};
use edge::boards::{Boards, Dialects};
use edge::clock::{MarketClock, SessionClock, Speed, Stopwatch};
use edge::goodbye::Goodbye;
use edge::http::House;
use edge::limits::{Limits, Seats};
use edge::listener::{Gangway, accept};
use edge::native::Native;
use edge::native::register::Register;
use edge::reactor::{LoopHandle, Turning};
use edge::steps::Clerk;
use edge::tls::Tls;
use edge::{Edge, Settings};
use model::{
    Amount, Assets, Cadence, Constituent, Contract, Instrument, InstrumentId, Listing, Minimum,
    Payoff, Quantity, Span, Tier, Time,
};
use rustls::ClientConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use views::{Accounts, Board};

use crate::people::{self, Known, Person};

pub(crate) mod mannered;

pub mod encrypted;
pub mod line;
pub mod market;

use mannered::Mannered;

pub use line::{Heard, Line};
pub use market::Market;

/// How long a test waits for what has to come before it fails: long, so that a busy machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// When the market of a served venue begins, unless a test says otherwise: 2027-01-15 08:00:00 UTC.
pub const BEGINS: Time = Time::from_seconds(1_800_000_000);

/// The host that clients ask of a venue whose own name nobody knows.
pub const NAMELESS: &str = "localhost";

/// What is served, and under which limits.
pub struct Setup {
    /// The instruments, numbered from 0.
    pub listings: Vec<Listing>,
    /// What makes some of them perpetuals. Nobody marks them but the test.
    pub contracts: Vec<Contract>,
    /// When its market begins.
    pub begins: Time,
    /// The tongue.
    pub dialect: Arc<dyn Dialect>,
    /// Its manners; the dialect's own unless a test changes them.
    pub manners: Manners,
    /// What strangers are allowed.
    pub limits: Limits,
    /// Loops, rings and mail.
    pub settings: Settings,
    /// Who knows who holds which key; without one, it is the [`people`] who are known.
    pub clerk: Option<Arc<Clerk>>,
    /// Session time.
    pub session_clock: SessionClock,
    /// Whether its market is told by level, not by an engine.
    pub by_level: bool,
    /// What it is served under, and who trusts that; in the clear if `None`.
    pub tls: Option<(Arc<Tls>, Arc<ClientConfig>)>,
    /// Where clients become sockets if nothing else is said, with a query where one is needed; the dialect's first door
    /// if `None`.
    pub door: Option<String>,
    /// Whether its sockets are compressed where a client offers to.
    pub compression: bool,
}

impl Setup {
    /// Bitstamp with its own manners, two instruments, two loops.
    ///
    /// # Panics
    /// If the dialect does not take the listings.
    #[must_use]
    pub fn bitstamp() -> Self {
        let listings = vec![
            listing(0, ["BTC", "USD"], [2, 8], "btcusd"),
            listing(1, ["ETH", "BTC"], [6, 8], "ethbtc"),
        ];
        let dialect = Bitstamp::new(&listings, Options::default()).expect("listings in order");
        Self::of(listings, Arc::new(dialect))
    }

    /// Bitstamp with BTC/USD, its linear perpetual in dollars and hundred-thousandths, whose index it is, and two loops.
    ///
    /// # Panics
    /// If the dialect does not take the listings.
    #[must_use]
    pub fn perpetual() -> Self {
        let listings = vec![
            listing(0, ["BTC", "USD"], [2, 8], "btcusd"),
            listing(1, ["BTC", "USD"], [0, 5], "btcusd-perp"),
        ];
        let dialect = Bitstamp::new(&listings, Options::default()).expect("listings in order");
        // USD is counted to ten decimals.
        let dollars = |whole: i128| Amount(whole * 10_i128.pow(10));
        let contract = Contract {
            instrument: InstrumentId(1),
            payoff: Payoff::Linear,
            size: 1,
            tiers: vec![
                Tier { up_to: dollars(100_000), initial_ppm: 10_000, maintenance_ppm: 5_000 },
                Tier { up_to: dollars(1_000_000), initial_ppm: 20_000, maintenance_ppm: 10_000 },
            ],
            constituents: vec![Constituent::Book(InstrumentId(0))],
            stale_after: Span::seconds(10),
            outlier_ppm: 50_000,
            basis_ppm_max: 5_000,
            funding_interval: Span::seconds(28_800),
            sample_interval: Span::seconds(60),
            funding_ppm_max: 7_500,
            liquidation_band_ppm: 20_000,
            liquidation_fee_ppm: 1_000,
        };
        Self { contracts: vec![contract], ..Self::of(listings, Arc::new(dialect)) }
    }

    /// xRocket likewise.
    ///
    /// # Panics
    /// If the dialect does not take the listings.
    #[must_use]
    pub fn xrocket() -> Self {
        let listings = [
            listing(0, ["BTC", "USD"], [2, 8], "btcusd"),
            listing(1, ["ETH", "BTC"], [6, 8], "ethbtc"),
        ];
        let listings = listings.map(|listing| listed(listing, xrocket::NAME, "-")).to_vec();
        let dialect = XRocket::new(&listings).expect("listings in order");
        Self::of(listings, Arc::new(dialect))
    }

    /// A dialect with its own manners, for these listings, and two loops.
    #[must_use]
    pub fn of(listings: Vec<Listing>, dialect: Arc<dyn Dialect>) -> Self {
        Self {
            manners: dialect.manners().clone(),
            listings,
            contracts: Vec::new(),
            begins: BEGINS,
            dialect,
            limits: Limits::default(),
            settings: Settings { loops: 2, ..Settings::default() },
            clerk: None,
            session_clock: SessionClock::started(),
            by_level: false,
            tls: None,
            door: None,
            compression: false,
        }
    }

    /// The same with session time that only [`Served::wait`] moves, and with its market's date at the wall.
    #[must_use]
    pub fn session_by_hand(mut self) -> Self {
        self.session_clock = SessionClock::by_hand(self.begins);
        self
    }

    /// The same under TLS, for the name [`NAMELESS`].
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.tls = Some(encrypted::served_as(&[NAMELESS]));
        self
    }

    /// The same with other manners.
    #[must_use]
    pub fn manners(mut self, change: impl FnOnce(&mut Manners)) -> Self {
        change(&mut self.manners);
        self
    }

    /// The same with other limits.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Opens the doors.
    ///
    /// # Panics
    /// If the system has no socket, thread or poll to give.
    #[must_use]
    pub fn serve(self) -> Served {
        let dialect = self.dialect.name();
        let first = self.dialect.doors().socket_paths[0];
        let path = self.door.unwrap_or_else(|| first.to_owned());
        let host = self.dialect.doors().hosts.last().copied().unwrap_or(NAMELESS);
        let dialects: Dialects = Arc::new([Box::new(Mannered::new(self.dialect, self.manners))]);
        let instruments: Vec<Instrument> =
            self.listings.iter().map(|listing| listing.instrument.clone()).collect();
        let passed = Stopwatch::by_hand();
        let clock = MarketClock::by(passed.clone(), self.begins);
        let all = (&*instruments, &*self.contracts);
        let (source, script) = market::scripted(all, self.begins, self.by_level);
        let board = |instrument: &Instrument| match self.by_level {
            true => Board::by_level(instrument.id, self.begins),
            false => Board::new(instrument.id, self.begins),
        };
        let boards = |loops| {
            let boards = instruments.iter().map(board).collect();
            Boards::new(boards, Arc::clone(&dialects), loops)
                .with_accounts(Accounts::new(Assets::of(&instruments).paid_by(&self.contracts)))
        };
        let known = Arc::<Known>::default();
        let people = || {
            let clerk = people::clerk(Arc::clone(&known));
            Arc::new(clerk.with_connections_per_key(self.limits.connections_per_key_max))
        };
        let clerk = self.clerk.unwrap_or_else(people);
        let (source, session_clock) = (Box::new(source), self.session_clock);
        let edge =
            edge::start(&self.settings, &dialects, boards, source, clock, session_clock, &clerk)
                .expect("threads to be had");
        known.serve(edge.revoker());
        let told = edge::native::Venue {
            name: "a test".into(),
            listings: self.listings,
            contracts: self.contracts,
            maker_fee_ppm: 1_000,
            taker_fee_ppm: 2_000,
            cadence: Cadence::TENTH,
            opened: self.begins,
            speed: Speed(0),
            seed: None,
            hosts: vec!["api.example".into()],
        };
        let native = Native::new(told, Arc::clone(&known) as Arc<dyn Register>);
        let compressing: &[&str] = if self.compression { &[dialect] } else { &[] };
        let house = House::new(
            Arc::clone(&dialects),
            edge.boards.clone(),
            Arc::clone(&clerk),
            edge.session_clock.clone(),
            self.limits.clone(),
            Arc::clone(&edge.counters),
            Arc::clone(&edge.goodbyes),
        );
        let house = Arc::new(
            house.with_native(native).with_loops(&edge.loops).with_compression(compressing),
        );
        house.set_ready(true);
        let seats = Seats::new(&self.limits);
        let gangway = Arc::new(Gangway::new(edge.loops.clone()));
        let market = Market::new(script, self.begins, passed, edge.boards.clone());
        let (tls, trust) = self.tls.unzip();
        let door = Door::open(tls, self.limits, Arc::clone(&seats), house, gangway);
        Served {
            address: door.address,
            trust,
            market,
            seats,
            dialect,
            path,
            host,
            known,
            clerk,
            door,
            edge,
        }
    }
}

/// An instrument that Bitstamp lists; its smallest order is one lot.
#[must_use]
pub fn listing(id: u16, [base, quote]: [&str; 2], decimals: [u8; 2], symbol: &str) -> Listing {
    Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: quote.into(),
            price_decimals: decimals[0],
            tick_units: 1,
            quantity_decimals: decimals[1],
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: format!("{base} / {quote}"),
        symbols: vec![("bitstamp".into(), symbol.into())],
    }
}

/// The same, listed by another dialect too, base and quote with this between them.
#[must_use]
pub fn listed(mut listing: Listing, dialect: &str, between: &str) -> Listing {
    let Instrument { base, quote, .. } = &listing.instrument;
    listing.symbols.push((dialect.to_owned(), format!("{base}{between}{quote}")));
    listing
}

/// A venue that is served.
pub struct Served {
    /// Where.
    pub address: SocketAddr,
    /// Its market.
    pub market: Market,
    /// The places that connections take.
    pub seats: Arc<Seats>,
    /// Who trusts its certificate, if it is served under one.
    pub trust: Option<Arc<ClientConfig>>,
    dialect: &'static str,
    /// Where its clients become sockets.
    path: String,
    host: &'static str,
    /// Who holds which key.
    pub known: Arc<Known>,
    clerk: Arc<Clerk>,
    door: Door,
    /// Board thread and loops.
    pub edge: Edge,
}

impl Served {
    /// A connection that has said nothing yet.
    #[must_use]
    pub fn line(&self) -> Line {
        match &self.trust {
            None => Line::to(self.address),
            Some(trust) => Line::encrypted(self.address, trust, NAMELESS),
        }
    }

    /// A connection that has become a socket at the dialect's first path.
    #[must_use]
    pub fn client(&self) -> Line {
        let mut line = self.line();
        line.upgrade(&self.path);
        line
    }

    /// Where its clients become sockets if nothing else is said, with its query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Issues a pass to somebody, as if it had been asked for.
    #[must_use]
    pub fn admit(&self, person: &Person) -> String {
        people::admit(&self.clerk, self.dialect, person, self.edge.session_clock.now())
    }

    /// Somebody's key is good no longer.
    pub fn revoke(&self, person: &Person) {
        self.known.revoke(person.key);
        self.known.revoke(person.token);
        self.edge.revoker().revoke(self.dialect, person.key);
        self.edge.revoker().review();
    }

    /// Somebody's account is blocked, or is not any more.
    pub fn block(&self, person: &Person, blocked: bool) {
        self.known.block(person.account, blocked);
        self.edge.revoker().review();
    }

    /// The host that clients of the venue ask.
    #[must_use]
    pub const fn host(&self) -> &'static str {
        self.host
    }

    /// Lets session time pass, where it is moved by hand: everything that becomes due is done at its own moment.
    pub fn wait(&self, span: Duration) {
        let passed = self.edge.session_clock.passed();
        let end = passed.elapsed() + span;
        while let Some(due) = self.turn().filter(|due| *due <= end) {
            passed.set(due.max(passed.elapsed()));
        }
        passed.set(end);
    }

    /// Lets every loop do what there is to do; returns when, in session time, one next has something to do by itself.
    pub fn turn(&self) -> Option<Duration> {
        let turns: Vec<_> = self.edge.loops.iter().map(LoopHandle::turn).collect();
        turns.into_iter().filter_map(Turning::wait).min()
    }

    /// The server begins to leave. Who is asked to is told so when this returns.
    pub fn leave(&self) {
        // Who drains holds no handle on it: nobody waits here for the last to be gone.
        self.edge.loops.iter().for_each(|each| drop(each.drain()));
        self.turn();
    }

    /// Accepts nobody any more; who is there stays.
    pub fn close_door(&mut self) {
        self.door.close();
    }

    /// How often connections ended for the reason of this name.
    #[must_use]
    pub fn goodbyes(&self, reason: &str) -> u64 {
        let mut found = None;
        self.edge.goodbyes.each(|name, count| {
            if name == reason {
                found = Some(count);
            }
        });
        found.expect("a reason that there is")
    }

    /// Waits until so many connections have ended, and returns the records of the last ones, oldest first.
    ///
    /// # Panics
    /// If they do not.
    pub fn await_goodbyes(&self, count: u64) -> Vec<Goodbye> {
        await_that("connections to end", || {
            let mut ended = 0;
            self.edge.goodbyes.each(|_, count| ended += count);
            ended >= count
        });
        self.edge.goodbyes.recent()
    }

    /// Waits until nobody is connected and no place is taken.
    ///
    /// # Panics
    /// If somebody stays.
    pub fn await_empty(&self) {
        await_that("everybody to be gone", || {
            self.edge.counters.connections_open.read() == 0 && self.seats.taken() == 0
        });
    }
}

/// Waits until something holds that will hold by itself.
///
/// # Panics
/// If it does not within [`PATIENCE`].
pub fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The listener on a thread of its own.
struct Door {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    closed: Arc<AtomicBool>,
}

impl Door {
    fn open(
        tls: Option<Arc<Tls>>,
        limits: Limits,
        seats: Arc<Seats>,
        house: Arc<House>,
        gangway: Arc<Gangway>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime to be had");
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .expect("a free port on loopback");
        let address = listener.local_addr().expect("what was bound has an address");
        let (stop, stopping) = watch::channel(false);
        let (end, mut ending) = watch::channel(false);
        let closed = Arc::new(AtomicBool::new(false));
        let is_closed = Arc::clone(&closed);
        let thread = std::thread::Builder::new().name("door".into()).spawn(move || {
            runtime.block_on(async move {
                let door = edge::listener::Door { listener, tls };
                let accepting = accept(door, limits, seats, house, gangway, stopping);
                let dropped = ending.wait_for(|&end| end);
                let (mut accepting, mut dropped) = (pin!(accepting), pin!(dropped));
                tokio::select! {
                    ended = accepting.as_mut() => ended.expect("loopback listens"),
                    _ = dropped.as_mut() => return,
                }
                is_closed.store(true, Ordering::Release);
                // Requests under way are answered until the venue is dropped.
                let _dropped = dropped.await;
            });
        });
        let thread = Some(thread.expect("a thread to be had"));
        Self { address, stop, end, thread, closed }
    }

    fn close(&self) {
        self.stop.send_replace(true);
        await_that("the door to close", || self.closed.load(Ordering::Acquire));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.end.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("the door's thread ends in order");
            }
        }
    }
}
