//! What is for who shows a key and its secret: who asks is found out first, then what is asked for. Section B2.
//!
//! What an account may do is decided in the engine and watched over by whoever takes the steps; here it is worded.

pub mod account;
pub mod history;
pub mod orders;

use model::{Address, InstrumentId};

use super::wire::Auth;
use super::wire::refusal::Refusal;
use crate::step::{Credential, Shown, Step};

/// The longest key, and the longest secret, that is looked up.
const AUTH_BYTES_MAX: usize = 128;

/// Who asks, and what the key is good for.
pub struct Caller {
    /// What is known of the key's holder.
    pub holder: Credential,
}

impl Caller {
    /// Whether it may change anything in this instrument.
    pub fn may_trade(&self, instrument: InstrumentId) -> bool {
        let covered = |all: &Vec<InstrumentId>| all.contains(&instrument);
        self.holder.may_trade && self.holder.instruments.as_ref().is_none_or(covered)
    }
    /// The address of its wallet.
    pub fn address(&self) -> Address {
        Address::of_account(self.holder.account)
    }
}

/// Finds out who asks before it is gone on. Whatever is wrong with what was shown, nobody is told what.
pub fn identified<R: 'static>(
    auth: Option<Auth>,
    then: impl FnOnce(Caller) -> Result<Step<Result<R, Refusal>>, Refusal> + Send + 'static,
) -> Step<Result<R, Refusal>> {
    let fits = |part: &str| !part.is_empty() && part.len() <= AUTH_BYTES_MAX;
    let Some(auth) = auth.filter(|auth| fits(&auth.id) && fits(&auth.secret)) else {
        return Step::Reply(Err(Refusal::ACCESS_DENIED));
    };
    let shown = Shown { key: auth.id, secret: auth.secret.into_bytes() };
    Step::Prove(
        shown,
        Box::new(move |holder| match holder.filter(|holder| !holder.blocked) {
            None => Step::Reply(Err(Refusal::ACCESS_DENIED)),
            Some(holder) => {
                let caller = Caller { holder: holder.clone() };
                then(caller).unwrap_or_else(|refusal| Step::Reply(Err(refusal)))
            }
        }),
    )
}
