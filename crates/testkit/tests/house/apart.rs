//! The law *private* in the dialects in which one logs in or shows a secret with what one asks: whoever does is told of
//! all orders and balances that are its own, and nobody is told of anybody else's.
//!
//! Everybody trades with everybody, and with themselves, in one market in memory. Whose an order is, and how often a balance
//! changed, is taken from the events alone. Whom the law has listen by passes is in the laws of the testkit.

use std::collections::{BTreeMap, BTreeSet};

use dialects::Dialect;
use dialects::timex::{self, TimeX};
use dialects::xrocket::{self, XRocket};
use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, EventBody, InstrumentId, Listing, NewOrder, OrderKind, OrderState, Price,
    Quantity, Side, Span, Time, TimeInForce, Trigger, TriggerWhen,
};
use serde_json::Value;
use testkit::dice::Dice;
use testkit::people::{PEOPLE, Person};
use testkit::served::{listed, listing};
use testkit::transcript::{Heard, Line, Stage};
use testkit::venue::Venue;

use testkit::laws::verdict;

/// 2026-11-22.
const START: Time = Time(1_795_305_600_000_000);
/// Commands of one market.
const COMMANDS: usize = 150;

/// One person's connection in one dialect.
struct Ear {
    person: &'static Person,
    line: Line,
    /// The orders that it was told of.
    orders: BTreeSet<u64>,
    /// How many balances it was told of, each by itself.
    balances: usize,
}

#[derive(Debug, Default)]
struct Figures {
    pushes: usize,
    refused: usize,
}

fn say(venue: &mut Venue, line: Line, text: &str) {
    let mut bytes = Vec::new();
    encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], text.as_bytes());
    venue.send(line, &bytes);
}

fn answer(venue: &mut Venue, line: Line) -> Value {
    match venue.hear(line) {
        Some(Heard::Text(text)) => serde_json::from_str(&text).expect("JSON"),
        other => panic!("no answer: {other:?}"),
    }
}

/// xRocket writes an order's number into the first twelve and the last four digits of a UUID.
fn number_of(uuid: &str) -> u64 {
    let digits = uuid.replace('-', "");
    let number = format!("{}{}", &digits[..12], &digits[28..]);
    u64::from_str_radix(&number, 16).expect("hexadecimal")
}

impl Ear {
    fn in_xrocket(venue: &mut Venue, person: &'static Person) -> Self {
        let line = venue.connect_to(0);
        let auth = format!(r#"{{"id":1,"method":"auth","params":{{"token":"{}"}}}}"#, person.token);
        say(venue, line, &auth);
        assert_eq!(answer(venue, line)["result"]["success"], true);
        for channel in ["activeOrders", "balances"] {
            let params = format!(r#"{{"channel":"{channel}"}}"#);
            say(venue, line, &format!(r#"{{"id":2,"method":"subscribe","params":{params}}}"#));
        }
        Self { person, line, orders: BTreeSet::new(), balances: 0 }
    }

    /// It asks for everybody's account, and gets its own; whose key is good for one instrument alone, none.
    fn in_timex(venue: &mut Venue, person: &'static Person, figures: &mut Figures) -> Self {
        let line = venue.connect_to(1);
        for whose in &PEOPLE {
            let Person { key, secret, .. } = person;
            let auth = format!(r#"{{"id":"{key}","secret":"{secret}"}}"#);
            let address = whose.address();
            say(
                venue,
                line,
                &format!(
                    r#"{{"type":"ACCOUNT_SUBSCRIBE","requestId":"1","account":"{address}","auth":{auth}}}"#
                ),
            );
            let told = answer(venue, line);
            if whose.account == person.account && person.only.is_none() {
                assert_eq!(told["type"], "SUBSCRIBED", "{told}");
            } else {
                assert_eq!(told["message"], "Access denied");
                figures.refused += 1;
            }
        }
        Self { person, line, orders: BTreeSet::new(), balances: 0 }
    }

    fn listen(&mut self, venue: &mut Venue, figures: &mut Figures) {
        while let Some(heard) = venue.hear(self.line) {
            let Heard::Text(text) = heard else { panic!("{heard:?}") };
            let told: Value = serde_json::from_str(&text).expect("JSON");
            figures.pushes += 1;
            let orders = told["params"]["data"]["orders"].as_array().into_iter().flatten();
            self.orders.extend(orders.map(|it| number_of(it["id"].as_str().expect("an id"))));
            self.orders.extend(told["payload"]["order"]["cursorId"].as_u64());
            self.balances += usize::from(told["payload"]["balance"].is_object());
        }
    }
}

/// Whose the orders are that an event tells of.
fn orders(body: &EventBody) -> Vec<OrderState> {
    match body {
        EventBody::Created(order)
        | EventBody::Armed(order)
        | EventBody::Triggered(order)
        | EventBody::Rested(order) => vec![*order],
        EventBody::Closed { order, .. } => vec![*order],
        EventBody::Replaced { old, new, .. } => vec![*old, *new],
        EventBody::Filled(fill) => vec![fill.maker, fill.taker],
        _ => Vec::new(),
    }
}

fn check(seed: u64, figures: &mut Figures) {
    let mut dice = Dice::new(seed);
    let listings: Vec<Listing> = [(["BTC", "USD"], [2, 8]), (["ETH", "BTC"], [6, 8])]
        .into_iter()
        .zip(0..)
        .map(|((pair, decimals), id)| {
            let mut bare = listing(id, pair, decimals, "");
            bare.symbols.clear();
            listed(listed(bare, xrocket::NAME, "-"), timex::NAME, "")
        })
        .collect();
    let xrocket = XRocket::new(&listings).expect("listings");
    let timex = TimeX::new(&listings, timex::Options::default()).expect("listings");
    let dialects: Vec<Box<dyn Dialect>> = vec![Box::new(xrocket), Box::new(timex)];
    let mut venue = Venue::of(dialects.into(), &listings, START, false);
    let mut ears = Vec::new();
    for person in &PEOPLE {
        ears.push(Ear::in_xrocket(&mut venue, person));
        ears.push(Ear::in_timex(&mut venue, person, figures));
    }
    let begun = venue.events().len();
    let mut own: Vec<(AccountId, InstrumentId, u64)> = Vec::new();
    for _ in 0..COMMANDS {
        if dice.roll(4) == 0 {
            venue.pass(Span::micros(1 + dice.roll(300_000) as i64));
        }
        let account = dice.pick(&PEOPLE).account;
        let instrument = InstrumentId(dice.roll(listings.len()) as u16);
        let action = match (dice.roll(8), own.is_empty()) {
            (0, false) => {
                let &(account, instrument, order) = dice.pick(&own);
                Action::Cancel { account, instrument, order: model::OrderId(order) }
            }
            (1, false) => {
                let &(account, instrument, order) = dice.pick(&own);
                let (price, quantity) = (Price(100 + dice.roll(20) as i64), Quantity(50));
                let order = model::OrderId(order);
                Action::Replace { account, instrument, order, price, quantity }
            }
            _ => Action::Place(NewOrder {
                account,
                instrument,
                side: *dice.pick(&[Side::Buy, Side::Sell]),
                kind: OrderKind::Limit(Price(100 + dice.roll(20) as i64)),
                quantity: Quantity(1 + dice.roll(2_000) as i64),
                time_in_force: TimeInForce::GoodTillCanceled,
                post_only: false,
                trigger: (dice.roll(8) == 0).then(|| {
                    Trigger::at(Price(100 + dice.roll(20) as i64), TriggerWhen::AtOrAbove)
                }),
            }),
        };
        for event in venue.act(action) {
            if let EventBody::Created(order) = event.body {
                own.push((order.account, event.instrument, order.id.0));
            }
        }
        ears.iter_mut().for_each(|ear| ear.listen(&mut venue, figures));
    }
    venue.pass(Span::seconds(2));
    ears.iter_mut().for_each(|ear| ear.listen(&mut venue, figures));

    let mut owners: BTreeMap<u64, AccountId> = BTreeMap::new();
    let mut balances: BTreeMap<AccountId, usize> = BTreeMap::new();
    for event in &venue.events()[begun..] {
        owners.extend(orders(&event.body).iter().map(|order| (order.id.0, order.account)));
        if let EventBody::Balance(balance) = event.body {
            *balances.entry(balance.account).or_default() += 1;
        }
    }
    for (place, ear) in ears.iter().enumerate() {
        let Person { name, account, only, .. } = *ear.person;
        for order in &ear.orders {
            let owner = owners.get(order).copied();
            assert_eq!(owner, Some(account), "seed {seed}: {name} is told of {order}");
        }
        if only.is_some() {
            continue;
        }
        let created: BTreeSet<u64> =
            own.iter().filter(|(of, ..)| *of == account).map(|&(.., order)| order).collect();
        let missed: Vec<_> = created.difference(&ear.orders).collect();
        assert!(
            missed.is_empty(),
            "seed {seed}: {name} ({place}) is not told of {missed:?} but of {:?}",
            ear.orders
        );
        let changed = balances.get(&account).copied().unwrap_or(0);
        assert!(
            place % 2 == 0 || ear.balances == changed,
            "seed {seed}: {name} is told of {} balances of {changed}",
            ear.balances
        );
    }
}

#[test]
fn who_logs_in_is_told_all_that_is_its_own_and_nothing_of_anybody_else() {
    let mut figures = Figures::default();
    for seed in verdict::seeds() {
        check(seed, &mut figures);
    }
    println!("{figures:?}");
    assert!(figures.pushes > 20_000 && figures.refused > 1_000, "too little: {figures:?}");
}
