//! The law *mirror* on dialects whose books come numbered or whole: whoever listens through the client half of xRocket, or
//! of TimeX, holds the same book, and is told trades as they were.
//!
//! A seeded market runs in a venue in memory; what a client is told goes through the connector into a board by level,
//! which must show at the end of each tick what the venue shows.

use std::collections::BTreeMap;

use dialects::timex::{self, TimeX};
use dialects::xrocket::{self, XRocket};
use dialects::{Connector, Dialect, Errand};
use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, AnswerBody, Cadence, Event, EventBody, Instrument, InstrumentId, Listing,
    Minimum, NewOrder, OrderId, OrderKind, Price, Quantity, Query, Sequence, Side, Time,
    TimeInForce, Trade,
};
use testkit::dice::Dice;
use testkit::transcript::{Heard, Stage};
use testkit::venue::Venue;
use views::Board;

const START: Time = Time(1_795_348_800_000_000);
const HERE: InstrumentId = InstrumentId(0);

fn book(body: AnswerBody) -> BTreeMap<i64, i64> {
    let AnswerBody::Book { bids, asks, .. } = body else { panic!("a book") };
    let bids = bids.into_iter().map(|level| (level.price.0, level.quantity.0));
    bids.chain(asks.into_iter().map(|level| (level.price.0, -level.quantity.0))).collect()
}

/// Both halves of a dialect, over these listings.
type Halves = fn(&[Listing]) -> (Box<dyn Dialect>, Box<dyn Connector>);

fn xrocket(listings: &[Listing]) -> (Box<dyn Dialect>, Box<dyn Connector>) {
    let dialect = XRocket::new(listings).expect("symbols in order");
    (Box::new(dialect), Box::new(xrocket::client::Client::new(listings)))
}

fn timex(listings: &[Listing]) -> (Box<dyn Dialect>, Box<dyn Connector>) {
    let dialect = TimeX::new(listings, timex::Options::default()).expect("symbols in order");
    (Box::new(dialect), Box::new(timex::client::Client::new(listings)))
}

/// A trade as far as both dialects tell it.
fn shown(trade: Trade) -> Trade {
    let (maker, taker) = (OrderId(0), OrderId(0));
    let time = trade.time.floor_to_millis();
    Trade { time, maker, taker, maker_account: None, taker_account: None, ..trade }
}

/// Runs the market of a seed; returns how many books and how many trades were compared.
fn check(seed: u64, halves: Halves) -> (usize, usize) {
    let instrument = Instrument {
        id: HERE,
        base: "BTC".into(),
        quote: "USD".into(),
        price_decimals: 2,
        tick_units: 50,
        quantity_decimals: 8,
        lot_units: 1_000,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    let symbols = vec![
        (xrocket::NAME.to_owned(), "BTC-USD".to_owned()),
        (timex::NAME.to_owned(), "BTCUSD".to_owned()),
    ];
    let listings = [Listing { instrument, description: "Bitcoin / Dollar".into(), symbols }];
    let (dialect, mut client) = halves(&listings);
    let mut venue = Venue::new(dialect, &listings, START, false);
    let mut there = Board::by_level(HERE, START);
    let (mut dice, mut told, mut compared, mut trades) = (Dice::new(seed), 0, 0, 0);
    let mut line = None;
    for turn in 0..200 {
        for _ in 0..dice.roll(6) {
            let account = AccountId(1 + dice.roll(2) as u32);
            let action = if dice.roll(25) == 0 {
                Action::CancelAll { account, instrument: None }
            } else {
                Action::Place(NewOrder {
                    account,
                    instrument: HERE,
                    side: *dice.pick(&[Side::Buy, Side::Sell]),
                    kind: OrderKind::Limit(Price(120_000 + dice.roll(60) as i64)),
                    quantity: Quantity(1 + dice.roll(1_000) as i64),
                    time_in_force: TimeInForce::GoodTillCanceled,
                    post_only: false,
                    trigger: None,
                })
            };
            venue.act(action);
        }
        if turn % 50 == 20 {
            let new = venue.connect();
            let mut errands = Vec::new();
            client.opened(&mut errands);
            for errand in errands {
                let Errand::Say(text) = errand else { panic!("it fetches nothing") };
                let mut bytes = Vec::new();
                encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], &text);
                venue.send(new, &bytes);
            }
            line = Some(new);
        }
        venue.pass(venue.until_tick());
        let Some(line) = line else { continue };
        let mut heard = Vec::new();
        while let Some(Heard::Text(text)) = venue.hear(line) {
            let said = client.message(text.as_bytes(), &mut heard, &mut Vec::new());
            said.unwrap_or_else(|misheard| panic!("seed {seed}: {misheard}"));
        }
        let made = Query::Trades { instrument: HERE, since: START, limit: usize::MAX };
        let AnswerBody::Trades(made) = venue.boards().query(&made, START).body else {
            panic!("trades")
        };
        for heard in heard.drain(..) {
            told += 1;
            if let EventBody::Printed(trade) = heard.body {
                trades += 1;
                let same = made.iter().find(|made| made.id == trade.id);
                assert_eq!(same.copied().map(shown), Some(trade), "seed {seed}, turn {turn}");
            }
            let (sequence, cause) = (Sequence(told), Sequence(0));
            let (instrument, body) = (heard.instrument, heard.body);
            let event = Event { sequence, cause, time: heard.time, instrument, body };
            there.apply(&event, &mut |_, _| {});
        }
        let query = Query::Book { instrument: HERE, cadence: Cadence::TENTH };
        let here = book(venue.boards().query(&query, START).body);
        assert_eq!(book(there.answer(&query, START)), here, "seed {seed}, turn {turn}");
        compared += 1;
    }
    (compared, trades)
}

fn check_all(halves: Halves) {
    let compared = (0..20).map(|seed| check(seed, halves));
    let (books, trades) = compared.fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
    assert_eq!(books, 20 * 180);
    assert!(trades > 1_000, "only {trades} trades were compared");
}

#[test]
fn who_listens_by_numbers_holds_the_same_book() {
    check_all(xrocket);
}

#[test]
fn who_is_told_whole_books_holds_the_same_book() {
    check_all(timex);
}
