//! What symbols and values are judged by, on the socket and over HTTP alike. Sections A3, A4.2 and A6.

use std::sync::Arc;

use model::{AnswerBody, InstrumentId, Interval, Price, Quantity, Query, Status, Time};

use super::push;
use crate::iso::read_moment;
use crate::xrocket::Markets;
use crate::xrocket::channel::{Channel, DEPTHS, Named, is_symbol};
use crate::xrocket::convert::Market;
use crate::xrocket::money::positive;
use crate::xrocket::wire::failure::{Code, Failure, More};

/// How many candles are told at once.
const CANDLES_MAX: usize = 1_500;

/// The market of a symbol.
pub fn market<'a>(symbol: &str, markets: &'a Markets) -> Result<&'a Arc<Market>, Failure> {
    if !is_symbol(symbol) {
        let detail = "A symbol is BASE-QUOTE in upper-case letters and digits";
        return Err(Failure::symbol(Code::SymbolIncorrect, detail, symbol));
    }
    markets
        .called(symbol)
        .ok_or_else(|| Failure::symbol(Code::SymbolNotFound, "The symbol is not listed", symbol))
}

/// What an instrument lets people do.
pub fn status_of(instrument: InstrumentId, statuses: &[(InstrumentId, Status)]) -> Option<Status> {
    statuses.iter().find(|(known, _)| *known == instrument).map(|&(_, status)| status)
}

/// Whether the market's status is in the way of what is asked. Books and trades are told of a market that takes no
/// orders; statistics of one that is closed.
pub fn closed(channel: Channel, status: Status, symbol: &str) -> Result<(), Failure> {
    let not_opened = matches!(channel, Channel::Orderbook | Channel::Trades | Channel::Candles);
    let not_available = matches!(channel, Channel::Ticker | Channel::Candles);
    match status {
        Status::Halted if not_opened => {
            Err(Failure::symbol(Code::SymbolNotOpened, "Trading is suspended", symbol))
        }
        Status::Halted | Status::CancelOnly if not_available => {
            let detail = "The symbol takes no orders";
            Err(Failure::symbol(Code::SymbolNotAvailable, detail, symbol))
        }
        _ => Ok(()),
    }
}

/// The interval of this name.
pub fn named(field: &'static str, name: &str) -> Result<Named, Failure> {
    Named::called(name).ok_or_else(|| {
        Failure::value(field, "one of 1min, 5min, 15min, 30min, 1hour, 2hour, 4hour, 8hour, 12hour, 1day, 1week, 1month")
    })
}

/// The depth that is written so.
pub fn depth(text: &str) -> Result<u16, Failure> {
    let depth = text.parse().ok().filter(|depth| DEPTHS.contains(depth));
    depth.ok_or_else(|| Failure::value("depth", "one of 5, 10, 20, 50, 100, 200, 500"))
}

/// The step that is written so, in ticks.
pub fn precision(text: &str, market: &Market) -> Result<Price, Failure> {
    let wanted = "a positive decimal";
    let (_, decimals) = positive(text).ok_or_else(|| Failure::value("precision", wanted))?;
    let decimals_max = market.instrument.price_decimals;
    if decimals > usize::from(decimals_max) {
        return Err(decimals_exceeded("precision", decimals_max));
    }
    let known = market.precisions.iter().find(|(known, _)| known == text);
    known.map(|&(_, step)| step).ok_or_else(|| {
        let all = market.precisions.iter().map(|(text, _)| text.clone()).collect();
        Failure::new(Code::IncorrectPrecision, "The book is not gathered in this step")
            .with("precisions", More::Texts(all))
    })
}

/// A number is written with more decimals than there are.
pub fn decimals_exceeded(field: &'static str, decimals_max: u8) -> Failure {
    Failure::new(Code::IncorrectDecimalPlaces, format!("{field} has too many decimals"))
        .with("maxDecimals", More::Number(i64::from(decimals_max)))
        .with("field", More::Text(field.to_owned()))
}

/// The range that is written so, as far as it is not too long. Both ends count.
pub fn range(
    fields: [&'static str; 2],
    start: &str,
    end: &str,
    named: Named,
) -> Result<(Time, Time), Failure> {
    let moment = |field, text| {
        read_moment(text).ok_or_else(|| Failure::value(field, "a moment as in RFC 3339"))
    };
    let (from, till) = (moment(fields[0], start)?, moment(fields[1], end)?);
    if till < from {
        return Err(Failure::value(fields[1], &format!("not before {}", fields[0])));
    }
    let seconds_max = CANDLES_MAX as i64 * named.seconds;
    if (till - from).0 > seconds_max * 1_000_000 {
        return Err(Failure::new(Code::IntervalTooBig, "The range holds too many candles")
            .with("maxIntervalInSeconds", More::Number(seconds_max)));
    }
    Ok((from, till))
}

/// The members of a book as it is answered. Where there is none yet, nothing rests and nothing was counted.
pub fn write_answered_book(market: &Market, answered: Option<&AnswerBody>, out: &mut Vec<u8>) {
    match answered {
        Some(AnswerBody::Depth { sequence, bids, asks, bids_total, asks_total, .. }) => {
            let totals = (*bids_total, *asks_total);
            push::write_book(market, *sequence, bids.iter(), asks.iter(), totals, out);
        }
        _ => {
            let nothing = (Quantity::ZERO, Quantity::ZERO);
            push::write_book(market, 0, [].iter(), [].iter(), nothing, out);
        }
    }
}

/// Asks for the candles of a range, quiet intervals included.
pub fn candles_query(
    instrument: InstrumentId,
    interval: Interval,
    (from, till): (Time, Time),
) -> Query {
    Query::Candles { instrument, interval, from, till, limit: CANDLES_MAX + 1, filled: true }
}
