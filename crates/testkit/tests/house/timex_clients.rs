//! Clients that behave as those of TimeX do (section B11 of its description), over real sockets: each asks and reads as its
//! code does, and what it needs must be there. What is read is indexed as they index it: a member that is missing panics.

use std::collections::BTreeMap;
use std::sync::Arc;

use dialects::Dialect;
use dialects::timex::{NAME, Options, TimeX};
use model::{Address, Instrument, InstrumentId, Listing, Minimum, Quantity, Side, Time};
use serde_json::{Value, json};
use testkit::people::{self, Person};
use testkit::served::line::frame;
use testkit::served::{self, Heard, Line, Served};

const START: Time = Time(1_795_348_800_000_000);

fn setup() -> served::Setup {
    let instrument = |id, base: &str, quote: &str, price_decimals| Instrument {
        id: InstrumentId(id),
        base: base.into(),
        quote: quote.into(),
        price_decimals,
        tick_units: 1,
        quantity_decimals: 4,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    let listing = |instrument: Instrument| Listing {
        description: format!("{} / {}", instrument.base, instrument.quote),
        symbols: vec![(NAME.to_owned(), format!("{}{}", instrument.base, instrument.quote))],
        instrument,
    };
    let mut setup = served::Setup::bitstamp();
    setup.listings =
        vec![listing(instrument(0, "ETH", "AUDT", 2)), listing(instrument(1, "BTC", "USDT", 2))];
    setup.begins = START;
    let dialect = TimeX::new(&setup.listings, Options::default()).expect("symbols in order");
    setup.manners = dialect.manners().clone();
    setup.dialect = Arc::new(dialect);
    setup
}

fn serve() -> Served {
    setup().serve()
}

/// The next message, whatever it is.
fn next(line: &mut Line) -> Value {
    match line.hear() {
        Heard::Text(text) => serde_json::from_str(&text).expect("JSON"),
        other => panic!("a message, not {other:?}"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}"))
}

/// A decimal number in a text, as such clients read it.
fn number(value: &Value) -> f64 {
    text(value).parse().unwrap_or_else(|_| panic!("a number, not {value}"))
}

/// Asks over HTTP.
fn get(served: &Served, path: &str, basic: Option<&str>) -> Value {
    let mut line = served.line();
    let authorization = basic.map(|it| format!("Authorization: Basic {it}\r\n"));
    line.send(format!(
        "GET /timex{path} HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        authorization.unwrap_or_default()
    ));
    let (head, body) = line.answer().expect("an answer");
    assert_eq!(head.status, 200, "{body}");
    assert_eq!(head.header("content-type"), Some("application/json"), "exactly");
    serde_json::from_str(&body).expect("JSON")
}

fn auth(person: &Person) -> Value {
    json!({"id": person.key, "secret": person.secret})
}

/// The arbitrage bots: one message on a fresh socket, and the very next frame is its answer.
fn bot(served: &Served, person: &Person, stream: &str, payload: Value) -> Value {
    let mut line = served.client();
    let message = json!({
        "type": "REST", "requestId": "uniqueID", "stream": stream, "auth": auth(person), "payload": payload,
    });
    line.say(&message.to_string());
    let answer = next(&mut line);
    assert_eq!(answer["requestId"], "uniqueID", "{answer}");
    assert_eq!(answer.get("type"), None, "{answer}");
    answer["responseBody"].clone()
}

#[test]
fn bots_that_take_the_first_frame_as_the_answer() {
    let served = serve();
    let [alice, bob, ..] = people::PEOPLE;
    let order = json!({
        "price": "1800.5", "quantity": 0.5, "side": "BUY", "type": "LIMIT", "symbol": "ETHAUDT",
        "clientOrderId": "bot-1", "expireTime": "2026-11-23T12:00:00.000Z",
    });
    let placed = bot(&served, &alice, "/post/trading/orders/json", json!({"body": [order]}));
    let id = text(&placed["orders"][0]["id"]).to_owned();

    let payload = json!({"pageable": {"page": 0, "size": 20}});
    let open = bot(&served, &alice, "/get/trading/orders", payload.clone());
    assert_eq!(open["orders"][0]["id"], *id);
    let found = bot(&served, &alice, "/get/history/orders", payload.clone());
    assert_eq!(found["orders"][0]["clientOrderId"], "bot-1", "the newest comes first");

    let sell = json!({"price": "1800", "quantity": "0.25", "side": "SELL", "type": "LIMIT",
        "symbol": "ETHAUDT", "expireTime": "2026-11-23T12:00:00.000Z"});
    bot(&served, &bob, "/post/trading/orders/json", json!({"body": [sell]}));
    let trades = bot(&served, &alice, "/get/history/trades", payload);
    let last = &trades["trades"][0];
    assert_eq!((text(&last["symbol"]), text(&last["side"])), ("ETHAUDT", "BUY"));
    assert_eq!((number(&last["price"]), number(&last["quantity"])), (1800.5, 0.25));
    assert_eq!((text(&last["makerOrTaker"]), text(&last["feeToken"])), ("MAKER", "AUDT"));
    assert!(number(&last["fee"]) > 0.0);

    let change = json!({"body": [{"id": id, "price": "1801", "quantity": "0.1", "expireTime": "2026-11-23T12:00:00.000Z"}]});
    let changed = bot(&served, &alice, "/put/trading/orders/json", change);
    assert_eq!(changed["changedOrders"][0]["oldId"], *id);
    let new = text(&changed["changedOrders"][0]["newOrder"]["id"]).to_owned();
    let gone = bot(&served, &alice, "/delete/trading/orders/json", json!({"body": [{"id": new}]}));
    assert_eq!(gone["changedOrders"][0]["newOrder"]["id"], *new);
    assert_eq!(gone["unchangedOrders"], json!([]));
}

#[test]
fn a_bot_that_polls_the_book_in_a_loop() {
    let served = serve();
    served.market.rest(0, Side::Buy, 180_000, 5_000);
    served.market.rest(0, Side::Sell, 181_000, 7_000);
    served.market.tick();
    served.market.settle();
    let mut line = served.client();
    let ask = r#"{"type":"REST","requestId":"uniqueID","stream":"/get/public/orderbook/raw","payload":{"market":"ETHAUDT","limit":20}}"#;
    for _ in 0..1_000 {
        line.say(ask);
        let answer = next(&mut line);
        let book = &answer["responseBody"];
        assert_eq!(
            (number(&book["bid"][0]["price"]), number(&book["ask"][0]["price"])),
            (1800.0, 1810.0)
        );
        assert!(text(&book["timestamp"]).ends_with('Z'));
    }
}

/// Price and quantity.
type Rows = Vec<[f64; 2]>;

/// What py-timex keeps: books by market, orders by id, balances, and who waits for which answer.
#[derive(Default)]
struct PyTimex {
    books: BTreeMap<String, (Rows, Rows)>,
    groups: BTreeMap<String, usize>,
    orders: BTreeMap<String, String>,
    balances: BTreeMap<String, [f64; 2]>,
    answers: BTreeMap<String, Value>,
    subscribed: usize,
}

impl PyTimex {
    /// Its one handler of messages.
    fn handle(&mut self, message: &Value) {
        match message.get("type").and_then(Value::as_str) {
            Some("SUBSCRIBED") => {
                self.subscribed += 1;
                let snapshot = message["payload"].get("snapshot");
                for balance in snapshot
                    .and_then(|it| it.get("balances"))
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    self.balance(balance);
                }
                let orders = snapshot.and_then(|it| it.get("openOrders")).and_then(Value::as_array);
                for order in orders
                    .into_iter()
                    .flatten()
                    .flat_map(|it| it["orders"].as_array().expect("a list"))
                {
                    self.order(order, "ACTIVE");
                }
            }
            Some("ACCOUNT_SUBSCRIPTION") => {
                let payload = &message["payload"];
                match payload.get("balance") {
                    Some(balance) => self.balance(balance),
                    None => self.order(&payload["order"], text(&payload["orderStatus"])),
                }
            }
            Some("MESSAGE") => {
                let event = &message["message"]["event"];
                let data = &event["data"];
                let market = text(&data["market"]).to_owned();
                let side = |orders: &Value, size: &str| -> Vec<[f64; 2]> {
                    let all = orders.as_array().expect("a side").iter();
                    all.map(|it| [number(&it["price"]), number(&it[size])]).collect()
                };
                match text(&event["type"]) {
                    "RAW_ORDER_BOOK_UPDATED" => {
                        let book = &data["rawOrderBook"];
                        // An event for a market that it did not ask for is a mistake of the server.
                        let known =
                            self.books.get_mut(&market).expect("a market that was asked for");
                        *known = (side(&book["bid"], "quantity"), side(&book["ask"], "quantity"));
                    }
                    "GROUP_ORDER_BOOK_UPDATED" => {
                        let book = &data["orderbook"];
                        side(&book["bid"], "volume");
                        side(&book["ask"], "volume");
                        *self.groups.entry(market).or_default() += 1;
                    }
                    other => panic!("nobody asked for {other}"),
                }
            }
            Some(other) => panic!("it knows no {other}"),
            None => {
                assert_eq!(message["status"], "SUCCESS", "{message}");
                self.answers.insert(
                    text(&message["requestId"]).to_owned(),
                    message["responseBody"].clone(),
                );
            }
        }
    }

    fn balance(&mut self, balance: &Value) {
        let amounts = [number(&balance["totalBalance"]), number(&balance["lockedBalance"])];
        self.balances.insert(text(&balance["currency"]).to_owned(), amounts);
    }

    fn order(&mut self, order: &Value, status: &str) {
        // It indexes each of these, null or not.
        for member in [
            "id",
            "symbol",
            "side",
            "type",
            "quantity",
            "filledQuantity",
            "cancelledQuantity",
            "avgPrice",
            "price",
            "clientOrderId",
        ] {
            assert!(order.get(member).is_some(), "{member} of {order}");
        }
        self.orders.insert(text(&order["id"]).to_owned(), status.to_owned());
    }

    /// Waits for the answer to a request, and handles what comes before it.
    fn wait(&mut self, line: &mut Line, request: &str) -> Value {
        loop {
            if let Some(answer) = self.answers.remove(request) {
                return answer;
            }
            self.handle(&next(line));
        }
    }

    fn until(&mut self, line: &mut Line, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            self.handle(&next(line));
        }
    }
}

#[test]
fn py_timex_from_its_first_request_to_a_cancel() {
    let served = serve();
    let alice = people::PEOPLE[0];
    let me = get(&served, "/custody/credentials/me", Some(&alice.basic()));
    let address = text(&me["address"]).to_owned();
    assert_eq!(address, Address::of_account(alice.account).to_string());

    let mut line = served.client();
    let mut client = PyTimex::default();
    let rest = |id: &str, stream: &str, payload: Value| {
        json!({"type": "REST", "requestId": id, "stream": stream, "auth": auth(&alice), "payload": payload}).to_string()
    };
    line.say(&rest("1", "/get/trading/balances", json!({})));
    let balances = client.wait(&mut line, "1");
    let held =
        balances.as_array().expect("a bare array").iter().find(|it| it["currency"] == "AUDT");
    assert_eq!(number(&held.expect("it has some")["lockedBalance"]), 0.0);
    line.say(&json!({
        "type": "ACCOUNT_SUBSCRIBE", "requestId": "acs", "account": address, "auth": auth(&alice), "snapshot": true,
    }).to_string());
    for (at, market) in ["ETHAUDT", "BTCUSDT"].into_iter().enumerate() {
        let id = format!("book-{at}");
        line.say(&rest(&id, "/get/public/orderbook/raw", json!({"market": market})));
        let book = client.wait(&mut line, &id);
        assert_eq!(book["bid"], json!([]), "{book}");
        client.books.insert(market.to_owned(), Default::default());
        // Each has the same id, and a key of nulls.
        for (family, snapshot) in [("orderbook.raw", None), ("orderbook.group", Some(true))] {
            let mut subscribe = json!({
                "type": "SUBSCRIBE", "requestId": "uniqueID", "pattern": format!("/{family}/{market}"),
                "auth": {"id": null, "secret": null},
            });
            if let Some(snapshot) = snapshot {
                subscribe["snapshot"] = snapshot.into();
            }
            line.say(&subscribe.to_string());
        }
    }
    client.until(&mut line, |client| client.subscribed == 5);
    assert_eq!(client.balances["AUDT"][1], 0.0, "it came with the snapshot of the account");

    line.say(&rest("2", "/post/trading/orders", json!({
        "price": [1800.5], "quantity": [0.5], "side": ["BUY"], "orderTypes": ["LIMIT"], "symbol": ["ETHAUDT"],
        "expireIn": [60],
    })));
    let placed = client.wait(&mut line, "2");
    let id = text(&placed["orders"][0]["id"]).to_owned();
    client.until(&mut line, |client| client.balances["AUDT"][1] > 0.0);
    assert_eq!(client.orders[&id], "ACTIVE");
    served.market.tick();
    served.market.settle();
    client.until(&mut line, |client| {
        !client.books["ETHAUDT"].0.is_empty() && !client.groups.is_empty()
    });
    assert_eq!(client.books["ETHAUDT"].0, [[1800.5, 0.5]]);

    line.say(&rest("3", "/delete/trading/orders", json!({"id": [id]})));
    let changed = client.wait(&mut line, "3");
    assert_eq!(changed["unchangedOrders"], json!([]));
    client.until(&mut line, |client| client.balances["AUDT"][1] == 0.0);
    assert_eq!(client.orders[&id], "CANCELLED");
}

#[test]
fn ccxt_s_draft_with_ids_that_are_numbers() {
    let served = serve();
    let alice = people::PEOPLE[0];
    let currencies = get(&served, "/public/currencies", None);
    let decimals = |symbol: &str| {
        let all = currencies.as_array().expect("a list");
        let currency = all.iter().find(|it| it["symbol"] == symbol).expect("it is listed");
        i32::try_from(currency["tradeDecimals"].as_i64().expect("a number")).expect("few")
    };
    let mut line = served.client();
    let address = Address::of_account(alice.account).to_string();
    let asks = [
        json!({"type": "ACCOUNT_SUBSCRIBE", "requestId": 1, "account": address, "auth": auth(&alice), "snapshot": true}),
        json!({"type": "SUBSCRIBE", "requestId": 2, "pattern": "/ticker/ETHAUDT/D1"}),
        json!({"type": "SUBSCRIBE", "requestId": "uniqueID", "pattern": "/trade.symbols/ETH/AUDT"}),
        json!({"type": "SUBSCRIBE", "requestId": 3, "pattern": "/orderbook.raw/ETHAUDT", "snapshot": true}),
        json!({"type": "SUBSCRIBE", "requestId": "1663610225129", "pattern": "/order-update/.*", "snapshot": true}),
    ];
    for ask in &asks {
        line.say(&ask.to_string());
        let reply = next(&mut line);
        assert_eq!(reply["type"], "SUBSCRIBED", "{reply}");
        let id =
            ask["requestId"].as_str().map_or_else(|| ask["requestId"].to_string(), str::to_owned);
        assert_eq!(reply["requestId"], *id, "as a text");
    }
    served.market.rest(0, Side::Sell, 180_000, 5_000);
    served.market.take(0, Side::Buy, 2_500);
    served.market.tick();
    served.market.settle();
    let mut told = BTreeMap::new();
    while told.len() < 3 {
        let message = next(&mut line);
        assert_ne!(message["status"], "ERROR");
        let event = message["message"]["event"].clone();
        told.insert(text(&event["type"]).to_owned(), event);
    }
    let trade = &told["TRADE"];
    let amount = |name: &str| {
        let symbol = text(&trade["data"][format!("{name}TokenSymbol")]);
        number(&trade["data"][format!("{name}TokenAmount")]) / 10_f64.powi(decimals(symbol))
    };
    assert_eq!((amount("base"), amount("quote")), (0.25, 450.0));
    assert_eq!(trade["timestamp"], "2026-11-22T12:00:00.000");
    let book = &told["RAW_ORDER_BOOK_UPDATED"]["data"]["rawOrderBook"];
    assert_eq!(
        (number(&book["ask"][0]["price"]), number(&book["ask"][0]["quantity"])),
        (1800.0, 0.25)
    );
    assert_eq!(told["TICKER_UPDATED"]["data"]["ticker"]["last"], "1800");
}

#[test]
fn the_collector_of_trades_and_books_of_all_markets() {
    let served = serve();
    let markets = get(&served, "/public/markets", None);
    let mut line = served.client();
    for market in markets.as_array().expect("a list") {
        let (base, quote) = (text(&market["baseTokenAddress"]), text(&market["quoteTokenAddress"]));
        for pattern in [
            format!("^/trade/{base}/{quote}"),
            format!("/orderbook.group/{}", text(&market["symbol"])),
        ] {
            line.say(
                &json!({"type": "SUBSCRIBE", "requestId": "1", "pattern": pattern}).to_string(),
            );
            assert_eq!(next(&mut line)["type"], "SUBSCRIBED");
        }
    }
    // It pings every four seconds.
    line.send(frame(0x89, b"four"));
    assert_eq!(line.hear(), Heard::Pong(b"four".to_vec()));
    served.market.rest(1, Side::Sell, 6_000_000, 5_000);
    served.market.take(1, Side::Sell, 1);
    served.market.take(1, Side::Buy, 2_500);
    served.market.tick();
    served.market.settle();
    let trade = next(&mut line);
    let (event, payload) = (&trade["message"]["event"], &trade["message"]["payload"]);
    assert_eq!(event["type"], "TRADE");
    assert_eq!([text(&event["topics"][0]), text(&event["topics"][1])].concat(), "BTCUSDT");
    text(&event["reference"]).parse::<u64>().expect("a number in a text");
    assert_eq!(
        [text(&payload["direction"]), text(&payload["price"]), text(&payload["quantity"])],
        ["BUY", "60000", "0.25"]
    );
    let book = next(&mut line);
    let event = &book["message"]["event"];
    assert_eq!((text(&event["reference"]), text(&event["data"]["market"])), ("BTCUSDT", "BTCUSDT"));
    let level = &event["data"]["orderbook"]["ask"][0];
    assert_eq!(
        [text(&level["price"]), text(&level["volume"])].concat(),
        "600000.25",
        "it joins texts"
    );
}

#[test]
fn a_flood_of_costly_requests_is_answered_and_disturbs_nobody() {
    // Session time stands still, so that 1,800 requests are answered, and no other.
    let served = setup().session_by_hand().serve();
    let mut other = served.client();
    other.say(r#"{"type":"SUBSCRIBE","requestId":"1","pattern":"/trade.symbols/ETH/AUDT"}"#);
    assert_eq!(next(&mut other)["type"], "SUBSCRIBED");
    let mut flood = served.client();
    let address = "0x5E0EBAEd421589102AB78622e2F0cc6B632dc462";
    let asks = [
        r#"{"type":"SUBSCRIBE","requestId":1,"pattern":"(a|b)*a(a|b){20}"}"#.to_owned(),
        r#"{"type":"SUBSCRIBE","requestId":2,"pattern":"^(([a-z/])+.)+[A-Z]([a-z])+$"}"#.to_owned(),
        r#"{"type":"SUBSCRIBE","requestId":3,"pattern":"/orderbook.raw/ethaudt"}"#.to_owned(),
        format!(r#"{{"type":"UNSUBSCRIBE","requestId":4,"subscriptionId":"{address}"}}"#),
    ];
    let pair = [
        r#"{"type":"SUBSCRIBE","requestId":5,"pattern":"/group/ETHAUDT"}"#,
        r#"{"type":"UNSUBSCRIBE","requestId":6,"subscriptionId":"nothing"}"#,
    ];
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..20 {
        asks.iter().for_each(|ask| flood.say(ask));
        (0..98).flat_map(|_| pair).for_each(|ask| flood.say(ask));
        for _ in 0..200 {
            let answer = next(&mut flood);
            let words = answer["message"].as_str().unwrap_or("SUBSCRIBED");
            *told.entry(words.to_owned()).or_default() += 1;
        }
        served.market.trade(0, 180_000 + round, 1);
        served.market.settle();
        assert_eq!(next(&mut other)["message"]["event"]["type"], "TRADE");
    }
    let expected = [
        ("Address must be lowercase: 0x5E0EBAEd421589102AB78622e2F0cc6B632dc462", 9),
        ("Invalid pattern", 9),
        ("SUBSCRIBED", 9 + 9 * 98),
        ("Subscription not found", 9 * 98),
        ("Symbol must be uppercase: ethaudt", 9),
        ("Too many requests", 11 * 200),
    ];
    assert_eq!(told, expected.map(|(words, count)| (words.to_owned(), count)).into());
    // A frame past the limit ends it, and nobody else.
    let _gone = flood.try_send(frame(0x81, &vec![b' '; 1 << 20]));
    assert_eq!(flood.hear(), Heard::Close(Some(1009), "message too big".into()));
    served.market.trade(0, 180_000, 1);
    served.market.settle();
    assert_eq!(next(&mut other)["message"]["payload"]["price"], "1800");
}
