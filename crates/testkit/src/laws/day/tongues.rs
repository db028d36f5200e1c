//! How one listens to candles and statistics in each dialect that has both.

use dialects::Dialect;
use dialects::timex::channel::PERIODS;
use dialects::timex::{self, TimeX};
use dialects::xrocket::channel::{INTERVALS, Named};
use dialects::xrocket::{self, XRocket};
use model::{Cadence, Interval, Listing, Time, Window};
use serde_json::Value;

use crate::laws::conservation::trades::iso_time;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Candles of this length.
    Candles(Interval),
    /// Statistics that look back so far.
    Ticker(Window),
    /// Those of all markets at once, of the markets whose statistics are others than before.
    All(Window),
}

/// A dialect with candles and rolling statistics.
pub struct Tongue {
    /// The dialect.
    pub name: &'static str,
    /// What stands between base and quote in its symbols.
    pub between: &'static str,
    /// It, made for these listings.
    pub make: fn(&[Listing]) -> Box<dyn Dialect>,
    /// How often it speaks of a market at most.
    pub cadence: Cadence,
    /// How often it speaks of all markets at most.
    pub cadence_of_all: Cadence,
    /// Everything there is to subscribe to of a market and of all, with what a client says for it.
    pub subscriptions: fn(&str) -> Vec<(Subject, String)>,
    /// What is pushed, in order.
    pub push: fn(&Value) -> Vec<(Subject, Told)>,
    /// The lengths of candles that can be asked for.
    pub lengths: fn() -> Vec<Interval>,
    /// What a client says for the candles of a length between two moments.
    pub range: fn(&str, Interval, Time, Time) -> String,
    /// The candles of the answer.
    pub ranged: fn(&Value) -> Vec<Told>,
}

/// What was told, in the venue's decimals.
#[derive(Clone, Debug)]
pub enum Told {
    /// A candle.
    Candle {
        /// Its start.
        start: Time,
        /// Open, high, low, close.
        prices: [String; 4],
        /// Traded amount of the base.
        volume: String,
    },
    /// Statistics.
    Ticker {
        /// Its market.
        symbol: String,
        /// Where its window begins, if that is told, and where it ends.
        span: (Option<Time>, Time),
        /// Open, high, low, close.
        prices: [String; 4],
        /// Traded amounts of base and quote.
        volumes: [String; 2],
        /// Close less open, and that as a part of open, if they are told.
        change: Option<[String; 2]>,
    },
}

/// The dialects that have both.
pub const TONGUES: [Tongue; 2] = [XROCKET, TIMEX];

const XROCKET: Tongue = Tongue {
    name: xrocket::NAME,
    between: "-",
    make: |listings| Box::new(XRocket::new(listings).expect("symbols in order")),
    cadence: xrocket::channel::PULSE,
    cadence_of_all: xrocket::channel::MARKET_CADENCE,
    subscriptions: |symbol| {
        let params = |channel: &str, member: &str, named: &Named| {
            let name = named.name;
            let params =
                format!(r#"{{"channel":"{channel}","symbol":"{symbol}","{member}":"{name}"}}"#);
            format!(r#"{{"id":1,"method":"subscribe","params":{params}}}"#)
        };
        let candles = INTERVALS
            .iter()
            .map(|named| (Subject::Candles(named.interval), params("candles", "type", named)));
        let tickers = INTERVALS
            .iter()
            .map(|named| (Subject::Ticker(named.window()), params("ticker", "interval", named)));
        let all = INTERVALS.iter().map(|named| {
            let params = format!(r#"{{"channel":"allTickers","interval":"{}"}}"#, named.name);
            let text = format!(r#"{{"id":1,"method":"subscribe","params":{params}}}"#);
            (Subject::All(named.window()), text)
        });
        candles.chain(tickers).chain(all).collect()
    },
    push: |message| {
        let (params, data) = (&message["params"], &message["params"]["data"]);
        let named = |member: &str| Named::called(params[member].as_str().expect("a text"));
        let window = || named("interval").expect("an interval").window();
        match params["channel"].as_str() {
            Some("candles") => {
                let interval = named("type").expect("an interval").interval;
                vec![(Subject::Candles(interval), positional(&data["candle"]))]
            }
            Some("ticker") => vec![(Subject::Ticker(window()), statistics(&data["ticker"]))],
            Some("allTickers") => {
                let tickers = data["tickers"].as_array().expect("tickers").iter();
                tickers.map(|ticker| (Subject::All(window()), statistics(ticker))).collect()
            }
            _ => Vec::new(),
        }
    },
    lengths: || INTERVALS.iter().map(|named| named.interval).collect(),
    range: |symbol, interval, from, till| {
        let name = Named::of(interval).expect("it has a name").name;
        let [from, till] = [from, till].map(iso);
        format!(
            r#"{{"id":1,"method":"subscribe","params":{{"channel":"candles","symbol":"{symbol}","type":"{name}","snapshot":{{"startAt":"{from}","endAt":"{till}"}}}}}}"#
        )
    },
    ranged: |message| {
        let candles = message["result"]["candles"].as_array();
        candles.expect("candles").iter().map(positional).collect()
    },
};

/// It pushes no candles.
const TIMEX: Tongue = Tongue {
    name: timex::NAME,
    between: "",
    make: |listings| {
        let options = timex::Options::default();
        Box::new(TimeX::new(listings, options).expect("symbols in order"))
    },
    cadence: Cadence::SECOND,
    cadence_of_all: Cadence::SECOND,
    subscriptions: |symbol| {
        let tickers = PERIODS.iter().map(|period| {
            let pattern = format!("/ticker/{symbol}/{}", period.name);
            let text = format!(r#"{{"type":"SUBSCRIBE","requestId":"1","pattern":"{pattern}"}}"#);
            (Subject::Ticker(period.window()), text)
        });
        tickers.collect()
    },
    push: |message| {
        if message["type"] != "MESSAGE" {
            return Vec::new();
        }
        let (event, ticker) = (&message["message"]["event"], &message["message"]["payload"]);
        assert_eq!((&event["data"]["ticker"], &event["type"]), (ticker, &"TICKER_UPDATED".into()));
        let told = |member: &str| ticker[member].as_str().map(str::to_owned);
        // What was never traded has no prices; a window without a trade has the one before it, but no high and no low.
        let last = told("last").unwrap_or_else(|| "0".to_owned());
        let text = |member: &str| told(member).unwrap_or_else(|| last.clone());
        let named = |period: &&timex::channel::Period| period.name == text("period");
        let period = PERIODS.iter().find(named).expect("a period");
        vec![(
            Subject::Ticker(period.window()),
            Told::Ticker {
                symbol: text("market"),
                span: (None, iso_time(&text("timestamp"))),
                prices: ["open", "high", "low", "last"].map(text),
                volumes: ["volume", "volumeQuote"].map(text),
                change: None,
            },
        )]
    },
    lengths: || PERIODS.iter().map(|period| period.interval).collect(),
    range: |symbol, interval, from, till| {
        let named = |period: &&timex::channel::Period| period.interval == interval;
        let name = PERIODS.iter().find(named).expect("it has a name").name;
        let [from, till] = [from, till].map(iso);
        format!(
            r#"{{"type":"REST","requestId":"1","stream":"/get/public/candles","payload":{{"market":"{symbol}","period":"{name}","from":"{from}","till":"{till}"}}}}"#
        )
    },
    ranged: |message| {
        let candles = message["responseBody"].as_array().expect("candles").iter();
        let told = candles.map(|candle| {
            let text = |member: &str| candle[member].as_str().expect("a text").to_owned();
            Told::Candle {
                start: iso_time(&(text("timestamp") + ".000Z")),
                prices: ["open", "high", "low", "close"].map(text),
                volume: text("volume"),
            }
        });
        told.collect()
    },
};

/// A moment as a client says it, in whole seconds.
fn iso(moment: Time) -> String {
    let (year, month, day) = moment.civil();
    let seconds = moment.0.rem_euclid(86_400_000_000) / 1_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A candle of xRocket: start, open, close, high, low, volume.
fn positional(candle: &Value) -> Told {
    let text = |at: usize| candle[at].as_str().expect("a text").to_owned();
    let prices = [1, 3, 4, 2].map(text);
    Told::Candle { start: iso_time(&text(0)), prices, volume: text(5) }
}

/// A ticker of xRocket.
fn statistics(ticker: &Value) -> Told {
    let text = |member: &str| ticker[member].as_str().expect("a text").to_owned();
    assert_eq!(text("last"), text("close"), "{ticker}");
    Told::Ticker {
        symbol: text("symbol"),
        span: (Some(iso_time(&text("startTime"))), iso_time(&text("endTime"))),
        prices: ["open", "high", "low", "close"].map(text),
        volumes: ["baseVolume", "quoteVolume"].map(text),
        change: Some(["changePrice", "changeRate"].map(text)),
    }
}
