//! Both halves of ConfluenceCode, fed by strangers.

use std::collections::BTreeSet;

use dialects::confluencecode::client::Client;
use dialects::confluencecode::{ConfluenceCode, NAME, Options};
use dialects::{Connector, Credential, Dialect, Errand, Login, Request, Standing, Step, Visitor};
use model::{AccountId, EventBody, Listing, TopicKind};
use serde_json::Value;

use crate::served::listing;

/// A pair on three exchanges, and another.
fn listings() -> Vec<Listing> {
    let symbols = ["BTC-USDT", "7:BTCUSDT", "3d:BTC-USDT", "ETH-USDT"];
    let listing = |(id, symbol): (u16, &str)| {
        let base = if id == 3 { "ETH" } else { "BTC" };
        let mut listing = listing(id, [base, "USDT"], [2, 8], "none");
        listing.symbols = vec![(NAME.into(), symbol.into())];
        listing
    };
    (0..).zip(symbols).map(listing).collect()
}

/// What a client says on the socket, once logged in and once not: it gets one response, with what it sent in it; until
/// it is logged in nothing is done, and then nothing but streams that are there is begun or ended, each once.
pub fn decode(message: &[u8]) {
    let dialect = ConfluenceCode::new(&listings(), &Options::default()).expect("symbols in order");
    let holder = Credential {
        account: AccountId(1),
        secret: Vec::new(),
        may_trade: false,
        instruments: None,
        quotes: None,
        blocked: false,
    };
    let login = Login { key: "key".into(), holder, standing: Standing::Good };
    let subscriptions: [Box<str>; 2] = ["trade:2:BTC-USDT".into(), "trade:7:BTCUSDT".into()];
    for login in [None, Some(&login)] {
        let visitor = Visitor { login, subscriptions: &subscriptions, ..Visitor::STRANGER };
        let mut requests = Vec::new();
        dialect.decode(message, &visitor, &mut requests);
        let mut begun = BTreeSet::new();
        let last = requests.pop().expect("each message has a response");
        for request in requests {
            let Request::Subscribe { subscription, subjects, .. } = request else {
                panic!("nothing else comes before the response: {request:?}");
            };
            assert!(login.is_some() && !visitor.is_subscribed(&subscription));
            assert_eq!(subjects.len(), 1);
            assert_eq!(subjects[0].topic.kind, TopicKind::Trades);
            assert!(begun.insert(subscription), "each once");
        }
        match last {
            Request::Say(text) | Request::Refuse(text, _) => {
                let done = check_response(&text, message);
                assert!(begun.is_empty() || done, "a failure begins nothing");
            }
            Request::Unsubscribe { subscriptions: ended, acknowledgement } => {
                assert!(login.is_some() && check_response(&acknowledgement, message));
                assert!(ended.iter().all(|name| visitor.is_subscribed(name)));
            }
            Request::Take(Step::Identify(_, then)) => match then(None) {
                Step::Reply(requests) => match &requests[..] {
                    [Request::Refuse(text, _)] => assert!(!check_response(text, message)),
                    other => panic!("a key that nobody holds is refused: {other:?}"),
                },
                _ => panic!("nothing more is to be known"),
            },
            other => panic!("the dialect asks for nothing of the kind: {other:?}"),
        }
    }
}

/// Whether a response says that it was done; it has all its members, and what was sent in them.
fn check_response(text: &[u8], message: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(text).expect("the dialect says JSON");
    let success = value["success"].as_bool().expect("it was done or not");
    assert!(value["action"].is_string(), "{value}");
    assert_eq!(value["error"].is_string(), !success, "{value}");
    if let Ok(sent) = serde_json::from_slice::<Value>(message) {
        let action = sent.get("action").filter(|action| action.is_string());
        assert_eq!(value["action"], action.cloned().unwrap_or_else(|| "".into()), "of {sent}");
        match value.get("id") {
            Some(id) => assert_eq!(Some(id), sent.get("id")),
            // What has no place in a response, or is too long for one.
            None => assert!(
                sent.get("id")
                    .is_none_or(|id| { id.is_object() || id.is_array() || message.len() > 256 })
            ),
        }
    }
    success
}

/// What a venue says to our own connector, one message a line. Whatever it says, what comes of it are trades of
/// something, and errands that say JSON.
pub fn client(lines: &[u8]) {
    let mut client = Client::new(&listings(), "key");
    let (mut heard, mut errands) = (Vec::new(), Vec::new());
    client.opened(&mut errands);
    for line in lines.split(|&byte| byte == b'\n').take(64) {
        let outcome = client.message(line, &mut heard, &mut errands);
        for heard in heard.drain(..) {
            let EventBody::Printed(trade) = heard.body else { panic!("only trades: {heard:?}") };
            assert!(trade.price.0 > 0 && trade.quantity.0 > 0, "{trade:?}");
            assert!(trade.id.0 < 1 << 53 && trade.time.0 >= 0, "{trade:?}");
        }
        for errand in errands.drain(..) {
            let Errand::Say(text) = errand else { panic!("it only speaks: {errand:?}") };
            serde_json::from_slice::<Value>(&text).expect("it says JSON");
        }
        if let Err(misheard) = outcome {
            assert!(misheard.to_string().len() < 2_000, "{misheard}");
        }
    }
}
