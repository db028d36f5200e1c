//! What moved an account's money: its trades, and what came from outside or went there. Section 8.4.4.

use std::sync::Arc;

use model::{
    Answer, AnswerBody, InstrumentId, MovementKind, OwnMovement, OwnRecord, OwnRecords, OwnTrade,
    Query, RecordKey, Sequence, Side, Sort, Span, Time, TradeId,
};

use super::super::money;
use super::super::object::{Object, list};
use super::super::server::Market;
use super::errors::{self, Failure};
use super::form::Form;
use super::shown::Settled;
use super::{Call, Ground};
use crate::http::HttpResponse;
use crate::step::Step;

const OFFSET_MAX: i64 = 200_000;
const LIMIT_MAX: i64 = 1_000;
/// How far back a moment may be that is asked for.
const BACK_MAX: Span = Span::seconds(30 * 86_400);
/// Where the ids of what is no trade begin: far above those of trades, and still exact in a JSON number.
const MOVEMENTS_FROM: u64 = 1 << 52;

/// `[{"id":209895701,"datetime":"2021-11-25 12:59:59.322000","type":"2","fee":"0.11128","eth":"0.00500000",…}]`
pub fn transactions(call: Call, market: Option<Arc<Market>>) -> Step {
    let mut which = match read(&call.form) {
        Ok(which) => which,
        Err(refusal) => return Step::Reply(refusal),
    };
    which.account = call.account;
    which.among = spot(&call.ground);
    which.instrument = market.map(|market| market.instrument.id);
    if which.since.is_none() && which.until.is_none() {
        return ask(call, which);
    }
    // Only the market knows what time it is.
    let then = move |answer: Answer| {
        let earliest = answer.now - BACK_MAX;
        for (name, code, time) in [
            ("since_timestamp", "400.013", which.since),
            ("until_timestamp", "400.034", which.until),
        ] {
            if time.is_some_and(|time| time <= earliest) {
                let why = format!("{name} parameter must be higher than {}.", earliest.seconds());
                return Step::Reply(errors::all(code, why).response());
            }
        }
        ask(call, which)
    };
    Step::Ask(Query::Now, Box::new(then))
}

fn ask(call: Call, which: OwnRecords) -> Step {
    let word = move |answer: Answer| {
        let records = match answer.body {
            AnswerBody::OwnRecords(records) => records,
            // An account that was never heard of has none.
            _ => Vec::new(),
        };
        let rows = records.iter().filter_map(|record| match record {
            OwnRecord::Trade(trade) => traded(&call.ground, trade),
            OwnRecord::Movement(movement) => moved(&call.ground, movement),
        });
        Step::Reply(HttpResponse::json(200, list(rows).into()))
    };
    Step::Ask(Query::OwnRecords(which), Box::new(word))
}

/// The markets whose trades are listed, where not all are: those in perpetuals move no base currency.
fn spot(ground: &Ground) -> Option<Vec<InstrumentId>> {
    let listed = &ground.markets.listed;
    listed.iter().any(|market| market.perpetual.is_some()).then(|| {
        let spot = listed.iter().filter(|market| market.perpetual.is_none());
        spot.map(|market| market.instrument.id).collect()
    })
}

/// Which rows a form asks for, of whomever.
fn read(form: &Form) -> Result<OwnRecords, HttpResponse> {
    let number = |name: &str, refusal: &Failure| match form.text(name) {
        None => Ok(None),
        Some(text) => {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.then(|| text.parse::<i64>().ok()).flatten();
            number.map(Some).ok_or_else(|| refusal.response())
        }
    };
    let offset = number("offset", &errors::OFFSET_INVALID)?.unwrap_or(0);
    if offset > OFFSET_MAX {
        return Err(errors::OFFSET_INVALID.response());
    }
    let limit = number("limit", &errors::LIMIT_INVALID)?.unwrap_or(100);
    if limit > LIMIT_MAX {
        return Err(errors::LIMIT_TOO_LARGE.response());
    }
    if limit == 0 {
        return Err(errors::LIMIT_INVALID.response());
    }
    let sort = match form.text("sort") {
        None | Some("desc") => Sort::NewestFirst,
        Some("asc") => Sort::OldestFirst,
        Some(_) => return Err(errors::SORT_INVALID.response()),
    };
    let second = |seconds: i64| Time(seconds.saturating_mul(1_000_000));
    let from = number("since_id", &errors::SINCE_ID_INVALID)?.map(|id| {
        let id = id.unsigned_abs();
        match id.checked_sub(MOVEMENTS_FROM) {
            Some(sequence) => RecordKey::Movement(Sequence(sequence)),
            None => RecordKey::Trade(TradeId(id)),
        }
    });
    Ok(OwnRecords {
        account: model::AccountId(0),
        instrument: None,
        among: None,
        since: number("since_timestamp", &errors::SINCE_INVALID)?.map(second),
        until: number("until_timestamp", &errors::UNTIL_INVALID)?.map(second),
        from,
        sort,
        offset: usize::try_from(offset).unwrap_or(usize::MAX),
        limit: usize::try_from(limit).unwrap_or(0),
    })
}

/// What is bought comes, what it is paid with goes; some clients read the first seven keys by their places.
fn traded(ground: &Ground, trade: &OwnTrade) -> Option<String> {
    let market = ground.of(trade.instrument)?;
    let settled = Settled::of(ground, &market.instrument, trade);
    let [(base, amount), (quote, value)] = settled.moved;
    let (came, went) = match trade.side {
        Side::Buy => ("", "-"),
        Side::Sell => ("-", ""),
    };
    let row = Object::new()
        .raw("id", trade.id.0)
        .text("datetime", &money::datetime(trade.time))
        .text("type", "2")
        .text("fee", &settled.fee)
        .text(base, &[came, &amount].concat())
        .text(quote, &[went, &value].concat())
        .raw(&format!("{base}_{quote}"), money::price_number(&market.instrument, trade.price))
        .raw("order_id", trade.order.0);
    Some(match trade.self_trade {
        None => row.end(),
        Some(other) => row.raw("self_trade", true).raw("self_trade_order_id", other.0).end(),
    })
}

fn moved(ground: &Ground, movement: &OwnMovement) -> Option<String> {
    let asset = ground.assets.get(movement.asset)?;
    let currency = &ground.currencies[asset.id.index()];
    let sign = if movement.amount.0 < 0 { "-" } else { "" };
    let amount = model::Amount(movement.amount.0.abs());
    let amount = money::value(amount, asset, currency.decimals);
    let kind = match movement.kind {
        MovementKind::Deposit => "0",
        MovementKind::Withdrawal => "1",
        MovementKind::Transfer(_) => "14",
    };
    let row = Object::new()
        .raw("id", MOVEMENTS_FROM + movement.sequence.0)
        .text("datetime", &money::datetime(movement.time))
        .text("type", kind)
        .text("fee", NO_FEE);
    Some(row.text(&currency.lower, &[sign, &amount].concat()).end())
}

/// What comes and goes is free.
const NO_FEE: &str = "0.00000";

#[cfg(test)]
mod tests {
    use model::{AccountId, Amount, AssetId};

    use super::super::super::tests::listing;
    use super::super::super::{Bitstamp, Options};
    use super::*;

    #[test]
    fn what_left_has_a_sign_and_what_was_transferred_a_type() {
        let dialect = Bitstamp::new(&[listing(0, "btcusd", 2, 8)], Options::default())
            .expect("they are in order");
        let unit = 10_i128.pow(u32::from(dialect.ground.assets.all()[0].decimals));
        let lower = &dialect.ground.currencies[0].lower;
        for (kind, amount, shown) in [
            (MovementKind::Deposit, 2 * unit, r#"0","fee":"0.00000","_":"2.00000000"#),
            (MovementKind::Withdrawal, -unit, r#"1","fee":"0.00000","_":"-1.00000000"#),
            (
                MovementKind::Transfer(AccountId(7)),
                -unit / 2,
                r#"14","fee":"0.00000","_":"-0.50000000"#,
            ),
            (
                MovementKind::Transfer(AccountId(7)),
                unit / 2,
                r#"14","fee":"0.00000","_":"0.50000000"#,
            ),
        ] {
            let movement = OwnMovement {
                sequence: Sequence(17),
                time: Time(1_643_640_195_796_999),
                asset: AssetId(0),
                amount: Amount(amount),
                kind,
            };
            let shown = shown.replace('_', lower);
            let row = format!(
                r#"{{"id":4503599627370513,"datetime":"2022-01-31 14:43:15.796000","type":"{shown}"}}"#
            );
            assert_eq!(moved(&dialect.ground, &movement), Some(row));
        }
    }
}
