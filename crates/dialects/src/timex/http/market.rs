//! What everybody may ask of a market. Section B6.

use std::sync::Arc;

use model::{AnswerBody, Cadence, InstrumentId, Query, Side, Sort, Span, Status, Ticker, Time};

use super::given::{Given, market, upper};
use super::rest::{Answering, Paged, ask, go_on, written};
use crate::json::list;
use crate::step::Step;
use crate::text::integer;
use crate::timex::Markets;
use crate::timex::channel::Period;
use crate::timex::convert::entity::{
    stamp_z, write_book_levels, write_candle, write_currency, write_market, write_raw_order,
    write_ticker, write_trade,
};
use crate::timex::wire::refusal::{Code, Refusal};

/// When books are told; what is asked for is what was told last.
const BOOKS: Cadence = Cadence::TENTH;
/// How many candles are told at once.
const CANDLES_MAX: usize = 1_500;

/// `GET /public/markets`
pub fn markets(_: &Given, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    Ok(ask(Query::Statuses, move |answer| {
        let AnswerBody::Statuses(statuses) = answer.body else { return Err(Refusal::OVERLOAD) };
        Ok(written(|out| {
            out.push(b'[');
            list(out, markets.listed.iter().enumerate(), |out, (place, market)| {
                let status = status_of(market.instrument.id, &statuses);
                write_market(out, market, &markets.options, status, place);
            });
            out.push(b']');
        }))
    }))
}

/// What an instrument lets people do.
pub fn status_of(instrument: InstrumentId, statuses: &[(InstrumentId, Status)]) -> Status {
    let found = statuses.iter().find(|(known, _)| *known == instrument);
    found.map(|&(_, status)| status).unwrap_or_default()
}

/// `GET /public/currencies`
pub fn currencies(_: &Given, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    Ok(Step::Reply(Ok(written(|out| {
        out.push(b'[');
        list(out, &markets.tokens, write_currency);
        out.push(b']');
    }))))
}

/// `GET /currencies/s/BTC`
pub fn currency(symbol: &str, markets: &Markets) -> Result<Answering, Refusal> {
    upper(symbol)?;
    let token = markets.token_called(symbol).ok_or_else(|| currency_not_found(symbol))?;
    Ok(Step::Reply(Ok(written(|out| {
        out.extend_from_slice(br#"{"id":""#);
        integer(out, token.asset.id.0 + 1);
        out.extend_from_slice(br#"","currency":"#);
        write_currency(out, token);
        out.push(b'}');
    }))))
}

/// Nothing of this name is held.
pub fn currency_not_found(symbol: &str) -> Refusal {
    Refusal::new(Code::NotFound, format!("Currency not found: {symbol}"))
}

fn period(given: &Given) -> Result<Option<Period>, Refusal> {
    let Some(name) = given.one("period")? else { return Ok(None) };
    Period::called(name).map(Some).ok_or_else(|| Refusal::invalid("period"))
}

/// `GET /public/tickers`
pub fn tickers(given: &Given, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    let period = period(given)?.unwrap_or(Period::DAY);
    let wanted: Vec<InstrumentId> = given
        .all("market")
        .map(|symbol| market(symbol, &markets).map(|market| market.instrument.id))
        .collect::<Result<_, _>>()?;
    Ok(told_tickers(period, wanted, markets))
}

/// `GET /public/tickers24`: nothing is kept that could be old, whatever `useCache` says.
pub fn tickers24(_: &Given, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    Ok(told_tickers(Period::DAY, Vec::new(), markets))
}

fn told_tickers(period: Period, wanted: Vec<InstrumentId>, markets: Arc<Markets>) -> Answering {
    ask(Query::Tickers { window: period.window() }, move |answer| {
        let AnswerBody::Tickers(tickers) = answer.body else { return Err(Refusal::OVERLOAD) };
        let is_wanted = |id: &InstrumentId| wanted.is_empty() || wanted.contains(id);
        let found = tickers.iter().filter(|(id, _)| is_wanted(id));
        let found = found.filter_map(|(id, ticker)| Some((markets.of(*id)?, ticker)));
        Ok(written(|out| {
            out.push(b'[');
            list(out, found, |out, (market, ticker): (_, &Ticker)| {
                write_ticker(out, market, period, ticker);
            });
            out.push(b']');
        }))
    })
}

/// `GET /public/candles`: the oldest first, intervals without a trade included. The last ones if there are too many.
pub fn candles(given: &Given, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    let market = Arc::clone(given.required_market("market", &markets)?);
    let period = period(given)?.ok_or_else(|| Refusal::required("period"))?;
    let (from, till) = (given.moment("from")?, given.moment("till")?);
    Ok(go_on(Query::Now, move |answer| {
        let till = till.map_or(answer.now, |till| till.min(answer.now));
        let reach = Span(period.interval.length_max().0 * CANDLES_MAX as i64);
        let from = from.map_or(till - reach, |from| from.max(till - reach));
        let (instrument, interval) = (market.instrument.id, period.interval);
        let limit = CANDLES_MAX;
        let query = Query::Candles { instrument, interval, from, till, limit, filled: true };
        Ok(ask(query, move |answer| {
            let AnswerBody::Candles(candles) = answer.body else { return Err(Refusal::OVERLOAD) };
            Ok(written(|out| {
                out.push(b'[');
                list(out, &candles, |out, candle| write_candle(out, &market, candle));
                out.push(b']');
            }))
        }))
    }))
}

/// `GET /public/trades`
pub fn trades(given: &Given, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    let market = Arc::clone(given.required_market("market", &markets)?);
    let (from, till) = (given.moment("from")?, given.moment("till")?);
    let (page, sort) = (given.page()?, given.sort("timestamp")?);
    let (instrument, since) = (market.instrument.id, from.unwrap_or(Time(i64::MIN)));
    let paged = Paged {
        page,
        is_whole: true,
        // The newest come first, so that the oldest are known once all have come.
        needs_all: sort == Sort::OldestFirst,
        query: move |limit| Query::Trades { instrument, since, limit },
        pick: move |body| {
            let AnswerBody::Trades(mut trades) = body else { return Err(Refusal::OVERLOAD) };
            let came = trades.len();
            trades.retain(|trade| till.is_none_or(|till| trade.time <= till));
            if sort == Sort::OldestFirst {
                trades.reverse();
            }
            Ok((came, trades))
        },
        word: move |trades| {
            written(|out| {
                out.push(b'[');
                list(out, &trades, |out, trade| write_trade(out, &market, trade));
                out.push(b']');
            })
        },
    };
    Ok(paged.answer())
}

/// `GET /public/orderbook` and `GET /public/orderbook/v2`. Before there is a book, nothing rests in it.
pub fn orderbook(given: &Given, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    let market = Arc::clone(given.required_market("market", &markets)?);
    let limit = given.count("limit")?.unwrap_or(usize::MAX);
    let query = Query::Book { instrument: market.instrument.id, cadence: BOOKS };
    Ok(ask(query, move |answer| {
        let (time, bids, asks) = match answer.body {
            AnswerBody::Book { time, bids, asks } => (time, bids, asks),
            _ => (answer.now, Vec::new(), Vec::new()),
        };
        Ok(written(|out| {
            out.extend_from_slice(br#"{"timestamp":""#);
            stamp_z(out, time);
            out.extend_from_slice(br#"","#);
            write_book_levels(out, &market, bids.iter().take(limit), asks.iter().take(limit));
            out.push(b'}');
        }))
    }))
}

/// `GET /public/orderbook/raw`. Where the source has no orders this is no operation.
pub fn raw_orderbook(given: &Given, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    let market = Arc::clone(given.required_market("market", &markets)?);
    let limit = given.count("limit")?.unwrap_or(usize::MAX);
    let query = Query::Detail { instrument: market.instrument.id, cadence: BOOKS };
    Ok(ask(query, move |answer| {
        let AnswerBody::Detail { time, bids, asks } = answer.body else {
            return Err(Refusal::UNSUPPORTED);
        };
        Ok(written(|out| {
            out.extend_from_slice(br#"{"timestamp":""#);
            stamp_z(out, time);
            out.extend_from_slice(br#"","bid":["#);
            list(out, bids.iter().take(limit), |out, order| {
                write_raw_order(out, &market, Side::Buy, order);
            });
            out.extend_from_slice(br#"],"ask":["#);
            list(out, asks.iter().take(limit), |out, order| {
                write_raw_order(out, &market, Side::Sell, order);
            });
            out.extend_from_slice(b"]}");
        }))
    }))
}

/// `GET /tradingview/time`: the market's.
pub fn time(_: &Given, _: Arc<Markets>) -> Result<Answering, Refusal> {
    Ok(ask(Query::Now, |answer| Ok(written(|out| integer(out, answer.now.seconds())))))
}
