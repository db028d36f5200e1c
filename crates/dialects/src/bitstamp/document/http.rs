//! What machines are told of the HTTP half.

mod answer;

use crate::document::{
    Endpoint, Member, OpenApi, Schema, Security, Server, choice, either, integer, list, may, must,
    object, reference, text,
};

const ABOUT: &str = "The HTTP endpoints that clients of the exchange need, public and signed.\n\n\
A path may end with a slash or not, and the market in it may be written in any case. Business is refused with status 200 \
and `\"status\":\"error\"`, authentication with 403. Signed requests are forms, and carry the headers `X-Auth`, \
`X-Auth-Signature`, `X-Auth-Nonce`, `X-Auth-Timestamp` and `X-Auth-Version: v2`; the answer to one whose signature was good \
is signed in turn, in `X-Server-Auth-Signature`. 400 requests a second and 10,000 in ten minutes an address, then 429.";

/// The document.
pub fn openapi() -> OpenApi {
    let venue = Server {
        id: "venue",
        host: "www.bitstamp.net",
        path: "",
        protocol: "https",
        about: "The venue itself",
    };
    OpenApi {
        title: "Bitstamp HTTP API v2",
        about: ABOUT,
        servers: vec![Server::demo("http", "/bitstamp"), venue],
        security: vec![Security {
            id: "signature",
            members: &[("type", "apiKey"), ("in", "header"), ("name", "X-Auth")],
            about: "`BITSTAMP` and the key; the request is signed by its secret, with HMAC-SHA256, in `X-Auth-Signature`.",
        }],
        endpoints: public()
            .into_iter()
            .chain(account())
            .chain(orders())
            .chain(told())
            .chain(derivatives())
            .collect(),
        refusals: vec![
            (
                "application/json",
                either([reference("Refusal"), reference("NotFound"), reference("Denial")]),
            ),
            ("text/html", text()),
        ],
        schemas: answer::schemas(),
    }
}

fn all(of: &str) -> Schema {
    list(reference(of))
}
fn market() -> Vec<Member> {
    vec![must("market", text(), "The market, without a slash: `btcusd`.")]
}

fn get(
    path: &'static str,
    id: &'static str,
    about: &'static str,
    query: Vec<Member>,
    answer: Schema,
) -> Endpoint {
    let path_parameters = if path.contains("{market}") { market() } else { Vec::new() };
    let (method, status, body, security) = ("get", 200, None, Vec::new());
    Endpoint { method, path, id, about, path_parameters, query, body, status, answer, security }
}

/// A signed request; what stands in its form.
fn post(
    path: &'static str,
    id: &'static str,
    about: &'static str,
    form: Vec<Member>,
    answer: Schema,
) -> Endpoint {
    let body =
        (!form.is_empty()).then(|| ("application/x-www-form-urlencoded", object(form).open()));
    let asked = get(path, id, about, Vec::new(), either([answer, reference("Refusal")]));
    Endpoint { method: "post", body, security: vec!["signature"], ..asked }
}

fn public() -> Vec<Endpoint> {
    let one_or_all = either([reference("Ticker"), all("NamedTicker")]);
    let candles = object([must(
        "data",
        object([
            must("pair", text(), "The market, with a slash."),
            must("market", text(), "The same."),
            must("ohlc", all("Candle"), "The candles, the oldest first."),
        ]),
        "The candles.",
    )]);
    let number = |name, about| may(name, integer(), about);
    vec![
        get("/api/v2/markets/", "markets", "All markets: with their rules.", vec![], all("Market")),
        get(
            "/api/v2/trading-pairs-info/",
            "pairs",
            "All markets: in an older form.",
            vec![],
            all("Pair"),
        ),
        get("/api/v2/currencies/", "currencies", "All currencies.", vec![], all("Currency")),
        get(
            "/api/v2/ticker/",
            "tickers",
            "Statistics of a day: of all markets.",
            vec![],
            all("NamedTicker"),
        ),
        get(
            "/api/v2/ticker/{market}/",
            "ticker",
            "Statistics of a day: of all markets if there is no such market.",
            vec![],
            one_or_all,
        ),
        get(
            "/api/v2/ticker_hour/{market}/",
            "tickerHour",
            "Statistics of an hour.",
            vec![],
            reference("HourTicker"),
        ),
        get(
            "/api/v2/order_book/{market}/",
            "orderBook",
            "A book as it is: with the stamp of the last diff.",
            vec![may(
                "group",
                text(),
                "0 order by order, 1 by level, 2 order by order with ids; 1 if left out.",
            )],
            either([reference("Book"), reference("Refusal")]),
        ),
        get(
            "/api/v2/transactions/{market}/",
            "transactions",
            "Trades: the newest first.",
            vec![may(
                "time",
                choice(&["minute", "hour", "day"]),
                "How far back; an hour if left out.",
            )],
            all("Transaction"),
        ),
        get(
            "/api/v2/ohlc/{market}/",
            "ohlc",
            "Candles.",
            vec![
                number("step", "How long they are, in seconds."),
                number("limit", "How many, 1,000 at most."),
                number("start", "From here on, in seconds since 1970."),
                number("end", "Up to here, in seconds since 1970."),
                may("exclude_current_candle", text(), "Whether the running one is left out."),
            ],
            either([candles, reference("Refusal")]),
        ),
        get(
            "/api/v2/funding_rate/{market}/",
            "fundingRate",
            "The running funding rate: of a perpetual.",
            vec![],
            reference("FundingRate"),
        ),
        get(
            "/api/v2/funding_rate_history/{market}/",
            "fundingRates",
            "Rates at which funding was exchanged: the oldest first.",
            vec![
                number("limit", "How many, 100 at most."),
                number("since_timestamp", "From here on, in seconds since 1970."),
                number("until_timestamp", "Up to here, in seconds since 1970."),
            ],
            reference("FundingRates"),
        ),
        get(
            "/api/v2/margin_tiers/",
            "marginTiers",
            "How much margin parts of a position take: of every perpetual.",
            vec![],
            all("MarginTiers"),
        ),
        get(
            "/api/v2/eur_usd/",
            "eurUsd",
            "What a euro costs and brings: in dollars.",
            vec![],
            object([
                must("buy", reference("Decimal"), "What it costs."),
                must("sell", reference("Decimal"), "What it brings."),
            ]),
        ),
        get(
            "/api/v2/status/",
            "status",
            "The time of the server.",
            vec![],
            object([must("server_time", integer(), "In milliseconds since 1970.")]),
        ),
    ]
}

fn account() -> Vec<Endpoint> {
    let token = object([
        must("token", text(), "The token."),
        must("valid_sec", integer(), "How long it is good, in seconds."),
        must("user_id", integer(), "The number of its user."),
    ]);
    let mine = || all("MyMarket");
    let balance = || reference("Balances");
    let page = || {
        vec![
            may("offset", integer(), "How many are left out at the beginning."),
            may("limit", integer(), "How many; 100 if left out, 1,000 at most."),
            may("sort", choice(&["asc", "desc"]), "The newest first unless `asc`."),
            may("since_timestamp", integer(), "From here on, in seconds since 1970."),
            may("until_timestamp", integer(), "Up to here, in seconds since 1970."),
            may("since_id", integer(), "From this row on."),
        ]
    };
    let revoked = object([must("revoked_api_keys", list(text()), "Those that were.")]);
    let mut one_balance = post(
        "/api/v2/account_balances/{currency}/",
        "accountBalance",
        "What the account holds: of one currency.",
        vec![],
        reference("Balance"),
    );
    one_balance.path_parameters = vec![must("currency", text(), "The currency: `usd`.")];
    let mut my_markets = get(
        "/api/v2/my_markets/",
        "myMarkets",
        "The markets that the key is good for.",
        vec![],
        mine(),
    );
    my_markets.security = vec!["signature"];
    vec![
        post(
            "/api/v2/websockets_token/",
            "websocketsToken",
            "A token: for the socket's private channels.",
            vec![],
            token,
        ),
        post(
            "/api/v2/account_balances/",
            "accountBalances",
            "What the account holds: of every currency.",
            vec![],
            all("Balance"),
        ),
        one_balance,
        post(
            "/api/v2/balance/",
            "balance",
            "What the account holds, and its fees: in an older form.",
            vec![],
            balance(),
        ),
        post(
            "/api/v2/balance/{market}/",
            "marketBalance",
            "What the account holds of a market's currencies.",
            vec![],
            balance(),
        ),
        post(
            "/api/v2/fees/trading/",
            "fees",
            "What trades cost: of every market.",
            vec![may("market_symbol", text(), "Only of this.")],
            all("Fee"),
        ),
        post(
            "/api/v2/fees/trading/{market}/",
            "marketFee",
            "What trades cost: of one market.",
            vec![],
            reference("Fee"),
        ),
        post(
            "/api/v2/revoke_all_api_keys/",
            "revokeAllApiKeys",
            "Revoke all keys of the account: what they had opened ends.",
            vec![],
            revoked,
        ),
        my_markets,
        post("/api/v2/my_markets/", "myMarketsPosted", "The same, asked by POST.", vec![], mine()),
        post(
            "/api/v2/user_transactions/",
            "userTransactions",
            "What was traded and moved: in every market.",
            page(),
            all("UserTransaction"),
        ),
        post(
            "/api/v2/user_transactions/{market}/",
            "marketTransactions",
            "What was traded: in one market.",
            page(),
            all("UserTransaction"),
        ),
    ]
}

fn orders() -> Vec<Endpoint> {
    let amount = |about| must("amount", reference("Decimal"), about);
    let name = || may("client_order_id", text(), "One's own name of it.");
    let flag = |name, about| may(name, text(), about);
    let stop = || {
        [
            may(
                "subtype",
                text(),
                "Of a stop order: `STOP_LOSS`, `TAKE_PROFIT` or `TRAILING_STOP_LOSS`, with `_LIMIT` or not.",
            ),
            may("stop_price", reference("Decimal"), "What wakes it, in the counter currency."),
            may(
                "trailing_delta",
                integer(),
                "How far a trailing stop is behind, in hundredths of a percent: 1 to 9,999.",
            ),
            may("trigger", text(), "`LAST_TRADED_PRICE`."),
            may("margin_mode", text(), "In a perpetual: `ISOLATED` or `CROSS`, from now on."),
            may("leverage", reference("Decimal"), "In a perpetual: a whole number, from now on."),
            may("reduce_only", text(), "In a perpetual: whether it only makes a position smaller."),
        ]
    };
    let limit = || {
        let members = [
            amount("How much, in the base currency."),
            must("price", reference("Decimal"), "The limit, in the counter currency."),
            name(),
            flag("daily_order", "Whether it ends at the next midnight, UTC."),
            flag("ioc_order", "Whether what is not filled at once is given up."),
            flag("fok_order", "Whether all of it is filled at once or nothing."),
            flag("moc_order", "Whether it is refused rather than matched."),
            flag("gtd_order", "Whether it ends at `expire_time`."),
            may("expire_time", integer(), "When, in milliseconds since 1970."),
        ];
        members.into_iter().chain(stop()).collect::<Vec<_>>()
    };
    let at_market = || {
        let members = [amount("How much, in the base currency."), name()];
        members.into_iter().chain(stop()).collect::<Vec<_>>()
    };
    let instant = || vec![amount("For how much, in the counter currency."), name()];
    let sold = || {
        let mut members = instant();
        members.push(flag("amount_in_counter", "Whether the amount is in the counter currency."));
        members
    };
    let placed = || reference("PlacedOrder");
    let cancelled = || {
        object([
            must("canceled", all("CancelledOrder"), "Those that were."),
            must("success", crate::document::boolean(), "Whether all were."),
        ])
    };
    let by_id = || vec![may("id", integer(), "Its id; or its name."), name()];
    let status = || {
        let mut members = by_id();
        members.push(flag("omit_transactions", "Whether its trades are left out."));
        members
    };
    vec![
        post("/api/v2/buy/{market}/", "buyLimit", "Buy at a limit.", limit(), placed()),
        post("/api/v2/sell/{market}/", "sellLimit", "Sell at a limit.", limit(), placed()),
        post(
            "/api/v2/buy/market/{market}/",
            "buyMarket",
            "Buy at the market.",
            at_market(),
            placed(),
        ),
        post(
            "/api/v2/sell/market/{market}/",
            "sellMarket",
            "Sell at the market.",
            at_market(),
            placed(),
        ),
        post(
            "/api/v2/buy/instant/{market}/",
            "buyInstant",
            "Buy at the market: for so much.",
            instant(),
            placed(),
        ),
        post(
            "/api/v2/sell/instant/{market}/",
            "sellInstant",
            "Sell at the market: for so much.",
            sold(),
            placed(),
        ),
        post(
            "/api/v2/replace_order/",
            "replaceOrder",
            "Cancel an order, and place another in its place.",
            vec![
                may("id", integer(), "Its id; or its name."),
                may("orig_client_order_id", text(), "Its name."),
                amount("How much, in the base currency."),
                must("price", reference("Decimal"), "The limit, in the counter currency."),
                name(),
            ],
            reference("ReplacedOrder"),
        ),
        post(
            "/api/v2/cancel_order/",
            "cancelOrder",
            "Cancel an order.",
            by_id(),
            reference("CancelledOrder"),
        ),
        post(
            "/api/v2/cancel_all_orders/",
            "cancelAllOrders",
            "Cancel all orders.",
            vec![],
            cancelled(),
        ),
        post(
            "/api/v2/cancel_all_orders/{market}/",
            "cancelMarketOrders",
            "Cancel all orders: of one market.",
            vec![],
            cancelled(),
        ),
        post(
            "/api/v2/order_status/",
            "orderStatus",
            "What became of an order.",
            status(),
            reference("OrderStatus"),
        ),
        post(
            "/api/v2/open_orders/",
            "openOrdersHere",
            "Open orders: of all markets.",
            vec![],
            all("OpenOrder"),
        ),
        post(
            "/api/v2/open_orders/all/",
            "openOrders",
            "Open orders: of all markets.",
            vec![],
            all("OpenOrder"),
        ),
        post(
            "/api/v2/open_orders/{market}/",
            "marketOrders",
            "Open orders: of one market.",
            vec![],
            all("OpenOrder"),
        ),
    ]
}

/// Events that a client of the socket missed.
fn told() -> Vec<Endpoint> {
    let between = || {
        vec![
            must("market", text(), "The market: `btcusd`."),
            may("since_id", text(), "From the event behind this one on."),
            may("until_id", text(), "Up to this one."),
        ]
    };
    let mut own = between();
    own.push(may("order_source", choice(&["orderbook", "stop_order"]), "Of which chain."));
    vec![
        post(
            "/api/v2/order_data/",
            "orderData",
            "Steps of orders: that were told on `live_orders_`.",
            between(),
            all("OrderEvent"),
        ),
        post(
            "/api/v2/account_order_data/",
            "accountOrderData",
            "Steps of one's own orders: that were told on `private-my_orders_`.",
            own,
            all("OrderEvent"),
        ),
    ]
}

/// What is asked about positions in perpetuals, and done to them.
fn derivatives() -> Vec<Endpoint> {
    let signed = |path, id, about, query, answer| Endpoint {
        security: vec!["signature"],
        ..get(path, id, about, query, answer)
    };
    let page = || {
        vec![
            may("offset", integer(), "How many are left out at the beginning."),
            may("limit", integer(), "How many; 100 if left out, 1,000 at most."),
            may("sort", choice(&["asc", "desc"]), "The newest first unless `asc`."),
            may("since_id", integer(), "From this row on."),
        ]
    };
    let timed = || {
        let mut page = page();
        page.push(may("since_timestamp", integer(), "From here on, in seconds since 1970."));
        page.push(may("until_timestamp", integer(), "Up to here, in seconds since 1970."));
        page
    };
    let mode = || may("margin_mode", text(), "`ISOLATED` or `CROSS`.");
    let position = || must("position_id", text(), "Which.");
    let mut status = signed(
        "/api/v2/position_status/{id}/",
        "positionStatus",
        "One position: open or ended.",
        vec![],
        either([reference("PositionStatus"), reference("EndedPosition")]),
    );
    status.path_parameters = vec![must("id", text(), "Its id.")];
    let mut settlement = signed(
        "/api/v2/position_settlement_transactions/{id}/",
        "settlement",
        "What was settled of positions: one.",
        timed(),
        all("SettlementRow"),
    );
    settlement.path_parameters = vec![must("id", text(), "Its id.")];
    let mut leverage = post(
        "/api/v2/leverage_settings/",
        "setLeverage",
        "Choose the leverage: in one perpetual.",
        vec![
            must("market", text(), "Which."),
            must("leverage", reference("Decimal"), "A whole number."),
            mode(),
        ],
        reference("Leverage"),
    );
    leverage.status = 201;
    leverage.answer = reference("Leverage");
    let mut adjust = post(
        "/api/v2/adjust_position_collateral/",
        "adjustCollateral",
        "Set so much aside: for an isolated position.",
        vec![position(), must("new_amount", reference("Decimal"), "How much from now on.")],
        text(),
    );
    adjust.status = 204;
    adjust.answer = text();
    let closed = object([
        must("closed", all("ClosedPosition"), "Those that were."),
        must("failed", all("ClosedPosition"), "Those that were not, or not whole."),
    ]);
    vec![
        signed(
            "/api/v2/open_positions/",
            "openPositions",
            "Positions that are open: in every perpetual.",
            vec![],
            all("Position"),
        ),
        signed(
            "/api/v2/open_positions/{market}/",
            "marketPositions",
            "Positions that are open: in one perpetual.",
            vec![],
            all("Position"),
        ),
        status,
        signed(
            "/api/v2/position_history/",
            "positionHistory",
            "Positions that have ended: in every perpetual.",
            page(),
            all("EndedPosition"),
        ),
        signed(
            "/api/v2/position_history/{market}/",
            "marketHistory",
            "Positions that have ended: in one perpetual.",
            page(),
            all("EndedPosition"),
        ),
        signed(
            "/api/v2/position_settlement_transactions/",
            "settlements",
            "What was settled of positions.",
            timed(),
            all("SettlementRow"),
        ),
        settlement,
        signed(
            "/api/v2/margin_info/",
            "marginInfo",
            "What answers for all cross positions.",
            vec![],
            reference("MarginInfo"),
        ),
        signed(
            "/api/v2/leverage_settings/",
            "leverage",
            "The leverage: in each perpetual.",
            vec![may("market", text(), "Only of this."), mode()],
            all("Leverage"),
        ),
        leverage,
        get(
            "/api/v2/collateral_currencies/",
            "collateral",
            "Currencies in which margin is counted.",
            vec![],
            all("Collateral"),
        ),
        post(
            "/api/v2/close_position/",
            "closePosition",
            "Close a position: at the market.",
            vec![position()],
            reference("ClosedPosition"),
        ),
        post(
            "/api/v2/close_positions/",
            "closePositions",
            "Close all positions: at the market.",
            vec![
                may("market", text(), "Only of this."),
                mode(),
                may("order_type", text(), "`MARKET`."),
            ],
            closed,
        ),
        adjust,
    ]
}
