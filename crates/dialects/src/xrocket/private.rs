//! What is for who shows a token: who asks is found out first, then what is asked for. Sections A2 and A8.
//!
//! What an account may do is decided in the engine and watched over by whoever takes the steps; here it is worded.

pub mod account;
pub mod orders;

use model::InstrumentId;

use super::http::problem::Problem;
use super::server::blocked;
use super::wire::failure::{Code, Failure};
use super::wire::token::Claims;
use crate::http::HttpRequest;
use crate::step::{Credential, Step};

/// Who asks, and what the token is good for.
pub struct Caller {
    /// What is known of the token's holder.
    pub holder: Credential,
}

impl Caller {
    /// Whether it may change anything in this instrument.
    pub fn may_trade(&self, instrument: InstrumentId) -> bool {
        let covered = |all: &Vec<InstrumentId>| all.contains(&instrument);
        self.holder.may_trade && self.holder.instruments.as_ref().is_none_or(covered)
    }
}

/// Finds out who asks before it is gone on. Section A2.
pub fn identified(
    request: &HttpRequest<'_>,
    then: impl FnOnce(Caller) -> Result<Step, Problem> + Send + 'static,
) -> Step {
    let refuse = |failure: Failure| Step::Reply(Problem::from(failure).word());
    let unauthorized = || {
        let detail = "A token that is good is wanted: Authorization: Bearer TOKEN";
        Failure::new(Code::Unauthorized, detail)
    };
    let token = request.header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let claims = token.and_then(Claims::read).filter(|claims| claims.is_good(request.wall));
    let (Some(token), Some(claims)) = (token, claims) else { return refuse(unauthorized()) };
    Step::Identify(
        token.to_owned(),
        Box::new(move |holder| match holder.filter(|holder| holder.account == claims.account) {
            None => refuse(unauthorized()),
            Some(holder) if holder.blocked => refuse(blocked()),
            Some(holder) => {
                let caller = Caller { holder: holder.clone() };
                then(caller).unwrap_or_else(|problem| Step::Reply(problem.word()))
            }
        }),
    )
}
