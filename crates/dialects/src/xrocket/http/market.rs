//! What everybody may ask of a market. Section A8.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::instrument::{PRICE_UNITS_MAX, QUANTITY_UNITS_MAX};
use model::{AnswerBody, Minimum, Price, Quantity, Query, Status, Ticker, Time, Window};

use super::parameters::Parameters;
use super::problem::{self, Problem};
use super::{ask, go_on, page, unavailable};
use crate::http::HttpResponse;
use crate::json::list;
use crate::step::Step;
use crate::text::shortest;
use crate::xrocket::Markets;
use crate::xrocket::channel::{BOOK_CADENCE, Channel, DEPTH_DEFAULT, Named};
use crate::xrocket::convert::Market;
use crate::xrocket::money::{MAKER_FEE, TAKER_FEE};
use crate::xrocket::server::push::{write_candle, write_ticker, write_trade};
use crate::xrocket::server::rules;
use crate::xrocket::wire::failure::{Code, Failure, More};

/// How many trades are listed at most.
const TRADES_MAX: usize = 100;

/// `GET symbols`
pub fn symbols(markets: Arc<Markets>) -> Step {
    ask(Query::Statuses, move |body| {
        let AnswerBody::Statuses(statuses) = body else { return Err(unavailable()) };
        Ok(page(200, |out| {
            out.extend_from_slice(br#"{"symbols":["#);
            list(out, &markets.listed, |out, market| {
                write_symbol(
                    market,
                    rules::status_of(market.instrument.id, &statuses).unwrap_or_default(),
                    out,
                );
            });
            out.extend_from_slice(b"]}");
        }))
    })
}

/// `GET symbols/BTC-USDT`
pub fn symbol(symbol: &str, markets: &Markets) -> Result<Step, Problem> {
    let market = Arc::clone(rules::market(symbol, markets)?);
    Ok(ask(Query::Statuses, move |body| {
        let AnswerBody::Statuses(statuses) = body else { return Err(unavailable()) };
        Ok(page(200, |out| {
            write_symbol(
                &market,
                rules::status_of(market.instrument.id, &statuses).unwrap_or_default(),
                out,
            )
        }))
    }))
}

/// The least and the most that an order may have.
pub struct Bounds {
    pub price: (Price, Price),
    pub size: (Quantity, Quantity),
}

impl Bounds {
    /// Those of a market.
    pub fn of(market: &Market) -> Self {
        let rules = &market.instrument;
        let least = match rules.minimum {
            Minimum::Quantity(quantity) => quantity,
            Minimum::Notional(_) => Quantity(1),
        };
        Self {
            price: (Price(1), Price(PRICE_UNITS_MAX / rules.tick_units)),
            size: (least, Quantity(QUANTITY_UNITS_MAX / rules.lot_units)),
        }
    }
}

/// The least funds that an order may have, in ticks × lots, rounded up.
pub fn funds_min(market: &Market) -> i128 {
    let rules = &market.instrument;
    match rules.minimum {
        Minimum::Quantity(quantity) => i128::from(quantity.0),
        Minimum::Notional(value) => {
            let step = i128::from(rules.tick_units) * i128::from(rules.lot_units);
            value.div_euclid(step) + i128::from(value.rem_euclid(step) != 0)
        }
    }
}

fn write_symbol(market: &Market, status: Status, out: &mut Vec<u8>) {
    let rules = &market.instrument;
    let bounds = Bounds::of(market);
    let (price, size) = (bounds.price, bounds.size);
    let funds_max = i128::from(price.1.0) * i128::from(size.1.0);
    let mut begins = true;
    let mut member = |out: &mut Vec<u8>, name: &str, write: &dyn Fn(&mut Vec<u8>)| {
        out.extend_from_slice(if begins { b"{\"" } else { b",\"" });
        begins = false;
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":\"");
        write(out);
        out.push(b'"');
    };
    let size_units = |out: &mut Vec<u8>, size: Quantity| {
        let units = i128::from(rules.quantity_units(size));
        shortest(out, units, rules.quantity_decimals);
    };
    let price_units = |out: &mut Vec<u8>, price: Price| {
        shortest(out, i128::from(rules.price_units(price)), rules.price_decimals);
    };
    member(out, "symbol", &|out| out.extend_from_slice(market.symbol.as_bytes()));
    member(out, "baseAsset", &|out| out.extend_from_slice(rules.base.as_bytes()));
    member(out, "quoteAsset", &|out| out.extend_from_slice(rules.quote.as_bytes()));
    member(out, "baseMinSize", &|out| size_units(out, size.0));
    member(out, "quoteMinSize", &|out| market.funds(out, funds_min(market)));
    member(out, "baseMaxSize", &|out| size_units(out, size.1));
    member(out, "quoteMaxSize", &|out| market.funds(out, funds_max));
    member(out, "minPrice", &|out| price_units(out, price.0));
    member(out, "maxPrice", &|out| price_units(out, price.1));
    member(out, "baseIncrement", &|out| size_units(out, Quantity(1)));
    member(out, "quoteIncrement", &|out| market.funds(out, 1));
    member(out, "priceIncrement", &|out| price_units(out, Price(1)));
    let enabled = matches!(status, Status::Trading | Status::PostOnly);
    out.extend_from_slice(br#","enableTrading":"#);
    out.extend_from_slice(if enabled { b"true" } else { b"false" });
    out.extend_from_slice(br#","precisions":["#);
    list(out, &market.precisions, |out, (text, _)| {
        out.extend_from_slice(format!("\"{text}\"").as_bytes());
    });
    out.extend_from_slice(br#"],"labels":[]}"#);
}

/// The markets that are asked for; all of them where none is named.
fn wanted(given: &Parameters, markets: &Markets) -> Result<Vec<Arc<Market>>, Problem> {
    let symbols = given.all("symbols");
    if symbols.is_empty() {
        return Ok(markets.listed.clone());
    }
    let market = |symbol: &str| Ok(Arc::clone(rules::market(symbol, markets)?));
    symbols.into_iter().map(market).collect()
}

/// `GET trade-fees`
pub fn fees(given: &Parameters, markets: &Markets) -> Result<Step, Problem> {
    let wanted = wanted(given, markets)?;
    Ok(Step::Reply(page(200, |out| {
        out.extend_from_slice(br#"{"fees":["#);
        list(out, wanted, |out, market| {
            let symbol = &market.symbol;
            out.extend_from_slice(
                format!(
                    r#"{{"symbol":"{symbol}","standard":{{"taker":"{TAKER_FEE}","maker":"{MAKER_FEE}"}}}}"#
                )
                .as_bytes(),
            );
        });
        out.extend_from_slice(b"]}");
    })))
}

/// `GET ticker/24h`
pub fn tickers(given: &Parameters, markets: Arc<Markets>) -> Result<Step, Problem> {
    let wanted = wanted(given, &markets)?;
    let day = Named::of_window(Window::DAY).expect("a day is one of the intervals");
    Ok(ask(Query::Tickers { window: Window::DAY }, move |body| {
        let AnswerBody::Tickers(tickers) = body else { return Err(unavailable()) };
        let of = |market: &Market| {
            let id = market.instrument.id;
            tickers.iter().find(|(instrument, _)| *instrument == id).map(|(_, ticker)| *ticker)
        };
        let found: Vec<(Arc<Market>, Ticker)> = wanted
            .into_iter()
            .filter_map(|market| of(&market).map(|ticker| (market, ticker)))
            .collect();
        Ok(page(200, |out| {
            out.extend_from_slice(br#"{"tickers":["#);
            list(out, &found, |out, (market, ticker)| write_ticker(market, day, ticker, out));
            out.extend_from_slice(b"]}");
        }))
    }))
}

/// Goes on if the market is open for what is asked.
fn opened(
    channel: Channel,
    market: Arc<Market>,
    then: impl FnOnce(Arc<Market>) -> Result<Step, Problem> + Send + 'static,
) -> Step {
    go_on(Query::Statuses, move |body| {
        let AnswerBody::Statuses(statuses) = body else { return Err(unavailable()) };
        rules::closed(
            channel,
            rules::status_of(market.instrument.id, &statuses).unwrap_or_default(),
            &market.symbol,
        )?;
        then(market)
    })
}

/// `GET orderbook`
pub fn orderbook(given: &Parameters, markets: &Markets) -> Result<Step, Problem> {
    let market = Arc::clone(rules::market(given.required("symbol")?, markets)?);
    let depth = given.get("depth").map(rules::depth).transpose();
    let step = given.get("precision").map(|it| rules::precision(it, &market)).transpose();
    Ok(opened(Channel::Orderbook, market, move |market| {
        let (depth, step) = (depth?.unwrap_or(DEPTH_DEFAULT), step?);
        let instrument = market.instrument.id;
        let query = Query::Depth { instrument, depth, step, cadence: BOOK_CADENCE };
        Ok(ask(query, move |body| {
            Ok(page(200, |out| {
                out.push(b'{');
                rules::write_answered_book(&market, Some(&body), out);
                out.push(b'}');
            }))
        }))
    }))
}

/// `GET trades`: the newest first.
pub fn trades(given: &Parameters, markets: &Markets) -> Result<Step, Problem> {
    let market = Arc::clone(rules::market(given.required("symbol")?, markets)?);
    Ok(opened(Channel::Trades, market, |market| {
        let instrument = market.instrument.id;
        let query = Query::Trades { instrument, since: Time(i64::MIN), limit: TRADES_MAX };
        Ok(ask(query, move |body| {
            let AnswerBody::Trades(trades) = body else { return Err(unavailable()) };
            Ok(page(200, |out| {
                out.extend_from_slice(br#"{"trades":["#);
                list(out, &trades, |out, trade| write_trade(&market, trade, out));
                out.extend_from_slice(b"]}");
            }))
        }))
    }))
}

/// `GET candles`
pub fn candles(given: &Parameters, markets: &Markets) -> Result<Step, Problem> {
    let kind = given.required("type")?;
    let (start, end) = (given.required("startAt")?, given.required("endAt")?);
    let market = Arc::clone(rules::market(given.required("symbol")?, markets)?);
    let range = rules::named("type", kind).and_then(|named| {
        let range = rules::range(["startAt", "endAt"], start, end, named)?;
        Ok((named, range))
    });
    Ok(opened(Channel::Candles, market, move |market| {
        let (named, range) = range?;
        let query = rules::candles_query(market.instrument.id, named.interval, range);
        Ok(ask(query, move |body| {
            let AnswerBody::Candles(candles) = body else { return Err(unavailable()) };
            Ok(page(200, |out| {
                out.extend_from_slice(br#"{"candles":["#);
                list(out, &candles, |out, candle| write_candle(&market, candle, out));
                out.extend_from_slice(b"]}");
            }))
        }))
    }))
}

/// How many decimals a rate has at most that is no price of a market.
const RATE_DECIMALS: u8 = 12;

/// `GET rates`: what each asset costs in another, by the last trade of their market.
pub fn rates(given: &Parameters, markets: Arc<Markets>) -> Result<Step, Problem> {
    let known = |code: &str| match markets.assets.by_code(code) {
        Some(asset) if asset.code == code => Ok(code.to_owned()),
        _ => Err(Problem::new(&problem::ASSET_NOT_FOUND, "There is no such asset")
            .with("asset", More::Text(code.to_owned()))),
    };
    let base = known(given.required("base")?)?;
    let assets = given.all("assets");
    let named: Vec<String> = assets.into_iter().map(known).collect::<Result<_, _>>()?;
    Ok(ask(Query::Tickers { window: Window::DAY }, move |body| {
        let AnswerBody::Tickers(tickers) = body else { return Err(unavailable()) };
        let rates = rates_in(&base, &markets, &tickers);
        let wanted: Vec<&str> = match named.is_empty() {
            true => rates.keys().copied().collect(),
            false => named.iter().map(String::as_str).collect(),
        };
        word_rates(&wanted, &rates)
    }))
}

/// The rates of all assets that are traded against this one.
fn rates_in<'a>(
    base: &'a str,
    markets: &'a Markets,
    tickers: &[(model::InstrumentId, Ticker)],
) -> BTreeMap<&'a str, Vec<u8>> {
    let mut rates = BTreeMap::from([(base, b"1".to_vec())]);
    for (instrument, ticker) in tickers {
        let (Some(market), Some(last)) = (markets.of(*instrument), ticker.last) else { continue };
        let rules = &market.instrument;
        let units = i128::from(rules.price_units(last));
        let mut rate = Vec::new();
        let asset = if rules.quote == base {
            shortest(&mut rate, units, rules.price_decimals);
            &rules.base
        } else if rules.base == base {
            let one = 10_i128.pow(u32::from(rules.price_decimals + RATE_DECIMALS));
            shortest(&mut rate, one / units, RATE_DECIMALS);
            &rules.quote
        } else {
            continue;
        };
        rates.entry(asset).or_insert(rate);
    }
    rates
}

fn word_rates(wanted: &[&str], rates: &BTreeMap<&str, Vec<u8>>) -> Result<HttpResponse, Problem> {
    let missing = wanted.iter().find(|asset| !rates.contains_key(*asset));
    if let Some(asset) = missing {
        let failure = Failure::new(Code::AssetNotAvailable, "The asset has no rate here")
            .with("asset", More::Text((*asset).to_owned()));
        return Err(failure.into());
    }
    Ok(page(200, |out| {
        out.push(b'{');
        list(out, wanted, |out, asset| {
            out.extend_from_slice(format!(r#""{asset}":{{"rate":""#).as_bytes());
            out.extend_from_slice(&rates[asset]);
            out.extend_from_slice(b"\"}");
        });
        out.push(b'}');
    }))
}
