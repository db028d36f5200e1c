//! Candles by HTTP. Section 8.2, `ohlc`; intervals in which nobody traded are filled.

use std::sync::Arc;

use model::{AnswerBody, Candle, Interval, Price, Quantity, Query, Time};

use super::super::Options;
use super::super::server::{self, Market};
use super::{ask, parameter, unavailable};
use crate::http::{HttpRequest, HttpResponse};
use crate::step::Step;
use crate::text::{DECIMAL_BYTES_MAX, INTEGER_BYTES_MAX, Pen, make_room};

/// The lengths that can be asked for, in seconds.
const STEPS: [u32; 12] =
    [60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 259_200];
const LIMIT_MAX: i64 = 1_000;
/// The latest second that can be asked for: the end of the year 9999.
const SECONDS_MAX: i64 = 253_402_297_199;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    step: u32,
    limit: i64,
    bounds: Bounds,
    /// Whether the candle that still runs is left out.
    exclude_current: bool,
}

#[derive(Clone, Copy, Debug)]
enum Bounds {
    /// The newest.
    None,
    /// The first ones from this second on.
    From(i64),
    /// The last ones up to this second.
    Till(i64),
}

/// A parameter that cannot be used, and why, in the venue's words.
struct Unusable(&'static str, &'static str);

pub fn ohlc(market: &Arc<Market>, request: &HttpRequest<'_>, _: &Options) -> Step {
    let wanted = match read(request) {
        Ok(wanted) => wanted,
        Err(Unusable(field, why)) => {
            let body = format!(
                r#"{{"status":"error","reason":{{"{field}":["{why}"]}},"response_code":"400.001"}}"#
            );
            return Step::Reply(HttpResponse::json(200, body.into_bytes()));
        }
    };
    let market = Arc::clone(market);
    let till = match wanted.bounds {
        Bounds::None => Time::from_seconds(SECONDS_MAX),
        Bounds::From(start) => wanted.slot(wanted.ceil(start), wanted.limit - 1),
        Bounds::Till(end) => Time::from_seconds(end),
    };
    let query = Query::Candles {
        filled: false,
        instrument: market.instrument.id,
        interval: Interval::Seconds(wanted.step),
        from: Time(0),
        till,
        // One more tells the price before the first slot, if that is quiet; another may be left out.
        limit: wanted.limit as usize + 2,
    };
    ask(query, move |now, body| match body {
        AnswerBody::Candles(candles) => word(&market, &fill(&wanted, now, &candles)),
        _ => unavailable(),
    })
}

fn read(request: &HttpRequest<'_>) -> Result<Wanted, Unusable> {
    const MISSING: &str = "Missing data for required field.";
    const INVALID: &str = "Not a valid choice.";
    let integer = |name: &'static str| match parameter(request, name) {
        None => Ok(None),
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| Unusable(name, INVALID)),
    };
    let second = |name| match integer(name)? {
        Some(0..=SECONDS_MAX) | None => integer(name),
        Some(_) => Err(Unusable(name, INVALID)),
    };
    let step = integer("step")?.ok_or(Unusable("step", MISSING))?;
    let step = STEPS.into_iter().find(|known| i64::from(*known) == step);
    let step = step.ok_or(Unusable("step", INVALID))?;
    let limit = integer("limit")?.ok_or(Unusable("limit", MISSING))?;
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Unusable("limit", "Must be between 1 and 1000."));
    }
    let bounds = match (second("start")?, second("end")?) {
        (_, Some(end)) => Bounds::Till(end),
        (Some(start), None) => Bounds::From(start),
        (None, None) => Bounds::None,
    };
    let exclude_current = match parameter(request, "exclude_current_candle") {
        Some("true" | "True" | "1") => true,
        None | Some("" | "false" | "False" | "0") => false,
        Some(_) => return Err(Unusable("exclude_current_candle", INVALID)),
    };
    Ok(Wanted { step, limit, bounds, exclude_current })
}

impl Wanted {
    /// The start of the interval that this second falls into.
    fn floor(&self, second: i64) -> Time {
        Interval::Seconds(self.step).start_of(Time::from_seconds(second))
    }
    /// The first start that is not before this second.
    fn ceil(&self, second: i64) -> Time {
        self.floor(second + i64::from(self.step) - 1)
    }
    /// The start of the interval so many after (or before) the one that starts at `start`.
    fn slot(&self, start: Time, after: i64) -> Time {
        Time(start.0 + after * i64::from(self.step) * 1_000_000)
    }
    /// The first and the last slot that are wanted, at a moment.
    fn slots(&self, now: Time) -> (Time, Time) {
        let current = self.floor(now.seconds());
        let newest = if self.exclude_current { self.slot(current, -1) } else { current };
        match self.bounds {
            Bounds::None => (self.slot(newest, 1 - self.limit), newest),
            Bounds::Till(end) => {
                let last = self.floor(end).min(newest);
                (self.slot(last, 1 - self.limit), last)
            }
            Bounds::From(start) => {
                let first = self.ceil(start);
                (first, self.slot(first, self.limit - 1).min(newest))
            }
        }
    }
}

/// One candle for each wanted slot since the market's first trade: where nobody traded, all prices are the
/// close before, and the volume is nothing.
fn fill(wanted: &Wanted, now: Time, candles: &[Candle]) -> Vec<Candle> {
    let (first, last) = wanted.slots(now);
    let mut filled = Vec::new();
    let mut close: Option<Price> = None;
    let mut candles = candles.iter().peekable();
    while let Some(before) = candles.next_if(|candle| candle.start < first) {
        close = Some(before.close);
    }
    let mut slot = first;
    while slot <= last {
        if let Some(candle) = candles.next_if(|candle| candle.start == slot) {
            filled.push(*candle);
            close = Some(candle.close);
        } else if let Some(price) = close {
            filled.push(Candle {
                start: slot,
                open: price,
                high: price,
                low: price,
                close: price,
                volume: Quantity::ZERO,
                turnover: 0,
                trades: 0,
            });
        }
        slot = wanted.slot(slot, 1);
    }
    filled
}

const CANDLE_BYTES_MAX: usize = 80 + INTEGER_BYTES_MAX + 5 * DECIMAL_BYTES_MAX;

fn word(market: &Market, candles: &[Candle]) -> HttpResponse {
    let mut body = Vec::new();
    let room = 64 + 2 * market.name.len() + CANDLE_BYTES_MAX * candles.len();
    let start = make_room(&mut body, room);
    let mut pen = Pen::new(&mut body[start..]);
    pen.put(br#"{"data":{"pair":""#);
    pen.text(market.name.as_bytes());
    pen.put(br#"","market":""#);
    pen.text(market.name.as_bytes());
    pen.put(br#"","ohlc":"#);
    server::list(&mut pen, candles.iter(), |pen, candle| {
        pen.put(br#"{"timestamp":""#);
        pen.integer(server::micros(candle.start) / 1_000_000);
        let prices = [candle.open, candle.high, candle.low, candle.close];
        let names: [&[u8]; 4] =
            [br#"","open":""#, br#"","high":""#, br#"","low":""#, br#"","close":""#];
        for (name, price) in names.into_iter().zip(prices) {
            pen.text(name);
            market.price(pen, price);
        }
        pen.put(br#"","volume":""#);
        market.amount(pen, candle.volume);
        pen.put(br#""}"#);
    });
    pen.put(b"}}");
    let end = start + pen.written();
    body.truncate(end);
    HttpResponse::json(200, body)
}
