//! What machines are told of the socket. There is no HTTP half to tell of.

use super::wire::FILTERS_MAX;
use crate::document::{
    AsyncApi, Channel, Direction, Documents, Message, Operation, Parameter, Schema, Security,
    Server, Value, boolean, choice, constant, either, integer, list, may, must, null, number,
    object, reference, text, text_like,
};

const ABOUT: &str = "Trades of many exchanges in one form, for who shows a key.\n\n\
Connect, authenticate, subscribe: nothing but `authenticate` is done for who has not authenticated. Every message has \
exactly one response, in the order of the messages, with the `id` that was sent. A trade comes once, however many \
filters mean it; nothing that happened before a subscription comes after it.\n\n\
Limits: 64 KiB a message (close 1009); 120 messages in 60 s, then `Rate limit exceeded`, at the 241st close 1008; 1,000 \
filters a request; 10,000 streams a connection.\n\n\
The server pings every 30 s; whatever comes from a client proves that it lives.\n\n\
| close | when |\n|---|---|\n\
| 1001 | the server shuts down |\n\
| 1002, 1007 | the frames, or the UTF-8 in them, are broken |\n\
| 1008 `authentication timeout` | no good key within 30 s |\n\
| 1008 `too many failures` | 5 wrong keys, 20 messages without sense, or 241 messages in 60 s |\n\
| 1008 `API key no longer valid` | the key was revoked, or its account blocked |\n\
| 1008 `ping timeout` | 90 s without a sign of life |\n\
| 1008 `slow consumer` | 4 MiB wait to be read, nothing was read for 90 s, or something waits for 180 s |\n\
| 1008 `too many connections` | the key has let in as many connections as the venue lets a key have |\n\
| 1009 | a message was too long |";

const ERRORS: [&str; 14] = [
    "Invalid API key",
    "Not authenticated",
    "Unknown action",
    "Missing action",
    "Invalid message format",
    "Invalid body",
    "Invalid streams",
    "Invalid stream",
    "Invalid stream: eventType is required",
    "Invalid stream: unknown eventType",
    "Invalid stream: base and quote, or market, must be provided",
    "Invalid stream: exchangeId must be an integer",
    "No matching streams",
    "Too many streams",
];
const MORE_ERRORS: [&str; 4] = [
    "Invalid stream: base must be a string",
    "Invalid stream: quote must be a string",
    "Invalid stream: market must be a string",
    "Rate limit exceeded",
];

/// The documents.
pub fn documents() -> Documents {
    let asyncapi = AsyncApi {
        title: "ConfluenceCode WebSocket API",
        about: ABOUT,
        servers: vec![Server::demo("ws", "/confluencecode")],
        security: vec![Security {
            id: "apiKey",
            members: &[("type", "userPassword")],
            about: "A key, sent in the body of `authenticate` once the socket is open. `rialto keys` makes them.",
        }],
        channels: channels(),
        operations: operations(),
        messages: messages(),
        schemas: schemas(),
    };
    Documents { asyncapi, openapi: None }
}

fn channels() -> Vec<Channel> {
    let requests = Channel {
        id: "requests",
        address: None,
        title: "Requests and their responses",
        about: "What a client asks, and whether it was done.",
        parameters: Vec::new(),
        query: None,
        messages: vec!["authenticate", "subscribe", "unsubscribe", "success", "failure"],
    };
    let trades = Channel {
        id: "trades",
        address: Some("trade:{exchangeId}:{market}"),
        title: "Trades of a market",
        about: "A stream: the trades of one market of one exchange, as they happen. Filters choose among all streams; \
                this address is a way to name one, and is not itself sent.",
        parameters: vec![
            Parameter {
                name: "exchangeId",
                about: "The number of the exchange. 2 is the venue's own market.",
                values: Vec::new(),
                examples: vec!["2"],
            },
            Parameter {
                name: "market",
                about: "The market, as that exchange names it.",
                values: Vec::new(),
                examples: vec!["BTC-USD"],
            },
        ],
        query: None,
        messages: vec!["trade"],
    };
    vec![requests, trades]
}

fn operations() -> Vec<Operation> {
    let asked = |id, summary, security| Operation {
        id,
        direction: Direction::Received,
        channel: "requests",
        summary,
        messages: vec![id],
        reply: vec!["success", "failure"],
        security,
    };
    vec![
        asked("authenticate", "Show who one is", vec![]),
        asked("subscribe", "Begin to be told of streams", vec!["apiKey"]),
        asked("unsubscribe", "End it", vec!["apiKey"]),
        Operation {
            id: "tellTrades",
            direction: Direction::Sent,
            channel: "trades",
            summary: "Tell a trade of a stream that is subscribed",
            messages: vec!["trade"],
            reply: Vec::new(),
            security: vec!["apiKey"],
        },
    ]
}

fn messages() -> Vec<Message> {
    let request = |id, title, about, action: Schema, body: Schema, examples| Message {
        id,
        title,
        about,
        payload: object([
            may("id", reference("Id"), "Comes back in the response."),
            must("action", action, "What is to be done."),
            must("body", body, "What is needed for that."),
        ])
        .open(),
        examples,
    };
    let response = |members: Vec<_>| {
        let common = [
            may(
                "id",
                reference("Id"),
                "That of the request, as it was written; left out if it had none.",
            ),
            must("action", text(), "That of the request; empty if it had none."),
        ];
        object(common.into_iter().chain(members))
    };
    vec![
        request(
            "authenticate",
            "Authenticate",
            "Shows a key. What the key may see is added to what was seen before.",
            choice(&["authenticate", "authentication"]),
            either([
                object([must("apiKey", text(), "The key.")]).open(),
                text().about("The key itself."),
            ]),
            vec![r#"{"id":"3","action":"authenticate","body":"alicekey000000000000000000000001"}"#],
        ),
        request(
            "subscribe",
            "Subscribe",
            "Adds the streams that the filters mean to those that are told. All of it is done or nothing.",
            constant("subscribe"),
            reference("Filters"),
            vec![
                r#"{"id":"4","action":"subscribe","body":{"streams":[{"eventType":"trade","base":"BTC","quote":"USD"}]}}"#,
            ],
        ),
        request(
            "unsubscribe",
            "Unsubscribe",
            "Takes the streams that the filters mean from those that are told, as far as they are among them.",
            constant("unsubscribe"),
            reference("Filters"),
            vec![
                r#"{"id":"5","action":"unsubscribe","body":{"streams":[{"eventType":"trade","base":"BTC","quote":"USD"}]}}"#,
            ],
        ),
        Message {
            id: "success",
            title: "Done",
            about: "What was asked is done. It comes before the first trade of a subscription, and after the last.",
            payload: response(vec![must(
                "success",
                boolean().with("const", Value::boolean(true)),
                "It was done.",
            )]),
            examples: vec![r#"{"id":"4","action":"subscribe","success":true}"#],
        },
        Message {
            id: "failure",
            title: "Not done",
            about: "What was asked is not done, and nothing of it.",
            payload: response(vec![
                must("success", boolean().with("const", Value::boolean(false)), "It was not done."),
                must("error", reference("Error"), "Why not."),
                may(
                    "message",
                    reference("Error"),
                    "Why not, once more: of a failed `authenticate` only.",
                ),
            ]),
            examples: vec![
                r#"{"id":"1","action":"subscribe","success":false,"error":"Not authenticated"}"#,
                r#"{"id":"2","action":"authenticate","success":false,"error":"Invalid API key","message":"Invalid API key"}"#,
            ],
        },
        Message {
            id: "trade",
            title: "Trade",
            about: "A trade of a stream that is subscribed. `i` and `k` together are never given twice.",
            payload: reference("Trade"),
            examples: vec![
                r#"{"i":"8a8576cc-99e3-5816-823f-4294f7b48ee6","k":"trade","e":3,"m":"BTC-USD-SWAP","b":"BTC","c":"USD","t":1795348800000,"d":true,"p":"60020.0","q":"1.000","s":false,"v":"60020"}"#,
            ],
        },
    ]
}

fn schemas() -> Vec<(&'static str, Schema)> {
    let id = either([text(), number(), boolean(), null()]);
    let filters = list(reference("Filter"))
        .with("minItems", Value::integer(1))
        .with("maxItems", Value::integer(FILTERS_MAX as i64));
    let errors: Vec<&str> = ERRORS.into_iter().chain(MORE_ERRORS).collect();
    let decimal = || text_like("^[0-9]+(\\.[0-9]+)?$");
    vec![
        ("Id", id.about("A text, a number, a boolean or null, of 256 bytes at most.")),
        (
            "Filters",
            object([must("streams", filters, "Streams that any of these filters means.")]).open(),
        ),
        (
            "Filter",
            object([
                must("eventType", constant("trade"), "The kind of event."),
                may("base", text(), "The base asset, in any case; with `quote`, unless `market` is given."),
                may("quote", text(), "The quote asset, in any case."),
                may("market", text(), "The market, exactly as its exchange names it."),
                may("exchangeId", integer(), "The number of the exchange; all exchanges if left out."),
            ])
            .open()
            .about("What is given must all hold. Either `base` and `quote`, or `market`, must be given."),
        ),
        ("Error", choice(&errors)),
        (
            "Trade",
            object([
                must(
                    "i",
                    text_like("^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
                    "The trade's id: a UUID of version 5, the same on every connection and at any time.",
                ),
                must("k", constant("trade"), "The kind of event."),
                must("e", integer(), "The number of the exchange."),
                must("m", text(), "The market, as its exchange names it."),
                must("b", text(), "The base asset."),
                must("c", text(), "The quote asset."),
                must("t", integer(), "When it happened on the exchange, in milliseconds since 1970, UTC."),
                must("d", boolean(), "Whether the market is one of derivatives."),
                must("p", decimal(), "The price, in the quote asset."),
                must("q", decimal(), "The quantity, in the base asset."),
                must("s", boolean(), "Whether the buyer was the maker: the taker sold."),
                must("v", decimal(), "The value, price times quantity, exact, in the quote asset."),
            ]),
        ),
    ]
}
