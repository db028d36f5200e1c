//! What a delivery costs: the whole way from an event to the sockets, beside a plain loop that writes the same
//! bytes to as many sockets, taken in turns in one process.
//!
//! What is compared is the CPU time of the threads that serve (board thread and loop; the plain loop's thread),
//! pinned to one core, while another thread spins on the other core and reads. A turn begins only when everybody
//! has read the turn before, so that nothing is joined that was told apart. Reads `/proc`, so Linux only.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dialects::{
    Dialect, Doors, FrameBuilder, HttpRequest, HttpResponse, LastWords, Manners, Parting, Request,
};
use edge::boards::{Boards, Dialects};
use edge::clock::{MarketClock, Speed};
use edge::reactor::Newcomer;
use edge::ws::{Opcode, encode};
use edge::{Edge, Settings};
use mio::unix::SourceFd;
use model::{
    Action, Event, EventBody, InstrumentId, NoOrders, OrderId, Price, Quantity, Query, Sequence,
    Side, Source, Time, Topic, TopicKind, Trade, TradeId, Update,
};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Sockets that listen.
    pub sockets: usize,
    /// Turns between two looks at the clock.
    pub turns: u32,
    /// How often each way has its turn.
    pub rounds: usize,
    /// Connections that wait, for the memory of one.
    pub idle: usize,
}

impl Options {
    /// As the figures are taken.
    pub const FULL: Self = Self { sockets: 500, turns: 100, rounds: 9, idle: 5_000 };
    /// Enough to see that it works.
    pub const SMALL: Self = Self { sockets: 10, turns: 3, rounds: 1, idle: 50 };
}

/// What is told in a turn.
#[derive(Clone, Copy, Debug)]
struct Load {
    message_bytes: usize,
    messages: u32,
}

const LOADS: [Load; 3] = [
    Load { message_bytes: 200, messages: 1 },
    Load { message_bytes: 200, messages: 32 },
    Load { message_bytes: 5_500, messages: 1 },
];

/// How long one sleeps between two looks at what one waits for, outside of what is measured.
const PAUSE: Duration = Duration::from_micros(200);

/// Measures and reports.
///
/// # Errors
/// What the system says where it gives no sockets, threads or `/proc`.
pub fn run(options: &Options, out: &mut impl Write) -> io::Result<()> {
    // First of all, as memory that was used before would be used again and not count.
    let (idle, listening) = idle_bytes(options.idle)?;
    writeln!(
        out,
        "{} connections that wait: {idle} B resident each; listening to one topic: {listening} B",
        options.idle,
    )?;
    writeln!(
        out,
        "{} sockets, {} turns × {} rounds; CPU µs a delivery, medians",
        options.sockets, options.turns, options.rounds,
    )?;
    for load in LOADS {
        let costs = compare(options, load)?;
        let ours = median(costs.iter().map(|(ours, _)| *ours).collect());
        let plain = median(costs.iter().map(|(_, plain)| *plain).collect());
        let mut ratios: Vec<f64> = costs.iter().map(|(ours, plain)| plain / ours).collect();
        ratios.sort_by(f64::total_cmp);
        writeln!(
            out,
            "{:>3} × {:>5} B a turn: {ours:>7.3}, plain loop {plain:>7.3}, ratio {:.3} (rounds {:.3} to {:.3})",
            load.messages,
            load.message_bytes,
            plain / ours,
            ratios[0],
            ratios[ratios.len() - 1],
        )?;
    }
    Ok(())
}

/// The CPU microseconds of a delivery in each round: ours, and the plain loop's.
fn compare(options: &Options, load: Load) -> io::Result<Vec<(f64, f64)>> {
    let reader = Reader::start()?;
    let market = Arc::new(Market::default());
    let edge = start(load, options.sockets, &market, &reader)?;
    let ours: Vec<TcpStream> =
        (0..options.sockets).map(|_| connect(&edge)).collect::<Result<_, _>>()?;
    subscribe(&edge, &ours)?;
    let (mut plain, mut plain_ends) = (Vec::new(), Vec::new());
    for _ in 0..options.sockets {
        let (here, there) = pair()?;
        here.set_nonblocking(true)?;
        here.set_nodelay(true)?;
        plain.push(here);
        plain_ends.push(there);
    }
    let acknowledgement =
        encode::server_header_bytes(ACKNOWLEDGEMENT.len()) + ACKNOWLEDGEMENT.len();
    reader.read(ours.into_iter().chain(plain_ends));
    reader.expect((acknowledgement * options.sockets) as u64);
    reader.wait();

    let serving = [thread_named("loop-0")?, thread_named("boards")?];
    let myself = fs::read_link("/proc/thread-self")?;
    let myself = myself.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    for thread in serving.iter().chain([&myself]) {
        pin(thread, 0);
    }

    let mut frames = Vec::new();
    for _ in 0..load.messages {
        encode::push_server_frame(&mut frames, Opcode::Text, &vec![b'.'; load.message_bytes]);
    }
    let deliveries = (options.turns as usize * options.sockets * load.messages as usize) as f64;
    let mut costs = Vec::new();
    for round in 0..=options.rounds {
        let before: u64 = serving.iter().map(|thread| cpu_ns(thread)).sum::<io::Result<_>>()?;
        market.run(&edge, options.turns, &reader);
        let after: u64 = serving.iter().map(|thread| cpu_ns(thread)).sum::<io::Result<_>>()?;
        let cost = (after - before) as f64 / 1_000.0 / deliveries;

        let me = thread::current();
        reader.when_caught_up(move || me.unpark());
        let before = cpu_ns(&myself)?;
        for _ in 0..options.turns {
            reader.wait();
            reader.expect((frames.len() * plain.len()) as u64);
            for socket in &mut plain {
                socket.write_all(&frames)?;
            }
        }
        reader.wait();
        let plain_cost = (cpu_ns(&myself)? - before) as f64 / 1_000.0 / deliveries;
        // The first round warms up.
        if round > 0 {
            costs.push((cost, plain_cost));
        }
    }
    drop(edge);
    Ok(costs)
}

/// Bytes of resident memory of a connection: one that waits, and one that listens to a topic.
fn idle_bytes(connections: usize) -> io::Result<(i64, i64)> {
    let reader = Reader::start()?;
    let market = Arc::new(Market::default());
    let edge = start(LOADS[0], 0, &market, &reader)?;
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

fn start(load: Load, sockets: usize, market: &Arc<Market>, reader: &Reader) -> io::Result<Edge> {
    let dialects: Dialects = Arc::new([Box::new(Beat::of(load)) as Box<dyn Dialect>]);
    let boards = |loops| {
        let board = views::Board::by_level(InstrumentId(0), Time(0));
        Boards::new(vec![board], Arc::clone(&dialects), loops)
    };
    let source = Box::new(Drum {
        market: Arc::clone(market),
        read: Arc::clone(&reader.read),
        expected: Arc::clone(&reader.expected),
        load,
        sockets,
        sequence: 0,
    });
    let settings = Settings { loops: 1, ..Settings::default() };
    edge::start(&settings, &dialects, boards, source, MarketClock::starting(Time(0), Speed::WALL))
}

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let there = TcpStream::connect(listener.local_addr()?)?;
    Ok((listener.accept()?.0, there))
}

fn connect(edge: &Edge) -> io::Result<TcpStream> {
    let (here, there) = pair()?;
    let peer = here.peer_addr()?;
    let mut newcomer = Newcomer { stream: here, dialect: 0, early: Vec::new(), peer, seat: None };
    while let Err(returned) = edge.loops[0].adopt(newcomer) {
        newcomer = returned;
        thread::sleep(PAUSE);
    }
    Ok(there)
}

/// Lets everybody subscribe, and waits until they have.
fn subscribe(edge: &Edge, visitors: &[TcpStream]) -> io::Result<()> {
    let mut text = Vec::new();
    encode::push_client_frame(&mut text, Opcode::Text, [0; 4], b"+");
    for mut visitor in visitors {
        visitor.write_all(&text)?;
    }
    wait_until(|| edge.counters.interests_open.read() == visitors.len() as u64);
    // What is asked now is answered after every subscription.
    let (answered, answer) = std::sync::mpsc::sync_channel::<()>(1);
    edge.boards
        .ask(Query::Now, Box::new(move |_| drop(answered)))
        .map_err(|busy| io::Error::other(busy.to_string()))?;
    let _hung_up = answer.recv();
    Ok(())
}

fn wait_until(mut there: impl FnMut() -> bool) {
    while !there() {
        thread::sleep(PAUSE);
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// How many turns the market still has to make.
#[derive(Default)]
struct Market {
    turns: AtomicU32,
}

impl Market {
    fn run(&self, edge: &Edge, turns: u32, reader: &Reader) {
        // Whoever is asked wakes, and sees that there is something to do.
        let boards = edge.boards.clone();
        let wake = move || {
            // Where there is no room for a question there are others, and they wake as well.
            let _busy = boards.ask(Query::Now, Box::new(|_| {}));
        };
        self.turns.store(turns, Ordering::SeqCst);
        reader.when_caught_up(wake.clone());
        wake();
        wait_until(|| self.turns.load(Ordering::SeqCst) == 0);
        wait_until(|| !reader.is_behind());
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
            let trade = Trade {
                id: TradeId(self.sequence),
                time: now,
                price: Price(1),
                quantity: Quantity(1),
                aggressor: Side::Buy,
                maker: OrderId(0),
                taker: OrderId(0),
            };
            out.push(Event {
                sequence: Sequence(self.sequence),
                cause: Sequence(0),
                time: now,
                instrument: InstrumentId(0),
                body: EventBody::Printed(trade),
            });
        }
        self.market.turns.fetch_sub(1, Ordering::SeqCst);
    }
    fn submit(&mut self, _: Time, _: Action, _: &mut Vec<Event>) -> Result<Sequence, NoOrders> {
        Err(NoOrders)
    }
}

/// The dialect: any message subscribes to the one topic, and every trade is so many bytes.
struct Beat {
    message_bytes: usize,
    manners: Manners,
    doors: Doors,
}

const ACKNOWLEDGEMENT: &[u8] = b"ok";

impl Beat {
    fn of(load: Load) -> Self {
        Self {
            message_bytes: load.message_bytes,
            manners: Manners {
                message_bytes_max: 512,
                oversize_reason: "",
                subscriptions_max: 1_024,
                ping_every: None,
                pong_within: Duration::from_secs(60),
                idle_max: None,
                age_max: None,
                notice: Duration::from_secs(5),
                queue_bytes_max: 16 * 1024 * 1024,
                stall_max: Duration::from_secs(60),
                http_rates: &[],
            },
            doors: Doors { socket_paths: &[], http_prefixes: &[], hosts: &[] },
        }
    }
}

impl Dialect for Beat {
    fn name(&self) -> &'static str {
        "beat"
    }
    fn doors(&self) -> &Doors {
        &self.doors
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn decode(&self, _: &[u8], out: &mut Vec<Request>) {
        out.push(Request::Subscribe {
            subscription: "beat".into(),
            topics: vec![Topic::of(InstrumentId(0), TopicKind::Trades)],
            acknowledgement: ACKNOWLEDGEMENT.to_vec(),
        });
    }
    fn encode(&self, _: &Topic, _: &Update<'_>, out: &mut FrameBuilder) -> bool {
        out.text_mut().extend(std::iter::repeat_n(b'.', self.message_bytes));
        true
    }
    fn http(&self, _: &HttpRequest<'_>) -> dialects::Step {
        dialects::Step::Reply(HttpResponse::json(404, Vec::new()))
    }
    fn http_too_fast(&self) -> HttpResponse {
        HttpResponse::json(429, Vec::new())
    }
    fn part(&self, _: Parting) -> LastWords {
        LastWords { message: None, close: None }
    }
}

/// Called when all that was expected has been read.
type CaughtUp = Box<dyn Fn() + Send>;

/// Reads from every socket it is given, spinning on the other core.
struct Reader {
    read: Arc<AtomicU64>,
    expected: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// Called when all that was expected has been read.
    caught_up: Arc<Mutex<CaughtUp>>,
    hand: std::sync::mpsc::SyncSender<TcpStream>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn start() -> io::Result<Self> {
        let (hand, sockets) = std::sync::mpsc::sync_channel::<TcpStream>(1_024);
        let (read, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let expected = Arc::new(AtomicU64::new(0));
        let nobody: CaughtUp = Box::new(|| {});
        let caught_up = Arc::new(Mutex::new(nobody));
        let (count, stopped) = (Arc::clone(&read), Arc::clone(&stop));
        let (awaited, tell) = (Arc::clone(&expected), Arc::clone(&caught_up));
        let mut poll = mio::Poll::new()?;
        let work = move || {
            if let Some(me) = fs::read_link("/proc/thread-self").ok().as_deref()
                && let Some(me) = me.file_name().and_then(|name| name.to_str())
            {
                pin(me, 1);
            }
            let mut events = mio::Events::with_capacity(1_024);
            let mut streams = Vec::new();
            let mut buffer = vec![0; 256 * 1024];
            let mut told = 0;
            while !stopped.load(Ordering::Relaxed) {
                while let Ok(stream) = sockets.try_recv() {
                    let token = mio::Token(streams.len());
                    stream.set_nonblocking(true).expect("a socket can be made non-blocking");
                    poll.registry()
                        .register(
                            &mut SourceFd(&stream.as_raw_fd()),
                            token,
                            mio::Interest::READABLE,
                        )
                        .expect("a socket can be waited for");
                    streams.push(stream);
                }
                poll.poll(&mut events, Some(Duration::ZERO)).expect("sockets can be waited for");
                for event in &events {
                    loop {
                        match streams[event.token().0].read(&mut buffer) {
                            Ok(0) => break,
                            Ok(bytes) => {
                                count.fetch_add(bytes as u64, Ordering::SeqCst);
                            }
                            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                            Err(error) => panic!("failed to read: {error}"),
                        }
                    }
                }
                let awaited = awaited.load(Ordering::SeqCst);
                if told < awaited && count.load(Ordering::SeqCst) >= awaited {
                    told = awaited;
                    tell.lock().expect("nobody panics with it")();
                }
            }
        };
        let thread = thread::Builder::new().name("reader".into()).spawn(work)?;
        Ok(Self { read, expected, stop, caught_up, hand, thread: Some(thread) })
    }

    fn read(&self, sockets: impl Iterator<Item = TcpStream>) {
        for socket in sockets {
            self.hand.send(socket).expect("the reader reads until it is told to stop");
        }
    }

    fn expect(&self, bytes: u64) {
        self.expected.fetch_add(bytes, Ordering::SeqCst);
    }

    fn is_behind(&self) -> bool {
        self.read.load(Ordering::SeqCst) < self.expected.load(Ordering::SeqCst)
    }

    /// Sleeps until all that was expected has been read, if `caught_up` wakes this thread.
    fn wait(&self) {
        let begin = Instant::now();
        while self.is_behind() {
            assert!(begin.elapsed() < Duration::from_secs(60), "what was sent does not arrive");
            thread::park_timeout(Duration::from_secs(1));
        }
    }

    fn when_caught_up(&self, then: impl Fn() + Send + 'static) {
        *self.caught_up.lock().expect("nobody panics with it") = Box::new(then);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
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
