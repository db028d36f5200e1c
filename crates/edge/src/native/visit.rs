//! One request while it is answered: what it asks, who asks, and the ways to boards and engine.
//!
//! There is no second way: whatever is asked or done here goes through the [`Service`] that dialects are served by,
//! so that nothing is asked or done for an account but its own, nor against what its key is good for.

use std::sync::Arc;
use std::time::Duration;

use ::http::HeaderMap;
use dialects::{Credential, Outcome, Step, Submission};
use model::{
    AccountId, Action, Answer, AnswerBody, Event, Instrument, InstrumentId, Mark, OrderId,
    PerpetualAction, Query,
};

use super::once::{KEY_LENGTH_MAX, Turn, answer_of};
use super::problem::{Code, Problem};
use super::reply::Answered;
use super::{Floor, Shared, register::KeyNote};
use crate::board_thread::{BoardsHandle, Busy};
use crate::http::handed_on;
use crate::identity::may_submit;
use crate::journal::AskJournal;
use crate::limits::Rate;
use crate::repeats::{First, mark};
use crate::steps::{Clerk, Next, Service};

/// Headers by which a proxy says that it asks for somebody else.
const OF_PROXIES: [&str; 5] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// What a request is answered with.
pub(crate) struct Visit<'a> {
    pub native: &'a Arc<Shared>,
    pub boards: &'a BoardsHandle,
    pub clerk: &'a Clerk,
    pub service: Service,
    /// Session time.
    pub now: Duration,
    /// Whether new clients are welcome.
    pub ready: bool,
    pub journal: Option<&'a AskJournal>,
    /// What stands at the places of the path that are not fixed.
    pub parameters: Vec<String>,
    /// What follows the question mark.
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// Whether the client is on this machine.
    pub is_local: bool,
    pub floor: Floor<'a>,
}

/// Who asks, and by which key.
#[derive(Clone)]
pub(crate) struct Holder {
    pub credential: Credential,
    pub note: Option<KeyNote>,
}

impl Holder {
    pub const fn account(&self) -> AccountId {
        self.credential.account
    }
}

impl Visit<'_> {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Refuses, for this reason, whoever is not on this machine, and whoever asks through a proxy that says so: nobody knows
    /// where that one is.
    pub fn is_from_here(&self, why: &str) -> Result<(), Box<Problem>> {
        if !self.is_local {
            return Err(Problem::new(Code::NotLocal, why));
        }
        match OF_PROXIES.iter().find(|name| self.headers.contains_key(**name)) {
            None => Ok(()),
            Some(name) => {
                let detail = "the request came through a proxy, and nobody knows from where";
                Err(Problem::new(Code::NotLocal, detail).at(format!("header {name}")))
            }
        }
    }

    /// Who asks. It must say so, and not ask too often.
    pub fn holder(&mut self) -> Result<Holder, Box<Problem>> {
        let place = "header Authorization";
        let Some(text) = self.header("authorization") else {
            let detail = "there is no Authorization header";
            return Err(Problem::new(Code::NoKey, detail).at(place));
        };
        let key = match text.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim().to_owned(),
            _ => {
                let detail = "Authorization is not `Bearer` and a key";
                return Err(Problem::new(Code::NoKey, detail).at(place));
            }
        };
        let note = self.native.register.key(&key);
        let good =
            |found: Option<&Credential>| Step::Reply(found.filter(|it| !it.blocked).cloned());
        let step = Step::Identify(key, Box::new(good));
        let Next::Reply(Some(credential)) = self.clerk.take(&mut self.service, step) else {
            return Err(Problem::new(Code::UnknownKey, "the key is unknown").at(place));
        };
        let rate = self.native.rate(note.as_ref());
        if !self.native.lets_pass(credential.account, note.as_ref(), rate, self.now) {
            let Rate { count, .. } = rate;
            let detail = format!("this key may make {count} requests each second");
            return Err(Problem::new(Code::TooFast, detail));
        }
        Ok(Holder { credential, note })
    }

    /// The holder of a key that may trade.
    pub fn trader(&mut self) -> Result<Holder, Box<Problem>> {
        let holder = self.holder()?;
        if !holder.credential.may_trade {
            return Err(Problem::new(Code::ReadOnlyKey, "the key was made to look only"));
        }
        Ok(holder)
    }

    /// The instrument of this name.
    pub fn instrument(&self, name: &str, place: &str) -> Result<Instrument, Box<Problem>> {
        self.native.words.instrument(name).cloned().ok_or_else(|| {
            let detail = format!("{name:?} is not listed");
            Problem::new(Code::UnknownInstrument, detail).at(place)
        })
    }

    /// The same, if the holder's key is good for it.
    pub fn own_instrument(
        &self,
        holder: &Holder,
        name: &str,
        place: &str,
    ) -> Result<Instrument, Box<Problem>> {
        let it = self.instrument(name, place)?;
        if !covers(&holder.credential, it.id) {
            let detail = format!("the key was not made for {}", self.native.words.name(it.id));
            return Err(Problem::new(Code::InstrumentNotAllowed, detail).at(place));
        }
        Ok(it)
    }

    /// Asks the boards.
    pub async fn ask(&mut self, query: Query) -> Result<Answer, Box<Problem>> {
        let step = Step::Ask(query, Box::new(Step::Reply));
        let Next::Ask(query, then) = self.clerk.take(&mut self.service, step) else {
            unreachable!("a question is for the boards")
        };
        let (tell, told) = handed_on();
        self.boards.ask(query, tell).map_err(|Busy| busy())?;
        match then(told.await.map_err(|_| busy())?) {
            Step::Reply(answer) => Ok(answer),
            _ => unreachable!("an answer is all that was asked for"),
        }
    }

    /// Asks the boards about an account's own.
    pub async fn ask_own(&mut self, query: Query) -> Result<Answer, Box<Problem>> {
        let answer = self.ask(query).await?;
        if answer.body == AnswerBody::Unavailable {
            let detail = "nothing is shown of this account yet; an account just made is followed \
                          within two seconds";
            return Err(Problem::new(Code::NotTold, detail));
        }
        Ok(answer)
    }

    /// Submits for a trader, if its key is good for that, and tells what happened. Nothing that has been
    /// submitted is stopped by a client that goes away.
    pub async fn submit(
        &mut self,
        holder: &Holder,
        submission: Submission,
    ) -> Result<Vec<Event>, Box<Problem>> {
        let submission = self.permitted(holder, submission)?;
        let (tell, told) = handed_on();
        self.boards.submit(submission, tell).map_err(|Busy| busy())?;
        match told.await {
            Ok(Outcome::Done { events, .. }) => Ok(events),
            Ok(Outcome::NotTaken) => Err(not_taken()),
            Ok(Outcome::Unknown) | Err(_) => Err(unknown()),
        }
    }

    /// The same once: if the request has an idempotency key under which the same was submitted before, that is
    /// answered again. `word` words what happened.
    pub async fn submit_once(
        &mut self,
        holder: &Holder,
        submission: Submission,
        word: impl FnOnce(&Shared, &[Event]) -> Answered + Send + 'static,
    ) -> Answered {
        let Some(key) = self.headers.get("idempotency-key") else {
            let events = self.submit(holder, submission).await?;
            return word(self.native, &events);
        };
        let place = "header Idempotency-Key";
        let key = key.to_str().unwrap_or_default();
        if !(1..=KEY_LENGTH_MAX).contains(&key.len()) {
            let detail = format!("it may have 1 to {KEY_LENGTH_MAX} visible ASCII characters");
            return Err(Problem::new(Code::BadHeader, detail).at(place));
        }
        let turn = self.native.once.turn(holder.account(), key, &submission, self.now);
        let (claim, news) = match turn {
            Turn::First(claim, news) => (claim, news),
            Turn::Again(news) => {
                let reply = answer_of(news).await.ok_or_else(busy)?;
                return Ok(reply.with(REPLAYED, "true"));
            }
            Turn::Other => return Err(key_reused(key)),
            Turn::Full => {
                let detail = "too many requests with idempotency keys are under way";
                return Err(Problem::new(Code::Busy, detail));
            }
        };
        let submission = self.permitted(holder, submission)?;
        let mark = once_mark(holder.account(), key);
        match self.clerk.recall(mark) {
            None => {}
            // It was done before a restart.
            Some(First::Done(done)) if done.is(&submission) => {
                let answered = word(self.native, &done.events);
                let reply = answered.unwrap_or_else(|problem| problem.reply());
                claim.answer(reply.clone());
                return Ok(reply.with(REPLAYED, "true"));
            }
            Some(First::Done(_)) => return Err(key_reused(key)),
            // Something was, and nobody knows any more what came of it.
            Some(First::Forgotten) => return Err(unknown()),
        }
        let (tell, told) = handed_on();
        self.boards.submit_marked(submission, Some(mark), tell).map_err(|Busy| busy())?;
        // From here on it happens, whether or not the client waits: so its answer is kept by somebody who does.
        let native = Arc::clone(self.native);
        tokio::spawn(async move {
            let answered = match told.await {
                Ok(Outcome::Done { events, .. }) => word(&native, &events),
                Ok(Outcome::NotTaken) => return,
                Ok(Outcome::Unknown) | Err(_) => Err(unknown()),
            };
            claim.answer(answered.unwrap_or_else(|problem| problem.reply()));
        });
        answer_of(news).await.ok_or_else(not_taken)
    }

    /// The order that was to be replaced under the request's idempotency key when it was asked before, if it was.
    pub fn replaced_once(&self, holder: &Holder) -> Option<OrderId> {
        let key = self.headers.get("idempotency-key")?.to_str().ok()?;
        let action = match self.native.once.asked(holder.account(), key, self.now) {
            Some(submission) => submission.action,
            None => match self.clerk.recall(once_mark(holder.account(), key))? {
                First::Done(done) => done.action,
                First::Forgotten => return None,
            },
        };
        match action {
            Action::Replace { order, .. } => Some(order),
            _ => None,
        }
    }

    /// Gives a submission back if the clerk lets it pass.
    fn permitted(
        &mut self,
        holder: &Holder,
        submission: Submission,
    ) -> Result<Submission, Box<Problem>> {
        if !may_submit(&holder.credential, &submission.action) {
            return Err(refused(holder, &submission.action));
        }
        let step = Step::Submit(submission, Box::new(Step::Reply));
        match self.clerk.take(&mut self.service, step) {
            Next::Submit(submission, _) => Ok(submission),
            Next::Ask(..) | Next::RevokeKeys(..) | Next::Reply(_) => Err(not_taken()),
        }
    }
}

/// By this header a client knows that it is told what it was told before.
const REPLAYED: ::http::HeaderName = ::http::HeaderName::from_static("idempotency-replayed");

/// By what a repeat of what was asked under an idempotency key is known.
fn once_mark(account: AccountId, key: &str) -> Mark {
    mark(&["idempotency", &account.to_string(), key])
}

/// Why a key is not good for an action.
fn refused(holder: &Holder, action: &Action) -> Box<Problem> {
    if let Action::Perpetual(PerpetualAction::Quote { .. }) = action {
        let detail = "what this key may quote, if anything, is something else";
        return Problem::new(Code::QuoteNotAllowed, detail).at("path constituent");
    }
    if !holder.credential.may_trade {
        return Problem::new(Code::ReadOnlyKey, "the key was made to look only");
    }
    match action {
        Action::CancelAll { instrument: None, .. } => {
            let detail = "the key was made for some instruments, and this would concern all";
            Problem::new(Code::InstrumentNotAllowed, detail)
                .at("query instrument")
                .remedy("name one of the key's instruments with ?instrument=")
        }
        _ => Problem::new(Code::InstrumentNotAllowed, "the key was not made for this instrument"),
    }
}

pub(crate) fn covers(holder: &Credential, instrument: InstrumentId) -> bool {
    holder.instruments.as_ref().is_none_or(|all| all.contains(&instrument))
}

fn key_reused(key: &str) -> Box<Problem> {
    let detail = format!("{key:?} was used for another request");
    Problem::new(Code::KeyReused, detail).at("header Idempotency-Key")
}

fn busy() -> Box<Problem> {
    Problem::new(Code::Busy, "too many questions and orders wait")
}

fn unknown() -> Box<Problem> {
    Problem::new(Code::OutcomeUnknown, "the market ended before it said what came of it")
}

fn not_taken() -> Box<Problem> {
    let detail =
        "the source takes no orders, has too much to do, or cannot keep them; nothing happened";
    Problem::new(Code::NotTaken, detail)
}
