//! What no well-meaning client does to xRocket: the documented answer, and the others undisturbed. Beside the one who does it
//! somebody listens, and has to hear every trade while it goes on.

use serde_json::{Value, json};
use testkit::served::line::text_frame;
use testkit::served::{Heard, Line, Served, Setup};

const TRADES: &str =
    r#"{"id":1,"method":"subscribe","params":{"channel":"trades","symbol":"BTC-USD"}}"#;

/// The next message.
fn message(line: &mut Line) -> Value {
    match line.hear() {
        Heard::Text(text) => serde_json::from_str(&text).expect("JSON"),
        heard => panic!("a message, not {heard:?}"),
    }
}

/// A client that does nothing wrong.
struct Neighbour {
    line: Line,
    heard: u64,
}

impl Neighbour {
    fn join(served: &Served) -> Self {
        let mut line = served.client();
        line.say(TRADES);
        assert_eq!(message(&mut line)["result"]["success"], true);
        Self { line, heard: 0 }
    }

    /// So many trades happen, and it hears each of them.
    fn hear_trades(&mut self, served: &Served, count: usize) {
        served.market.trade(0, 6_000_000, count);
        served.market.settle();
        for _ in 0..count {
            let push = message(&mut self.line);
            self.heard += 1;
            let trade = &push["params"]["data"]["trades"][0];
            assert_eq!(trade["tradeId"], (100_000_000 + self.heard).to_string(), "{push}");
        }
    }
}

/// A venue on which somebody listens, while this is done to it. Session time stands still.
fn beside(setup: Setup, torment: impl FnOnce(&Served, &mut Neighbour)) {
    let served = setup.session_by_hand().serve();
    let mut neighbour = Neighbour::join(&served);
    neighbour.hear_trades(&served, 10);
    torment(&served, &mut neighbour);
    neighbour.hear_trades(&served, 10);
    // And whoever comes next is served.
    drop(Neighbour::join(&served));
}

#[test]
fn a_megabyte_in_a_frame_ends_its_own_connection() {
    beside(Setup::xrocket(), |served, neighbour| {
        for text in ["x".repeat(1 << 20), format!(r#"{{"id":"{}"}}"#, "1".repeat(1 << 20))] {
            let mut line = served.client();
            // The server need not take what it will not read.
            let _cut = line.try_send(text_frame(&text));
            neighbour.hear_trades(served, 50);
            assert_eq!(line.hear(), Heard::Close(Some(1009), "message too big".into()));
        }
        let goodbyes = served.await_goodbyes(2);
        assert!(goodbyes.iter().all(|goodbye| goodbye.code == Some(1009)), "{goodbyes:?}");
    });
}

/// The text of 10,000 pairs.
fn pairs() -> Vec<u8> {
    let unsubscribe = r#"{"id":2,"method":"unsubscribe","params":{"channel":"trades"}}"#;
    [text_frame(TRADES), text_frame(unsubscribe)].concat().repeat(10_000)
}

#[test]
fn ten_thousand_pairs_at_once_are_refused_and_end_in_a_goodbye() {
    beside(Setup::xrocket(), |served, neighbour| {
        let mut line = served.client();
        let mut other_end = line.stream().try_clone().expect("a second handle");
        std::thread::scope(|scope| {
            // It sends for as long as it is let.
            scope.spawn(move || drop(std::io::Write::write_all(&mut other_end, &pairs())));
            // Section A6: 60 at once are served, 600 more are refused, and one more is refused and too many.
            for place in 0..60 {
                let reply = loop {
                    let message = message(&mut line);
                    // While it is subscribed it is told what happens.
                    if message["method"].is_null() {
                        break message;
                    }
                };
                assert_eq!(reply, json!({"id": 1 + place % 2, "result": {"success": true}}));
            }
            for _ in 0..601 {
                let reply = message(&mut line);
                assert_eq!(reply["error"]["code"], -32_050, "{reply}");
                assert_eq!(reply["error"]["message"], "Rate limit exceeded");
                assert!(reply["error"]["data"]["retryAfterMs"].as_u64().is_some_and(|ms| ms > 0));
            }
            neighbour.hear_trades(served, 50);
            let end = Heard::Close(Some(1008), "too many refused requests".into());
            assert_eq!(line.hear(), end);
            drop(line.stream().shutdown(std::net::Shutdown::Both));
        });
    });
}

#[test]
fn ten_thousand_pairs_are_served_where_no_limit_forbids_it() {
    let unlimited = Setup::xrocket().manners(|manners| manners.pace = None);
    beside(unlimited, |served, neighbour| {
        let line = served.client();
        let mut other_end = line.stream().try_clone().expect("a second handle");
        std::thread::scope(|scope| {
            scope.spawn(move || std::io::Write::write_all(&mut other_end, &pairs()).expect("sent"));
            let replies = scope.spawn(move || {
                let mut line = line;
                let mut replies = 0;
                let mut is_subscribed = false;
                while replies < 20_000 {
                    let message = message(&mut line);
                    if message["method"] == "subscription" {
                        assert!(is_subscribed, "told without a subscription: {message}");
                        continue;
                    }
                    is_subscribed = replies % 2 == 0;
                    let wanted = json!({"id": 1 + replies % 2, "result": {"success": true}});
                    assert_eq!(message, wanted, "reply {replies}");
                    replies += 1;
                }
                line
            });
            // Trades go on all the while.
            while !replies.is_finished() {
                neighbour.hear_trades(served, 10);
            }
            drop(replies.join().expect("all were answered"));
        });
    });
}

#[test]
fn a_token_without_a_signature_opens_nothing() {
    // {"alg":"none","typ":"JWT"} and {"userId":1}.
    const HEAD: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ1c2VySWQiOjF9.";
    let own = testkit::people::called("alice").expect("alice").token;
    let signature = own.rsplit_once('.').expect("three parts").1;
    beside(Setup::xrocket(), |served, neighbour| {
        let mut line = served.client();
        for token in [HEAD.to_owned(), format!("{HEAD}{signature}"), HEAD.trim_matches('.').into()]
        {
            line.say(&format!(r#"{{"id":"1","method":"auth","params":{{"token":"{token}"}}}}"#));
            let reply = message(&mut line);
            assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!("1"), &json!(-32_030)));
            assert_eq!(reply["error"]["message"], "Invalid token");
            for channel in ["balances", "activeOrders"] {
                line.say(&format!(
                    r#"{{"id":2,"method":"subscribe","params":{{"channel":"{channel}"}}}}"#
                ));
                assert_eq!(message(&mut line)["error"]["code"], -32_033, "{channel}");
            }
            let mut http = served.line();
            http.send(format!(
                "GET /xrocket/api/v1/orders/active HTTP/1.1\r\nHost: localhost\r\n\
                 Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            ));
            let (head, _) = http.answer().expect("an answer");
            assert_eq!(head.status, 401, "{head:?}");
            neighbour.hear_trades(served, 20);
        }
        // The connection is as good as before.
        line.say(&format!(r#"{{"id":3,"method":"auth","params":{{"token":"{own}"}}}}"#));
        assert_eq!(message(&mut line), json!({"id": 3, "result": {"success": true}}));
    });
}

#[test]
fn a_token_lets_in_so_many_connections_and_the_next_is_told_so() {
    let served = Setup::xrocket().limits(|limits| limits.connections_per_key_max = 2).serve();
    let log_in = |name: &str| {
        let token = testkit::people::called(name).expect("a person").token;
        let mut line = served.client();
        line.say(&format!(r#"{{"id":3,"method":"auth","params":{{"token":"{token}"}}}}"#));
        line
    };
    let done = json!({"id": 3, "result": {"success": true}});
    let mut lines = [log_in("alice"), log_in("alice"), log_in("bob")];
    for line in &mut lines {
        assert_eq!(message(line), done);
    }
    let mut third = log_in("alice");
    assert_eq!(third.hear(), Heard::Close(Some(1008), "too many connections".into()));
    drop(third);
    let goodbye = served.await_goodbyes(1).pop().expect("a record");
    assert_eq!((goodbye.reason.name(), goodbye.code), ("too_many_connections", Some(1008)));
    // Who leaves makes room.
    let [first, ..] = lines;
    drop(first);
    served.await_goodbyes(2);
    assert_eq!(message(&mut log_in("alice")), done);
}
