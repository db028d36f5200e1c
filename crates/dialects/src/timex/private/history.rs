//! Orders and trades of an account that are looked up. Section B6.
//!
//! What the venue has no words for, a stop order that sleeps, is not shown; so pages are made here.

use std::sync::Arc;

use model::{
    AnswerBody, OrderKey, OwnOrder, OwnOrders, OwnTrade, OwnTrades, Query, Side, Sort, TradeId,
    Which,
};

use super::Caller;
use crate::json::list;
use crate::timex::Markets;
use crate::timex::convert::entity::{is_told, read_order_hash, write_my_trade, write_order};
use crate::timex::http::given::Given;
use crate::timex::http::rest::{Answering, Paged, ask, written};
use crate::timex::wire::refusal::{Code, Refusal};

/// `GET /trading/orders`: those that are open.
pub fn open_orders(
    given: Given,
    caller: Caller,
    markets: Arc<Markets>,
) -> Result<Answering, Refusal> {
    listed(&given, &caller, markets, Which::Open)
}

/// `GET /history/orders`: all of them.
pub fn orders(given: Given, caller: Caller, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    listed(&given, &caller, markets, Which::All)
}

fn listed(
    given: &Given,
    caller: &Caller,
    markets: Arc<Markets>,
    which: Which,
) -> Result<Answering, Refusal> {
    let page = given.page()?;
    let query = OwnOrders {
        instrument: given.market("symbol", &markets)?.map(|market| market.instrument.id),
        side: side(given)?,
        since: given.moment("from")?,
        until: given.moment("till")?,
        label: given.one("clientOrderId")?.map(Into::into),
        which,
        sort: given.sort("createdAt")?,
        ..OwnOrders::of(caller.holder.account)
    };
    let listed = Arc::clone(&markets);
    let paged = Paged {
        page,
        is_whole: caller.holder.instruments.is_none(),
        needs_all: false,
        query: move |limit| Query::OwnOrders(OwnOrders { limit, ..query.clone() }),
        pick: move |body| {
            let AnswerBody::OwnOrders { mut orders, .. } = body else {
                return Err(Refusal::OVERLOAD);
            };
            let came = orders.len();
            orders.retain(|own| is_told(own) && listed.of(own.instrument).is_some());
            Ok((came, orders))
        },
        word: move |orders: Vec<OwnOrder>| {
            written(|out| {
                out.extend_from_slice(br#"{"orders":["#);
                let told = orders.iter().filter_map(|own| Some((markets.of(own.instrument)?, own)));
                list(out, told, |out, (market, own)| write_order(out, market, own));
                out.extend_from_slice(b"]}");
            })
        },
    };
    Ok(paged.answer())
}

fn side(given: &Given) -> Result<Option<Side>, Refusal> {
    match given.one("side")? {
        None => Ok(None),
        Some("BUY") => Ok(Some(Side::Buy)),
        Some("SELL") => Ok(Some(Side::Sell)),
        Some(_) => Err(Refusal::invalid("side")),
    }
}

/// `GET /history/orders/details`
pub fn details(given: Given, caller: Caller, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    let hash = given.required("orderHash")?;
    let missing = Refusal::new(Code::NotFound, format!("Order not found: {hash}"));
    let Some(order) = read_order_hash(hash) else { return Err(missing) };
    let (account, key) = (caller.holder.account, OrderKey::Id(order));
    Ok(ask(Query::Order { account, key }, move |answer| {
        let AnswerBody::Order(story) = answer.body else { return Err(Refusal::OVERLOAD) };
        let story = story.filter(|story| is_told(&story.order)).ok_or_else(|| missing.clone())?;
        let market = markets.of(story.order.instrument).ok_or(missing)?;
        Ok(written(|out| {
            out.extend_from_slice(br#"{"order":"#);
            write_order(out, market, &story.order);
            out.extend_from_slice(br#","trades":["#);
            write_trades(out, &markets, story.trades);
            out.extend_from_slice(b"]}");
        }))
    }))
}

/// `GET /history/trades`. A cursor is the id of the last trade that is known.
pub fn trades(given: Given, caller: Caller, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    let own = caller.address().to_string();
    match given.one("owner")? {
        Some(owner) if owner.chars().any(char::is_uppercase) => {
            return Err(Refusal::not_lower(owner));
        }
        Some(owner) if owner != own => return Err(Refusal::ACCESS_DENIED),
        _ => {}
    }
    let order = |name: &str| match given.one(name) {
        Ok(None) => Ok(Some(None)),
        // Nobody's order met anybody.
        Ok(Some(hash)) => Ok(read_order_hash(hash).map(Some)),
        Err(refusal) => Err(refusal),
    };
    let (maker, taker) = (order("makerOrderId")?, order("takerOrderId")?);
    let cursor = given.count("cursorId")?.map(|id| id as u64);
    let (page, sort) = (given.page()?, given.sort("timestamp")?);
    let (since_id, until_id) = match sort {
        Sort::NewestFirst => (None, cursor.map(|last| last.saturating_sub(1))),
        Sort::OldestFirst => (cursor.map(|last| last.saturating_add(1)), None),
    };
    let is_known = maker.is_some() && taker.is_some();
    let query = OwnTrades {
        instrument: given.market("symbol", &markets)?.map(|market| market.instrument.id),
        side: side(&given)?,
        since: given.moment("from")?,
        until: given.moment("till")?,
        maker: maker.flatten(),
        taker: taker.flatten(),
        since_id: since_id.map(TradeId),
        until_id: until_id.map(TradeId),
        sort,
        ..OwnTrades::of(caller.holder.account)
    };
    let listed = Arc::clone(&markets);
    let paged = Paged {
        page,
        is_whole: caller.holder.instruments.is_none() || !is_known,
        needs_all: false,
        query: move |limit| {
            Query::OwnTrades(OwnTrades { limit: if is_known { limit } else { 0 }, ..query.clone() })
        },
        pick: move |body| {
            let AnswerBody::OwnTrades(mut trades) = body else { return Err(Refusal::OVERLOAD) };
            let came = trades.len();
            trades.retain(|trade| listed.of(trade.instrument).is_some());
            Ok((came, trades))
        },
        word: move |trades| {
            written(|out| {
                out.extend_from_slice(br#"{"trades":["#);
                write_trades(out, &markets, trades);
                out.extend_from_slice(b"]}");
            })
        },
    };
    Ok(paged.answer())
}

fn write_trades(out: &mut Vec<u8>, markets: &Markets, trades: Vec<OwnTrade>) {
    let told = trades.into_iter().filter_map(|trade| {
        Some((markets.of(trade.instrument)?, markets.token(trade.fee_asset)?, trade))
    });
    list(out, told, |out, (market, fee, trade)| write_my_trade(out, market, fee, &trade));
}
