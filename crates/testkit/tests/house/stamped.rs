//! The law *one frame* where each subscription has its own id in its frames: they are encoded once, however many listen,
//! and what two subscriptions to the same are told differs in the id alone.

use dialects::timex::{NAME, Options, TimeX};
use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, Instrument, InstrumentId, Listing, Minimum, NewOrder, OrderKind, Price,
    Quantity, Side, Time, TimeInForce,
};
use testkit::dice::Dice;
use testkit::transcript::{Heard, Stage};
use testkit::venue::Venue;

const START: Time = Time(1_795_348_800_000_000);

/// What is subscribed, by path and by expressions that come to the same subjects and to more.
const PATTERNS: [&str; 5] = [
    "/orderbook.group/BTCUSD",
    "/orderbook.raw/BTCUSD",
    "/trade.symbols/BTC/USD",
    "/(orderbook|orderbook.group|orderbook.raw)/BTC.*",
    "/(trade|filling|order-update).*",
];

fn venue() -> Venue {
    let instrument = Instrument {
        id: InstrumentId(0),
        base: "BTC".into(),
        quote: "USD".into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 8,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    let symbols = vec![(NAME.to_owned(), "BTCUSD".to_owned())];
    let listings = [Listing { instrument, description: "Bitcoin / Dollar".into(), symbols }];
    let dialect = TimeX::new(&listings, Options::default()).expect("symbols in order");
    Venue::new(Box::new(dialect), &listings, START, false)
}

/// Runs the market of a seed before so many clients; returns frames encoded, and what each client heard of each of its
/// subscriptions, without their ids.
fn run(seed: u64, clients: usize) -> (u64, Vec<Vec<Vec<String>>>) {
    let (mut venue, mut dice) = (venue(), Dice::new(seed));
    let mut lines = Vec::new();
    for _ in 0..clients {
        let line = venue.connect();
        let mut ids = Vec::new();
        for pattern in PATTERNS {
            let ask = format!(r#"{{"type":"SUBSCRIBE","requestId":"1","pattern":"{pattern}"}}"#);
            let mut bytes = Vec::new();
            encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], ask.as_bytes());
            venue.send(line, &bytes);
            let Some(Heard::Text(reply)) = venue.hear(line) else { panic!("a reply") };
            let (_, id) = reply.split_once(r#""subscriptionId":""#).expect("it has an id");
            ids.push(id[..36].to_owned());
        }
        lines.push((line, ids));
    }
    for _ in 0..60 {
        for _ in 0..dice.roll(5) {
            venue.act(Action::Place(NewOrder {
                account: AccountId(1 + dice.roll(2) as u32),
                instrument: InstrumentId(0),
                side: *dice.pick(&[Side::Buy, Side::Sell]),
                kind: OrderKind::Limit(Price(6_000_000 + dice.roll(30) as i64)),
                quantity: Quantity(1 + dice.roll(1_000) as i64),
                time_in_force: TimeInForce::GoodTillCanceled,
                post_only: false,
                trigger: None,
            }));
        }
        venue.pass(venue.until_tick());
    }
    let hear = |(line, ids): (usize, Vec<String>)| {
        let mut heard = vec![Vec::new(); ids.len()];
        while let Some(Heard::Text(text)) = venue.overhear(line) {
            let at = ids.iter().position(|id| text.contains(id.as_str())).expect("one of its own");
            heard[at].push(text.replace(&ids[at], "id"));
        }
        heard
    };
    let heard = lines.into_iter().map(hear).collect();
    (venue.boards().frames_encoded(), heard)
}

#[test]
fn frames_with_ids_are_encoded_once_however_many_listen() {
    for seed in 0..5 {
        let (alone, heard_alone) = run(seed, 1);
        let (crowded, heard) = run(seed, 40);
        assert!(alone > 200, "seed {seed}: only {alone} frames");
        assert_eq!(crowded, alone, "seed {seed}: frames do not follow listeners");
        for (client, heard) in heard.iter().enumerate() {
            assert_eq!(heard, &heard_alone[0], "seed {seed}, client {client}");
        }
        // An expression is told what paths are told, in the same bytes.
        let told = &heard_alone[0];
        let of_books = |all: &[String], family: &str| -> Vec<String> {
            let kind = format!(r#""type":"{family}""#);
            all.iter().filter(|text| text.contains(&kind)).cloned().collect()
        };
        assert_eq!(of_books(&told[3], "GROUP_ORDER_BOOK_UPDATED"), told[0], "seed {seed}");
        assert_eq!(of_books(&told[3], "RAW_ORDER_BOOK_UPDATED"), told[1], "seed {seed}");
        assert_eq!(of_books(&told[4], "TRADE"), told[2], "seed {seed}");
        assert!(told.iter().all(|heard| !heard.is_empty()), "seed {seed}");
    }
}
