//! Both halves of TimeX, fed by strangers, and its HTTP half by somebody who shows a key.

use dialects::timex::client::Client;
use dialects::timex::{NAME, Options, TimeX};
use dialects::{
    Connector, Credential, Dialect, Errand, HttpRequest, Opening, Outcome, Request, Step, Visitor,
};
use model::{
    AccountId, Answer, AnswerBody, EventBody, Filled, InstrumentId, Level, Listing, OrderId,
    OrderKind, OrderState, OrderStory, OwnOrder, OwnOrders, Price, Quantity, Query, Sequence, Side,
    Standing, TimeInForce,
};
use serde_json::Value;

use super::{NOW, answer, boards, check_response};
use crate::served::listing;

/// The markets on whose boards something has happened.
fn listings() -> Vec<Listing> {
    let markets = [(["BTC", "USD"], [2, 8]), (["ETH", "BTC"], [6, 8]), (["XRP", "USD"], [5, 0])];
    let listing = |(id, (pair, decimals)): (u16, ([&str; 2], [u8; 2]))| {
        let mut listing = listing(id, pair, decimals, "none");
        listing.symbols = vec![(NAME.into(), pair.concat())];
        listing
    };
    (0..).zip(markets).map(listing).collect()
}

/// One venue of each thread, since a fuzzer asks many times.
fn with_venue<T>(ask: impl FnOnce(&TimeX, &[views::Board]) -> T) -> T {
    thread_local! {
        static VENUE: (TimeX, Vec<views::Board>) = (
            TimeX::new(&listings(), Options::default()).expect("symbols in order"),
            boards(),
        );
    }
    VENUE.with(|(dialect, boards)| ask(dialect, boards))
}

/// An order that rests, whatever its number.
fn resting(id: OrderId) -> OwnOrder {
    let order = OrderState {
        id,
        account: AccountId(1),
        side: Side::Buy,
        post_only: false,
        kind: OrderKind::Limit(Price(5_000_000)),
        time_in_force: TimeInForce::GoodTillCanceled,
        trigger: None,
        original: Quantity(100_000_000),
        remaining: Quantity(100_000_000),
    };
    OwnOrder {
        instrument: InstrumentId(0),
        order,
        label: None,
        standing: Standing::Open,
        filled: Filled::default(),
        created: NOW,
        changed: NOW,
        replaces: None,
        purpose: model::Purpose::Any,
        woken: false,
    }
}

/// What boards answer that know the account; each of its orders rests.
fn known(boards: &[views::Board], query: &Query) -> AnswerBody {
    match query {
        Query::Balances { .. } => AnswerBody::Balances(Vec::new()),
        Query::OwnOrders(OwnOrders { limit, .. }) => {
            let orders = (0..3).take(*limit).map(|id| resting(OrderId(id)));
            AnswerBody::OwnOrders { orders: orders.collect(), total: 3 }
        }
        Query::OwnTrades(_) => AnswerBody::OwnTrades(Vec::new()),
        Query::Order { key: model::OrderKey::Id(id), .. } => {
            let (order, trades) = (resting(*id), Vec::new());
            AnswerBody::Order(Some(Box::new(OrderStory { order, trades })))
        }
        _ => answer(boards, query),
    }
}

/// Takes steps until they come to something. What is submitted is for the account alone, and comes to nothing.
fn taken<R>(mut step: Step<R>, account: Option<u32>, ask: impl Fn(&Query) -> AnswerBody) -> R {
    // A batch of a hundred is looked up twice, and each of it done once.
    for _ in 0..400 {
        step = match step {
            Step::Reply(reply) => return reply,
            Step::Ask(query, then) => {
                let is_own = query.account().is_none_or(|it| account == Some(it.0));
                assert!(is_own, "nobody else's: {query:?}");
                then(Answer { now: NOW, body: ask(&query) })
            }
            Step::Prove(_, then) => {
                let holder = account.map(|account| Credential {
                    account: AccountId(account),
                    secret: Vec::new(),
                    may_trade: true,
                    instruments: None,
                    quotes: None,
                    blocked: false,
                });
                then(holder.as_ref())
            }
            Step::Submit(submission, then) => {
                let by = submission.action.account().map(|account| account.0);
                assert!(account.is_some() && by == account, "{submission:?}");
                then(Outcome::Done { command: Sequence(1), events: Vec::new() })
            }
            Step::Identify(..) | Step::Nonce(..) | Step::IssuePass(..) | Step::RevokeKeys(..) => {
                panic!("the dialect takes no such step")
            }
        };
    }
    panic!("it never comes to anything")
}

/// A request to the HTTP half, one part a line: method, path, query, body. Whatever is asked, by a stranger or by
/// somebody who shows a key, of boards that know or know nothing, the answer is a response in JSON.
pub fn http(request: &[u8]) {
    let mut parts = request.splitn(4, |&byte| byte == b'\n');
    let mut text = || std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
    let (method, path, query) = (text(), text(), text());
    let query = (!query.is_empty()).then_some(query);
    let body = parts.next().unwrap_or_default();
    let headers =
        [("content-type", "application/json"), ("authorization", "Basic a2V5OnNlY3JldA==")];
    with_venue(|dialect, boards| {
        for account in [None, Some(1)] {
            let headers = &headers[..if account.is_some() { 2 } else { 1 }];
            let request = HttpRequest { query, body, headers, ..HttpRequest::bare(method, path) };
            check_response(&taken(dialect.http(&request), account, |query| known(boards, query)));
            let nothing = |_: &Query| AnswerBody::Unavailable;
            check_response(&taken(dialect.http(&request), account, nothing));
        }
    });
}

/// What a client says on the socket, a stranger and one whose key is good: it gets one answer, under its own id or
/// under none, or what it asked for begins or ends under one.
pub fn decode(message: &[u8]) {
    with_venue(|dialect, boards| {
        for account in [None, Some(1)] {
            let subscriptions: [Box<str>; 1] = ["00000000-0000-4000-8000-000000000001".into()];
            let visitor =
                Visitor { subscriptions: &subscriptions, fresh_id: [7; 16], ..Visitor::STRANGER };
            let mut requests = Vec::new();
            dialect.decode(message, &visitor, &mut requests);
            let mut answers = 0;
            for request in requests {
                answers += check_request(request, account, boards);
            }
            assert_eq!(answers, 1, "one message, one answer");
        }
    });
}

/// Checks what is asked for, and counts the answers.
fn check_request(request: Request, account: Option<u32>, boards: &[views::Board]) -> usize {
    match request {
        Request::Say(text) | Request::Refuse(text, _) => {
            check_said(&text);
            1
        }
        Request::Subscribe { subscription, opening, .. } => {
            assert!(!subscription.is_empty());
            match opening {
                Opening::Silent => 0,
                Opening::Said(text) => {
                    check_said(&text);
                    1
                }
                Opening::State(queries, word) => {
                    let answers = queries.iter();
                    let answers =
                        answers.map(|query| Answer { now: NOW, body: known(boards, query) });
                    let said = word(answers.collect());
                    said.iter().for_each(|text| check_said(text));
                    said.len()
                }
            }
        }
        Request::Unsubscribe { acknowledgement, .. } => {
            check_said(&acknowledgement);
            1
        }
        Request::Take(step) => {
            let requests = taken(step, account, |query| known(boards, query));
            requests.into_iter().map(|request| check_request(request, account, boards)).sum()
        }
        other => panic!("the dialect asks for nothing of the kind: {other:?}"),
    }
}

/// An answer: of one shape or of the other, with an id that is a text or nothing.
fn check_said(text: &[u8]) {
    let value: Value = serde_json::from_slice(text).expect("the dialect says JSON");
    let id = value.get("requestId").expect("each answer has one");
    assert!(id.is_string() || id.is_null() && value["status"] == "ERROR", "{value}");
    match value.get("status").and_then(Value::as_str) {
        Some("ERROR") => assert!(value["message"].is_string(), "{value}"),
        Some("SUCCESS") => assert!(value.get("responseBody").is_some(), "{value}"),
        _ => {
            let kind = value["type"].as_str();
            assert!(matches!(kind, Some("SUBSCRIBED" | "UNSUBSCRIBED")), "{value}");
            assert!(value["subscriptionId"].is_string() && value.get("payload").is_some());
        }
    }
}

/// What a venue says to our own connector, one message a line. Whatever it says, what comes of it are books in order
/// with nothing negative and trades of something, and errands that say JSON.
pub fn client(lines: &[u8]) {
    let mut client = Client::new(&listings());
    let (mut heard, mut errands) = (Vec::new(), Vec::new());
    client.opened(&mut errands);
    for line in lines.split(|&byte| byte == b'\n').take(64) {
        let outcome = client.message(line, &mut heard, &mut errands);
        for heard in heard.drain(..) {
            match &heard.body {
                EventBody::BookSnapshot(book) => {
                    assert!(book.bids.is_sorted_by(|one, next| one.price > next.price), "{book:?}");
                    assert!(book.asks.is_sorted_by(|one, next| one.price < next.price), "{book:?}");
                    let is_level = |level: &Level| level.price.0 > 0 && level.quantity.0 > 0;
                    assert!(book.bids.iter().chain(&book.asks).all(is_level), "{book:?}");
                }
                EventBody::Printed(trade) => {
                    assert!(trade.price.0 > 0 && trade.quantity.0 > 0, "{trade:?}");
                }
                other => panic!("it tells books and trades: {other:?}"),
            }
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
