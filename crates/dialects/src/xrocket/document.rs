//! What machines are told of the socket.

mod http;

use super::channel::{DEPTHS, INTERVALS};
use super::wire::failure::CODES;
use crate::document::{
    AsyncApi, Channel, Direction, Documents, Member, Message, Operation, Parameter, Schema,
    Security, Server, Value, boolean, choice, constant, either, integer, list, may, must, null,
    number, object, reference, row, text, text_like,
};

const ABOUT: &str = "Market data of a spot exchange, and what an account holds and has ordered.\n\n\
Requests and replies are in the manner of JSON-RPC, without its `jsonrpc` member: a reply has the id of its request, as \
it was written. What is subscribed to is pushed with the method `subscription`. A reply comes before the first push of \
its subscription, and after the last. Public channels are for everybody; `balances` and `activeOrders` are for who has \
sent `auth` on the same connection. The addresses of channels here are a way to name subscriptions; what is sent are the \
parameters in them, as members of `params`.\n\n\
Prices, sizes, rates and numbers of updates are texts. Moments are ISO 8601 in UTC with milliseconds.\n\n\
Limits: 20 requests a second and 60 at once, then -32050; 256 subscriptions; 64 KiB a message; 1,500 candles a \
snapshot. A client has to say something every 60 s: `ping` is for that.\n\n\
| close | when |\n|---|---|\n\
| 1001 `idle timeout` | 60 s without a word from the client |\n\
| 1001 | the server shuts down |\n\
| 1007 | a text that is no UTF-8 |\n\
| 1008 | 600 refusals in a minute, or 10 failed logins |\n\
| 1008 `slow consumer` | 4 MiB wait to be read, nothing was read for 60 s, or something waits for 120 s |\n\
| 1008 `too many connections` | the key has let in as many connections as the venue lets a key have |\n\
| 1009 | a message was too long |";

/// The documents.
pub fn documents() -> Documents {
    let venue = |id, host, about| Server { id, host, path: "/", protocol: "wss", about };
    let asyncapi = AsyncApi {
        title: "xRocket exchange WebSocket API",
        about: ABOUT,
        servers: vec![
            Server::demo("ws", "/xrocket"),
            venue("venue", "exchange.app-api.xrocket.exchange", "The venue itself"),
            venue(
                "testnet",
                "exchange.app-api.testnet.xrocket.exchange",
                "The venue's test network",
            ),
        ],
        security: vec![Security {
            id: "token",
            members: &[("type", "http"), ("scheme", "bearer"), ("bearerFormat", "JWT")],
            about: "A JSON web token of the account, sent with `auth` once the socket is open.",
        }],
        channels: channels(),
        operations: operations(),
        messages: messages(),
        schemas: schemas(),
    };
    Documents { asyncapi, openapi: Some(http::openapi(schemas())) }
}

const METHODS: [(&str, &str); 5] = [
    ("ping", "Say that one is still there"),
    ("auth", "Show a token"),
    ("subscribe", "Begin to be told of a channel"),
    ("unsubscribe", "End subscriptions of a channel"),
    ("unsubscribeAll", "End all subscriptions"),
];

/// Id, address, message, title, what is told.
const FEEDS: [(&str, &str, &str, &str, &str); 7] = [
    (
        "ticker",
        "ticker/{symbol}/{interval}",
        "tickerPush",
        "Statistics of a symbol",
        "A window that rolls and ends now. Told once when subscribed, then when a trade changed it, at most every 300 ms; \
      without trades once a minute.",
    ),
    (
        "allTickers",
        "allTickers/{interval}",
        "allTickersPush",
        "Statistics of all symbols",
        "All symbols when subscribed, then those that changed, at most once a second.",
    ),
    (
        "orderbook",
        "orderbook/{symbol}/{depth}/{precision}",
        "orderbookPush",
        "Best levels of a book",
        "The reply to `subscribe` is the whole book. Each push has the number after the one before it, and the levels that \
      changed, with their new sizes; `0` takes a level away. Who reads too slowly is told the whole book \
      again: a push with `snapshot`, under the number of the last. `depth` and `precision` may be left out.",
    ),
    (
        "trades",
        "trades/{symbol}",
        "tradesPush",
        "Trades of a symbol",
        "As they happen, those of one order in one push; none from before.",
    ),
    (
        "candles",
        "candles/{symbol}/{interval}",
        "candlesPush",
        "Candles of a symbol",
        "The running candle whenever it changed, at most every 300 ms. One with another start means that the former is \
      final. With `snapshot`, the reply to `subscribe` has candles of the past.",
    ),
    (
        "balances",
        "balances",
        "balancesPush",
        "What the account holds",
        "All assets when subscribed, and all of them again whenever one changes.",
    ),
    (
        "activeOrders",
        "activeOrders",
        "activeOrdersPush",
        "The account's orders",
        "All active orders when subscribed, then each order that changed, its last state included.",
    ),
];

fn is_private(channel: &str) -> bool {
    matches!(channel, "balances" | "activeOrders")
}

fn parameters(address: &str) -> Vec<Parameter> {
    let parameter = |name, about, values, examples| Parameter { name, about, values, examples };
    let intervals = INTERVALS.iter().map(|it| it.name).collect();
    let all = [
        parameter("symbol", "`BASE-QUOTE` in upper case.", vec![], vec!["BTC-USD"]),
        parameter("interval", "How far it reaches. `candles` calls it `type`.", intervals, vec![]),
        parameter("depth", "How many levels a side.", vec![], vec!["20"]),
        parameter("precision", "The step in which prices are gathered.", vec![], vec!["0.01"]),
    ];
    all.into_iter().filter(|it| address.contains(&format!("{{{}}}", it.name))).collect()
}

fn channels() -> Vec<Channel> {
    let requests = Channel {
        id: "requests",
        address: None,
        title: "Requests and their replies",
        about: "What a client asks, and what is answered.",
        parameters: Vec::new(),
        query: None,
        messages: METHODS.iter().map(|it| it.0).chain(REPLIES).collect(),
    };
    let feed = |&(id, address, message, title, about)| Channel {
        id,
        address: Some(address),
        title,
        about,
        parameters: parameters(address),
        query: None,
        messages: vec![message],
    };
    [requests].into_iter().chain(FEEDS.iter().map(feed)).collect()
}

const REPLIES: [&str; 4] = ["success", "book", "candles", "error"];

fn operations() -> Vec<Operation> {
    let asked = |&(id, summary): &(&'static str, &'static str)| Operation {
        id,
        direction: Direction::Received,
        channel: "requests",
        summary,
        messages: vec![id],
        reply: if id == "subscribe" { REPLIES.into() } else { vec!["success", "error"] },
        security: Vec::new(),
    };
    let told =
        |&(id, _, message, summary, _): &(&'static str, _, &'static str, &'static str, _)| {
            Operation {
                id: message,
                direction: Direction::Sent,
                channel: id,
                summary,
                messages: vec![message],
                reply: Vec::new(),
                security: if is_private(id) { vec!["token"] } else { Vec::new() },
            }
        };
    METHODS.iter().map(asked).chain(FEEDS.iter().map(told)).collect()
}

fn request(method: &str, params: Option<Schema>) -> Schema {
    let id = must("id", reference("Id"), "Comes back in the reply, as it was written.");
    let method = must("method", constant(method), "What is to be done.");
    let params = params.map(|it| must("params", it, "What is needed for that."));
    object([id, method].into_iter().chain(params)).open()
}

fn reply(result: Vec<Member>) -> Schema {
    let done = must("success", boolean().with("const", Value::boolean(true)), "It was done.");
    let result = object([done].into_iter().chain(result));
    object([
        must("id", reference("Id"), "That of the request, as it was written."),
        must("result", result, "What came of it."),
    ])
}

fn push(channel: &str, echo: Vec<Member>, data: Vec<Member>) -> Schema {
    let channel = must("channel", constant(channel), "The channel.");
    let data = must("data", object(data), "What is told.");
    object([
        must("method", constant("subscription"), "Marks a push."),
        must("params", object([channel].into_iter().chain(echo).chain([data])), "Which, and what."),
    ])
}

fn symbol() -> Member {
    must("symbol", text(), "`BASE-QUOTE` in upper case.")
}
fn interval(name: &'static str) -> Member {
    must(name, reference("Interval"), "How far it reaches.")
}

fn messages() -> Vec<Message> {
    let message =
        |id, title, about, payload, examples| Message { id, title, about, payload, examples };
    let depth = || may("depth", reference("Depth"), "How many levels a side; 500 if left out.");
    let precision = || {
        let about = "The step in which prices are gathered, one of the symbol's; none if left out.";
        may("precision", text(), about)
    };
    let candles = || list(reference("Candle"));
    let channel = |it| must("channel", constant(it), "The channel.");
    let range = object([
        must("startAt", text(), "From here on: an instant of RFC 3339."),
        must("endAt", text(), "Up to here: an instant of RFC 3339."),
    ])
    .open();
    let subscribe = either([
        object([channel("ticker"), symbol(), interval("interval")]).open(),
        object([channel("allTickers"), interval("interval")]).open(),
        object([channel("orderbook"), symbol(), depth(), precision()]).open(),
        object([channel("trades"), symbol()]).open(),
        object([
            channel("candles"),
            symbol(),
            interval("type"),
            may("snapshot", range, "Candles of the past to begin with."),
        ])
        .open(),
        object([channel("balances")]).open(),
        object([channel("activeOrders")]).open(),
    ]);
    let names = FEEDS.map(|it| it.0);
    let unsubscribe = object([
        must("channel", choice(&names), "The channel. Alone it ends all subscriptions of it."),
        may("symbol", text(), "Of this symbol only."),
        may("interval", text(), "Of this interval only."),
        may("type", text(), "Of this interval only, of candles."),
        may("depth", integer(), "Of this depth only."),
        may("precision", text(), "Of this precision only."),
    ])
    .open();
    let token = object([must("token", text(), "A JSON web token.")]).open();
    vec![
        message(
            "ping",
            "Ping",
            "Nothing is done, but the connection lives on.",
            request("ping", None),
            vec![r#"{"id":1,"method":"ping"}"#],
        ),
        message(
            "auth",
            "Log in",
            "Shows a token; whoever shows another one is somebody else from then on.",
            request("auth", Some(token)),
            vec![
                r#"{"id":1,"method":"auth","params":{"token":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOjEsImlhdCI6MTc5NTM0ODgwMH0.YWxpY2UncyBzaWduYXR1cmUgb2YgMzIgYnl0ZXMuLi4"}}"#,
            ],
        ),
        message(
            "subscribe",
            "Subscribe",
            "Begins a subscription. One with the same parameters is refused.",
            request("subscribe", Some(subscribe)),
            vec![
                r#"{"id":14,"method":"subscribe","params":{"channel":"orderbook","symbol":"BTC-USD","depth":5,"precision":"1"}}"#,
            ],
        ),
        message(
            "unsubscribe",
            "Unsubscribe",
            "Ends the subscriptions of a channel that have all the parameters given.",
            request("unsubscribe", Some(unsubscribe)),
            vec![r#"{"id":4,"method":"unsubscribe","params":{"channel":"trades"}}"#],
        ),
        message(
            "unsubscribeAll",
            "Unsubscribe from everything",
            "Ends all subscriptions; it is in order to have none.",
            request("unsubscribeAll", None),
            vec![r#"{"id":7,"method":"unsubscribeAll"}"#],
        ),
        message(
            "success",
            "Done",
            "What was asked is done.",
            reply(vec![]),
            vec![r#"{"id":1,"result":{"success":true}}"#],
        ),
        message(
            "book",
            "Subscribed to a book",
            "The whole book as it is; pushes go on from its number.",
            reply(book()),
            vec![
                r#"{"id":1,"result":{"success":true,"sequence":"2","bids":[["59990.00","2.00000000"]],"asks":[["60010.00","1.00000000"]],"askTotalAmount":"1.00000000","bidTotalAmount":"2.00000000"}}"#,
            ],
        ),
        message(
            "candles",
            "Subscribed to candles, with a snapshot",
            "Candles of the past, the oldest first.",
            reply(vec![must("candles", candles(), "The oldest first.")]),
            vec![
                r#"{"id":"3","result":{"success":true,"candles":[["2026-11-22T12:00:00.000Z","50000.00","50000.00","50000.00","50000.00","1.00000000"]]}}"#,
            ],
        ),
        message(
            "error",
            "Not done",
            "What was asked is not done. The id is null where none could be read.",
            object([
                must(
                    "id",
                    either([reference("Id"), null()]),
                    "That of the request, as it was written.",
                ),
                must("error", reference("Error"), "Why not."),
            ]),
            vec![
                r#"{"id":null,"error":{"code":-32700,"message":"Parse error","data":{"detail":"The message is not JSON"}}}"#,
            ],
        ),
        message(
            "tickerPush",
            "Statistics of a symbol",
            "What happened within the window.",
            push(
                "ticker",
                vec![symbol(), interval("interval")],
                vec![must("ticker", reference("Ticker"), "The statistics.")],
            ),
            vec![
                r#"{"method":"subscription","params":{"channel":"ticker","symbol":"BTC-USD","interval":"1day","data":{"ticker":{"symbol":"BTC-USD","startTime":"2026-11-21T12:00:00.000Z","endTime":"2026-11-22T12:00:00.000Z","open":"0","close":"0","high":"0","low":"0","changeRate":"0","changePrice":"0","baseVolume":"0","quoteVolume":"0","last":"0"}}}}"#,
            ],
        ),
        message(
            "allTickersPush",
            "Statistics of several symbols",
            "Those that changed, or all of them at first.",
            push(
                "allTickers",
                vec![interval("interval")],
                vec![must("tickers", list(reference("Ticker")), "The statistics.")],
            ),
            vec![
                r#"{"method":"subscription","params":{"channel":"allTickers","interval":"1hour","data":{"tickers":[{"symbol":"BTC-USD","startTime":"2026-11-22T11:00:01.000Z","endTime":"2026-11-22T12:00:01.000Z","open":"50000.00","close":"50000.00","high":"50000.00","low":"50000.00","changeRate":"0","changePrice":"0","baseVolume":"2.00000000","quoteVolume":"100000","last":"50000.00"},{"symbol":"ETH-BTC","startTime":"2026-11-22T11:00:01.000Z","endTime":"2026-11-22T12:00:01.000Z","open":"0.050000","close":"0.050000","high":"0.050000","low":"0.050000","changeRate":"0","changePrice":"0","baseVolume":"1.00000000","quoteVolume":"0.05","last":"0.050000"}]}}}"#,
            ],
        ),
        message(
            "orderbookPush",
            "Levels that changed",
            "To be merged, or a whole book if `snapshot` says so.",
            push(
                "orderbook",
                vec![symbol(), depth(), precision()],
                [must("snapshot", boolean(), "Whether it replaces all that was known.")]
                    .into_iter()
                    .chain(book())
                    .collect(),
            ),
            vec![
                r#"{"method":"subscription","params":{"channel":"orderbook","symbol":"BTC-USD","depth":5,"data":{"snapshot":false,"sequence":"2","bids":[["100.00","0"]],"asks":[],"askTotalAmount":"0","bidTotalAmount":"0"}}}"#,
            ],
        ),
        message(
            "tradesPush",
            "Trades",
            "Trades that just happened.",
            push(
                "trades",
                vec![symbol()],
                vec![must("trades", list(reference("Trade")), "The oldest first.")],
            ),
            vec![
                r#"{"method":"subscription","params":{"channel":"trades","symbol":"DOGE-JPY","data":{"trades":[{"tradeId":"100000002","price":"12","side":"buy","time":"2026-11-22T12:00:00.000Z","size":"7"}]}}}"#,
            ],
        ),
        message(
            "candlesPush",
            "A candle",
            "The running candle as it is now.",
            push(
                "candles",
                vec![symbol(), interval("type")],
                vec![must("candle", reference("Candle"), "The candle.")],
            ),
            vec![
                r#"{"method":"subscription","params":{"channel":"candles","symbol":"BTC-USD","type":"1min","data":{"candle":["2026-11-22T12:00:00.000Z","51000.00","51000.00","51000.00","51000.00","1.00000000"]}}}"#,
            ],
        ),
        message(
            "balancesPush",
            "Balances",
            "All that the account holds.",
            push(
                "balances",
                vec![],
                vec![must("balances", list(reference("Balance")), "All assets.")],
            ),
            vec![
                r#"{"method":"subscription","params":{"channel":"balances","data":{"balances":[{"asset":"BTC","balance":"99999999","available":"99999995","holds":"4"},{"asset":"USD","balance":"100049950","available":"100049950","holds":"0"},{"asset":"EUR","balance":"100000000","available":"100000000","holds":"0"},{"asset":"ETH","balance":"100000000","available":"100000000","holds":"0"},{"asset":"XRP","balance":"100000000","available":"100000000","holds":"0"},{"asset":"DOGE","balance":"100000000","available":"100000000","holds":"0"},{"asset":"JPY","balance":"100000000","available":"100000000","holds":"0"}]}}}"#,
            ],
        ),
        message(
            "activeOrdersPush",
            "Orders",
            "Orders as they are now.",
            push(
                "activeOrders",
                vec![],
                vec![must(
                    "orders",
                    list(reference("Order")),
                    "Those that changed, or all that are active at first.",
                )],
            ),
            vec![
                r#"{"method":"subscription","params":{"channel":"activeOrders","data":{"orders":[]}}}"#,
            ],
        ),
    ]
}

fn decimal() -> Schema {
    reference("Decimal")
}
fn moment() -> Schema {
    reference("Moment")
}

fn book() -> Vec<Member> {
    let side = || list(row(2, decimal()));
    vec![
        must(
            "sequence",
            text_like("^[0-9]+$"),
            "Counts what was told of this view; one more each time.",
        ),
        must("bids", side(), "Price in quote and size in base, the highest price first."),
        must("asks", side(), "Price in quote and size in base, the lowest price first."),
        must("askTotalAmount", decimal(), "All that is offered on the whole side, in base."),
        must("bidTotalAmount", decimal(), "All that is wanted on the whole side, in base."),
    ]
}

fn schemas() -> Vec<(&'static str, Schema)> {
    let intervals = INTERVALS.map(|it| it.name);
    let numbers = |all: Vec<i64>| {
        integer().with("enum", Value::List(all.into_iter().map(Value::integer).collect()))
    };
    let messages = CODES.map(|(_, _, message)| message);
    let data = object([
        must("detail", text(), "What was wrong, for people."),
        may("field", text(), "The parameter that is wrong."),
        may("method", text(), "The method that there is not."),
        may("symbol", text(), "The symbol."),
        may("precisions", list(text()), "The steps that there are."),
        may("maxDecimals", integer(), "How many decimals there may be."),
        may("maxIntervalInSeconds", integer(), "How long the range may be, in seconds."),
        may("retryAfterMs", integer(), "When to try again, in milliseconds."),
    ]);
    let candle = "Start of the candle, then open, close, high and low in quote, then the volume in base: the close stands \
                  before the extremes.";
    vec![
        ("Id", either([text(), number()]).about("A text or a number.")),
        (
            "Decimal",
            text_like("^-?[0-9]+(\\.[0-9]+)?$").about("A decimal number, written as a text."),
        ),
        (
            "Moment",
            text_like("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$")
                .about("ISO 8601 in UTC, with milliseconds."),
        ),
        ("Interval", choice(&intervals)),
        ("Depth", numbers(DEPTHS.iter().map(|&it| it.into()).collect())),
        (
            "Error",
            object([
                must(
                    "code",
                    numbers(CODES.iter().map(|it| it.1.into()).collect()),
                    "What kind of error it is.",
                ),
                must("message", choice(&messages), "Its short name."),
                must("data", data, "More of it."),
            ]),
        ),
        (
            "Ticker",
            object([
                must("symbol", text(), "`BASE-QUOTE`."),
                must("startTime", moment(), "When the window begins."),
                must("endTime", moment(), "When it ends: now."),
                must("open", decimal(), "The price at its beginning, in quote."),
                must("close", decimal(), "The price at its end, in quote."),
                must("high", decimal(), "The highest, in quote."),
                must("low", decimal(), "The lowest, in quote."),
                must("changeRate", decimal(), "The change as a part of the open: 0.024 is 2.4 %."),
                must("changePrice", decimal(), "The change, in quote."),
                must("baseVolume", decimal(), "What was traded, in base."),
                must("quoteVolume", decimal(), "What was traded, in quote."),
                must("last", decimal(), "The last price, in quote."),
            ]),
        ),
        (
            "Trade",
            object([
                must("tradeId", text(), "Its id."),
                must("price", decimal(), "In quote."),
                must("side", choice(&["buy", "sell"]), "What the taker did."),
                must("time", moment(), "When."),
                must("size", decimal(), "In base."),
            ]),
        ),
        ("Candle", row(6, either([moment(), decimal()])).about(candle)),
        (
            "Balance",
            object([
                must("asset", text(), "Its code."),
                must("balance", decimal(), "All of it."),
                must("available", decimal(), "What is free."),
                must("holds", decimal(), "What open orders hold."),
            ]),
        ),
        ("Order", order()),
    ]
}

fn order() -> Schema {
    let statuses =
        ["sending", "pending", "working", "completed", "cancelled", "expired", "rejected"];
    object([
        must("id", text_like("^[0-9a-f-]{36}$"), "Its id, in the form of a UUID."),
        may("clientOrderId", text(), "Its owner's name of it."),
        must("symbol", text(), "`BASE-QUOTE`."),
        must("side", choice(&["buy", "sell"]), "What its owner does."),
        must("type", choice(&["limit", "market", "stopLimit", "stopMarket"]), "Its type."),
        must("status", choice(&statuses), "Where it is in its life."),
        must("createdAt", moment(), "When it was placed."),
        must("updatedAt", moment(), "When it last changed."),
        must("dealSize", decimal(), "What was filled so far, in base."),
        must("dealFunds", decimal(), "What that cost or brought, in quote."),
        must("fee", decimal(), "What was paid for it, in `feeAsset`."),
        must("feeAsset", text(), "The asset of the fee."),
        must("timeInForce", choice(&["GTC", "IOC", "FOK"]), "How long it lives."),
        may("size", decimal(), "What was ordered, in base."),
        may("funds", decimal(), "The same in quote, at its price."),
        may("price", decimal(), "Its limit, in quote."),
        may("stopPrice", decimal(), "What wakes it, in quote."),
        may("stopTriggered", boolean(), "Whether it was woken."),
    ])
}
