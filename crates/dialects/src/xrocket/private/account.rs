//! What an account holds. Section A8.

use std::sync::Arc;

use model::{AnswerBody, Query};

use super::Caller;
use crate::http::HttpResponse;
use crate::step::Step;
use crate::xrocket::Markets;
use crate::xrocket::http::{ask, page, unavailable};
use crate::xrocket::own::write_balances;

/// `GET accounts/trading/balances`
pub fn balances(caller: &Caller, markets: Arc<Markets>) -> Step {
    ask(Query::Balances { account: caller.holder.account }, move |body| {
        let AnswerBody::Balances(balances) = body else { return Err(unavailable()) };
        Ok(page(200, |out| {
            out.extend_from_slice(br#"{"balances":["#);
            write_balances(&markets.assets, &balances, out);
            out.extend_from_slice(b"]}");
        }))
    })
}

/// `GET accounts/funding/balances`: whatever an account holds is there to trade with.
pub fn no_balances() -> HttpResponse {
    page(200, |out| out.extend_from_slice(br#"{"balances":[]}"#))
}
