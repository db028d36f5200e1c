//! What an order would come to if it were placed now.

use std::sync::Arc;

use model::{AnswerBody, Level, Price, Quantity, Query, Side};

use super::order::{Amount, Order};
use crate::json::member;
use crate::step::Step;
use crate::text::shortest;
use crate::xrocket::Markets;
use crate::xrocket::channel::BOOK_CADENCE;
use crate::xrocket::convert;
use crate::xrocket::http::problem::{self, Problem};
use crate::xrocket::http::{go_on, page, unavailable};
use crate::xrocket::money::FEE_PPM_TAKER;

/// What an order comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// How much of the base asset.
    pub size: Quantity,
    /// Σ price × quantity, in ticks × lots.
    pub turnover: i128,
}

/// `POST orders/estimate`: at the limit price of an order that has one, else through the book as it is shown.
pub fn estimate(body: &[u8], markets: Arc<Markets>) -> Result<Step, Problem> {
    let order = Order::read(body, &markets)?;
    let word = {
        let markets = Arc::clone(&markets);
        move |order: Order, estimate: Estimate| Ok(Step::Reply(worded(&order, estimate, &markets)))
    };
    match (order.limit, order.amount) {
        (Some(limit), Amount::Size(size)) => {
            let turnover = i128::from(limit.0) * i128::from(size.0);
            word(order, Estimate { size, turnover })
        }
        _ => Ok(of(order, markets, word)),
    }
}

/// Goes on with what a market order comes to, if there is enough in the book for all of it.
pub fn of(
    order: Order,
    markets: Arc<Markets>,
    then: impl FnOnce(Order, Estimate) -> Result<Step, Problem> + Send + 'static,
) -> Step {
    let instrument = order.market.instrument.id;
    go_on(Query::Book { instrument, cadence: BOOK_CADENCE }, move |body| {
        let AnswerBody::Book { bids, asks, .. } = body else { return Err(unavailable()) };
        let levels = match order.side {
            Side::Buy => asks,
            Side::Sell => bids,
        };
        let estimate = walk(&levels, &order, &markets)
            .ok_or_else(|| Problem::new(&problem::LIQUIDITY, "There is not enough in the book"))?;
        then(order, estimate)
    })
}

/// Takes levels, the best first, until it is enough; `None` if it never is.
fn walk(levels: &[Level], order: &Order, markets: &Markets) -> Option<Estimate> {
    let settlement = markets.assets.settlement(order.market.instrument.id)?;
    let mut estimate = Estimate { size: Quantity::ZERO, turnover: 0 };
    // What may still be taken: lots, or ticks × lots.
    let fee = match order.side {
        Side::Buy => MILLION + FEE_PPM_TAKER,
        Side::Sell => MILLION - FEE_PPM_TAKER,
    };
    let mut lots = i128::MAX;
    let mut worth = i128::MAX;
    match order.amount {
        Amount::Size(size) => lots = i128::from(size.0),
        Amount::Funds(funds) => {
            worth = funds.0.checked_mul(MILLION)? / fee / settlement.quote_per_tick_lot;
        }
    }
    for Level { price: Price(price), quantity } in levels {
        let price = i128::from(*price);
        let taken = i128::from(quantity.0).min(lots).min(worth / price);
        estimate.size += Quantity(i64::try_from(taken).ok()?);
        estimate.turnover += taken * price;
        lots -= taken;
        worth -= taken * price;
        if lots == 0 || worth < price {
            return Some(estimate).filter(|estimate| !estimate.size.is_zero());
        }
    }
    None
}

const MILLION: i128 = 1_000_000;

fn worded(order: &Order, estimate: Estimate, markets: &Markets) -> crate::http::HttpResponse {
    let market = &order.market;
    let settlement = markets.assets.settlement(market.instrument.id);
    let settlement = settlement.expect("a listed market settles in assets");
    let asset = markets.assets.get(settlement.quote).expect("it is one of the assets");
    let funds = estimate.turnover * settlement.quote_per_tick_lot;
    let fee = (funds * FEE_PPM_TAKER + MILLION - 1) / MILLION;
    page(201, |out| {
        out.extend_from_slice(br#"{"symbol":""#);
        out.extend_from_slice(market.symbol.as_bytes());
        out.push(b'"');
        member(out, "side", |out| out.extend_from_slice(convert::side(order.side).as_bytes()));
        member(out, "type", |out| out.extend_from_slice(order.type_name.as_bytes()));
        member(out, "size", |out| market.size(out, estimate.size));
        member(out, "funds", |out| market.funds(out, estimate.turnover));
        if let Some(limit) = order.limit {
            member(out, "price", |out| market.price(out, limit));
        }
        member(out, "fee", |out| shortest(out, fee, asset.decimals));
        member(out, "feeAsset", |out| out.extend_from_slice(asset.code.as_bytes()));
        out.push(b'}');
    })
}
