//! Steps: what has to be done before a request can be answered, over HTTP or on a socket, one after the other.
//!
//! A dialect does nothing itself: it asks who holds a key, asks the boards, submits to the engine, and words what
//! comes back. Whoever takes the steps knows no dialect. What they end with is `R`: a response over HTTP, on a
//! socket the [`Request`](crate::Request)s that they come to.

use std::sync::Arc;
use std::time::Duration;

use model::{AccountId, Action, Answer, InstrumentId, Query};

use crate::http::HttpResponse;

/// What is gone on with once it is known who holds a key.
pub type ThenHolder<R = HttpResponse> = Box<dyn FnOnce(Option<&Credential>) -> Step<R> + Send>;

/// What is gone on with once a pass is made.
pub type ThenPass<R = HttpResponse> = Box<dyn FnOnce(&str) -> Step<R> + Send>;

/// What is gone on with once a step is taken.
pub type Then<T, R = HttpResponse> = Box<dyn FnOnce(T) -> Step<R> + Send>;

/// What has to be done next.
pub enum Step<R = HttpResponse> {
    /// Nothing: this is what it comes to.
    Reply(R),
    /// Ask about state, and go on with the answer.
    Ask(Query, Then<Answer, R>),
    /// Find out who holds this key, and go on with what is known of it; `None` if nobody holds it.
    Identify(String, ThenHolder<R>),
    /// Find out who holds this key where its secret is shown beside it, and go on with what is known of it; `None` if
    /// nobody holds it, or this is not its secret.
    Prove(Shown, ThenHolder<R>),
    /// Take note of this nonce, and go on with whether it is fresh: it was not noted before.
    Nonce(Nonce, Then<bool, R>),
    /// Submit to the engine, and go on with what happened.
    Submit(Submission, Then<Outcome, R>),
    /// Make a pass for this account that is good for so long, and go on with its text: thirty-two letters and digits.
    IssuePass(AccountId, Duration, ThenPass<R>),
    /// Take the power of every key that whoever was identified has in this dialect, the one shown too, for ever; and go
    /// on with what came of it. Only over HTTP: on a socket nothing is revoked.
    RevokeKeys(Then<Result<Vec<String>, NotRevoked>, R>),
}

impl<R: 'static> Step<R> {
    /// The same steps, with what they come to turned into something else: so that what is answered over HTTP can be
    /// answered on a socket as well.
    #[must_use]
    pub fn map<S: 'static>(self, turn: impl FnOnce(R) -> S + Send + 'static) -> Step<S> {
        match self {
            Self::Reply(reply) => Step::Reply(turn(reply)),
            Self::Ask(query, then) => Step::Ask(query, Box::new(|answer| then(answer).map(turn))),
            Self::Identify(key, then) => {
                Step::Identify(key, Box::new(|holder| then(holder).map(turn)))
            }
            Self::Prove(shown, then) => {
                Step::Prove(shown, Box::new(|holder| then(holder).map(turn)))
            }
            Self::Nonce(nonce, then) => Step::Nonce(nonce, Box::new(|fresh| then(fresh).map(turn))),
            Self::Submit(submission, then) => {
                Step::Submit(submission, Box::new(|outcome| then(outcome).map(turn)))
            }
            Self::IssuePass(account, lasts, then) => {
                Step::IssuePass(account, lasts, Box::new(|pass| then(pass).map(turn)))
            }
            Self::RevokeKeys(then) => Step::RevokeKeys(Box::new(|keys| then(keys).map(turn))),
        }
    }
}

/// A credential of one dialect, as the one who takes the steps knows it.
#[derive(Clone)]
pub struct Credential {
    /// Whose it is.
    pub account: AccountId,
    /// What signatures are made with; empty where the dialect has no signatures.
    pub secret: Vec<u8>,
    /// Whether it may change anything: place and cancel orders, move money.
    pub may_trade: bool,
    /// The instruments it may see and trade; `None` is all.
    pub instruments: Option<Vec<InstrumentId>>,
    /// What it may quote: the perpetuals, and the places in their indexes. Nothing for nearly all, who are many: so it
    /// takes no more than a pointer.
    pub quotes: Option<Arc<Vec<(InstrumentId, u16)>>>,
    /// Whether the account is blocked: then nothing is asked or done for it, and a dialect may say so.
    pub blocked: bool,
}

/// A key, and what is shown as its secret. It is neither copied nor told.
pub struct Shown {
    /// The key, as it was sent.
    pub key: String,
    /// The secret, as it was sent.
    pub secret: Vec<u8>,
}

/// A number used once, within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// The key it belongs to.
    pub key: String,
    /// Its text.
    pub text: String,
    /// For how long it is remembered.
    pub window: Duration,
}

/// Something submitted to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// What is asked.
    pub action: Action,
    /// The client's own name for the order that it places.
    pub label: Option<Box<str>>,
}

/// What came of a [`Submission`].
pub use model::Outcome;

/// Why keys were not revoked. None of them was, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRevoked {
    /// Whoever asks may not, or its keys are such as cannot be revoked.
    NotAllowed,
    /// It could not be written down.
    Failed,
}

#[cfg(test)]
mod tests {
    use model::{AnswerBody, Time};

    use super::*;

    #[test]
    fn mapped_steps_are_taken_as_they_were_and_end_otherwise() {
        let step: Step<u8> = Step::Identify(
            "key".into(),
            Box::new(|holder| {
                let known = holder.is_some();
                Step::Ask(
                    Query::Now,
                    Box::new(move |answer| Step::Reply(u8::from(known) + answer.now.0 as u8)),
                )
            }),
        );
        let Step::Identify(key, then) = step.map(|reply| format!("{reply}")) else {
            panic!("it begins with who holds a key")
        };
        assert_eq!(key, "key");
        let Step::Ask(Query::Now, then) = then(None) else { panic!("then it asks the time") };
        let Step::Reply(reply) = then(Answer { now: Time(7), body: AnswerBody::Now }) else {
            panic!("then it ends")
        };
        assert_eq!(reply, "7");
    }
}
