//! What machines are told of the socket.

mod entity;
mod http;

use super::channel::PERIODS;
use crate::document::{
    AsyncApi, Channel, Direction, Documents, Member, Message, Operation, Parameter, Schema,
    Security, Server, anything, boolean, choice, constant, either, integer, list, may, must, null,
    object, reference, text,
};

const ABOUT: &str = "Books, trades and orders of an exchange, as its relay tells them.\n\n\
A client subscribes to patterns: paths, or expressions over them. A pattern between `^` and `$` without any of \
`\\ * + ? ( ) [ ] { } | ^ $` is a path. Each subscription has an id, which stands in all that is told for it; an event is \
told a subscription once. Every request has a `requestId`, a text or a number, which comes back as a text. `REST` asks \
what can be asked over HTTP as well. Events of accounts are public, as on a chain, unless the venue says otherwise.\n\n\
Numbers are texts without zeros at their end; amounts of tokens in events are integers, scaled by 10^20. Symbols are in upper case, \
addresses in lower case.\n\n\
Limits: 900 requests a second and 1,800 at once, then `Too many requests`; 2,048 subscriptions; 256 KiB a message. The \
server pings every 30 s.\n\n\
| close | when |\n|---|---|\n\
| 1001 | the server shuts down, or 90 s passed without a sign of life |\n\
| 1007 | a text that is no UTF-8 |\n\
| 1008 `slow consumer` | 4 MiB wait to be read, nothing was read for 60 s, or something waits for 120 s |\n\
| 1008 `too many connections` | the key has let in as many connections as the venue lets a key have |\n\
| 1009 | a message was too long |";

/// The documents.
pub fn documents() -> Documents {
    let venue = Server {
        id: "venue",
        host: "plasma-relay-backend.timex.io",
        path: "/socket/relay",
        protocol: "wss",
        about: "The venue itself",
    };
    let asyncapi = AsyncApi {
        title: "TimeX relay WebSocket API",
        about: ABOUT,
        servers: vec![Server::demo("ws", "/timex/socket/relay"), venue],
        security: vec![Security {
            id: "credentials",
            members: &[("type", "userPassword")],
            about: "The id and the secret of a key, as `auth` in each request that needs them.",
        }],
        channels: channels(),
        operations: operations(),
        messages: messages(),
        schemas: entity::schemas(),
    };
    Documents { asyncapi, openapi: Some(http::openapi()) }
}

/// Id, address, messages, title, what is told.
type Feed = (&'static str, &'static str, &'static [&'static str], &'static str, &'static str);

const FEEDS: [Feed; 14] = [
    (
        "orderbook",
        "/orderbook/{market}",
        &["orderBookUpdated"],
        "Book by price, added up",
        "Whole, at most ten times a second, when something changed.",
    ),
    (
        "orderbookGroup",
        "/orderbook.group/{market}",
        &["groupOrderBookUpdated"],
        "Book by price",
        "Whole, at most ten times a second, when something changed.",
    ),
    (
        "orderbookRaw",
        "/orderbook.raw/{market}",
        &["rawOrderBookUpdated"],
        "Book by order",
        "Whole, at most ten times a second, when something changed.",
    ),
    (
        "ticker",
        "/ticker/{market}/{period}",
        &["tickerUpdated"],
        "Statistics of a period",
        "At most once a second, when something was traded or a best price changed.",
    ),
    (
        "trade",
        "/trade.symbols/{base}/{quote}",
        &["trade"],
        "Trades of a market",
        "Each as it happens. `/trade/…` takes the tokens' addresses instead of their symbols.",
    ),
    (
        "accountTrade",
        "/trade.accounts/{account}/{base}/{quote}",
        &["trade"],
        "Trades of an account",
        "By the tokens' addresses; `/trade.symbols.accounts/…` takes their symbols.",
    ),
    (
        "order",
        "/order.symbols/{account}/{base}/{quote}/{fee}",
        &["order"],
        "Orders that were accepted",
        "Of an account; `/order/…` takes addresses of tokens, here as in what follows.",
    ),
    (
        "orderUpdate",
        "/order-update.symbols/{account}/{base}/{quote}/{fee}",
        &["order"],
        "Orders that were given up",
        "Cancelled, killed or replaced.",
    ),
    (
        "orderExpired",
        "/order-expired.symbols/{account}/{base}/{quote}/{fee}",
        &["order"],
        "Orders whose time has come",
        "They are gone.",
    ),
    (
        "filling",
        "/filling.symbols/{account}/{base}/{quote}/{fee}",
        &["order"],
        "Fills",
        "Of an account's orders, one by one.",
    ),
    (
        "marketOrder",
        "/market-order.symbols/{account}/{base}/{quote}/{fee}",
        &["order"],
        "Market orders that are done",
        "Once each.",
    ),
    (
        "deposit",
        "/deposit.symbols/{account}/{token}",
        &["transfer"],
        "Deposits",
        "What an account got from elsewhere.",
    ),
    (
        "withdrawal",
        "/withdrawal.symbols/{account}/{token}",
        &["transfer"],
        "Withdrawals",
        "What left an account.",
    ),
    (
        "account",
        "ACCOUNT_SUBSCRIBE/{account}",
        &["accountBalance", "accountOrder"],
        "All of an account",
        "Its orders, step by step, and its balances; subscribed by `ACCOUNT_SUBSCRIBE`, not by a pattern.",
    ),
];

fn parameters(address: &str) -> Vec<Parameter> {
    let parameter = |name, about, values, example: Option<&'static str>| Parameter {
        name,
        about,
        values,
        examples: example.into_iter().collect(),
    };
    let all = [
        parameter("market", "Both symbols, without anything between.", vec![], Some("BTCUSD")),
        parameter(
            "period",
            "How far it looks back.",
            PERIODS.iter().map(|it| it.name).collect(),
            None,
        ),
        parameter(
            "account",
            "The account's address.",
            vec![],
            Some("0x31cd4651ef6041d771500c75ae8051ddfd391de1"),
        ),
        parameter("base", "The base token.", vec![], Some("BTC")),
        parameter("quote", "The quote token.", vec![], Some("USD")),
        parameter("fee", "The token that fees are paid in: the quote token.", vec![], Some("USD")),
        parameter("token", "The token.", vec![], Some("BTC")),
    ];
    all.into_iter().filter(|it| address.contains(&format!("{{{}}}", it.name))).collect()
}

const REPLIES: [&str; 5] = ["subscribed", "accountSubscribed", "unsubscribed", "success", "error"];

/// Id, what it is, what is answered.
const REQUESTS: [(&str, &str, &[&str]); 4] = [
    ("subscribe", "Begin to be told what a pattern means", &["subscribed", "error"]),
    (
        "accountSubscribe",
        "Begin to be told all of one's account",
        &["subscribed", "accountSubscribed", "error"],
    ),
    ("unsubscribe", "End a subscription", &["unsubscribed", "error"]),
    ("rest", "Ask what HTTP answers", &["success", "error"]),
];

fn channels() -> Vec<Channel> {
    let requests = Channel {
        id: "requests",
        address: None,
        title: "Requests and their replies",
        about: "What a client asks, and what is answered.",
        parameters: Vec::new(),
        query: None,
        messages: REQUESTS.iter().map(|it| it.0).chain(REPLIES).collect(),
    };
    let feed = |&(id, address, messages, title, about): &Feed| Channel {
        id,
        address: Some(address),
        title,
        about,
        parameters: parameters(address),
        query: None,
        messages: messages.to_vec(),
    };
    [requests].into_iter().chain(FEEDS.iter().map(feed)).collect()
}

fn operations() -> Vec<Operation> {
    let asked = |&(id, summary, reply): &(&'static str, &'static str, &[&'static str])| Operation {
        id,
        direction: Direction::Received,
        channel: "requests",
        summary,
        messages: vec![id],
        reply: reply.to_vec(),
        security: if id == "accountSubscribe" { vec!["credentials"] } else { Vec::new() },
    };
    let told = |&(channel, _, messages, summary, _): &Feed| Operation {
        id: channel,
        direction: Direction::Sent,
        channel,
        summary,
        messages: messages.to_vec(),
        reply: Vec::new(),
        security: if channel == "account" { vec!["credentials"] } else { Vec::new() },
    };
    REQUESTS.iter().map(asked).chain(FEEDS.iter().map(told)).collect()
}

fn asked(kind: &str, members: Vec<Member>) -> Schema {
    let common = [
        must("type", constant(kind), "What is to be done."),
        must("requestId", reference("AskedId"), "Comes back in the reply, as a text."),
    ];
    object(common.into_iter().chain(members)).open()
}

fn replied(kind: &str, payload: Schema) -> Schema {
    object([
        must("type", constant(kind), "What was done."),
        must("requestId", text(), "That of the request."),
        must("subscriptionId", reference("SubscriptionId"), "Which subscription."),
        must("payload", payload, "What is told first."),
    ])
}

/// What is pushed about an event of one of these types.
fn pushed(types: &[&str], data: Schema, payload: Schema) -> Schema {
    let event = object([
        must("timestamp", text(), "When, in UTC."),
        must("type", choice(types), "What happened."),
        must("reference", text(), "What it is about: a market, an order, a trade or a transfer."),
        must("topics", list(text()), "What its path is made of."),
        must("data", data, "What happened, in full."),
    ]);
    let message = object([
        must("id", integer(), "Grows with what happens; the same for every subscription."),
        must("event", event, "What happened."),
        must("payload", payload, "What it made, if it made something."),
    ]);
    object([
        must("type", constant("MESSAGE"), "Marks a push."),
        must("subscriptionId", reference("SubscriptionId"), "Which subscription."),
        must("message", message, "What is told."),
    ])
}

fn of_account(payload: Vec<Member>) -> Schema {
    object([
        must("type", constant("ACCOUNT_SUBSCRIPTION"), "Marks a push."),
        must(
            "subscriptionId",
            reference("SubscriptionId"),
            "Which subscription: the account's address.",
        ),
        must("payload", object(payload), "What is told."),
    ])
}

fn messages() -> Vec<Message> {
    let message =
        |id, title, about, payload, examples| Message { id, title, about, payload, examples };
    let auth = || must("auth", reference("Auth"), "Whose request it is.");
    let snapshot = || {
        may("snapshot", boolean().or_null(), "Whether the state is told first; false if left out.")
    };
    let orders = ["ORDER", "ORDER_UPDATE", "ORDER_EXPIRED", "FILLING", "MARKET_ORDER"];
    let state =
        either([null(), object([must("snapshot", entity::state(), "The state as it is.")])]);
    let account = object([must("snapshot", reference("AccountState"), "The state as it is.")]);
    let steps = choice(&orders);
    let statuses = choice(&["ACTIVE", "FILLED", "CANCELLED", "EXPIRED", "REJECTED"]);
    let payload = |about| may("payload", anything(), about);
    vec![
        message(
            "subscribe",
            "Subscribe",
            "Begins a subscription.",
            asked(
                "SUBSCRIBE",
                vec![must("pattern", text(), "A path, or an expression over paths."), snapshot()],
            ),
            vec![
                r#"{"type":"SUBSCRIBE","requestId":"1","pattern":"/order-update/.*","snapshot":true}"#,
            ],
        ),
        message(
            "accountSubscribe",
            "Subscribe to an account",
            "Begins to tell all of an account to who holds a key of it.",
            asked(
                "ACCOUNT_SUBSCRIBE",
                vec![must("account", text(), "Its address."), auth(), snapshot()],
            ),
            vec![
                r#"{"type":"ACCOUNT_SUBSCRIBE","requestId":"a","account":"0x31cd4651ef6041d771500c75ae8051ddfd391de1","auth":{"id":"alicekey000000000000000000000001","secret":"alicesecret000000000000000000001"},"snapshot":true}"#,
            ],
        ),
        message(
            "unsubscribe",
            "Unsubscribe",
            "Ends a subscription.",
            asked(
                "UNSUBSCRIBE",
                vec![must("subscriptionId", text(), "Which; of an account its address.")],
            ),
            vec![
                r#"{"type":"UNSUBSCRIBE","requestId":"5","subscriptionId":"00000000-0000-4000-8000-000000000002"}"#,
            ],
        ),
        message(
            "rest",
            "Ask as over HTTP",
            "`/get/public/markets` is `GET /public/markets`.",
            asked(
                "REST",
                vec![
                    must("stream", text(), "The method in lower case, and the path."),
                    may("auth", anything(), "Whose request it is; public streams ignore it."),
                    payload("The parameters, by name; a body as `body`."),
                ],
            ),
            vec![
                r#"{"type":"REST","requestId":"1","stream":"/get/public/trades","payload":{"market":"btcusd"}}"#,
            ],
        ),
        message(
            "subscribed",
            "Subscribed",
            "The subscription has begun. With `snapshot` the state is told, where there is one.",
            replied("SUBSCRIBED", state),
            vec![
                r#"{"type":"SUBSCRIBED","requestId":"1","subscriptionId":"00000000-0000-4000-8000-000000000001","payload":null}"#,
            ],
        ),
        message(
            "accountSubscribed",
            "Subscribed to an account",
            "The subscription has begun, and this is the state.",
            replied("SUBSCRIBED", account),
            vec![
                r#"{"type":"SUBSCRIBED","requestId":"a","subscriptionId":"00000000-0000-4000-8000-000000000003","payload":{"snapshot":{"balances":[{"currency":"BTC","totalBalance":"100000000","lockedBalance":"0"},{"currency":"USD","totalBalance":"100000000","lockedBalance":"0"},{"currency":"EUR","totalBalance":"100000000","lockedBalance":"0"},{"currency":"ETH","totalBalance":"100000000","lockedBalance":"0"},{"currency":"XRP","totalBalance":"100000000","lockedBalance":"0"},{"currency":"DOGE","totalBalance":"100000000","lockedBalance":"0"},{"currency":"JPY","totalBalance":"100000000","lockedBalance":"0"}],"openOrders":[{"market":"BTCUSD","orders":[],"pageNumber":0,"totalPageCount":0},{"market":"BTCEUR","orders":[],"pageNumber":0,"totalPageCount":0},{"market":"ETHBTC","orders":[],"pageNumber":0,"totalPageCount":0},{"market":"XRPUSD","orders":[],"pageNumber":0,"totalPageCount":0},{"market":"DOGEJPY","orders":[],"pageNumber":0,"totalPageCount":0}]}}}"#,
            ],
        ),
        message(
            "unsubscribed",
            "Unsubscribed",
            "Nothing of it follows.",
            replied("UNSUBSCRIBED", null()),
            vec![
                r#"{"type":"UNSUBSCRIBED","requestId":"5","subscriptionId":"00000000-0000-4000-8000-000000000002","payload":null}"#,
            ],
        ),
        message(
            "success",
            "Answer",
            "What HTTP would answer.",
            object([
                must("requestId", text(), "That of the request."),
                must("status", constant("SUCCESS"), "It was done."),
                must("responseBody", entity::body(), "The answer."),
            ]),
            vec![
                r#"{"requestId":"e","status":"SUCCESS","responseBody":[{"fee":0.002,"market":"XRPUSD"}]}"#,
            ],
        ),
        message(
            "error",
            "Not done",
            "What was asked is not done. The id is null where none could be read.",
            object([
                must("requestId", text().or_null(), "That of the request."),
                must("status", constant("ERROR"), "It was not done."),
                must("message", text(), "Why not."),
            ]),
            vec![r#"{"requestId":"1","status":"ERROR","message":"Access denied"}"#],
        ),
        message(
            "orderBookUpdated",
            "Book by price, added up",
            "The whole book; each level with what lies before it.",
            pushed(&["ORDER_BOOK_UPDATED"], entity::book("orderbook", "Book"), null()),
            vec![
                r#"{"type":"MESSAGE","subscriptionId":"00000000-0000-4000-8000-000000000001","message":{"id":17761,"event":{"timestamp":"2026-11-22T12:00:00.000","type":"ORDER_BOOK_UPDATED","reference":"BTCUSD","topics":["BTCUSD"],"data":{"market":"BTCUSD","orderbook":{"timestamp":"2026-11-22T12:00:00.000Z","bid":[],"ask":[{"index":"0","price":"60000","baseTokenAmount":"1","baseTokenCumulativeAmount":"1","quoteTokenAmount":"60000","quoteTokenCumulativeAmount":"60000","ownerOrdersInLevel":false}]}}},"payload":null}}"#,
            ],
        ),
        message(
            "groupOrderBookUpdated",
            "Book by price",
            "The whole book.",
            pushed(&["GROUP_ORDER_BOOK_UPDATED"], entity::book("orderbook", "GroupBook"), null()),
            vec![
                r#"{"type":"MESSAGE","subscriptionId":"00000000-0000-4000-8000-000000000001","message":{"id":17760,"event":{"timestamp":"2026-11-22T12:00:00.000","type":"GROUP_ORDER_BOOK_UPDATED","reference":"BTCUSD","topics":["BTCUSD"],"data":{"market":"BTCUSD","orderbook":{"timestamp":"2026-11-22T12:00:00.000","bid":[],"ask":[{"price":"60000","volume":"1","volumeQuote":"60000"}]}}},"payload":null}}"#,
            ],
        ),
        message(
            "rawOrderBookUpdated",
            "Book by order",
            "The whole book.",
            pushed(&["RAW_ORDER_BOOK_UPDATED"], entity::book("rawOrderBook", "RawBook"), null()),
            vec![
                r#"{"type":"MESSAGE","subscriptionId":"00000000-0000-4000-8000-000000000001","message":{"id":17794,"event":{"timestamp":"2026-11-22T12:00:00.000","type":"RAW_ORDER_BOOK_UPDATED","reference":"BTCEUR","topics":["BTCEUR"],"data":{"market":"BTCEUR","rawOrderBook":{"timestamp":"2026-11-22T12:00:00.000Z","bid":[{"market":"BTCEUR","hash":"0xa93467d1ec5850811321d655690291eb4b898581aca8dd764127437d066bc1d8","direction":"BUY","quantity":"1","price":"50000","createdAt":"2026-11-22T12:00:00.000","expiredAt":"2126-11-22T12:00:00.000"}],"ask":[]}}},"payload":null}}"#,
            ],
        ),
        message(
            "tickerUpdated",
            "Statistics",
            "What happened in the period.",
            pushed(&["TICKER_UPDATED"], entity::period_ticker(), reference("Ticker")),
            vec![
                r#"{"type":"MESSAGE","subscriptionId":"00000000-0000-4000-8000-000000000001","message":{"id":16332,"event":{"timestamp":"2026-11-22T12:00:00.100","type":"TICKER_UPDATED","reference":"BTCUSD","topics":["BTCUSD","D1"],"data":{"market":"BTCUSD","period":"D1","ticker":{"market":"BTCUSD","period":"D1","timestamp":"2026-11-22T12:00:00.100Z","open":null,"high":null,"low":null,"last":null,"bid":null,"ask":"60000","volume":"0","volumeQuote":"0"}}},"payload":{"market":"BTCUSD","period":"D1","timestamp":"2026-11-22T12:00:00.100Z","open":null,"high":null,"low":null,"last":null,"bid":null,"ask":"60000","volume":"0","volumeQuote":"0"}}}"#,
            ],
        ),
        message(
            "trade",
            "Trade",
            "A trade of a market, with the addresses of both sides.",
            pushed(&["TRADE"], reference("TradeEvent"), reference("Trade")),
            vec![
                r#"{"type":"MESSAGE","subscriptionId":"00000000-0000-4000-8000-000000000003","message":{"id":494,"event":{"timestamp":"2026-11-22T12:00:00.000","type":"TRADE","reference":"1","topics":["BTC","USD","0xc0dd9e78a8611a396538a585b6ed3dc62b64652c","0xb531edc40fe2ba8f2d9c743d41089f07c595e3ee"],"data":{"id":1,"direction":"SELL","baseTokenAddress":"0xc0dd9e78a8611a396538a585b6ed3dc62b64652c","quoteTokenAddress":"0xb531edc40fe2ba8f2d9c743d41089f07c595e3ee","baseTokenSymbol":"BTC","quoteTokenSymbol":"USD","baseTokenAmount":"25000000000000000000","quoteTokenAmount":"1499750000000000000000000","makerAddress":"0x0000000000000000000000000000000000000000","takerAddress":"0x0000000000000000000000000000000000000000"}},"payload":{"id":1,"timestamp":"2026-11-22T12:00:00.000","direction":"SELL","price":"59990","quantity":"0.25"}}}"#,
            ],
        ),
        message(
            "order",
            "Step of an order",
            "An order was accepted, given up, has expired, was filled; a market order is done.",
            pushed(&orders, reference("OrderEvent"), reference("Order")),
            vec![
                r#"{"type":"MESSAGE","subscriptionId":"00000000-0000-4000-8000-000000000004","message":{"id":16502,"event":{"timestamp":"2026-11-22T12:00:00.000","type":"FILLING","reference":"0x6b48474a19d5c0e80ae32330e902a71dbdf3bc1353896e7e817941e8846eb7e9","topics":["0x96521238c3324364e0cb54f4a8ba665d34d9b561","BTC","USD","USD","0xc0dd9e78a8611a396538a585b6ed3dc62b64652c","0xb531edc40fe2ba8f2d9c743d41089f07c595e3ee","0xb531edc40fe2ba8f2d9c743d41089f07c595e3ee"],"data":{"hash":"0x6b48474a19d5c0e80ae32330e902a71dbdf3bc1353896e7e817941e8846eb7e9","direction":"BUY","accountAddress":"0x96521238c3324364e0cb54f4a8ba665d34d9b561","baseTokenAddress":"0xc0dd9e78a8611a396538a585b6ed3dc62b64652c","quoteTokenAddress":"0xb531edc40fe2ba8f2d9c743d41089f07c595e3ee","feeTokenAddress":"0xb531edc40fe2ba8f2d9c743d41089f07c595e3ee","baseTokenSymbol":"BTC","quoteTokenSymbol":"USD","feeTokenSymbol":"USD","baseTokenAmount":"100000000000000000000","quoteTokenAmount":"6000000000000000000000000","expirationTime":"2126-11-22T12:00:00.000Z"}},"payload":{"id":"0x6b48474a19d5c0e80ae32330e902a71dbdf3bc1353896e7e817941e8846eb7e9","cursorId":1125899906842625,"clientOrderId":null,"symbol":"BTCUSD","side":"BUY","type":"LIMIT","quantity":"1","filledQuantity":"1","cancelledQuantity":"0","price":"60000","avgPrice":"60000","createdAt":"2026-11-22T12:00:00.000Z","updatedAt":"2026-11-22T12:00:00.000Z","expireTime":"2126-11-22T12:00:00.000Z"}}}"#,
            ],
        ),
        message(
            "transfer",
            "Transfer",
            "Something came to an account from elsewhere, or left it.",
            pushed(&["DEPOSIT", "WITHDRAWAL"], reference("Transfer"), null()),
            vec![
                r#"{"type":"MESSAGE","subscriptionId":"00000000-0000-4000-8000-000000000001","message":{"id":15841,"event":{"timestamp":"2026-11-22T12:00:00.000","type":"DEPOSIT","reference":"0xefda7d8772ebbaf69949ae2cafc31ff1a064ffc9a72b3a3e35efa3512789cde4","topics":["0x31cd4651ef6041d771500c75ae8051ddfd391de1","BTC","0xc0dd9e78a8611a396538a585b6ed3dc62b64652c"],"data":{"from":"0x0000000000000000000000000000000000000000","to":"0x31cd4651ef6041d771500c75ae8051ddfd391de1","token":"0xc0dd9e78a8611a396538a585b6ed3dc62b64652c","tokenSymbol":"BTC","value":"50000000000000000000","transferHash":"0xefda7d8772ebbaf69949ae2cafc31ff1a064ffc9a72b3a3e35efa3512789cde4","timestamp":"2026-11-22T12:00:00.000Z"}},"payload":null}}"#,
            ],
        ),
        message(
            "accountBalance",
            "One's balance",
            "A balance changed.",
            of_account(vec![must("balance", reference("Balance"), "The balance.")]),
            vec![
                r#"{"type":"ACCOUNT_SUBSCRIPTION","subscriptionId":"00000000-0000-4000-8000-000000000001","payload":{"balance":{"currency":"BTC","totalBalance":"99999999","lockedBalance":"0"}}}"#,
            ],
        ),
        message(
            "accountOrder",
            "Step of one's order",
            "An order as it is after a step.",
            of_account(vec![
                must("order", reference("Order"), "The order."),
                must("messageType", steps, "Which step it is."),
                must("orderStatus", statuses, "Where it is in its life."),
                may("tradeInfo", list(reference("TradeInfo")), "The trade, if the step is a fill."),
            ]),
            vec![
                r#"{"type":"ACCOUNT_SUBSCRIPTION","subscriptionId":"00000000-0000-4000-8000-000000000001","payload":{"order":{"id":"0xc9bd216af0ec4ffa229f5de559af56a6935142c049e7df434bee42241980dae6","cursorId":1125899906842628,"clientOrderId":null,"symbol":"BTCUSD","side":"BUY","type":"MARKET","quantity":"2","filledQuantity":"1","cancelledQuantity":"0","price":"64","avgPrice":"64","createdAt":"2026-11-22T12:00:00.000Z","updatedAt":"2026-11-22T12:00:00.000Z","expireTime":"2026-11-22T12:00:00.000Z"},"messageType":"MARKET_ORDER","orderStatus":"ACTIVE","tradeInfo":[{"tradeId":100000002,"tradePrice":"64","tradeQuantity":"1"}]}}"#,
            ],
        ),
    ]
}
