//! What machines are told of the socket.

mod http;

use crate::document::{
    AsyncApi, Channel, Direction, Documents, Member, Message, Operation, Parameter, Schema,
    Security, Server, Value, anything, boolean, choice, constant, either, integer, list, may, must,
    null, number, object, reference, row, text, text_like,
};

const ABOUT: &str = "Trades, orders and books of an exchange, spot and perpetual, and what an account does there.\n\n\
A client subscribes to channels by name; the market in a name is in lower case, without a slash. Nothing is told of the \
past: a book that is kept by `diff_order_book_` begins with the one that HTTP answers, and changes that are older are \
left out. Private channels are named by the user's number, and need a token in each subscription; \
`POST /api/v2/websockets_token/` issues one, good for 60 s.\n\n\
Many numbers are told twice: as a JSON number, and with all decimals as a text whose name ends with `_str`.\n\n\
Limits: 512 bytes a message; 1,024 channels a connection, and what is asked beyond is not answered. The server pings \
every 54 s and drops who shows no sign of life for 60 s. No connection lives longer than 90 days.\n\n\
| close | when |\n|---|---|\n\
| 1001 | the server leaves, or the connection is 90 days old; five seconds after `bts:request_reconnect` |\n\
| 1007 | a text that is no UTF-8 |\n\
| 1008 `slow consumer` | 16 MiB wait to be read, nothing was read for 60 s, or something waits for 120 s |\n\
| 1008 `too many connections` | the key has let in as many connections as the venue lets a key have |\n\
| 1008 | the key that had let one in was revoked; after an error with 4009 |\n\
| 1009 | a message was too long |";

/// The documents.
pub fn documents() -> Documents {
    let venue = Server {
        id: "venue",
        host: "ws.bitstamp.net",
        path: "/",
        protocol: "wss",
        about: "The venue itself",
    };
    let asyncapi = AsyncApi {
        title: "Bitstamp WebSocket API v2",
        about: ABOUT,
        servers: vec![Server::demo("ws", "/bitstamp"), venue],
        security: vec![Security {
            id: "token",
            members: &[("type", "userPassword")],
            about: "The token that `POST /api/v2/websockets_token/` issued, as `auth` in each subscription to a private \
                    channel.",
        }],
        channels: channels(),
        operations: operations(),
        messages: messages(),
        schemas: schemas(),
    };
    Documents { asyncapi, openapi: Some(http::openapi()) }
}

/// Id, address, message, title, what is told.
const FEEDS: [(&str, &str, &str, &str, &str); 11] = [
    (
        "liveTrades",
        "live_trades_{market}",
        "trade",
        "Trades of a market",
        "Each trade as it happens.",
    ),
    (
        "liveOrders",
        "live_orders_{market}",
        "order",
        "Orders of a market",
        "Each step in the life of each order. Each event names the one before it in the same market, so that a gap shows.",
    ),
    (
        "orderBook",
        "order_book_{market}",
        "book",
        "The best 100 levels a side",
        "Whole, ten times a second, when something changed.",
    ),
    (
        "detailOrderBook",
        "detail_order_book_{market}",
        "detailBook",
        "The best 100 orders a side",
        "Whole, ten times a second, when something changed.",
    ),
    (
        "diffOrderBook",
        "diff_order_book_{market}",
        "bookChange",
        "Levels that changed",
        "Ten times a second, when something changed. An amount of nothing takes the level away.",
    ),
    (
        "fundingRate",
        "funding_rate_{market}",
        "fundingRate",
        "Prices and funding rate of a perpetual",
        "Once a second, whether or not they changed.",
    ),
    (
        "mySettlements",
        "private-my_settlements-{user}",
        "mySettlement",
        "What was settled of one's positions",
        "In all perpetuals: each close, and what was paid or received while a position stayed open.",
    ),
    (
        "myLiquidations",
        "private-my_liquidations-{user}",
        "myAlert",
        "Margins in danger",
        "In all perpetuals: each stage that a margin comes to, and the end of a liquidation.",
    ),
    (
        "myOrders",
        "private-my_orders_{market}-{user}",
        "myOrder",
        "One's own orders",
        "Each step in the life of one's own orders, stop orders that wait included.",
    ),
    (
        "myTrades",
        "private-my_trades_{market}-{user}",
        "myTrade",
        "One's own trades",
        "Each with its fee.",
    ),
    (
        "mySelfTrades",
        "private-live_trades_{market}-{user}",
        "selfTrade",
        "Trades with oneself",
        "Orders of one account that met and did not trade with anybody else.",
    ),
];

fn channels() -> Vec<Channel> {
    let requests = Channel {
        id: "requests",
        address: None,
        title: "Requests and their acknowledgements",
        about: "What a client asks, what it is answered, and what it is asked in turn.",
        parameters: Vec::new(),
        query: None,
        messages: vec![
            "subscribe",
            "unsubscribe",
            "heartbeat",
            "subscribed",
            "unsubscribed",
            "alive",
            "error",
            "reconnect",
        ],
    };
    let parameters = |address: &str| {
        let parameter = |name, about, example| Parameter {
            name,
            about,
            values: Vec::new(),
            examples: vec![example],
        };
        let market = parameter("market", "The market, in lower case without a slash.", "btcusd");
        let user = parameter("user", "The number of the user, which comes with the token.", "1001");
        let (has_market, has_user) = (address.contains("{market}"), address.contains("{user}"));
        has_market.then_some(market).into_iter().chain(has_user.then_some(user)).collect()
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

fn operations() -> Vec<Operation> {
    let asked = |id, summary, reply| Operation {
        id,
        direction: Direction::Received,
        channel: "requests",
        summary,
        messages: vec![id],
        reply,
        security: Vec::new(),
    };
    let told = |id, channel: &'static str, summary, message| Operation {
        id,
        direction: Direction::Sent,
        channel,
        summary,
        messages: vec![message],
        reply: Vec::new(),
        security: if channel.starts_with("my") { vec!["token"] } else { Vec::new() },
    };
    let mut operations = vec![
        asked("subscribe", "Begin to be told of a channel", vec!["subscribed", "error"]),
        asked("unsubscribe", "End it", vec!["unsubscribed", "error"]),
        asked("heartbeat", "Ask whether the server is still there", vec!["alive"]),
        told("askToReconnect", "requests", "Ask a client to connect anew", "reconnect"),
    ];
    operations.extend(FEEDS.map(|(id, _, message, title, _)| told(message, id, title, message)));
    operations
}

/// What is told of margins.
const ALERTS: [&str; 5] = [
    "im_breach_warning",
    "im_breach",
    "mm_breach_warning",
    "liquidation_start",
    "liquidation_concluded",
];

/// A market's name.
const MARKET: &str = "[a-z0-9]+(-[a-z0-9]+)*";

/// Names of channels that begin so and go on with a market.
fn named(prefix: &str, suffix: &str) -> Schema {
    text_like(&format!("^{prefix}_{MARKET}{suffix}$"))
}
fn public(prefix: &str) -> Schema {
    named(prefix, "")
}
fn private(prefix: &str) -> Schema {
    named(prefix, "-[0-9]+")
}

fn asked(event: &str, data: Schema) -> Schema {
    object([
        must("event", constant(event), "What is to be done."),
        must("data", data, "Of which channel."),
    ])
    .open()
}

fn about_requests(event: &str, channel: Schema, data: Schema) -> Schema {
    object([
        must("event", constant(event), "What kind of message it is."),
        must("channel", channel, "The channel; empty where it concerns none."),
        must("data", data, "More of it."),
    ])
}

fn told(event: Schema, channel: Schema, data: Schema, more: Vec<Member>) -> Schema {
    let members = [
        must("data", data, "What is told."),
        must("channel", channel, "The channel."),
        must("event", event, "What happened."),
    ];
    object(members.into_iter().chain(more))
}

fn messages() -> Vec<Message> {
    let message =
        |id, title, about, payload, examples| Message { id, title, about, payload, examples };
    let channel = || must("channel", reference("ChannelName"), "The channel.");
    let auth = may(
        "auth",
        anything(),
        "Of private channels, the token: a text. Of public ones it is left alone.",
    );
    let empty = || object([]);
    let alive = object([must("status", constant("success"), "All is well.")]);
    let parted = || {
        vec![
            must("event_id", reference("EventId"), "The id of this event."),
            must(
                "pre_event_id",
                reference("EventId").or_null(),
                "That of the one before it in its chain; null of the first.",
            ),
            must(
                "order_source",
                choice(&["orderbook", "stop_order"]),
                "The chain of events that it is in.",
            ),
        ]
    };
    let account = || must("trade_account_id", integer(), "0: the main account.");
    let own = [account()].into_iter().chain(parted()).collect();
    vec![
        message(
            "subscribe",
            "Subscribe",
            "Begins a channel; once more is acknowledged once more and changes nothing.",
            asked("bts:subscribe", object([channel(), auth]).open()),
            vec![r#"{"event":"bts:subscribe","data":{"channel":"live_orders_btcusd"}}"#],
        ),
        message(
            "unsubscribe",
            "Unsubscribe",
            "Ends a channel.",
            asked("bts:unsubscribe", object([channel()]).open()),
            vec![r#"{"event":"bts:unsubscribe","data":{"channel":"live_trades_btcusd"}}"#],
        ),
        message(
            "heartbeat",
            "Heartbeat",
            "Asks whether the server is still there.",
            object([must("event", constant("bts:heartbeat"), "What is asked.")]).open(),
            vec![r#"{"event":"bts:heartbeat"}"#],
        ),
        message(
            "subscribed",
            "Subscribed",
            "The channel has begun.",
            about_requests("bts:subscription_succeeded", text(), empty()),
            vec![
                r#"{"event":"bts:subscription_succeeded","channel":"order_book_btcusd","data":{}}"#,
            ],
        ),
        message(
            "unsubscribed",
            "Unsubscribed",
            "Nothing of the channel follows.",
            about_requests("bts:unsubscription_succeeded", text(), empty()),
            vec![
                r#"{"event":"bts:unsubscription_succeeded","channel":"live_trades_btcusd","data":{}}"#,
            ],
        ),
        message(
            "alive",
            "Still there",
            "The answer to a heartbeat.",
            about_requests("bts:heartbeat", constant(""), alive),
            vec![r#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#],
        ),
        message(
            "error",
            "Not done",
            "What was asked is not done.",
            about_requests("bts:error", constant(""), reference("Error")),
            vec![
                r#"{"event":"bts:error","channel":"","data":{"code":4009,"message":"Connection is unauthorized."}}"#,
            ],
        ),
        message(
            "reconnect",
            "Please connect anew",
            "The server is about to end the connection.",
            about_requests("bts:request_reconnect", constant(""), either([constant(""), null()])),
            vec![r#"{"event":"bts:request_reconnect","channel":"","data":""}"#],
        ),
        message(
            "trade",
            "Trade",
            "A trade of the market.",
            told(constant("trade"), public("live_trades"), reference("Trade"), vec![]),
            vec![
                r#"{"data":{"id":1,"timestamp":"1795348800","amount":0.25,"amount_str":"0.25000000","price":60005,"price_str":"60005.00","type":0,"microtimestamp":"1795348800012000","buy_order_id":2001,"sell_order_id":1001},"channel":"live_trades_btcusd","event":"trade"}"#,
            ],
        ),
        message(
            "order",
            "Step of an order",
            "An order was created, changed, or is gone.",
            told(
                choice(&["order_created", "order_changed", "order_deleted"]),
                public("live_orders"),
                object(order(vec![])),
                parted(),
            ),
            vec![
                r#"{"data":{"id":1125899906842625,"id_str":"1125899906842625","order_type":0,"order_subtype":4,"datetime":"1795348800","microtimestamp":"1795348800000000","amount":0.25,"amount_str":"0.25000000","amount_traded":"0.50000000","amount_at_create":"0.75000000","price":60000,"price_str":"60000.00","is_liquidation":false},"channel":"live_orders_btcusd","event":"order_changed","event_id":"000660dc-3778-d000-0003-000100000020","pre_event_id":"000660dc-3778-d000-0002-000103000020","order_source":"orderbook"}"#,
            ],
        ),
        message(
            "book",
            "Book",
            "The best levels, whole.",
            told(constant("data"), public("order_book"), reference("Book"), vec![]),
            vec![
                r#"{"data":{"timestamp":"1795348801","microtimestamp":"1795348801499600","bids":[],"asks":[["60000.00","0.50000000"]]},"channel":"order_book_btcusd","event":"data"}"#,
            ],
        ),
        message(
            "detailBook",
            "Book of orders",
            "The best orders, whole.",
            told(constant("data"), public("detail_order_book"), reference("DetailBook"), vec![]),
            vec![
                r#"{"data":{"timestamp":"1795348800","microtimestamp":"1795348800100000","bids":[["60000.00","0.15000000","1125899906842624"],["60000.00","0.25000000","1125899906842625"]],"asks":[["60010.00","1.00000000","1125899906842627"]]},"channel":"detail_order_book_btcusd","event":"data"}"#,
            ],
        ),
        message(
            "bookChange",
            "Levels that changed",
            "Each with its new amount.",
            told(constant("data"), public("diff_order_book"), reference("Book"), vec![]),
            vec![
                r#"{"data":{"timestamp":"1795348800","microtimestamp":"1795348800012345","bids":[["60000.00","0.00000000"]],"asks":[["60005.00","0.75000000"]]},"channel":"diff_order_book_btcusd","event":"data"}"#,
            ],
        ),
        message(
            "myOrder",
            "Step of one's own order",
            "One's own order was created, changed, replaced, is gone, waits for its trigger, or was woken or taken back.",
            told(
                choice(&[
                    "order_created",
                    "order_changed",
                    "order_deleted",
                    "order_replaced",
                    "stop_active",
                    "stop_inactive",
                ]),
                private("private-my_orders"),
                object(order(vec![
                    account(),
                    may("client_order_id", text(), "One's own name of it."),
                    may(
                        "reduce_only",
                        boolean(),
                        "Of orders in perpetuals: whether it only makes a position smaller.",
                    ),
                    may(
                        "stop_price",
                        reference("Decimal"),
                        "Of stop orders: what wakes it, in the counter currency.",
                    ),
                    may(
                        "activation_price",
                        reference("Decimal"),
                        "Of trailing stops: the trade from which it follows.",
                    ),
                    may(
                        "trailing_delta",
                        integer(),
                        "Of trailing stops: how far behind, in hundredths of a percent.",
                    ),
                    may(
                        "orig_order_id",
                        integer(),
                        "Of `order_replaced`: the order whose place it took.",
                    ),
                ])),
                own,
            ),
            vec![
                r#"{"data":{"id":1125899906842624,"id_str":"1125899906842624","order_type":1,"order_subtype":22,"datetime":"1795348800","microtimestamp":"1795348800000000","amount":0.5,"amount_str":"0.50000000","amount_traded":"0","amount_at_create":"0.50000000","price":59000,"price_str":"59000.00","is_liquidation":false,"trade_account_id":0,"stop_price":"59500.00"},"channel":"private-my_orders_btcusd-3","event":"stop_active","trade_account_id":0,"event_id":"000660dc-3778-d000-0000-000101000021","pre_event_id":null,"order_source":"stop_order"}"#,
            ],
        ),
        message(
            "myTrade",
            "One's own trade",
            "An order of one's own was filled.",
            told(
                constant("trade"),
                private("private-my_trades"),
                reference("OwnTrade"),
                vec![account()],
            ),
            vec![
                r#"{"data":{"id":100000002,"amount":"0.12500000","price":"59000.00","microtimestamp":"1795348800000000","fee":"14.75000","order_id":1125899906842627,"trade_account_id":0,"side":"sell"},"channel":"private-my_trades_btcusd-1","event":"trade","trade_account_id":0}"#,
            ],
        ),
        message(
            "fundingRate",
            "Prices and funding rate",
            "How a perpetual stands.",
            told(
                constant("funding_rate_saved"),
                public("funding_rate"),
                reference("FundingRate"),
                vec![],
            ),
            vec![
                r#"{"data":{"market":"btcusd-perp","mark_price":"60000.00000000","index_price":"60000.00000000","funding_rate":"0.005","timestamp":"1795348800","next_funding_time":"1795363200"},"channel":"funding_rate_btcusd-perp","event":"funding_rate_saved"}"#,
            ],
        ),
        message(
            "mySettlement",
            "Settlement",
            "Money that came of a position, or went into it.",
            told(
                constant("settlement"),
                text_like("^private-my_settlements-[0-9]+$"),
                reference("Settlement"),
                vec![],
            ),
            vec![
                r#"{"data":{"id":"1000002","tnx_id":"124","ts":"1795348800","price":"56800","ccy":"USD","as":"-820.065632","ap":"-676.064","atf":"-24.000272","alf":"-120.00136","afu":"0","asl":"0","sp":"60000","typ":"C"},"channel":"private-my_settlements-1","event":"settlement"}"#,
            ],
        ),
        message(
            "myAlert",
            "Margin in danger",
            "A margin came to this stage, or its liquidation ended.",
            told(
                choice(&ALERTS),
                text_like("^private-my_liquidations-[0-9]+$"),
                reference("Alert"),
                vec![],
            ),
            vec![
                r#"{"data":{"position_id":"1000002","trade_account_id":0,"microtimestamp":"1795348800000000","alert_type":"mm_breach_warning","margin_mode":"ISOLATED","initial_margin_ratio":"0.5263","maintenance_margin_ratio":"1.0526"},"channel":"private-my_liquidations-1","event":"mm_breach_warning"}"#,
            ],
        ),
        message(
            "selfTrade",
            "Trade with oneself",
            "Two orders of one's own met.",
            told(
                constant("self_trade"),
                private("private-live_trades"),
                reference("SelfTrade"),
                vec![],
            ),
            vec![
                r#"{"data":{"timestamp":"1795348800","amount":0.25,"amount_str":"0.25000000","price":60000,"price_str":"60000.00","type":0,"microtimestamp":"1795348800000000","buy_order_id":1125899906842625,"sell_order_id":1125899906842624,"sellers_trade_account_id":0,"buyers_trade_account_id":0},"channel":"private-live_trades_btcusd-1","event":"self_trade"}"#,
            ],
        ),
    ]
}

fn seconds() -> Member {
    must("timestamp", reference("Digits"), "When, in seconds since 1970, rounded down.")
}
fn micros() -> Member {
    must("microtimestamp", reference("Digits"), "When, in microseconds since 1970.")
}
fn decimal() -> Schema {
    reference("Decimal")
}
fn side(name: &'static str, about: &str) -> Member {
    let values = [0, 1].map(Value::integer).into();
    must(name, integer().with("enum", Value::List(values)), about)
}

fn order(more: Vec<Member>) -> Vec<Member> {
    let members = [
        must("id", integer(), "Its id."),
        must("id_str", reference("Digits"), "The same as a text."),
        side("order_type", "0 buys, 1 sells."),
        must(
            "order_subtype",
            integer(),
            "0 limit, 2 market, 4 IOC, 5 maker or cancel, 6 FOK, 8 good till date; 20 to 25 stop orders.",
        ),
        must("datetime", reference("Digits"), "When, in seconds since 1970, rounded."),
        micros(),
        must("amount", number(), "What remains of it, in the base currency."),
        must("amount_str", decimal(), "The same with all decimals."),
        must("amount_traded", decimal(), "What this event alone executed, in the base currency."),
        must("amount_at_create", decimal(), "What was asked for, in the base currency."),
        must("price", number(), "Its limit, in the counter currency."),
        must("price_str", decimal(), "The same with all decimals."),
        must("is_liquidation", boolean(), "Whether it was forced."),
    ];
    members.into_iter().chain(more).collect()
}

fn trade() -> Vec<Member> {
    vec![
        seconds(),
        must("amount", number(), "How much, in the base currency."),
        must("amount_str", decimal(), "The same with all decimals."),
        must("price", number(), "In the counter currency."),
        must("price_str", decimal(), "The same with all decimals."),
        side("type", "What the taker did: 0 bought, 1 sold."),
        micros(),
        must("buy_order_id", integer(), "The order that bought."),
        must("sell_order_id", integer(), "The order that sold."),
    ]
}

fn schemas() -> Vec<(&'static str, Schema)> {
    let public =
        "live_trades|live_orders|order_book|detail_order_book|diff_order_book|funding_rate";
    let private = "my_orders|my_trades|live_trades|live_order_trades";
    let of_all = "my_settlements|my_liquidations|my_token_settlements";
    let name = format!(
        "^(announcements|({public})_{MARKET}|private-({private})_{MARKET}-[0-9]+|private-({of_all})-[0-9]+)$"
    );
    let id = must("id", integer(), "Its id.");
    let rows = |count, about: &str| {
        [
            must(
                "bids",
                list(row(count, decimal())),
                &format!("{about}, the highest price first."),
            ),
            must("asks", list(row(count, decimal())), &format!("{about}, the lowest price first.")),
        ]
    };
    let book = |count, about| object([seconds(), micros()].into_iter().chain(rows(count, about)));
    let accounts = [
        must("sellers_trade_account_id", integer(), "0: the main account."),
        must("buyers_trade_account_id", integer(), "0: the main account."),
    ];
    let texts = [
        "Incorrect JSON format.",
        "Bad subscription string.",
        "Invalid channel provided.",
        "Connection is unauthorized.",
    ];
    vec![
        ("ChannelName", text_like(&name).about("The name of a channel.")),
        ("Digits", text_like("^[0-9]+$").about("An integer, written as a text.")),
        (
            "Decimal",
            text_like("^[0-9]+(\\.[0-9]+)?$").about("A decimal number, written as a text."),
        ),
        (
            "EventId",
            text_like("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
                .about("Ids of a chain are in order."),
        ),
        (
            "Error",
            object([
                must(
                    "code",
                    either([null(), integer().with("const", Value::integer(4009))]),
                    "4009 where a token is missing or not good.",
                ),
                must("message", choice(&texts), "What was wrong."),
            ]),
        ),
        ("Trade", object([id.clone()].into_iter().chain(trade()))),
        ("Book", book(2, "Price in the counter currency and amount in the base currency")),
        (
            "DetailBook",
            book(
                3,
                "Price in the counter currency, amount in the base currency, and id of the order",
            ),
        ),
        (
            "OwnTrade",
            object([
                id,
                must("amount", decimal(), "How much, in the base currency."),
                must("price", decimal(), "In the counter currency."),
                micros(),
                must("fee", decimal(), "What one paid for it, in the counter currency."),
                must("order_id", integer(), "One's own order."),
                may("client_order_id", text(), "One's own name of it."),
                must("trade_account_id", integer(), "0: the main account."),
                must("side", choice(&["buy", "sell"]), "What one did."),
                may(
                    "position_id",
                    reference("Digits").or_null(),
                    "Of a trade in a perpetual: the position that it opened, changed or closed; if two, the one it opened.",
                ),
                may(
                    "is_liquidation",
                    boolean(),
                    "Of a trade in a perpetual: whether it was forced.",
                ),
            ]),
        ),
        (
            "Signed",
            text_like("^-?[0-9]+(\\.[0-9]+)?$")
                .about("A decimal number with a sign, written as a text."),
        ),
        (
            "FundingRate",
            object([
                must("market", text(), "The market."),
                must("mark_price", decimal(), "What margin is computed with."),
                must("index_price", decimal(), "What other markets say."),
                must(
                    "funding_rate",
                    reference("Signed"),
                    "What longs would pay to shorts if it were exchanged now, as a part of value.",
                ),
                must("timestamp", reference("Digits"), "When, in seconds since 1970."),
                must("next_funding_time", reference("Digits"), "When it is exchanged next."),
            ]),
        ),
        (
            "Settlement",
            object([
                must("id", reference("Digits"), "The position."),
                must("tnx_id", reference("Digits"), "The id of the settlement."),
                must("ts", reference("Digits"), "When, in seconds since 1970."),
                must("price", decimal(), "At which price."),
                must("ccy", text(), "In which currency."),
                must(
                    "as",
                    reference("Signed"),
                    "How much in all: the sum of the five that follow.",
                ),
                must("ap", reference("Signed"), "Of this from the price."),
                must("atf", reference("Signed"), "From fees of trades."),
                must("alf", reference("Signed"), "From the fee of a liquidation."),
                must("afu", reference("Signed"), "From funding."),
                must(
                    "asl",
                    reference("Signed"),
                    "From losses that are shared: what the insurance fund paid of it.",
                ),
                must("sp", decimal(), "The price from which the profit is counted."),
                must("typ", choice(&["C", "P"]), "C: something was closed; P: it stays open."),
            ]),
        ),
        (
            "Alert",
            object([
                must("position_id", reference("Digits"), "The position."),
                must("trade_account_id", integer(), "0: the main account."),
                micros(),
                must("alert_type", choice(&ALERTS), "The stage; the event has the same name."),
                must("margin_mode", choice(&["ISOLATED", "CROSS"]), "What answers for it."),
                must(
                    "initial_margin_ratio",
                    reference("Signed"),
                    "What is there, over what it takes to open.",
                ),
                must(
                    "maintenance_margin_ratio",
                    reference("Signed"),
                    "What is there, over what it takes to keep.",
                ),
            ]),
        ),
        ("SelfTrade", object(trade().into_iter().chain(accounts))),
    ]
}
