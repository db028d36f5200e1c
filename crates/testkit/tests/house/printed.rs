//! Whoever listens through the client half of ConfluenceCode hears each trade of a market once, as it was: the law
//! *mirror* where there are no books.
//!
//! A seeded market of one pair on three exchanges runs in a venue in memory. Who is there from the start hears every
//! trade that the engine made, in its order; who comes later, every one since.

use std::collections::BTreeMap;

use dialects::confluencecode::client::{Client, trade_number};
use dialects::confluencecode::wire::TradeObject;
use dialects::confluencecode::{ConfluenceCode, NAME, Options};
use dialects::{Connector, Errand};
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
    let listing = |id: u16, price_decimals, tick_units, symbol: &str| Listing {
        instrument: Instrument {
            id: InstrumentId(id),
            base: "BTC".into(),
            quote: "USD".into(),
            price_decimals,
            tick_units,
            quantity_decimals: 8,
            lot_units: 1_000,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: "Bitcoin / Dollar".into(),
        symbols: vec![(NAME.to_owned(), symbol.to_owned())],
    };
    vec![
        listing(0, 2, 50, "BTC-USD"),
        listing(1, 2, 1, "7:BTC-USD"),
        listing(2, 0, 5, "3d:BTC-USD-SWAP"),
    ]
}

/// What is known of a trade: where, when in milliseconds, price, quantity, side.
type Known = (InstrumentId, i64, i64, i64, Side);

/// A client on its own connection.
struct Listener {
    client: Client,
    line: Line,
    heard: Vec<Known>,
    /// Their ids, each with the number that the client made of it.
    ids: BTreeMap<String, u64>,
}

impl Listener {
    fn new(venue: &mut Venue) -> Self {
        let client = Client::new(&listings(), people::PEOPLE[0].key);
        let mut it =
            Self { client, line: venue.connect(), heard: Vec::new(), ids: BTreeMap::new() };
        let mut errands = Vec::new();
        it.client.opened(&mut errands);
        it.run(errands, venue);
        it.hear(venue);
        it
    }

    fn run(&self, errands: Vec<Errand>, venue: &mut Venue) {
        for errand in errands {
            let Errand::Say(text) = errand else { panic!("it only speaks") };
            let mut bytes = Vec::new();
            encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], &text);
            venue.send(self.line, &bytes);
        }
    }

    fn hear(&mut self, venue: &mut Venue) {
        while let Some(Heard::Text(text)) = venue.hear(self.line) {
            let (mut heard, mut errands) = (Vec::new(), Vec::new());
            let said = self.client.message(text.as_bytes(), &mut heard, &mut errands);
            said.unwrap_or_else(|misheard| panic!("{misheard}: {text}"));
            self.run(errands, venue);
            for heard in heard {
                let EventBody::Printed(trade) = heard.body else { panic!("only trades") };
                let (price, quantity) = (trade.price.0, trade.quantity.0);
                let millis = trade.time.millis();
                self.heard.push((heard.instrument, millis, price, quantity, trade.aggressor));
                let object: TradeObject<'_> = serde_json::from_str(&text).expect("a trade");
                let number = trade_number(object.i).expect("a UUID");
                assert_eq!(trade.id.0, number);
                let before = self.ids.insert(object.i.to_owned(), number);
                assert_eq!(before, None, "{} is told twice", object.i);
            }
        }
    }
}

/// Runs the market of a seed; returns how many trades were compared.
fn check(seed: u64) -> usize {
    let listings = listings();
    let dialect = ConfluenceCode::new(&listings, &Options::default()).expect("symbols in order");
    let mut venue = Venue::new(Box::new(dialect), &listings, START, false);
    let mut first = Listener::new(&mut venue);
    let (mut dice, mut later) = (Dice::new(seed), None);
    for turn in 0..200 {
        let side = *dice.pick(&[Side::Buy, Side::Sell]);
        // Nobody sells to himself.
        let account = AccountId(if side == Side::Buy { 1 } else { 2 });
        venue.act(Action::Place(NewOrder {
            account,
            instrument: InstrumentId(dice.roll(3) as u16),
            side,
            kind: OrderKind::Limit(Price(12_000 + dice.roll(20) as i64)),
            quantity: Quantity(1 + dice.roll(1_000) as i64),
            time_in_force: TimeInForce::GoodTillCanceled,
            post_only: false,
            trigger: None,
        }));
        venue.pass(Span::micros(dice.roll(300_000) as i64));
        first.hear(&mut venue);
        if turn == 80 {
            later = Some((first.heard.len(), Listener::new(&mut venue)));
        }
    }
    let made: Vec<Known> = venue
        .events()
        .iter()
        .filter_map(|event| match event.body {
            EventBody::Filled(fill) => {
                let (price, quantity) = (fill.price.0, fill.quantity.0);
                let millis = event.time.millis();
                Some((event.instrument, millis, price, quantity, fill.taker.side))
            }
            _ => None,
        })
        .collect();
    assert_eq!(first.heard, made, "seed {seed}");
    let numbers: std::collections::BTreeSet<u64> = first.ids.values().copied().collect();
    assert_eq!(numbers.len(), first.ids.len(), "seed {seed}: a number of two trades");
    let (missed, mut later) = later.expect("it came in the middle");
    later.hear(&mut venue);
    assert_eq!(later.heard, made[missed..], "seed {seed}");
    assert!(later.ids.iter().all(|(id, _)| first.ids.contains_key(id)), "the same ids for both");
    made.len()
}

#[test]
fn who_listens_hears_every_trade_once() {
    let compared: usize = (0..20).map(check).sum();
    println!("{compared} trades");
    assert!(compared > 1_000, "too little happened to mean anything: {compared}");
}
