//! Takes the steps by which a dialect answers a request, over HTTP or on a socket.
//!
//! The clerk takes those that need no market and no disk on the spot: who holds a key, whether a nonce is fresh, a
//! pass. What is left is for the boards, or for whoever keeps credentials: whoever serves the request asks them, and
//! then goes on. The clerk knows no dialect, but it knows who was identified: nothing is asked or done for an account but its own, whatever a
//! dialect says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dialects::{
    Admission, Credential, HttpResponse, Login, NotRevoked, Outcome, Shown, Standing, Step,
    Submission, Then, ThenHolder,
};
use model::{AccountId, Answer, AnswerBody, Mark, OrderKey, Query, Time};

use crate::berths::{Berth, Berths};
use crate::identity::{
    Grant, Identities, Nobody, TellRevoked, may_ask, may_revoke, may_submit, restrict,
};
use crate::nonces::Nonces;
use crate::passes::Passes;
use crate::repeats::{Done, First, Repeats, mark};

#[cfg(test)]
mod tests;

/// Fills what it is given with bytes that nobody can guess.
pub type Random = Box<dyn Fn(&mut [u8]) + Send + Sync>;

/// What is left to be done for a request.
pub enum Next<R = HttpResponse> {
    /// Nothing: this is what it comes to.
    Reply(R),
    /// Ask the boards.
    Ask(Query, Then<Answer, R>),
    /// Submit to the engine.
    Submit(Submission, Then<Outcome, R>),
    /// Have all keys of this account revoked, by [`Clerk::revoke_keys`].
    RevokeKeys(AccountId, Then<Result<Vec<String>, NotRevoked>, R>),
}

/// Takes the steps that need no market.
pub struct Clerk {
    identities: Arc<dyn Identities>,
    nonces: Mutex<Nonces>,
    passes: Arc<Passes>,
    berths: Arc<Berths>,
    /// The connections that each key has let in.
    let_in: Arc<Berths>,
    connections_per_key_max: u32,
    random: Random,
    /// What was done before a restart and is answered if it is asked for again.
    repeats: Mutex<Repeats>,
}

impl Clerk {
    /// A clerk who asks these identities and issues these passes.
    #[must_use]
    pub fn new(identities: Arc<dyn Identities>, passes: Arc<Passes>, random: Random) -> Self {
        Self {
            identities,
            nonces: Mutex::default(),
            passes,
            berths: Arc::default(),
            let_in: Arc::default(),
            connections_per_key_max: u32::MAX,
            random,
            repeats: Mutex::default(),
        }
    }

    /// The same, who lets in at most so many connections by one key.
    #[must_use]
    pub fn with_connections_per_key(mut self, most: u32) -> Self {
        self.connections_per_key_max = most;
        self
    }

    /// A place among the connections that this key of a dialect may let in, if one is free.
    pub(crate) fn let_in(&self, dialect: &'static str, key: &str) -> Option<Berth> {
        self.let_in.take(dialect, key, self.connections_per_key_max)
    }

    /// What was done before a restart: whoever asks for it again is answered, and it is not done again.
    pub fn remember(&self, repeats: Repeats) {
        *self.repeats.lock().unwrap_or_else(PoisonError::into_inner) = repeats;
    }

    /// This was done under this mark, written at `wall`, though not for a request that was made here. To be said in the
    /// order of commands.
    pub fn note(&self, mark: Mark, wall: Time, done: Done) {
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        repeats.note(mark, wall, done);
    }

    /// What was done before a restart under this mark, if anything is known of it.
    pub(crate) fn recall(&self, mark: Mark) -> Option<First> {
        let repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        repeats.first(mark)
    }

    /// A clerk of a venue without accounts: nobody holds any key, so that no pass is ever issued.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self::new(Arc::new(Nobody), Arc::default(), Box::new(|_| {}))
    }

    /// How a login by this key of a dialect stands.
    #[must_use]
    pub fn standing(&self, dialect: &str, key: &str) -> Standing {
        self.identities.standing(dialect, key)
    }

    /// The number of this key's credential, as its owner is shown it.
    #[must_use]
    pub fn credential_id(&self, dialect: &str, key: &str) -> Option<String> {
        self.identities.credential_id(dialect, key)
    }

    /// The passes that it issues.
    #[must_use]
    pub const fn passes(&self) -> &Arc<Passes> {
        &self.passes
    }

    /// The berths that connections take.
    #[must_use]
    pub const fn berths(&self) -> &Arc<Berths> {
        &self.berths
    }

    /// Whether somebody still holds this key of a dialect.
    #[must_use]
    pub fn is_good(&self, dialect: &str, key: &str) -> bool {
        self.standing(dialect, key) == Standing::Good
    }

    /// Has all keys of an account in a dialect revoked by whoever keeps them, and `tell` told what came of it.
    pub fn revoke_keys(&self, dialect: &'static str, account: AccountId, tell: TellRevoked) {
        self.identities.revoke_keys(dialect, account, tell);
    }

    /// Takes steps for a request until somebody else is needed, or all is done.
    pub fn take<R>(&self, service: &mut Service, mut step: Step<R>) -> Next<R>
    where
        R: 'static,
    {
        loop {
            step = match step {
                Step::Reply(reply) => return Next::Reply(reply),
                Step::Ask(query, then) => {
                    let (query, then) = service.as_then(query, then);
                    let (query, share) = service.share(query);
                    return match share {
                        Share::Whole => Next::Ask(query, then),
                        share => Next::Ask(query, Box::new(|answer| then(share.of(answer)))),
                    };
                }
                Step::Submit(submission, then) => {
                    let holder = service.holder.as_ref();
                    if !holder.is_some_and(|(_, holder)| may_submit(holder, &submission.action)) {
                        then(Outcome::NotTaken)
                    } else if let Some(done) = service.done.pop_front() {
                        // What it comes to now is what it came to then; of something else, asked under a nonce that was
                        // used, nobody knows.
                        then(match done.is(&submission) {
                            true => Outcome::Done { command: done.command, events: done.events },
                            false => Outcome::Unknown,
                        })
                    } else {
                        return Next::Submit(submission, then);
                    }
                }
                Step::Identify(key, then) => {
                    let known = self.identities.credential(service.dialect, &key);
                    service.identified(key, known, then)
                }
                Step::Prove(Shown { key, secret }, then) => {
                    let known = self.identities.proven(service.dialect, &key, &secret);
                    service.identified(key, known, then)
                }
                Step::Nonce(nonce, then) => {
                    let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
                    let mut fresh = nonces.note(service.dialect, &nonce, service.wall);
                    drop(nonces);
                    let mark = mark(&["nonce", service.dialect, &nonce.key, &nonce.text]);
                    if fresh {
                        let mut repeats =
                            self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
                        match repeats.take(mark) {
                            None => service.mark = Some(mark),
                            // It was used before a restart, and what it came to is not known any more.
                            Some(done) if done.is_empty() => fresh = false,
                            Some(done) => (service.mark, service.done) = (Some(mark), done),
                        }
                    }
                    then(fresh)
                }
                Step::IssuePass(account, lasts, then) => match service.grant() {
                    Some(grant) if grant.account == account => {
                        then(&self.issue(grant, service.now, lasts))
                    }
                    // What is no pass looks like one, and opens nothing.
                    _ => then(&"0".repeat(crate::passes::LENGTH)),
                },
                Step::RevokeKeys(then) => match &service.holder {
                    Some((_, holder)) if may_revoke(holder) => {
                        return Next::RevokeKeys(holder.account, then);
                    }
                    _ => then(Err(NotRevoked::NotAllowed)),
                },
            }
        }
    }

    /// What an admission that these steps ended with comes to: whoever is let in, with what they have from the start,
    /// or what they are told instead.
    ///
    /// # Errors
    /// The answer to who may not become a socket.
    pub fn admit(
        &self,
        admission: Admission,
        service: Service,
    ) -> Result<Option<Admitted>, HttpResponse> {
        let dialect = service.dialect;
        let login =
            service.holder.map(|(key, holder)| Login { key, holder, standing: Standing::Good });
        match admission {
            Admission::Welcome => Ok(None),
            Admission::LoggedIn => Ok(login.map(|login| Admitted { login, berth: None })),
            Admission::Berthed { berth, of, refusal } => {
                let taken = login.zip(self.berths.take(dialect, &berth, of));
                let (login, berth) = taken.ok_or(refusal)?;
                Ok(Some(Admitted { login, berth: Some(berth) }))
            }
            Admission::Refused(refusal) => Err(refusal),
        }
    }

    fn issue(&self, grant: Grant, now: Duration, lasts: Duration) -> String {
        let (dialect, key) = (grant.dialect, grant.key.clone());
        let pass = self.passes.issue(grant, now, now + lasts, &self.random);
        // Whoever revokes a key ends its passes. Did that happen since it was identified, this one came too late
        // to be ended.
        if !self.is_good(dialect, &key) {
            self.passes.revoke(dialect, &key);
        }
        pass
    }
}

/// Whoever was let in by a key before there was a socket.
#[derive(Debug)]
pub struct Admitted {
    /// Who that is.
    pub login: Login,
    /// The berth that the connection has from the start.
    pub berth: Option<Berth>,
}

/// One request being served.
pub struct Service {
    dialect: &'static str,
    wall: Time,
    now: Duration,
    /// Who asks, once that is known, and by which key.
    holder: Option<(Box<str>, Credential)>,
    /// By what a repeat of what it submits is known.
    mark: Option<Mark>,
    /// What it submitted before a restart.
    done: VecDeque<Done>,
}

impl Service {
    /// Begins to serve a request of a dialect from somebody unknown. `wall` is the wall's time, `now` the session's.
    #[must_use]
    pub const fn new(dialect: &'static str, wall: Time, now: Duration) -> Self {
        Self { dialect, wall, now, holder: None, mark: None, done: VecDeque::new() }
    }

    /// By what a repeat of what it submits is known.
    #[must_use]
    pub const fn mark(&self) -> Option<Mark> {
        self.mark
    }

    /// The same for whoever is logged in, as long as that is good.
    #[must_use]
    pub fn of(mut self, login: Option<&Login>) -> Self {
        let login = login.filter(|login| login.standing == Standing::Good);
        self.holder = login.map(|login| (login.key.clone(), login.holder.clone()));
        self
    }

    /// Takes note of who asks, and goes on.
    fn identified<R>(
        &mut self,
        key: String,
        known: Option<Credential>,
        then: ThenHolder<R>,
    ) -> Step<R> {
        let step = then(known.as_ref());
        // For whoever is blocked nothing is asked or done, whatever a dialect says.
        let good = known.filter(|credential| !credential.blocked);
        self.holder = good.map(|credential| (key.into(), credential));
        step
    }

    /// Where it asks about an order that it cancelled or replaced before a restart: how that order stood then, so that
    /// it comes to the same again.
    fn as_then<R: 'static>(&self, query: Query, then: Then<Answer, R>) -> (Query, Then<Answer, R>) {
        let Some((done, order)) = self.done.front().and_then(|done| Some((done, done.ends()?)))
        else {
            return (query, then);
        };
        let (account, key) = match query {
            // It is about another order: what comes of it is not what was done.
            Query::Order { key: OrderKey::Id(other), .. } if other != order => {
                return (query, then);
            }
            Query::Order { account, key } => (account, key),
            query => return (query, then),
        };
        let done = done.clone();
        let found = move |mut answer: Answer| {
            if let AnswerBody::Order(found) = &mut answer.body {
                // A name is not taken from an order; a newer one may have it too by now.
                found.take_if(|story| match &key {
                    OrderKey::Id(_) => false,
                    OrderKey::Label(label) => story.order.label.as_ref() != Some(label),
                });
                if let Some(story) = found {
                    done.put_back(&mut story.order);
                }
            }
            then(answer)
        };
        (Query::Order { account, key: OrderKey::Id(order) }, Box::new(found))
    }

    /// Who asks, if that is known, and by which key.
    #[must_use]
    pub const fn holder(&self) -> Option<&(Box<str>, Credential)> {
        self.holder.as_ref()
    }

    /// What whoever asks may see, if that is known.
    #[must_use]
    pub fn grant(&self) -> Option<Grant> {
        self.holder.as_ref().map(|(key, holder)| Grant::of(self.dialect, key, holder))
    }

    /// What is to be asked for a question, and how much of the answer is for whoever asks.
    pub(crate) fn share(&self, mut query: Query) -> (Query, Share) {
        let holder = self.holder.as_ref().map(|(_, holder)| holder);
        if !may_ask(holder, &query) {
            return (Query::Now, Share::Nothing);
        }
        if let Some(only) = holder.and_then(|holder| holder.instruments.as_ref()) {
            query.keep_to(only);
        }
        let share = match (query.account(), holder) {
            (Some(_), Some(holder)) if holder.instruments.is_some() => Share::Of(holder.clone()),
            _ => Share::Whole,
        };
        (query, share)
    }
}

/// How much of an answer is for whoever asked.
pub(crate) enum Share {
    /// All of it.
    Whole,
    /// What this holder may see.
    Of(Credential),
    /// Only that it is not to be had.
    Nothing,
}

impl Share {
    /// This much of an answer.
    pub(crate) fn of(self, mut answer: Answer) -> Answer {
        match self {
            Self::Whole => {}
            Self::Of(holder) => restrict(&holder, &mut answer.body),
            Self::Nothing => answer.body = AnswerBody::Unavailable,
        }
        answer
    }
}
