//! The law *day*: candles and rolling statistics are what a slow computation makes of the trades, push for push, at every
//! boundary of a day with busy and quiet spells; none is missing and none is told twice.
//!
//! A market in memory lives through its time tenth by tenth. Trades happen where they please: also in the very microsecond
//! in which a minute, day, week and month begins, and in the one before. After each tick what was pushed is compared, for each
//! subscription of a dialect (`day/tongues.rs`), with what is due by its cadence. A further dialect is a further entry there.

use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, Cadence, Listing, NewOrder, OrderKind, Price, Quantity, Side, Span, Time,
    TimeInForce,
};

use crate::dice::Dice;
use crate::served::{listed, listing};
use crate::transcript::{Heard, Line, Stage};
use crate::venue::Venue;

mod judge;
mod tongues;

use judge::{Judge, next, start};
use tongues::{Subject, TONGUES, Told, Tongue};

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
        for interval in (self.tongue.lengths)() {
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
