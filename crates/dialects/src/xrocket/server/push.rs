//! What subscribers are pushed: hot encoders, bytes straight into the frame. Section A5.

use model::{Candle, DepthUpdate, Level, Price, Quantity, Side, Ticker, TopicKind, Trade, Update};

use crate::dialect::{Subject, Wording};
use crate::frame::FrameBuilder;
use crate::iso::moment;
use crate::json::{list, member, string};
use crate::text::shortest;
use crate::text::{self, integer};
use crate::xrocket::Markets;
use crate::xrocket::channel::Named;
use crate::xrocket::convert::{self, Market};

/// The wording of a book whose subscribers named its depth: they are told it again.
pub const DEPTH_NAMED: Wording = Wording(1);

/// Words an update of a market for those who subscribe to this. Returns whether there was something to say.
pub fn market(
    market: &Market,
    subject: &Subject,
    update: &Update<'_>,
    frame: &mut FrameBuilder,
) -> bool {
    let out = frame.text_mut();
    match (subject.topic.kind, update) {
        (TopicKind::TradeBatches, Update::Trades(trades)) => push_trades(market, trades, out),
        (TopicKind::Depth { depth, step, .. }, Update::Depth(book)) => {
            head(out, "orderbook", &market.symbol);
            if subject.wording == DEPTH_NAMED {
                out.extend_from_slice(br#","depth":"#);
                integer(out, depth);
            }
            if let Some(precision) = step.and_then(|step| market.precision(step)) {
                string(out, "precision", precision);
            }
            push_book(market, book, frame);
        }
        (TopicKind::Candles { interval, .. }, Update::Candle(candle)) => {
            let Some(named) = Named::of(interval) else { return false };
            head(out, "candles", &market.symbol);
            string(out, "type", named.name);
            out.extend_from_slice(br#","data":{"candle":"#);
            write_candle(market, candle, out);
            out.extend_from_slice(b"}}}");
        }
        (TopicKind::Ticker { window, .. }, Update::Ticker(ticker)) => {
            let Some(named) = Named::of_window(window) else { return false };
            head(out, "ticker", &market.symbol);
            string(out, "interval", named.name);
            out.extend_from_slice(br#","data":{"ticker":"#);
            write_ticker(market, named, ticker, out);
            out.extend_from_slice(b"}}}");
        }
        _ => return false,
    }
    true
}

/// Words the statistics of all markets, those that changed.
pub fn all_tickers(
    markets: &Markets,
    subject: &Subject,
    tickers: &[(model::InstrumentId, Ticker)],
    out: &mut Vec<u8>,
) -> bool {
    let TopicKind::Ticker { window, .. } = subject.topic.kind else { return false };
    let Some(named) = Named::of_window(window) else { return false };
    let mut listed = tickers
        .iter()
        .filter_map(|(instrument, ticker)| Some((markets.of(*instrument)?, ticker)))
        .peekable();
    if listed.peek().is_none() {
        return false;
    }
    out.extend_from_slice(br#"{"method":"subscription","params":{"channel":"allTickers""#);
    string(out, "interval", named.name);
    out.extend_from_slice(br#","data":{"tickers":["#);
    list(out, listed, |out, (market, ticker)| write_ticker(market, named, ticker, out));
    out.extend_from_slice(b"]}}}");
    true
}

/// Opens a push of a channel of a symbol.
fn head(out: &mut Vec<u8>, channel: &str, symbol: &str) {
    out.extend_from_slice(br#"{"method":"subscription","params":{"channel":""#);
    out.extend_from_slice(channel.as_bytes());
    out.push(b'"');
    string(out, "symbol", symbol);
}

/// Section A5.4: the trades of one command.
fn push_trades(market: &Market, trades: &[Trade], out: &mut Vec<u8>) {
    head(out, "trades", &market.symbol);
    out.extend_from_slice(br#","data":{"trades":["#);
    list(out, trades, |out, trade| write_trade(market, trade, out));
    out.extend_from_slice(b"]}}}");
}

/// Appends a trade.
pub fn write_trade(market: &Market, trade: &Trade, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"tradeId":""#);
    integer(out, trade.id.0);
    out.extend_from_slice(br#"","price":""#);
    market.price(out, trade.price);
    out.push(b'"');
    string(out, "side", convert::side(trade.aggressor));
    out.extend_from_slice(br#","time":""#);
    out.extend_from_slice(&moment(trade.time));
    out.extend_from_slice(br#"","size":""#);
    market.size(out, trade.quantity);
    out.extend_from_slice(br#""}"#);
}

/// Section A5.3, from behind what is echoed. Of a snapshot most levels are those of the one before; of what changed none is.
fn push_book(market: &Market, book: &DepthUpdate<'_>, frame: &mut FrameBuilder) {
    let totals = (book.bids_total, book.asks_total);
    let out = frame.text_mut();
    if book.snapshot {
        out.extend_from_slice(br#","data":{"snapshot":true,"#);
        let write = |out: &mut Vec<u8>, level: &Level| write_level(market, level, out);
        book_head(book.sequence, out);
        frame.list(Side::Buy, book.bids, write);
        frame.text_mut().extend_from_slice(BETWEEN_SIDES);
        frame.list(Side::Sell, book.asks, write);
        book_tail(market, totals, frame.text_mut());
    } else {
        out.extend_from_slice(br#","data":{"snapshot":false,"#);
        let (bids, asks) = (book.bids.best_first(), book.asks.best_first());
        write_book(market, book.sequence, bids, asks, totals, out);
    }
    frame.text_mut().extend_from_slice(b"}}}");
}

/// Appends the members of a book: its number, its levels, the best first, and what rests on each side.
pub fn write_book<'a>(
    market: &Market,
    sequence: u64,
    bids: impl Iterator<Item = &'a Level>,
    asks: impl Iterator<Item = &'a Level>,
    totals: (Quantity, Quantity),
    out: &mut Vec<u8>,
) {
    book_head(sequence, out);
    list(out, bids, |out, level| write_level(market, level, out));
    out.extend_from_slice(BETWEEN_SIDES);
    list(out, asks, |out, level| write_level(market, level, out));
    book_tail(market, totals, out);
}

/// The members of a book up to its first bid.
fn book_head(sequence: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(br#""sequence":""#);
    integer(out, sequence);
    out.extend_from_slice(br#"","bids":["#);
}

/// What stands between the last bid and the first ask.
const BETWEEN_SIDES: &[u8] = br#"],"asks":["#;

/// The members of a book behind its last ask.
fn book_tail(market: &Market, (bids_total, asks_total): (Quantity, Quantity), out: &mut Vec<u8>) {
    out.extend_from_slice(br#"],"askTotalAmount":""#);
    market.size(out, asks_total);
    out.extend_from_slice(br#"","bidTotalAmount":""#);
    market.size(out, bids_total);
    out.push(b'"');
}

/// Appends a level.
fn write_level(market: &Market, level: &Level, out: &mut Vec<u8>) {
    out.extend_from_slice(b"[\"");
    market.price(out, level.price);
    out.extend_from_slice(b"\",\"");
    market.size(out, level.quantity);
    out.extend_from_slice(b"\"]");
}

/// Section A5.5: close before high and low.
pub fn write_candle(market: &Market, candle: &Candle, out: &mut Vec<u8>) {
    out.extend_from_slice(b"[\"");
    out.extend_from_slice(&moment(candle.start));
    for price in [candle.open, candle.close, candle.high, candle.low] {
        out.extend_from_slice(b"\",\"");
        market.price(out, price);
    }
    out.extend_from_slice(b"\",\"");
    market.size(out, candle.volume);
    out.extend_from_slice(b"\"]");
}

/// How many decimals a rate of change has at most.
const RATE_DECIMALS: u8 = 6;

/// Section A5.1: all twelve members. What nobody ever traded is told as 0.
pub fn write_ticker(market: &Market, named: Named, ticker: &Ticker, out: &mut Vec<u8>) {
    let price = |out: &mut Vec<u8>, name: &str, price: Option<Price>| {
        member(out, name, |out| match price {
            Some(price) => market.price(out, price),
            None => out.push(b'0'),
        });
    };
    let last = ticker.last;
    let open = ticker.open.or(last);
    out.extend_from_slice(br#"{"symbol":""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.push(b'"');
    member(out, "startTime", |out| {
        out.extend_from_slice(&moment(ticker.time - named.window().0));
    });
    member(out, "endTime", |out| out.extend_from_slice(&moment(ticker.time)));
    // Where nothing was traded in the window all prices are the last one.
    let open = if ticker.trades == 0 { last } else { open };
    price(out, "open", open);
    price(out, "close", last);
    price(out, "high", ticker.high.or(last));
    price(out, "low", ticker.low.or(last));
    let change = open.zip(last).map_or(0, |(open, last)| last.0 - open.0);
    member(out, "changeRate", |out| {
        let open = open.map_or(1, |open| open.0.max(1));
        shortest(out, rate(change, open), RATE_DECIMALS);
    });
    member(out, "changePrice", |out| match change {
        0 => out.push(b'0'),
        change => {
            let units = market.instrument.price_units(Price(change));
            text::fixed(out, units, market.instrument.price_decimals);
        }
    });
    member(out, "baseVolume", |out| market.size(out, ticker.volume));
    member(out, "quoteVolume", |out| market.funds(out, ticker.turnover));
    price(out, "last", last);
    out.push(b'}');
}

/// A change as a part of what it began with, counted in `10^-RATE_DECIMALS`, a half away from zero.
fn rate(change: i64, open: i64) -> i128 {
    let (change, open) =
        (i128::from(change) * 10_i128.pow(u32::from(RATE_DECIMALS)), i128::from(open));
    (change.abs() * 2 + open) / (open * 2) * change.signum()
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_is_rounded_to_the_nearest_and_a_half_away_from_zero() {
        assert_eq!(rate(1_200, 50_000), 24_000);
        assert_eq!(rate(-1, 3), -333_333);
        assert_eq!(rate(2, 3), 666_667);
        assert_eq!([rate(1, 2_000_000), rate(-1, 2_000_000)], [1, -1]);
        assert_eq!(rate(1, 2_000_001), 0);
        assert_eq!(rate(i64::MAX, 1), i128::from(i64::MAX) * 1_000_000);
    }
}
