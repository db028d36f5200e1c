//! What an account has in perpetuals, as it asks for it: positions, settlements, margin, leverage. Section 8.4.
//!
//! Most of it is nobody's to tell alone: a position's danger depends on the marks and, if its margin is cross, on all else
//! that the account has. So all of that is asked for first ([`portfolio`]). What changes anything is `closing.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Amount, Answer, AnswerBody, AssetId, Balance, InstrumentId, MarginMode, OwnPosition,
    OwnPositions, OwnSettlement, OwnSettlements, PerpetualState, PositionId, Query, Sequence, Sort,
    Span, Time, Which,
};

use super::super::convert::margin_mode;
use super::super::money;
use super::super::object::{Object, list};
use super::super::server::{Market, Perpetual};
use super::errors::{self, Denial};
use super::form::Form;
use super::positions::{self, Margin};
use super::{Call, Ground};
use crate::http::HttpResponse;
use crate::step::Step;

/// Section 8.4, as of all lists.
const OFFSET_MAX: usize = 200_000;
const LIMIT_MAX: usize = 1_000;
/// How far back a moment may be that is asked for.
const BACK_MAX: Span = Span::seconds(30 * 86_400);

/// What an account has, and how the perpetuals stand in which it has something.
pub struct Portfolio {
    pub open: Vec<OwnPosition>,
    balances: Vec<Balance>,
    states: BTreeMap<InstrumentId, PerpetualState>,
}

/// Finds out what an account has, and goes on with it.
pub fn portfolio(call: Call, then: impl FnOnce(Call, Portfolio) -> Step + Send + 'static) -> Step {
    let account = call.account;
    let open =
        OwnPositions { which: Which::Open, sort: Sort::OldestFirst, ..OwnPositions::of(account) };
    let held = move |answer: Answer| {
        let open = match answer.body {
            AnswerBody::Positions(open) => open,
            _ => Vec::new(),
        };
        let told = move |answer: Answer| {
            let balances = match answer.body {
                AnswerBody::Balances(balances) => balances,
                _ => Vec::new(),
            };
            let left = open.iter().map(|own| own.instrument).collect();
            let states = BTreeMap::new();
            look_at(left, Portfolio { open, balances, states }, Box::new(|all| then(call, all)))
        };
        Step::Ask(Query::Balances { account }, Box::new(told))
    };
    Step::Ask(Query::Positions(open), Box::new(held))
}

/// What is gone on with once all that is needed is known.
type ThenAll = Box<dyn FnOnce(Portfolio) -> Step + Send>;

/// Asks how the perpetuals stand that are left, one after the other.
fn look_at(mut left: Vec<InstrumentId>, mut all: Portfolio, then: ThenAll) -> Step {
    let Some(instrument) = left.pop() else { return then(all) };
    let next = move |answer: Answer| {
        if let AnswerBody::Perpetual(state) = answer.body {
            all.states.insert(instrument, *state);
        }
        look_at(left, all, then)
    };
    Step::Ask(Query::Perpetual { instrument }, Box::new(next))
}

impl Portfolio {
    fn available(&self, asset: AssetId) -> Amount {
        let its = self.balances.iter().find(|balance| balance.asset == asset);
        its.map_or(Amount::ZERO, |balance| balance.available)
    }

    /// What answers for all cross positions of an asset, and what it has to be.
    fn cross(&self, ground: &Ground, asset: AssetId) -> Margin {
        let mut sum = Margin { equity: self.available(asset), ..Margin::default() };
        for own in self.open.iter().filter(|own| own.state.mode == MarginMode::Cross) {
            let Some((_, perpetual, state)) = self.terms(ground, own) else { continue };
            if perpetual.value.margin == asset {
                let its = positions::margin(perpetual, own, state);
                sum.equity += its.equity;
                sum.initial += its.initial;
                sum.maintenance += its.maintenance;
            }
        }
        sum
    }

    fn terms<'a>(
        &'a self,
        ground: &'a Ground,
        own: &OwnPosition,
    ) -> Option<(&'a Market, &'a Perpetual, &'a PerpetualState)> {
        let market = ground.of(own.instrument)?;
        Some((market, market.perpetual.as_ref()?, self.states.get(&own.instrument)?))
    }

    /// A position that is open, in words.
    fn row(&self, call: &Call, own: &OwnPosition) -> Option<Object> {
        let ground = &call.ground;
        let (market, perpetual, state) = self.terms(ground, own)?;
        let alone = positions::margin(perpetual, own, state);
        let margin = match own.state.mode {
            MarginMode::Isolated => {
                Some(Margin { equity: alone.equity + own.state.margin, ..alone })
            }
            // A key that does not see all of them cannot be told what answers for them.
            MarginMode::Cross if call.instruments.is_some() => None,
            MarginMode::Cross => Some(self.cross(ground, perpetual.value.margin)),
        };
        Some(positions::open(market, (perpetual, state), own, margin, ground.options.taker_fee_ppm))
    }
}

/// Whether anything here is a perpetual, and, if a market is named, that one.
pub fn of_perpetuals(call: &Call, name: Option<&str>) -> Result<Option<Arc<Market>>, Denial> {
    let markets = &call.ground.markets;
    if markets.listed.iter().all(|market| market.perpetual.is_none()) {
        return Err(errors::NO_DERIVATIVES);
    }
    let Some(name) = name else { return Ok(None) };
    let by_name = || markets.listed.iter().find(|market| market.name.eq_ignore_ascii_case(name));
    match markets.called(&name.to_ascii_lowercase()).or_else(by_name) {
        None => Err(errors::NO_SUCH_MARKET),
        Some(market) if market.perpetual.is_none() => Err(errors::NO_PERPETUAL),
        Some(market) => Ok(Some(Arc::clone(market))),
    }
}

/// `open_positions/` and `open_positions/{market}/`.
pub fn open(call: Call, name: Option<&str>) -> Step {
    let only = match of_perpetuals(&call, name) {
        Ok(market) => market.map(|market| market.instrument.id),
        Err(denial) => return denial.step(),
    };
    portfolio(call, move |call, all| {
        let wanted = |own: &&OwnPosition| only.is_none_or(|only| only == own.instrument);
        let newest_first = all.open.iter().rev().filter(wanted);
        let rows = newest_first.filter_map(|own| all.row(&call, own));
        json(200, list(rows.map(Object::end)))
    })
}

/// `position_status/{id}/`: of one that is open, or of one that has ended.
pub fn status(call: Call, id: &str) -> Step {
    let Some(position) = number(id).map(PositionId) else { return errors::NO_POSITION.step() };
    portfolio(call, move |call, all| {
        if let Some(own) = all.open.iter().find(|own| own.state.id == position) {
            let Some(row) = all.row(&call, own) else { return errors::NO_POSITION.step() };
            let row = row
                .text("time_opened", &own.opened_at.seconds().to_string())
                .text("status", positions::standing(own));
            return json(200, row.end());
        }
        ended(call, position, |market, own| positions::ended(market, own).end())
    })
}

/// Words a position that has ended.
pub fn ended(
    call: Call,
    position: PositionId,
    word: impl FnOnce(&Market, &OwnPosition) -> String + Send + 'static,
) -> Step {
    let which = OwnPositions { position: Some(position), ..OwnPositions::of(call.account) };
    let told = move |answer: Answer| {
        let AnswerBody::Positions(found) = answer.body else { return errors::NO_POSITION.step() };
        let own = found.first();
        match own.and_then(|own| Some((call.ground.of(own.instrument)?, own))) {
            Some((market, own)) => json(200, word(market, own)),
            None => errors::NO_POSITION.step(),
        }
    };
    Step::Ask(Query::Positions(which), Box::new(told))
}

/// `position_history/` and `position_history/{market}/`: those that have ended.
pub fn history(call: Call, name: Option<&str>) -> Step {
    let only = match of_perpetuals(&call, name) {
        Ok(market) => market.map(|market| market.instrument.id),
        Err(denial) => return denial.step(),
    };
    let page = match Page::read(&call.form) {
        Ok(page) => page,
        Err(denial) => return denial.step(),
    };
    let which = OwnPositions {
        instrument: only,
        from: page.from.map(PositionId),
        which: Which::Ended,
        sort: page.sort,
        offset: page.offset,
        limit: page.limit,
        ..OwnPositions::of(call.account)
    };
    let told = move |answer: Answer| {
        let all = match answer.body {
            AnswerBody::Positions(all) => all,
            _ => Vec::new(),
        };
        let row = |own: &OwnPosition| Some(positions::ended(call.ground.of(own.instrument)?, own));
        json(200, list(all.iter().filter_map(row).map(Object::end)))
    };
    Step::Ask(Query::Positions(which), Box::new(told))
}

/// `position_settlement_transactions/` and the same of one transaction.
pub fn settlements(call: Call, id: Option<&str>) -> Step {
    if let Err(denial) = of_perpetuals(&call, None) {
        return denial.step();
    }
    let only = match id.map(number) {
        Some(None) => return json(200, "[]".to_owned()),
        only => only.flatten().map(Sequence),
    };
    let page = match Page::read(&call.form) {
        Ok(page) => page,
        Err(denial) => return denial.step(),
    };
    let which = OwnSettlements {
        only,
        from: page.from.map(Sequence),
        since: page.since,
        until: page.until,
        sort: page.sort,
        offset: page.offset,
        limit: page.limit,
        ..OwnSettlements::of(call.account)
    };
    let told = move |answer: Answer| {
        let earliest = answer.now - BACK_MAX;
        if [which.since, which.until].iter().flatten().any(|time| *time <= earliest) {
            return errors::BAD_ARGUMENTS.step();
        }
        let all = match answer.body {
            AnswerBody::Settlements(all) => all,
            _ => Vec::new(),
        };
        let row = |it: &OwnSettlement| Some(settlement(call.ground.of(it.instrument)?, it));
        json(200, list(all.iter().filter_map(row)))
    };
    Step::Ask(Query::Settlements(which), Box::new(told))
}

/// `{"transaction_id":"123123","position_id":"1234567890","settlement_time":1712131200,"settlement_type":"CLOSED",…}`
fn settlement(market: &Market, it: &OwnSettlement) -> String {
    let money = |amount| money::shortest(amount, &market.quote);
    let less = |amount: Amount| money(Amount::ZERO - amount);
    let rules = &market.instrument;
    Object::new()
        .text("transaction_id", &it.sequence.0.to_string())
        .text("position_id", &it.position.0.to_string())
        .raw("settlement_time", it.time.seconds())
        .text("settlement_type", if it.kind.closes() { "CLOSED" } else { "PERIODIC" })
        .text("settlement_price", &money::price(rules, it.price))
        .text("market", &market.name)
        .text("market_type", "PERPETUAL")
        .text("pnl_currency", &market.quote.code)
        .text("pnl_settled", &money(it.total()))
        .text("pnl_component_price", &money(it.profit))
        .text("pnl_component_fees", &less(it.fee + it.liquidation_fee))
        .text("pnl_component_funding", &money(it.funding))
        .text("pnl_component_socialized_loss", &money(it.insured))
        .text("margin_mode", margin_mode(it.mode))
        .text("size", &money::quantity(rules, model::Quantity(it.size.abs())))
        .text("strike_price", &positions::strike(market, it.size, it.cost))
        .text("fees_component_trading", &less(it.fee))
        .text("fees_component_liquidation", &less(it.liquidation_fee))
        .end()
}

/// `margin_info/`: of the margin asset of the first perpetual, which is that of all linear ones in dollars. Only for a key
/// that sees all positions.
pub fn margin_info(call: Call) -> Step {
    if let Err(denial) = of_perpetuals(&call, None) {
        return denial.step();
    }
    if call.instruments.is_some() {
        return Step::Reply(errors::NO_PERMISSION.response());
    }
    portfolio(call, |call, all| {
        let ground = &call.ground;
        let mut perpetuals = ground.markets.listed.iter().filter(|it| it.perpetual.is_some());
        let Some(market) = perpetuals.next() else { return errors::NO_DERIVATIVES.step() };
        let (asset, code) = (market.quote.id, &market.quote.code);
        let margin = all.cross(ground, asset);
        let money = |amount| money::cut(amount, &market.quote, positions::MONEY_DECIMALS);
        let free = Amount((margin.equity.min(all.available(asset)) - margin.initial).0.max(0));
        let holds = all.balances.iter().find(|balance| balance.asset == asset);
        let (available, held) =
            holds.map_or((Amount::ZERO, Amount::ZERO), |it| (it.available, it.held));
        let row = Object::new()
            .text("asset", code)
            .text("total_amount", &money(available + held))
            .text("available", &money(available))
            .text("reserved", &money(held))
            .text("margin_available", &money(free));
        let value = all.open.iter().filter(|own| own.state.mode == MarginMode::Cross);
        let value = value.filter_map(|own| {
            let (_, perpetual, state) = all.terms(ground, own)?;
            let is_its = perpetual.value.margin == asset;
            is_its.then(|| positions::value(perpetual, own, state).0)
        });
        let body = Object::new()
            .text("account_margin", &money(margin.equity))
            .text("account_margin_available", &money(free))
            .text("account_margin_reserved", &money(margin.initial))
            .text("account_margin_currency", code)
            .raw("assets", list([row.end()].into_iter()))
            .text("initial_margin_ratio", &money::ratio(margin.equity, margin.initial))
            .text("maintenance_margin_ratio", &money::ratio(margin.equity, margin.maintenance))
            .text("implied_leverage", &money::ratio(Amount(value.sum()), margin.equity));
        json(200, body.end())
    })
}

/// `leverage_settings/`, of all perpetuals or of one, and of both margin modes or of one.
pub fn leverage(call: Call) -> Step {
    let only = match of_perpetuals(&call, call.form.text("market")) {
        Ok(market) => market.map(|market| market.instrument.id),
        Err(denial) => return denial.step(),
    };
    let mode = match read_mode(&call.form) {
        Ok(mode) => mode,
        Err(denial) => return denial.step(),
    };
    let query = Query::MarginChoices { account: call.account };
    let told = move |answer: Answer| {
        let choices = match answer.body {
            AnswerBody::MarginChoices(choices) => choices,
            _ => Vec::new(),
        };
        let perpetuals = call.markets().filter_map(|it| Some((it, it.perpetual.as_ref()?)));
        let wanted = perpetuals.filter(|(it, _)| only.is_none_or(|only| only == it.instrument.id));
        let rows = wanted.flat_map(|(market, perpetual)| {
            let chosen = choices.iter().find(|it| it.instrument == market.instrument.id);
            let most = perpetual.terms.leverage_max();
            let leverage = chosen.map_or(most, |it| it.leverage);
            let modes = [MarginMode::Cross, MarginMode::Isolated];
            let modes = modes.into_iter().filter(move |it| mode.is_none_or(|only| only == *it));
            modes.map(move |mode| leverage_row(market, mode, leverage, most))
        });
        json(200, list(rows))
    };
    Step::Ask(query, Box::new(told))
}

/// `{"margin_mode":"CROSS","market":"BTC/USD-PERP","leverage_current":"5.00","leverage_max":"10.00"}`
pub fn leverage_row(market: &Market, mode: MarginMode, now: u16, most: u16) -> String {
    Object::new()
        .text("margin_mode", margin_mode(mode))
        .text("market", &market.name)
        .text("leverage_current", &format!("{now}.00"))
        .text("leverage_max", &format!("{most}.00"))
        .end()
}

/// `collateral_currencies/`: `[{"currency":"USD","haircut":"0.00"}]`, each margin asset.
pub fn collateral(ground: &Ground) -> HttpResponse {
    let mut codes: Vec<&str> = Vec::new();
    for market in ground.markets.listed.iter().filter(|market| market.perpetual.is_some()) {
        if !codes.contains(&&*market.quote.code) {
            codes.push(&market.quote.code);
        }
    }
    let row = |code| Object::new().text("currency", code).text("haircut", "0.00").end();
    HttpResponse::json(200, list(codes.into_iter().map(row)).into())
}

/// `ISOLATED` or `CROSS`, if one is named.
pub fn read_mode(form: &Form) -> Result<Option<MarginMode>, Denial> {
    let Some(word) = form.text("margin_mode") else { return Ok(None) };
    match word.to_ascii_uppercase().as_str() {
        "ISOLATED" => Ok(Some(MarginMode::Isolated)),
        "CROSS" => Ok(Some(MarginMode::Cross)),
        _ => Err(errors::BAD_MODE),
    }
}

/// Which rows of a list are asked for.
struct Page {
    offset: usize,
    limit: usize,
    from: Option<u64>,
    sort: Sort,
    since: Option<Time>,
    until: Option<Time>,
}

impl Page {
    fn read(form: &Form) -> Result<Self, Denial> {
        let field = |name| match form.text(name) {
            None => Ok(None),
            Some(text) => number(text).map(Some).ok_or(errors::BAD_ARGUMENTS),
        };
        let second = |seconds: u64| {
            let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            Time(micros)
        };
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let from = field("since_id")?;
        let offset = field("offset")?.map_or(0, size);
        // Whoever asks from a row on gets as many as there may be.
        let usual = if from.is_some() { LIMIT_MAX } else { 100 };
        let limit = field("limit")?.map_or(usual, size);
        let sort = match form.text("sort") {
            None | Some("desc") => Sort::NewestFirst,
            Some("asc") => Sort::OldestFirst,
            Some(_) => return Err(errors::BAD_ARGUMENTS),
        };
        if offset > OFFSET_MAX || !(1..=LIMIT_MAX).contains(&limit) {
            return Err(errors::BAD_ARGUMENTS);
        }
        let (since, until) = (field("since_timestamp")?, field("until_timestamp")?);
        Ok(Self { offset, limit, from, sort, since: since.map(second), until: until.map(second) })
    }
}

/// A whole number in digits.
pub fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

pub fn json(status: u16, body: String) -> Step {
    Step::Reply(HttpResponse::json(status, body.into()))
}
