//! The HTTP half: routes a request to a dialect, to the boards, or to a page of our own, and answers it.
//!
//! What a venue's answer says is the dialect's business; what the market knows is the boards'.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use dialects::{Dialect, Documents, Doors, HttpRequest, HttpResponse, NotRevoked, Outcome, Step};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use model::Time;
use tokio::sync::oneshot;

use crate::board_thread::{BoardsHandle, Busy};
use crate::boards::Dialects;
use crate::clock::SessionClock;
use crate::following::AskFollowing;
use crate::goodbye::Goodbyes;
use crate::journal::AskJournal;
use crate::limits::{Limits, Rate, Turnstile, whose};
use crate::listener::Upgrading;
use crate::metrics::Counters;
use crate::native::{Around, Code, Floor, NAME, Native, Problem, Reply};
use crate::numbered;
use crate::pages::{self, StaticPage};
use crate::prometheus;
use crate::reactor::{Form, LoopHandle};
use crate::route::{Half, Page, Route, route};
use crate::steps::{Admitted, Clerk, Next, Service};
use crate::ws::{deflate, handshake};

/// How often an address may ask the native API, whichever keys it uses.
const NATIVE_RATE: Rate = Rate { count: 1_000, per: Duration::from_secs(1) };

/// What every HTTP request needs to be answered.
pub struct House {
    dialects: Dialects,
    /// One for each dialect.
    doors: Vec<Doors>,
    /// One for each dialect.
    turnstiles: Vec<Mutex<Turnstile>>,
    boards: BoardsHandle,
    clerk: Arc<Clerk>,
    native: Option<Native>,
    /// How often an address may ask the native API.
    native_turnstile: Mutex<Turnstile>,
    limits: Limits,
    pub(crate) counters: Arc<Counters>,
    goodbyes: Arc<Goodbyes>,
    journal: Option<AskJournal>,
    following: Option<AskFollowing>,
    pages: &'static [StaticPage],
    loops: Vec<LoopHandle>,
    /// Of each dialect, whether its sockets may be compressed.
    compresses: Vec<bool>,
    ready: AtomicBool,
    clock: SessionClock,
    /// Of each dialect's halves, once somebody asked.
    documents: OnceLock<Vec<Documented>>,
}

/// What machines are told of the halves of a dialect: of its socket, and of what is asked over HTTP.
type Documented = [Option<Bytes>; 2];

impl House {
    /// A house with these tongues, not ready yet. Session time is the loops'.
    #[must_use]
    pub fn new(
        dialects: Dialects,
        boards: BoardsHandle,
        clerk: Arc<Clerk>,
        clock: SessionClock,
        limits: Limits,
        counters: Arc<Counters>,
        goodbyes: Arc<Goodbyes>,
    ) -> Self {
        let turnstile = |dialect: &dyn Dialect| {
            let rates =
                dialect.manners().http_rates.iter().map(|&(count, per)| Rate { count, per });
            Mutex::new(Turnstile::new(rates.collect()))
        };
        Self {
            turnstiles: dialects.iter().map(|dialect| turnstile(&**dialect)).collect(),
            compresses: dialects.iter().map(|_| false).collect(),
            doors: dialects.iter().map(|dialect| dialect.doors().clone()).collect(),
            dialects,
            boards,
            clerk,
            native: None,
            journal: None,
            following: None,
            pages: &[],
            loops: Vec::new(),
            native_turnstile: Mutex::new(Turnstile::new(vec![NATIVE_RATE])),
            limits,
            counters,
            goodbyes,
            ready: AtomicBool::new(false),
            clock,
            documents: OnceLock::new(),
        }
    }

    /// The same, and the native API.
    #[must_use]
    pub fn with_native(mut self, native: Native) -> Self {
        self.native = Some(native);
        self
    }

    /// The same, and the journal that it tells of.
    #[must_use]
    pub fn with_journal(mut self, ask: AskJournal) -> Self {
        self.journal = Some(ask);
        self
    }

    /// The same, and the core that it follows.
    #[must_use]
    pub fn with_following(mut self, ask: AskFollowing) -> Self {
        self.following = Some(ask);
        self
    }

    /// The same, and these pages for people.
    #[must_use]
    pub const fn with_pages(mut self, pages: &'static [StaticPage]) -> Self {
        self.pages = pages;
        self
    }

    /// The same, and the loops that it asks for their connections.
    #[must_use]
    pub fn with_loops(mut self, loops: &[LoopHandle]) -> Self {
        self.loops = loops.to_vec();
        self
    }

    /// The same, and sockets of the dialects with these names are compressed where a client offers to.
    #[must_use]
    pub fn with_compression(mut self, names: &[&str]) -> Self {
        let dialects = self.dialects.iter();
        self.compresses = dialects.map(|dialect| names.contains(&dialect.name())).collect();
        self
    }

    /// Whether new clients are welcome: not before doors open, not while everybody is asked to leave, not when what they
    /// ask for cannot be kept, and not while the core that is followed has not been heard of lately.
    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
            && self.counters.journal_failed.read() == 0
            && self.following.as_ref().is_none_or(|ask| ask().is_fresh)
    }

    /// Tells `/readyz` whether new clients are welcome.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Answers one request. The second value is there if the connection is to become a socket.
    pub(crate) async fn respond(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        local: SocketAddr,
    ) -> (Response<Full<Bytes>>, Option<Upgrading>) {
        self.counters.http_requests.add(1);
        let upgrade = request.headers().contains_key(header::UPGRADE)
            || request.headers().contains_key(header::SEC_WEBSOCKET_KEY);
        let uri = request.uri().clone();
        let host = host_of(&request, &uri);
        match route(&self.doors, host.as_deref(), uri.path(), upgrade) {
            Route::Socket(dialect) => self.open_socket(&mut request, dialect).await,
            Route::Venue { dialect, head, tail } => {
                let path = [head, tail].concat();
                (self.ask_venue(request, dialect, &path, uri.query(), peer).await, None)
            }
            Route::House(Page::Index) | Route::Nowhere if self.shown(&request).is_some() => {
                let shown = self.shown(&request).expect("it was looked for before");
                (read_only(request.method()).unwrap_or_else(|| shown.response()), None)
            }
            Route::House(page) => (self.page(page, request.method()), None),
            Route::Native if self.native.is_some() => {
                (self.ask_native(request, peer, local).await.response(), None)
            }
            Route::Document { half, dialect } => {
                let document = self.document(half, dialect);
                let page = document.map_or_else(|| nowhere(uri.path()), json);
                (read_only(request.method()).unwrap_or(page), None)
            }
            Route::Nowhere | Route::Native => (nowhere(uri.path()), None),
        }
    }

    /// The page for people that this request is for.
    fn shown(&self, request: &Request<Incoming>) -> Option<&'static StaticPage> {
        pages::find(self.pages, request.uri().path(), request.headers())
    }

    async fn open_socket(
        &self,
        request: &mut Request<Incoming>,
        dialect: usize,
    ) -> (Response<Full<Bytes>>, Option<Upgrading>) {
        match handshake::accept(request) {
            Ok(accept) => {
                let admitted = match self.admit(dialect, request).await {
                    Ok(admitted) => admitted.map(Box::new),
                    Err(refusal) => {
                        self.counters.handshakes_refused.add(1);
                        return (refusal, None);
                    }
                };
                let (form, agreed) = self.agree(dialect, request.headers());
                let stream = hyper::upgrade::on(request);
                let mut response = accept.response().map(|()| Full::default());
                response.headers_mut().extend(agreed);
                (response, Some(Upgrading { dialect, admitted, form, stream }))
            }
            Err(refusal) => {
                self.counters.handshakes_refused.add(1);
                (
                    refusal.response().map(|text| Full::from(Bytes::from_static(text.as_bytes()))),
                    None,
                )
            }
        }
    }

    /// How a socket is told what it is told, and what its client is answered of that.
    fn agree(
        &self,
        dialect: usize,
        headers: &::http::HeaderMap,
    ) -> (Form, Option<(HeaderName, HeaderValue)>) {
        if let Some(agreed) = numbered::agree(headers) {
            return (Form::Numbered, Some((header::SEC_WEBSOCKET_PROTOCOL, agreed)));
        }
        let agreed = self.compresses[dialect].then(|| deflate::agree(headers)).flatten();
        match agreed {
            None => (Form::Plain, None),
            Some(agreed) => (Form::Compressed, Some((header::SEC_WEBSOCKET_EXTENSIONS, agreed))),
        }
    }

    /// Whether a dialect lets a client become a socket, and who was let in by which key.
    async fn admit(
        &self,
        dialect: usize,
        request: &Request<Incoming>,
    ) -> Result<Option<Admitted>, Response<Full<Bytes>>> {
        let wall = self.clock.wall();
        let headers = headers_of(request.headers());
        let step = self.dialects[dialect].admit(&HttpRequest {
            query: request.uri().query(),
            headers: &headers,
            wall,
            ..HttpRequest::bare(request.method().as_str(), request.uri().path())
        });
        let (admission, service) = self.take(dialect, step, wall).await?;
        self.clerk.admit(admission, service).map_err(worded)
    }

    async fn ask_venue(
        &self,
        request: Request<Incoming>,
        dialect: usize,
        path: &str,
        query: Option<&str>,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>> {
        if !self.lets_pass(&self.turnstiles[dialect], peer) {
            return worded(self.dialects[dialect].http_too_fast());
        }
        let (parts, body) = request.into_parts();
        let body = match self.whole(body).await {
            Ok(body) => body,
            Err((status, text)) => return plain(status, text),
        };
        let headers = headers_of(&parts.headers);
        let wall = self.clock.wall();
        let step = self.dialects[dialect].http(&HttpRequest {
            method: parts.method.as_str(),
            path,
            received_path: parts.uri.path(),
            query,
            headers: &headers,
            body: &body,
            wall,
        });
        self.take(dialect, step, wall).await.map_or_else(|busy| busy, |(it, _)| worded(it))
    }

    /// Session time.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Whether one more request from this address goes through now.
    fn lets_pass(&self, turnstile: &Mutex<Turnstile>, peer: SocketAddr) -> bool {
        let address = whose(peer.ip());
        if self.limits.loopback_exempt && address.is_loopback() {
            return true;
        }
        let mut turnstile = turnstile.lock().unwrap_or_else(PoisonError::into_inner);
        turnstile.pass(address, self.clock.now())
    }

    async fn ask_native(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        local: SocketAddr,
    ) -> Reply {
        let native = self.native.as_ref().expect("it was looked for before");
        let answered = async {
            if !self.lets_pass(&self.native_turnstile, peer) {
                return Err(Problem::new(Code::TooFast, "too many requests from this address"));
            }
            let page = native.enter(&request, local)?;
            let (parts, body) = request.into_parts();
            let body = self.whole(body).await.map_err(|(status, text)| {
                let code = match status {
                    StatusCode::PAYLOAD_TOO_LARGE => Code::TooLong,
                    StatusCode::REQUEST_TIMEOUT => Code::TooSlow,
                    _ => Code::BadBody,
                };
                Problem::new(code, text.trim_end()).at("body")
            })?;
            let now = self.clock.now();
            let floor =
                Floor { loops: &self.loops, goodbyes: &self.goodbyes, dialects: &self.dialects };
            let around = Around {
                boards: &self.boards,
                clerk: &self.clerk,
                service: Service::new(NAME, self.clock.wall(), now),
                now,
                ready: self.is_ready(),
                journal: self.journal.as_ref(),
                peer,
                floor,
            };
            native.answer(page, &parts, &body, around).await
        };
        answered.await.unwrap_or_else(|problem| {
            if problem.code == Code::Busy {
                self.counters.http_busy.add(1);
            }
            problem.reply()
        })
    }

    /// The whole body, or what its sender is told instead. The time that there is is for this alone: what came of an
    /// order that was handed in is waited for, else it would be done and its owner told that it was not.
    async fn whole(&self, body: Incoming) -> Result<Bytes, (StatusCode, String)> {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let too_long = || {
            let text = format!("a body may have {} bytes at most\n", self.limits.body_bytes_max);
            (StatusCode::PAYLOAD_TOO_LARGE, text)
        };
        // What is announced as too long is not waited for.
        if body.size_hint().lower() > self.limits.body_bytes_max as u64 {
            return Err(too_long());
        }
        let whole = Limited::new(body, self.limits.body_bytes_max).collect();
        match tokio::time::timeout(self.limits.body_time_max, whole).await {
            Err(_) => {
                Err((StatusCode::REQUEST_TIMEOUT, "the body took too long to come\n".to_owned()))
            }
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_long()),
            Ok(Err(_)) => Err((
                StatusCode::BAD_REQUEST,
                "the body ended before its announced length\n".into(),
            )),
        }
    }

    /// Takes the steps by which a dialect answers, one after the other; and who they were taken for.
    async fn take<R: 'static>(
        &self,
        dialect: usize,
        mut step: Step<R>,
        wall: Time,
    ) -> Result<(R, Service), Response<Full<Bytes>>> {
        let name = self.dialects[dialect].name();
        let mut service = Service::new(name, wall, self.clock.now());
        loop {
            step = match self.clerk.take(&mut service, step) {
                Next::Reply(reply) => return Ok((reply, service)),
                Next::Ask(query, then) => {
                    let (tell, told) = handed_on();
                    if self.boards.ask(query, tell).is_err() {
                        return Err(self.busy());
                    }
                    match told.await {
                        Ok(answer) => then(answer),
                        Err(_) => return Err(self.busy()),
                    }
                }
                Next::Submit(submission, then) => {
                    let (tell, told) = handed_on();
                    match self.boards.submit_marked(submission, service.mark(), tell) {
                        Err(Busy) => then(Outcome::NotTaken),
                        Ok(()) => match told.await {
                            Ok(outcome) => then(outcome),
                            // The boards have ended; nobody knows what became of it.
                            Err(_) => then(Outcome::Unknown),
                        },
                    }
                }
                Next::RevokeKeys(account, then) => {
                    let (tell, told) = handed_on();
                    self.clerk.revoke_keys(name, account, tell);
                    // Whoever was to tell has ended; nothing is said to be revoked that may not be.
                    then(told.await.unwrap_or(Err(NotRevoked::Failed)))
                }
            }
        }
    }

    fn busy(&self) -> Response<Full<Bytes>> {
        self.counters.http_busy.add(1);
        let mut response =
            plain(StatusCode::SERVICE_UNAVAILABLE, "too many questions at once; try again\n");
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }

    /// What machines are told of a half of the dialect of this name, if it is served and says anything.
    fn document(&self, half: Half, dialect: &str) -> Option<Bytes> {
        let dialect = self.dialects.iter().position(|it| it.name() == dialect)?;
        self.documents()[dialect][half as usize].clone()
    }

    fn documents(&self) -> &[Documented] {
        let written = |dialect: &dyn Dialect| match dialect.documents() {
            Some(Documents { asyncapi, openapi }) => {
                [Some(asyncapi.document().into()), openapi.map(|openapi| openapi.document().into())]
            }
            None => [None, None],
        };
        let all = || self.dialects.iter().map(|dialect| written(&**dialect)).collect();
        self.documents.get_or_init(all)
    }

    fn page(&self, page: Page, method: &::http::Method) -> Response<Full<Bytes>> {
        if let Some(refusal) = read_only(method) {
            return refusal;
        }
        match page {
            Page::Index => plain(StatusCode::OK, self.index()),
            Page::Health => plain(StatusCode::OK, "alive\n"),
            Page::Readiness if self.is_ready() => plain(StatusCode::OK, "ready\n"),
            Page::Readiness => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            Page::Metrics => {
                let journal = self.journal.as_ref().map(|ask| ask());
                let following = self.following.as_ref().map(|ask| ask());
                let text = prometheus::page(&self.counters, &self.goodbyes, journal, following);
                let mut response = plain(StatusCode::OK, text);
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static(prometheus::CONTENT_TYPE),
                );
                response
            }
        }
    }

    fn index(&self) -> String {
        let mut text = String::from("Rialto: one market, several languages\n\n");
        for (dialect, documents) in self.dialects.iter().zip(self.documents()) {
            let doors = dialect.doors();
            text += &format!("{}\n", dialect.name());
            for path in doors.socket_paths {
                text += &format!("  socket  {path}\n");
            }
            for (prefix, _) in doors.http_prefixes {
                text += &format!("  http    {prefix}…\n");
            }
            for (folder, _) in
                ["asyncapi", "openapi"].iter().zip(documents).filter(|it| it.1.is_some())
            {
                text += &format!("  {folder} /docs/{folder}/{}.json\n", dialect.name());
            }
        }
        if self.native.is_some() {
            text += "\nnative\n  http    /rialto/v1/…\n  openapi /rialto/v1/openapi.json\n";
        }
        text + "\n/healthz  /readyz  /metrics\n"
    }
}

/// A reply that hands on what it is told, and where that comes.
pub(crate) fn handed_on<T: Send + 'static>() -> (Box<dyn FnOnce(T) + Send>, oneshot::Receiver<T>) {
    let (tell, told) = oneshot::channel();
    let reply = Box::new(move |answer| {
        // Nobody is left to tell if the client went away meanwhile.
        let _gone = tell.send(answer);
    });
    (reply, told)
}

/// Names, which are in lower case already, and values that are text.
fn headers_of(headers: &::http::HeaderMap) -> Vec<(&str, &str)> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}

/// The host that a request names: in its target if that is absolute, else in its header.
fn host_of(request: &Request<Incoming>, uri: &Uri) -> Option<String> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str().to_owned());
    }
    request.headers().get(header::HOST)?.to_str().ok().map(str::to_owned)
}

/// The refusal of another method than one that reads.
fn read_only(method: &::http::Method) -> Option<Response<Full<Bytes>>> {
    if method == ::http::Method::GET || method == ::http::Method::HEAD {
        return None;
    }
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "this page can only be read\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(response)
}

fn nowhere(path: &str) -> Response<Full<Bytes>> {
    let text = format!("nothing is at {path}; GET / lists what there is\n");
    plain(StatusCode::NOT_FOUND, text)
}

fn json(text: Bytes) -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::OK, text);
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn worded(worded: HttpResponse) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(worded.body));
    *response.status_mut() = StatusCode::from_u16(worded.status)
        .expect("a dialect answers with a status that HTTP knows");
    if let Some(content_type) = worded.content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, value) in worded.headers {
        let value = HeaderValue::try_from(value).expect("a dialect's headers are visible ASCII");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}
