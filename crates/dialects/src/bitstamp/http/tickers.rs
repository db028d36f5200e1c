//! Tickers and the euro's rate. Section 8.2.3.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Amount, Answer, AnswerBody, InstrumentId, PerpetualState, Price, Quantity, Query, Ticker,
    Window,
};
use serde::Serialize;

use super::super::Markets;
use super::super::convert;
use super::super::money;
use super::super::server::Market;
use super::{ask, json, market_type, no_such_page, unavailable};
use crate::step::Step;
use crate::text;

/// `{"timestamp":"1710328241","open":"71448","high":"73656","low":"68626","last":"73285",
/// "volume":"135.29692054","vwap":"70853","bid":"73353","ask":"73367","side":"0","open_24":"72144",
/// "percent_change_24":"1.58","market_type":"SPOT"}`
#[derive(Serialize)]
struct Row<'a> {
    timestamp: String,
    open: String,
    high: String,
    low: String,
    last: String,
    volume: String,
    vwap: String,
    bid: String,
    ask: String,
    side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_24: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent_change_24: Option<String>,
    market_type: &'static str,
    /// Only in the list of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    market: Option<&'a str>,
    #[serde(flatten)]
    perpetual: Option<PerpetualPart>,
}

/// What the row of a perpetual has beside.
#[derive(Serialize)]
struct PerpetualPart {
    index_price: String,
    mark_price: String,
    open_interest: String,
    open_interest_value: String,
}

/// What a perpetual is told to be; before its first mark its prices are 0.
fn perpetual_part(market: &Market, state: Option<&PerpetualState>) -> Option<PerpetualPart> {
    let perpetual = market.perpetual.as_ref()?;
    let rules = &market.instrument;
    let (index, mark, open) = state.map_or((Price(0), Price(0), Quantity::ZERO), |state| {
        (state.marks.index, state.marks.mark, state.open_interest)
    });
    let value = if mark.0 > 0 { perpetual.value.value(mark, open.0) } else { 0 };
    Some(PerpetualPart {
        index_price: money::long_price(rules, index),
        mark_price: money::long_price(rules, mark),
        open_interest: decimal(rules.quantity_units(open), rules.quantity_decimals),
        open_interest_value: money::value(Amount(value), &market.quote, VALUE_DECIMALS),
    })
}

/// Decimals of an open interest's value.
const VALUE_DECIMALS: u8 = 8;

/// `ticker/{market}/` and `ticker_hour/{market}/`.
pub fn one(market: &Arc<Market>, window: Window) -> Step {
    let market = Arc::clone(market);
    let instrument = market.instrument.id;
    let told = move |answer: Answer| {
        let AnswerBody::Ticker(ticker) = answer.body else { return Step::Reply(unavailable()) };
        if market.perpetual.is_none() {
            return Step::Reply(json(&row(&market, window, &ticker, None)));
        }
        ask(Query::Perpetual { instrument }, move |_, body| {
            let name = Some(&*market.name);
            let row = row(&market, window, &ticker, state_of(&body));
            json(&Row { pair: name, market: name, ..row })
        })
    };
    Step::Ask(Query::Ticker { instrument, window }, Box::new(told))
}

/// `ticker/`, in the directory's order.
pub fn all(markets: &Markets, window: Window) -> Step {
    let listed: Vec<Arc<Market>> = markets.listed.clone();
    let told = move |answer: Answer| {
        let AnswerBody::Tickers(tickers) = answer.body else { return Step::Reply(unavailable()) };
        let perpetuals = listed.iter().filter(|market| market.perpetual.is_some());
        let left: Vec<InstrumentId> = perpetuals.map(|market| market.instrument.id).collect();
        word_all(listed, window, tickers, left, BTreeMap::new())
    };
    Step::Ask(Query::Tickers { window }, Box::new(told))
}

/// Asks how the perpetuals stand that are left, one after the other, then words all rows.
fn word_all(
    listed: Vec<Arc<Market>>,
    window: Window,
    tickers: Vec<(InstrumentId, Ticker)>,
    mut left: Vec<InstrumentId>,
    mut states: BTreeMap<InstrumentId, AnswerBody>,
) -> Step {
    if let Some(instrument) = left.pop() {
        let then = move |answer: Answer| {
            states.insert(instrument, answer.body);
            word_all(listed, window, tickers, left, states)
        };
        return Step::Ask(Query::Perpetual { instrument }, Box::new(then));
    }
    let row_of = |(instrument, ticker): &(InstrumentId, Ticker)| {
        let market = listed.iter().find(|market| market.instrument.id == *instrument)?;
        let name = Some(&*market.name);
        let row = row(market, window, ticker, states.get(instrument).and_then(state_of));
        Some(Row { pair: name, market: name, ..row })
    };
    Step::Reply(json(&tickers.iter().filter_map(row_of).collect::<Vec<_>>()))
}

fn state_of(body: &AnswerBody) -> Option<&PerpetualState> {
    match body {
        AnswerBody::Perpetual(state) => Some(state),
        _ => None,
    }
}

/// What nobody has traded yet shows the last price there was, and 0 if there was none.
fn row<'a>(
    market: &Market,
    window: Window,
    ticker: &Ticker,
    state: Option<&PerpetualState>,
) -> Row<'a> {
    let last = ticker.last.unwrap_or(Price(0));
    let price = |price: Option<Price>| {
        decimal(
            market.instrument.price_units(price.unwrap_or(last)),
            market.instrument.price_decimals,
        )
    };
    let quoted = |quoted: Option<Price>| price(Some(quoted.unwrap_or(Price(0))));
    let day = window == Window::DAY;
    let side = ticker.last_side.map_or(b"0", convert::side);
    Row {
        timestamp: ticker.time.seconds().to_string(),
        open: price(if day { ticker.open_day } else { ticker.open }),
        high: price(ticker.high),
        low: price(ticker.low),
        last: price(ticker.last),
        volume: decimal(
            market.instrument.quantity_units(ticker.volume),
            market.instrument.quantity_decimals,
        ),
        vwap: price(average(ticker)),
        bid: quoted(ticker.bid),
        ask: quoted(ticker.ask),
        side: if side == b"0" { "0" } else { "1" },
        open_24: day.then(|| price(ticker.open)),
        percent_change_24: day.then(|| change(ticker.open.unwrap_or(last), last)),
        market_type: market_type(market),
        pair: None,
        market: None,
        perpetual: perpetual_part(market, state),
    }
}

fn decimal(units: i64, decimals: u8) -> String {
    let mut out = Vec::new();
    text::fixed(&mut out, units, decimals);
    String::from_utf8(out).expect("digits are text")
}

/// The volume-weighted average price, rounded to the nearest tick, a half up.
fn average(ticker: &Ticker) -> Option<Price> {
    let volume = i128::from(ticker.volume.0);
    let ticks = (2 * ticker.turnover + volume).checked_div(2 * volume)?;
    i64::try_from(ticks).ok().map(Price)
}

/// The change in per cent with two decimals, rounded to the nearest, a half away from zero.
fn change(open: Price, last: Price) -> String {
    let change = i128::from(last.0 - open.0) * 10_000;
    let open = i128::from(open.0);
    let rounded = (2 * change.abs() + open).checked_div(2 * open).unwrap_or(0) * change.signum();
    decimal(i64::try_from(rounded).unwrap_or(i64::MAX), 2)
}

/// `eur_usd/`: what a euro costs (`buy`) and brings (`sell`) in dollars on this venue: on EUR/USD if it is
/// listed, else by way of the first asset that is traded against both, not in perpetuals. 404 where no such prices are.
pub fn eur_usd(markets: &Markets) -> Step {
    let find = |base: &str, quote: &str| {
        let mut listed = markets.listed.iter();
        let found = listed.find(|m| {
            let rules = &m.instrument;
            m.perpetual.is_none() && rules.base == base && rules.quote == quote
        });
        found.map(Arc::clone)
    };
    let way = match find("EUR", "USD") {
        Some(direct) => Some((direct, None)),
        None => markets.listed.iter().find_map(|market| {
            let base = &market.instrument.base;
            Some((find(base, "USD")?, Some(find(base, "EUR")?)))
        }),
    };
    let Some((dollars, euros)) = way else { return Step::Reply(no_such_page()) };
    ask(Query::Tickers { window: Window::DAY }, move |_, body| {
        let AnswerBody::Tickers(tickers) = body else { return no_such_page() };
        let quotes = |market: &Market| {
            let of = |(instrument, _): &&(_, _)| *instrument == market.instrument.id;
            let (_, ticker) = tickers.iter().find(of)?;
            Some((ticker.bid?, ticker.ask?))
        };
        let rates = || {
            let (bid, ask) = quotes(&dollars)?;
            let Some(euros) = &euros else {
                return Some([rate(&dollars, ask, None)?, rate(&dollars, bid, None)?]);
            };
            let (euro_bid, euro_ask) = quotes(euros)?;
            Some([
                rate(&dollars, ask, Some((euros, euro_bid)))?,
                rate(&dollars, bid, Some((euros, euro_ask)))?,
            ])
        };
        match rates() {
            Some([buy, sell]) => json(&Rates { buy, sell }),
            None => no_such_page(),
        }
    })
}

/// `{"buy":"1.1377","sell":"1.1287"}`
#[derive(Serialize)]
struct Rates {
    buy: String,
    sell: String,
}

/// Dollars, divided by euros if they come into it, with four decimals, rounded to the nearest.
fn rate(market: &Market, dollars: Price, euros: Option<(&Arc<Market>, Price)>) -> Option<String> {
    let scaled = |market: &Market, price: Price, extra: u8| {
        // Eighteen decimals for both, so that only the ratio remains.
        let decimals = 18 - market.instrument.price_decimals + extra;
        let units = i128::from(market.instrument.price_units(price));
        units.checked_mul(10_i128.pow(u32::from(decimals)))
    };
    let above = scaled(market, dollars, 4)?;
    let below = match euros {
        Some((market, price)) => scaled(market, price, 0)?,
        None => 10_i128.pow(18),
    };
    let rounded = above.checked_mul(2)?.checked_add(below)?.checked_div(below.checked_mul(2)?)?;
    Some(decimal(i64::try_from(rounded).ok()?, 4))
}
