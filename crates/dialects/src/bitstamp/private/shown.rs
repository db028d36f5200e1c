//! Orders as their owner is shown them: one with its transactions, or all that are open. Sections 8.4.2 and 8.4.3.

use std::sync::Arc;

use model::{
    Amount, Answer, AnswerBody, Asset, CloseReason, Instrument, OrderId, OrderKey, OwnOrder,
    OwnTrade, Payoff, Price, Query, Settlement, Standing,
};

use super::super::money;
use super::super::object::{Object, list};
use super::super::server::{Market, Perpetual};
use super::errors::{self, Failure};
use super::form::Form;
use super::orders::{stop_fields, type_of};
use super::{Call, Ground};
use crate::http::HttpResponse;
use crate::step::Step;

/// Which order a form names: by `id` or, if there is none, by its owner's name for it under `label`.
pub fn key(
    form: &Form,
    label: &str,
    malformed: &Failure,
) -> Result<Option<OrderKey>, HttpResponse> {
    if let Some(text) = form.text("id") {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let id = digits.then(|| text.parse().ok()).flatten();
        let id: u64 = id.ok_or_else(|| malformed.response())?;
        return Ok(Some(OrderKey::Id(OrderId(id))));
    }
    Ok(form.text(label).map(|label| OrderKey::Label(label.into())))
}

/// `{"id":1429545880227846,"datetime":"2021-11-25 12:59:58","type":"0","status":"Finished",…}`
pub fn status(call: Call) -> Step {
    let key = match key(&call.form, "client_order_id", &errors::ORDER_ID_MALFORMED) {
        Ok(Some(key)) => key,
        Ok(None) => return errors::ID_MISSING.step(),
        Err(refusal) => return Step::Reply(refusal),
    };
    let omit = match call.form.flag("omit_transactions") {
        Ok(omit) => omit,
        Err(wrong) => return Step::Reply(wrong.response()),
    };
    let query = Query::Order { account: call.account, key };
    let word = move |answer: Answer| {
        let AnswerBody::Order(Some(story)) = answer.body else {
            return errors::ORDER_NOT_FOUND.step();
        };
        let own = &story.order;
        let Some(market) = call.ground.of(own.instrument) else {
            return errors::ORDER_NOT_FOUND.step();
        };
        let mut body = Object::new()
            .raw("id", own.order.id.0)
            .text("datetime", &money::seconds(own.created))
            .text("type", type_of(own.order.side))
            .text("status", status_of(own.standing))
            .text("market", &market.name);
        if !omit {
            let rows = story.trades.iter().map(|trade| transaction(&call.ground, market, trade));
            body = body.raw("transactions", list(rows));
        }
        let body = body
            .text("amount_remaining", &money::quantity(&market.instrument, own.order.remaining))
            .some("client_order_id", own.label.as_deref());
        let body = stop_fields(body, &market.instrument, &own.order).end();
        Step::Reply(HttpResponse::json(200, body.into()))
    };
    Step::Ask(query, Box::new(word))
}

/// The venue's word for how an order stands. What was replaced counts as cancelled.
pub const fn status_of(standing: Standing) -> &'static str {
    match standing {
        Standing::Armed | Standing::Triggered | Standing::Open => "Open",
        Standing::Filled => "Finished",
        Standing::Closed(CloseReason::Expired) => "Expired",
        Standing::Closed(_) | Standing::Replaced(_) => "Canceled",
    }
}

/// `{"tid":209895701,"price":"4451.25000000","fee":"0.11128","datetime":"…","type":2,"eth":"0.00500000",…}`
fn transaction(ground: &Ground, market: &Market, trade: &OwnTrade) -> String {
    let settled = Settled::of(ground, &market.instrument, trade);
    let mut row = Object::new()
        .raw("tid", trade.id.0)
        .text("price", &money::long_price(&market.instrument, trade.price))
        .text("fee", &settled.fee)
        .text("datetime", &money::datetime(trade.time))
        .raw("type", 2);
    for (currency, amount) in settled.moved {
        row = row.text(currency, &amount);
    }
    row.end()
}

/// What a trade moved and cost, as it is shown.
pub struct Settled<'a> {
    /// The base currency and the quote currency, and how much of each, without a sign; of a perpetual what it stood for.
    pub moved: [(&'a str, String); 2],
    /// What was paid for it.
    pub fee: String,
}

impl<'a> Settled<'a> {
    /// Of a trade.
    pub fn of(ground: &'a Ground, rules: &Instrument, trade: &OwnTrade) -> Self {
        let terms: &Settlement = ground
            .assets
            .settlement(trade.instrument)
            .expect("what was traded is settled in assets of the venue");
        let asset =
            |id: model::AssetId| (&ground.assets.all()[id.index()], &ground.currencies[id.index()]);
        let (base, base_shown) = asset(terms.base);
        let (quote, quote_shown) = asset(terms.quote);
        let perpetual = ground.of(trade.instrument).and_then(|market| market.perpetual.as_deref());
        // The views know no contracts: an inverse one is paid for in its base asset.
        let (fee, _) = asset(perpetual.map_or(trade.fee_asset, |it| it.value.margin));
        let (bought, paid) = match perpetual {
            None => (terms.base(trade.quantity), terms.quote(trade.price, trade.quantity)),
            Some(perpetual) => stood_for(perpetual, rules, terms, trade, quote),
        };
        let bought = money::value(bought, base, base_shown.decimals);
        let paid = money::value(paid, quote, quote_shown.decimals);
        Self {
            moved: [(&base_shown.lower, bought), (&quote_shown.lower, paid)],
            fee: money::fee(trade.fee, fee, rules),
        }
    }
}

/// What a trade in a perpetual stood for: so much of the base asset, and of the quote asset. Nothing of it moved.
fn stood_for(
    perpetual: &Perpetual,
    rules: &Instrument,
    terms: &Settlement,
    trade: &OwnTrade,
    quote: &Asset,
) -> (Amount, Amount) {
    let value = Amount(perpetual.value.value(trade.price, trade.quantity.0));
    let size = i128::from(perpetual.terms.size);
    match perpetual.terms.payoff {
        Payoff::Linear => (Amount(terms.base(trade.quantity).0 * size), value),
        Payoff::Inverse => {
            // A contract is whole units of the quote asset, which has no fewer decimals than a quantity.
            let units = i128::from(rules.quantity_units(trade.quantity));
            let spare = u32::from(quote.decimals - rules.quantity_decimals);
            (value, Amount(units * size * 10_i128.pow(spare)))
        }
    }
}

/// `[{"id":"1234123412341234","datetime":"2022-01-31 14:43:15","type":"0","price":"100.00","amount":"0.40000000",…}]`
pub fn open(call: Call, market: Option<Arc<Market>>) -> Step {
    let all = market.is_none();
    let instrument = market.map(|market| market.instrument.id);
    let query = Query::OpenOrders { account: call.account, instrument };
    let word = move |answer: Answer| {
        let orders = match answer.body {
            AnswerBody::OpenOrders(orders) => orders,
            // An account that was never heard of has none.
            _ => Vec::new(),
        };
        let row = |own: &OwnOrder| Some(open_order(call.ground.of(own.instrument)?, own, all));
        let body = list(orders.iter().filter_map(row));
        Step::Reply(HttpResponse::json(200, body.into()))
    };
    Step::Ask(query, Box::new(word))
}

/// `all` is where the pair is named twice.
fn open_order(market: &Market, own: &OwnOrder, all: bool) -> String {
    let rules = &market.instrument;
    let price = own.order.kind.limit().unwrap_or(Price(0));
    let row = Object::new()
        .text("id", &own.order.id.0.to_string())
        .text("datetime", &money::seconds(own.created))
        .text("type", type_of(own.order.side))
        .text("price", &money::price(rules, price))
        .text("amount", &money::quantity(rules, own.order.remaining))
        .text("amount_at_create", &money::quantity(rules, own.order.original))
        .some("currency_pair", all.then_some(&*market.name))
        .text("market", &market.name)
        .some("client_order_id", own.label.as_deref());
    stop_fields(row, rules, &own.order).end()
}
