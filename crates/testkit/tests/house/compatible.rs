//! Clients that behave like those which the venues' real users run, over real sockets; as unlike our own connector as
//! they are. What each of them does, and what it hangs or breaks on, is from the compatibility tables (xRocket A10).

use std::collections::BTreeMap;

use model::{
    AccountId, Action, InstrumentId, NewOrder, OrderKind, Price, Quantity, Side, TimeInForce,
};
use serde_json::{Value, json};
use testkit::people::called;
use testkit::served::{Heard, Line, Served, Setup};

/// Sends one request after the other, each with the next id as a text, and waits for the reply to it, which it finds
/// by `str(id)`; whatever else comes meanwhile it takes for a push. Its books and lists are replaced by what says so.
struct Patient {
    line: Line,
    next_id: u32,
    tickers: Vec<Value>,
    candles: Vec<Value>,
    trades: Vec<Value>,
    /// The number of the last word, and what it has made of the book; `None` until it is known.
    book: Option<(u64, Levels)>,
    balances: Vec<Value>,
    orders: Vec<Value>,
}

/// Sizes by side (whether it is the bids') and price.
type Levels = BTreeMap<(bool, String), String>;

/// What it asks of a ticker before it believes it.
const TICKER: [&str; 12] = [
    "symbol",
    "startTime",
    "endTime",
    "open",
    "close",
    "high",
    "low",
    "changeRate",
    "changePrice",
    "baseVolume",
    "quoteVolume",
    "last",
];

impl Patient {
    fn connect(served: &Served) -> Self {
        Self {
            line: served.client(),
            next_id: 1,
            tickers: Vec::new(),
            candles: Vec::new(),
            trades: Vec::new(),
            book: None,
            balances: Vec::new(),
            orders: Vec::new(),
        }
    }

    fn next(&mut self) -> Value {
        match self.line.hear() {
            Heard::Text(text) => serde_json::from_str(&text).expect("JSON"),
            heard => panic!("the client did not expect {heard:?}"),
        }
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.next_id.to_string();
        self.next_id += 1;
        self.line.say(&json!({"id": id, "method": method, "params": params}).to_string());
        loop {
            let message = self.next();
            if message["id"] == id.as_str() {
                assert!(message["error"].is_null(), "{message}");
                return message["result"].clone();
            }
            self.push(&message);
        }
    }

    fn subscribe(&mut self, params: &Value) {
        let result = self.request("subscribe", params);
        assert_eq!(result["success"], true, "{result}");
        if params["channel"] == "orderbook" {
            self.replace_book(&result);
        }
        if let Some(candles) = result["candles"].as_array() {
            candles.iter().for_each(|candle| self.candle(candle));
        }
    }

    /// Says a ping that nobody waits for, and another: what was told before the first has come with the second's reply.
    fn catch_up(&mut self) {
        for _ in 0..2 {
            self.line.say(r#"{"id":"beat","method":"ping"}"#);
        }
        let mut beats = 0;
        while beats < 2 {
            let message = self.next();
            match message["id"] == "beat" {
                true => beats += 1,
                false => self.push(&message),
            }
        }
    }

    fn push(&mut self, message: &Value) {
        assert_eq!(message["method"], "subscription", "{message}");
        assert!(message.get("id").is_none(), "{message}");
        let data = &message["params"]["data"];
        match message["params"]["channel"].as_str().expect("a channel") {
            "ticker" => {
                for member in TICKER {
                    assert!(data["ticker"][member].is_string(), "{member} of {message}");
                }
                self.tickers.push(data["ticker"].clone());
            }
            "candles" => self.candle(&data["candle"]),
            "trades" => self.trades.extend(data["trades"].as_array().expect("trades").clone()),
            "orderbook" => match data["snapshot"].as_bool().expect("a boolean") {
                true => self.replace_book(data),
                false => self.merge_book(data),
            },
            "balances" => self.balances.clone_from(data["balances"].as_array().expect("balances")),
            "activeOrders" => self.orders.clone_from(data["orders"].as_array().expect("orders")),
            other => panic!("nobody subscribed to {other}"),
        }
    }

    fn candle(&mut self, candle: &Value) {
        let parts = candle.as_array().expect("a candle is an array");
        assert!(parts.len() == 6 && parts.iter().all(Value::is_string), "{candle}");
        self.candles.push(candle.clone());
    }

    fn replace_book(&mut self, data: &Value) {
        for total in ["bidTotalAmount", "askTotalAmount"] {
            assert!(data[total].is_string(), "{data}");
        }
        let sequence = data["sequence"].as_str().expect("a text").parse().expect("digits");
        self.book = Some((sequence, Levels::new()));
        self.take_levels(data);
    }

    fn merge_book(&mut self, data: &Value) {
        let (sequence, _) = self.book.as_mut().expect("the book came with the reply");
        *sequence += 1;
        assert_eq!(data["sequence"], sequence.to_string(), "{data}");
        self.take_levels(data);
    }

    fn take_levels(&mut self, data: &Value) {
        let (_, levels) = self.book.as_mut().expect("a book");
        for (is_bid, side) in [(true, "bids"), (false, "asks")] {
            for level in data[side].as_array().expect("levels") {
                let text = |at: usize| level[at].as_str().expect("a text").to_owned();
                match text(1).as_str() {
                    "0" => drop(levels.remove(&(is_bid, text(0)))),
                    _ => drop(levels.insert((is_bid, text(0)), text(1))),
                }
            }
        }
    }
}

fn place(account: u32, side: Side, price: i64, quantity: i64) -> Action {
    Action::Place(NewOrder {
        account: AccountId(account),
        instrument: InstrumentId(0),
        side,
        kind: OrderKind::Limit(Price(price)),
        quantity: Quantity(quantity),
        time_in_force: TimeInForce::GoodTillCanceled,
        post_only: false,
        trigger: None,
    })
}

#[test]
fn one_that_awaits_every_reply_and_knows_it_by_its_id() {
    let served = Setup::xrocket().serve();
    served.market.act(place(2, Side::Sell, 6_000_000, 300));
    served.market.act(place(1, Side::Buy, 6_000_000, 100));
    served.market.tick();
    served.market.settle();
    let mut client = Patient::connect(&served);
    let token = called("alice").expect("alice").token;
    assert_eq!(client.request("auth", &json!({"token": token})), json!({"success": true}));
    client.subscribe(&json!({"channel": "ticker", "symbol": "BTC-USD", "interval": "1day"}));
    client.subscribe(&json!({"channel": "candles", "symbol": "BTC-USD", "type": "1hour",
        "snapshot": {"startAt": "2027-01-15T00:00:00+00:00", "endAt": "2027-01-15T23:00:00+00:00"}}));
    client.subscribe(&json!({"channel": "orderbook", "symbol": "BTC-USD", "depth": 20}));
    client.subscribe(&json!({"channel": "trades", "symbol": "BTC-USD"}));
    client.subscribe(&json!({"channel": "balances"}));
    client.subscribe(&json!({"channel": "activeOrders"}));
    client.catch_up();
    assert_eq!(client.tickers.len(), 1, "a ticker comes at once");
    assert_eq!(client.candles.len(), 1, "the range is in the reply");
    assert!(client.orders.is_empty() && client.trades.is_empty());
    let holds = |client: &Patient, asset: &str| {
        let balance = client.balances.iter().find(|it| it["asset"] == asset);
        balance.expect("all assets are told, each time")["holds"].clone()
    };
    assert_eq!(holds(&client, "USD"), "0");

    // Her order rests; then it is filled by one that trades with two others too.
    served.market.act(place(1, Side::Buy, 5_900_000, 100));
    served.market.act(place(3, Side::Buy, 5_950_000, 100));
    served.market.tick();
    served.market.settle();
    client.catch_up();
    assert_eq!((client.orders.len(), &client.orders[0]["status"]), (1, &json!("working")));
    assert_ne!(holds(&client, "USD"), "0");
    served.market.act(place(2, Side::Sell, 5_900_000, 150));
    (0..4).for_each(|_| served.market.tick());
    served.market.settle();
    client.catch_up();
    let prices: Vec<&Value> = client.trades.iter().map(|trade| &trade["price"]).collect();
    assert_eq!(prices, ["59500.00", "59000.00"]);
    assert_eq!(client.orders[0]["status"], "working");
    assert_eq!(client.orders[0]["dealSize"], "0.00000050");
    let last = client.candles.last().expect("it was traded");
    assert_eq!(last[2], "59000.00", "close comes before high and low: {last}");
    assert_eq!(client.tickers.last().expect("it was traded")["last"], "59000.00");
    let (sequence, levels) = client.book.as_ref().expect("a book");
    let shown: Vec<_> = levels.iter().map(|((bid, at), size)| (*bid, &**at, &**size)).collect();
    let wanted = [(false, "60000.00", "0.00000200"), (true, "59000.00", "0.00000050")];
    assert_eq!(shown, wanted, "as of {sequence}");
    assert_eq!(holds(&client, "BTC"), "0");
}

#[test]
fn one_that_takes_the_first_frame_for_the_answer_and_counts_in_numbers() {
    let served = Setup::xrocket().serve();
    let token = called("bob").expect("bob").token;
    served.market.trade(0, 6_000_000, 3);
    served.market.tick();
    served.market.settle();
    let channels = [
        json!({"channel": "ticker", "symbol": "BTC-USD", "interval": "1min"}),
        json!({"channel": "allTickers", "interval": "1day"}),
        json!({"channel": "orderbook", "symbol": "BTC-USD", "depth": 5, "precision": "1"}),
        json!({"channel": "trades", "symbol": "BTC-USD"}),
        json!({"channel": "candles", "symbol": "BTC-USD", "type": "1min"}),
        json!({"channel": "balances"}),
        json!({"channel": "activeOrders"}),
    ];
    for round in 0..20 {
        for channel in &channels {
            let mut line = served.client();
            let mut answer = |method: &str, params: &Value| {
                // Every request has the same id, and says which protocol it takes this for.
                line.say(
                    &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
                        .to_string(),
                );
                // Meanwhile the market goes on.
                served.market.trade(0, 6_000_000 + round, 2);
                served.market.act(place(2, Side::Buy, 5_000_000 - round, 10));
                (0..11).for_each(|_| served.market.tick());
                served.market.settle();
                match line.hear() {
                    Heard::Text(text) => serde_json::from_str::<Value>(&text).expect("JSON"),
                    heard => panic!("an answer, not {heard:?}"),
                }
            };
            if channel["symbol"].is_null() {
                let reply = answer("auth", &json!({"token": token}));
                assert_eq!(reply, json!({"id": 1, "result": {"success": true}}));
            }
            let reply = answer("subscribe", channel);
            assert_eq!(reply["id"], 1, "{reply}");
            assert_eq!(reply["result"]["success"], true, "{reply}");
            assert!(reply.get("jsonrpc").is_none() && reply.get("params").is_none(), "{reply}");
        }
    }
}
