//! Pages that tell an account what is its own: who it is, what it holds, its trades.

#![expect(unused_qualifications, reason = "what describes a query for the document is qualified")]

use model::{AnswerBody, OwnTrades, Query, Sort, TradeId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::market::Nothing;
use super::problem::{Code, Problem};
use super::reply::{Answered, Reply};
use super::visit::Visit;
use super::wire::{Side, own};
use super::{reading, venue};

/// Trades that are told at most, and if nobody says how many.
const TRADES_MAX: usize = 1_000;
const TRADES: usize = 100;
/// More than are remembered of any account.
const OFFSET_MAX: usize = 1_000_000;

/// Who I am
///
/// The account whose key was shown, and what that key is good for.
#[utoipa::path(get, path = "/rialto/v1/account", tag = "account", security(("key" = [])), responses(
    (status = 200, description = "The account.", body = own::Account),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn account(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    reading::query::<Nothing>(visit.query)?;
    let known = visit.native.register.account(holder.account());
    let rate = visit.native.rate(holder.note.as_ref());
    let words = &visit.native.words;
    let names = |ids: &Vec<_>| ids.iter().map(|&id| words.name(id).to_owned()).collect();
    let quotes = holder.credential.quotes.iter().flat_map(|quotes| quotes.iter());
    Ok(Reply::json(&own::Account {
        user_id: known.as_ref().map_or(u64::from(holder.account().0), |known| known.user_id),
        address: known.as_ref().map(|known| known.address.clone()),
        name: known.map(|known| known.name),
        key: own::KeyInUse {
            id: holder.note.map(|note| note.id),
            may_trade: holder.credential.may_trade,
            instruments: holder.credential.instruments.as_ref().map(names),
            quotes: quotes.filter_map(|&it| words.feed(it)).collect(),
            requests_per_second_max: rate.count,
        },
    }))
}

/// My credentials
///
/// In every dialect, revoked ones too, without secrets: those are told once, when they are made.
#[utoipa::path(get, path = "/rialto/v1/credentials", tag = "account", security(("key" = [])), responses(
    (status = 200, description = "The credentials.", body = own::Credentials),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn credentials(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    reading::query::<Nothing>(visit.query)?;
    let known = visit.native.register.credentials(holder.account());
    let word = |known: super::register::CredentialNote| own::Credential {
        id: known.id,
        dialect: known.dialect,
        key: known.shown,
        may_trade: known.may_trade,
        instruments: known.instruments,
        channels: known.channels,
        quotes: known.quotes,
        made_at: venue::time(known.made),
        revoked_at: known.revoked.map(venue::time),
    };
    Ok(Reply::json(&own::Credentials { credentials: known.into_iter().map(word).collect() }))
}

/// My balances
///
/// Of each asset that the account ever held: what is available, and what open orders hold.
#[utoipa::path(get, path = "/rialto/v1/balances", tag = "account", security(("key" = [])), responses(
    (status = 200, description = "The balances.", body = own::Balances),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn balances(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    reading::query::<Nothing>(visit.query)?;
    let answer = visit.ask_own(Query::Balances { account: holder.account() }).await?;
    let AnswerBody::Balances(balances) = answer.body else { return Err(not_told()) };
    let words = &visit.native.words;
    Ok(Reply::json(&own::Balances {
        time: venue::time(answer.now),
        balances: balances.iter().filter_map(|balance| words.balance(balance)).collect(),
    }))
}

/// Which come first.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum First {
    /// The newest.
    #[default]
    Newest,
    /// The oldest.
    Oldest,
}

impl From<First> for Sort {
    fn from(first: First) -> Self {
        match first {
            First::Newest => Self::NewestFirst,
            First::Oldest => Self::OldestFirst,
        }
    }
}

/// Which trades.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TradesQuery {
    /// Only of this instrument.
    instrument: Option<String>,
    /// Only where its own order was of this side.
    side: Option<Side>,
    /// Not older than this.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Not newer than this.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Not with a smaller id than this.
    since_id: Option<String>,
    /// Which come first; unsaid, the newest.
    #[param(inline)]
    first: Option<First>,
    /// So many of them are left out.
    #[param(value_type = Option<u32>, maximum = 1000000, default = 0)]
    offset: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u32>, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// My trades
///
/// With their fees. Of an account the last 65,536 are remembered.
#[utoipa::path(get, path = "/rialto/v1/trades", operation_id = "trades", tag = "account", security(("key" = [])), params(TradesQuery), responses(
    (status = 200, description = "The trades.", body = own::OwnTrades),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn trades(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    let asked: TradesQuery = reading::query(visit.query)?;
    let instrument = match &asked.instrument {
        Some(name) => Some(visit.own_instrument(&holder, name, "query instrument")?.id),
        None => None,
    };
    let moment = |text: &Option<String>, place| {
        text.as_deref().map(|text| reading::time(text, place)).transpose()
    };
    let since_id = asked.since_id.as_deref().map(|text| {
        text.parse().map(TradeId).map_err(|_| {
            Problem::new(Code::BadParameter, format!("{text:?} is no trade's id"))
                .at("query since_id")
        })
    });
    let which = OwnTrades {
        instrument,
        since: moment(&asked.since, "query since")?,
        until: moment(&asked.until, "query until")?,
        since_id: since_id.transpose()?,
        side: asked.side.map(reading::side),
        sort: asked.first.unwrap_or_default().into(),
        offset: reading::count(asked.offset.as_deref(), "offset", 0, OFFSET_MAX)?,
        limit: reading::count(asked.limit.as_deref(), "limit", TRADES, TRADES_MAX)?,
        ..OwnTrades::of(holder.account())
    };
    let answer = visit.ask_own(Query::OwnTrades(which)).await?;
    let AnswerBody::OwnTrades(trades) = answer.body else { return Err(not_told()) };
    let words = &visit.native.words;
    Ok(Reply::json(&own::OwnTrades {
        time: venue::time(answer.now),
        trades: trades.iter().map(|trade| words.own_trade(trade)).collect(),
    }))
}

pub(crate) fn not_told() -> Box<Problem> {
    Problem::new(Code::NotTold, "the boards do not tell")
}
