//! The other end of every socket: reads all that comes, as fast as a core can.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;

use super::{PATIENCE, pin};

/// Called when all that was expected has been read.
type CaughtUp = Box<dyn Fn() + Send>;

/// Reads from every socket it is given, spinning on the other core.
pub struct Reader {
    /// Bytes that have been read.
    pub count: Arc<AtomicU64>,
    /// Bytes that have been sent, or will be.
    pub expected: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// Called when all that was expected has been read.
    caught_up: Arc<Mutex<CaughtUp>>,
    hand: std::sync::mpsc::SyncSender<TcpStream>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Begins to read.
    pub fn start() -> io::Result<Self> {
        Self::hearing(|_, _| {})
    }

    /// Begins to read, and has this called with all that is read and the socket that it came by, by the order in which
    /// they were taken on.
    pub fn hearing(mut hear: impl FnMut(usize, &[u8]) + Send + 'static) -> io::Result<Self> {
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
                                hear(event.token().0, &buffer[..bytes]);
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
        Ok(Self { count: read, expected, stop, caught_up, hand, thread: Some(thread) })
    }

    /// Takes these sockets on.
    pub fn read(&self, sockets: impl Iterator<Item = TcpStream>) {
        for socket in sockets {
            self.hand.send(socket).expect("the reader reads until it is told to stop");
        }
    }

    /// Announces bytes.
    pub fn expect(&self, bytes: u64) {
        self.expected.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Whether bytes that were announced have not been read.
    pub fn is_behind(&self) -> bool {
        self.count.load(Ordering::SeqCst) < self.expected.load(Ordering::SeqCst)
    }

    /// Sleeps until all that was expected has been read, if `caught_up` wakes this thread.
    pub fn wait(&self) {
        let begin = Instant::now();
        while self.is_behind() {
            assert!(begin.elapsed() < PATIENCE, "what was sent does not arrive");
            thread::park_timeout(Duration::from_secs(1));
        }
    }

    /// Has this called whenever all that was expected has been read.
    pub fn when_caught_up(&self, then: impl Fn() + Send + 'static) {
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
