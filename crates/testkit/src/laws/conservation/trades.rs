//! The law *conservation*, of trades: each trade is told exactly once in every dialect that somebody listens in, with equal
//! price, amount, time and side once it is decoded.
//!
//! One market in memory, one client of each dialect. What the dialects of [`TONGUES`] tell is read by readers of their own,
//! plain and apart from the product's client halves. A further dialect is a further entry there. Finazon tells no trades: its
//! bar of the minute that they all happened in adds up to them.

use dialects::Dialect;
use dialects::bitstamp::{self, Bitstamp, Options};
use dialects::confluencecode::{self, ConfluenceCode};
use dialects::finazon::{self, Finazon};
use dialects::timex::{self, TimeX};
use dialects::xrocket::{self, XRocket};
use edge::ws::{Opcode, encode};
use model::decimal::parse_units;
use model::{
    AccountId, Action, EventBody, Instrument, InstrumentId, Listing, NewOrder, OrderKind, Price,
    Quantity, Side, Span, Time, TimeInForce, Trade, Trigger, TriggerWhen,
};
use serde_json::Value;

use crate::dice::Dice;
use crate::people::called;
use crate::served::{listed, listing};
use crate::transcript::{Heard, Line, Stage};
use crate::venue::Venue;

/// Commands of one market.
const COMMANDS: usize = 250;
/// All that happens, happens in the first minute of the market.
const MINUTE: Span = Span::seconds(60);
/// 2026-11-22, not at a whole millisecond.
const START: Time = Time(1_795_305_600_000_123);

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Trades that happened.
    pub trades: u64,
    /// Trades that were told, in all dialects.
    pub told: u64,
    /// Trades that came of a command that made one before.
    pub together: u64,
    /// Bars that were told.
    pub bars: u64,
}

/// A dialect, and how one listens to trades in it.
pub struct Tongue {
    /// The dialect.
    pub name: &'static str,
    /// What stands between base and quote in its symbols, and whether those are in lower case.
    pub symbol: (&'static str, bool),
    /// It, made for these listings.
    pub make: fn(&[Listing]) -> Box<dyn Dialect>,
    /// What a client says first of all.
    pub opening: fn() -> Option<String>,
    /// What a client says to hear the trades of an instrument, which is called so.
    pub subscribe: fn(&Instrument, &str) -> String,
    /// The trades of a message, in order; none if it tells of none.
    pub trades: fn(&Value) -> Vec<Told>,
    /// What is left of a time on the wire.
    pub precision: Span,
}

/// A trade as it was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its market.
    pub symbol: String,
    /// In decimals.
    pub price: String,
    /// In decimals.
    pub amount: String,
    /// When.
    pub time: Time,
    /// The taker's side.
    pub side: Side,
}

/// All dialects that tell trades; bars are not trades.
pub const TONGUES: [Tongue; 4] = [
    Tongue {
        name: bitstamp::NAME,
        symbol: ("", true),
        make: |listings| Box::new(Bitstamp::new(listings, Options::default()).expect("listings")),
        opening: || None,
        subscribe: |_, symbol| {
            format!(r#"{{"event":"bts:subscribe","data":{{"channel":"live_trades_{symbol}"}}}}"#)
        },
        trades: |message| {
            if message["event"] != "trade" {
                return Vec::new();
            }
            let (data, channel) = (&message["data"], text(&message["channel"]));
            let micros = text(&data["microtimestamp"]).parse().expect("digits");
            vec![Told {
                symbol: channel.strip_prefix("live_trades_").expect("its channel").to_owned(),
                price: text(&data["price_str"]),
                amount: text(&data["amount_str"]),
                time: Time(micros),
                side: if data["type"] == 0 { Side::Buy } else { Side::Sell },
            }]
        },
        precision: Span::millis(1),
    },
    Tongue {
        name: xrocket::NAME,
        symbol: ("-", false),
        make: |listings| Box::new(XRocket::new(listings).expect("listings")),
        opening: || None,
        subscribe: |_, symbol| {
            let params = format!(r#"{{"channel":"trades","symbol":"{symbol}"}}"#);
            format!(r#"{{"id":1,"method":"subscribe","params":{params}}}"#)
        },
        trades: |message| {
            let params = &message["params"];
            let trades = params["data"]["trades"].as_array().into_iter().flatten();
            let told = trades.map(|trade| Told {
                symbol: text(&params["symbol"]),
                price: text(&trade["price"]),
                amount: text(&trade["size"]),
                time: iso_time(&text(&trade["time"])),
                side: match &*text(&trade["side"]) {
                    "buy" => Side::Buy,
                    "sell" => Side::Sell,
                    other => panic!("no side: {other}"),
                },
            });
            told.collect()
        },
        precision: Span::millis(1),
    },
    Tongue {
        name: timex::NAME,
        symbol: ("", false),
        make: |listings| {
            Box::new(TimeX::new(listings, timex::Options::default()).expect("listings"))
        },
        opening: || None,
        subscribe: |instrument, _| {
            let pattern = format!("/trade.symbols/{}/{}", instrument.base, instrument.quote);
            format!(r#"{{"type":"SUBSCRIBE","requestId":"1","pattern":"{pattern}"}}"#)
        },
        trades: |message| {
            if message["type"] != "MESSAGE" {
                return Vec::new();
            }
            let (event, trade) = (&message["message"]["event"], &message["message"]["payload"]);
            vec![Told {
                symbol: text(&event["topics"][0]) + &text(&event["topics"][1]),
                price: text(&trade["price"]),
                amount: text(&trade["quantity"]),
                time: iso_time(&(text(&trade["timestamp"]) + "Z")),
                side: match &*text(&trade["direction"]) {
                    "BUY" => Side::Buy,
                    "SELL" => Side::Sell,
                    other => panic!("no side: {other}"),
                },
            }]
        },
        precision: Span::millis(1),
    },
    Tongue {
        name: confluencecode::NAME,
        symbol: ("-", false),
        make: |listings| {
            let options = confluencecode::Options::default();
            Box::new(ConfluenceCode::new(listings, &options).expect("listings"))
        },
        opening: || {
            let key = called("alice").expect("somebody").key;
            Some(format!(r#"{{"action":"authenticate","body":{{"apiKey":"{key}"}}}}"#))
        },
        subscribe: |_, symbol| {
            let stream = format!(r#"{{"eventType":"trade","market":"{symbol}"}}"#);
            format!(r#"{{"action":"subscribe","body":{{"streams":[{stream}]}}}}"#)
        },
        trades: |message| {
            if message["k"] != "trade" {
                return Vec::new();
            }
            vec![Told {
                symbol: text(&message["m"]),
                price: text(&message["p"]),
                amount: text(&message["q"]),
                time: Time(0) + Span::millis(message["t"].as_i64().expect("milliseconds")),
                side: if message["s"] == true { Side::Sell } else { Side::Buy },
            }]
        },
        precision: Span::millis(1),
    },
];

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A moment as in `2026-11-22T12:00:00.000Z`.
pub(crate) fn iso_time(text: &str) -> Time {
    let number = |from: usize, to: usize| -> i64 { text[from..to].parse().expect("digits") };
    let day = Time::from_civil(number(0, 4), number(5, 7) as u32, number(8, 10) as u32);
    let seconds = number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19);
    assert_eq!((&text[10..11], &text[23..]), ("T", "Z"), "{text}");
    day + Span::millis(seconds * 1_000 + number(20, 23))
}

/// Three markets whose numbers are written differently.
fn listings() -> Vec<Listing> {
    let plain = [(["BTC", "USD"], [2, 8]), (["ETH", "BTC"], [6, 4]), (["XRP", "JPY"], [0, 0])];
    let listings = plain.into_iter().zip(0..).map(|((pair, decimals), id)| {
        let mut bare = listing(id, pair, decimals, "");
        bare.symbols.clear();
        TONGUES.iter().fold(bare, |whole, tongue| {
            let mut whole = listed(whole, tongue.name, tongue.symbol.0);
            if tongue.symbol.1 {
                whole.symbols.last_mut().expect("its symbol").1.make_ascii_lowercase();
            }
            whole
        })
    });
    let barred = listings.map(|mut listing| {
        let Instrument { base, quote, .. } = &listing.instrument;
        listing.symbols.push((finazon::NAME.to_owned(), format!("binance:{base}/{quote}")));
        listing
    });
    barred.collect()
}

/// One client of a dialect, and what it was told.
struct Listener {
    tongue: &'static Tongue,
    line: Line,
    /// By instrument.
    told: Vec<Vec<Told>>,
}

/// Runs the market of a seed and compares what every dialect told.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut dice = Dice::new(seed);
    let listings = listings();
    let bars = Finazon::new(&listings, &finazon::Options::default()).expect("listings");
    let dialects = TONGUES.iter().map(|tongue| (tongue.make)(&listings));
    let dialects = dialects.chain([Box::new(bars) as Box<dyn Dialect>]).collect();
    let mut venue = Venue::of(dialects, &listings, START, false);
    let watcher = watch_bars(&mut venue, &listings);
    let mut listeners: Vec<Listener> = Vec::new();
    for (place, tongue) in TONGUES.iter().enumerate() {
        let line = venue.connect_to(place);
        let subscribe = |listing: &Listing| {
            let symbol = listing.symbol_in(tongue.name).expect("all are listed");
            (tongue.subscribe)(&listing.instrument, symbol)
        };
        for text in (tongue.opening)().into_iter().chain(listings.iter().map(subscribe)) {
            let mut bytes = Vec::new();
            encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], text.as_bytes());
            venue.send(line, &bytes);
        }
        listeners.push(Listener { tongue, line, told: vec![Vec::new(); listings.len()] });
    }
    for _ in 0..COMMANDS {
        if dice.roll(4) == 0 {
            venue.pass(Span::micros(1 + dice.roll(300_000) as i64));
        }
        let action = action(&mut dice, listings.len());
        venue.act(action);
        for listener in &mut listeners {
            listener.listen(&mut venue, &listings, seed);
        }
    }
    let mut figures = Figures::default();
    let mut causes = Vec::new();
    let mut wanted: Vec<Vec<Trade>> = vec![Vec::new(); listings.len()];
    for event in venue.events() {
        if let EventBody::Filled(fill) = &event.body {
            wanted[event.instrument.index()].push(fill.trade(event.time));
            causes.push(event.cause);
        }
    }
    figures.trades = causes.len() as u64;
    figures.together = causes.windows(2).filter(|two| two[0] == two[1]).count() as u64;
    let midnight = START - Span::micros(START.0.rem_euclid(MINUTE.0));
    venue.pass(midnight + MINUTE - venue.now());
    figures.bars = compare_bars(&mut venue, watcher, &listings, &wanted, seed);
    for listener in &listeners {
        for (listing, wanted) in listings.iter().zip(&wanted) {
            figures.told += listener.compare(&listing.instrument, wanted, seed);
        }
    }
    figures
}

impl Listener {
    fn listen(&mut self, venue: &mut Venue, listings: &[Listing], seed: u64) {
        while let Some(heard) = venue.hear(self.line) {
            let Heard::Text(text) = heard else { panic!("seed {seed}: {heard:?}") };
            let message = serde_json::from_str(&text).expect("JSON");
            for told in (self.tongue.trades)(&message) {
                let is_it =
                    |it: &&Listing| it.symbol_in(self.tongue.name) == Some(told.symbol.as_str());
                let of = listings.iter().find(is_it).expect("a market that is listed");
                self.told[of.instrument.id.index()].push(told);
            }
        }
    }

    /// Compares what was told of a market with what happened; returns how many trades there were.
    fn compare(&self, instrument: &Instrument, wanted: &[Trade], seed: u64) -> u64 {
        let (name, id) = (self.tongue.name, instrument.id);
        let told = &self.told[id.index()];
        assert_eq!(told.len(), wanted.len(), "seed {seed}: {name} tells not each of {id} once");
        let step = self.tongue.precision.0;
        for (told, trade) in told.iter().zip(wanted) {
            let units = |text: &str, decimals| {
                let units = parse_units(text.as_bytes(), decimals);
                units.unwrap_or_else(|error| panic!("seed {seed}: {name} tells {text}: {error}"))
            };
            let heard = (
                units(&told.price, instrument.price_decimals),
                units(&told.amount, instrument.quantity_decimals),
                told.time.0.div_euclid(step),
                told.side,
            );
            let happened = (
                instrument.price_units(trade.price),
                instrument.quantity_units(trade.quantity),
                trade.time.0.div_euclid(step),
                trade.aggressor,
            );
            assert_eq!(heard, happened, "seed {seed}: {name} tells {told:?} of {trade:?}");
        }
        told.len() as u64
    }
}

/// Subscribes to the final bars of all markets.
fn watch_bars(venue: &mut Venue, listings: &[Listing]) -> Line {
    let key = called("alice").expect("somebody").key;
    let door = format!("/finazon/v1?apikey={key}");
    let line = venue.knock_at(TONGUES.len(), &door, &[]).expect("a key that is known");
    let tickers: Vec<String> =
        listings.iter().map(|it| format!("\"{}\"", ticker(&it.instrument))).collect();
    let tickers = tickers.join(",");
    let text = format!(
        r#"{{"event":"subscribe","publisher":"binance","tickers":[{tickers}],"channel":"bars","frequency":"1m","aggregation":"1m"}}"#
    );
    let mut bytes = Vec::new();
    encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], text.as_bytes());
    venue.send(line, &bytes);
    match venue.hear(line) {
        Some(Heard::Text(text)) => assert!(text.contains("SUCCESS_SUBSCRIPTION"), "{text}"),
        other => panic!("no answer: {other:?}"),
    }
    line
}

fn ticker(instrument: &Instrument) -> String {
    format!("{}/{}", instrument.base, instrument.quote)
}

/// Compares the only bar of each market with its trades; returns how many there were.
fn compare_bars(
    venue: &mut Venue,
    line: Line,
    listings: &[Listing],
    trades: &[Vec<Trade>],
    seed: u64,
) -> u64 {
    let mut bars: Vec<Value> = Vec::new();
    while let Some(heard) = venue.hear(line) {
        let Heard::Text(text) = heard else { panic!("seed {seed}: {heard:?}") };
        bars.push(serde_json::from_str(&text).expect("JSON"));
    }
    let mut count = 0;
    for (listing, trades) in listings.iter().zip(trades) {
        let rules = &listing.instrument;
        let ours: Vec<&Value> = bars.iter().filter(|bar| bar["s"] == ticker(rules)).collect();
        assert_eq!(ours.len(), usize::from(!trades.is_empty()), "seed {seed}: {ours:?}");
        let [bar] = ours[..] else { continue };
        let units = |member: &str, decimals| {
            parse_units(bar[member].to_string().as_bytes(), decimals).expect("a number")
        };
        let told = ["o", "h", "l", "c"].map(|member| units(member, rules.price_decimals));
        let prices = || trades.iter().map(|trade| rules.price_units(trade.price));
        let happened = [prices().next(), prices().max(), prices().min(), prices().next_back()];
        assert_eq!(told.map(Some), happened, "seed {seed}: {bar}");
        let volume: i64 = trades.iter().map(|trade| rules.quantity_units(trade.quantity)).sum();
        assert_eq!(units("v", rules.quantity_decimals), volume, "seed {seed}: {bar}");
        count += 1;
    }
    assert_eq!(bars.len() as u64, count, "seed {seed}: a bar of another market");
    count
}

/// Something that somebody does: orders of all kinds, many of which meet several others or wake stop orders.
fn action(dice: &mut Dice, instruments: usize) -> Action {
    let account = AccountId(1 + dice.roll(3) as u32);
    if dice.roll(50) == 0 {
        return Action::CancelAll { account, instrument: None };
    }
    let price = Price(100 + dice.roll(20) as i64);
    let is_market = dice.roll(6) == 0;
    let side = *dice.pick(&[Side::Buy, Side::Sell]);
    let when = *dice.pick(&[TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow]);
    let largest = 1 + dice.roll(2_000);
    Action::Place(NewOrder {
        account,
        instrument: InstrumentId(dice.roll(instruments) as u16),
        side,
        kind: if is_market { OrderKind::Market } else { OrderKind::Limit(price) },
        quantity: Quantity(1 + dice.roll(largest) as i64),
        time_in_force: match is_market {
            true => TimeInForce::ImmediateOrCancel,
            false => TimeInForce::GoodTillCanceled,
        },
        post_only: false,
        trigger: (dice.roll(8) == 0).then(|| Trigger::at(Price(100 + dice.roll(20) as i64), when)),
    })
}
