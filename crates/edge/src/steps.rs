//! Takes the steps by which a dialect answers a request.
//!
//! The clerk takes those that need no market on the spot: who holds a key, whether a nonce is fresh, a pass. What
//! is left is for the boards: whoever serves the request asks them, and then goes on. The clerk knows no
//! dialect, but it knows who was identified: nothing is asked or done for an account but its own, whatever a
//! dialect says.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dialects::{Credential, HttpResponse, Outcome, Step, Submission};
use model::{Answer, AnswerBody, Query, Time};

use crate::identity::{Grant, Identities, Nobody, may_ask, may_submit, restrict};
use crate::nonces::Nonces;
use crate::passes::Passes;

#[cfg(test)]
mod tests;

/// Fills what it is given with bytes that nobody can guess.
pub type Random = Box<dyn Fn(&mut [u8]) + Send + Sync>;

/// What is gone on with.
pub type Then<T> = Box<dyn FnOnce(T) -> Step + Send>;

/// What is left to be done for a request.
pub enum Next {
    /// Nothing: this is the answer.
    Reply(HttpResponse),
    /// Ask the boards.
    Ask(Query, Then<Answer>),
    /// Submit to the engine.
    Submit(Submission, Then<Outcome>),
}

/// Takes the steps that need no market.
pub struct Clerk {
    identities: Arc<dyn Identities>,
    nonces: Mutex<Nonces>,
    passes: Arc<Passes>,
    random: Random,
}

impl Clerk {
    /// A clerk who asks these identities and issues these passes.
    #[must_use]
    pub fn new(identities: Arc<dyn Identities>, passes: Arc<Passes>, random: Random) -> Self {
        Self { identities, nonces: Mutex::default(), passes, random }
    }

    /// A clerk of a venue without accounts: nobody holds any key, so that no pass is ever issued.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self::new(Arc::new(Nobody), Arc::default(), Box::new(|_| {}))
    }

    /// Begins to serve one request of a dialect. `wall` is the wall's time, `now` the session's.
    #[must_use]
    pub const fn serve(&self, dialect: &'static str, wall: Time, now: Duration) -> Service<'_> {
        Service { clerk: self, dialect, wall, now, holder: None }
    }
}

/// One request being served.
pub struct Service<'a> {
    clerk: &'a Clerk,
    dialect: &'static str,
    wall: Time,
    now: Duration,
    /// Who asks, once that is known, and by which key.
    holder: Option<(String, Credential)>,
}

impl Service<'_> {
    /// Takes steps until the boards are needed, or all is done.
    pub fn take(&mut self, mut step: Step) -> Next {
        loop {
            step = match step {
                Step::Reply(response) => return Next::Reply(response),
                Step::Ask(query, then) => return self.ask(query, then),
                Step::Submit(submission, then) => {
                    let holder = self.holder.as_ref();
                    if holder.is_some_and(|(_, holder)| may_submit(holder, &submission.action)) {
                        return Next::Submit(submission, then);
                    }
                    then(Outcome::NotTaken)
                }
                Step::Identify(key, then) => {
                    let known = self.clerk.identities.credential(self.dialect, &key);
                    self.holder = known.map(|credential| (key, credential));
                    then(self.holder.as_ref().map(|(_, credential)| credential))
                }
                Step::Nonce(nonce, then) => {
                    let mut nonces =
                        self.clerk.nonces.lock().unwrap_or_else(PoisonError::into_inner);
                    let fresh = nonces.note(self.dialect, &nonce, self.wall);
                    drop(nonces);
                    then(fresh)
                }
                Step::IssuePass(account, lasts, then) => match self.grant() {
                    Some(grant) if grant.account == account => then(&self.issue(grant, lasts)),
                    // What is no pass looks like one, and opens nothing.
                    _ => then(&"0".repeat(crate::passes::LENGTH)),
                },
            }
        }
    }

    /// What a pass for whoever asks stands for.
    fn grant(&self) -> Option<Grant> {
        let (key, holder) = self.holder.as_ref()?;
        Some(Grant {
            dialect: self.dialect,
            key: key.as_str().into(),
            account: holder.account,
            instruments: holder.instruments.clone(),
        })
    }

    fn issue(&self, grant: Grant, lasts: Duration) -> String {
        let Clerk { identities, passes, random, .. } = self.clerk;
        let (dialect, key) = (self.dialect, grant.key.clone());
        let pass = passes.issue(grant, self.now, self.now + lasts, random);
        // Whoever revokes a key ends its passes. Did that happen since it was identified, this one came too late
        // to be ended.
        if identities.credential(dialect, &key).is_none() {
            passes.revoke(dialect, &key);
        }
        pass
    }

    fn ask(&self, query: Query, then: Then<Answer>) -> Next {
        let holder = self.holder.as_ref().map(|(_, holder)| holder);
        if !may_ask(holder, &query) {
            let nothing = |Answer { now, .. }| Answer { now, body: AnswerBody::Unavailable };
            return Next::Ask(Query::Now, Box::new(move |answer| then(nothing(answer))));
        }
        match (query.account(), holder) {
            (Some(_), Some(holder)) if holder.instruments.is_some() => {
                let holder = holder.clone();
                Next::Ask(
                    query,
                    Box::new(move |mut answer| {
                        restrict(&holder, &mut answer.body);
                        then(answer)
                    }),
                )
            }
            _ => Next::Ask(query, then),
        }
    }
}
