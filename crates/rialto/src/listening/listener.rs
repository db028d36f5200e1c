//! The conversation with a venue: its connector says what to say and to fetch; what comes of it is told to a witness, and heard
//! by the connector, which notices what makes no sense. A connection that ends is made again, ever less eagerly, and from
//! its end on a gap is marked.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dialects::published::Beat;
use dialects::{Connector, Errand, Heard};
use feed::recording::{Frame, What};
use model::Time;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::fetch::Fetcher;
use super::line::{Answered, Socket};
use super::secret::Secret;
use super::target::Target;
use crate::run::{Failure, Signals, failed};

/// How long after a connection ended the next is asked for: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A connection that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(60);
/// Whoever says nothing for so long is pinged.
const QUIET: Duration = Duration::from_secs(20);
/// Whoever says nothing for so long is gone.
const SILENT: Duration = Duration::from_secs(60);
/// How long the venue may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// How many pages are fetched at a time.
const FETCHES: usize = 4;
/// How often a page is asked for before the connection is given up.
const TRIES: u32 = 5;

/// Who is told what happens between a listener and the venue. An error ends the listening.
pub trait Witness {
    /// Something was called, opened, said, heard, fetched or closed. Keys are not in it; `redacted` says whether one was.
    fn note(&mut self, what: What, redacted: bool) -> Result<(), Failure>;

    /// What the connector made of what was heard just now; nothing may have come of it.
    fn heard(&mut self, connector: &dyn Connector, heard: &[Heard]) -> Result<(), Failure> {
        let _ = (connector, heard);
        Ok(())
    }

    /// From here on something may be missing.
    fn gap(&mut self, why: &str) -> Result<(), Failure>;

    /// The connection is made again after this pause.
    fn again(&mut self, why: &str, pause: Duration) -> Result<(), Failure>;

    /// When it wants a [`Witness::turn`].
    fn due(&self) -> Option<Instant> {
        None
    }

    /// It is time for what it wanted to do.
    fn turn(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// The conversation goes on: a moment to say so.
    fn glance(&mut self) {}
}

/// Now, by the wall's clock.
pub fn wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Listens to one venue.
pub struct Listener<W> {
    /// Who is called.
    pub target: Target,
    /// What is said and not written.
    pub secret: Secret,
    /// Knows what to say.
    pub connector: Box<dyn Connector>,
    /// What the venue wants to hear now and then.
    pub beat: Option<Beat>,
    /// Fetches pages.
    pub fetcher: Fetcher,
    /// Is told all of it.
    pub witness: W,
    /// What is said besides.
    pub says: Vec<String>,
}

/// How it ends as it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By a signal.
    Asked,
    /// It lasted as long as it was to.
    Over,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked to end",
            Self::Over => "its time is over",
        })
    }
}

/// Until when it is listened.
pub struct Until {
    deadline: Option<Instant>,
    signals: Signals,
    asked: Option<Rc<Notify>>,
}

impl Until {
    /// For so long, or until a signal comes.
    ///
    /// # Errors
    /// [`Failure`] if signals cannot be waited for.
    pub fn of(lasts: Option<Duration>) -> Result<Self, Failure> {
        let deadline = lasts.map(|lasts| Instant::now() + lasts);
        let signals = Signals::of_the_system().map_err(failed("wait for a signal"))?;
        Ok(Self { deadline, signals, asked: None })
    }

    /// Or until this is notified.
    #[cfg(feature = "watch")]
    pub fn or(mut self, asked: Rc<Notify>) -> Self {
        self.asked = Some(asked);
        self
    }

    async fn come(&mut self) -> End {
        let over = at(self.deadline);
        let asked = async {
            match &self.asked {
                Some(asked) => asked.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.signals.ask_to_end() => End::Asked,
            () = asked => End::Asked,
            () = over => End::Over,
        }
    }
}

/// At this moment; never if it is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Why a connection ended.
enum Ended {
    /// It is to end.
    End(End),
    /// The connection is to be made anew.
    Lost(String),
}

/// A page that was asked for: path, try, and what came of it.
type Fetched = (String, u32, Result<(u16, Vec<u8>), String>);

/// Pages that are wanted.
#[derive(Default)]
struct Fetches {
    waiting: VecDeque<(String, u32)>,
    running: JoinSet<Fetched>,
}

impl Fetches {
    fn turn(&mut self, fetcher: &Fetcher) {
        while self.running.len() < FETCHES
            && let Some((path, tried)) = self.waiting.pop_front()
        {
            let fetcher = fetcher.clone();
            self.running.spawn(async move {
                if tried > 0 {
                    tokio::time::sleep(Duration::from_secs(1 << tried.min(5))).await;
                }
                let answer = fetcher.get(&path).await;
                (path, tried + 1, answer)
            });
        }
    }
}

impl<W: Witness> Listener<W> {
    /// Notes the venue's directory, from which its instruments are known.
    ///
    /// # Errors
    /// [`Failure`] of the witness.
    pub fn directory(&mut self, path: &str, body: Vec<u8>) -> Result<(), Failure> {
        self.note(What::Fetched { path: path.to_owned(), status: 200, body })
    }

    /// Listens until the end.
    ///
    /// # Errors
    /// [`Failure`] of the witness; or the venue granted no connection at all.
    pub async fn listen(&mut self, mut until: Until) -> Result<End, Failure> {
        let mut pause = PAUSES.0;
        let mut granted = false;
        loop {
            let url = self.target.url();
            self.note(What::Called { url })?;
            let asked = Socket::open(self.fetcher.caller(), &self.target.socket, &self.target.path);
            let answered = tokio::select! {
                answered = asked => answered,
                end = until.come() => {
                    self.note(What::Closed { why: end.to_string() })?;
                    return Ok(end);
                }
            };
            let began = Instant::now();
            let why = match self.opened(answered)? {
                Ok(socket) => {
                    granted = true;
                    match self.converse(socket, &mut until).await? {
                        Ended::End(end) => return Ok(end),
                        Ended::Lost(why) => why,
                    }
                }
                Err(why) if !granted => {
                    let why = self.secret.hide(&why).0;
                    return Err(Failure(format!("failed to listen to the venue: {why}")));
                }
                Err(why) => why,
            };
            let why = self.secret.hide(&why).0;
            if began.elapsed() >= GOOD {
                pause = PAUSES.0;
            }
            self.witness.again(&why, pause)?;
            let again = Instant::now() + pause;
            pause = (pause * 2).min(PAUSES.1);
            loop {
                tokio::select! {
                    end = until.come() => return Ok(end),
                    () = at(Some(again)) => break,
                    () = at(self.witness.due()) => self.witness.turn()?,
                }
            }
        }
    }

    /// Writes down how the venue answered.
    fn opened(&mut self, answered: Answered) -> Result<Result<Socket, String>, Failure> {
        match answered.socket {
            Ok(socket) => {
                let (answer, hidden) = without_cookies(&answered.head);
                let (answer, secret) = self.secret.hide_bytes(&answer);
                self.witness.note(What::Opened { answer }, hidden || secret)?;
                Ok(Ok(socket))
            }
            Err(why) => {
                self.note(What::Closed { why: why.clone() })?;
                Ok(Err(why))
            }
        }
    }

    /// Speaks with the venue until the connection ends, one way or another. Marks what that means.
    async fn converse(&mut self, mut socket: Socket, until: &mut Until) -> Result<Ended, Failure> {
        let ended = self.talk(&mut socket, until).await?;
        let (code, why) = match &ended {
            Ended::End(end) => (1000, end.to_string()),
            Ended::Lost(why) => (1000, why.clone()),
        };
        let goodbye = Frame::Close { code: Some(code), reason: String::new() };
        // Whoever is gone cannot be told.
        if self.say(&mut socket, goodbye).await?.is_ok() && matches!(ended, Ended::End(_)) {
            let deadline = Instant::now() + GOODBYE;
            let mut is_over = false;
            while !is_over {
                tokio::select! {
                    read = socket.read() => {
                        let mut frames = Vec::new();
                        is_over = !read.unwrap_or(false);
                        is_over |= socket.decode(|frame| frames.push(frame)).is_err();
                        for frame in frames {
                            is_over |= matches!(frame, Frame::Close { .. });
                            self.note(What::Heard(frame))?;
                        }
                    }
                    () = at(Some(deadline)) => is_over = true,
                }
            }
        }
        self.note(What::Closed { why: why.clone() })?;
        if let Ended::Lost(why) = &ended {
            let why = self.secret.hide(why).0;
            self.witness.gap(&why)?;
        }
        Ok(ended)
    }

    /// Speaks with the venue. Returns why no longer.
    async fn talk(&mut self, socket: &mut Socket, until: &mut Until) -> Result<Ended, Failure> {
        let mut fetches = Fetches::default();
        let mut errands = Vec::new();
        let mut heard = Vec::new();
        self.connector.opened(&mut errands);
        errands.extend(self.says.iter().map(|text| Errand::Say(text.clone().into_bytes())));
        let mut beat = self.beat.map(|beat| Instant::now() + beat.every);
        let (mut last, mut pinged) = (Instant::now(), false);
        loop {
            for errand in std::mem::take(&mut errands) {
                match errand {
                    Errand::Say(text) => {
                        if let Err(why) = self.say(socket, Frame::Text(text)).await? {
                            return Ok(Ended::Lost(why));
                        }
                    }
                    Errand::Fetch(path) => fetches.waiting.push_back((path, 0)),
                    Errand::Reconnect => {
                        return Ok(Ended::Lost("the venue asks for another connection".to_owned()));
                    }
                }
            }
            fetches.turn(&self.fetcher);
            self.witness.glance();
            let quiet = last + if pinged { SILENT } else { QUIET };
            tokio::select! {
                biased;
                end = until.come() => return Ok(Ended::End(end)),
                fetched = fetches.running.join_next(), if !fetches.running.is_empty() => {
                    let Some(Ok((path, tries, answer))) = fetched else { continue };
                    if let Err(why) = self.fetched((path, tries, answer), &mut fetches, &mut heard, &mut errands)? {
                        return Ok(Ended::Lost(why));
                    }
                }
                () = at(self.witness.due()) => self.witness.turn()?,
                () = at(beat) => {
                    let Some(Beat { every, say }) = self.beat else { continue };
                    beat = Some(Instant::now() + every);
                    let frame = say.map_or(Frame::Ping(Vec::new()), |text| Frame::Text(text.to_vec()));
                    if let Err(why) = self.say(socket, frame).await? {
                        return Ok(Ended::Lost(why));
                    }
                }
                read = socket.read() => {
                    (last, pinged) = (Instant::now(), false);
                    let over = match read {
                        Ok(true) => None,
                        Ok(false) => Some("the venue ended the connection".to_owned()),
                        Err(error) => Some(format!("the connection was lost: {error}")),
                    };
                    let ended = self.hear(socket, &mut heard, &mut errands).await?;
                    if let Some(why) = ended.or(over) {
                        return Ok(Ended::Lost(why));
                    }
                }
                () = at(Some(quiet)) => {
                    if pinged {
                        let seconds = SILENT.as_secs();
                        return Ok(Ended::Lost(format!("the venue said nothing for {seconds} s")));
                    }
                    pinged = true;
                    if let Err(why) = self.say(socket, Frame::Ping(Vec::new())).await? {
                        return Ok(Ended::Lost(why));
                    }
                }
                () = at(Some(Instant::now() + Duration::from_millis(500))) => {}
            }
            heard.clear();
        }
    }

    /// Takes in what was read. Returns why the connection is to end, if it is.
    async fn hear(
        &mut self,
        socket: &mut Socket,
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<Option<String>, Failure> {
        let mut frames = Vec::new();
        let broken = socket.decode(|frame| frames.push(frame));
        let mut ended = None;
        for frame in frames {
            self.note(What::Heard(frame.clone()))?;
            match frame {
                Frame::Text(text) if ended.is_none() => {
                    if let Err(misheard) = self.connector.message(&text, heard, errands) {
                        ended = Some(misheard.to_string());
                    }
                    self.witness.heard(&*self.connector, heard)?;
                }
                Frame::Ping(bytes) => {
                    if let Err(why) = self.say(socket, Frame::Pong(bytes)).await? {
                        ended.get_or_insert(why);
                    }
                }
                Frame::Close { code, reason } => {
                    let code = code.map_or("no code".to_owned(), |code| code.to_string());
                    ended.get_or_insert(format!(
                        "the venue closed the connection ({code}) {reason}"
                    ));
                }
                Frame::Text(_) | Frame::Binary(_) | Frame::Pong(_) => {}
            }
            heard.clear();
        }
        if let Err(violation) = broken {
            ended.get_or_insert(format!("the venue broke the protocol: {violation}"));
        }
        Ok(ended)
    }

    /// Takes in a page. The error is why the connection is to end.
    fn fetched(
        &mut self,
        (path, tries, answer): Fetched,
        fetches: &mut Fetches,
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<Result<(), String>, Failure> {
        let why = match answer {
            Ok((status, body)) => {
                let what = What::Fetched { path: path.clone(), status, body };
                self.note(what.clone())?;
                let What::Fetched { body, .. } = what else { return Ok(Ok(())) };
                if status == 200 {
                    let outcome = self.connector.fetched(&path, &body, heard, errands);
                    self.witness.heard(&*self.connector, heard)?;
                    return Ok(outcome.map_err(|misheard| misheard.to_string()));
                }
                format!("status {status}")
            }
            Err(why) => why,
        };
        if tries >= TRIES {
            return Ok(Err(format!("{path} could not be fetched: {why}")));
        }
        fetches.waiting.push_back((path, tries));
        Ok(Ok(()))
    }

    /// Says something, and writes it down. The inner error is why it could not be said.
    async fn say(
        &mut self,
        socket: &mut Socket,
        frame: Frame,
    ) -> Result<Result<(), String>, Failure> {
        let said = socket.say(&frame).await;
        if said.is_ok() {
            self.note(What::Said(frame))?;
        }
        Ok(said)
    }

    /// Writes something down without what is secret.
    fn note(&mut self, what: What) -> Result<(), Failure> {
        let secret = &self.secret;
        let (what, hidden) = match what {
            What::Heard(frame) => {
                let (frame, hidden) = without(secret, frame);
                (What::Heard(frame), hidden)
            }
            What::Said(frame) => {
                let (frame, hidden) = without(secret, frame);
                (What::Said(frame), hidden)
            }
            What::Called { url } => {
                let (url, hidden) = secret.hide(&url);
                (What::Called { url }, hidden)
            }
            What::Closed { why } => {
                let (why, hidden) = secret.hide(&why);
                (What::Closed { why }, hidden)
            }
            What::Fetched { path, status, body } => {
                let ((path, one), (body, other)) = (secret.hide(&path), secret.hide_bytes(&body));
                (What::Fetched { path, status, body }, one || other)
            }
            other => (other, false),
        };
        self.witness.note(what, hidden)
    }
}

fn without(secret: &Secret, frame: Frame) -> (Frame, bool) {
    let hide = |bytes: &[u8]| secret.hide_bytes(bytes);
    match frame {
        Frame::Text(bytes) => {
            let (bytes, hidden) = hide(&bytes);
            (Frame::Text(bytes), hidden)
        }
        Frame::Binary(bytes) => {
            let (bytes, hidden) = hide(&bytes);
            (Frame::Binary(bytes), hidden)
        }
        Frame::Close { code, reason } => {
            let (reason, hidden) = secret.hide(&reason);
            (Frame::Close { code, reason }, hidden)
        }
        control => (control, false),
    }
}

/// The head of an answer, in which cookies have no value: they may be somebody's.
fn without_cookies(head: &[u8]) -> (Vec<u8>, bool) {
    const COOKIE: &[u8] = b"set-cookie:";
    let mut hidden = false;
    let mut out = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let is_cookie =
            line.get(..COOKIE.len()).is_some_and(|name| name.eq_ignore_ascii_case(COOKIE));
        if is_cookie {
            out.extend_from_slice(&line[..COOKIE.len()]);
            out.extend_from_slice(b" ***\r\n");
            hidden = true;
        } else {
            out.extend_from_slice(line);
        }
    }
    (out, hidden)
}
