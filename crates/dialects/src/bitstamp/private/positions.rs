//! What positions come to, in the venue's numbers and words. Section 8.4 and the clients that read it.
//!
//! Only arithmetic and wording; what an account has is asked for in `private/`.

use model::{Amount, Dealt, MarginMode, OwnPosition, Payoff, PerpetualState, Price};

use super::super::object::Object;
use super::super::server::{Market, Perpetual};
use super::super::{convert, money};

/// With how many decimals an average price is told at most.
const PRICE_DECIMALS: u8 = 8;

/// The price at which so many lots had cost so much: what profit is counted from. 0 where nothing is known of it.
pub fn strike(market: &Market, size: i64, cost: Amount) -> String {
    let Some(perpetual) = &market.perpetual else { return "0".to_owned() };
    let value = &perpetual.value;
    let (lots, cost) = (i128::from(size.unsigned_abs()), cost.0.abs());
    // In ticks, as a fraction.
    let (above, below) = match value.payoff {
        Payoff::Linear => (cost, value.factor * lots),
        Payoff::Inverse => (value.factor * lots, value.tick * cost),
    };
    average(market, above, below)
}

/// A price that is a fraction of ticks, cut.
pub fn average(market: &Market, above: i128, below: i128) -> String {
    let rules = &market.instrument;
    if below <= 0 {
        return "0".to_owned();
    }
    let decimals = PRICE_DECIMALS.max(rules.price_decimals);
    let scale =
        i128::from(rules.tick_units) * 10_i128.pow(u32::from(decimals - rules.price_decimals));
    let (whole, rest) = (above / below, above % below);
    let rest = match rest.checked_mul(scale) {
        Some(scaled) => scaled / below,
        // So large that what is cut off does not show.
        None => (rest >> 40).saturating_mul(scale) / (below >> 40).max(1),
    };
    money::signed_shortest(whole.saturating_mul(scale).saturating_add(rest), decimals)
}

/// Money is told with so many decimals at most, cut.
pub const MONEY_DECIMALS: u8 = 8;

/// Money that answers, and what it has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Margin {
    /// What is there, unrealised profit and loss included.
    pub equity: Amount,
    /// What it would take to open what is open.
    pub initial: Amount,
    /// What it takes to keep it.
    pub maintenance: Amount,
}

/// What a position is worth at the mark, without a sign.
pub fn value(perpetual: &Perpetual, own: &OwnPosition, state: &PerpetualState) -> Amount {
    let lots = i64::try_from(own.state.size.unsigned_abs()).unwrap_or(i64::MAX);
    Amount(perpetual.value.value(state.marks.mark, lots))
}

/// What a position takes by itself; its equity is its profit at the mark alone.
pub fn margin(perpetual: &Perpetual, own: &OwnPosition, state: &PerpetualState) -> Margin {
    let value = value(perpetual, own, state);
    let worth = Amount(perpetual.value.worth(state.marks.mark, own.state.size));
    let (initial, maintenance) = perpetual.terms.margins(value.0, own.state.leverage);
    Margin {
        equity: worth - own.state.cost,
        initial: Amount(initial),
        maintenance: Amount(maintenance),
    }
}

/// Which tier, from 1, a value ends in.
fn tier(perpetual: &Perpetual, value: Amount) -> usize {
    let tiers = &perpetual.terms.tiers;
    tiers.iter().position(|tier| value <= tier.up_to).map_or(tiers.len(), |at| at + 1)
}

/// The mark at which the position would begin to be liquidated if nothing else changed. 0 if there is none.
fn liquidation_price(
    market: &Market,
    perpetual: &Perpetual,
    own: &OwnPosition,
    (all, alone): (Margin, Margin),
) -> Price {
    let others = (all.equity - alone.equity, all.maintenance - alone.maintenance);
    let position = (own.state.size, own.state.cost);
    let (terms, by) = (&perpetual.terms, &perpetual.value);
    terms.liquidation_price(by, &market.instrument, position, others).unwrap_or(Price(0))
}

/// `OPEN`, `LIQUIDATING` or `SETTLED`
pub const fn standing(own: &OwnPosition) -> &'static str {
    match (own.is_open(), own.in_liquidation) {
        (false, _) => "SETTLED",
        (true, true) => "LIQUIDATING",
        (true, false) => "OPEN",
    }
}

/// What a position has earned so far, in the order in which it is told; and what it was opened for.
struct Totals {
    realized: Amount,
    entry_value: Amount,
}

/// What came of it: what was lost is negative.
fn realized(own: &OwnPosition) -> Amount {
    let earned = &own.earned;
    earned.profit - earned.fees - earned.liquidation_fees + earned.funding + earned.insured
}

/// Of how much value the profit is told in hundredths.
fn percentage(profit: Amount, of: Amount) -> String {
    if of.0 <= 0 {
        return "0.00".to_owned();
    }
    let (whole, rest) = (profit.0 / of.0, profit.0 % of.0);
    let hundredths = whole.saturating_mul(10_000) + rest.saturating_mul(10_000) / of.0;
    let sign = if hundredths < 0 { "-" } else { "" };
    [sign, &money::fixed(hundredths.abs(), 2)].concat()
}

/// The average price of what was dealt.
fn average_of(market: &Market, dealt: &Dealt) -> String {
    average(market, dealt.turnover, i128::from(dealt.quantity.0))
}

/// The value of lots at an average price, in the margin asset.
fn value_of(perpetual: &Perpetual, turnover: i128, lots: i64, cost: Amount) -> Amount {
    match perpetual.value.payoff {
        Payoff::Linear => Amount(turnover.saturating_mul(perpetual.value.factor)),
        Payoff::Inverse if lots > 0 => Amount(cost.0.abs()),
        Payoff::Inverse => Amount::ZERO,
    }
}

/// `{"id":"1000001","market":"BTC/USD-PERP",…}`: a position that is open. What depends on all that answers for it is `null`
/// where that is not to be told.
pub fn open(
    market: &Market,
    (perpetual, state): (&Perpetual, &PerpetualState),
    own: &OwnPosition,
    all: Option<Margin>,
    taker_fee_ppm: u32,
) -> Object {
    let alone = margin(perpetual, own, state);
    let value = value(perpetual, own, state);
    let lots = own.state.size.abs();
    let entry_value = value_of(perpetual, own.entry, lots, own.state.cost);
    let totals = Totals { realized: realized(own), entry_value };
    let money = |amount| money::cut(amount, &market.quote, MONEY_DECIMALS);
    let fee = Amount(
        value.0 / 1_000_000 * i128::from(taker_fee_ppm)
            + (value.0 % 1_000_000 * i128::from(taker_fee_ppm)).div_euclid(1_000_000),
    );
    let reserved = match own.state.mode {
        MarginMode::Isolated => own.state.margin,
        MarginMode::Cross => alone.initial,
    };
    let rules = &market.instrument;
    let price =
        all.map(|all| money::price(rules, liquidation_price(market, perpetual, own, (all, alone))));
    let ratio = |of: fn(Margin) -> Amount| all.map(|all| money::ratio(all.equity, of(all)));
    let head = head(market, own, "settlement_currency")
        .text("entry_price", &average(market, own.entry, i128::from(lots)))
        .text("pnl_percentage", &percentage(totals.realized + alone.equity, totals.entry_value))
        .text("pnl_realized", &money(totals.realized))
        .text("pnl_settled_since_inception", &money(totals.realized))
        .text("leverage", &format!("{}.00", own.state.leverage))
        .text("pnl", &money(totals.realized + alone.equity));
    cumulated(head, market, own)
        .text("size", &money::quantity(rules, model::Quantity(lots)))
        .text("pnl_unrealized", &money(alone.equity))
        .text("pnl_in_settlement", "0")
        .or_null("implied_leverage", all.map(|all| money::ratio(value, all.equity)))
        .text("initial_margin", &money(alone.initial))
        .or_null("initial_margin_ratio", ratio(|all| all.initial))
        .or_null("current_margin", all.map(|all| money(all.equity)))
        .text("collateral_reserved", &money(reserved))
        .text("maintenance_margin", &money(alone.maintenance))
        .or_null("maintenance_margin_ratio", ratio(|all| all.maintenance))
        .or_null("estimated_liquidation_price", price)
        .text("estimated_closing_fee_amount", &money(fee))
        .text("mark_price", &money::long_price(rules, state.marks.mark))
        .text("current_value", &money(value))
        .text("entry_value", &money(totals.entry_value))
        .text("strike_price", &strike(market, own.state.size, own.state.cost))
        .text("side", if own.state.size > 0 { "LONG" } else { "SHORT" })
        .text("margin_tier", &tier(perpetual, value).to_string())
}

/// What all rows of positions begin with.
fn head(market: &Market, own: &OwnPosition, currency: &str) -> Object {
    Object::new()
        .text("id", &own.state.id.0.to_string())
        .text("market", &market.name)
        .text("market_type", "PERPETUAL")
        .text("margin_mode", convert::margin_mode(own.state.mode))
        .text(currency, &market.quote.code)
}

/// What it is made of; costs are negative.
fn cumulated(row: Object, market: &Market, own: &OwnPosition) -> Object {
    let money = |amount| money::cut(amount, &market.quote, MONEY_DECIMALS);
    let less = |amount: Amount| money(Amount::ZERO - amount);
    row.text("cumulative_price_pnl", &money(own.earned.profit))
        .text("cumulative_trading_fees", &less(own.earned.fees))
        .text("cumulative_liquidation_fees", &less(own.earned.liquidation_fees))
        .text("cumulative_funding", &money(own.earned.funding))
        .text("cumulative_socialized_loss", &money(own.earned.insured))
}

/// A position that has ended; of one that was only closed in part, what was closed.
pub fn ended(market: &Market, own: &OwnPosition) -> Object {
    let money = |amount| money::cut(amount, &market.quote, MONEY_DECIMALS);
    let total = realized(own);
    let entry_value = market.perpetual.as_ref().map_or(Amount::ZERO, |perpetual| {
        value_of(perpetual, own.opened.turnover, own.opened.quantity.0, own.state.cost)
    });
    let exit = average_of(market, &own.closed);
    let row = head(market, own, "pnl_currency")
        .text("entry_price", &average_of(market, &own.opened))
        .text("pnl_percentage", &percentage(total, entry_value))
        .text("pnl_realized", &money(total))
        .text("pnl_settled", &money(total))
        .text("leverage", &format!("{}.00", own.state.leverage))
        .text("pnl", &money(total));
    let way = if own.is_long { "" } else { "-" };
    let closed = money::quantity(&market.instrument, own.closed.quantity);
    cumulated(row, market, own)
        .text("amount_delta", &[way, &closed].concat())
        .text("time_opened", &own.opened_at.seconds().to_string())
        .text("time_closed", &own.changed_at.seconds().to_string())
        .text("status", standing(own))
        .text("exit_price", &exit)
        .text("settlement_price", &exit)
}
