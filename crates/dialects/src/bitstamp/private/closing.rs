//! What an account changes in its positions: closing them, what is set aside for one, the leverage. Section 8.4.

use std::sync::Arc;

use model::{
    Action, Amount, Decimal, EventBody, InstrumentId, MarginMode, NewOrder, OrderKind, OwnPosition,
    OwnPositions, PerpetualAction, PerpetualRejection, PositionId, Quantity, Query, Rejection,
    Side, TimeInForce, Which,
};

use super::super::money;
use super::super::object::{Object, list};
use super::super::server::Market;
use super::Call;
use super::derivatives::{self, json, number, of_perpetuals, portfolio, read_mode};
use super::errors;
use super::positions;
use crate::http::HttpResponse;
use crate::step::{Outcome, Step, Submission};

/// Submits something, and goes on with the events that it caused.
fn submit(
    action: PerpetualAction,
    then: impl FnOnce(Vec<model::Event>) -> Step + Send + 'static,
) -> Step {
    let done = |outcome| match outcome {
        Outcome::Done { events, .. } => then(events),
        Outcome::NotTaken => errors::NOT_TAKEN.step(),
        Outcome::Unknown => errors::UNKNOWN.step(),
    };
    let submission = Submission { action: Action::Perpetual(action), label: None };
    Step::Submit(submission, Box::new(done))
}

fn refusal(events: &[model::Event]) -> Option<Rejection> {
    events.iter().find_map(|event| match event.body {
        EventBody::Rejected(why) => Some(why),
        _ => None,
    })
}

/// An order that closes all of a position at the market.
fn closing(own: &OwnPosition) -> PerpetualAction {
    PerpetualAction::Reduce(NewOrder {
        account: own.state.account,
        instrument: own.instrument,
        side: if own.state.size > 0 { Side::Sell } else { Side::Buy },
        kind: OrderKind::Market,
        quantity: Quantity(own.state.size.abs()),
        time_in_force: TimeInForce::ImmediateOrCancel,
        post_only: false,
        trigger: None,
    })
}

/// What was paid for the trades of the order that these events are of.
fn fee_of(events: &[model::Event], own: &OwnPosition) -> Amount {
    let mut sum = Amount::ZERO;
    for event in events {
        if let EventBody::Filled(fill) = &event.body
            && fill.taker.account == own.state.account
            && event.instrument == own.instrument
        {
            sum += fill.taker_fee;
        }
    }
    sum
}

/// A position as it is after somebody wanted it closed, with what that cost.
fn closed_row(market: &Market, own: &OwnPosition, fee: Amount) -> String {
    positions::ended(market, own)
        .text("closing_fee_amount", &money::cut(fee, &market.quote, positions::MONEY_DECIMALS))
        .end()
}

/// `close_position/`: at the market, as far as anybody takes it.
pub fn close(call: Call) -> Step {
    if let Err(denial) = of_perpetuals(&call, None) {
        return denial.step();
    }
    let Some(id) = call.form.text("position_id").and_then(number).map(PositionId) else {
        return errors::NO_POSITION.step();
    };
    portfolio(call, move |call, all| {
        let Some(own) = all.open.into_iter().find(|own| own.state.id == id) else {
            return errors::NO_POSITION.step();
        };
        submit(closing(&own), move |events| {
            if refusal(&events).is_some() {
                return errors::NOT_CLOSED.step();
            }
            let fee = fee_of(&events, &own);
            derivatives::ended(call, id, move |market, own| closed_row(market, own, fee))
        })
    })
}

/// `close_positions/`: all of them, or those of a market or a margin mode.
pub fn close_all(call: Call) -> Step {
    let only = match of_perpetuals(&call, call.form.text("market")) {
        Ok(market) => market.map(|market| market.instrument.id),
        Err(denial) => return denial.step(),
    };
    let mode = match read_mode(&call.form) {
        Ok(mode) => mode,
        Err(denial) => return denial.step(),
    };
    if call.form.text("order_type").is_some_and(|it| !it.eq_ignore_ascii_case("MARKET")) {
        return errors::UNKNOWN_ORDER_TYPE.step();
    }
    portfolio(call, move |call, all| {
        let wanted = |own: &OwnPosition| {
            only.is_none_or(|only| only == own.instrument)
                && mode.is_none_or(|only| only == own.state.mode)
        };
        let left: Vec<_> = all.open.into_iter().filter(wanted).collect();
        close_next(call, left.into_iter(), [Vec::new(), Vec::new()])
    })
}

/// Closes one position after the other, and then words what became of them: closed and failed ones.
fn close_next(
    call: Call,
    mut left: std::vec::IntoIter<OwnPosition>,
    mut rows: [Vec<String>; 2],
) -> Step {
    let Some(own) = left.next() else {
        let [closed, failed] = rows.map(|rows| list(rows.into_iter()));
        return json(200, Object::new().raw("closed", closed).raw("failed", failed).end());
    };
    let submission = Submission { action: Action::Perpetual(closing(&own)), label: None };
    let done = move |outcome| {
        // What was closed before is told all the same: whatever is still open then has failed.
        let events = match outcome {
            Outcome::Done { events, .. } => events,
            Outcome::NotTaken | Outcome::Unknown => Vec::new(),
        };
        let fee = fee_of(&events, &own);
        let which = OwnPositions {
            position: Some(own.state.id),
            which: Which::All,
            ..OwnPositions::of(call.account)
        };
        let told = move |answer: model::Answer| {
            let found = match answer.body {
                model::AnswerBody::Positions(found) => found.first().copied(),
                _ => None,
            };
            let own = found.unwrap_or(own);
            if let Some(market) = call.ground.of(own.instrument) {
                rows[usize::from(own.is_open())].push(closed_row(market, &own, fee));
            }
            close_next(call, left, rows)
        };
        Step::Ask(Query::Positions(which), Box::new(told))
    };
    Step::Submit(submission, Box::new(done))
}

/// `adjust_position_collateral/`: so much is set aside for an isolated position from now on. 204.
pub fn adjust(call: Call) -> Step {
    if let Err(denial) = of_perpetuals(&call, None) {
        return denial.step();
    }
    let Some(id) = call.form.text("position_id").and_then(number).map(PositionId) else {
        return errors::NO_POSITION.step();
    };
    let Some(wanted) = call.form.text("new_amount").and_then(|text| Decimal::parse(text).ok())
    else {
        return errors::BAD_ARGUMENTS.step();
    };
    portfolio(call, move |call, all| {
        let Some(own) = all.open.iter().find(|own| own.state.id == id) else {
            return errors::NO_POSITION.step();
        };
        if own.state.mode != MarginMode::Isolated {
            return errors::NOT_ISOLATED.step();
        }
        let market = call.ground.of(own.instrument);
        let asset = market.map(|market| &market.quote);
        let wanted = asset.and_then(|it| it.amount_of_units(wanted.units, wanted.decimals));
        let Some(wanted) = wanted.filter(|wanted| *wanted > Amount::ZERO) else {
            return errors::BAD_ARGUMENTS.step();
        };
        let amount = wanted - own.state.margin;
        if amount == Amount::ZERO {
            return Step::Reply(HttpResponse::empty(204));
        }
        let (account, instrument) = (call.account, own.instrument);
        let action = PerpetualAction::AddMargin { account, instrument, amount };
        submit(action, |events| match refusal(&events) {
            None => Step::Reply(HttpResponse::empty(204)),
            Some(_) => errors::NOT_CHANGED.step(),
        })
    })
}

/// `leverage_settings/`, posted: the leverage in one perpetual from now on. 201.
pub fn set_leverage(call: Call) -> Step {
    let Some(name) = call.form.text("market") else { return errors::NO_SUCH_MARKET.step() };
    let market = match of_perpetuals(&call, Some(name)) {
        Ok(Some(market)) => market,
        Ok(None) => return errors::NO_SUCH_MARKET.step(),
        Err(denial) => return denial.step(),
    };
    let mode = match read_mode(&call.form) {
        Ok(mode) => mode.unwrap_or_default(),
        Err(denial) => return denial.step(),
    };
    let leverage = match call.form.text("leverage").map(read_leverage) {
        Some(Some(leverage)) => leverage,
        _ => return errors::BAD_LEVERAGE.step(),
    };
    if !call.sees(market.instrument.id) {
        return Step::Reply(errors::NO_PERMISSION.response());
    }
    let (account, instrument) = (call.account, market.instrument.id);
    let action = PerpetualAction::SetLeverage { account, instrument, leverage };
    submit(action, move |events| match refusal(&events) {
        None => json(201, row_of(&market, mode, leverage)),
        Some(Rejection::Perpetual(PerpetualRejection::BadLeverage)) => errors::BAD_LEVERAGE.step(),
        Some(_) => errors::NOT_CHANGED.step(),
    })
}

fn row_of(market: &Arc<Market>, mode: MarginMode, leverage: u16) -> String {
    let most = market.perpetual.as_ref().map_or(1, |it| it.terms.leverage_max());
    derivatives::leverage_row(market, mode, leverage, most)
}

/// A leverage: a whole number, however it is written.
pub fn read_leverage(text: &str) -> Option<u16> {
    let number = Decimal::parse(text).ok()?;
    let scale = model::decimal::pow10(number.decimals);
    (number.units % scale == 0).then(|| u16::try_from(number.units / scale).ok()).flatten()
}

/// What has to be chosen before an order is placed: the margin mode, then the leverage, if they are others than now.
pub fn choose(
    call: Call,
    instrument: InstrumentId,
    (mode, leverage): (Option<MarginMode>, Option<u16>),
    then: Box<dyn FnOnce(Call) -> Step + Send>,
) -> Step {
    let account = call.account;
    let chosen = move |answer: model::Answer| {
        let choices = match answer.body {
            model::AnswerBody::MarginChoices(choices) => choices,
            _ => Vec::new(),
        };
        let now = choices.iter().find(|it| it.instrument == instrument);
        let mode = mode.filter(|&mode| now.map_or(MarginMode::Cross, |it| it.mode) != mode);
        let leverage = leverage.filter(|&it| now.map(|now| now.leverage) != Some(it));
        let place: Box<dyn FnOnce(Call) -> Step + Send> = match leverage {
            None => then,
            Some(leverage) => Box::new(move |call| {
                let action = PerpetualAction::SetLeverage { account, instrument, leverage };
                submit(action, move |events| match refusal(&events) {
                    None => then(call),
                    Some(_) => Step::Reply(errors::leverage_refused().response()),
                })
            }),
        };
        match mode {
            None => place(call),
            Some(mode) => {
                let action = PerpetualAction::SetMarginMode { account, instrument, mode };
                submit(action, move |events| match refusal(&events) {
                    None => place(call),
                    Some(_) => Step::Reply(errors::mode_refused().response()),
                })
            }
        }
    };
    Step::Ask(Query::MarginChoices { account }, Box::new(chosen))
}
