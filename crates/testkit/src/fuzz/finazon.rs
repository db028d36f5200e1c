//! Finazon's readers: what clients say, and what a venue says.

use dialects::finazon::client::Client;
use dialects::finazon::{Finazon, NAME, Options};
use dialects::{Connector, Credential, Dialect, Login, Opening, Request, Standing, Visitor};
use model::{AccountId, InstrumentId, Listing};
use serde_json::Value;

use crate::served::listing;

fn listings() -> Vec<Listing> {
    let named = |id, pair, decimals, symbol: &str| Listing {
        symbols: vec![(NAME.into(), symbol.into())],
        ..listing(id, pair, decimals, "")
    };
    vec![
        named(0, ["TSLA", "USD"], [2, 0], "sip:TSLA"),
        named(1, ["BTC", "USDT"], [2, 8], "binance:BTC/USDT"),
    ]
}

/// A message of a client that has something subscribed and a key for one instrument: whatever it says, it is
/// answered in JSON of the dialect, each request in bounds, and what is subscribed was named in the message.
pub fn decode(message: &[u8]) {
    let dialect = Finazon::new(&listings(), &Options::default()).expect("symbols in order");
    let holder = Credential {
        account: AccountId(1),
        secret: Vec::new(),
        may_trade: true,
        instruments: Some(vec![InstrumentId(0)]),
        quotes: None,
        blocked: false,
    };
    let login = Login { key: "key".into(), holder, standing: Standing::Good };
    let subscriptions: [Box<str>; 1] = ["sip|||bars|10s|1m||TSLA".into()];
    let visitor =
        Visitor { login: Some(&login), subscriptions: &subscriptions, ..Visitor::STRANGER };
    let mut requests = Vec::new();
    dialect.decode(message, &visitor, &mut requests);
    assert!(!requests.is_empty(), "nothing is left unanswered");
    let mut said = 0;
    while let Some(request) = requests.pop() {
        match request {
            Request::Say(text) => said += answer(&text),
            Request::Unsubscribe { subscriptions: ended, acknowledgement } => {
                assert_eq!(ended, subscriptions);
                said += answer(&acknowledgement);
            }
            Request::Subscribe { subscription, subjects, stamp, opening } => {
                assert!(subscription.starts_with("sip|") && subscription.ends_with("|TSLA"));
                assert_eq!(subjects[0].topic.instrument(), Some(InstrumentId(0)));
                assert!(subjects.len() == 1 && stamp.is_none());
                assert!(matches!(opening, Opening::Silent));
            }
            Request::TakeBerth { of: 5, then, refusal, .. } => {
                said += answer(&refusal);
                requests.extend(then);
            }
            Request::LeaveBerth(berth) => assert_eq!(&*berth, "key|sip"),
            other => panic!("the dialect asks for nothing of the kind: {other:?}"),
        }
    }
    // Each ticker is said twice at most, in an answer of its own.
    assert!(said <= 600 + 200 * message.len(), "{said} bytes for {}", message.len());
}

/// An answer of the dialect; its length.
fn answer(text: &[u8]) -> usize {
    let value: Value = serde_json::from_slice(text).expect("the dialect says JSON");
    match value["status"].as_str() {
        Some("success") if value["event"] == "heartbeat" => assert_eq!(value.get("code"), None),
        Some("success") => assert!(value["data"]["tickers"].is_array()),
        Some("error") => assert!(value["code"].is_string() && value["message"].is_string()),
        _ => panic!("{value}"),
    }
    text.len()
}

/// A venue's messages, one a line, up to the first that makes no sense: what is held is in order, and no more than
/// a day.
pub fn client(messages: &[u8]) {
    let mut client = Client::new(&listings());
    for message in messages.split(|&byte| byte == b'\n') {
        let (mut heard, mut errands) = (Vec::new(), Vec::new());
        let understood = client.message(message, &mut heard, &mut errands);
        assert!(heard.is_empty() && errands.is_empty(), "bars are no events");
        if understood.is_err() {
            break;
        }
    }
    for id in [0, 1].map(InstrumentId) {
        let bars: Vec<_> = client.bars(id).collect();
        assert!(bars.is_sorted_by(|one, next| one.start < next.start));
        for bar in bars {
            assert!(bar.start.0 % 60_000_000 == 0 && bar.volume.0 > 0 && bar.low.0 > 0);
            assert!(bar.low <= bar.open.min(bar.close) && bar.high >= bar.open.max(bar.close));
        }
    }
}
