//! What an account holds, pays and is called. Sections B6 and B8.2.

use std::sync::Arc;

use model::{AccountId, Address, Amount, AnswerBody, Balance, Query, Time};

use super::Caller;
use crate::json::list;
use crate::step::Step;
use crate::text::shortest;
use crate::timex::Markets;
use crate::timex::convert::Token;
use crate::timex::convert::entity::{stamp_z, write_balance};
use crate::timex::http::given::{Given, market, upper};
use crate::timex::http::rest::{Answering, ask, written};
use crate::timex::wire::refusal::{Code, Refusal};

/// `GET /trading/balances`: of every currency, or of those that are named.
pub fn balances(given: Given, caller: Caller, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    let account = caller.holder.account;
    let named: Vec<Token> = given
        .all("currency")
        .map(|symbol| {
            upper(symbol)?;
            let token = markets.token_called(symbol).cloned();
            let missing = || format!("Currency not found: {symbol}");
            token.ok_or_else(|| Refusal::new(Code::NotFound, missing()))
        })
        .collect::<Result<_, _>>()?;
    Ok(ask(Query::Balances { account }, move |answer| {
        let AnswerBody::Balances(held) = answer.body else { return Err(Refusal::OVERLOAD) };
        let tokens = if named.is_empty() { &markets.tokens } else { &named };
        Ok(written(|out| {
            out.push(b'[');
            write_balances(out, account, tokens, &held);
            out.push(b']');
        }))
    }))
}

/// Appends what an account holds of each of these tokens, nothing included.
pub fn write_balances(out: &mut Vec<u8>, account: AccountId, tokens: &[Token], held: &[Balance]) {
    list(out, tokens, |out, token| {
        let asset = token.asset.id;
        let nothing = Balance { account, asset, available: Amount::ZERO, held: Amount::ZERO };
        let known = held.iter().find(|balance| balance.asset == asset);
        write_balance(out, token, known.unwrap_or(&nothing));
    });
}

/// `GET /trading/fees`: what a taker pays, as a number.
pub fn fees(given: Given, _: Caller, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    let named: Vec<_> = given
        .all("markets")
        .map(|symbol| market(symbol, &markets).cloned())
        .collect::<Result<_, _>>()?;
    let wanted = if named.is_empty() { &markets.listed } else { &named };
    Ok(Step::Reply(Ok(written(|out| {
        out.push(b'[');
        list(out, wanted, |out, market| {
            out.extend_from_slice(br#"{"fee":"#);
            shortest(out, i128::from(markets.options.taker_fee_ppm), 6);
            out.extend_from_slice(br#","market":""#);
            out.extend_from_slice(market.symbol.as_bytes());
            out.extend_from_slice(br#""}"#);
        });
        out.push(b']');
    }))))
}

/// `GET /custody/credentials/me`
pub fn me(_: Given, caller: Caller, _: Arc<Markets>) -> Result<Answering, Refusal> {
    let address = caller.address();
    Ok(Step::Reply(Ok(format!(r#"{{"address":"{address}"}}"#).into_bytes())))
}

/// `GET /custody/deposit-addresses`: the one that follows from the account's own, as its relay's does. None was ever
/// removed, whatever `showRemoved` says.
pub fn deposit_addresses(
    given: Given,
    caller: Caller,
    _: Arc<Markets>,
) -> Result<Answering, Refusal> {
    if !matches!(given.one("showRemoved")?, None | Some("true" | "false")) {
        return Err(Refusal::invalid("showRemoved"));
    }
    let owner = caller.address().to_string();
    // Derived like a token's contract, from a name that no token has.
    let deposit = Address::of_asset(&format!("deposit {owner}")).to_string();
    let relay = Address::of_asset(&format!("relay {owner}")).to_string();
    let digits = &deposit[2..];
    Ok(Step::Reply(Ok(written(|out| {
        out.extend_from_slice(
            format!(
                r#"[{{"address":{{"type":"ETHEREUM","principal":"{owner}","account":"{owner}","depositAddress":"{deposit}","relay":"{relay}","createdAt":""#
            )
            .as_bytes(),
        );
        stamp_z(out, Time(0));
        out.extend_from_slice(
            format!(
                r#"","uuid":"{}-{}-8{}-8{}-{}"}},"addressHash":"{relay}{}"}}]"#,
                &digits[..8],
                &digits[8..12],
                &digits[12..15],
                &digits[15..18],
                &digits[18..30],
                &digits[..24],
            )
            .as_bytes(),
        );
    }))))
}
