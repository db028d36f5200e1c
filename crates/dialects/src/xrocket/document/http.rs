//! What machines are told of the HTTP half.

use super::{book, decimal};
use crate::document::{
    Endpoint, Member, OpenApi, Schema, Security, Server, boolean, choice, either, integer, list,
    map, may, must, object, reference, text,
};

const ABOUT: &str = "The HTTP endpoints that clients of the exchange need.\n\n\
What is an account's own needs its token, as `Authorization: Bearer`. Every refusal is a problem with the same members. 60 \
requests in three seconds an address, then 429 with `Retry-After`.";

/// The document; `schemas` are the socket's.
pub fn openapi(schemas: Vec<(&'static str, Schema)>) -> OpenApi {
    let venue = |id, host, about| Server { id, host, path: "", protocol: "https", about };
    let unused = ["Id", "Error"];
    let schemas = schemas.into_iter().filter(|(name, _)| !unused.contains(name));
    OpenApi {
        title: "xRocket exchange API",
        about: ABOUT,
        servers: vec![
            Server::demo("http", "/xrocket"),
            venue("venue", "exchange.api.xrocket.exchange", "The venue itself"),
            venue("testnet", "exchange.api.testnet.xrocket.exchange", "The venue's test network"),
        ],
        security: vec![Security {
            id: "token",
            members: &[("type", "http"), ("scheme", "bearer"), ("bearerFormat", "JWT")],
            about: "A JSON web token of the account.",
        }],
        endpoints: public().into_iter().chain(private()).collect(),
        refusals: vec![("application/json", reference("Problem"))],
        schemas: schemas.chain([("Symbol", symbol()), ("Problem", problem())]).collect(),
    }
}

fn problem() -> Schema {
    let info = object([
        may("field", text(), "The parameter that is wrong."),
        may("symbol", text(), "The symbol."),
        may("asset", text(), "The asset."),
        may("clientOrderId", text(), "The name that is taken."),
        may("maxDecimals", integer(), "How many decimals there may be."),
        may("precisions", list(text()), "The steps that there are."),
        may("maxIntervalInSeconds", integer(), "How long the range may be."),
        may("min", decimal(), "The least there may be."),
        may("max", decimal(), "The most there may be."),
    ]);
    object([
        must("type", text(), "`/api/problems/` and its name."),
        must("title", text(), "What kind of problem it is, for people."),
        must("status", integer(), "The status."),
        must("detail", text(), "What was wrong, for people."),
        must("instance", text(), "Follows from what was asked."),
        must(
            "kind",
            choice(&[
                "exchange",
                "validation",
                "authorization",
                "not_found",
                "rate_limit",
                "internal",
            ]),
            "Its family.",
        ),
        may("info", info, "More of it, for programs."),
    ])
}

fn symbol() -> Schema {
    object([
        must("symbol", text(), "`BASE-QUOTE`."),
        must("baseAsset", text(), "What is traded."),
        must("quoteAsset", text(), "What it is paid in."),
        must("baseMinSize", decimal(), "The smallest order, in base."),
        must("quoteMinSize", decimal(), "The smallest order, in quote."),
        must("baseMaxSize", decimal(), "The largest order, in base."),
        must("quoteMaxSize", decimal(), "The largest order, in quote."),
        must("minPrice", decimal(), "The lowest price."),
        must("maxPrice", decimal(), "The highest price."),
        must("baseIncrement", decimal(), "The step of sizes."),
        must("quoteIncrement", decimal(), "The step of funds."),
        must("priceIncrement", decimal(), "The step of prices."),
        must("enableTrading", boolean(), "Whether it takes orders."),
        must("precisions", list(decimal()), "The steps in which its book is gathered."),
        must("labels", list(text()), "None."),
    ])
}

fn asked(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    about: &'static str,
    query: Vec<Member>,
    answer: Schema,
) -> Endpoint {
    Endpoint {
        method,
        path,
        id,
        about,
        path_parameters: Vec::new(),
        query,
        body: None,
        status: if method == "post" { 201 } else { 200 },
        answer,
        security: Vec::new(),
    }
}

fn named(name: &'static str, of: Schema) -> Schema {
    object([must(name, list(of), "The items.")])
}
fn of_symbol(more: Vec<Member>) -> Vec<Member> {
    let symbol = must("symbol", text(), "`BASE-QUOTE` in upper case.");
    [symbol].into_iter().chain(more).collect()
}
fn symbols() -> Vec<Member> {
    vec![may("symbols", text(), "Only these, with commas between.")]
}

fn public() -> Vec<Endpoint> {
    let get = |path, id, about, query, answer| asked("get", path, id, about, query, answer);
    let fee = object([
        must("symbol", text(), "`BASE-QUOTE`."),
        must(
            "standard",
            object([
                must("taker", decimal(), "What who comes pays, as a part of the whole."),
                must("maker", decimal(), "What who rested pays, as a part of the whole."),
            ]),
            "The fees.",
        ),
    ]);
    let mut one = get(
        "/api/v1/symbols/{symbol}",
        "symbol",
        "One symbol: with its rules.",
        vec![],
        reference("Symbol"),
    );
    one.path_parameters = vec![must("symbol", text(), "`BASE-QUOTE` in upper case.")];
    vec![
        get(
            "/api/v1/symbols",
            "symbols",
            "All symbols: with their rules.",
            vec![],
            named("symbols", reference("Symbol")),
        ),
        one,
        get("/api/v1/trade-fees", "tradeFees", "What trades cost.", symbols(), named("fees", fee)),
        get(
            "/api/v1/ticker/24h",
            "tickers",
            "Statistics of a day.",
            symbols(),
            named("tickers", reference("Ticker")),
        ),
        get(
            "/api/v1/orderbook",
            "orderbook",
            "A book as it is.",
            of_symbol(vec![
                may("depth", reference("Depth"), "How many levels a side; 500 if left out."),
                may("precision", text(), "The step in which prices are gathered."),
            ]),
            object(book()),
        ),
        get(
            "/api/v1/trades",
            "trades",
            "The last hundred trades: the newest first.",
            of_symbol(vec![]),
            named("trades", reference("Trade")),
        ),
        get(
            "/api/v1/candles",
            "candles",
            "Candles: the oldest first, 1,500 at most.",
            of_symbol(vec![
                must("type", reference("Interval"), "How long they are."),
                must("startAt", text(), "From here on: an instant of RFC 3339."),
                must("endAt", text(), "Up to here: an instant of RFC 3339."),
            ]),
            named("candles", reference("Candle")),
        ),
        get(
            "/api/v1/rates",
            "rates",
            "What one of each asset costs: in `base`.",
            vec![
                must("base", text(), "The asset to count in."),
                may("assets", text(), "Only these, with commas between."),
            ],
            map(object([must("rate", decimal(), "What one of it costs.")])),
        ),
    ]
}

fn private() -> Vec<Endpoint> {
    let by_id = || {
        vec![
            may("orderId", text(), "Its id; this or the other has to be given, and this counts."),
            may("clientOrderId", text(), "One's own name of it."),
        ]
    };
    let count = |name, about| must(name, integer(), about);
    let history = object([
        must("orders", list(reference("Order")), "The newest first."),
        count("currentPage", "Which page it is, from 1."),
        count("pageSize", "How many a page."),
        count("totalNum", "How many there are."),
        count("totalPage", "How many pages there are."),
    ]);
    let balances = || named("balances", reference("Balance"));
    let cancelled =
        object([must("cancelledOrderIds", list(text()), "The ids of those that were.")]);
    let placing = || {
        let given = [
            must("symbol", text(), "`BASE-QUOTE` in upper case."),
            must("side", choice(&["buy", "sell"]), "What to do."),
            must("type", choice(&["limit", "market", "stopLimit", "stopMarket"]), "Its type."),
            may("size", text(), "How much, in base."),
            may("funds", text(), "How much, in quote: of a market order instead of the size."),
            may("price", text(), "The limit, in quote."),
            may("stopPrice", text(), "What wakes it, in quote."),
            must("timeInForce", choice(&["GTC", "IOC", "FOK"]), "How long it lives."),
            may("clientOrderId", text(), "One's own name of it."),
            may("remark", text(), "Taken and not kept."),
        ];
        Some(("application/json", object(given).open()))
    };
    let estimate = object([
        must("symbol", text(), "`BASE-QUOTE`."),
        must("side", choice(&["buy", "sell"]), "What would be done."),
        must("type", text(), "Its type."),
        may("size", decimal(), "How much, in base."),
        may("funds", decimal(), "For how much, in quote."),
        may("price", decimal(), "The limit, in quote."),
        must("fee", decimal(), "What it would cost, in `feeAsset`."),
        must("feeAsset", text(), "The asset of the fee."),
    ]);
    let mut place = asked(
        "post",
        "/api/v1/orders",
        "placeOrder",
        "Place an order.",
        vec![],
        reference("Order"),
    );
    place.body = placing();
    let mut guess = asked(
        "post",
        "/api/v1/orders/estimate",
        "estimateOrder",
        "What an order would cost: nothing is placed.",
        vec![],
        estimate,
    );
    guess.body = placing();
    let get = |path, id, about, query, answer| asked("get", path, id, about, query, answer);
    let all = vec![
        get(
            "/api/v1/accounts/trading/balances",
            "tradingBalances",
            "What the account holds.",
            vec![],
            balances(),
        ),
        get(
            "/api/v1/accounts/funding/balances",
            "fundingBalances",
            "What is not there to trade with: nothing.",
            vec![],
            balances(),
        ),
        get(
            "/api/v1/orders/active",
            "activeOrders",
            "Orders that may still trade.",
            vec![may("symbol", text(), "Only of this.")],
            named("orders", reference("Order")),
        ),
        get(
            "/api/v1/orders/history",
            "orderHistory",
            "Orders that ended: a page of them.",
            vec![
                may("symbol", text(), "Only of this."),
                may("side", choice(&["buy", "sell"]), "Only these."),
                may("startAt", text(), "From here on: an instant of RFC 3339."),
                may("endAt", text(), "Up to here: an instant of RFC 3339."),
                may(
                    "hideCanceled",
                    either([boolean(), text()]),
                    "Whether cancelled ones are left out.",
                ),
                may("currentPage", integer(), "Which page, from 1."),
                may("pageSize", integer(), "How many a page, 100 at most."),
            ],
            history,
        ),
        get("/api/v1/order", "order", "One order.", by_id(), reference("Order")),
        asked("delete", "/api/v1/order", "cancelOrder", "Cancel an order.", by_id(), cancelled),
        place,
        guess,
    ];
    all.into_iter().map(|it| Endpoint { security: vec!["token"], ..it }).collect()
}
