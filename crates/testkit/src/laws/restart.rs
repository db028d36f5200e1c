//! The law *restart*: whoever stalls and reads again holds the same books as whoever never stalled, has heard every
//! trade, and never more of its books waited than the bound (but for a frame alone).
//!
//! Two clients listen to the same views of xRocket's book in a venue in memory. One always reads. The other stalls at
//! random, takes a few bytes of what waits, and reads again; what it has then must be what the first one has.

use std::collections::BTreeMap;
use std::sync::Arc;

use dialects::Dialect;
use dialects::xrocket::{NAME, XRocket};
use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, InstrumentId, NewOrder, OrderKind, Price, Quantity, Side, Time, TimeInForce,
};
use serde_json::Value;

use crate::dice::Dice;
use crate::served::mannered::Mannered;
use crate::served::{listed, listing};
use crate::transcript::{Heard, Line, Stage};
use crate::venue::Venue;

/// Tenths of a second that a market lasts.
const TENTHS: usize = 120;
/// 2026-11-22.
const START: Time = Time(1_795_305_600_000_000);

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Times the slow one had caught up, and was compared with the other.
    pub compared: usize,
    /// Books that it was told whole instead of what it had missed.
    pub restarts: usize,
    /// Trades that both heard.
    pub trades: usize,
}

/// Runs the market of a seed.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut dice = Dice::new(seed);
    let listings = [listed(listing(0, ["BTC", "USD"], [2, 8], "btcusd"), NAME, "-")];
    let dialect: Arc<dyn Dialect> = Arc::new(XRocket::new(&listings).expect("a good listing"));
    let mut manners = dialect.manners().clone();
    manners.restart_bytes_max = 300 << dice.roll(6);
    let restart_bytes_max = manners.restart_bytes_max;
    let dialect = Box::new(Mannered::new(dialect, manners));
    let mut venue = Venue::new(dialect, &listings, START, false);
    let views: Vec<String> = (0..1 + dice.roll(4)).map(|_| view(&mut dice)).collect();
    let mut quick = Reader::join(&mut venue, &views, seed);
    let mut slow = Reader::join(&mut venue, &views, seed);
    let mut figures = Figures::default();
    let mut stalled = false;
    for _ in 0..TENTHS {
        for _ in 0..dice.roll(8) {
            let action = action(&mut dice);
            venue.act(action);
        }
        match dice.roll(6) {
            0 => stalled = true,
            1 => stalled = false,
            _ => {}
        }
        venue.stall(slow.line, stalled);
        if stalled && dice.roll(2) == 0 {
            let bytes = dice.roll(1_500);
            venue.sip(slow.line, bytes);
        }
        venue.pass(venue.until_tick());
        quick.listen(&mut venue);
        slow.listen(&mut venue);
        if !stalled {
            slow.check_against(&quick);
            figures.compared += 1;
        }
    }
    venue.stall(slow.line, false);
    slow.listen(&mut venue);
    slow.check_against(&quick);
    assert_eq!(quick.restarts, 0, "seed {seed}: who reads misses nothing");
    assert_eq!(venue.restart_bytes(quick.line), 0, "seed {seed}: for who reads nothing waits");
    let waited = venue.restart_bytes(slow.line);
    assert!(waited <= restart_bytes_max, "seed {seed}: {waited} bytes waited");
    figures.restarts += slow.restarts;
    figures.trades += slow.trades.len();
    figures
}

/// The parameters of a view.
fn view(dice: &mut Dice) -> String {
    let mut view = String::from(r#""symbol":"BTC-USD""#);
    if dice.roll(3) > 0 {
        view += &format!(r#","depth":{}"#, dice.pick(&[5, 10, 20, 500]));
    }
    if dice.roll(2) == 0 {
        view += &format!(r#","precision":"{}""#, dice.pick(&["0.01", "0.1", "1"]));
    }
    view
}

fn action(dice: &mut Dice) -> Action {
    let account = AccountId(1 + dice.roll(2) as u32);
    if dice.roll(40) == 0 {
        return Action::CancelAll { account, instrument: None };
    }
    let is_market = dice.roll(8) == 0;
    Action::Place(NewOrder {
        account,
        instrument: InstrumentId(0),
        side: *dice.pick(&[Side::Buy, Side::Sell]),
        kind: match is_market {
            true => OrderKind::Market,
            false => OrderKind::Limit(Price(100_000 + dice.roll(90) as i64)),
        },
        quantity: Quantity(1 + dice.roll(1_000) as i64),
        time_in_force: match is_market {
            true => TimeInForce::ImmediateOrCancel,
            false => TimeInForce::GoodTillCanceled,
        },
        post_only: false,
        trigger: None,
    })
}

/// A book as it is known by its reader: its number, and sizes by side and price.
#[derive(Debug, Default, PartialEq, Eq)]
struct Book {
    sequence: u64,
    levels: BTreeMap<(String, String), String>,
}

/// A client that knows nothing but what it hears.
struct Reader {
    seed: u64,
    line: Line,
    /// By what a push echoes.
    books: BTreeMap<String, Book>,
    trades: Vec<String>,
    restarts: usize,
}

impl Reader {
    fn join(venue: &mut Venue, views: &[String], seed: u64) -> Self {
        let line = venue.connect();
        let (books, trades) = (BTreeMap::new(), Vec::new());
        let mut reader = Self { seed, line, books, trades, restarts: 0 };
        reader.subscribe(venue, r#""channel":"trades","symbol":"BTC-USD""#);
        for view in views {
            let reply = reader.subscribe(venue, &format!(r#""channel":"orderbook",{view}"#));
            // The same view twice is refused, and told once.
            if reply["result"]["success"] == true {
                let asked: Value = serde_json::from_str(&format!("{{{view}}}")).expect("JSON");
                reader.books.entry(key(&asked)).or_default().take(&reply["result"], true);
            }
        }
        reader
    }

    fn subscribe(&self, venue: &mut Venue, params: &str) -> Value {
        let text = format!(r#"{{"id":1,"method":"subscribe","params":{{{params}}}}}"#);
        let mut bytes = Vec::new();
        encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], text.as_bytes());
        venue.send(self.line, &bytes);
        let Some(Heard::Text(reply)) = venue.hear(self.line) else { panic!("a reply to {text}") };
        serde_json::from_str(&reply).expect("JSON")
    }

    fn listen(&mut self, venue: &mut Venue) {
        while let Some(heard) = venue.hear(self.line) {
            let Heard::Text(text) = heard else { panic!("seed {}: {heard:?}", self.seed) };
            let push: Value = serde_json::from_str(&text).expect("JSON");
            let (params, data) = (&push["params"], &push["params"]["data"]);
            if params["channel"] == "trades" {
                let trades = data["trades"].as_array().expect("trades");
                self.trades.extend(trades.iter().map(Value::to_string));
                continue;
            }
            let is_whole = data["snapshot"] == true;
            self.restarts += usize::from(is_whole);
            let book = self.books.get_mut(&key(params)).expect("what was subscribed");
            let before = book.sequence;
            book.take(data, is_whole);
            let goes_on = book.sequence == before + 1 || (is_whole && book.sequence >= before);
            assert!(goes_on, "seed {}: after {before} comes {text}", self.seed);
        }
    }

    fn check_against(&self, other: &Self) {
        assert_eq!(self.books, other.books, "seed {}: not the same books", self.seed);
        assert_eq!(self.trades, other.trades, "seed {}: not the same trades", self.seed);
    }
}

/// What tells views apart.
fn key(params: &Value) -> String {
    format!("{} {}", params["depth"], params["precision"])
}

impl Book {
    fn take(&mut self, data: &Value, is_whole: bool) {
        if is_whole {
            self.levels.clear();
        }
        self.sequence = data["sequence"].as_str().expect("a text").parse().expect("a number");
        for side in ["bids", "asks"] {
            for level in data[side].as_array().expect("levels") {
                let [price, size] = [&level[0], &level[1]].map(|it| it.as_str().expect("a text"));
                let at = (side.to_owned(), price.to_owned());
                match size {
                    "0" => drop(self.levels.remove(&at)),
                    size => drop(self.levels.insert(at, size.to_owned())),
                }
            }
        }
    }
}
