//! What an account holds and pays, the pass to its private channels, and the end of its keys. Sections 2 and 8.4.

use std::sync::Arc;
use std::time::Duration;

use model::{Amount, AnswerBody, AssetId, Balance, Query};

use super::super::money::{self, Round};
use super::super::object::{Object, list, quoted};
use super::super::server::Market;
use super::{Call, Ground, errors};
use crate::http::HttpResponse;
use crate::step::{NotRevoked, Step};

/// How long a token is good for.
const TOKEN_SECONDS: u64 = 60;

/// `{"token":"vRQqHEFoxp23seihJnbhPGt0lgBG5EFe","valid_sec":60,"user_id":1}`, section 2.
pub fn token(call: &Call) -> Step {
    let account = call.account;
    let word = move |pass: &str| {
        let object = Object::new().text("token", pass).raw("valid_sec", TOKEN_SECONDS);
        Step::Reply(json(object.raw("user_id", account.0).end()))
    };
    Step::IssuePass(account, Duration::from_secs(TOKEN_SECONDS), Box::new(word))
}

/// `{"revoked_api_keys":["…"]}`: all that the account had, the one that signed too. Not before they are good no longer.
pub fn revoke_keys() -> Step {
    let word = |revoked: Result<Vec<String>, NotRevoked>| {
        Step::Reply(match revoked {
            Ok(keys) => {
                let keys = list(keys.iter().map(|key| quoted(key)));
                json(Object::new().raw("revoked_api_keys", keys).end())
            }
            Err(NotRevoked::NotAllowed) => errors::NO_PERMISSION.response(),
            Err(NotRevoked::Failed) => errors::UNKNOWN.response(),
        })
    };
    Step::RevokeKeys(Box::new(word))
}

/// `[{"currency":"usd","total":"100.00","available":"90.00","reserved":"10.00"}]`, or one of them.
pub fn balances(call: Call, currency: Option<&str>) -> Step {
    let Ground { assets, currencies, .. } = &*call.ground;
    let only = currency.map(|name| currencies.iter().position(|it| it.lower == name));
    if only == Some(None) {
        return errors::CURRENCY_NOT_FOUND.step();
    }
    let only = only.flatten().map(|at| assets.all()[at].id);
    held(call, move |call, holdings| {
        let row = |asset| {
            let Shown { currency, total, available, reserved } =
                shown(&call.ground, holdings, asset);
            let row = Object::new().text("currency", currency).text("total", &total);
            row.text("available", &available).text("reserved", &reserved).end()
        };
        match only {
            Some(asset) => row(asset),
            None => list(call.ground.assets.all().iter().map(|asset| row(asset.id))),
        }
    })
}

/// `{"usd_available":"90.00","usd_balance":"100.00","usd_reserved":"10.00",…,"btcusd_fee":"0.200"}`: one map for
/// all that one holds and pays, or for one market.
pub fn legacy_balance(call: Call, market: Option<Arc<Market>>) -> Step {
    held(call, move |call, holdings| {
        let Ground { assets, options, .. } = &*call.ground;
        let settlement = market.as_ref().and_then(|it| assets.settlement(it.instrument.id));
        let mut map = Object::new();
        for asset in assets.all() {
            if settlement.is_some_and(|it| asset.id != it.base && asset.id != it.quote) {
                continue;
            }
            let Shown { currency, total, available, reserved } =
                shown(&call.ground, holdings, asset.id);
            let nothing = money::amount(
                Amount::ZERO,
                asset,
                call.ground.currencies[asset.id.index()].decimals,
                Round::Down,
            );
            map = map
                .text(&format!("{currency}_available"), &available)
                .text(&format!("{currency}_balance"), &total)
                .text(&format!("{currency}_reserved"), &reserved)
                .text(&format!("{currency}_withdrawal_fee"), &nothing);
        }
        let fee = percent(options.taker_fee_ppm, 3);
        for listed in call.markets() {
            if market.as_ref().is_none_or(|only| Arc::ptr_eq(only, listed)) {
                map = map.text(&format!("{}_fee", listed.symbol), &fee);
            }
        }
        map.end()
    })
}

/// `[{"currency_pair":"btcusd","market":"btcusd","fees":{"maker":"0.10000","taker":"0.20000"}}]`, or one of them.
pub fn fees(call: &Call, market: Option<Arc<Market>>) -> Step {
    let options = &call.ground.options;
    let fees = Object::new()
        .text("maker", &percent(options.maker_fee_ppm, 5))
        .text("taker", &percent(options.taker_fee_ppm, 5))
        .end();
    let row = |market: &Market| {
        let row = Object::new().text("currency_pair", &market.symbol);
        row.text("market", &market.symbol).raw("fees", &fees).end()
    };
    Step::Reply(json(match market {
        Some(market) => row(&market),
        None => list(call.markets().map(|market| row(market))),
    }))
}

/// `[{"name":"BTC/USD","url_symbol":"btcusd"}]`
pub fn my_markets(call: &Call) -> Step {
    let row = |market: &Arc<Market>| {
        Object::new().text("name", &market.name).text("url_symbol", &market.symbol).end()
    };
    Step::Reply(json(list(call.markets().map(row))))
}

fn json(body: String) -> HttpResponse {
    HttpResponse::json(200, body.into_bytes())
}

/// Asks what the account holds, and words it.
fn held(call: Call, word: impl FnOnce(&Call, &[Balance]) -> String + Send + 'static) -> Step {
    let query = Query::Balances { account: call.account };
    Step::Ask(
        query,
        Box::new(move |answer| {
            let holdings = match answer.body {
                AnswerBody::Balances(holdings) => holdings,
                // An account that was never heard of holds nothing.
                _ => Vec::new(),
            };
            Step::Reply(json(word(&call, &holdings)))
        }),
    )
}

/// What is shown of a balance. Total and available are rounded down; reserved is what lies between them.
struct Shown<'a> {
    currency: &'a str,
    total: String,
    available: String,
    reserved: String,
}

fn shown<'a>(ground: &'a Ground, holdings: &[Balance], id: AssetId) -> Shown<'a> {
    let asset = &ground.assets.all()[id.index()];
    let currency = &ground.currencies[id.index()];
    let (available, held) = holdings
        .iter()
        .find(|balance| balance.asset == id)
        .map_or((Amount::ZERO, Amount::ZERO), |balance| (balance.available, balance.held));
    let spell = |amount| money::amount(amount, asset, currency.decimals, Round::Down);
    let step = money::step(asset, currency.decimals);
    let whole = |amount: Amount| Amount(amount.0 - amount.0.rem_euclid(step));
    Shown {
        currency: &currency.lower,
        total: spell(available + held),
        available: spell(available),
        reserved: spell(whole(available + held) - whole(available)),
    }
}

/// Millionths as a percentage.
fn percent(ppm: u32, decimals: u8) -> String {
    let units = i64::from(ppm) * model::decimal::pow10(decimals) / 10_000;
    model::Decimal { units, decimals }.to_string()
}
