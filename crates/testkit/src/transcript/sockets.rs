//! The stage of real sockets: the same transcripts against a venue that is served on loopback.
//!
//! Both clocks are moved by the transcript, so that nothing is late on a busy machine: a client that was told
//! goodbye is not cut off while the test has not yet come to reading. Only what there is between two ends of a
//! network cannot be had here: room for what a client does not read ([`Setup::memory_only`](super::Setup)).

use std::collections::VecDeque;
use std::time::Duration;

use dialects::{HttpRequest, HttpResponse};
use edge::ws::{Opcode, encode};
use model::{Action, Cadence, Event, EventBody, InstrumentId, Query, Span, Time};

use super::{Heard, Line, Stage, Transcript};
use crate::people::Person;
use crate::served::line::{Head, upgrade_request_with};
use crate::served::{self, Served, Setup};

/// The only header of an answer that a transcript looks at, besides its content type.
const SIGNATURE: &str = "x-server-auth-signature";

/// A venue over sockets.
pub struct Sockets {
    served: Served,
    /// Market time.
    now: Time,
    /// The wall's time.
    wall: Time,
    lines: Vec<Socket>,
    fences: u64,
    /// Session time was moved, and from then on a ping would be a sign of life too many.
    was_waited: bool,
}

struct Socket {
    line: served::Line,
    heard: VecDeque<Heard>,
    stalled: bool,
    /// Its close was heard, or its end: it answers nothing any more.
    closed: bool,
    ended: bool,
}

impl Sockets {
    /// Serves a venue.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let mut setup = setup.session_by_hand();
        setup.settings.ids_are_counted = true;
        let (now, wall) = (setup.begins, setup.begins);
        let (lines, fences, was_waited) = (Vec::new(), 0, false);
        Self { served: setup.serve(), now, wall, lines, fences, was_waited }
    }

    /// Whether a transcript can be played here.
    #[must_use]
    pub const fn plays(transcript: &Transcript) -> bool {
        !transcript.setup.memory_only
    }

    fn advance(&mut self, span: Span) {
        self.served.market.pass(span);
        self.now = self.now + span;
    }

    /// Reads all that a client was told: two pings and what came before their pongs. Between its reading of the
    /// two, a loop hands out everything that was told before the first.
    fn fence(&mut self, line: Line) {
        let socket = &mut self.lines[line];
        if socket.stalled || socket.closed {
            return;
        }
        for _ in 0..2 {
            self.fences += 1;
            let payload = format!("fence {}", self.fences);
            let mut ping = Vec::new();
            encode::push_client_frame(&mut ping, Opcode::Ping, [1, 2, 3, 4], payload.as_bytes());
            // The server may have ended it; then that is what is read.
            let _gone = socket.line.try_send(&ping);
            while socket.read() {
                if matches!(socket.heard.back(), Some(Heard::Pong(pong)) if *pong == payload) {
                    socket.heard.pop_back();
                    break;
                }
            }
        }
    }
}

impl Socket {
    /// Reads one thing; returns whether more may come before a fence.
    fn read(&mut self) -> bool {
        if self.closed {
            return false;
        }
        self.hear();
        !self.closed
    }

    fn hear(&mut self) {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let heard = match self.line.hear() {
            served::Heard::Text(text) => Heard::Text(text),
            served::Heard::Ping(payload) => Heard::Ping(text(payload)),
            served::Heard::Pong(payload) => Heard::Pong(text(payload)),
            served::Heard::Close(code, reason) => {
                self.closed = true;
                Heard::Close(code, reason)
            }
            served::Heard::End | served::Heard::Lost(_) => {
                (self.closed, self.ended) = (true, true);
                Heard::Dropped
            }
        };
        self.heard.push_back(heard);
    }
}

impl Stage for Sockets {
    fn door(&self) -> &str {
        self.served.path()
    }

    fn knock(&mut self, target: &str, headers: &[(&str, &str)]) -> Result<Line, HttpResponse> {
        let mut line = self.served.line();
        let mut sent = headers.to_vec();
        if !headers.iter().any(|(name, _)| *name == "host") {
            sent.push(("host", "localhost"));
        }
        line.send(upgrade_request_with(target, &sent));
        line.upgraded().map_err(|(head, body)| response(&head, body))?;
        let (stalled, closed, ended) = (false, false, false);
        let heard = VecDeque::new();
        self.lines.push(Socket { line, heard, stalled, closed, ended });
        let line = self.lines.len() - 1;
        // Its loop has it before any time passes.
        self.fence(line);
        Ok(line)
    }

    fn send(&mut self, line: Line, bytes: &[u8]) {
        // The server may have ended it; then that is what is heard.
        let _gone = self.lines[line].line.try_send(bytes);
        self.fence(line);
        // The boards take up subscriptions in the order of their mail, so that this one is behind them.
        self.served.market.ask(Query::Now);
    }

    fn hear(&mut self, line: Line) -> Option<Heard> {
        let socket = &mut self.lines[line];
        if socket.heard.is_empty() && !socket.ended && socket.line.await_news() {
            socket.hear();
        }
        socket.heard.pop_front()
    }

    fn overhear(&mut self, line: Line) -> Option<Heard> {
        if self.lines[line].heard.is_empty() && !self.was_waited {
            self.fence(line);
        } else {
            self.served.turn();
        }
        let socket = &mut self.lines[line];
        while !socket.ended && !socket.stalled && socket.line.has_news() {
            socket.hear();
        }
        socket.heard.pop_front()
    }

    fn stall(&mut self, line: Line, stalls: bool) {
        self.lines[line].stalled = stalls;
    }

    fn act(&mut self, action: Action) -> Vec<Event> {
        self.served.market.do_now(action)
    }

    fn tell(&mut self, instrument: InstrumentId, body: EventBody) {
        self.served.market.tell(instrument, body);
        self.served.market.settle();
    }

    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while self.now + self.until_tick() <= end {
            self.advance(self.until_tick());
            self.served.market.act(Action::Tick(Cadence::TENTH));
        }
        self.advance(end - self.now);
        self.served.market.settle();
    }

    fn until_tick(&self) -> Span {
        let step = Cadence::TENTH.0.0;
        Span(step - self.now.0.rem_euclid(step))
    }

    fn wait(&mut self, span: Duration) {
        self.was_waited = true;
        self.served.wait(span);
        let micros = i64::try_from(span.as_micros()).expect("a transcript's time is short");
        self.wall = self.wall + Span::micros(micros);
    }

    fn wall(&self) -> Time {
        self.wall
    }

    fn ask(&mut self, request: &HttpRequest<'_>) -> HttpResponse {
        self.served.edge.session_clock.set_wall(request.wall);
        let mut line = self.served.line();
        let query = request.query.map_or_else(String::new, |query| format!("?{query}"));
        let mut sent = format!("{} {}{query} HTTP/1.1\r\n", request.method, request.path);
        for (name, value) in request.headers {
            sent += &format!("{name}: {value}\r\n");
        }
        sent += &format!("content-length: {}\r\n\r\n", request.body.len());
        line.send([sent.as_bytes(), request.body].concat());
        let (head, body) = line.answer().expect("an answer");
        response(&head, body)
    }

    fn admit(&mut self, person: &Person) {
        let _pass = self.served.admit(person);
    }

    fn revoke(&mut self, person: &Person) {
        self.served.revoke(person);
        self.served.turn();
    }

    fn block(&mut self, person: &Person, blocked: bool) {
        self.served.block(person, blocked);
        self.served.turn();
    }

    fn host(&self) -> &'static str {
        self.served.host()
    }

    fn fail_disk(&mut self) {
        self.served.market.fail_disk();
    }

    fn shut_down(&mut self) {
        self.served.leave();
    }
}

fn response(head: &Head, body: String) -> HttpResponse {
    let content_type = match head.header("content-type") {
        Some("application/json") => Some("application/json"),
        Some("text/html") => Some("text/html"),
        None => None,
        Some(_) => Some("another content type"),
    };
    let signature = head.header(SIGNATURE).map(|value| (SIGNATURE, value.to_owned()));
    HttpResponse {
        status: head.status,
        content_type,
        headers: signature.into_iter().collect(),
        body: body.into_bytes(),
    }
}
