//! Pages that tell how connections stand, and why others ended.
//!
//! Who may see them: whoever shows a key sees the connections on which a key of its account was shown, from wherever
//! it asks. Whoever shows none must be on this machine, and then sees all of them, as somebody who operates the venue:
//! on this machine one can read the configuration and the store as well. A proxy on this machine asks for others, so that
//! what came through one is refused where it says so, and so is a web page's request (see `door`).

#![expect(unused_qualifications, reason = "what describes a query for the document is qualified")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::AccountId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::market::Nothing;
use super::problem::{Code, Problem};
use super::reading;
use super::reply::{Answered, Reply};
use super::venue;
use super::visit::Visit;
use super::wire::connection as wire;
use crate::connections::{ConnectionId, ConnectionNote, Sent, Waiting, Wanted, Which, Who};
use crate::goodbye::{Decider, Goodbye};
use crate::http::handed_on;

mod explain;

/// Connections and goodbyes that are told at most, and if nobody says how many.
const COUNT_MAX: usize = 1_000;
const COUNT: usize = 100;
/// More than are remembered.
const OFFSET_MAX: usize = 1_000_000;

/// Which connections.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConnectionsQuery {
    /// Only those of this dialect.
    dialect: Option<String>,
    /// Only those of this account: its name or its number.
    account: Option<String>,
    /// Only those by this credential: its number, as `rialto keys list` tells it.
    key: Option<String>,
    /// Only those from this address, or from this very address and port.
    address: Option<String>,
    /// Only those for which at least so many bytes wait.
    #[param(value_type = Option<u32>, default = 0)]
    waiting_bytes: Option<String>,
    /// Only those with a greater number than this.
    after: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u32>, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// Connections
///
/// Those that are open, by number, a page at a time: one's own with a key, all of them without one on this machine. Each is
/// told as it stands when its loop looks at it, so that a page is no picture of one moment.
#[utoipa::path(get, path = "/rialto/v1/connections", operation_id = "connections", tag = "connections",
    security((), ("key" = [])), params(ConnectionsQuery), responses(
    (status = 200, description = "The connections.", body = wire::Connections),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(visit: &mut Visit<'_>) -> Answered {
    let asked: ConnectionsQuery = reading::query(visit.query)?;
    let [dialect, account] = [&asked.dialect, &asked.account].map(Option::as_deref);
    let which = which(visit, dialect, account, asked.key, asked.address.as_deref())?;
    let after = asked.after.as_deref().map(|text| connection(text, "query after")).transpose()?;
    let limit = reading::count(asked.limit.as_deref(), "limit", COUNT, COUNT_MAX)?;
    let waiting = asked.waiting_bytes.as_deref();
    let waiting_bytes_min = reading::count(waiting, "waiting_bytes", 0, u32::MAX as usize)?;
    let after = after.unwrap_or_default();
    let wanted = Wanted { which, only: None, after, waiting_bytes_min, notes_max: limit };
    let mut notes = survey(visit, &wanted).await?;
    let has_more = notes.len() > limit;
    notes.truncate(limit);
    let next = notes.last().filter(|_| has_more).map(|note| note.id.to_string());
    let connections = notes.into_iter().map(|note| worded(visit, &note)).collect();
    Ok(Reply::json(&wire::Connections { connections, next }))
}

/// One connection
///
/// With the names of what it listens to.
#[utoipa::path(get, path = "/rialto/v1/connections/{connection}", operation_id = "connection", tag = "connections",
    security((), ("key" = [])),
    params(("connection" = String, Path, description = "Its number.", example = "17")), responses(
    (status = 200, description = "The connection.", body = wire::Connection),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    let which = which(visit, None, None, None, None)?;
    let id = connection(&visit.parameters[0], "path connection")?;
    let wanted = Wanted {
        which,
        only: Some(id),
        after: ConnectionId::default(),
        waiting_bytes_min: 0,
        notes_max: 1,
    };
    let Some(mut note) = survey(visit, &wanted).await?.pop() else {
        let detail = format!("connection {id} is not open");
        return Err(Problem::new(Code::UnknownConnection, detail).at("path connection"));
    };
    let listens_to = Some(std::mem::take(&mut note.names));
    Ok(Reply::json(&wire::Connection { listens_to, ..worded(visit, &note) }))
}

/// Whose goodbyes.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GoodbyesQuery {
    /// Only of connections of this dialect.
    dialect: Option<String>,
    /// Only of connections of this account: its name or its number.
    account: Option<String>,
    /// Only of connections by this credential: its number, as `rialto keys list` tells it.
    key: Option<String>,
    /// Only of connections from this address, or from this very address and port.
    address: Option<String>,
    /// Only those with this reason, such as `slow_consumer`.
    reason: Option<String>,
    /// So many of them are left out.
    #[param(value_type = Option<u32>, maximum = 1000000, default = 0)]
    offset: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u32>, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// Why connections ended
///
/// The newest first: one's own with a key, all of them without one on this machine. The last 8,192 are remembered, as long as
/// the server runs.
#[utoipa::path(get, path = "/rialto/v1/goodbyes", operation_id = "goodbyes", tag = "connections",
    security((), ("key" = [])), params(GoodbyesQuery), responses(
    (status = 200, description = "The records.", body = wire::Goodbyes),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn goodbyes(visit: &mut Visit<'_>) -> Answered {
    let asked: GoodbyesQuery = reading::query(visit.query)?;
    let [dialect, account] = [&asked.dialect, &asked.account].map(Option::as_deref);
    let which = which(visit, dialect, account, asked.key, asked.address.as_deref())?;
    let offset = reading::count(asked.offset.as_deref(), "offset", 0, OFFSET_MAX)?;
    let limit = reading::count(asked.limit.as_deref(), "limit", COUNT, COUNT_MAX)?;
    let found = visit.floor.goodbyes.newest(&which, asked.reason.as_deref(), offset, limit);
    let goodbyes = found.iter().map(|goodbye| recorded(visit, goodbye)).collect();
    Ok(Reply::json(&wire::Goodbyes { goodbyes }))
}

/// Why one connection ended
///
/// Who decided, why, and what was left unsent.
#[utoipa::path(get, path = "/rialto/v1/goodbyes/{connection}", operation_id = "goodbye", tag = "connections",
    security((), ("key" = [])),
    params(("connection" = String, Path, description = "The number that it had.", example = "17")), responses(
    (status = 200, description = "The record.", body = wire::Goodbye),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn goodbye(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    let which = which(visit, None, None, None, None)?;
    let id = connection(&visit.parameters[0], "path connection")?;
    let found = visit.floor.goodbyes.find(id);
    let found = found.filter(|it| which.is(it.dialect, it.peer, || it.who.clone()));
    let Some(found) = found else {
        let detail = format!("nothing is remembered of the end of connection {id}");
        return Err(Problem::new(Code::UnknownConnection, detail).at("path connection"));
    };
    Ok(Reply::json(&recorded(visit, &found)))
}

/// Which connections are asked for, as far as they are for whoever asks.
fn which(
    visit: &mut Visit<'_>,
    dialect: Option<&str>,
    account: Option<&str>,
    credential: Option<String>,
    address: Option<&str>,
) -> Result<Which, Box<Problem>> {
    let own = viewer(visit)?;
    let bad = |detail: String, name: &str| {
        Problem::new(Code::BadParameter, detail).at(format!("query {name}"))
    };
    let dialect = match dialect {
        None => None,
        Some(name) => {
            Some(visit.floor.dialects.iter().position(|it| it.name() == name).ok_or_else(|| {
                bad(format!("{name:?} is not the name of a dialect that is served"), "dialect")
            })?)
        }
    };
    let account = match account {
        None => own,
        Some(said) => {
            let named = visit.native.register.account_named(said);
            let numbered = || said.parse().ok().map(AccountId);
            let found = named.or_else(numbered).filter(|found| own.is_none_or(|own| own == *found));
            Some(found.ok_or_else(|| bad(format!("no account of yours is {said:?}"), "account"))?)
        }
    };
    let (address, port) = match address {
        None => (None, None),
        Some(text) => match (text.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
            (Ok(address), _) => (Some(address), None),
            (_, Ok(peer)) => (Some(peer.ip()), Some(peer.port())),
            _ => {
                let detail =
                    format!("{text:?} is not an address such as 127.0.0.1 or 127.0.0.1:50514");
                return Err(bad(detail, "address"));
            }
        },
    };
    Ok(Which { dialect, account, credential, address, port })
}

/// Whose connections whoever asks may see: an account's, or all of them.
fn viewer(visit: &mut Visit<'_>) -> Result<Option<AccountId>, Box<Problem>> {
    if visit.header("authorization").is_some_and(|text| !text.trim().is_empty()) {
        return Ok(Some(visit.holder()?.account()));
    }
    match visit.is_from_here("without a key connections are told to this machine alone") {
        Ok(()) => Ok(None),
        Err(problem) => Err(problem
            .remedy("ask from the machine itself, or show a key to see its account's connections")),
    }
}

fn connection(text: &str, place: &str) -> Result<ConnectionId, Box<Problem>> {
    text.parse().map(ConnectionId).map_err(|_| {
        Problem::new(Code::BadParameter, format!("{text:?} is no connection's number")).at(place)
    })
}

/// Asks every loop, and puts together what they tell.
async fn survey(visit: &Visit<'_>, wanted: &Wanted) -> Result<Vec<ConnectionNote>, Box<Problem>> {
    let mut asked = Vec::new();
    for each in visit.floor.loops {
        let (tell, told) = handed_on();
        each.survey(wanted.clone(), tell);
        asked.push(told);
    }
    let mut notes = Vec::new();
    for told in asked {
        let found = told.await.map_err(|_| {
            Problem::new(Code::Busy, "too many ask for connections at once, or the server ends")
        })?;
        notes.extend(found);
    }
    notes.sort_unstable_by_key(|note| note.id);
    Ok(notes)
}

fn worded(visit: &Visit<'_>, note: &ConnectionNote) -> wire::Connection {
    wire::Connection {
        id: note.id.to_string(),
        dialect: visit.floor.dialects[note.dialect].name().to_owned(),
        address: note.peer.to_string(),
        holder: holder(visit, note.who.as_ref()),
        opened_at: venue::time(note.opened),
        leaves: note.leaves,
        subscriptions: note.subscriptions,
        waiting: waiting(note.waiting),
        waits_ms: millis(note.waits),
        lag_ms: millis(note.lag_max),
        sent: sent(note.sent),
        listens_to: None,
    }
}

fn recorded(visit: &Visit<'_>, goodbye: &Goodbye) -> wire::Goodbye {
    let dialect = &*visit.floor.dialects[goodbye.dialect];
    wire::Goodbye {
        id: goodbye.id.to_string(),
        dialect: dialect.name().to_owned(),
        address: goodbye.peer.to_string(),
        holder: holder(visit, goodbye.who.as_ref()),
        opened_at: venue::time(goodbye.opened),
        ended_at: venue::time(goodbye.ended),
        decided_by: match goodbye.reason.decider() {
            Decider::Client => wire::Decider::Client,
            Decider::Server => wire::Decider::Server,
            Decider::Network => wire::Decider::Network,
        },
        reason: goodbye.reason.name(),
        explanation: explain::why(goodbye, dialect.manners()),
        remedy: explain::remedy(goodbye.reason).to_owned(),
        code: goodbye.code,
        subscriptions: goodbye.subscriptions,
        last_event: goodbye.sequence.to_string(),
        oldest_unsent_event: goodbye.unsent.map(|sequence| sequence.to_string()),
        waiting: waiting(goodbye.waiting),
        stalled_ms: millis(goodbye.stalled),
        lag_ms: millis(goodbye.lag_max),
        sent: sent(goodbye.sent),
    }
}

fn holder(visit: &Visit<'_>, who: Option<&Who>) -> Option<wire::Holder> {
    let Who { account, credential } = who?;
    let known = visit.native.register.account(*account);
    Some(wire::Holder {
        user_id: known.as_ref().map_or(account.0.into(), |known| known.user_id),
        name: known.map(|known| known.name),
        credential: credential.clone(),
    })
}

const fn waiting(waiting: Waiting) -> wire::Waiting {
    let Waiting { answers, lossless, restart, latest } = waiting;
    wire::Waiting { bytes: waiting.bytes(), answers, lossless, restart, latest }
}

const fn sent(Sent { frames, bytes }: Sent) -> wire::Sent {
    wire::Sent { frames, bytes }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
