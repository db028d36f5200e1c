//! Both halves of every dialect's server side, and its client half, fed by any bytes and judged by what holds for all of
//! them: what is said is JSON, what is subscribed has a name and is there, every chain of steps ends, and what a client has heard
//! can be shown. A dialect is one entry in [`tongues!`]; Bitstamp has targets of its own, which know more of it.

use std::cell::RefCell;
use std::time::Duration;

use dialects::xrocket::{self, XRocket};
use dialects::{
    Admission, Connector, Credential, Dialect, Errand, HttpRequest, HttpResponse, Opening, Outcome,
    Request, Step, Subject, Visitor,
    visitor::{Login, Standing},
};
use model::{AccountId, Answer, AnswerBody, Listing, Query, Scope, Time};
use serde_json::Value;
use views::Board;

use super::{NOW, Target, answer, boards, check_heard, check_response, listings};
use crate::served::listed;

/// How many steps a request may take.
const STEPS_MAX: usize = 64;

/// A dialect and boards on which something has happened.
struct Scene {
    dialect: Box<dyn Dialect>,
    boards: Vec<Board>,
}

impl Scene {
    /// `between` stands between base and quote in the dialect's symbols.
    fn new(name: &str, between: &str, make: fn(&[Listing]) -> Box<dyn Dialect>) -> Self {
        Self { dialect: make(&listings_of(name, between)), boards: boards() }
    }
}

fn listings_of(name: &str, between: &str) -> Vec<Listing> {
    listings().into_iter().map(|listing| listed(listing, name, between)).collect()
}

macro_rules! tongues {
    ($(
        $decode:ident, $http:ident, $client:ident:
        $name:literal, $between:literal, $make:expr, $connect:expr;
    )*) => {
        $(
            /// See [`decode`].
            pub fn $decode(bytes: &[u8]) {
                thread_local! {
                    static SCENE: RefCell<Scene> =
                        RefCell::new(Scene::new($name, $between, $make));
                }
                SCENE.with_borrow(|scene| decode(scene, bytes));
            }

            /// See [`http`].
            pub fn $http(bytes: &[u8]) {
                thread_local! {
                    static SCENE: RefCell<Scene> =
                        RefCell::new(Scene::new($name, $between, $make));
                }
                SCENE.with_borrow(|scene| http(scene, bytes));
            }

            /// See [`client`].
            pub fn $client(bytes: &[u8]) {
                let connect: fn(&[Listing]) -> Box<dyn Connector> = $connect;
                client(&mut *connect(&listings_of($name, $between)), bytes);
            }
        )*

        /// The targets of these dialects.
        pub(super) const TARGETS: &[Target] = &[
            $(
                Target { name: stringify!($decode), feed: $decode },
                Target { name: stringify!($http), feed: $http },
                Target { name: stringify!($client), feed: $client },
            )*
        ];
    };
}

tongues! {
    xrocket_decode, xrocket_http, xrocket_client: "xrocket", "-",
        |listings| Box::new(XRocket::new(listings).expect("symbols in order")),
        |listings| Box::new(xrocket::client::Client::new(listings));
}

/// Somebody who holds whatever key is shown.
fn holder() -> Credential {
    Credential {
        account: AccountId(1),
        secret: b"alicesecret000000000000000000001".to_vec(),
        may_trade: true,
        instruments: None,
        quotes: None,
        blocked: false,
    }
}

/// Messages of one connection, one a line: what comes of each is served, and those behind it come from whoever it has
/// made of the visitor. The first byte says whether keys have holders.
fn decode(scene: &Scene, bytes: &[u8]) {
    let [first, messages @ ..] = bytes else { return };
    let mut talk = Talk { scene, knows: first % 2 == 1, login: None, subscriptions: Vec::new() };
    for (place, message) in messages.split(|&byte| byte == b'\n').take(16).enumerate() {
        let mut requests = Vec::new();
        let visitor = Visitor {
            login: talk.login.as_ref(),
            subscriptions: &talk.subscriptions,
            binary: place == 15,
            too_fast: (place == 14).then_some(Duration::from_millis(50)),
            wall: NOW,
            fresh_id: [place as u8; 16],
        };
        scene.dialect.decode(message, &visitor, &mut requests);
        requests.into_iter().for_each(|request| talk.serve(request));
    }
}

/// One connection, as far as a dialect is told of it.
struct Talk<'a> {
    scene: &'a Scene,
    knows: bool,
    login: Option<Login>,
    /// Sorted.
    subscriptions: Vec<Box<str>>,
}

impl Talk<'_> {
    fn serve(&mut self, request: Request) {
        match request {
            Request::Say(text) | Request::Refuse(text, _) => check_said(&text),
            Request::Subscribe { subscription, subjects, stamp: _, opening } => {
                self.subscribe(subscription, &subjects, opening);
            }
            Request::SubscribeOwn { subscription, subjects, opening, refusal, .. } => {
                check_said(&refusal);
                self.subscribe(subscription, &subjects, opening);
            }
            Request::Unsubscribe { subscriptions, acknowledgement } => {
                check_said(&acknowledgement);
                self.subscriptions.retain(|known| !subscriptions.contains(known));
            }
            Request::LogIn { acknowledgement, .. } => {
                check_said(&acknowledgement);
                assert!(self.knows, "nobody was identified");
                let (key, standing) = ("key".into(), Standing::Good);
                self.login = Some(Login { key, holder: holder(), standing });
            }
            Request::TakeBerth { then, refusal, .. } => {
                check_said(&refusal);
                then.into_iter().for_each(|request| self.serve(request));
            }
            Request::LeaveBerth(_) | Request::Part(_) => {}
            Request::Take(step) => {
                let requests = take(self.scene, step, self.knows);
                requests.into_iter().for_each(|request| self.serve(request));
            }
        }
    }

    fn subscribe(&mut self, subscription: Box<str>, subjects: &[Subject], opening: Opening) {
        assert!(!subscription.is_empty(), "a subscription has a name");
        for subject in subjects {
            if let Scope::Instrument(id) | Scope::Account(_, id) = subject.topic.scope {
                assert!(id.index() < self.scene.boards.len(), "{subject:?}");
            }
        }
        match opening {
            Opening::Silent => {}
            Opening::Said(text) => check_said(&text),
            Opening::State(queries, word) => {
                let answers = queries.iter().map(|query| ask(self.scene, query)).collect();
                word(answers).iter().for_each(|text| check_said(text));
            }
        }
        if let Err(at) = self.subscriptions.binary_search(&subscription) {
            self.subscriptions.insert(at, subscription);
        }
    }
}

fn check_said(text: &[u8]) {
    let parsed: Result<Value, _> = serde_json::from_slice(text);
    // An id may be a number that this reader holds for too large.
    let is_json = parsed.map_or_else(|why| why.to_string().contains("out of range"), |_| true);
    assert!(is_json, "{}", String::from_utf8_lossy(text));
}

fn ask(scene: &Scene, query: &Query) -> Answer {
    let body = match query {
        Query::Balances { .. } => AnswerBody::Balances(Vec::new()),
        Query::OpenOrders { .. } => AnswerBody::OpenOrders(Vec::new()),
        _ => answer(&scene.boards, query),
    };
    Answer { now: NOW, body }
}

/// Takes steps to their end; keys have a holder or not.
fn take<R>(scene: &Scene, mut step: Step<R>, knows: bool) -> R {
    let holder = knows.then(holder);
    for _ in 0..STEPS_MAX {
        step = match step {
            Step::Reply(reply) => return reply,
            Step::Ask(query, then) => then(ask(scene, &query)),
            Step::Identify(_, then) | Step::Prove(_, then) => then(holder.as_ref()),
            Step::Nonce(_, then) => then(knows),
            Step::IssuePass(_, _, then) => then("PASS00000000000000000000000000A1"),
            Step::RevokeKeys(then) => {
                assert!(knows, "nobody is known, and keys are revoked");
                then(Ok(Vec::new()))
            }
            Step::Submit(submission, then) => {
                assert!(knows, "nobody is known, and {submission:?} is submitted");
                then(Outcome::NotTaken)
            }
        };
    }
    panic!("it takes no end of steps")
}

/// A request, one part a line: method, path, query, headers with `name: value` and a `;` between them, body. What it asks
/// for ends with a response, whether or not anybody is known; and so does the request to become a socket.
fn http(scene: &Scene, bytes: &[u8]) {
    let mut parts = bytes.splitn(5, |&byte| byte == b'\n');
    let mut text = || std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
    let (method, path, query, headers) = (text(), text(), text(), text());
    let body = parts.next().unwrap_or_default();
    let headers: Vec<(&str, &str)> =
        headers.split(';').filter_map(|header| header.split_once(": ")).collect();
    let query = (!query.is_empty()).then_some(query);
    let bare = HttpRequest::bare(method, path);
    let request = HttpRequest { query, headers: &headers, body, wall: NOW, ..bare };
    for knows in [false, true] {
        let response: HttpResponse = take(scene, scene.dialect.http(&request), knows);
        check_response(&response);
        if let Admission::Refused(response) = take(scene, scene.dialect.admit(&request), knows) {
            check_response(&response);
        }
    }
}

/// What a venue says to our own connector, one message a line; `/path body` is the body that was fetched from there. Whatever
/// it says, what comes of it can be shown, and errands are requests.
fn client(client: &mut dyn Connector, lines: &[u8]) {
    let (mut heard, mut errands) = (Vec::new(), Vec::new());
    client.opened(&mut errands);
    let mut stamps = [Time(0); 3];
    for line in lines.split(|&byte| byte == b'\n').take(64) {
        let outcome = if line.starts_with(b"/") {
            let at = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
            let (path, body) = line.split_at(at);
            client.fetched(&String::from_utf8_lossy(path), body, &mut heard, &mut errands)
        } else {
            client.message(line, &mut heard, &mut errands)
        };
        for heard in heard.drain(..) {
            check_heard(&heard, &mut stamps);
        }
        for errand in errands.drain(..) {
            match errand {
                Errand::Say(text) => check_said(&text),
                Errand::Fetch(path) => assert!(path.starts_with('/'), "{path}"),
                Errand::Reconnect => {}
            }
        }
        if let Err(misheard) = outcome {
            assert!(misheard.to_string().len() < 2_000, "{misheard}");
            client.opened(&mut errands);
            stamps = [Time(0); 3];
        }
    }
}
