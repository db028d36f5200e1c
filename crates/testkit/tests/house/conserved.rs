//! The law *conservation*, of trades: the same market told in every dialect gives whoever subscribes to its trades each of
//! them exactly once, in their order, with equal price, quantity, time and side once it is decoded.
//!
//! A seeded market of three pairs runs once for each dialect, in a venue in memory; its own client half listens from the
//! start. Times are compared in milliseconds, the coarsest that is told.

use dialects::bitstamp::{self, Bitstamp};
use dialects::confluencecode::{self, ConfluenceCode};
use dialects::timex::{self, TimeX};
use dialects::xrocket::{self, XRocket};
use dialects::{Connector, Dialect, Errand, HttpRequest};
use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, EventBody, Instrument, InstrumentId, Listing, Minimum, NewOrder, OrderKind,
    Price, Quantity, Side, Span, Time, TimeInForce,
};
use testkit::dice::Dice;
use testkit::people;
use testkit::transcript::{Heard, Line, Stage};
use testkit::venue::Venue;

const START: Time = Time(1_795_348_800_000_000);

fn listings() -> Vec<Listing> {
    let listing = |(id, (base, quote), decimals): (u16, (&str, &str), (u8, u8))| Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: base.into(),
            quote: quote.into(),
            price_decimals: decimals.0,
            tick_units: 5,
            quantity_decimals: decimals.1,
            lot_units: 10,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: format!("{base} / {quote}"),
        symbols: vec![
            (bitstamp::NAME.into(), format!("{base}{quote}").to_lowercase()),
            (xrocket::NAME.into(), format!("{base}-{quote}")),
            (timex::NAME.into(), format!("{base}{quote}")),
            (confluencecode::NAME.into(), format!("{base}-{quote}")),
        ],
    };
    [(0, ("BTC", "USD"), (2, 8)), (1, ("ETH", "BTC"), (6, 8)), (2, ("XRP", "USD"), (5, 1))]
        .map(listing)
        .into()
}

/// Both halves of a dialect.
type Halves = (Box<dyn Dialect>, Box<dyn Connector>);

/// All that have both.
fn dialects() -> Vec<(&'static str, Halves)> {
    let all = listings();
    let key = people::PEOPLE[0].key;
    vec![
        (bitstamp::NAME, {
            let dialect = Bitstamp::new(&all, bitstamp::Options::default());
            let client = bitstamp::client::Client::new(&all);
            (Box::new(dialect.expect("symbols in order")), Box::new(client))
        }),
        (xrocket::NAME, {
            let dialect = XRocket::new(&all).expect("symbols in order");
            (Box::new(dialect), Box::new(xrocket::client::Client::new(&all)))
        }),
        (timex::NAME, {
            let dialect = TimeX::new(&all, timex::Options::default());
            let client = timex::client::Client::new(&all);
            (Box::new(dialect.expect("symbols in order")), Box::new(client))
        }),
        (confluencecode::NAME, {
            let dialect = ConfluenceCode::new(&all, &confluencecode::Options::default());
            let client = confluencecode::client::Client::new(&all, key);
            (Box::new(dialect.expect("symbols in order")), Box::new(client))
        }),
    ]
}

/// What is known of a trade: where, when in milliseconds, price, quantity, side.
type Known = (InstrumentId, i64, i64, i64, Side);

struct Listener {
    venue: Venue,
    line: Line,
    client: Box<dyn Connector>,
    heard: Vec<Known>,
}

impl Listener {
    fn new((dialect, client): Halves) -> Self {
        let mut venue = Venue::new(dialect, &listings(), START, false);
        let line = venue.connect();
        let mut it = Self { venue, line, client, heard: Vec::new() };
        let mut errands = Vec::new();
        it.client.opened(&mut errands);
        it.run(errands);
        it.hear();
        it
    }

    fn run(&mut self, errands: Vec<Errand>) {
        for errand in errands {
            match errand {
                Errand::Say(text) => {
                    let mut bytes = Vec::new();
                    encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], &text);
                    self.venue.send(self.line, &bytes);
                }
                Errand::Fetch(path) => {
                    let response = self.venue.ask(&HttpRequest::bare("GET", &path));
                    let (mut heard, mut errands) = (Vec::new(), Vec::new());
                    let fetched =
                        self.client.fetched(&path, &response.body, &mut heard, &mut errands);
                    fetched.expect("what was fetched makes sense");
                    self.note(heard);
                    self.run(errands);
                }
                Errand::Reconnect => panic!("the venue does not ask for it"),
            }
        }
    }

    fn hear(&mut self) {
        while let Some(Heard::Text(text)) = self.venue.hear(self.line) {
            let (mut heard, mut errands) = (Vec::new(), Vec::new());
            let said = self.client.message(text.as_bytes(), &mut heard, &mut errands);
            said.unwrap_or_else(|misheard| panic!("{misheard}: {text}"));
            self.note(heard);
            self.run(errands);
        }
    }

    fn note(&mut self, heard: Vec<dialects::Heard>) {
        self.heard.extend(heard.into_iter().filter_map(|heard| match heard.body {
            EventBody::Printed(trade) => {
                let (price, quantity) = (trade.price.0, trade.quantity.0);
                let millis = trade.time.millis();
                Some((heard.instrument, millis, price, quantity, trade.aggressor))
            }
            _ => None,
        }));
    }

    /// The trades that the engine made.
    fn made(&self) -> Vec<Known> {
        let events = self.venue.events().iter();
        let fill = events.filter_map(|event| match event.body {
            EventBody::Filled(fill) => {
                let (price, quantity) = (fill.price.0, fill.quantity.0);
                let millis = event.time.millis();
                Some((event.instrument, millis, price, quantity, fill.taker.side))
            }
            _ => None,
        });
        fill.collect()
    }
}

/// Runs the market of a seed in a dialect; returns what its listener was told.
fn told(seed: u64, name: &str, halves: Halves) -> Vec<Known> {
    let mut listener = Listener::new(halves);
    let mut dice = Dice::new(seed);
    for _ in 0..150 {
        let side = *dice.pick(&[Side::Buy, Side::Sell]);
        // Nobody sells to himself: what that is told as is each venue's own.
        let account = AccountId(if side == Side::Buy { 1 } else { 2 });
        let price = Price(12_000 + dice.roll(20) as i64);
        listener.venue.act(Action::Place(NewOrder {
            account,
            instrument: InstrumentId(dice.roll(3) as u16),
            side,
            kind: if dice.roll(8) == 0 { OrderKind::Market } else { OrderKind::Limit(price) },
            quantity: Quantity(1 + dice.roll(1_000) as i64),
            time_in_force: TimeInForce::ImmediateOrCancel,
            post_only: false,
            trigger: None,
        }));
        listener.venue.act(Action::Place(NewOrder {
            account,
            instrument: InstrumentId(dice.roll(3) as u16),
            side,
            kind: OrderKind::Limit(price),
            quantity: Quantity(1 + dice.roll(1_000) as i64),
            time_in_force: TimeInForce::GoodTillCanceled,
            post_only: false,
            trigger: None,
        }));
        listener.venue.pass(Span::micros(dice.roll(300_000) as i64));
        listener.hear();
    }
    assert_eq!(listener.heard, listener.made(), "seed {seed}, {name}");
    listener.heard
}

#[test]
fn every_dialect_tells_each_trade_once_and_as_it_was() {
    let mut trades = 0;
    for seed in 0..10 {
        let mut all = dialects().into_iter().map(|(name, halves)| (name, told(seed, name, halves)));
        let (first, expected) = all.next().expect("there are dialects");
        for (name, heard) in all {
            assert_eq!(heard, expected, "seed {seed}: {name} and {first}");
        }
        trades += expected.len();
    }
    assert!(trades > 1_000, "only {trades} trades were compared");
}
