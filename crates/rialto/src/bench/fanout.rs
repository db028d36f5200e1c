//! What a delivery costs: the whole way from an event to the sockets, beside a plain loop that writes the same
//! bytes to as many sockets, and, if wanted, beside Node's `ws`; taken in turns.
//!
//! Of several messages a turn the loop writes all in one: then it is the joined-write loop. What is compared is the CPU
//! time of the threads that serve (board thread and loop; the plain loop's thread; all of Node's process), pinned to one core, while another thread spins on the other core and reads. A turn begins only when everybody
//! has read the turn before, so that nothing is joined that was told apart. Reads `/proc`, so Linux only.

pub mod beat;
mod node;
pub mod reader;
mod report;

pub use report::{Cost, Report, Rival};

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use dialects::Dialect;
use edge::boards::{Boards, Dialects};
use edge::clock::{MarketClock, SessionClock, Speed};
use edge::reactor::{Form, Newcomer};
use edge::steps::Clerk;
use edge::ws::{Opcode, encode};
use edge::{Edge, Settings};
use model::{
    Action, Event, EventBody, InstrumentId, NoOrders, OrderId, Price, Quantity, Query, Sequence,
    Side, Source, Time, Trade, TradeId,
};

use self::beat::{ACKNOWLEDGEMENT, Beat};
use self::node::Node;
use self::reader::Reader;
use super::numbers::{at_least_one, median};

/// Options of `rialto bench fanout`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many sockets listen
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = at_least_one)]
    pub sockets: usize,
    /// Turns between two looks at the clock
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub turns: u32,
    /// How often each way has its turn; the median counts
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = at_least_one)]
    pub rounds: usize,
    /// How many connections wait, for the memory of one
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = at_least_one)]
    pub idle: usize,
    /// Beside Node's `ws` too, which is installed in this folder
    #[arg(long, value_name = "FOLDER")]
    pub node: Option<PathBuf>,
    /// Ours without io_uring: each socket is written by a call of its own
    #[arg(long)]
    pub no_io_uring: bool,
}

/// What is told in a turn.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Of each message.
    pub message_bytes: usize,
    /// How many.
    pub messages: u32,
}

const LOADS: [Load; 3] = [
    Load { message_bytes: 200, messages: 1 },
    Load { message_bytes: 200, messages: 32 },
    Load { message_bytes: 5_500, messages: 1 },
];

/// What the project promises for each load, and what it aims at: ratios in thousandths.
pub const TARGETS_PER_MILLE: [(u64, u64); 3] = [(850, 950), (850, 900), (850, 1_000)];

/// How long one sleeps between two looks at what one waits for, outside of what is measured.
const PAUSE: Duration = Duration::from_micros(200);
/// How long anything may take that one waits for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Measures.
///
/// # Errors
/// What the system says where it gives no sockets, threads or `/proc`.
pub fn run(options: &Options) -> Result<Report, String> {
    // In a thread of its own, which is bound to one core: what comes after is not.
    let measured = thread::scope(|scope| scope.spawn(|| measure(options)).join());
    let measured = measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    measured.map_err(|error| format!("failed to measure a fan-out: {error}"))
}

fn measure(options: &Options) -> io::Result<Report> {
    // First of all, as memory that was used before would be used again and not count.
    let (idle_bytes, listening_bytes) = idle_bytes(options.idle)?;
    let mut costs = Vec::new();
    for load in LOADS {
        let rounds = compare(options, load)?;
        let [ours, plain] = [0, 1].map(|way| rounds.iter().map(|round| round[way]).collect());
        let (ours_ns, plain_ns, ratios) = compared(&ours, &plain);
        let node = options.node.is_some().then(|| {
            let node = rounds.iter().map(|round| round[2]).collect();
            let (_, ns, [min, ratio, max]) = compared(&ours, &node);
            Rival { ns, ratio_per_mille: ratio, ratio_per_mille_min: min, ratio_per_mille_max: max }
        });
        costs.push(Cost {
            message_bytes: load.message_bytes,
            messages: load.messages,
            ours_ns,
            plain_ns,
            ratio_per_mille: ratios[1],
            ratio_per_mille_min: ratios[0],
            ratio_per_mille_max: ratios[2],
            node,
        });
    }
    Ok(Report { options: options.clone(), costs, idle_bytes, listening_bytes })
}

/// Medians of ours and of theirs, and theirs to ours in thousandths: the lowest of a round, that of the medians, the highest.
fn compared(ours: &Vec<u64>, theirs: &Vec<u64>) -> (u64, u64, [u64; 3]) {
    let ratio = |ours: u64, theirs: u64| (theirs * 1_000).checked_div(ours).unwrap_or(0);
    let ratios = ours.iter().zip(theirs).map(|(&ours, &theirs)| ratio(ours, theirs));
    let (min, max) = (ratios.clone().min().unwrap_or(0), ratios.max().unwrap_or(0));
    let [ours, theirs] = [ours, theirs].map(|times| median(&mut times.clone()));
    (ours, theirs, [min, ratio(ours, theirs), max])
}

/// The CPU time of a delivery in each round, in ns: ours, the plain loop's, and Node's if it takes part.
fn compare(options: &Options, load: Load) -> io::Result<Vec<[u64; 3]>> {
    let reader = Reader::start()?;
    let market = Arc::new(Market::default());
    let settings = Settings { io_uring: !options.no_io_uring, ..Settings::default() };
    let edge = start(settings, load, options.sockets, &market, &reader)?;
    let ours: Vec<TcpStream> =
        (0..options.sockets).map(|_| connect(&edge)).collect::<Result<_, _>>()?;
    subscribe(&edge, &ours)?;
    let (mut plain, plain_ends) = plain_sockets(options.sockets)?;
    let mut node = options.node.as_deref().map(Node::start).transpose()?;
    let node_ends: Vec<TcpStream> = match &node {
        Some(node) => {
            (0..options.sockets).map(|nonce| node.connect(nonce)).collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    let acknowledgement =
        encode::server_header_bytes(ACKNOWLEDGEMENT.len()) + ACKNOWLEDGEMENT.len();
    reader.read(ours.into_iter().chain(plain_ends).chain(node_ends));
    reader.expect((acknowledgement * options.sockets) as u64);
    reader.wait();

    let serving = Serving::pinned()?;
    let mut frames = Vec::new();
    for _ in 0..load.messages {
        encode::push_server_frame(&mut frames, Opcode::Text, &vec![b'.'; load.message_bytes]);
    }
    let turn = options.sockets as u64 * u64::from(load.messages);
    let deliveries = u64::from(options.turns) * turn;
    // It takes many times as long where it joins nothing.
    let node_turns = (options.turns / load.messages).max(2);
    if let Some(node) = &node {
        pin(&node.id(), 0);
    }
    let mut costs = Vec::new();
    for round in 0..=options.rounds {
        let before = serving.ours_ns()?;
        market.run(&edge, options.turns, &reader);
        let ours = (serving.ours_ns()? - before) / deliveries;

        let me = thread::current();
        reader.when_caught_up(move || me.unpark());
        let before = serving.own_ns()?;
        for _ in 0..options.turns {
            reader.wait();
            reader.expect((frames.len() * plain.len()) as u64);
            for socket in &mut plain {
                socket.write_all(&frames)?;
            }
        }
        reader.wait();
        let plain_cost = (serving.own_ns()? - before) / deliveries;

        let mut node_cost = 0;
        if let Some(node) = &mut node {
            let before = node.cpu()?;
            for _ in 0..node_turns {
                reader.expect((frames.len() * options.sockets) as u64);
                node.send(&load)?;
                reader.wait();
            }
            node_cost = node.cpu()?.since(&before) / (u64::from(node_turns) * turn);
        }
        // The first round warms up.
        if round > 0 {
            costs.push([ours, plain_cost, node_cost]);
        }
    }
    drop(edge);
    Ok(costs)
}

/// So many sockets to write to, and their other ends.
pub fn plain_sockets(count: usize) -> io::Result<(Vec<TcpStream>, Vec<TcpStream>)> {
    let (mut plain, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (here, there) = pair()?;
        here.set_nonblocking(true)?;
        here.set_nodelay(true)?;
        plain.push(here);
        ends.push(there);
    }
    Ok((plain, ends))
}

/// The threads that serve, bound to one core.
pub struct Serving {
    ours: [String; 2],
    own: String,
}

impl Serving {
    /// Those of the newest edge, and this one.
    pub fn pinned() -> io::Result<Self> {
        let own = fs::read_link("/proc/thread-self")?;
        let own = own.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let this = Self { ours: [thread_named("loop-0")?, thread_named("boards")?], own };
        for thread in this.ours.iter().chain([&this.own]) {
            pin(thread, 0);
        }
        Ok(this)
    }

    /// What the edge's have been running for.
    pub fn ours_ns(&self) -> io::Result<u64> {
        self.ours.iter().map(|thread| cpu_ns(thread)).sum()
    }

    /// What this one has been running for.
    pub fn own_ns(&self) -> io::Result<u64> {
        cpu_ns(&self.own)
    }
}

/// Bytes of resident memory of a connection: one that waits, and one that listens to a topic.
fn idle_bytes(connections: usize) -> io::Result<(i64, i64)> {
    let reader = Reader::start()?;
    let market = Arc::new(Market::default());
    let edge = start(Settings::default(), LOADS[0], 0, &market, &reader)?;
    let mut visitors = Vec::with_capacity(connections);
    let before = resident_bytes()?;
    for _ in 0..connections {
        visitors.push(connect(&edge)?);
    }
    wait_until(|| edge.counters.connections.read() == connections as u64);
    let waiting = resident_bytes()?;
    subscribe(&edge, &visitors)?;
    let listening = resident_bytes()?;
    let each = |bytes: i64| bytes / connections as i64;
    Ok((each(waiting - before), each(listening - before)))
}

fn start(
    settings: Settings,
    load: Load,
    sockets: usize,
    market: &Arc<Market>,
    reader: &Reader,
) -> io::Result<Edge> {
    let source = Drum {
        market: Arc::clone(market),
        read: Arc::clone(&reader.count),
        expected: Arc::clone(&reader.expected),
        load,
        sockets,
        sequence: 0,
    };
    let clock = MarketClock::starting(Time(0), Speed::WALL);
    start_as(settings, Beat::of(load.message_bytes), Box::new(source), clock)
}

/// One board thread and one loop that serve this.
pub fn start_with(dialect: Beat, source: Box<dyn Source>, clock: MarketClock) -> io::Result<Edge> {
    start_as(Settings::default(), dialect, source, clock)
}

fn start_as(
    settings: Settings,
    dialect: Beat,
    source: Box<dyn Source>,
    clock: MarketClock,
) -> io::Result<Edge> {
    let dialects: Dialects = Arc::new([Box::new(dialect) as Box<dyn Dialect>]);
    let boards = |loops| {
        let board = views::Board::by_level(InstrumentId(0), Time(0));
        Boards::new(vec![board], Arc::clone(&dialects), loops)
    };
    let settings = Settings { loops: 1, ..settings };
    let (session_clock, clerk) = (SessionClock::started(), Arc::new(Clerk::of_nobody()));
    edge::start(&settings, &dialects, boards, source, clock, session_clock, &clerk)
}

/// A trade with this id, as a source tells it.
pub fn printed(sequence: u64, id: u64, time: Time) -> Event {
    let trade = Trade {
        id: TradeId(id),
        time,
        price: Price(1),
        quantity: Quantity(1),
        aggressor: Side::Buy,
        maker: OrderId(0),
        taker: OrderId(0),
        maker_account: None,
        taker_account: None,
    };
    Event {
        sequence: Sequence(sequence),
        cause: Sequence(0),
        time,
        instrument: InstrumentId(0),
        body: EventBody::Printed(trade),
    }
}

/// The two ends of a connection over loopback.
pub fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let there = TcpStream::connect(listener.local_addr()?)?;
    Ok((listener.accept()?.0, there))
}

/// A connection to the edge's loop.
pub fn connect(edge: &Edge) -> io::Result<TcpStream> {
    let (here, there) = pair()?;
    adopt(edge, here)?;
    Ok(there)
}

/// Hands a connection to the edge's loop.
pub fn adopt(edge: &Edge, here: TcpStream) -> io::Result<()> {
    let peer = here.peer_addr()?;
    let mut newcomer = Newcomer {
        stream: here,
        cipher: None,
        dialect: 0,
        admitted: None,
        form: Form::Plain,
        early: Vec::new(),
        peer,
        seat: None,
    };
    while let Err(returned) = edge.loops[0].adopt(newcomer) {
        newcomer = returned;
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Lets everybody subscribe, and waits until they have.
pub fn subscribe(edge: &Edge, visitors: &[TcpStream]) -> io::Result<()> {
    let before = edge.counters.interests_open.read();
    let mut text = Vec::new();
    encode::push_client_frame(&mut text, Opcode::Text, [0; 4], b"+");
    for mut visitor in visitors {
        visitor.write_all(&text)?;
    }
    wait_until(|| edge.counters.interests_open.read() == before + visitors.len() as u64);
    // What is asked now is answered after every subscription.
    let (answered, answer) = std::sync::mpsc::sync_channel::<()>(1);
    edge.boards
        .ask(Query::Now, Box::new(move |_| drop(answered)))
        .map_err(|busy| io::Error::other(busy.to_string()))?;
    let _hung_up = answer.recv();
    Ok(())
}

fn wait_until(mut there: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !there() {
        assert!(begin.elapsed() < PATIENCE, "what is waited for does not happen");
        thread::sleep(PAUSE);
    }
}

/// How many turns the market still has to make.
#[derive(Default)]
struct Market {
    turns: AtomicU32,
}

impl Market {
    /// Makes so many turns, and sleeps until they have been read: whoever looked now and then whether they have
    /// would disturb what is measured on the same core.
    fn run(self: &Arc<Self>, edge: &Edge, turns: u32, reader: &Reader) {
        // Whoever is asked wakes, and sees that there is something to do.
        let boards = edge.boards.clone();
        let wake = move || {
            // Where there is no room for a question there are others, and they wake as well.
            let _busy = boards.ask(Query::Now, Box::new(|_| {}));
        };
        self.turns.store(turns, Ordering::SeqCst);
        let (market, me, next) = (Arc::clone(self), thread::current(), wake.clone());
        reader.when_caught_up(move || match market.turns.load(Ordering::SeqCst) {
            0 => me.unpark(),
            _ => next(),
        });
        wake();
        while self.turns.load(Ordering::SeqCst) > 0 {
            thread::park_timeout(PATIENCE);
        }
        reader.wait();
    }
}

/// The source: so many trades a turn, and a turn whenever everybody has read the last one.
struct Drum {
    market: Arc<Market>,
    read: Arc<AtomicU64>,
    expected: Arc<AtomicU64>,
    load: Load,
    sockets: usize,
    sequence: u64,
}

impl Source for Drum {
    fn due(&self) -> Option<Time> {
        let is_read = self.read.load(Ordering::SeqCst) >= self.expected.load(Ordering::SeqCst);
        (is_read && self.market.turns.load(Ordering::SeqCst) > 0).then_some(Time(0))
    }
    fn advance(&mut self, now: Time, out: &mut Vec<Event>) {
        let expected = self.expected.load(Ordering::SeqCst);
        let message =
            encode::server_header_bytes(self.load.message_bytes) + self.load.message_bytes;
        let bytes = message * self.load.messages as usize * self.sockets;
        self.expected.store(expected + bytes as u64, Ordering::SeqCst);
        for _ in 0..self.load.messages {
            self.sequence += 1;
            out.push(printed(self.sequence, self.sequence, now));
        }
        self.market.turns.fetch_sub(1, Ordering::SeqCst);
    }
    fn submit(&mut self, _: Time, _: Action, _: &mut Vec<Event>) -> Result<Sequence, NoOrders> {
        Err(NoOrders)
    }
}

/// The id of the newest thread of this process with this name.
fn thread_named(name: &str) -> io::Result<String> {
    let mut found = None;
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?;
        if fs::read_to_string(thread.path().join("comm"))?.trim_end() == name {
            found = thread.file_name().to_str().map(str::to_owned).max(found);
        }
    }
    found.ok_or_else(|| io::Error::other(format!("there is no thread {name}")))
}

/// Nanoseconds that a thread has been running.
fn cpu_ns(thread: &str) -> io::Result<u64> {
    // A thread's own account is settled when it sleeps.
    thread::sleep(Duration::from_micros(1));
    let figures = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))?;
    let first = figures.split(' ').next().and_then(|running| running.parse().ok());
    first.ok_or_else(|| io::Error::other(format!("schedstat says {figures:?}")))
}

/// Binds a thread to a core. Where there is no `taskset` the figures are only noisier.
fn pin(thread: &str, core: usize) {
    let mut taskset = Command::new("taskset");
    let taskset = taskset.args(["-pc", &core.to_string(), thread]);
    let _noisier = taskset.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

fn resident_bytes() -> io::Result<i64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<i64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1_024).ok_or_else(|| io::Error::other("no VmRSS"))
}
