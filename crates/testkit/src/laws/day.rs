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
}

/// A dialect with candles and rolling statistics.
pub struct Tongue {
    /// The dialect.
    pub name: &'static str,
    /// What stands between base and quote in its symbols.
    pub between: &'static str,
    /// It, made for these listings.
    pub make: fn(&[Listing]) -> Box<dyn Dialect>,
    /// How often it speaks of both at most.
    pub cadence: Cadence,
    /// Everything there is to subscribe to, with what a client says for it.
    pub subscriptions: fn(&str) -> Vec<(Subject, String)>,
    /// What is pushed.
    pub push: fn(&Value) -> Option<(Subject, Told)>,
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
        candles.chain(tickers).collect()
    },
    push: |message| {
        let (params, data) = (&message["params"], &message["params"]["data"]);
        let named = |member: &str| Named::called(params[member].as_str()?);
        match params["channel"].as_str()? {
            "candles" => {
                Some((Subject::Candles(named("type")?.interval), positional(&data["candle"])))
            }
            "ticker" => {
                let ticker = &data["ticker"];
                let text = |member: &str| ticker[member].as_str().expect("a text").to_owned();
                assert_eq!(text("last"), text("close"), "{ticker}");
                let told = Told::Ticker {
                    span: ["startTime", "endTime"].map(|member| iso_time(&text(member))),
                    prices: ["open", "high", "low", "close"].map(text),
                    volumes: ["baseVolume", "quoteVolume"].map(text),
                    change: ["changePrice", "changeRate"].map(text),
                };
                Some((Subject::Ticker(named("interval")?.window()), told))
            }
            _ => None,
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
    let listings = [listed(listing(0, ["BTC", "USD"], [2, 8], ""), tongue.name, tongue.between)];
    let symbol = listings[0].symbol_in(tongue.name).expect("it is listed");
    let venue = Venue::new((tongue.make)(&listings), &listings, stretch.opens, false);
    let instrument = listings[0].instrument.clone();
    let mut day = Day {
        tongue,
        seed,
        venue,
        judge: Judge { instrument, trades: Vec::new() },
        subjects: Vec::new(),
        line: 0,
        spoke: None,
        spoke_of: 0,
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
            day.trade(market.next);
            market.plan();
        } else {
            day.venue.pass(tick - now);
            day.compare(figures);
        }
    }
    day.compare_ranges(symbol, stretch.opens, figures);
    figures.trades += day.judge.trades.len();
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
    /// Trades until it is quiet.
    busy: usize,
}

impl Market {
    fn new(seed: u64, stretch: Stretch) -> Self {
        let mut market = Self {
            dice: Dice::new(seed),
            quiet_max: stretch.quiet_max,
            next: (stretch.opens, Price(5_000_000), Quantity(1)),
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
    }
}

/// One run of a market in one dialect.
struct Day<'a> {
    tongue: &'a Tongue,
    seed: u64,
    venue: Venue,
    judge: Judge,
    subjects: Vec<Subject>,
    line: Line,
    /// When the cadence spoke last, and of how many trades.
    spoke: Option<Time>,
    spoke_of: usize,
}

impl Day<'_> {
    fn trade(&mut self, (time, price, quantity): (Time, Price, Quantity)) {
        self.venue.pass(time - self.venue.now());
        for (account, side) in [(1, Side::Sell), (2, Side::Buy)] {
            self.venue.act(Action::Place(NewOrder {
                account: AccountId(account),
                instrument: self.judge.instrument.id,
                side,
                kind: OrderKind::Limit(price),
                quantity,
                time_in_force: TimeInForce::GoodTillCanceled,
                post_only: false,
                trigger: None,
            }));
        }
        self.judge.trades.push((time, price.0, quantity.0));
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
        let speaks = self.spoke.is_none() || now.0 % self.tongue.cadence.0.0 == 0;
        if !speaks {
            assert!(told.is_empty(), "seed {seed}: it speaks at {}: {told:?}", now.0);
            return;
        }
        let minute = |moment: Time| moment.0.div_euclid(60_000_000);
        let another = self.spoke.is_none_or(|spoke| minute(spoke) != minute(now));
        let fresh = self.spoke_of..self.judge.trades.len();
        for &subject in &self.subjects {
            let ours: Vec<&Told> =
                told.iter().filter(|(of, _)| *of == subject).map(|(_, told)| told).collect();
            let at = || format!("seed {seed}, at {}: {subject:?}: {ours:?}", now.0);
            match subject {
                Subject::Candles(interval) => {
                    let mut starts: Vec<Time> =
                        fresh.clone().map(|at| start(interval, self.judge.trades[at].0)).collect();
                    starts.dedup();
                    assert_eq!(ours.len(), starts.len(), "{}", at());
                    for (told, start) in ours.iter().zip(starts) {
                        let right = self.judge.is_candle(interval, start, told);
                        assert!(right, "{}, of {}", at(), start.0);
                    }
                    figures.candles += ours.len();
                }
                Subject::Ticker(window) => {
                    let is_due = !fresh.is_empty() || another;
                    assert_eq!(ours.len(), usize::from(is_due), "{}", at());
                    let right = |told: &&Told| self.judge.is_ticker(window, now, told);
                    assert!(ours.iter().all(right), "{}", at());
                    figures.tickers += ours.len();
                }
            }
        }
        (self.spoke, self.spoke_of) = (Some(now), self.judge.trades.len());
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
            let first = self.judge.trades.first().map(|trade| start(interval, trade.0));
            // What began before the range is not in it.
            let mut wanted =
                first.map(|begins| if begins < opened { next(interval, begins) } else { begins });
            for candle in &candles {
                let begins = wanted.expect("there was a trade");
                let right = self.judge.is_candle(interval, begins, candle);
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

/// All trades, and what they make: computed anew each time.
struct Judge {
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

    fn is_ticker(&self, window: Window, now: Time, told: &Told) -> bool {
        let Told::Ticker { span, prices, volumes, change } = told else { return false };
        let step = if window > Window::DAY { 3_600_000_000 } else { 60_000_000 };
        let from = Time((now.0 - window.0.0).div_euclid(step) * step);
        let end = Time(now.0 + 1);
        let last = self.before(end).unwrap_or(0);
        let (mut wanted, volume, turnover) = self.summary(from, end).unwrap_or(([last; 4], 0, 0));
        // It opens with the price of the moment in which its window begins, if there was one.
        if volume > 0 {
            wanted[0] = self.before(from).unwrap_or(wanted[0]);
        }
        let decimals = self.instrument.price_decimals + self.instrument.quantity_decimals;
        let funds = parse_units(volumes[1].as_bytes(), decimals).expect("a volume");
        let signed = |text: &str, decimals| match text.strip_prefix('-') {
            Some(text) => -parse_units(text.as_bytes(), decimals).expect("a number"),
            None => parse_units(text.as_bytes(), decimals).expect("a number"),
        };
        let difference = wanted[3] - wanted[0];
        let rate = i128::from(signed(&change[1], 6)) * i128::from(wanted[0]);
        let error = (rate - i128::from(difference) * 1_000_000).abs() * 2;
        *span == [now - window.0, now]
            && prices.each_ref().map(|text| self.price(text)) == wanted
            && self.volume(&volumes[0]) == volume
            && i128::from(funds) == turnover
            && signed(&change[0], self.instrument.price_decimals) == difference
            && error <= i128::from(wanted[0])
    }
}
