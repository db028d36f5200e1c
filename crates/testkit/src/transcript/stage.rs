//! Where transcripts are played.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use dialects::{HttpRequest, HttpResponse};
use edge::ws::Role;
use edge::ws::decode::{Chunk, Decoder, Incoming, Limits};
use model::{Action, Event, EventBody, InstrumentId, Span, Time};

use crate::people::Person;

/// One connection on a stage.
pub type Line = usize;

/// What a client heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text message.
    Text(String),
    /// A binary message, which no dialect sends.
    Binary(Vec<u8>),
    /// A ping.
    Ping(String),
    /// A pong.
    Pong(String),
    /// A close frame.
    Close(Option<u16>, String),
    /// The connection ended.
    Dropped,
}

/// A venue on which transcripts are played: sockets, a market and two clocks. Whatever it is told has had all of
/// its consequences once the call returns.
pub trait Stage {
    /// Opens a connection at the door at which clients of this stage knock where nothing else is said.
    fn connect(&mut self) -> Line {
        let door = self.door().to_owned();
        self.knock(&door, &[]).expect("its clients are let in where nothing else is said")
    }
    /// That door: a path, with a query where the venue asks for one.
    fn door(&self) -> &str;
    /// Asks for a connection at this path, with its query, by a request with these headers.
    ///
    /// # Errors
    /// The answer of a venue that refuses it.
    fn knock(&mut self, target: &str, headers: &[(&str, &str)]) -> Result<Line, HttpResponse>;
    /// A client sends these bytes on the wire.
    fn send(&mut self, line: Line, bytes: &[u8]);
    /// What a client reads next, where something has to come; `None` if nothing does.
    fn hear(&mut self, line: Line) -> Option<Heard>;
    /// What a client reads next, where nothing has to come; `None` if nothing waits.
    fn overhear(&mut self, line: Line) -> Option<Heard>;
    /// A client stops reading, or reads again.
    fn stall(&mut self, line: Line, stalls: bool);
    /// Somebody acts on the market now. Returns what happened.
    fn act(&mut self, action: Action) -> Vec<Event>;
    /// A source by level tells this now.
    fn tell(&mut self, instrument: InstrumentId, body: EventBody);
    /// The market's clock moves so far; ticks are told on the way.
    fn pass(&mut self, span: Span);
    /// How far the next tick is.
    fn until_tick(&self) -> Span;
    /// The sessions' clock moves so far.
    fn wait(&mut self, span: Duration);
    /// The wall's time, by which requests over HTTP are fresh.
    fn wall(&self) -> Time;
    /// Asks the HTTP half.
    fn ask(&mut self, request: &HttpRequest<'_>) -> HttpResponse;
    /// A pass is issued to somebody, as if it had been asked for.
    fn admit(&mut self, person: &Person);
    /// Somebody's key is good no longer.
    fn revoke(&mut self, person: &Person);
    /// Somebody's account is blocked, or is not any more.
    fn block(&mut self, person: &Person, blocked: bool);
    /// What is submitted next cannot be kept, and nothing is taken behind it.
    fn fail_disk(&mut self);
    /// The host that clients of the venue ask.
    fn host(&self) -> &'static str;
    /// The server begins to leave.
    fn shut_down(&mut self);
}

/// A client's end of a wire: bytes in, what was heard out.
pub struct Ear {
    decoder: Decoder,
    heard: VecDeque<Heard>,
}

impl Default for Ear {
    fn default() -> Self {
        let limits = Arc::new(Limits::of_messages(64 << 20));
        Self { decoder: Decoder::new(limits, Role::Client), heard: VecDeque::new() }
    }
}

impl Ear {
    /// These bytes came.
    ///
    /// # Panics
    /// If they are no frames of a server.
    pub fn bring(&mut self, bytes: &mut [u8]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut chunk = Chunk::new(bytes);
        loop {
            match self.decoder.next(&mut chunk) {
                Ok(None) => return,
                Ok(Some(Incoming::Text(said))) => self.heard.push_back(Heard::Text(said.into())),
                Ok(Some(Incoming::Binary(said))) => {
                    self.heard.push_back(Heard::Binary(said.into()))
                }
                Ok(Some(Incoming::Ping(said))) => self.heard.push_back(Heard::Ping(text(said))),
                Ok(Some(Incoming::Pong(said))) => self.heard.push_back(Heard::Pong(text(said))),
                Ok(Some(Incoming::Close { code, reason })) => {
                    self.heard.push_back(Heard::Close(code, reason.into()));
                }
                Err(violation) => panic!("the server broke the protocol: {violation:?}"),
            }
        }
    }

    /// The connection ended.
    pub fn drop_line(&mut self) {
        if self.heard.back() != Some(&Heard::Dropped) {
            self.heard.push_back(Heard::Dropped);
        }
    }

    /// What was heard and not yet taken, the oldest first.
    pub fn take(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }
}
