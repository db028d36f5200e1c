//! What a client asks for, served request by request: who is let in to what, who is logged in, and what has to be
//! known before an answer can be given.
//!
//! While the boards are asked, nothing further that the client says is understood; what comes back goes on where it
//! stopped. So whatever a client says is answered in its order, and a dialect sees the state that its former answers
//! have made.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dialects::{
    Credential, Dialect, Fault, Login, NotRevoked, OnRevoked, Opening, Outcome, Pace, Parting,
    Request, Standing, Subject, Then, Visitor, WordState,
};
use model::{AccountId, Answer, Query};

use super::meter::Meter;
use super::{Deed, Desk, Session, Ticket};
use crate::berths::Berth;
use crate::identity::Grant;
use crate::steps::{Admitted, Next, Service};

/// What came back for a session that waits.
#[derive(Debug)]
pub enum Returned {
    /// The answers to its questions, in their order.
    Answers(Vec<Answer>),
    /// What came of what it submitted.
    Outcome(Outcome),
}

/// What a session remembers of a client that does more than listen. Few do, so that it lies apart.
#[derive(Default)]
pub(super) struct Talk {
    login: Option<Login>,
    /// When the login is over.
    login_ends: Option<Duration>,
    /// By which keys it was let in to what is an account's own.
    grants: Vec<Arc<Grant>>,
    berths: Vec<Berth>,
    /// Its place among the connections of each key by which it was let in.
    let_in: Vec<Berth>,
    messages: Meter,
    faults: Vec<(Fault, Meter)>,
    waiting: Option<Box<Waiting>>,
}

/// What is gone on with when something has come back.
struct Waiting {
    ticket: Ticket,
    awaited: Awaited,
    /// The requests behind it, the last one first.
    rest: Vec<Request>,
    service: Option<Service>,
}

enum Awaited {
    Answer(Then<Answer, Vec<Request>>),
    Outcome(Then<Outcome, Vec<Request>>),
    State(WordState),
}

impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Talk")
            .field("is_logged_in", &self.login.is_some())
            .field("is_waiting", &self.waiting.is_some())
            .finish_non_exhaustive()
    }
}

/// Where new names come from: sixteen bytes, never the same twice.
#[derive(Debug)]
pub struct Ids(Source);

#[derive(Debug)]
enum Source {
    Drawn { hashers: [RandomState; 2], count: u64 },
    Counted(Arc<AtomicU64>),
}

impl Ids {
    /// Names that nobody can foresee.
    #[must_use]
    pub fn random() -> Self {
        let hashers = [RandomState::new(), RandomState::new()];
        Self(Source::Drawn { hashers, count: 0 })
    }

    /// 1, 2, 3 and so on, together with all who count with this.
    #[must_use]
    pub const fn counted(count: Arc<AtomicU64>) -> Self {
        Self(Source::Counted(count))
    }

    fn next(&mut self) -> [u8; 16] {
        let number = match &mut self.0 {
            Source::Counted(count) => u128::from(count.fetch_add(1, Ordering::Relaxed) + 1),
            Source::Drawn { hashers: [high, low], count } => {
                *count += 1;
                u128::from(high.hash_one(*count)) << 64 | u128::from(low.hash_one(*count))
            }
        };
        number.to_be_bytes()
    }
}

impl Session {
    /// Lets a dialect understand a message; what it asks for is on the desk then, to be served.
    pub(super) fn understand(
        talk: &mut Option<Box<Talk>>,
        subscriptions: &[Box<str>],
        dialect: &dyn Dialect,
        (message, binary): (&[u8], bool),
        now: Duration,
        desk: &mut Desk,
    ) {
        desk.messages += 1;
        let too_fast = dialect
            .manners()
            .pace
            .and_then(|pace| talk.get_or_insert_default().messages.pass(pace, now).err());
        let visitor = Visitor {
            login: talk.as_ref().and_then(|talk| talk.login.as_ref()),
            subscriptions,
            binary,
            too_fast,
            wall: desk.wall,
            fresh_id: desk.ids.next(),
        };
        dialect.decode(message, &visitor, &mut desk.requests);
        desk.requests.reverse();
    }

    /// Serves what a message asks for.
    pub(super) fn serve(&mut self, dialect: &dyn Dialect, now: Duration, desk: &mut Desk) {
        let mut requests = std::mem::take(&mut desk.requests);
        self.go_on(dialect, None, &mut requests, now, desk);
        desk.requests = requests;
    }

    /// Something that it waits for came back. Returns whether it was still waiting for that.
    pub fn returned(
        &mut self,
        dialect: &dyn Dialect,
        ticket: Ticket,
        returned: Returned,
        now: Duration,
        desk: &mut Desk,
    ) -> bool {
        let Some(talk) = &mut self.talk else { return false };
        let Some(waiting) = talk.waiting.take_if(|waiting| waiting.ticket == ticket) else {
            return false;
        };
        if !self.is_speaking() {
            return true;
        }
        let Waiting { awaited, mut rest, service, .. } = *waiting;
        match (awaited, returned) {
            (Awaited::Answer(then), Returned::Answers(answers)) => {
                let mut answers = answers.into_iter();
                let answer = answers.next().expect("each question has its answer");
                rest.push(Request::Take(then(answer)));
            }
            (Awaited::State(word), Returned::Answers(answers)) => {
                desk.deeds.extend(word(answers).into_iter().map(Deed::Say));
            }
            (Awaited::Outcome(then), Returned::Outcome(outcome)) => {
                rest.push(Request::Take(then(outcome)));
            }
            (_, returned) => unreachable!("nobody asked for {returned:?}"),
        }
        self.go_on(dialect, service, &mut rest, now, desk);
        true
    }

    /// Whether it waits for something to come back, and hears nothing until then.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.talk.as_ref().is_some_and(|talk| talk.waiting.is_some())
    }

    /// Its end is decided: leaves its berths to others.
    pub(super) fn leave_berths(&mut self) {
        if let Some(talk) = &mut self.talk {
            talk.berths.clear();
            talk.let_in.clear();
        }
    }

    /// Takes a place among the connections that this key may let in, if it has none yet. If none is free it ends. Returns
    /// whether it has one.
    fn let_in(&mut self, dialect: &dyn Dialect, key: &str, now: Duration, desk: &mut Desk) -> bool {
        let places = &mut self.talk.get_or_insert_default().let_in;
        if !places.iter().any(|place| place.name() == key) {
            places.extend(desk.clerk.let_in(dialect.name(), key));
        }
        let has_one = places.iter().any(|place| place.name() == key);
        if !has_one {
            self.part(dialect, Parting::TooManyConnections, now, desk);
        }
        has_one
    }

    /// The same for the key by which it is logged in from the start, if it is.
    pub fn let_in_by_login(&mut self, dialect: &dyn Dialect, now: Duration, desk: &mut Desk) {
        if let Some(key) = self.login().map(|login| login.key.clone()) {
            self.let_in(dialect, &key, now, desk);
        }
    }

    /// Whoever was let in is logged in from the start.
    pub fn admitted(&mut self, admitted: Admitted) {
        let Admitted { mut login, berth } = admitted;
        login.holder.secret = Vec::new();
        let talk = self.talk.get_or_insert_default();
        talk.login = Some(login);
        talk.berths.extend(berth);
    }

    /// Whether it was let in to what is an account's own by this key of its dialect.
    #[must_use]
    pub fn was_let_in_by(&self, key: &str) -> bool {
        self.talk.as_ref().is_some_and(|talk| {
            talk.login.as_ref().is_some_and(|login| *login.key == *key)
                || talk.grants.iter().any(|grant| *grant.key == *key)
        })
    }

    /// By which key it was let in to what is an account's own, first of all by its login; and whose that is.
    #[must_use]
    pub fn key(&self) -> Option<(AccountId, &str)> {
        let talk = self.talk.as_ref()?;
        let login = talk.login.as_ref().map(|login| (login.holder.account, &*login.key));
        login.or_else(|| talk.grants.first().map(|grant| (grant.account, &*grant.key)))
    }

    /// This key is good no longer: does what its dialect's manners say, if it was let in by it.
    pub fn revoked(&mut self, dialect: &dyn Dialect, key: &str, now: Duration, desk: &mut Desk) {
        let standing = match desk.clerk.standing(dialect.name(), key) {
            Standing::Blocked => Standing::Blocked,
            _ => Standing::Revoked,
        };
        self.shut_out(dialect, key, standing, now, desk);
    }

    /// Identities have changed: looks whether the keys by which it was let in are still good, and does what its
    /// dialect's manners say about those that are not.
    pub fn review(&mut self, dialect: &dyn Dialect, now: Duration, desk: &mut Desk) {
        let Some(talk) = &mut self.talk else { return };
        let mut keys: Vec<Box<str>> = talk.grants.iter().map(|grant| grant.key.clone()).collect();
        keys.extend(talk.login.as_ref().map(|login| login.key.clone()));
        keys.dedup();
        for key in keys {
            match desk.clerk.standing(dialect.name(), &key) {
                Standing::Good => self.readmit(&key),
                standing => self.shut_out(dialect, &key, standing, now, desk),
            }
        }
    }

    /// Whoever logged in by this key and was blocked is not any more.
    fn readmit(&mut self, key: &str) {
        let login = self.talk.as_mut().and_then(|talk| talk.login.as_mut());
        if let Some(login) = login.filter(|login| *login.key == *key)
            && login.standing == Standing::Blocked
        {
            login.standing = Standing::Good;
        }
    }

    /// The login's time is over.
    pub(super) fn expire(&mut self, dialect: &dyn Dialect, now: Duration, desk: &mut Desk) {
        let Some(key) = self.login().map(|login| login.key.clone()) else { return };
        self.shut_out(dialect, &key, Standing::Expired, now, desk);
    }

    fn shut_out(
        &mut self,
        dialect: &dyn Dialect,
        key: &str,
        standing: Standing,
        now: Duration,
        desk: &mut Desk,
    ) {
        if !self.was_let_in_by(key) || !self.is_speaking() {
            return;
        }
        let talk = self.talk.get_or_insert_default();
        if let Some(login) = talk.login.as_mut().filter(|login| *login.key == *key) {
            login.standing = standing;
            talk.login_ends = None;
        }
        match dialect.manners().on_revoked {
            OnRevoked::Part => self.part(dialect, Parting::Revoked, now, desk),
            OnRevoked::DropOwn => {
                talk.grants.retain(|grant| *grant.key != *key);
                self.interests.drop_own(|grant| *grant.key == *key, &mut desk.deeds);
            }
        }
    }

    /// When the login is over, if that is known.
    pub(super) fn login_ends(&self) -> Option<Duration> {
        self.talk.as_ref().and_then(|talk| talk.login_ends)
    }

    /// Whether somebody has logged in, ever.
    pub(super) fn has_logged_in(&self) -> bool {
        self.login().is_some()
    }

    /// Serves requests, the last one first, until there are none or something is awaited.
    fn go_on(
        &mut self,
        dialect: &dyn Dialect,
        mut service: Option<Service>,
        requests: &mut Vec<Request>,
        now: Duration,
        desk: &mut Desk,
    ) {
        while let Some(request) = requests.pop() {
            if !self.is_speaking() {
                requests.clear();
                return;
            }
            let waits = match request {
                Request::Say(text) => {
                    desk.deeds.push(Deed::Say(text));
                    None
                }
                Request::Refuse(text, fault) => {
                    desk.deeds.push(Deed::Say(text));
                    self.count(dialect, fault, now, desk);
                    None
                }
                Request::Subscribe { subscription, subjects, stamp, opening } => {
                    let is_own = subjects.iter().any(|it| it.topic.account().is_some());
                    let grant = if is_own { self.grant(dialect, service.as_ref()) } else { None };
                    let subscription = Subscription { name: subscription, subjects, stamp, grant };
                    self.subscribe(dialect, subscription, opening, service.as_ref(), now, desk)
                }
                Request::SubscribeOwn {
                    subscription,
                    account,
                    pass,
                    subjects,
                    opening,
                    refusal,
                } => {
                    let passes = desk.clerk.passes();
                    let shown = passes.shown(dialect.name(), account, &pass, now);
                    let opens = |grant: &Arc<Grant>| {
                        subjects.iter().all(|subject| grant.opens(&subject.topic))
                    };
                    if let Some(grant) = shown.filter(opens) {
                        let (name, grant) = (subscription, Some(grant));
                        let subscription = Subscription { name, subjects, stamp: None, grant };
                        self.subscribe(dialect, subscription, opening, service.as_ref(), now, desk)
                    } else {
                        desk.deeds.push(Deed::Say(refusal));
                        None
                    }
                }
                Request::Unsubscribe { subscriptions, acknowledgement } => {
                    for name in subscriptions {
                        self.interests.unsubscribe(&name, &mut desk.deeds);
                    }
                    desk.deeds.push(Deed::Say(acknowledgement));
                    None
                }
                Request::LogIn { lasts, acknowledgement } => {
                    if self.log_in(dialect, service.as_ref(), lasts, now, desk) {
                        desk.deeds.push(Deed::Say(acknowledgement));
                    }
                    None
                }
                Request::Take(step) => {
                    let service = service.get_or_insert_with(|| {
                        Service::new(dialect.name(), desk.wall, now).of(self.login())
                    });
                    match desk.clerk.take(service, step) {
                        Next::Reply(more) => {
                            requests.extend(more.into_iter().rev());
                            None
                        }
                        Next::Ask(query, then) => {
                            let ticket = self.interests.ticket();
                            desk.deeds.push(Deed::Ask(vec![query], ticket));
                            Some((ticket, Awaited::Answer(then)))
                        }
                        Next::Submit(submission, then) => {
                            let ticket = self.interests.ticket();
                            desk.deeds.push(Deed::Submit(Box::new(submission), ticket));
                            Some((ticket, Awaited::Outcome(then)))
                        }
                        // A loop waits for no disk, and nothing would tell it what came of that.
                        Next::RevokeKeys(_, then) => {
                            requests.push(Request::Take(then(Err(NotRevoked::NotAllowed))));
                            None
                        }
                    }
                }
                Request::TakeBerth { berth, of, then, refusal } => {
                    let berths = &mut self.talk.get_or_insert_default().berths;
                    if !berths.iter().any(|taken| *taken.name() == *berth) {
                        berths.extend(desk.clerk.berths().take(dialect.name(), &berth, of));
                    }
                    if berths.iter().any(|taken| *taken.name() == *berth) {
                        requests.extend(then.into_iter().rev());
                    } else {
                        desk.deeds.push(Deed::Say(refusal));
                    }
                    None
                }
                Request::LeaveBerth(berth) => {
                    let talk = self.talk.get_or_insert_default();
                    talk.berths.retain(|taken| *taken.name() != *berth);
                    None
                }
                Request::Part(parting) => {
                    self.part(dialect, parting, now, desk);
                    None
                }
            };
            if let Some((ticket, awaited)) = waits {
                let rest = std::mem::take(requests);
                let waiting = Box::new(Waiting { ticket, awaited, rest, service });
                self.talk.get_or_insert_default().waiting = Some(waiting);
                return;
            }
        }
        // Whoever revokes a key tells every session that it has let in. Did that happen since it was identified,
        // this one was told too early.
        if let Some((key, _)) = service.as_ref().and_then(Service::holder)
            && self.was_let_in_by(key)
            && !desk.clerk.is_good(dialect.name(), key)
        {
            self.revoked(dialect, key, now, desk);
        }
    }

    /// What lets a subscription be told what is an account's own: who was identified for it, else who is logged in.
    fn grant(&self, dialect: &dyn Dialect, service: Option<&Service>) -> Option<Arc<Grant>> {
        let grant = match service {
            Some(service) => service.grant(),
            None => {
                let login = self.login().filter(|login| login.standing == Standing::Good);
                login.map(|login| Grant::of(dialect.name(), &login.key, &login.holder))
            }
        };
        grant.map(Arc::new)
    }

    fn login(&self) -> Option<&Login> {
        self.talk.as_ref()?.login.as_ref()
    }

    fn subscribe(
        &mut self,
        dialect: &dyn Dialect,
        subscription: Subscription,
        opening: Opening,
        service: Option<&Service>,
        now: Duration,
        desk: &mut Desk,
    ) -> Option<(Ticket, Awaited)> {
        let manners = dialect.manners();
        let Subscription { name, mut subjects, stamp, grant } = subscription;
        let is_full = self.interests.names().len() >= manners.subscriptions_max;
        if is_full && !self.interests.has(&name) {
            self.part(dialect, Parting::TooManySubscriptions, now, desk);
            return None;
        }
        // What is an account's own is told to whoever may see it, whatever a dialect says.
        let mut is_own = false;
        subjects.retain(|Subject { topic, .. }| {
            let opens = grant.as_ref().is_some_and(|grant| grant.opens(topic));
            is_own |= opens;
            opens || topic.account().is_none() || manners.accounts_are_public
        });
        let grant = grant.filter(|_| is_own);
        if let Some(grant) = &grant {
            if !self.let_in(dialect, &grant.key, now, desk) {
                return None;
            }
            let talk = self.talk.get_or_insert_default();
            if !talk.grants.contains(grant) {
                talk.grants.push(Arc::clone(grant));
            }
        }
        // Asked before the subjects are, so that the answers come back before the first frame; between the two
        // nothing happens, as the boards take up at once all that one message asks for.
        let (said, waits) = match opening {
            Opening::Silent => (None, None),
            Opening::Said(words) => (Some(words), None),
            Opening::State(queries, word) => {
                (None, Some(self.ask_state(dialect, queries, word, service, now, desk)))
            }
        };
        self.interests.subscribe(name, subjects, stamp, grant, &mut desk.deeds);
        desk.deeds.extend(said.map(Deed::Say));
        waits
    }

    /// Asks what an opening is worded from, as far as it is for whoever asks.
    fn ask_state(
        &mut self,
        dialect: &dyn Dialect,
        queries: Vec<Query>,
        word: WordState,
        service: Option<&Service>,
        now: Duration,
        desk: &mut Desk,
    ) -> (Ticket, Awaited) {
        let asker = match service {
            Some(service) => service,
            None => &Service::new(dialect.name(), desk.wall, now).of(self.login()),
        };
        let (queries, shares): (Vec<_>, Vec<_>) =
            queries.into_iter().map(|query| asker.share(query)).unzip();
        let ticket = self.interests.ticket();
        desk.deeds.push(Deed::Ask(queries, ticket));
        let word = move |answers: Vec<Answer>| {
            let shared = answers.into_iter().zip(shares);
            word(shared.map(|(answer, share)| share.of(answer)).collect())
        };
        (ticket, Awaited::State(Box::new(word)))
    }

    /// Returns whether it is let in.
    fn log_in(
        &mut self,
        dialect: &dyn Dialect,
        service: Option<&Service>,
        lasts: Option<Duration>,
        now: Duration,
        desk: &mut Desk,
    ) -> bool {
        let Some((key, holder)) = service.and_then(Service::holder) else {
            debug_assert!(false, "only who was identified can log in");
            return true;
        };
        if !self.let_in(dialect, key, now, desk) {
            return false;
        }
        let talk = self.talk.get_or_insert_default();
        // Nobody needs the secret any more, and there may be many of them.
        let holder = Credential { secret: Vec::new(), ..holder.clone() };
        let account = holder.account;
        talk.login = Some(Login { key: key.clone(), holder, standing: Standing::Good });
        talk.login_ends = lasts.map(|lasts| now.saturating_add(lasts));
        talk.grants.retain(|grant| grant.account == account);
        talk.let_in.retain(|place| {
            *place.name() == **key || talk.grants.iter().any(|grant| *grant.key == *place.name())
        });
        self.interests.drop_own(|grant| grant.account != account, &mut desk.deeds);
        true
    }

    /// Counts a fault, and ends it if there were too many.
    fn count(&mut self, dialect: &dyn Dialect, fault: Fault, now: Duration, desk: &mut Desk) {
        let tolerances = dialect.manners().tolerances;
        let Some(tolerance) = tolerances.iter().find(|known| known.fault == fault) else { return };
        let faults = &mut self.talk.get_or_insert_default().faults;
        let at = faults.iter().position(|(known, _)| *known == fault).unwrap_or_else(|| {
            faults.push((fault, Meter::default()));
            faults.len() - 1
        });
        let pace = Pace::Window { count: tolerance.count, per: tolerance.per };
        if faults[at].1.pass(pace, now).is_err() {
            self.part(dialect, Parting::Abuse, now, desk);
        }
    }
}

/// Something to be subscribed.
struct Subscription {
    name: Box<str>,
    subjects: Vec<Subject>,
    stamp: Option<Box<[u8]>>,
    grant: Option<Arc<Grant>>,
}
