//! What machines are told of the HTTP half.

use super::entity;
use crate::document::{
    Endpoint, Member, OpenApi, Schema, Security, Server, anything, choice, integer, list, may,
    must, object, reference, text,
};

const ABOUT: &str = "What the socket's `REST` requests ask, over HTTP.\n\n\
Parameters stand in the query, a list by repeating its name. What is an account's own needs the id and the secret of a \
key, as `Authorization: Basic`. Every refusal has the same form. 1,800 requests in two seconds an address, then 429 with \
`Retry-After`.";

/// The document.
pub fn openapi() -> OpenApi {
    let venue = Server {
        id: "venue",
        host: "plasma-relay-backend.timex.io",
        path: "",
        protocol: "https",
        about: "The venue itself",
    };
    let refusal = object([must(
        "error",
        object([
            may("timestamp", text(), "When, by the wall's clock."),
            must("status", text(), "The name of the status."),
            must("message", text(), "Why not."),
            must("code", integer(), "The venue's number for it."),
        ]),
        "What was wrong.",
    )]);
    let unused = ["AskedId", "SubscriptionId", "Auth", "GroupBook", "GroupLevel", "TradeEvent"];
    let unused = [&unused[..], &["OrderEvent", "TradeInfo", "AccountState", "Transfer"]].concat();
    OpenApi {
        title: "TimeX REST API",
        about: ABOUT,
        servers: vec![Server::demo("http", "/timex"), venue],
        security: vec![Security {
            id: "credentials",
            members: &[("type", "http"), ("scheme", "basic")],
            about: "The id and the secret of a key.",
        }],
        endpoints: endpoints(),
        refusals: vec![("application/json", refusal)],
        schemas: entity::schemas().into_iter().filter(|(name, _)| !unused.contains(name)).collect(),
    }
}

fn query(name: &'static str, about: &str) -> Member {
    may(name, text(), about)
}
fn market() -> Member {
    must("market", text(), "The market, in upper case.")
}
fn limit() -> Member {
    may("limit", integer(), "How many of each side.")
}
fn period(about: &str) -> Member {
    may("period", reference("Period"), about)
}
fn range() -> [Member; 2] {
    [query("from", "From here on, in UTC."), query("till", "Up to here, in UTC.")]
}
fn pages() -> [Member; 3] {
    [
        may("page", integer(), "Which page, from 0."),
        may("size", integer(), "How many a page; 100 if left out, 1,000 at most."),
        query("sort", "`timestamp` or `createdAt`, then `,asc` or `,desc`."),
    ]
}
fn all(of: &str) -> Schema {
    list(reference(of))
}
fn named(name: &'static str, of: &str) -> Schema {
    object([must(name, all(of), "The items.")])
}
fn changed() -> Schema {
    object([
        must("changedOrders", all("ChangedOrder"), "Those that were changed."),
        must("unchangedOrders", list(text()), "The ids of those that were not."),
    ])
}

fn asked(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    about: &'static str,
    query: impl IntoIterator<Item = Member>,
    answer: Schema,
) -> Endpoint {
    let is_public =
        ["/public/", "/currencies/", "/tradingview/"].iter().any(|it| path.starts_with(it));
    Endpoint {
        method,
        path,
        id,
        about,
        path_parameters: Vec::new(),
        query: query.into_iter().collect(),
        body: None,
        status: 200,
        answer,
        security: if is_public { Vec::new() } else { vec!["credentials"] },
    }
}

fn endpoints() -> Vec<Endpoint> {
    let mut all = public();
    all.extend(private());
    all.extend(orders());
    all
}

fn public() -> Vec<Endpoint> {
    let get = |path, id, about, query, answer| asked("get", path, id, about, query, answer);
    let currency = object([
        must("id", text(), "Its number."),
        must("currency", reference("Currency"), "The currency."),
    ]);
    let mut one =
        get("/currencies/s/{symbol}", "currency", "One currency: by its symbol.", vec![], currency);
    one.path_parameters = vec![must("symbol", text(), "Its symbol, in upper case.")];
    let of_market = |more: Vec<Member>| [market()].into_iter().chain(more).collect::<Vec<_>>();
    vec![
        get(
            "/public/markets",
            "markets",
            "All markets: with their rules, fees and tokens.",
            vec![],
            all("Market"),
        ),
        get("/public/currencies", "currencies", "All currencies.", vec![], all("Currency")),
        one,
        get(
            "/public/tickers",
            "tickers",
            "Statistics: of one market, of several, or of all.",
            vec![
                query("market", "The market; may be repeated."),
                period("How far they look back; a day if left out."),
            ],
            all("Ticker"),
        ),
        get(
            "/public/tickers24",
            "tickers24",
            "Statistics of a day: of all markets.",
            vec![query("useCache", "Left alone.")],
            all("Ticker"),
        ),
        get(
            "/public/candles",
            "candles",
            "Candles: the oldest first, 1,500 at most, quiet intervals included.",
            of_market([period("How long they are.")].into_iter().chain(range()).collect()),
            all("Candle"),
        ),
        get(
            "/public/trades",
            "trades",
            "Trades: the newest first unless sorted otherwise.",
            of_market(range().into_iter().chain(pages()).collect()),
            all("Trade"),
        ),
        get(
            "/public/orderbook",
            "orderbook",
            "Book by price: each level with what lies before it.",
            of_market(vec![limit()]),
            reference("Book"),
        ),
        get(
            "/public/orderbook/v2",
            "orderbookV2",
            "Book by price: as before.",
            of_market(vec![limit()]),
            reference("Book"),
        ),
        get(
            "/public/orderbook/raw",
            "orderbookRaw",
            "Book by order.",
            of_market(vec![limit()]),
            reference("RawBook"),
        ),
        get(
            "/tradingview/time",
            "time",
            "The time of the market: in seconds since 1970.",
            vec![],
            integer(),
        ),
    ]
}

fn private() -> Vec<Endpoint> {
    let get = |path, id, about, query, answer| asked("get", path, id, about, query, answer);
    let order = object([
        must("order", reference("Order"), "The order."),
        must("trades", all("OwnTrade"), "Its trades."),
    ]);
    let address = object([must("address", reference("Hex"), "The account's address.")]);
    let filters = |more: Vec<Member>| {
        let common = [query("symbol", "The market."), query("side", "`BUY` or `SELL`.")];
        common.into_iter().chain(more).chain(range()).chain(pages()).collect::<Vec<_>>()
    };
    vec![
        get(
            "/trading/balances",
            "balances",
            "What the account holds: every currency.",
            vec![query("currency", "Only this; may be repeated.")],
            all("Balance"),
        ),
        get(
            "/trading/fees",
            "fees",
            "What a taker pays.",
            vec![query("markets", "Only this; may be repeated.")],
            all("Fee"),
        ),
        get(
            "/trading/orders",
            "openOrders",
            "Open orders.",
            filters(vec![query("clientOrderId", "Its owner's name.")]),
            named("orders", "Order"),
        ),
        get(
            "/history/orders",
            "orders",
            "All orders: open ones too.",
            filters(vec![query("clientOrderId", "Its owner's name.")]),
            named("orders", "Order"),
        ),
        get(
            "/history/orders/details",
            "order",
            "One order: with its trades.",
            vec![must("orderHash", reference("Hex"), "Its id.")],
            order,
        ),
        get(
            "/history/trades",
            "ownTrades",
            "The account's trades.",
            filters(vec![
                query("cursorId", "What comes after this one."),
                query("makerOrderId", "Of this order, where it rested."),
                query("takerOrderId", "Of this order, where it came."),
                query("owner", "Oneself."),
            ]),
            named("trades", "OwnTrade"),
        ),
        get("/custody/credentials/me", "whoAmI", "Whose key it is.", vec![], address),
        get(
            "/custody/deposit-addresses",
            "depositAddresses",
            "Where one can be paid.",
            vec![query("showRemoved", "Left alone.")],
            all("DepositAddress"),
        ),
    ]
}

fn orders() -> Vec<Endpoint> {
    let amount = |name: &'static str, about: &str| may(name, anything(), about);
    let placed = || {
        vec![
            must("symbol", text(), "The market."),
            must("side", choice(&["BUY", "SELL"]), "What to do."),
            must("quantity", anything(), "How much, in the base token: a number or a text."),
            amount("price", "The limit, in the quote token."),
            may("clientOrderId", text().or_null(), "One's own name of it."),
            amount("expireIn", "In so many seconds it is to be gone."),
            amount("expireTime", "When it is to be gone, in UTC."),
        ]
    };
    let changes = || {
        vec![
            must("id", reference("Hex"), "Its id."),
            amount("price", "The new limit."),
            amount("quantity", "The new quantity."),
            amount("expireIn", "In so many seconds it is to be gone."),
            amount("expireTime", "When it is to be gone."),
        ]
    };
    let ids = || vec![must("id", reference("Hex"), "Its id; may be repeated.")];
    let kind = |name: &'static str| {
        query(name, "`LIMIT`, `MARKET`, `POST_ONLY` or `FILL_OR_KILL`; LIMIT if left out.")
    };
    let with = |mut members: Vec<Member>, more: Member| {
        members.push(more);
        members
    };
    let body = |members: Vec<Member>| Some(("application/json", list(object(members).open())));
    let mut placed_json = asked(
        "post",
        "/trading/orders/json",
        "placeOrders",
        "Place orders: as a list.",
        [],
        named("orders", "Order"),
    );
    placed_json.body = body(with(placed(), kind("type")));
    let mut changed_json = asked(
        "put",
        "/trading/orders/json",
        "changeOrders",
        "Change orders: as a list.",
        [],
        changed(),
    );
    changed_json.body = body(changes());
    let mut cancelled_json = asked(
        "delete",
        "/trading/orders/json",
        "cancelOrders",
        "Cancel orders: as a list.",
        [],
        changed(),
    );
    cancelled_json.body = body(ids());
    vec![
        asked(
            "post",
            "/trading/orders",
            "placeOrder",
            "Place orders: several by repeating parameters.",
            with(placed(), kind("orderTypes")),
            named("orders", "Order"),
        ),
        asked(
            "put",
            "/trading/orders",
            "changeOrder",
            "Change orders: each is cancelled and another takes its place.",
            changes(),
            changed(),
        ),
        asked("delete", "/trading/orders", "cancelOrder", "Cancel orders.", ids(), changed()),
        placed_json,
        changed_json,
        cancelled_json,
    ]
}
