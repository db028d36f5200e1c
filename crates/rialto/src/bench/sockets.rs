//! Many WebSocket connections from one thread: opened a few at a time, read to the last byte, pings
//! answered, and why each one ended remembered.
//!
//! It knows no dialect and measures nothing; whoever turns it hears every message. Each socket costs a
//! read when something came and nothing otherwise, so that a load is limited by the server.

mod system;
#[cfg(test)]
pub mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge::ws::decode::{Chunk, Decoder, Incoming, Limits};
use edge::ws::handshake::Opening;
use edge::ws::{Opcode, Role, Violation, close, encode, head};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::net::sockopt;

use self::system::Random;
pub use self::system::{raise_file_limit, wall_ns};
use super::target::Target;

/// The largest message that is taken.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// How much is read at once.
const CHUNK_BYTES: usize = 256 << 10;
/// A socket that still has more after so many reads waits until the others had their turn.
const READS_MAX: usize = 4;
/// Sockets that are served in one turn.
const EVENTS_MAX: usize = 1_024;
/// Files that the process needs beside its sockets.
const OTHER_FILES: u64 = 32;

/// What to open.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// How many sockets.
    pub sockets: usize,
    /// How many of them may be under way at a time.
    pub opening_max: usize,
    /// How long one may take to open.
    pub timeout: Duration,
    /// What each one says when it is open.
    pub say: Vec<String>,
}

/// A message that came, and when.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Which socket, counted from 0.
    pub socket: usize,
    /// The text or the bytes; of a pong what the ping had.
    pub payload: &'a [u8],
    /// Whether it is the answer to a ping of ours.
    pub is_pong: bool,
    /// When it was read, in ns since 1970 by the wall's clock.
    pub at_ns: u64,
}

/// Connections, and what carries them.
pub struct Sockets {
    plan: Plan,
    poll: Poll,
    events: Events,
    lines: Vec<Line>,
    /// Those that are being opened, the oldest first, with the time at which they are given up. Lines
    /// that are open or have ended may still stand here.
    opening: VecDeque<(usize, Instant)>,
    /// Those that were not read to the end.
    unread: VecDeque<usize>,
    buffer: Box<[u8]>,
    limits: Arc<Limits>,
    random: Random,
    counts: Counts,
    ended: BTreeMap<String, u64>,
}

/// How many sockets are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Begun to be opened and neither open nor given up.
    pub opening: usize,
    /// Open now.
    pub open: usize,
    /// Were open at some time.
    pub opened: usize,
}

struct Line {
    stage: Stage,
    /// Bytes that the socket has not taken yet.
    out: Vec<u8>,
    decoder: Decoder,
}

enum Stage {
    Connecting(TcpStream),
    /// Asked to become a WebSocket; what came of the answer.
    Asking(TcpStream, Opening, Vec<u8>),
    Open(TcpStream),
    Ended,
}

impl Sockets {
    /// Readies everything and opens nothing yet. It raises the process's limit of open files.
    pub fn new(plan: Plan) -> Result<Self, String> {
        raise_file_limit(plan.sockets as u64 + OTHER_FILES)?;
        let poll = Poll::new().map_err(|error| format!("failed to make an epoll: {error}"))?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            lines: Vec::with_capacity(plan.sockets),
            opening: VecDeque::new(),
            unread: VecDeque::new(),
            buffer: vec![0; CHUNK_BYTES].into_boxed_slice(),
            limits: Arc::new(Limits::of_messages(MESSAGE_BYTES_MAX)),
            random: Random::new(),
            counts: Counts::default(),
            ended: BTreeMap::new(),
            plan,
        })
    }

    /// How many sockets are where.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether every socket has been opened or given up.
    pub fn is_settled(&self) -> bool {
        self.lines.len() == self.plan.sockets && self.counts.opening == 0
    }

    /// Whether this socket is open.
    pub fn is_open(&self, socket: usize) -> bool {
        self.lines.get(socket).is_some_and(|line| matches!(line.stage, Stage::Open(_)))
    }

    /// Why sockets ended or never opened, and how many of them for that reason.
    pub fn ended(&self) -> &BTreeMap<String, u64> {
        &self.ended
    }

    /// Opens all of them. That some do not open is told by [`Sockets::ended`]; that none did is an error.
    pub fn open(
        &mut self,
        hear: &mut impl FnMut(Heard<'_>),
        progress: &mut impl FnMut(&str),
    ) -> Result<Duration, String> {
        let began = Instant::now();
        while !self.is_settled() {
            // Each socket is given up after its own time, so that this ends.
            self.turn(Instant::now() + Duration::from_millis(100), hear)?;
            let Counts { opened, .. } = self.counts;
            progress(&format!("{opened} of {} sockets open", self.plan.sockets));
        }
        if self.counts.opened == 0 && self.plan.sockets > 0 {
            let reasons: Vec<&str> = self.ended.keys().map(String::as_str).collect();
            return Err(format!(
                "failed to open a socket at {} ({}): {}",
                self.plan.target.url,
                self.plan.target.address,
                reasons.join("; ")
            ));
        }
        Ok(began.elapsed())
    }

    /// Does what there is to do; waits for it, if need be, until `until`.
    pub fn turn(&mut self, until: Instant, hear: &mut impl FnMut(Heard<'_>)) -> Result<(), String> {
        let now = Instant::now();
        self.give_up(now);
        while self.lines.len() < self.plan.sockets && self.counts.opening < self.plan.opening_max {
            self.begin(now);
        }
        let mut until = until;
        if let Some(&(_, deadline)) = self.opening.front() {
            until = until.min(deadline);
        }
        let wait = if self.unread.is_empty() {
            until.saturating_duration_since(now)
        } else {
            Duration::ZERO
        };
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("failed to wait for the sockets: {error}")),
        }
        for _ in 0..self.unread.len() {
            let Some(socket) = self.unread.pop_front() else { break };
            self.attend(socket, true, false, hear);
        }
        for event in &events {
            let Token(socket) = event.token();
            self.attend(
                socket,
                event.is_read_closed() || event.is_error(),
                event.is_writable(),
                hear,
            );
        }
        self.events = events;
        Ok(())
    }

    /// Sends one message, or as much of it as the socket takes now. A socket that is not open says nothing.
    pub fn send(&mut self, socket: usize, opcode: Opcode, payload: &[u8]) -> bool {
        let Some(line) = self.lines.get_mut(socket) else { return false };
        let Stage::Open(stream) = &mut line.stage else { return false };
        encode::push_client_frame(&mut line.out, opcode, self.random.key(), payload);
        match flush(stream, &mut line.out) {
            Ok(()) => true,
            Err(error) => {
                self.end(socket, format!("cut: {error}"));
                false
            }
        }
    }

    /// Turns for so long.
    pub fn turn_for(
        &mut self,
        time: Duration,
        hear: &mut impl FnMut(Heard<'_>),
    ) -> Result<(), String> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.turn(until, hear)?;
        }
        Ok(())
    }

    /// Says goodbye to all that are open and waits, for at most `patience`, until they have ended.
    pub fn part(mut self, patience: Duration) -> Result<(), String> {
        for socket in 0..self.lines.len() {
            let line = &mut self.lines[socket];
            if let Stage::Open(stream) = &mut line.stage {
                encode::push_client_close(
                    &mut line.out,
                    self.random.key(),
                    Some(close::NORMAL),
                    "",
                );
                if flush(stream, &mut line.out).is_err() {
                    self.end(socket, "cut while saying goodbye".to_owned());
                }
            }
        }
        self.plan.sockets = self.lines.len();
        let deadline = Instant::now() + patience;
        while self.counts.open > 0 && Instant::now() < deadline {
            self.turn(deadline, &mut |_| {})?;
        }
        Ok(())
    }

    /// Cuts all of them at once, without a word: the other end is told that they are gone by the network.
    pub fn cut(self) -> usize {
        let mut cut = 0;
        for line in &self.lines {
            if let Stage::Open(stream) = &line.stage {
                // Where it cannot be, the line ends a little more politely.
                let _politely = sockopt::set_socket_linger(stream, Some(Duration::ZERO));
                cut += 1;
            }
        }
        cut
    }

    /// Begins to open one more.
    fn begin(&mut self, now: Instant) {
        let socket = self.lines.len();
        let decoder = Decoder::new(Arc::clone(&self.limits), Role::Client);
        self.lines.push(Line { stage: Stage::Ended, out: Vec::new(), decoder });
        self.counts.opening += 1;
        let begun = TcpStream::connect(self.plan.target.address).and_then(|mut stream| {
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(socket), both)?;
            Ok(stream)
        });
        match begun {
            Ok(stream) => {
                self.lines[socket].stage = Stage::Connecting(stream);
                self.opening.push_back((socket, now + self.plan.timeout));
            }
            Err(error) => self.end(socket, format!("failed to connect: {error}")),
        }
    }

    /// Ends those that took too long to open.
    fn give_up(&mut self, now: Instant) {
        while let Some(&(socket, deadline)) = self.opening.front() {
            let patience = self.plan.timeout.as_millis();
            let why = match self.lines[socket].stage {
                Stage::Connecting(_) if deadline <= now => {
                    format!("failed to connect: no answer within {patience} ms")
                }
                Stage::Asking(..) if deadline <= now => {
                    format!("failed to open: no answer to the upgrade within {patience} ms")
                }
                Stage::Connecting(_) | Stage::Asking(..) => return,
                Stage::Open(_) | Stage::Ended => {
                    self.opening.pop_front();
                    continue;
                }
            };
            self.opening.pop_front();
            self.end(socket, why);
        }
    }

    /// Something happened at this socket.
    fn attend(
        &mut self,
        socket: usize,
        to_the_end: bool,
        writable: bool,
        hear: &mut impl FnMut(Heard<'_>),
    ) {
        if let Stage::Connecting(stream) = &self.lines[socket].stage {
            match is_connected(stream) {
                Ok(false) => return,
                Ok(true) => self.ask(socket),
                Err(error) => return self.end(socket, format!("failed to connect: {error}")),
            }
        } else if writable && let Err(why) = self.lines[socket].flush() {
            return self.end(socket, why);
        }
        if let Err(why) = self.read(socket, to_the_end, hear) {
            self.end(socket, why);
        }
    }

    /// Connected: asks to become a WebSocket.
    fn ask(&mut self, socket: usize) {
        let line = &mut self.lines[socket];
        let Stage::Connecting(stream) = std::mem::replace(&mut line.stage, Stage::Ended) else {
            unreachable!("only a line that connects asks");
        };
        let opening = Opening::new(self.random.nonce());
        let target = &self.plan.target;
        let asked = match opening.request_bytes(&target.host, &target.path, &[]) {
            Ok(request) => {
                line.out = request;
                line.stage = Stage::Asking(stream, opening, Vec::new());
                line.flush()
            }
            Err(fault) => Err(format!("failed to open: {fault}")),
        };
        if let Err(why) = asked {
            self.end(socket, why);
        }
    }

    /// Reads what is there. An error says why the line ends.
    fn read(
        &mut self,
        socket: usize,
        to_the_end: bool,
        hear: &mut impl FnMut(Heard<'_>),
    ) -> Result<(), String> {
        for _ in 0..READS_MAX {
            let line = &mut self.lines[socket];
            let stream = match &mut line.stage {
                Stage::Asking(stream, ..) | Stage::Open(stream) => stream,
                Stage::Connecting(_) | Stage::Ended => return Ok(()),
            };
            let size = match stream.read(&mut self.buffer) {
                Ok(0) => return Err(cut_off(&line.stage)),
                Ok(size) => size,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("cut: {error}")),
            };
            let at_ns = wall_ns();
            let mut from = 0;
            if let Stage::Asking(_, opening, answer) = &mut line.stage {
                let before = answer.len();
                answer.extend_from_slice(&self.buffer[..size]);
                let parsed = head::response(answer);
                let Some((response, used)) =
                    parsed.map_err(|bad| format!("failed to open: {bad}"))?
                else {
                    continue;
                };
                opening.check(&response).map_err(|fault| format!("failed to open: {fault}"))?;
                from = used.saturating_sub(before);
                self.greet(socket);
            }
            self.decode(socket, from..size, at_ns, hear)?;
            // A stream that gave less than it was asked for has no more (epoll(7)), unless its end is next.
            if size < self.buffer.len() && !to_the_end {
                return Ok(());
            }
        }
        self.unread.push_back(socket);
        Ok(())
    }

    /// The line is a WebSocket now: says what is to be said.
    fn greet(&mut self, socket: usize) {
        let line = &mut self.lines[socket];
        if let Stage::Asking(stream, ..) = std::mem::replace(&mut line.stage, Stage::Ended) {
            // Without it the line is slower, not wrong.
            let _ = stream.set_nodelay(true);
            line.stage = Stage::Open(stream);
        }
        self.counts.opening -= 1;
        self.counts.open += 1;
        self.counts.opened += 1;
        for text in &self.plan.say {
            let key = self.random.key();
            encode::push_client_frame(&mut line.out, Opcode::Text, key, text.as_bytes());
        }
    }

    /// Tells the messages in a part of the buffer, and answers what asks for an answer.
    fn decode(
        &mut self,
        socket: usize,
        part: std::ops::Range<usize>,
        at_ns: u64,
        hear: &mut impl FnMut(Heard<'_>),
    ) -> Result<(), String> {
        let line = &mut self.lines[socket];
        let mut chunk = Chunk::new(&mut self.buffer[part]);
        let mut over = None;
        loop {
            match line.decoder.next(&mut chunk) {
                Ok(None) => break,
                Ok(Some(Incoming::Text(text))) => {
                    hear(Heard { socket, payload: text.as_bytes(), is_pong: false, at_ns });
                }
                Ok(Some(Incoming::Binary(payload))) => {
                    hear(Heard { socket, payload, is_pong: false, at_ns });
                }
                Ok(Some(Incoming::Ping(payload))) => {
                    let key = self.random.key();
                    encode::push_client_frame(&mut line.out, Opcode::Pong, key, payload);
                }
                Ok(Some(Incoming::Pong(payload))) => {
                    hear(Heard { socket, payload, is_pong: true, at_ns });
                }
                Ok(Some(Incoming::Close { code, reason })) => {
                    encode::push_client_close(&mut line.out, self.random.key(), code, "");
                    let code = code.map_or("no code".to_owned(), |code| code.to_string());
                    over = Some(
                        format!("closed by the server: {code} {reason}").trim_end().to_owned(),
                    );
                    break;
                }
                Err(Violation { code, reason }) => {
                    encode::push_client_close(
                        &mut line.out,
                        self.random.key(),
                        Some(code),
                        &reason,
                    );
                    over = Some(format!("closed by us: {code} {reason}"));
                    break;
                }
            }
        }
        if !line.out.is_empty() {
            line.flush()?;
        }
        over.map_or(Ok(()), Err)
    }

    fn end(&mut self, socket: usize, why: String) {
        match std::mem::replace(&mut self.lines[socket].stage, Stage::Ended) {
            Stage::Open(_) => self.counts.open -= 1,
            Stage::Connecting(_) | Stage::Asking(..) | Stage::Ended => self.counts.opening -= 1,
        }
        self.lines[socket].out = Vec::new();
        *self.ended.entry(why).or_default() += 1;
    }
}

impl Line {
    fn flush(&mut self) -> Result<(), String> {
        match &mut self.stage {
            Stage::Asking(stream, ..) | Stage::Open(stream) => {
                flush(stream, &mut self.out).map_err(|error| format!("cut: {error}"))
            }
            Stage::Connecting(_) | Stage::Ended => Ok(()),
        }
    }
}

/// Writes as much as the socket takes; the rest goes when it is writable again.
fn flush(stream: &mut TcpStream, out: &mut Vec<u8>) -> io::Result<()> {
    let mut taken = 0;
    while taken < out.len() {
        match stream.write(&out[taken..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(size) => taken += size,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.drain(..taken);
    if out.is_empty() {
        // A line that only listens keeps no memory for speaking.
        *out = Vec::new();
    }
    Ok(())
}

fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

fn cut_off(stage: &Stage) -> String {
    match stage {
        Stage::Open(_) => "cut: the server ended the connection without a close frame".to_owned(),
        _ => "failed to open: the server ended the connection instead of answering".to_owned(),
    }
}
