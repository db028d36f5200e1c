//! What subscribers of patterns are pushed: hot encoders, bytes straight into the frame. Section B5.
//!
//! A frame has a hole for the id of each subscription. Its number follows from the sequence of the event that it tells
//! of: each event has so many numbers of its own as there can be messages about it, in the order in which they are told.

use model::{
    AccountId, Address, Level, Liquidity, OrderEntry, OrderId, OwnMovement, OwnOrderUpdate,
    OwnStep, Sequence, Side, Ticker, Time, TopicKind, Trade, Update,
};

use super::SUBSCRIPTION_ID_BYTES;
use crate::dialect::Subject;
use crate::frame::FrameBuilder;
use crate::json::list;
use crate::text::integer;
use crate::timex::Markets;
use crate::timex::channel::{Event, LEVELS, OrderEvent, PERIODS, Period, Way};
use crate::timex::convert::entity::{
    self, order_after, order_hash, stamp, stamp_z, token_amount, write_book_levels, write_level,
    write_order, write_raw_order, write_summed, write_ticker, write_trade,
};
use crate::timex::convert::{Market, Token};

/// How many numbers an event has for each market: three books, the statistics of each period, a trade, and what
/// happens to two orders.
const PLACES: u64 = 32;
const LEVELS_PLACE: u64 = 1;
const RAW_PLACE: u64 = 2;
const TICKER_PLACE: u64 = 3;
const TRADE_PLACE: u64 = TICKER_PLACE + PERIODS.len() as u64;
const MAKER_PLACE: u64 = TRADE_PLACE + 1;
const TAKER_PLACE: u64 = MAKER_PLACE + OrderEvent::ALL.len() as u64;
const _: () = assert!(TAKER_PLACE + OrderEvent::ALL.len() as u64 <= PLACES, "all have a place");

/// Words an update of a market for those who subscribe to this. Returns whether there was something to say.
pub fn market(
    markets: &Markets,
    market: &Market,
    subject: &Subject,
    update: &Update<'_>,
    sequence: Sequence,
    out: &mut FrameBuilder,
) -> bool {
    let number = |place| number(markets, sequence, u64::from(market.place), place);
    match (subject.topic.kind, update) {
        (TopicKind::Book { .. }, Update::Book(book)) if subject.wording == LEVELS => {
            book_head(out, number(LEVELS_PLACE), book.time, "ORDER_BOOK_UPDATED", market);
            let middle = entity::middle(book.bids.best(), book.asks.best());
            levels_head(out.text_mut(), market, book.time);
            out.text_mut().extend_from_slice(br#""bid":["#);
            out.list_summed(Side::Buy, book.bids, middle, |out, it| write_summed(out, market, it));
            out.text_mut().extend_from_slice(BETWEEN_SIDES);
            out.list_summed(Side::Sell, book.asks, middle, |out, it| write_summed(out, market, it));
            out.text_mut().extend_from_slice(BOOK_TAIL);
        }
        (TopicKind::Book { .. }, Update::Book(book)) => {
            book_head(out, number(0), book.time, "GROUP_ORDER_BOOK_UPDATED", market);
            group_head(out.text_mut(), market, book.time);
            out.list(Side::Buy, book.bids, |out, level| write_level(out, market, level));
            out.text_mut().extend_from_slice(BETWEEN_SIDES);
            out.list(Side::Sell, book.asks, |out, level| write_level(out, market, level));
            out.text_mut().extend_from_slice(BOOK_TAIL);
        }
        (TopicKind::Detail { .. }, Update::Detail(book)) => {
            book_head(out, number(RAW_PLACE), book.time, "RAW_ORDER_BOOK_UPDATED", market);
            let write = |side| {
                move |out: &mut Vec<u8>, it: &OrderEntry| write_raw_order(out, market, side, it)
            };
            raw_head(out.text_mut(), market, book.time);
            out.list(Side::Buy, book.bids, write(Side::Buy));
            out.text_mut().extend_from_slice(BETWEEN_SIDES);
            out.list(Side::Sell, book.asks, write(Side::Sell));
            out.text_mut().extend_from_slice(BOOK_TAIL);
        }
        (TopicKind::Ticker { window, .. }, Update::Ticker(ticker)) => {
            let Some(at) = PERIODS.iter().position(|known| known.window() == window) else {
                return false;
            };
            tickers(market, PERIODS[at], ticker, number(TICKER_PLACE + at as u64), out);
            return true;
        }
        (TopicKind::Trades, Update::Trade(it)) => {
            trade(market, it, number(TRADE_PLACE), out);
            return true;
        }
        (TopicKind::OwnOrders, Update::OwnOrder(step)) => {
            return order(market, subject, step, number, out);
        }
        _ => return false,
    }
    out.text_mut().extend_from_slice(br#"},"payload":null}}"#);
    true
}

/// The number of a message about an event.
fn number(markets: &Markets, sequence: Sequence, market: u64, place: u64) -> u64 {
    let width = PLACES * (markets.listed.len() as u64).max(1);
    sequence.0.wrapping_mul(width).wrapping_add(market * PLACES + place)
}

/// Opens a message, up to what is the event's own.
fn head(out: &mut FrameBuilder, number: u64, time: Time, event: &str) {
    out.text_mut().extend_from_slice(br#"{"type":"MESSAGE","subscriptionId":""#);
    out.stamp_here(SUBSCRIPTION_ID_BYTES);
    let out = out.text_mut();
    out.extend_from_slice(br#"","message":{"id":"#);
    integer(out, number);
    out.extend_from_slice(br#","event":{"timestamp":""#);
    stamp(out, time);
    out.extend_from_slice(br#"","type":""#);
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(br#"","reference":""#);
}

/// Opens a message about a book, up to its data.
fn book_head(out: &mut FrameBuilder, number: u64, time: Time, event: &str, market: &Market) {
    head(out, number, time, event);
    let out = out.text_mut();
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"","topics":[""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#""],"data":"#);
}

fn data_head(out: &mut Vec<u8>, market: &Market, book: &str) {
    out.extend_from_slice(br#"{"market":""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"",""#);
    out.extend_from_slice(book.as_bytes());
    out.extend_from_slice(br#"":{"timestamp":""#);
}

/// What stands between the last bid and the first ask.
const BETWEEN_SIDES: &[u8] = br#"],"ask":["#;
/// What stands behind the last ask.
const BOOK_TAIL: &[u8] = b"]}}";

/// Section B5.5: whole, by level, added up.
pub fn write_levels_data<'a>(
    out: &mut Vec<u8>,
    market: &Market,
    time: Time,
    bids: impl Iterator<Item = &'a Level> + Clone,
    asks: impl Iterator<Item = &'a Level> + Clone,
) {
    levels_head(out, market, time);
    write_book_levels(out, market, bids, asks);
    out.extend_from_slice(b"}}");
}

/// The same up to its sides.
fn levels_head(out: &mut Vec<u8>, market: &Market, time: Time) {
    data_head(out, market, "orderbook");
    stamp_z(out, time);
    out.extend_from_slice(br#"","#);
}

/// Section B5.4: whole, by level.
pub fn write_group_data<'a>(
    out: &mut Vec<u8>,
    market: &Market,
    time: Time,
    bids: impl Iterator<Item = &'a Level>,
    asks: impl Iterator<Item = &'a Level>,
) {
    group_head(out, market, time);
    list(out, bids, |out, level| write_level(out, market, level));
    out.extend_from_slice(BETWEEN_SIDES);
    list(out, asks, |out, level| write_level(out, market, level));
    out.extend_from_slice(BOOK_TAIL);
}

/// The same up to its first bid.
fn group_head(out: &mut Vec<u8>, market: &Market, time: Time) {
    data_head(out, market, "orderbook");
    stamp(out, time);
    out.extend_from_slice(br#"","bid":["#);
}

/// Section B5.3: whole, order by order.
pub fn write_raw_data<'a>(
    out: &mut Vec<u8>,
    market: &Market,
    time: Time,
    bids: impl Iterator<Item = &'a OrderEntry>,
    asks: impl Iterator<Item = &'a OrderEntry>,
) {
    raw_head(out, market, time);
    list(out, bids, |out, order| write_raw_order(out, market, Side::Buy, order));
    out.extend_from_slice(BETWEEN_SIDES);
    list(out, asks, |out, order| write_raw_order(out, market, Side::Sell, order));
    out.extend_from_slice(BOOK_TAIL);
}

/// The same up to its first bid.
fn raw_head(out: &mut Vec<u8>, market: &Market, time: Time) {
    data_head(out, market, "rawOrderBook");
    stamp_z(out, time);
    out.extend_from_slice(br#"","bid":["#);
}

/// Section B5.7: what data and snapshots have.
pub fn write_ticker_data(out: &mut Vec<u8>, market: &Market, period: Period, ticker: &Ticker) {
    out.extend_from_slice(br#"{"market":""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"","period":""#);
    out.extend_from_slice(period.name.as_bytes());
    out.extend_from_slice(br#"","ticker":"#);
    write_ticker(out, market, period, ticker);
    out.push(b'}');
}

fn tickers(market: &Market, period: Period, ticker: &Ticker, number: u64, out: &mut FrameBuilder) {
    head(out, number, ticker.time, "TICKER_UPDATED");
    let out = out.text_mut();
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"","topics":[""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"",""#);
    out.extend_from_slice(period.name.as_bytes());
    out.extend_from_slice(br#""],"data":"#);
    write_ticker_data(out, market, period, ticker);
    out.extend_from_slice(br#"},"payload":"#);
    write_ticker(out, market, period, ticker);
    out.extend_from_slice(b"}}");
}

/// Appends texts as items of a list that has been begun, each behind another.
fn item(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(br#"",""#);
    out.extend_from_slice(text);
}

/// Appends a member that follows others: a text that needs no escaping.
fn text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(br#"",""#);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"":""#);
    out.extend_from_slice(value);
}

/// Appends a member that follows others: an amount as a chain counts it.
fn tokens(out: &mut Vec<u8>, name: &str, token: &Token, amount: model::Amount) {
    text(out, name, b"");
    token_amount(out, token, amount);
}

/// Nobody's wallet: where what comes from outside comes from, and who is meant where a source does not tell.
const NOBODY: [u8; 42] = *b"0x0000000000000000000000000000000000000000";

fn wallet(account: Option<AccountId>) -> [u8; 42] {
    account.map_or(NOBODY, |account| Address::of_account(account).text())
}

/// Section B5.6.
fn trade(market: &Market, trade: &Trade, number: u64, out: &mut FrameBuilder) {
    let (base, quote) = (&market.base, &market.quote);
    let (base_address, quote_address) = (base.address.text(), quote.address.text());
    head(out, number, trade.time, "TRADE");
    let out = out.text_mut();
    integer(out, trade.id.0);
    out.extend_from_slice(br#"","topics":[""#);
    out.extend_from_slice(base.symbol().as_bytes());
    item(out, quote.symbol().as_bytes());
    item(out, &base_address);
    item(out, &quote_address);
    out.extend_from_slice(br#""],"data":{"id":"#);
    integer(out, trade.id.0);
    out.extend_from_slice(br#","direction":""#);
    out.extend_from_slice(entity::direction(trade.aggressor).as_bytes());
    text(out, "baseTokenAddress", &base_address);
    text(out, "quoteTokenAddress", &quote_address);
    text(out, "baseTokenSymbol", base.symbol().as_bytes());
    text(out, "quoteTokenSymbol", quote.symbol().as_bytes());
    tokens(out, "baseTokenAmount", base, market.settlement.base(trade.quantity));
    tokens(out, "quoteTokenAmount", quote, market.settlement.quote(trade.price, trade.quantity));
    text(out, "makerAddress", &wallet(trade.maker_account));
    text(out, "takerAddress", &wallet(trade.taker_account));
    out.extend_from_slice(br#""}},"payload":"#);
    write_trade(out, market, trade);
    out.extend_from_slice(b"}}");
}

/// The events that a step of an order is told as.
fn is_told_as(event: OrderEvent, step: &OwnOrderUpdate) -> bool {
    let is_market = step.order.kind.limit().is_none();
    let is_done = !step.standing.is_open();
    match event {
        OrderEvent::Order => match step.step {
            OwnStep::Created => !is_market,
            OwnStep::Replaces(_) => true,
            _ => false,
        },
        OrderEvent::Update => match step.step {
            OwnStep::Closed(reason) => !is_market && reason != model::CloseReason::Expired,
            OwnStep::Replaces(_) => true,
            _ => false,
        },
        OrderEvent::Filling => matches!(step.step, OwnStep::Filled { .. }),
        OrderEvent::Market => is_market && is_done && !step.step.is_outside_book(),
        OrderEvent::Expired => step.step == OwnStep::Closed(model::CloseReason::Expired),
    }
}

/// Section B5.8.
fn order(
    market: &Market,
    subject: &Subject,
    step: &OwnOrderUpdate,
    number: impl Fn(u64) -> u64,
    out: &mut FrameBuilder,
) -> bool {
    let Some(event) = OrderEvent::ALL.into_iter().find(|it| it.wording() == subject.wording) else {
        return false;
    };
    if !is_told_as(event, step) {
        return false;
    }
    // Whoever's place was taken is told of as changed; the one who took it as a new order.
    let told = match (&step.replaced, event) {
        (Some(replaced), OrderEvent::Update) => (**replaced).clone(),
        (None, OrderEvent::Update) if matches!(step.step, OwnStep::Replaces(_)) => return false,
        _ => order_after(step),
    };
    let place = match step.step {
        OwnStep::Filled { liquidity: Liquidity::Taker, .. } => TAKER_PLACE,
        _ => MAKER_PLACE,
    };
    let (base, quote) = (&market.base, &market.quote);
    let addresses = [base.address.text(), quote.address.text()];
    let account = Address::of_account(step.account).text();
    let hash = order_hash(told.order.id);
    head(out, number(place + event as u64), step.time, event.name());
    let out = out.text_mut();
    out.extend_from_slice(&hash);
    out.extend_from_slice(br#"","topics":[""#);
    out.extend_from_slice(&account);
    for symbol in [base.symbol(), quote.symbol(), quote.symbol()] {
        item(out, symbol.as_bytes());
    }
    for address in [&addresses[0], &addresses[1], &addresses[1]] {
        item(out, address);
    }
    out.extend_from_slice(br#""],"data":{"hash":""#);
    out.extend_from_slice(&hash);
    text(out, "direction", entity::direction(told.order.side).as_bytes());
    text(out, "accountAddress", &account);
    text(out, "baseTokenAddress", &addresses[0]);
    text(out, "quoteTokenAddress", &addresses[1]);
    text(out, "feeTokenAddress", &addresses[1]);
    text(out, "baseTokenSymbol", base.symbol().as_bytes());
    text(out, "quoteTokenSymbol", quote.symbol().as_bytes());
    text(out, "feeTokenSymbol", quote.symbol().as_bytes());
    tokens(out, "baseTokenAmount", base, market.settlement.base(told.order.original));
    // What a market order is worth is known from what it was filled at.
    let turnover = match told.order.kind.limit() {
        Some(price) => i128::from(price.0) * i128::from(told.order.original.0),
        None => told.filled.turnover,
    };
    let worth = model::Amount(turnover * market.settlement.quote_per_tick_lot);
    tokens(out, "quoteTokenAmount", quote, worth);
    text(out, "expirationTime", b"");
    stamp_z(out, entity::expire_time(&told));
    out.extend_from_slice(br#""}},"payload":"#);
    write_order(out, market, &told);
    out.extend_from_slice(b"}}");
    true
}

/// Section B5.9: what comes to an account, and what leaves it.
pub fn movement(
    markets: &Markets,
    subject: &Subject,
    movement: &OwnMovement,
    sequence: Sequence,
    out: &mut FrameBuilder,
) -> bool {
    let (way, asset) = Way::of(subject.wording);
    let is_in = movement.amount.0 >= 0;
    let (Some(account), Some(token)) = (subject.topic.account(), markets.token(asset)) else {
        return false;
    };
    if movement.asset != asset || is_in != (way == Way::In) {
        return false;
    }
    let other = match movement.kind {
        model::MovementKind::Transfer(other) => Some(other),
        model::MovementKind::Deposit | model::MovementKind::Withdrawal => None,
    };
    let (event, from, to) = match way {
        Way::In => ("DEPOSIT", wallet(other), wallet(Some(account))),
        Way::Out => ("WITHDRAWAL", wallet(Some(account)), wallet(other)),
    };
    // It is called as orders are; numbers of events are smaller than those of orders.
    let (own, hash) = (wallet(Some(account)), order_hash(OrderId(movement.sequence.0)));
    // What leaves one account and comes to another is one event: first it leaves.
    let number = number(markets, sequence, 0, u64::from(is_in));
    head(out, number, movement.time, event);
    let out = out.text_mut();
    out.extend_from_slice(&hash);
    out.extend_from_slice(br#"","topics":[""#);
    out.extend_from_slice(&own);
    item(out, token.symbol().as_bytes());
    item(out, &token.address.text());
    out.extend_from_slice(br#""],"data":{"from":""#);
    out.extend_from_slice(&from);
    text(out, "to", &to);
    text(out, "token", &token.address.text());
    text(out, "tokenSymbol", token.symbol().as_bytes());
    tokens(out, "value", token, model::Amount(movement.amount.0.abs()));
    text(out, "transferHash", &hash);
    text(out, "timestamp", b"");
    stamp_z(out, movement.time);
    out.extend_from_slice(br#""}},"payload":null}}"#);
    true
}

/// What a subscription to a path with a state is told first: what its event's data would be now.
pub fn write_state(
    event: Event,
    market: &Market,
    kind: TopicKind,
    body: Option<model::AnswerBody>,
    out: &mut Vec<u8>,
) -> bool {
    use model::AnswerBody;
    match (event, body) {
        (Event::Levels, Some(AnswerBody::Book { time, bids, asks })) => {
            write_levels_data(out, market, time, bids.iter(), asks.iter());
        }
        (Event::Group, Some(AnswerBody::Book { time, bids, asks })) => {
            write_group_data(out, market, time, bids.iter(), asks.iter());
        }
        (Event::Raw, Some(AnswerBody::Detail { time, bids, asks })) => {
            write_raw_data(out, market, time, bids.iter(), asks.iter());
        }
        (Event::Ticker, Some(AnswerBody::Ticker(ticker))) => {
            let TopicKind::Ticker { window, .. } = kind else { return false };
            let Some(period) = Period::of_window(window) else { return false };
            write_ticker_data(out, market, period, &ticker);
        }
        _ => return false,
    }
    true
}
