//! What machines are told of the socket. There is no HTTP half to tell of.

use crate::document::{
    AsyncApi, Channel, Direction, Documents, Member, Message, Operation, Parameter, Schema,
    Security, Server, Value, choice, constant, either, integer, list, may, must, number, object,
    reference, text, text_like,
};

const ABOUT: &str = "Bars of the running minute, for the tickers of a publisher.\n\n\
The key stands in the URL and is judged before the upgrade: one that is not good is answered 401 with `INVALID_API_KEY`, \
and a key that has 50 connections 429 with `CONNECTION_LIMIT_EXCEEDED`. A bar is sent at the end of each second, ten \
seconds or minute of market time, whether it changed or not, and knows every trade since its minute began. Nothing is \
sent of a minute without a trade.\n\n\
Limits: 100 events a minute; 102,400 bytes an event; 5 connections for each data set and key. The server pings every 30 s; \
whatever comes from a client proves that it lives.\n\n\
| close | when |\n|---|---|\n\
| 1001 | the server shuts down |\n\
| 1007 | a text that is no UTF-8 |\n\
| 1008 `ping timeout` | 90 s without a sign of life |\n\
| 1008 `too many refused messages` | more than 100 refusals within a minute |\n\
| 1008 `key revoked` | the key was revoked, or its account blocked |\n\
| 1008 `slow consumer` | nothing was read for 60 s, or something waits for 120 s |\n\
| 1008 `too many connections` | the key has let in as many connections as the venue lets a key have |\n\
| 1009 | an event was too long |";

/// Those that are told on the socket.
const CODES: [&str; 10] = [
    "UNAUTHORIZED_ACCESS",
    "INVALID_PARAMETER",
    "INVALID_TICKER",
    "UNSUPPORTED_MARKET",
    "API_RATE_LIMIT_EXCEEDED",
    "ALREADY_SUBSCRIBED",
    "NOT_SUBSCRIBED",
    "INVALID_JSON",
    "CONNECTION_LIMIT_EXCEEDED",
    "TICKER_LIMIT_EXCEEDED",
];

/// The documents.
pub fn documents() -> Documents {
    let venue = Server {
        id: "venue",
        host: "ws.finazon.io",
        path: "/v1",
        protocol: "wss",
        about: "The venue itself",
    };
    let asyncapi = AsyncApi {
        title: "Finazon WebSocket API",
        about: ABOUT,
        servers: vec![Server::demo("ws", "/finazon/v1"), venue],
        security: vec![Security {
            id: "apikey",
            members: &[("type", "httpApiKey"), ("in", "query"), ("name", "apikey")],
            about: "A key in the URL of the handshake; `Authorization: apikey KEY` does as well.",
        }],
        channels: channels(),
        operations: operations(),
        messages: messages(),
        schemas: schemas(),
    };
    Documents { asyncapi, openapi: None }
}

fn channels() -> Vec<Channel> {
    let key = object([must("apikey", text(), "The key.")]).open();
    let requests = Channel {
        id: "requests",
        address: None,
        title: "Events and their answers",
        about: "What a client asks, and what it is answered.",
        parameters: Vec::new(),
        query: Some(key),
        messages: vec![
            "subscribe",
            "unsubscribe",
            "heartbeat",
            "subscribed",
            "unsubscribed",
            "alive",
            "error",
        ],
    };
    let parameter = |name, about, values, examples| Parameter { name, about, values, examples };
    let bars = Channel {
        id: "bars",
        address: Some("bars/{publisher}/{ticker}/{frequency}"),
        title: "Bars of a ticker",
        about: "The bar of the running minute, at each tick. The address is a way to name a subscription, and is not \
                itself sent.",
        parameters: vec![
            parameter("publisher", "Who publishes it.", vec![], vec!["sip", "binance"]),
            parameter(
                "ticker",
                "The ticker, as the publisher writes it.",
                vec![],
                vec!["TSLA", "BTC/USDT"],
            ),
            parameter("frequency", "How often it is sent.", vec!["1s", "10s", "1m"], vec![]),
        ],
        query: None,
        messages: vec!["bar"],
    };
    vec![requests, bars]
}

fn operations() -> Vec<Operation> {
    let asked = |id, summary, reply| Operation {
        id,
        direction: Direction::Received,
        channel: "requests",
        summary,
        messages: vec![id],
        reply,
        security: vec!["apikey"],
    };
    vec![
        asked("subscribe", "Begin to be sent bars", vec!["subscribed", "error"]),
        asked("unsubscribe", "End it", vec!["unsubscribed", "error"]),
        asked("heartbeat", "Ask whether the server is still there", vec!["alive", "error"]),
        Operation {
            id: "sendBars",
            direction: Direction::Sent,
            channel: "bars",
            summary: "Send the bar of a ticker that is subscribed",
            messages: vec!["bar"],
            reply: Vec::new(),
            security: vec!["apikey"],
        },
    ]
}

/// In an event, where null is none.
fn asked_id() -> Member {
    may("request_id", reference("RequestId").or_null(), "Comes back in every answer to the event.")
}

/// In an answer.
fn request_id() -> Member {
    may("request_id", reference("RequestId"), "Comes back in every answer to the event.")
}

fn messages() -> Vec<Message> {
    let message =
        |id, title, about, payload, examples| Message { id, title, about, payload, examples };
    let event = |name| must("event", constant(name), "What is to be done.");
    let asked = |name| {
        object([
            event(name),
            may("publisher", text().or_null(), "Who publishes; this or `dataset` has to be there."),
            may(
                "dataset",
                text().or_null(),
                "The data set, in newer words; answers and bars name it then.",
            ),
            must(
                "tickers",
                list(text()).with("minItems", Value::integer(1)),
                "Of what; each once.",
            ),
            must("channel", constant("bars"), "Which kind of data."),
            must("frequency", reference("Frequency"), "How often."),
            must("aggregation", text_like("^ *1m *$"), "How long a bar is."),
            may("mic", text().or_null(), "The listing market, of shares."),
            may("market", text().or_null(), "The market, of pairs."),
            asked_id(),
        ])
        .open()
    };
    let answer = |code: &str, event: &str| {
        let mut data = data(choice(&[event]));
        data.push(must("frequency", reference("Frequency"), "How often."));
        object([
            must("status", constant("success"), "It was done."),
            must("code", constant(code), "What was done."),
            must("data", object(data), "Of what: as it was asked, with what was left out."),
            request_id(),
        ])
    };
    let mut asked_before = data(choice(&["subscribe", "unsubscribe"]));
    asked_before.push(must("frequency", text(), "How often."));
    vec![
        message(
            "subscribe",
            "Subscribe",
            "Begins bars. Good tickers are subscribed though others are not.",
            asked("subscribe"),
            vec![
                r#"{"event":"subscribe","publisher":"sip","tickers":["AAPL","TSLA"],"channel":"bars","frequency":"1s","aggregation":"1m"}"#,
            ],
        ),
        message(
            "unsubscribe",
            "Unsubscribe",
            "Ends exactly what was begun with the same options.",
            asked("unsubscribe"),
            vec![
                r#"{"event":"unsubscribe","publisher":"sip","tickers":["TSLA"],"channel":"bars","frequency":"1s","aggregation":"1m","mic":"xnas"}"#,
            ],
        ),
        message(
            "heartbeat",
            "Heartbeat",
            "Asks whether the server is still there.",
            object([event("heartbeat"), asked_id()]).open(),
            vec![r#"{"event":"heartbeat"}"#],
        ),
        message(
            "subscribed",
            "Subscribed",
            "These tickers are subscribed.",
            answer("SUCCESS_SUBSCRIPTION", "subscribe"),
            vec![
                r#"{"status":"success","code":"SUCCESS_SUBSCRIPTION","data":{"event":"subscribe","publisher":"sip","mic":"","market":"","channel":"bars","frequency":"1s","aggregation":"1m","tickers":["AAPL","TSLA"]}}"#,
            ],
        ),
        message(
            "unsubscribed",
            "Unsubscribed",
            "These tickers are not subscribed any more.",
            answer("SUCCESS_UNSUBSCRIPTION", "unsubscribe"),
            vec![
                r#"{"status":"success","code":"SUCCESS_UNSUBSCRIPTION","data":{"event":"unsubscribe","publisher":"sip","mic":"","market":"","channel":"bars","frequency":"1s","aggregation":"1m","tickers":["TSLA"]}}"#,
            ],
        ),
        message(
            "alive",
            "Still there",
            "The answer to a heartbeat.",
            object([
                must("event", constant("heartbeat"), "What was asked."),
                must("status", constant("success"), "All is well."),
                request_id(),
            ]),
            vec![r#"{"event":"heartbeat","status":"success"}"#],
        ),
        message(
            "error",
            "Not done",
            "What was asked is not done, for the tickers that are named.",
            object([
                must("status", constant("error"), "It was not done."),
                must("code", choice(&CODES), "Why not."),
                must("message", text(), "The same for people."),
                may("data", object(asked_before), "Of what, if that could be read."),
                request_id(),
            ]),
            vec![
                r#"{"status":"error","code":"INVALID_JSON","message":"The event message is not valid JSON."}"#,
                r#"{"status":"error","code":"INVALID_TICKER","message":"The ticker BGMS you have specified is unrecognized or unsupported.","data":{"event":"subscribe","publisher":"sip","mic":"","market":"","channel":"bars","frequency":"1s","aggregation":"1m","tickers":["BGMS"]}}"#,
            ],
        ),
        message(
            "bar",
            "Bar",
            "The bar of the running minute as it is now; the last one of a minute is whole.",
            reference("Bar"),
            vec![
                r#"{"p":"sip","ch":"bars","f":"1s","aggr":"1m","s":"TSLA","t":1795348800,"o":220.06,"h":220.06,"l":220.06,"c":220.06,"v":10}"#,
                r#"{"d":"us_stocks_essential","p":"finazon","ch":"bars","f":"1s","aggr":"1m","s":"TSLA","t":1795348800,"o":220.06,"h":220.06,"l":220.06,"c":220.06,"v":10}"#,
            ],
        ),
    ]
}

/// What an answer says again of an event, but for the frequency.
fn data(event: Schema) -> Vec<Member> {
    vec![
        must("event", event, "What was asked."),
        may("dataset", text(), "The data set, if it was named."),
        must("publisher", text(), "Who publishes."),
        must("mic", text(), "The listing market; empty if none was named."),
        must("market", text(), "The market; empty if none was named."),
        must("channel", text(), "Which kind of data."),
        must("aggregation", text(), "How long a bar is."),
        must("tickers", list(text()), "Which tickers this is about."),
    ]
}

fn schemas() -> Vec<(&'static str, Schema)> {
    let aggregation = choice(&["1m", " 1m"]);
    vec![
        (
            "RequestId",
            either([integer(), text()]).about("An integer, or a text, of 128 bytes at most."),
        ),
        ("Frequency", choice(&["1s", "10s", "1m"])),
        (
            "Bar",
            object([
                may("d", text(), "The data set, if it was subscribed by that."),
                must("p", text(), "Who publishes."),
                must("ch", constant("bars"), "Which kind of data."),
                must("f", reference("Frequency"), "How often it is sent."),
                must(
                    "aggr",
                    aggregation,
                    "How long it is; with a blank only where the configuration asks for it.",
                ),
                must("s", text(), "The ticker."),
                must("t", integer(), "When its minute began, in seconds since 1970, UTC."),
                must("o", number(), "Its first price, in the quote currency."),
                must("h", number(), "Its highest."),
                must("l", number(), "Its lowest."),
                must("c", number(), "Its last."),
                must(
                    "v",
                    number(),
                    "What was traded in it: shares, or an amount of the base asset.",
                ),
            ]),
        ),
    ]
}
