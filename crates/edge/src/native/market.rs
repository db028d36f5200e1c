//! Pages that everybody may read: the venue, its instruments, books, trades, candles.

#![expect(unused_qualifications, reason = "what describes a query for the document is qualified")]

use ::http::StatusCode;
use model::{AnswerBody, Interval, Query, Time, Window};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::{Code, Problem};
use super::reply::{Answered, Reply};
use super::visit::Visit;
use super::wire::{self, CandleInterval};
use super::{reading, venue};

/// Levels of each side, trades and candles that are told at most, and if nobody says how many.
const DEPTH_MAX: usize = 1_000;
const DEPTH: usize = 50;
const COUNT_MAX: usize = 1_000;
const COUNT: usize = 100;

fn not_told(what: &str) -> Box<Problem> {
    Problem::new(Code::NotTold, format!("there is no {what} of this instrument now"))
}

/// How the venue stands
///
/// Its name, its version, and what time it is in its market.
#[utoipa::path(get, path = "/rialto/v1/status", tag = "market", responses(
    (status = 200, description = "How it stands.", body = wire::Status),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn status(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    let answer = visit.ask(Query::Now).await?;
    let it = &visit.native.words.venue;
    let speed = model::Decimal { units: it.speed.0.into(), decimals: 3 };
    Ok(Reply::json(&wire::Status {
        venue: it.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        ready: visit.ready,
        time: venue::time(answer.now),
        opened_at: venue::time(it.opened),
        speed: speed.to_string(),
        seed: it.seed.map(|seed| seed.to_string()),
    }))
}

/// What is kept of it
///
/// How far what happened is durable, and a digest of all events: two venues that were given the same commands have
/// the same digest after as many events.
#[utoipa::path(get, path = "/rialto/v1/state", tag = "market", responses(
    (status = 200, description = "How its journal stands.", body = wire::State),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn state(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    let answer = visit.ask(Query::Now).await?;
    let journal = visit.journal.map(|ask| ask()).map(|note| wire::Journal {
        durability: note.durability,
        writes: note.failure.is_none(),
        failure: note.failure,
        epoch: note.epoch,
        commands: note.commands,
        events: note.events,
        digest: format!("{:016x}", note.digest),
        image: note.follower.image.map(|image| wire::ImageTaken {
            segment: image.segment,
            command: image.command,
            bytes: image.bytes,
            taken_at: image.taken_at.map(venue::time),
            took_ms: u64::try_from(image.took.as_millis()).unwrap_or(u64::MAX),
        }),
        image_failure: note.follower.failure,
        alarm: note.follower.alarm,
    });
    Ok(Reply::json(&wire::State { ready: visit.ready, time: venue::time(answer.now), journal }))
}

/// What is traded
///
/// Every instrument with its rules, its status, its fees, and its name in each dialect.
#[utoipa::path(get, path = "/rialto/v1/instruments", tag = "market", responses(
    (status = 200, description = "All of them.", body = wire::Instruments),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn instruments(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    let statuses = statuses(visit).await?;
    let words = &visit.native.words;
    let listings = words.venue.listings.iter().zip(statuses);
    let instruments = listings.map(|(listing, status)| words.listing(listing, status)).collect();
    Ok(Reply::json(&wire::Instruments { instruments }))
}

/// One instrument
///
/// Its rules, its status, its fees, and its name in each dialect.
#[utoipa::path(get, path = "/rialto/v1/instruments/{instrument}", tag = "market",
    params(("instrument" = String, Path, description = "Its name.", example = "BTC-USD")),
    responses(
    (status = 200, description = "The instrument.", body = wire::Instrument),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn instrument(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    let it = visit.instrument(&visit.parameters[0], "path instrument")?;
    let statuses = statuses(visit).await?;
    let words = &visit.native.words;
    let at = it.id.index();
    let status = statuses.get(at).copied().unwrap_or_default();
    Ok(Reply::json(&words.listing(&words.venue.listings[at], status)))
}

async fn statuses(visit: &mut Visit<'_>) -> Result<Vec<model::Status>, Box<Problem>> {
    match visit.ask(Query::Statuses).await?.body {
        AnswerBody::Statuses(statuses) => {
            Ok(statuses.into_iter().map(|(_, status)| status).collect())
        }
        _ => Err(Problem::new(Code::NotTold, "the boards do not tell")),
    }
}

/// No parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// How much of a book.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BookQuery {
    /// Levels of each side.
    #[param(value_type = Option<u32>, maximum = 1000, default = 50)]
    depth: Option<String>,
}

/// A book
///
/// By level, the best first, exactly as subscribers of its changes were told it last.
#[utoipa::path(get, path = "/rialto/v1/instruments/{instrument}/book", tag = "market",
    params(("instrument" = String, Path, description = "Whose.", example = "BTC-USD"), BookQuery),
    responses(
    (status = 200, description = "The book.", body = wire::Book),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn book(visit: &mut Visit<'_>) -> Answered {
    let asked: BookQuery = reading::query(visit.query)?;
    let it = visit.instrument(&visit.parameters[0], "path instrument")?;
    let depth = reading::count(asked.depth.as_deref(), "depth", DEPTH, DEPTH_MAX)?;
    let cadence = visit.native.words.venue.cadence;
    let answer = visit.ask(Query::Book { instrument: it.id, cadence }).await?;
    let book = visit.native.words.book(&it, depth, answer.body);
    book.map(|book| Reply::json(&book)).ok_or_else(|| not_told("book"))
}

/// How many trades.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TradesQuery {
    /// At most so many.
    #[param(value_type = Option<u32>, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// Not older than this.
    #[param(format = DateTime)]
    since: Option<String>,
}

/// The last trades
///
/// The newest first.
#[utoipa::path(get, path = "/rialto/v1/instruments/{instrument}/trades", operation_id = "public_trades", tag = "market",
    params(("instrument" = String, Path, description = "Whose.", example = "BTC-USD"), TradesQuery),
    responses(
    (status = 200, description = "The trades.", body = wire::PublicTrades),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn trades(visit: &mut Visit<'_>) -> Answered {
    let asked: TradesQuery = reading::query(visit.query)?;
    let it = visit.instrument(&visit.parameters[0], "path instrument")?;
    let limit = reading::count(asked.limit.as_deref(), "limit", COUNT, COUNT_MAX)?;
    let since =
        asked.since.as_deref().map(|text| reading::time(text, "query since")).transpose()?;
    let since = since.unwrap_or(Time(i64::MIN));
    let answer = visit.ask(Query::Trades { instrument: it.id, since, limit }).await?;
    let AnswerBody::Trades(trades) = answer.body else { return Err(not_told("trade")) };
    Ok(Reply::json(&wire::PublicTrades {
        instrument: visit.native.words.name(it.id).to_owned(),
        trades: trades.iter().map(|trade| venue::Words::trade(&it, trade)).collect(),
    }))
}

/// Which candles.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CandlesQuery {
    /// How long each.
    interval: CandleInterval,
    /// Not starting before this.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Not starting after this.
    #[param(format = DateTime)]
    till: Option<String>,
    /// The newest so many of them.
    #[param(value_type = Option<u32>, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// Candles
///
/// The oldest first. There is none for an interval without a trade; the last may still be running.
#[utoipa::path(get, path = "/rialto/v1/instruments/{instrument}/candles", tag = "market",
    params(("instrument" = String, Path, description = "Whose.", example = "BTC-USD"), CandlesQuery),
    responses(
    (status = 200, description = "The candles.", body = wire::Candles),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn candles(visit: &mut Visit<'_>) -> Answered {
    let asked: CandlesQuery = reading::query(visit.query)?;
    let it = visit.instrument(&visit.parameters[0], "path instrument")?;
    let limit = reading::count(asked.limit.as_deref(), "limit", COUNT, COUNT_MAX)?;
    let bound = |text: Option<String>, place, unsaid| {
        text.map_or(Ok(Time(unsaid)), |text| reading::time(&text, place))
    };
    let from = bound(asked.from, "query from", i64::MIN)?;
    let till = bound(asked.till, "query till", i64::MAX)?;
    let interval = length(asked.interval);
    let (instrument, filled) = (it.id, false);
    let query = Query::Candles { instrument, interval, from, till, limit, filled };
    let AnswerBody::Candles(candles) = visit.ask(query).await?.body else {
        return Err(not_told("candle"));
    };
    Ok(Reply::json(&wire::Candles {
        instrument: visit.native.words.name(it.id).to_owned(),
        interval: asked.interval,
        candles: candles.iter().map(|candle| venue::Words::candle(&it, candle)).collect(),
    }))
}

const fn length(interval: CandleInterval) -> Interval {
    Interval::Seconds(match interval {
        CandleInterval::Second => 1,
        CandleInterval::TenSeconds => 10,
        CandleInterval::Minute => 60,
        CandleInterval::ThreeMinutes => 180,
        CandleInterval::FiveMinutes => 300,
        CandleInterval::QuarterHour => 900,
        CandleInterval::HalfHour => 1_800,
        CandleInterval::Hour => 3_600,
        CandleInterval::TwoHours => 7_200,
        CandleInterval::FourHours => 14_400,
        CandleInterval::SixHours => 21_600,
        CandleInterval::EightHours => 28_800,
        CandleInterval::HalfDay => 43_200,
        CandleInterval::Day => 86_400,
        CandleInterval::ThreeDays => 259_200,
        CandleInterval::Week => return Interval::Week,
        CandleInterval::Month => return Interval::Month,
    })
}

/// The ticker
///
/// Rolling statistics of the last 24 hours.
#[utoipa::path(get, path = "/rialto/v1/instruments/{instrument}/ticker", tag = "market",
    params(("instrument" = String, Path, description = "Whose.", example = "BTC-USD")),
    responses(
    (status = 200, description = "The ticker.", body = wire::Ticker),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn ticker(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    let it = visit.instrument(&visit.parameters[0], "path instrument")?;
    let query = Query::Ticker { instrument: it.id, window: Window::DAY };
    let AnswerBody::Ticker(ticker) = visit.ask(query).await?.body else {
        return Err(not_told("ticker"));
    };
    Ok(Reply::json(&visit.native.words.ticker(&it, &ticker)))
}

/// This document
///
/// OpenAPI 3.1, made of the types that are served.
#[utoipa::path(get, path = "/rialto/v1/openapi.json", tag = "market", responses(
    (status = 200, description = "OpenAPI 3.1.", body = serde_json::Value),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn openapi(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    Ok(Reply::text(StatusCode::OK, "application/json", visit.native.document.clone()))
}

/// The demo's accounts
///
/// With all their credentials in every dialect, which are the same everywhere and no secret: only in a venue that
/// listens on loopback, and only for those on the same machine.
#[utoipa::path(get, path = "/rialto/v1/demo", tag = "market", responses(
    (status = 200, description = "The accounts.", body = serde_json::Value),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn demo(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    visit.is_from_here("the demo's accounts are for this machine")?;
    match visit.native.register.demo() {
        Some(json) => Ok(Reply::text(StatusCode::OK, "application/json", json)),
        None => Err(Problem::new(Code::UnknownPath, "this venue has no demo accounts")
            .remedy("make accounts with `rialto keys create`, or listen on loopback")),
    }
}
