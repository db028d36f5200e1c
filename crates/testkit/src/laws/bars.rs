//! The law *bars*: the bars that Finazon's clients are told, second by second, are those that can be made of the trades
//! that another dialect tells; and whoever listens through Finazon's client half holds the candles of the boards.
//!
//! A crowd trades in two markets of shares and in two of pairs, busy and quiet, and visitors now and then in a fifth
//! that nobody else trades in, so that there are minutes without a trade. Everything is judged by the text of the frames alone: each
//! trade of Bitstamp's channels is folded into a bar by arithmetic of this module's own, and at each tick of a second the
//! bars that are told must be those, no more and no fewer: at every frequency, by publisher and by data set, however late somebody came.

use std::collections::BTreeMap;
use std::sync::Arc;

use dialects::bitstamp::{Bitstamp, Options};
use dialects::finazon::client::Client;
use dialects::finazon::{self, Finazon};
use dialects::{Connector, Credential, Login, Request, Standing, Subject, Visitor};
use edge::boards::{Boards, Dialects, Outlet};
use edge::outbox::Told;
use feed::crowd::{Activity, Asset, Crowd, Market};
use feed::gate::Gate;
use feed::source::engine::EngineSource;
use model::{
    AccountId, Action, AnswerBody, Cadence, Candle, Event, EventBody, Instrument, InstrumentId,
    Interval, Listing, Minimum, NewOrder, OrderKind, Price, Quantity, Query, Side, Source, Span,
    Time, TimeInForce,
};
use serde_json::Value;
use views::Board;

use crate::dice::Dice;
use crate::people;

/// When the market begins: a full minute.
const BEGINS: Time = Time::from_seconds(1_800_000_000);

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Trades that were folded.
    pub trades: u64,
    /// Bars that were told, each as it had to be.
    pub bars: u64,
    /// Minutes of a ticker without a trade, of which nothing was told.
    pub quiet: u64,
    /// Bars that the client half held, each as the boards' candle.
    pub held: u64,
}

/// The tickers: base, quote, decimals of price and quantity, what Finazon calls it, and how lively it is.
type Row = ([&'static str; 2], [u8; 2], &'static str, Option<Activity>);
const ROWS: [Row; 5] = [
    (["AAPL", "USD"], [2, 0], "sip:AAPL", Some(Activity::Busy)),
    (["TSLA", "USD"], [2, 0], "sip:TSLA", Some(Activity::Quiet)),
    (["BTC", "USDT"], [2, 8], "binance:BTC/USDT", Some(Activity::Busy)),
    (["ETH", "USDT"], [2, 8], "binance:ETH/USDT", Some(Activity::Quiet)),
    (["RARE", "USDT"], [6, 4], "binance:RARE/USDT", None),
];
/// The one that only visitors trade in.
const RARE: InstrumentId = InstrumentId(4);

/// How a publisher can be asked for: the member of the message, what bars say of it first, and the places in [`ROWS`] of
/// what it publishes.
const WAYS: [(&str, &str, &[usize]); 5] = [
    (r#""publisher":"sip""#, r#""p":"sip""#, &[0, 1]),
    (r#""publisher":"binance""#, r#""p":"binance""#, &[2, 3, 4]),
    (r#""publisher":"finazon""#, r#""p":"finazon""#, &[0, 1]),
    (r#""dataset":"sip_pro""#, r#""d":"sip_pro","p":"sip""#, &[0, 1]),
    (r#""dataset":"us_stocks_essential""#, r#""d":"us_stocks_essential","p":"finazon""#, &[0, 1]),
];
const FREQUENCIES: [(&str, i64); 3] = [("1s", 1), ("10s", 10), ("1m", 60)];

fn listings() -> Vec<Listing> {
    let listing = |(id, &([base, quote], [price, quantity], symbol, _)): (u16, &Row)| Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: quote.into(),
            price_decimals: price,
            tick_units: 1,
            quantity_decimals: quantity,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: format!("{base} / {quote}"),
        symbols: vec![
            ("bitstamp".into(), format!("{base}{quote}").to_lowercase()),
            (finazon::NAME.into(), symbol.into()),
        ],
    };
    (0..).zip(&ROWS).map(listing).collect()
}

/// The ticker of a row.
fn ticker(row: usize) -> &'static str {
    ROWS[row].2.split_once(':').expect("publisher:ticker").1
}

/// A bar, in units of 18 decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bar {
    open: i128,
    high: i128,
    low: i128,
    close: i128,
    volume: i128,
}

/// A plain decimal in units of 18 decimals.
fn scaled(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= 18 && !text.contains(['e', 'E', '+', '-']), "{text}");
    format!("{whole}{fraction:0<18}").parse().expect("digits")
}

/// What was told, for the only loop there is.
#[derive(Default)]
struct Tray(Vec<String>);

impl Outlet for Tray {
    fn tell(&mut self, _: usize, told: Told) {
        self.0.push(String::from_utf8(told.frame.text().to_vec()).expect("it is text"));
    }
}

/// Somebody listens to Finazon: how the bars begin, of which ticker, how often.
struct Listener {
    begins: String,
    row: usize,
    every: i64,
}

struct Here {
    seed: u64,
    boards: Boards,
    dialects: Dialects,
    client: Client,
    /// By row, what was traded in which minute.
    folded: [BTreeMap<i64, Bar>; ROWS.len()],
    listeners: Vec<Listener>,
    /// When the client half began to listen, if it did.
    listens_since: Option<Time>,
    figures: Figures,
}

impl Here {
    fn new(seed: u64) -> Self {
        let listings = listings();
        let bitstamp = Bitstamp::new(&listings, Options::default()).expect("symbols in order");
        let finazon =
            Finazon::new(&listings, &finazon::Options::default()).expect("symbols in order");
        let dialects: Dialects = Arc::new([Box::new(bitstamp), Box::new(finazon)]);
        let boards = listings.iter().map(|listing| Board::new(listing.instrument.id, BEGINS));
        let mut here = Self {
            seed,
            boards: Boards::new(boards.collect(), Arc::clone(&dialects), 1),
            dialects,
            client: Client::new(&listings),
            folded: [const { BTreeMap::new() }; ROWS.len()],
            listeners: Vec::new(),
            listens_since: None,
            figures: Figures::default(),
        };
        for listing in &listings {
            let symbol = listing.symbol_in("bitstamp").expect("it is listed");
            let channel = format!("live_trades_{symbol}");
            here.subscribe(
                0,
                &format!(r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}"}}}}"#),
            );
        }
        here
    }

    /// Says something in a dialect and listens to what is subscribed by it.
    fn subscribe(&mut self, dialect: usize, message: &str) -> Vec<Subject> {
        let holder = Credential {
            account: AccountId(1),
            secret: Vec::new(),
            may_trade: true,
            instruments: None,
            quotes: None,
            blocked: false,
        };
        let login = Login { key: "key".into(), holder, standing: Standing::Good };
        let visitor = Visitor { login: Some(&login), ..Visitor::STRANGER };
        let mut requests = Vec::new();
        self.dialects[dialect].decode(message.as_bytes(), &visitor, &mut requests);
        let mut all = Vec::new();
        while let Some(request) = requests.pop() {
            match request {
                Request::TakeBerth { then, .. } => requests.extend(then),
                Request::Subscribe { subjects, .. } => all.extend(subjects),
                _ => {}
            }
        }
        assert!(!all.is_empty(), "nothing came of {message}");
        for subject in &all {
            let opening = self.boards.subscribe(0, dialect, *subject);
            assert!(opening.state.is_none(), "nothing is told at subscription");
        }
        all
    }

    /// Somebody begins to listen to everything of a publisher at a frequency.
    fn listen(&mut self, (member, says, rows): (&str, &str, &[usize]), at: usize) {
        let (name, every) = FREQUENCIES[at];
        let tickers: Vec<_> = rows.iter().map(|&row| format!("{:?}", ticker(row))).collect();
        let tickers = tickers.join(",");
        let subjects = self.subscribe(
            1,
            &format!(
                r#"{{"event":"subscribe",{member},"tickers":[{tickers}],"channel":"bars","frequency":"{name}","aggregation":"1m"}}"#
            ),
        );
        assert_eq!(subjects.len(), rows.len(), "{member}");
        for &row in rows {
            let ticker = ticker(row);
            let begins =
                format!(r#"{{{says},"ch":"bars","f":"{name}","aggr":"1m","s":"{ticker}","t":"#);
            self.listeners.push(Listener { begins, row, every });
        }
    }

    /// Takes in what happened next, and judges what is told.
    fn apply(&mut self, event: &Event) {
        let mut tray = Tray::default();
        self.boards.apply(std::slice::from_ref(event), &mut tray);
        let (bars, others): (Vec<String>, Vec<String>) =
            tray.0.into_iter().partition(|text| text.contains(r#""ch":"bars""#));
        others.iter().for_each(|text| self.fold(text));
        let seed = self.seed;
        if !matches!(event.body, EventBody::Ticked(_)) {
            assert_eq!(bars, [""; 0], "seed {seed}: told between ticks");
            return;
        }
        self.judge(event.time, &bars);
        let is_heard = |text: &&String| {
            let heard = [r#"{"p":"sip""#, r#"{"p":"binance""#];
            heard.iter().any(|begins| text.starts_with(begins)) && text.contains(r#""f":"1s""#)
        };
        for text in bars.iter().filter(is_heard) {
            let mut heard = Vec::new();
            let said = self.client.message(text.as_bytes(), &mut heard, &mut Vec::new());
            said.unwrap_or_else(|misheard| panic!("seed {seed}: {misheard}"));
            assert!(heard.is_empty(), "bars are no events");
        }
        if event.time.0 % 1_000_000 == 0 {
            self.compare(event.time);
        }
    }

    /// Folds a trade that Bitstamp's clients are told.
    fn fold(&mut self, text: &str) {
        let told: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(told["event"], "trade", "{text}");
        let channel = told["channel"].as_str().expect("a channel");
        let is_its = |row: &Row| {
            let ([base, quote], ..) = row;
            channel == format!("live_trades_{base}{quote}").to_lowercase()
        };
        let row = ROWS.iter().position(is_its).expect("a market of ours");
        let member = |name: &str| told["data"][name].as_str().expect("a text");
        let micros: i64 = member("microtimestamp").parse().expect("a number");
        let (price, amount) = (scaled(member("price_str")), scaled(member("amount_str")));
        let bar = Bar { open: price, high: price, low: price, close: price, volume: 0 };
        let bar = self.folded[row].entry(micros.div_euclid(60_000_000)).or_insert(bar);
        bar.high = bar.high.max(price);
        bar.low = bar.low.min(price);
        bar.close = price;
        bar.volume += amount;
        self.figures.trades += 1;
    }

    /// Whether exactly those bars are told at a tick that have to be.
    fn judge(&mut self, now: Time, bars: &[String]) {
        let seed = self.seed;
        let mut expected: Vec<(&str, i64, Bar)> = Vec::new();
        for Listener { begins, row, every } in &self.listeners {
            if now.0 % (every * 1_000_000) != 0 {
                continue;
            }
            let minute = (now.0 - 1).div_euclid(60_000_000);
            match self.folded[*row].get(&minute) {
                Some(bar) => expected.push((begins, minute * 60, *bar)),
                None => self.figures.quiet += u64::from(*every == 60),
            }
        }
        assert_eq!(bars.len(), expected.len(), "seed {seed} at {now:?}: {bars:#?}");
        for (begins, start, bar) in expected {
            let mut its = bars.iter().filter_map(|text| text.strip_prefix(begins));
            let rest = its.next();
            let rest = rest.unwrap_or_else(|| panic!("seed {seed} at {now:?}: no {begins}…"));
            assert_eq!(its.next(), None, "seed {seed} at {now:?}: {begins}… twice");
            let mut parts = rest.strip_suffix('}').expect("an object").split(',');
            assert_eq!(parts.next(), Some(start.to_string().as_str()), "seed {seed}: {rest}");
            let mut number = |name: &str| {
                let part = parts.next().and_then(|part| part.strip_prefix(name));
                let text = part.unwrap_or_else(|| panic!("seed {seed}: no {name} in {rest}"));
                assert!(!text.contains('.') || !text.ends_with(['0', '.']), "seed {seed}: {rest}");
                scaled(text)
            };
            let told = Bar {
                open: number("\"o\":"),
                high: number("\"h\":"),
                low: number("\"l\":"),
                close: number("\"c\":"),
                volume: number("\"v\":"),
            };
            assert_eq!(told, bar, "seed {seed} at {now:?}: {begins}{rest}");
            assert_eq!(parts.next(), None, "seed {seed}: {rest}");
            self.figures.bars += 1;
        }
    }

    /// Whether the client half holds the candles that the boards have had since it listens.
    fn compare(&mut self, now: Time) {
        let Some(since) = self.listens_since else { return };
        let is_over = now.0 % 60_000_000 == 0;
        let minute = Interval::Seconds(60);
        for id in (0..).take(ROWS.len()).map(InstrumentId) {
            // All of them at the end of a minute; the running one each second.
            let from = if is_over { since } else { Time(now.0 - 1) };
            let query = Query::Candles {
                instrument: id,
                interval: minute,
                from: minute.start_of(from),
                till: Time(now.0 - 1),
                limit: usize::MAX,
                filled: false,
            };
            let AnswerBody::Candles(candles) = self.boards.query(&query, now).body else {
                panic!("candles")
            };
            let candles: Vec<Candle> = candles
                .into_iter()
                .map(|candle| Candle { turnover: 0, trades: 0, ..candle })
                .collect();
            let held = self.client.bars(id).filter(|bar| bar.start >= minute.start_of(from));
            assert_eq!(held.copied().collect::<Vec<_>>(), candles, "seed {} at {now:?}", self.seed);
            self.figures.held += candles.len() as u64;
        }
    }
}

/// Runs the market of a seed for so many minutes and compares all along.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64, minutes: i64) -> Figures {
    let mut dice = Dice::new(seed);
    let mut here = Here::new(seed);
    let listings = listings();
    let instruments: Vec<Instrument> = listings.iter().map(|it| it.instrument.clone()).collect();
    let markets = instruments.iter().zip(&ROWS).filter_map(|(instrument, row)| {
        let (start, size) = if row.1[1] == 0 { (22_000, 50) } else { (6_000_000, 4_000_000) };
        let (start, size) = (Price(start), Quantity(size));
        Some(Market {
            instrument: instrument.clone(),
            start,
            activity: row.3?,
            size,
            contract: None,
        })
    });
    let asset = |code: &str| Asset { code: code.into(), wander_ppm: 8_000 };
    let crowd = Crowd::new(
        seed,
        &["AAPL", "TSLA", "BTC", "ETH"].map(asset),
        &markets.collect::<Vec<_>>(),
        BEGINS,
    );
    let mut source =
        EngineSource::new(&instruments, Some(crowd), &[Cadence::TENTH], BEGINS, Gate::open());
    let mut events = Vec::new();
    for action in people::opening(&instruments) {
        let _command = source.submit(BEGINS, action, &mut events);
    }
    // Everybody comes within the first two minutes, some in the middle of one.
    let mut coming: Vec<(i64, usize, usize)> = Vec::new();
    for way in 0..WAYS.len() {
        for at in 0..FREQUENCIES.len() {
            coming.push((dice.roll(120) as i64, way, at));
        }
    }
    // The client half hears what two of them are told.
    let hears = |(_, way, at): &&(i64, usize, usize)| *way < 2 && *at == 0;
    let last = coming.iter().filter(hears).map(|(second, ..)| *second).max().unwrap_or(0);
    let mut visit = dice.roll(90) as i64;
    for second in 0..minutes * 60 {
        for &(_, way, at) in coming.iter().filter(|(when, ..)| *when == second) {
            here.listen(WAYS[way], at);
        }
        if second == last {
            here.listens_since = Some(BEGINS + Span::seconds(second / 60 * 60 + 60));
        }
        if second == visit {
            // Some time within the second, and sometimes at its very beginning.
            let within = if dice.roll(4) == 0 { 0 } else { dice.roll(1_000_000) as i64 };
            let now = BEGINS + Span(second * 1_000_000 + within);
            for (account, side) in [(AccountId(1), Side::Sell), (AccountId(2), Side::Buy)] {
                let order = NewOrder {
                    account,
                    instrument: RARE,
                    side,
                    kind: OrderKind::Limit(Price(1 + dice.roll(50) as i64)),
                    quantity: Quantity(1 + dice.roll(1_000_000) as i64),
                    time_in_force: TimeInForce::GoodTillCanceled,
                    post_only: false,
                    trigger: None,
                };
                let _command = source.submit(now, Action::Place(order), &mut events);
            }
            visit = second + 1 + dice.roll(100) as i64;
        }
        source.advance(BEGINS + Span::seconds(second + 1), &mut events);
        for event in events.drain(..) {
            here.apply(&event);
        }
    }
    here.figures
}
