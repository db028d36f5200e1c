//! The law *day*: candles and rolling statistics are what a slow computation makes of the trades, push for push, at every
//! boundary of a day with busy and quiet spells; none is missing and none is told twice.
//!
//! A market in memory lives through its time tenth by tenth. Trades happen where they please: also in the very microsecond
//! in which a minute, day, week and month begins, and in the one before. After each tick what was pushed is compared, for each
//! subscription of a dialect of [`TONGUES`], with what is due by its cadence. A further dialect is a further entry there.

use dialects::Dialect;
use dialects::xrocket::channel::{INTERVALS, Named};
use dialects::xrocket::{self, XRocket};
use edge::ws::{Opcode, encode};
use model::decimal::parse_units;
use model::{
    AccountId, Action, Cadence, Instrument, Interval, Listing, NewOrder, OrderKind, Price,
    Quantity, Side, Span, Time, TimeInForce, Window,
};
use serde_json::Value;

use super::conservation::trades::iso_time;
use crate::dice::Dice;
use crate::served::{listed, listing};
use crate::transcript::{Heard, Line, Stage};
use crate::venue::Venue;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Trades that happened.
    pub trades: usize,
    /// Candles that were pushed.
    pub candles: usize,
    /// Statistics that were pushed.
    pub tickers: usize,
    /// Candles of ranges.
    pub ranges: usize,
}

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
        /// Where its window begins, and where it ends.
        span: [Time; 2],
        /// Open, high, low, close.
        prices: [String; 4],
        /// Traded amounts of base and quote.
        volumes: [String; 2],
        /// Close less open, and that as a part of open.
        change: [String; 2],
    },
}

/// The dialects that have both.
pub const TONGUES: [Tongue; 1] = [Tongue {
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
    range: |symbol, interval, from, till| {
        let name = Named::of(interval).expect("it has a name").name;
        let [from, till] = [from, till].map(|moment| {
            let (year, month, day) = moment.civil();
            let seconds = moment.0.rem_euclid(86_400_000_000) / 1_000_000;
            let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        });
        format!(
            r#"{{"id":1,"method":"subscribe","params":{{"channel":"candles","symbol":"{symbol}","type":"{name}","snapshot":{{"startAt":"{from}","endAt":"{till}"}}}}}}"#
        )
    },
    ranged: |message| {
        let candles = message["result"]["candles"].as_array();
        candles.expect("candles").iter().map(positional).collect()
    },
}];

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
        span: ["startTime", "endTime"].map(|member| iso_time(&text(member))),
        prices: ["open", "high", "low", "close"].map(text),
        volumes: ["baseVolume", "quoteVolume"].map(text),
        change: ["changePrice", "changeRate"].map(text),
    }
}

/// A stretch of time, and how long a market is quiet in it at most.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// When the market opens.
    pub opens: Time,
    /// How long it lives.
    pub lives: Span,
    /// How long it is quiet at most.
    pub quiet_max: Span,
}

impl Stretch {
    /// A day around the midnight with which a day, a week and a month begin: 2027-02-01 is a Monday.
    #[must_use]
    pub fn day() -> Self {
        let opens = Time(Time::from_civil(2027, 2, 1).0 - 12 * 3_600_000_000);
        Self { opens, lives: Span::seconds(86_400), quiet_max: Span::seconds(7_200) }
    }

    /// Forty minutes around that midnight.
    #[must_use]
    pub fn midnight() -> Self {
        let opens = Time(Time::from_civil(2027, 2, 1).0 - 1_200_000_000);
        Self { opens, lives: Span::seconds(2_400), quiet_max: Span::seconds(400) }
    }
}

/// Runs the market of a seed in every dialect.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64, stretch: Stretch) -> Figures {
    let mut figures = Figures::default();
    for tongue in &TONGUES {
        check_in(tongue, seed, stretch, &mut figures);
    }
    figures
}

fn check_in(tongue: &Tongue, seed: u64, stretch: Stretch, figures: &mut Figures) {
    let pairs = [(["BTC", "USD"], [2, 8]), (["ETH", "BTC"], [6, 8]), (["XRP", "USD"], [4, 2])];
    let listings: Vec<Listing> = pairs
        .into_iter()
        .zip(0..)
        .map(|((pair, decimals), id)| {
            listed(listing(id, pair, decimals, ""), tongue.name, tongue.between)
        })
        .collect();
    let symbol = listings[0].symbol_in(tongue.name).expect("it is listed");
    let venue = Venue::new((tongue.make)(&listings), &listings, stretch.opens, false);
    let judge = |listing: &Listing| Judge {
        symbol: listing.symbol_in(tongue.name).expect("it is listed").to_owned(),
        instrument: listing.instrument.clone(),
        trades: Vec::new(),
    };
    let mut day = Day {
        tongue,
        seed,
        venue,
        judges: listings.iter().map(judge).collect(),
        subjects: Vec::new(),
        line: 0,
        spoke: None,
        spoke_of: 0,
        spoke_of_all: None,
    };
    day.line = day.venue.connect();
    for (subject, text) in (tongue.subscriptions)(symbol) {
        say(&mut day.venue, day.line, &text);
        day.subjects.push(subject);
    }
    while day.venue.hear(day.line).is_some() {}
    let mut market = Market::new(seed, stretch);
    let closes = stretch.opens + stretch.lives;
    while day.venue.now() < closes {
        let now = day.venue.now();
        let tick = now + day.venue.until_tick();
        if market.next.0 < tick {
            day.trade(market.next, market.place);
            market.plan();
        } else {
            day.venue.pass(tick - now);
            day.compare(figures);
        }
    }
    day.compare_ranges(symbol, stretch.opens, figures);
    figures.trades += day.judges.iter().map(|judge| judge.trades.len()).sum::<usize>();
}

fn say(venue: &mut Venue, line: Line, text: &str) {
    let mut bytes = Vec::new();
    encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], text.as_bytes());
    venue.send(line, &bytes);
}

/// When trades happen, and at which price.
struct Market {
    dice: Dice,
    quiet_max: Span,
    /// The next trade: when, price, quantity.
    next: (Time, Price, Quantity),
    /// Which market; the last one has none.
    place: usize,
    /// Trades until it is quiet.
    busy: usize,
}

impl Market {
    fn new(seed: u64, stretch: Stretch) -> Self {
        let mut market = Self {
            dice: Dice::new(seed),
            quiet_max: stretch.quiet_max,
            next: (stretch.opens, Price(5_000_000), Quantity(1)),
            place: 0,
            busy: 0,
        };
        market.plan();
        market
    }

    fn plan(&mut self) {
        const MINUTE: i64 = 60_000_000;
        let (now, price, _) = self.next;
        let wait = if self.busy == 0 {
            self.busy = 1 + self.dice.roll(60);
            self.dice.roll(usize::try_from(self.quiet_max.0).expect("it is positive")) as i64
        } else {
            self.busy -= 1;
            self.dice.roll(20_000_000) as i64
        };
        let mut time = Time(now.0 + wait.max(1));
        // Some happen where a minute begins, some just before that.
        if self.dice.roll(4) == 0 {
            let begins = (time.0 / MINUTE + 1) * MINUTE;
            time = Time(begins - self.dice.roll(2) as i64);
        }
        let step = self.dice.roll(2_001) as i64 - 1_000;
        let price = Price((price.0 + step).max(1_000));
        self.next = (time, price, Quantity(1 + self.dice.roll(500_000) as i64));
        self.place = self.dice.roll(3) / 2;
    }
}

/// One run of a market in one dialect.
struct Day<'a> {
    tongue: &'a Tongue,
    seed: u64,
    venue: Venue,
    /// One for each market.
    judges: Vec<Judge>,
    subjects: Vec<Subject>,
    line: Line,
    /// When the cadence spoke last, and of how many trades of the first market.
    spoke: Option<Time>,
    spoke_of: usize,
    /// When that of all markets spoke last.
    spoke_of_all: Option<Time>,
}

impl Day<'_> {
    fn trade(&mut self, (time, price, quantity): (Time, Price, Quantity), place: usize) {
        self.venue.pass(time - self.venue.now());
        for (account, side) in [(1, Side::Sell), (2, Side::Buy)] {
            self.venue.act(Action::Place(NewOrder {
                account: AccountId(account),
                instrument: self.judges[place].instrument.id,
                side,
                kind: OrderKind::Limit(price),
                quantity,
                time_in_force: TimeInForce::GoodTillCanceled,
                post_only: false,
                trigger: None,
            }));
        }
        self.judges[place].trades.push((time, price.0, quantity.0));
    }

    /// Compares what came at a tick with what is due.
    fn compare(&mut self, figures: &mut Figures) {
        let (now, seed) = (self.venue.now(), self.seed);
        let mut told: Vec<(Subject, Told)> = Vec::new();
        while let Some(heard) = self.venue.hear(self.line) {
            let Heard::Text(text) = heard else { panic!("seed {seed}: {heard:?}") };
            let message = serde_json::from_str(&text).expect("JSON");
            told.extend((self.tongue.push)(&message));
        }
        let speaks =
            |cadence: Cadence, spoke: Option<Time>| spoke.is_none() || now.0 % cadence.0.0 == 0;
        let (one, all): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|(subject, _)| !matches!(subject, Subject::All(_)));
        if speaks(self.tongue.cadence, self.spoke) {
            self.compare_one(now, &one, figures);
            (self.spoke, self.spoke_of) = (Some(now), self.judges[0].trades.len());
        } else {
            assert!(one.is_empty(), "seed {seed}: it speaks at {}: {one:?}", now.0);
        }
        if speaks(self.tongue.cadence_of_all, self.spoke_of_all) {
            self.compare_all(now, &all, figures);
            self.spoke_of_all = Some(now);
        } else {
            assert!(all.is_empty(), "seed {seed}: it speaks at {}: {all:?}", now.0);
        }
    }

    /// What is due of the first market: each candle that was traded in since, and statistics after trades and where
    /// another minute has begun.
    fn compare_one(&self, now: Time, told: &[(Subject, Told)], figures: &mut Figures) {
        let (seed, judge) = (self.seed, &self.judges[0]);
        let another = self.spoke.is_none_or(|spoke| minute(spoke) != minute(now));
        let fresh = self.spoke_of..judge.trades.len();
        for &subject in &self.subjects {
            let ours: Vec<&Told> =
                told.iter().filter(|(of, _)| *of == subject).map(|(_, told)| told).collect();
            let at = || format!("seed {seed}, at {}: {subject:?}: {ours:?}", now.0);
            match subject {
                Subject::Candles(interval) => {
                    let mut starts: Vec<Time> =
                        fresh.clone().map(|at| start(interval, judge.trades[at].0)).collect();
                    starts.dedup();
                    assert_eq!(ours.len(), starts.len(), "{}", at());
                    for (told, start) in ours.iter().zip(starts) {
                        let right = judge.is_candle(interval, start, told);
                        assert!(right, "{}, of {}", at(), start.0);
                    }
                    figures.candles += ours.len();
                }
                Subject::Ticker(window) => {
                    let is_due = !fresh.is_empty() || another;
                    assert_eq!(ours.len(), usize::from(is_due), "{}", at());
                    let right = |told: &&Told| judge.is_ticker(window, now, told);
                    assert!(ours.iter().all(right), "{}", at());
                    figures.tickers += ours.len();
                }
                Subject::All(_) => {}
            }
        }
    }

    /// What is due of all markets: the statistics of those that were traded in since, and where another minute has begun
    /// of those that have others than before. A new day may be reason to tell them as well.
    fn compare_all(&self, now: Time, told: &[(Subject, Told)], figures: &mut Figures) {
        let seed = self.seed;
        for &subject in &self.subjects {
            let Subject::All(window) = subject else { continue };
            let mut ours = told.iter().filter(|(of, _)| *of == subject).map(|(_, told)| told);
            let mut next = ours.next();
            for judge in &self.judges {
                let former = self.spoke_of_all;
                let is_traded = judge.trades.last().is_some_and(|it| Some(it.0) >= former);
                let is_due = match former {
                    Some(_) if is_traded => true,
                    Some(former) if minute(former) != minute(now) => {
                        judge.statistics(window, former) != judge.statistics(window, now)
                    }
                    former => former.is_none(),
                };
                let is_day = now.0 % 86_400_000_000 == 0;
                let is_it = |told: &Told| matches!(told, Told::Ticker { symbol, .. } if *symbol == judge.symbol);
                if let Some(told) = next.filter(|told| is_it(told)) {
                    let right = (is_due || is_day) && judge.is_ticker(window, now, told);
                    assert!(right, "seed {seed}, at {}: {subject:?}: {told:?}", now.0);
                    figures.tickers += 1;
                    next = ours.next();
                } else {
                    assert!(
                        !is_due,
                        "seed {seed}, at {}: {subject:?} misses {}",
                        now.0, judge.symbol
                    );
                }
            }
            assert!(next.is_none(), "seed {seed}, at {}: {subject:?} out of order", now.0);
        }
    }

    /// Asks for all candles of each length at once: each once, quiet ones filled.
    fn compare_ranges(&mut self, symbol: &str, opened: Time, figures: &mut Figures) {
        let (now, seed) = (self.venue.now(), self.seed);
        let line = self.venue.connect();
        for &subject in &self.subjects {
            let Subject::Candles(interval) = subject else { continue };
            say(&mut self.venue, line, &(self.tongue.range)(symbol, interval, opened, now));
            let Some(Heard::Text(text)) = self.venue.hear(line) else { panic!("an answer") };
            let candles = (self.tongue.ranged)(&serde_json::from_str(&text).expect("JSON"));
            let judge = &self.judges[0];
            let first = judge.trades.first().map(|trade| start(interval, trade.0));
            // What began before the range is not in it.
            let mut wanted =
                first.map(|begins| if begins < opened { next(interval, begins) } else { begins });
            for candle in &candles {
                let begins = wanted.expect("there was a trade");
                let right = judge.is_candle(interval, begins, candle);
                assert!(right, "seed {seed}: {interval:?} of {}: {candle:?}", begins.0);
                wanted = Some(next(interval, begins));
            }
            assert!(
                wanted.is_none_or(|wanted| wanted > now),
                "seed {seed}: {interval:?} ends too early: {candles:?}"
            );
            figures.ranges += candles.len();
        }
    }
}

/// The number of the minute that a moment lies in.
const fn minute(moment: Time) -> i64 {
    moment.0.div_euclid(60_000_000)
}

/// The start of the candle that a moment lies in.
fn start(interval: Interval, moment: Time) -> Time {
    const DAY: i64 = 86_400_000_000;
    let floor = |length: i64, phase: i64| (moment.0 - phase).div_euclid(length) * length + phase;
    match interval {
        Interval::Seconds(seconds) => Time(floor(i64::from(seconds) * 1_000_000, 0)),
        // 1970-01-05 was a Monday.
        Interval::Week => Time(floor(7 * DAY, 4 * DAY)),
        Interval::Month => {
            let months = [(2027, 1), (2027, 2), (2027, 3)].map(|(y, m)| Time::from_civil(y, m, 1));
            *months.iter().rfind(|month| **month <= moment).expect("a month that is listed")
        }
    }
}

/// The start of the candle behind the one that begins here.
fn next(interval: Interval, begins: Time) -> Time {
    let length = match interval {
        Interval::Seconds(seconds) => i64::from(seconds),
        Interval::Week => 7 * 86_400,
        Interval::Month => 31 * 86_400,
    };
    start(interval, begins + Span::seconds(length))
}

/// All trades of a market, and what they make: computed anew each time.
struct Judge {
    symbol: String,
    instrument: Instrument,
    /// When, price in ticks, quantity in lots; in order.
    trades: Vec<(Time, i64, i64)>,
}

impl Judge {
    /// Open, high, low, close and volume of the trades in a span; none if there were none.
    fn summary(&self, from: Time, till: Time) -> Option<([i64; 4], i64, i128)> {
        let inside = || self.trades.iter().filter(|trade| from <= trade.0 && trade.0 < till);
        let open = inside().next()?.1;
        let close = inside().next_back()?.1;
        let high = inside().map(|trade| trade.1).max()?;
        let low = inside().map(|trade| trade.1).min()?;
        let volume = inside().map(|trade| trade.2).sum();
        let turnover = inside().map(|trade| i128::from(trade.1) * i128::from(trade.2)).sum();
        Some(([open, high, low, close], volume, turnover))
    }

    /// The last price before a moment.
    fn before(&self, moment: Time) -> Option<i64> {
        self.trades.iter().rfind(|trade| trade.0 < moment).map(|trade| trade.1)
    }

    fn price(&self, text: &str) -> i64 {
        parse_units(text.as_bytes(), self.instrument.price_decimals).expect("a price")
    }

    fn volume(&self, text: &str) -> i64 {
        parse_units(text.as_bytes(), self.instrument.quantity_decimals).expect("a volume")
    }

    fn is_candle(&self, interval: Interval, begins: Time, told: &Told) -> bool {
        let Told::Candle { start: told_start, prices, volume } = told else { return false };
        let (wanted, wanted_volume) = match self.summary(begins, next(interval, begins)) {
            Some((prices, volume, _)) => (prices, volume),
            None => ([self.before(begins).expect("it was traded before"); 4], 0),
        };
        *told_start == begins
            && prices.each_ref().map(|text| self.price(text)) == wanted
            && self.volume(volume) == wanted_volume
    }

    /// Open, high, low, close and the volumes of a window that ends at a moment.
    fn statistics(&self, window: Window, now: Time) -> ([i64; 4], i64, i128) {
        let step = if window > Window::DAY { 3_600_000_000 } else { 60_000_000 };
        let from = Time((now.0 - window.0.0).div_euclid(step) * step);
        let end = Time(now.0 + 1);
        let last = self.before(end).unwrap_or(0);
        let Some((mut prices, volume, turnover)) = self.summary(from, end) else {
            return ([last; 4], 0, 0);
        };
        // It opens with the price of the moment in which its window begins, if there was one.
        prices[0] = self.before(from).unwrap_or(prices[0]);
        (prices, volume, turnover)
    }

    fn is_ticker(&self, window: Window, now: Time, told: &Told) -> bool {
        let Told::Ticker { symbol, span, prices, volumes, change } = told else { return false };
        let (wanted, volume, turnover) = self.statistics(window, now);
        let decimals = self.instrument.price_decimals + self.instrument.quantity_decimals;
        let funds = parse_units(volumes[1].as_bytes(), decimals).expect("a volume");
        let signed = |text: &str, decimals| match text.strip_prefix('-') {
            Some(text) => -parse_units(text.as_bytes(), decimals).expect("a number"),
            None => parse_units(text.as_bytes(), decimals).expect("a number"),
        };
        let difference = wanted[3] - wanted[0];
        let rate = i128::from(signed(&change[1], 6)) * i128::from(wanted[0]);
        let error = (rate - i128::from(difference) * 1_000_000).abs() * 2;
        *symbol == self.symbol
            && *span == [now - window.0, now]
            && prices.each_ref().map(|text| self.price(text)) == wanted
            && self.volume(&volumes[0]) == volume
            && i128::from(funds) == turnover
            && signed(&change[0], self.instrument.price_decimals) == difference
            && error <= i128::from(wanted[0])
    }
}
