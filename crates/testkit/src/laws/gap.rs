//! The law *gap*: whoever was away and asks for what it missed has missed nothing.
//!
//! A random market runs in a venue. One client hears every order event, another is away now and then. As soon as that
//! one hears of an event whose predecessor it does not know, it asks over HTTP for what lies between, and so it ends up
//! with the same events as the first one, word for word, each naming the one before it. The same holds for an account,
//! whose events stand in two chains.

use std::collections::BTreeMap;

use dialects::HttpRequest;
use dialects::bitstamp::{Bitstamp, Options};
use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, EventBody, InstrumentId, NewOrder, OrderId, OrderKind, Price, Quantity,
    Side, Span, Time, TimeInForce, Trigger, TriggerWhen,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dice::Dice;
use crate::people::{PEOPLE, Person};
use crate::served::listing;
use crate::transcript::{Ask, Heard, Line, Sent, Stage};
use crate::venue::Venue;

const START: Time = Time::from_seconds(1_800_000_000);
const COMMANDS: usize = 150;
const MARKETS: [(&str, &str); 2] = [("btcusd", "BTC/USD"), ("ethbtc", "ETH/BTC")];
/// Of whom the own events are followed.
const OWNER: &Person = &PEOPLE[0];

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events that the client heard that was always there.
    pub events: usize,
    /// Gaps that were filled.
    pub gaps: usize,
    /// Events that they were filled with.
    pub recovered: usize,
}

/// An event as a frame or a row tells it. A frame's account stands before its id.
#[derive(Deserialize)]
struct Told<'a> {
    event: &'a str,
    event_id: &'a str,
    #[serde(default)]
    pre_event_id: Option<&'a str>,
    order_source: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    channel: &'a str,
}

/// An event that a client knows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    id: String,
    text: String,
}

impl Known {
    fn of(told: &Told<'_>) -> Self {
        Self { id: told.event_id.into(), text: format!("{} {}", told.event, told.data) }
    }
}

/// A chain by the channel and the source that tell it.
type ChainName = (String, String);

/// A client: on the line or away.
struct Client {
    line: Line,
    is_away: bool,
    chains: BTreeMap<ChainName, Vec<Known>>,
}

/// Runs the market of a seed and compares all along.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut dice = Dice::new(seed);
    let listings = [
        listing(0, ["BTC", "USD"], [2, 8], MARKETS[0].0),
        listing(1, ["ETH", "BTC"], [6, 8], MARKETS[1].0),
    ];
    let dialect = Bitstamp::new(&listings, Options::default()).expect("the symbols are in order");
    let mut venue = Venue::new(Box::new(dialect), &listings, START, false);
    venue.admit(OWNER);
    let mut there = Client::come(seed, &mut venue);
    let mut away = Client::come(seed, &mut venue);
    let mut orders = Vec::new();
    let mut figures = Figures::default();
    let mut asked = 0;
    for command in 0..COMMANDS {
        if dice.roll(3) == 0 {
            venue.pass(Span::millis(dice.roll(3) as i64));
        }
        let action = action(&mut dice, &mut orders);
        for event in venue.act(action) {
            if let EventBody::Rested(order) | EventBody::Armed(order) = &event.body {
                orders.push((order.account, event.instrument, order.id));
            }
        }
        if dice.roll(8) == 0 || command + 10 > COMMANDS {
            away.is_away = !away.is_away && command + 10 < COMMANDS;
        }
        for text in there.hear(seed, &mut venue) {
            let told: Told<'_> = serde_json::from_str(&text).expect("an order event");
            there.learn(&told, Known::of(&told));
            figures.events += 1;
        }
        for text in away.hear(seed, &mut venue) {
            if away.is_away {
                continue;
            }
            let told: Told<'_> = serde_json::from_str(&text).expect("an order event");
            let is_own = told.channel.starts_with("private-");
            let last = away.chain(&told).last().map(|known| known.id.clone());
            // On a private channel the event before is mostly somebody else's, so that nothing shows a gap.
            if last.as_deref() != told.pre_event_id {
                asked += 1;
                let rows = recover(seed, &mut venue, asked, &told, last.as_deref());
                let rows: Vec<Told<'_>> = serde_json::from_str(&rows).unwrap_or_default();
                assert!(is_own || !rows.is_empty(), "seed {seed}: nothing before {text}");
                let mut rows = rows.iter();
                if let Some(last) = &last {
                    let first = rows.next().map(|row| row.event_id);
                    assert_eq!(first, Some(last.as_str()), "seed {seed}: the first is included");
                }
                figures.gaps += usize::from(rows.len() > 0);
                figures.recovered += rows.len();
                for row in rows {
                    assert_eq!(row.order_source, told.order_source, "seed {seed}");
                    away.learn(&told, Known::of(row));
                }
            }
            if !is_own {
                let last = away.chain(&told).last().map(|known| known.id.as_str());
                assert_eq!(last, told.pre_event_id, "seed {seed}: the chain is broken at {text}");
            }
            away.learn(&told, Known::of(&told));
        }
    }
    for (name, expected) in &there.chains {
        let known = away.chains.get(name).map_or(&[][..], Vec::as_slice);
        // Whatever happened since it was there last in a chain has not been noticed yet.
        let expected = &expected[..known.len().min(expected.len())];
        assert_eq!(known, expected, "seed {seed}: {name:?}");
    }
    figures
}

/// Asks for what came before an event, from the last one known.
fn recover(
    seed: u64,
    venue: &mut Venue,
    asked: u64,
    told: &Told<'_>,
    last: Option<&str>,
) -> String {
    let (symbol, market) = *MARKETS
        .iter()
        .find(|(symbol, _)| told.channel.contains(symbol))
        .unwrap_or_else(|| panic!("seed {seed}: {} is of no market", told.channel));
    let since = last.map_or(String::new(), |last| format!("&since_id={last}"));
    let (path, source) = match told.channel.strip_suffix(symbol) {
        Some(_) => ("/api/v2/order_data/", String::new()),
        None => ("/api/v2/account_order_data/", format!("&order_source={}", told.order_source)),
    };
    let ask = Ask {
        method: "POST".into(),
        path: path.into(),
        query: None,
        signer: Some(OWNER),
        quirks: Vec::new(),
        form: format!("market={market}&until_id={}{since}{source}", told.event_id),
        status: 200,
        content_type: None,
        body: None,
    };
    let wall = venue.wall();
    let sent = Sent::new(&ask, asked, wall, venue.host());
    let response = venue.ask(&HttpRequest {
        headers: &sent.headers(),
        body: ask.form.as_bytes(),
        wall,
        ..HttpRequest::bare(&ask.method, &ask.path)
    });
    sent.check(&response).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    let body = String::from_utf8(response.body.to_vec()).expect("text");
    assert!(response.status == 200 && !body.contains("400."), "seed {seed}: {body}");
    body
}

impl Client {
    /// Listens to all order events, and to the owner's.
    fn come(seed: u64, venue: &mut Venue) -> Self {
        let line = venue.connect();
        let client = Self { line, is_away: false, chains: BTreeMap::new() };
        for (symbol, _) in MARKETS {
            let own = format!("private-my_orders_{symbol}-{}", OWNER.account);
            for channel in [format!("live_orders_{symbol}"), own] {
                let say = format!(
                    r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}","auth":"{PASS}"}}}}"#
                );
                let mut bytes = Vec::new();
                encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], say.as_bytes());
                venue.send(line, &bytes);
                let heard = client.hear(seed, venue);
                assert!(heard.len() == 1 && heard[0].contains("_succeeded"), "{heard:?}");
            }
        }
        client
    }

    fn hear(&self, seed: u64, venue: &mut Venue) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(heard) = venue.hear(self.line) {
            match heard {
                Heard::Text(text) => texts.push(text),
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        texts
    }

    fn chain(&self, told: &Told<'_>) -> &[Known] {
        self.chains.get(&chain_of(told)).map_or(&[], Vec::as_slice)
    }

    fn learn(&mut self, of: &Told<'_>, known: Known) {
        self.chains.entry(chain_of(of)).or_default().push(known);
    }
}

/// The first pass of a venue.
const PASS: &str = "PASS00000000000000000000000000A1";

fn chain_of(told: &Told<'_>) -> ChainName {
    (told.channel.into(), told.order_source.into())
}

/// Somebody places, replaces or cancels an order.
fn action(dice: &mut Dice, orders: &mut Vec<(AccountId, InstrumentId, OrderId)>) -> Action {
    let price = Price(1_000 + dice.roll(20) as i64);
    let quantity = Quantity(1 + dice.roll(1_000) as i64);
    let roll = dice.roll(10);
    if roll < 3 && !orders.is_empty() {
        let (account, instrument, order) = orders.swap_remove(dice.roll(orders.len()));
        return match roll {
            0 => Action::Replace { account, instrument, order, price, quantity },
            _ => Action::Cancel { account, instrument, order },
        };
    }
    let trigger = (roll == 3).then(|| Trigger {
        price: Price(1_000 + dice.roll(20) as i64),
        when: *dice.pick(&[TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow]),
        trail: None,
    });
    Action::Place(NewOrder {
        account: AccountId(1 + dice.roll(3) as u32),
        instrument: InstrumentId(dice.roll(MARKETS.len()) as u16),
        side: *dice.pick(&[Side::Buy, Side::Sell]),
        kind: if roll == 4 { OrderKind::Market } else { OrderKind::Limit(price) },
        quantity,
        time_in_force: match roll {
            4 | 5 => TimeInForce::ImmediateOrCancel,
            _ => TimeInForce::GoodTillCanceled,
        },
        post_only: false,
        trigger,
    })
}
