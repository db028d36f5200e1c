//! Pages of perpetuals: their prices and funding; the positions of an account, how it holds them, what came of them, and
//! when they were in danger.

#![expect(unused_qualifications, reason = "what describes a query for the document is qualified")]

use std::collections::BTreeMap;

use dialects::Submission;
use model::{
    Action, Amount, AnswerBody, AssetId, EventBody, InstrumentId, MarginMode, OwnPosition,
    OwnPositions, OwnSettlements, PerpetualAction, PerpetualEvent, Price, Query, Time,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::account::{First, not_told};
use super::market::Nothing;
use super::orders::Which;
use super::outcome::rejected;
use super::position::{self, Cross};
use super::problem::{Code, Problem};
use super::reply::{Answered, Reply};
use super::visit::{Holder, Visit};
use super::{reading, venue, wire::perpetual as wire};

/// Entries that are told at most, and if nobody says how many.
const COUNT_MAX: usize = 1_000;
const COUNT: usize = 100;
/// More than are remembered of any account.
const OFFSET_MAX: usize = 1_000_000;

/// Prices of a perpetual
///
/// Mark and index, the running rate of funding and when it is exchanged next, and the open interest: as they were taken at the
/// last whole second.
#[utoipa::path(get, path = "/rialto/v1/instruments/{instrument}/perpetual", operation_id = "perpetual", tag = "market",
    params(("instrument" = String, Path, description = "Its name.", example = "BTC-USD-PERP")),
    responses(
    (status = 200, description = "How it stands.", body = wire::PerpetualState),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn state(visit: &mut Visit<'_>) -> Answered {
    reading::query::<Nothing>(visit.query)?;
    let it = perpetual(visit)?;
    let AnswerBody::Perpetual(state) =
        visit.ask(Query::Perpetual { instrument: it.id }).await?.body
    else {
        return Err(Problem::new(Code::NotTold, "it has no mark yet"));
    };
    Ok(Reply::json(&wire::PerpetualState {
        instrument: visit.native.words.name(it.id).to_owned(),
        time: venue::time(state.time),
        mark_price: venue::price(&it, state.marks.mark),
        index_price: venue::price(&it, state.marks.index),
        funding_rate: venue::rate(state.marks.funding_rate_ppm.into()),
        next_funding_at: venue::time(state.marks.next_funding),
        open_interest: venue::quantity(&it, state.open_interest),
    }))
}

/// The instrument of the path, if it is a perpetual.
pub(super) fn perpetual(visit: &Visit<'_>) -> Result<model::Instrument, Box<Problem>> {
    let it = visit.instrument(&visit.parameters[0], "path instrument")?;
    match visit.native.words.contract(it.id) {
        Some(_) => Ok(it),
        None => Err(Problem::new(Code::BadCombination, "it is no perpetual").at("path instrument")),
    }
}

/// Which funding.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FundingQuery {
    /// Not older than this.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Not newer than this.
    #[param(format = DateTime)]
    until: Option<String>,
    /// At most so many, the newest of them.
    #[param(value_type = Option<u32>, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// Funding of a perpetual
///
/// The rates that were exchanged, the oldest first. The last 1,024 are remembered.
#[utoipa::path(get, path = "/rialto/v1/instruments/{instrument}/funding", operation_id = "funding", tag = "market",
    params(("instrument" = String, Path, description = "Its name.", example = "BTC-USD-PERP"), FundingQuery),
    responses(
    (status = 200, description = "The rates.", body = wire::FundingRates),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn funding(visit: &mut Visit<'_>) -> Answered {
    let asked: FundingQuery = reading::query(visit.query)?;
    let it = perpetual(visit)?;
    let query = Query::FundingRates {
        instrument: it.id,
        since: moment(asked.since.as_deref(), "query since")?.unwrap_or(Time(i64::MIN)),
        until: moment(asked.until.as_deref(), "query until")?.unwrap_or(Time(i64::MAX)),
        limit: reading::count(asked.limit.as_deref(), "limit", COUNT, COUNT_MAX)?,
    };
    let AnswerBody::FundingRates(rates) = visit.ask(query).await?.body else {
        return Err(not_told());
    };
    let word = |rate: model::FundingRate| wire::FundingRate {
        time: venue::time(rate.time),
        rate: venue::rate(rate.rate_ppm.into()),
    };
    Ok(Reply::json(&wire::FundingRates {
        instrument: visit.native.words.name(it.id).to_owned(),
        rates: rates.into_iter().map(word).collect(),
    }))
}

fn moment(text: Option<&str>, place: &str) -> Result<Option<Time>, Box<Problem>> {
    text.map(|text| reading::time(text, place)).transpose()
}

/// Which positions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PositionsQuery {
    /// Open or ended; unsaid, open.
    #[param(inline)]
    which: Option<Which>,
    /// Only in this instrument.
    instrument: Option<String>,
    /// At most so many, the newest of them.
    #[param(value_type = Option<u32>, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// My positions
///
/// Open ones, those that have ended, or both, with what they earned. Of an account the last 1,000 that ended are remembered.
#[utoipa::path(get, path = "/rialto/v1/positions", operation_id = "positions", tag = "account", security(("key" = [])), params(PositionsQuery), responses(
    (status = 200, description = "The positions.", body = wire::Positions),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn positions(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    let asked: PositionsQuery = reading::query(visit.query)?;
    let instrument = match &asked.instrument {
        Some(name) => Some(visit.own_instrument(&holder, name, "query instrument")?.id),
        None => None,
    };
    let which = OwnPositions {
        instrument,
        which: match asked.which.unwrap_or_default() {
            Which::Open => model::Which::Open,
            Which::Ended => model::Which::Ended,
            Which::All => model::Which::All,
        },
        limit: reading::count(asked.limit.as_deref(), "limit", COUNT, COUNT_MAX)?,
        ..OwnPositions::of(holder.account())
    };
    let answer = visit.ask_own(Query::Positions(which)).await?;
    let AnswerBody::Positions(positions) = answer.body else { return Err(not_told()) };
    let marks = marks(visit, &positions).await?;
    let crosses = match positions.iter().any(OwnPosition::is_open) {
        true => crosses(visit, &holder).await?,
        false => BTreeMap::new(),
    };
    let words = &visit.native.words;
    Ok(Reply::json(&wire::Positions {
        time: venue::time(answer.now),
        positions: positions.iter().map(|it| position::word(words, it, &marks, &crosses)).collect(),
    }))
}

/// The marks of the perpetuals in which something is open.
async fn marks(
    visit: &mut Visit<'_>,
    positions: &[OwnPosition],
) -> Result<BTreeMap<InstrumentId, Price>, Box<Problem>> {
    let mut marks = BTreeMap::new();
    for instrument in positions.iter().filter(|it| it.is_open()).map(|it| it.instrument) {
        if marks.contains_key(&instrument) {
            continue;
        }
        if let AnswerBody::Perpetual(state) = visit.ask(Query::Perpetual { instrument }).await?.body
        {
            marks.insert(instrument, state.marks.mark);
        }
    }
    Ok(marks)
}

/// What the account's cross positions come to, by asset; nothing to a key that does not see all of them.
async fn crosses(
    visit: &mut Visit<'_>,
    holder: &Holder,
) -> Result<BTreeMap<AssetId, Cross>, Box<Problem>> {
    if holder.credential.instruments.is_some() {
        return Ok(BTreeMap::new());
    }
    let account = holder.account();
    let open = OwnPositions { which: model::Which::Open, ..OwnPositions::of(account) };
    let AnswerBody::Positions(open) = visit.ask_own(Query::Positions(open)).await?.body else {
        return Err(not_told());
    };
    let AnswerBody::Balances(balances) = visit.ask_own(Query::Balances { account }).await?.body
    else {
        return Err(not_told());
    };
    let marks = marks(visit, &open).await?;
    let words = &visit.native.words;
    let mut crosses: BTreeMap<AssetId, Cross> = balances
        .iter()
        .map(|it| (it.asset, Cross { equity: it.available, maintenance: Amount::ZERO }))
        .collect();
    for it in open.iter().filter(|it| it.state.mode == MarginMode::Cross) {
        let Some(&mark) = marks.get(&it.instrument) else { continue };
        let profit = position::profit(words, it, mark);
        let margins = position::margins(words, it, mark);
        let asset = words.margin_asset(it.instrument);
        if let (Some(profit), Some((_, maintenance)), Some(asset)) = (profit, margins, asset) {
            let cross = crosses.entry(asset.id).or_default();
            cross.equity += profit;
            cross.maintenance += maintenance;
        }
    }
    Ok(crosses)
}

/// Which settlements.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SettlementsQuery {
    /// Not older than this.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Not newer than this.
    #[param(format = DateTime)]
    until: Option<String>,
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

/// My settlements
///
/// Money that came of positions or went into them: what was closed, funding, what was drawn. Of an account the last 10,000
/// are remembered.
#[utoipa::path(get, path = "/rialto/v1/settlements", operation_id = "settlements", tag = "account", security(("key" = [])), params(SettlementsQuery), responses(
    (status = 200, description = "The settlements.", body = wire::Settlements),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn settlements(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    let asked: SettlementsQuery = reading::query(visit.query)?;
    let which = OwnSettlements {
        since: moment(asked.since.as_deref(), "query since")?,
        until: moment(asked.until.as_deref(), "query until")?,
        sort: asked.first.unwrap_or_default().into(),
        offset: reading::count(asked.offset.as_deref(), "offset", 0, OFFSET_MAX)?,
        limit: reading::count(asked.limit.as_deref(), "limit", COUNT, COUNT_MAX)?,
        ..OwnSettlements::of(holder.account())
    };
    let answer = visit.ask_own(Query::Settlements(which)).await?;
    let AnswerBody::Settlements(settlements) = answer.body else { return Err(not_told()) };
    let words = &visit.native.words;
    Ok(Reply::json(&wire::Settlements {
        time: venue::time(answer.now),
        settlements: settlements.iter().map(|it| position::settlement(words, it)).collect(),
    }))
}

/// How many.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertsQuery {
    /// At most so many.
    #[param(value_type = Option<u32>, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// My margin alerts
///
/// When positions came into danger, and when their liquidation ended, the newest first. Of an account the last 1,000 are
/// remembered.
#[utoipa::path(get, path = "/rialto/v1/alerts", operation_id = "alerts", tag = "account", security(("key" = [])), params(AlertsQuery), responses(
    (status = 200, description = "The alerts.", body = wire::Alerts),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn alerts(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    let asked: AlertsQuery = reading::query(visit.query)?;
    let limit = reading::count(asked.limit.as_deref(), "limit", COUNT, COUNT_MAX)?;
    let answer = visit
        .ask_own(Query::MarginAlerts { account: holder.account(), among: None, limit })
        .await?;
    let AnswerBody::MarginAlerts(alerts) = answer.body else { return Err(not_told()) };
    let words = &visit.native.words;
    Ok(Reply::json(&wire::Alerts {
        time: venue::time(answer.now),
        alerts: alerts.iter().map(|it| position::alert(words, it)).collect(),
    }))
}

/// How I hold positions
///
/// Of each perpetual in which the account ever traded or chose something: what answers for a position, and the leverage.
#[utoipa::path(get, path = "/rialto/v1/margin", operation_id = "margins", tag = "account", security(("key" = [])), responses(
    (status = 200, description = "How they are held.", body = wire::Margins),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn margins(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    reading::query::<Nothing>(visit.query)?;
    let answer = visit.ask_own(Query::MarginChoices { account: holder.account() }).await?;
    let AnswerBody::MarginChoices(choices) = answer.body else { return Err(not_told()) };
    let word = |choice: &model::MarginChoice| wire::Margin {
        instrument: visit.native.words.name(choice.instrument).to_owned(),
        mode: choice.mode.into(),
        leverage: choice.leverage,
    };
    Ok(Reply::json(&wire::Margins {
        time: venue::time(answer.now),
        margins: choices.iter().map(word).collect(),
    }))
}

/// Change how I hold positions
///
/// In one perpetual: the leverage, what answers for the position, or what is set aside for an isolated one.
#[utoipa::path(put, path = "/rialto/v1/margin/{instrument}", operation_id = "set_margin", tag = "account", security(("key" = [])),
    request_body = wire::MarginChange,
    params(("instrument" = String, Path, description = "The perpetual's name.", example = "BTC-USD-PERP")),
    responses(
    (status = 200, description = "How it is held now.", body = wire::Margin),
    (status = "default", description = "Why not: nothing happened.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn set_margin(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.trader()?;
    reading::query::<Nothing>(visit.query)?;
    let asked: wire::MarginChange = reading::body(visit.header("content-type"), visit.body)?;
    let it = visit.own_instrument(&holder, &visit.parameters[0], "path instrument")?;
    let (account, instrument) = (holder.account(), it.id);
    let asset = visit.native.words.margin_asset(instrument).ok_or_else(|| {
        Problem::new(Code::BadCombination, "it is no perpetual").at("path instrument")
    })?;
    let action = match asked {
        wire::MarginChange { leverage: Some(leverage), mode: None, add: None } => {
            PerpetualAction::SetLeverage { account, instrument, leverage }
        }
        wire::MarginChange { leverage: None, mode: Some(mode), add: None } => {
            PerpetualAction::SetMarginMode { account, instrument, mode: mode.into() }
        }
        wire::MarginChange { leverage: None, mode: None, add: Some(text) } => {
            let amount: Amount = reading::amount(asset, &text, "body add")?;
            PerpetualAction::AddMargin { account, instrument, amount }
        }
        _ => {
            let detail = "exactly one of leverage, mode and add is changed at a time";
            return Err(Problem::new(Code::BadCombination, detail).at("body"));
        }
    };
    let action = Action::Perpetual(action);
    let events = visit.submit(&holder, Submission { action, label: None }).await?;
    if let Some(problem) = rejected(&visit.native.words, &events) {
        return Err(problem);
    }
    let held = events.iter().find_map(|event| match event.body {
        EventBody::Perpetual(PerpetualEvent::Position(state)) if state.account == account => {
            Some(state)
        }
        _ => None,
    });
    let held =
        held.ok_or_else(|| Problem::new(Code::NotTaken, "the market did not say what came of it"))?;
    Ok(Reply::json(&wire::Margin {
        instrument: visit.native.words.name(instrument).to_owned(),
        mode: held.mode.into(),
        leverage: held.leverage,
    }))
}

impl From<wire::MarginMode> for model::MarginMode {
    fn from(mode: wire::MarginMode) -> Self {
        match mode {
            wire::MarginMode::Cross => Self::Cross,
            wire::MarginMode::Isolated => Self::Isolated,
        }
    }
}

impl From<model::MarginMode> for wire::MarginMode {
    fn from(mode: model::MarginMode) -> Self {
        match mode {
            model::MarginMode::Cross => Self::Cross,
            model::MarginMode::Isolated => Self::Isolated,
        }
    }
}
