//! The whole system, in order: what is started, what is said, and how it ends. It wires and decides nothing.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dialects::Dialect;
use edge::board_thread::BoardsHandle;
use edge::boards::{Boards, Dialects, Outlet};
use edge::clock::{MarketClock, SessionClock, Speed};
use edge::following::AskFollowing;
use edge::http::House;
use edge::journal::AskJournal;
use edge::limits::{Limits, Seats};
use edge::listener::{Door, Gangway, accept};
use edge::native::Native;
use edge::outbox::Told;
use edge::repeats::Repeats;
use edge::steps::Clerk;
use edge::tls::Tls;
use edge::{Edge, Settings};
use model::{Event, Listing, Source, Time};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use views::{Accounts, Board};

use crate::aloud;
use crate::config::TlsPlan;
use crate::console;
use crate::known::Known;

/// Something that is to be served.
pub struct Venue {
    /// What it is, for people, one line each.
    pub about: Vec<String>,
    /// A board for each instrument, in the order of their numbers.
    pub boards: Vec<Board>,
    /// What accounts are shown.
    pub accounts: Accounts,
    /// Who one is.
    pub known: Known,
    /// What the native API knows of it; when doors opened is filled in.
    pub told: edge::native::Venue,
    /// Brings the market to the moment at which doors open, shown to these boards.
    pub begin: Begin,
    /// The tongues.
    pub dialects: Vec<Box<dyn Dialect>>,
    /// How fast market time runs.
    pub speed: Speed,
    /// Where to listen.
    pub listen: SocketAddr,
    /// What is served under TLS, and where.
    pub tls: Option<TlsPlan>,
    /// How many loops; `None` is one for each core.
    pub loops: Option<usize>,
    /// Whether they write sockets that are told the same by one call of `io_uring`, where the system takes it.
    pub io_uring: bool,
    /// The dialects whose sockets are compressed where a client offers to.
    pub compressing: Vec<&'static str>,
    /// What strangers are allowed.
    pub limits: Limits,
}

/// Brings a market to the moment at which doors open. The clerk is the one who will serve.
pub type Begin = Box<dyn FnOnce(&mut Boards, &Arc<Clerk>) -> Result<Begun, Unbegun>>;

/// Why a market did not come to that moment.
#[derive(Debug)]
pub enum Unbegun {
    /// It cannot, before somebody has done something about it.
    Failed(Failure),
    /// It was lost on the way, for this reason. To begin anew may help.
    Lost(String),
}

impl From<Failure> for Unbegun {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Starts what works beside the boards, on the market's time; what it gives is dropped when those have ended.
pub type Beside =
    Box<dyn FnOnce(&BoardsHandle, &Arc<Clerk>, &MarketClock) -> Result<Box<dyn Send>, Failure>>;

/// A market at the moment at which doors open.
pub struct Begun {
    /// Where events come from.
    pub source: Box<dyn Source>,
    /// Market time.
    pub opens: Time,
    /// Whether market time is what is on the wall's clock.
    pub follows_the_wall: bool,
    /// What is to be said of it, for people, one line each.
    pub about: Vec<String>,
    /// How its journal stands, if it has one.
    pub journal: Option<AskJournal>,
    /// What was done before, and may be asked for again.
    pub repeats: Repeats,
    /// What works beside the boards, if anything does.
    pub beside: Option<Beside>,
    /// Told when it can be served no more, if that can be.
    pub lost: Option<Arc<Lost>>,
    /// How another machine's market is followed, if that is what this is.
    pub following: Option<AskFollowing>,
}

/// Whether what is served is lost, and why.
#[derive(Default)]
pub struct Lost {
    why: OnceLock<String>,
    told: Notify,
}

impl Lost {
    /// It is, for this reason, unless it was for another before.
    pub fn lose(&self, why: String) {
        // The first reason is the one.
        let _first = self.why.set(why);
        self.told.notify_one();
    }

    /// Whether it is.
    pub fn is_so(&self) -> bool {
        self.why.get().is_some()
    }

    /// Why, if it is.
    pub fn why(&self) -> Option<String> {
        self.why.get().cloned()
    }

    /// Waits until it is, and says why.
    async fn wait(&self) -> String {
        loop {
            let told = self.told.notified();
            if let Some(why) = self.why() {
                return why;
            }
            told.await;
        }
    }
}

/// How serving ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As asked.
    AsAsked,
    /// What was served, or was to be, can be served no more, for this reason: everybody was asked to leave. To begin anew
    /// may help.
    Lost(String),
}

impl Begun {
    /// A market that has had these events and keeps nothing, at `opens`, else when the wall's clock says so.
    pub fn kept_nowhere(
        mut source: Box<dyn Source>,
        happened: &[Event],
        opens: Option<Time>,
        boards: &mut Boards,
    ) -> Self {
        boards.apply(happened, &mut Nobody);
        let follows_the_wall = opens.is_none();
        let opens = opens.unwrap_or_else(|| MarketClock::of_the_wall().start());
        catch_up(source.as_mut(), boards, opens, |_, _| ());
        let (about, journal, repeats) = (Vec::new(), None, Repeats::default());
        let (beside, lost, following) = (None, None, None);
        Self { source, opens, follows_the_wall, about, journal, repeats, beside, lost, following }
    }
}

/// Why a command ended badly. Reads well after "rialto: ".
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Words what failed, and why.
pub fn failed<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure(format!("failed to {what}: {error}"))
}

/// File descriptors that connections may not take: listeners, polls, files.
const DESCRIPTORS_KEPT: usize = 64;

/// Why a venue ends whose board thread or loop panicked.
const BROKEN: &str = "a thread broke (its panic is told above), and what it served stands still; ended, so that \
                      every client sees it. Please report it";

/// Runs a venue until it is asked to end, or what it serves is lost.
///
/// # Errors
/// [`Failure`] if it cannot begin, or loses its listening socket.
pub fn run(mut venue: Venue) -> Result<Ended, Failure> {
    // 1. Room for connections: as many files as the system lets us open.
    if let Some(descriptors) = raise_descriptor_limit() {
        let room = descriptors.saturating_sub(DESCRIPTORS_KEPT);
        venue.limits.connections_max = venue.limits.connections_max.min(room);
    }

    // 2. The door, before the work: an address in use is told at once.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("start the HTTP runtime"))?;
    let tls = venue.tls.as_ref().map(opened).transpose()?;
    let mut doors = Vec::new();
    if let Some((tls, plan)) = tls.as_ref().zip(venue.tls.as_ref()) {
        let listener = listening(&runtime, plan.listen, "--tls-listen")?;
        doors.push(Door { listener, tls: Some(Arc::clone(tls)) });
    }
    if venue.tls.as_ref().is_none_or(|plan| plan.plain) {
        doors.push(Door { listener: listening(&runtime, venue.listen, "--listen")?, tls: None });
    }
    let urls = doors.iter().map(url).collect::<Result<Vec<_>, _>>()?;

    // 3. The market, brought to the moment at which doors open.
    let dialects: Dialects = venue.dialects.into();
    let mut settings = Settings { io_uring: venue.io_uring, ..Settings::default() };
    settings.loops = venue.loops.unwrap_or(settings.loops);
    let mut boards = Boards::new(venue.boards, Arc::clone(&dialects), settings.loops)
        .with_accounts(venue.accounts);
    let clerk = venue.known.clerk(&venue.limits);
    let begun = match (venue.begin)(&mut boards, &clerk) {
        Ok(begun) => begun,
        Err(Unbegun::Failed(failure)) => return Err(failure),
        Err(Unbegun::Lost(why)) => {
            aloud::complain(&why);
            return Ok(Ended::Lost(why));
        }
    };
    let (source, opens) = (begun.source, begun.opens);
    venue.about.extend(begun.about);
    let clock = match begun.follows_the_wall {
        false => MarketClock::starting(opens, venue.speed),
        true => MarketClock::of_the_wall(),
    };

    // 4. The board thread, which owns market and boards, and the loops, which own sockets.
    let (session_clock, time) = (SessionClock::started(), clock.clone());
    clerk.remember(begun.repeats);
    let edge = edge::start(&settings, &dialects, |_| boards, source, clock, session_clock, &clerk)
        .map_err(failed("start the board thread and the loops"))?;
    let beside = begun.beside.map(|start| start(&edge.boards, &clerk, &time)).transpose()?;

    // 5. The listener, which hands sockets to the loops and questions to the boards.
    let pair = pair_of(&venue.told.listings);
    let told = edge::native::Venue { opened: opens, ..venue.told };
    let native = Native::new(told, venue.known.register());
    let house = House::new(
        Arc::clone(&dialects),
        edge.boards.clone(),
        clerk,
        edge.session_clock.clone(),
        venue.limits.clone(),
        Arc::clone(&edge.counters),
        Arc::clone(&edge.goodbyes),
    );
    let house = house.with_native(native).with_pages(&console::PAGES);
    let mut house = house.with_loops(&edge.loops).with_compression(&venue.compressing);
    if let Some(ask) = begun.journal {
        house = house.with_journal(ask);
    }
    // Whom the core follows, it follows for all.
    let follows = begun.following.is_none().then(|| edge.boards.clone());
    if let Some(ask) = begun.following {
        house = house.with_following(ask);
    }
    let house = Arc::new(house);
    venue.known.watch(edge.revoker(), follows);
    let gangway = Arc::new(Gangway::new(edge.loops.clone()));
    let seats = Seats::new(&venue.limits);
    let (stop, stopping) = watch::channel(false);
    let broken = Arc::clone(&edge.broken);
    house.set_ready(true);
    let mut signals = {
        let _entered = runtime.enter();
        Signals::of_the_system().map_err(failed("wait for a signal to end"))?
    };
    let credentials = std::io::stdout().is_terminal().then(|| venue.known.demo_credentials());
    Greeting {
        about: &venue.about,
        dialects: &dialects,
        urls: &urls,
        pair,
        credentials: credentials.flatten(),
    }
    .say();
    let ended = runtime.block_on(async {
        let mut accepting = JoinSet::new();
        for door in doors {
            let (house, seats, gangway) =
                (Arc::clone(&house), Arc::clone(&seats), Arc::clone(&gangway));
            let limits = venue.limits.clone();
            accepting.spawn(accept(door, limits, seats, house, gangway, stopping.clone()));
        }
        drop(stopping);
        let mut ended = Ended::AsAsked;
        tokio::select! {
            Some(ended) = accepting.join_next() => {
                let ended = ended.map_err(failed("go on accepting connections"))?;
                let ended = ended.map_err(failed("go on accepting connections"));
                return ended.map(|()| Ended::AsAsked);
            }
            never = reloading(tls.as_deref()) => return never.map(|()| Ended::AsAsked),
            () = signals.ask_to_end() => {}
            why = lost(begun.lost.as_deref()) => ended = Ended::Lost(why),
            () = broken.notified() => return Err(Failure(BROKEN.to_owned())),
        }

        // 6. The end: nobody new, everybody told in their own words, then quiet.
        house.set_ready(false);
        // Whoever listened for it is told; if nobody does, accepting has ended already.
        let _told = stop.send(true);
        match &ended {
            Ended::AsAsked => {
                aloud::complain("asking clients to leave; once more to end at once");
            }
            Ended::Lost(why) => aloud::complain(format_args!("asking clients to leave: {why}")),
        }
        tokio::select! {
            // What works beside them ends behind them: what they do last is told as well.
            () = drained(edge) => {
                drop(beside);
                Ok(ended)
            }
            () = signals.ask_to_end() => Ok(Ended::AsAsked),
            () = broken.notified() => Err(Failure(BROKEN.to_owned())),
        }
    })?;
    // Threads that still ask clients to leave end with the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(ended)
}

/// Waits until what is served is lost, and says why; for ever if it cannot be.
async fn lost(lost: Option<&Lost>) -> String {
    match lost {
        Some(lost) => lost.wait().await,
        None => std::future::pending().await,
    }
}

/// Reads the certificate and its key.
fn opened(plan: &TlsPlan) -> Result<Arc<Tls>, Failure> {
    let (tls, notes) = Tls::open(plan.files.clone(), wall_time()).map_err(failed("serve TLS"))?;
    notes.iter().for_each(aloud::complain);
    Ok(Arc::new(tls))
}

/// Reads the certificate again as often as it is asked to by SIGHUP. A bad one changes nothing and is told.
async fn reloading(tls: Option<&Tls>) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let Some(tls) = tls else { return std::future::pending().await };
    let mut asked = signal(SignalKind::hangup()).map_err(failed("wait for SIGHUP"))?;
    while asked.recv().await.is_some() {
        match tls.reload(wall_time()) {
            Ok(notes) => {
                notes.iter().for_each(aloud::complain);
                aloud::complain(
                    "the certificate was read again; who comes from now on is shown it",
                );
            }
            Err(fault) => {
                aloud::complain(format_args!(
                    "failed to change the certificate; the one before is still shown: {fault}"
                ));
            }
        }
    }
    std::future::pending().await
}

/// What is on the wall's clock.
fn wall_time() -> Time {
    MarketClock::of_the_wall().start()
}

/// Connections that may wait in the system's queue for being accepted, if the system lets as many (`net.core.somaxconn`). One
/// more tries again by itself, but only after a second, and then after two, four and so on: a storm is to find room.
const BACKLOG: u32 = 65_535;

/// Listens at an address that is chosen by this option.
fn listening(
    runtime: &tokio::runtime::Runtime,
    address: SocketAddr,
    option: &str,
) -> Result<TcpListener, Failure> {
    let _inside = runtime.enter();
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    socket
        .and_then(|socket| {
            // Who starts again at once finds the port free.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        })
        .map_err(failed(format_args!("listen on {address}; choose another address with {option}")))
}

/// Where a door is.
fn url(door: &Door) -> Result<String, Failure> {
    let address = door.listener.local_addr();
    let address = address.map_err(failed("learn the address it listens on"))?;
    let scheme = if door.tls.is_some() { "https" } else { "http" };
    Ok(format!("{scheme}://{address}"))
}

/// Before doors open nobody listens.
pub struct Nobody;

impl Outlet for Nobody {
    fn tell(&mut self, _of_loop: usize, _told: Told) {}
}

/// Lets the source do everything up to `now`, shown to the boards and to nobody else yet. `settle` waits until what
/// was done is durable.
pub fn catch_up<S: Source + ?Sized>(
    source: &mut S,
    boards: &mut Boards,
    now: Time,
    settle: impl Fn(&mut S, &mut Vec<Event>),
) {
    let mut events = Vec::new();
    while source.due().is_some_and(|due| due <= now) {
        source.advance(now, &mut events);
        settle(source, &mut events);
        boards.apply(&events, &mut Nobody);
        events.clear();
    }
}

/// Raises the limit of open files to what the system allows, and says what it is now.
fn raise_descriptor_limit() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current =
        if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    current.and_then(|current| usize::try_from(current).ok())
}

/// The first instrument that the line to try can ask for, by base and quote.
fn pair_of(listings: &[Listing]) -> Option<String> {
    let listed = listings.iter().find(|it| it.symbol_in(dialects::bitstamp::NAME).is_some())?;
    Some(format!("{}/{}", listed.instrument.base, listed.instrument.quote))
}

/// What people are told once all is served.
struct Greeting<'a> {
    /// What is served, and what became of what was kept.
    about: &'a [String],
    dialects: &'a Dialects,
    /// The doors; everything is served at the last of them.
    urls: &'a [String],
    /// An instrument's base and quote, as a client that unifies venues names it.
    pair: Option<String>,
    /// Credentials that everybody may see, where people look.
    credentials: Option<String>,
}

impl Greeting<'_> {
    /// The words: what is served, the console, each dialect's socket, a line to try, credentials. `listening on …` is always the
    /// last line, and the only one that begins so.
    fn words(&self) -> String {
        let (last, others) = self.urls.split_last().expect("there is a door");
        // A socket's scheme is HTTP's with other letters: ws for http, wss for https.
        let socket = last.replacen("http", "ws", 1);
        let mut text = String::new();
        for line in self.about {
            text += &format!("{line}\n");
        }
        text += &format!("console: {last}/\n");
        for dialect in self.dialects.iter() {
            if let Some(path) = dialect.doors().socket_paths.first() {
                text += &format!("{}: {socket}{path}\n", dialect.name());
            }
        }
        if let Some(pair) = &self.pair {
            text += &format!(
                "ccxt: python3 -c \"import ccxt; u='{last}/bitstamp/api'; x=ccxt.bitstamp({{'urls':{{'api':{{'public':u,'private':u}}}}}}); \
                 print(x.fetch_order_book('{pair}')['bids'][0])\"\n"
            );
        }
        if let Some(credentials) = &self.credentials {
            text += &format!("{credentials}\n");
        }
        for url in others {
            text += &format!("encrypted: listening on {url}\n");
        }
        text + &format!("listening on {last}\n")
    }

    fn say(&self) {
        let mut out = std::io::stdout().lock();
        // Nobody has to read what we say; a closed pipe is no reason not to serve.
        let _said = out.write_all(self.words().as_bytes()).and_then(|()| out.flush());
    }
}

/// SIGINT and SIGTERM. Until there is one of these, they end the process at once.
pub struct Signals {
    interrupted: Signal,
    terminated: Signal,
}

impl Signals {
    /// From now on they are waited for.
    ///
    /// # Errors
    /// The system's.
    pub fn of_the_system() -> std::io::Result<Self> {
        let interrupted = signal(SignalKind::interrupt())?;
        Ok(Self { interrupted, terminated: signal(SignalKind::terminate())? })
    }

    /// Waits for one of them.
    pub async fn ask_to_end(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}

/// Asks everybody to leave and waits until they have.
async fn drained(edge: Edge) {
    let draining = tokio::task::spawn_blocking(move || {
        edge.drain();
        drop(edge);
    });
    // If it panicked it has said so; there is nothing left to wait for.
    let _drained = draining.await;
}
