//! A market that is played, with somebody who listens to everything.

use dialects::{bitstamp, confluencecode, finazon, timex, xrocket};
use edge::ws::{Opcode, encode};
use model::{
    AccountId, Action, NewOrder, OrderKind, Price, Quantity, Side, Span, TimeInForce, Trigger,
    TriggerWhen,
};
use testkit::dice::Dice;
use testkit::people::PEOPLE;
use testkit::transcript::{Heard, Line, Setup, Stage};
use testkit::venue::Venue;

use super::seen::Seen;
use crate::transcripts::{START, dialect, door, listings_of};

/// The first pass that is issued.
const PASS: &str = "PASS00000000000000000000000000A1";

/// What somebody says who wants to hear everything.
fn requests(name: &str) -> Vec<String> {
    let alice = &PEOPLE[0];
    match name {
        confluencecode::NAME => vec![
            format!(r#"{{"action":"authenticate","body":{{"apiKey":"{}"}}}}"#, alice.key),
            r#"{"action":"subscribe","body":{"streams":[{"eventType":"trade","base":"BTC","quote":"USD"},{"eventType":"trade","base":"ETH","quote":"BTC"}]}}"#.into(),
        ],
        bitstamp::NAME => {
            let public = ["live_trades", "live_orders", "order_book", "detail_order_book", "diff_order_book"];
            let markets = ["btcusd", "btceur", "ethbtc"];
            let public = public.iter().flat_map(|it| markets.map(|market| format!("{it}_{market}")));
            let private = ["my_orders", "my_trades", "live_trades"];
            let private = private.map(|it| format!("private-{it}_btcusd-{}", alice.account.0));
            let subscribe = |channel| {
                format!(r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}","auth":"{PASS}"}}}}"#)
            };
            public.chain(private).map(subscribe).collect()
        }
        xrocket::NAME => {
            let channels = [
                r#""channel":"ticker","symbol":"BTC-USD","interval":"1min""#,
                r#""channel":"allTickers","interval":"1day""#,
                r#""channel":"orderbook","symbol":"BTC-USD""#,
                r#""channel":"orderbook","symbol":"BTC-EUR","depth":5,"precision":"0.10""#,
                r#""channel":"trades","symbol":"BTC-USD""#,
                r#""channel":"trades","symbol":"ETH-BTC""#,
                r#""channel":"candles","symbol":"BTC-USD","type":"1min""#,
                r#""channel":"balances""#,
                r#""channel":"activeOrders""#,
            ];
            let subscribe = |params: &str| {
                format!(r#"{{"id":1,"method":"subscribe","params":{{{params}}}}}"#)
            };
            let auth = format!(r#"{{"id":"a","method":"auth","params":{{"token":"{}"}}}}"#, alice.token);
            [auth].into_iter().chain(channels.map(subscribe)).collect()
        }
        finazon::NAME => {
            let all = [
                r#""publisher":"sip","tickers":["TSLA","AAPL"],"frequency":"1s""#,
                r#""publisher":"binance","tickers":["BTC/USDT","ETH/USDT"],"frequency":"10s""#,
                r#""dataset":"us_stocks_essential","tickers":["TSLA"],"frequency":"1m""#,
            ];
            let subscribe = |what| {
                format!(r#"{{"event":"subscribe",{what},"channel":"bars","aggregation":"1m"}}"#)
            };
            all.map(subscribe).into()
        }
        timex::NAME => {
            let address = alice.address();
            let patterns = [
                "/orderbook/BTCUSD".to_owned(),
                "/orderbook.group/ETHBTC".to_owned(),
                "/orderbook.raw/BTCEUR".to_owned(),
                "/ticker/BTCUSD/I1".to_owned(),
                "/trade.symbols/BTC/USD".to_owned(),
                format!("/(order|order-update|order-expired|filling|market-order).symbols/{address}/BTC/USD/USD"),
            ];
            let subscribe = |pattern: String| {
                format!(r#"{{"type":"SUBSCRIBE","requestId":"s","pattern":"{pattern}","snapshot":true}}"#)
            };
            let auth = format!(r#""auth":{{"id":"{}","secret":"{}"}}"#, alice.key, alice.secret);
            let own = format!(
                r#"{{"type":"ACCOUNT_SUBSCRIBE","requestId":1,"account":"{address}","snapshot":true,{auth}}}"#
            );
            let rest = [
                "public/markets", "public/currencies", "public/tickers", "trading/balances",
                "trading/fees", "history/orders", "history/trades", "trading/orders",
            ];
            let rest = rest.map(|stream| {
                format!(
                    r#"{{"type":"REST","requestId":"r","stream":"/get/{stream}",{auth},"payload":{{"market":"BTCUSD"}}}}"#
                )
            });
            patterns.map(subscribe).into_iter().chain([own]).chain(rest).collect()
        }
        _ => unreachable!("{name} has no documents"),
    }
}

/// Plays the market of a seed, and holds everything that is told against the document.
pub fn play(name: &str, seed: u64, seen: &mut Seen) {
    let listings = listings_of(name);
    let mut venue = Venue::new(dialect(name, &Setup::default()), &listings, START, false);
    if let Some(door) = door(name) {
        venue = venue.at_door(&door);
    }
    // Where a pass is needed, this is the one that is issued.
    venue.admit(&PEOPLE[0]);
    let line = venue.connect();
    say_all(name, &mut venue, line);
    let mut dice = Dice::new(seed);
    let mut heard = 0;
    for _ in 0..2_000 {
        let instrument = listings[dice.roll(listings.len())].instrument.id;
        let side = *dice.pick(&[Side::Buy, Side::Sell]);
        let account = AccountId(1 + dice.roll(2) as u32);
        if dice.roll(40) == 0 {
            venue.act(Action::CancelAll { account, instrument: None });
        }
        let price = Price(5_000_000 + 100 * dice.roll(40) as i64);
        let trigger = (dice.roll(10) == 0).then(|| Trigger {
            price,
            when: *dice.pick(&[TriggerWhen::AtOrAbove, TriggerWhen::AtOrBelow]),
            trail: None,
        });
        venue.act(Action::Place(NewOrder {
            account,
            instrument,
            side,
            kind: if dice.roll(6) == 0 { OrderKind::Market } else { OrderKind::Limit(price) },
            quantity: Quantity(100_000 + dice.roll(1_000_000) as i64),
            time_in_force: *dice
                .pick(&[TimeInForce::GoodTillCanceled, TimeInForce::ImmediateOrCancel]),
            post_only: false,
            trigger,
        }));
        venue.pass(Span::micros(dice.roll(300_000) as i64));
        heard += hear(name, seed, &mut venue, line, seen);
    }
    // Once more, now that there is something to tell.
    say_all(name, &mut venue, line);
    heard += hear(name, seed, &mut venue, line, seen);
    assert!(heard > 200, "{name}: too little was told to mean anything: {heard}, seed {seed}");
}

fn say_all(name: &str, venue: &mut Venue, line: Line) {
    for request in requests(name) {
        let mut bytes = Vec::new();
        encode::push_client_frame(&mut bytes, Opcode::Text, [1, 2, 3, 4], request.as_bytes());
        venue.send(line, &bytes);
    }
}

fn hear(name: &str, seed: u64, venue: &mut Venue, line: Line, seen: &mut Seen) -> usize {
    let mut heard = 0;
    while let Some(told) = venue.hear(line) {
        match told {
            Heard::Text(text) => seen.told(&text, &format!("seed {seed}")),
            Heard::Ping(_) => {}
            other => panic!("{name}, seed {seed}: {other:?}"),
        }
        heard += 1;
    }
    heard
}
