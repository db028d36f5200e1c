//! What answers are made of.

use crate::bitstamp::document::{decimal, micros, order, seconds, side};
use crate::document::{
    Member, Schema, anything, boolean, constant, either, integer, list, map, may, must, null,
    number, object, reference, row, text, text_like,
};

fn word(name: &'static str, about: &str) -> Member {
    must(name, text(), about)
}
fn count(name: &'static str, about: &str) -> Member {
    must(name, integer(), about)
}
fn amount(name: &'static str, about: &str) -> Member {
    must(name, decimal(), about)
}

/// All of them, by their names.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    let mut all = vec![
        (
            "Decimal",
            text_like("^-?[0-9]+(\\.[0-9]+)?$").about("A decimal number, written as a text."),
        ),
        ("Digits", text_like("^[0-9]+$").about("An integer, written as a text.")),
        (
            "Refusal",
            object([
                must("status", constant("error"), "It was not done."),
                must(
                    "reason",
                    either([text(), map(list(text()))]),
                    "Why not: a text, or texts by field.",
                ),
                may("code", text(), "Of authentication: the code."),
                may("response_code", text(), "Of business: the code."),
                may("response_explanation", text(), "The code in words."),
            ]),
        ),
        ("NotFound", object([word("message", "What is not there.")])),
    ];
    all.extend(market());
    all.extend(account());
    all.extend(orders());
    all
}

fn market() -> Vec<(&'static str, Schema)> {
    let statistics = || {
        vec![
            seconds(),
            amount("open", "The first price, in the counter currency."),
            amount("high", "The highest."),
            amount("low", "The lowest."),
            amount("last", "The last."),
            amount("volume", "What was traded, in the base currency."),
            amount("vwap", "The average price, by volume."),
            amount("bid", "The best that is bid."),
            amount("ask", "The best that is asked."),
            word("side", "What the last taker did: 0 bought, 1 sold."),
            word("market_type", "`SPOT`."),
        ]
    };
    let day = || {
        let more = [
            amount("open_24", "The price a day ago."),
            amount("percent_change_24", "The change since, in hundredths."),
        ];
        statistics().into_iter().chain(more)
    };
    let named = [word("pair", "The market, with a slash."), word("market", "The same.")];
    let trading = || {
        [
            word("trading", "`Enabled`."),
            word("instant_and_market_orders", "`Enabled`."),
            count("instant_order_counter_decimals", "Decimals of amounts in the counter currency."),
            word("description", "Both currencies in words."),
        ]
    };
    let decimals = || {
        [
            count("base_decimals", "Decimals of amounts."),
            count("counter_decimals", "Decimals of prices."),
        ]
    };
    let market = [
        word("name", "With a slash."),
        word("market_symbol", "As it stands in paths."),
        word("base_currency", "What is traded."),
        word("counter_currency", "What it is paid in."),
        amount("minimum_order_value", "The smallest order, in the counter currency."),
        amount("maximum_order_value", "The largest."),
        amount("minimum_order_amount", "The smallest order, in the base currency."),
        amount("maximum_order_amount", "The largest."),
        word("market_type", "`SPOT`."),
    ];
    let pair = [
        word("name", "With a slash."),
        word("url_symbol", "As it stands in paths."),
        word("minimum_order", "The smallest order, with its currency."),
    ];
    // Price and amount, or price, amount and id.
    let level = || list(either([row(2, decimal()), row(3, decimal())]));
    vec![
        ("Market", object(market.into_iter().chain(decimals()).chain(trading()))),
        ("Pair", object(pair.into_iter().chain(decimals()).chain(trading()))),
        (
            "Currency",
            object([
                word("name", "Its name."),
                word("currency", "Its code."),
                word("type", "Whether it is a state's money."),
                word("symbol", "Its sign."),
                count("decimals", "How many decimals it has."),
                word("logo", "Its picture, if it has one."),
                word("available_supply", "Not known: 0."),
                word("deposit", "Whether it can be paid in."),
                word("withdrawal", "Whether it can be paid out."),
                must("networks", list(anything()), "None."),
            ]),
        ),
        ("Ticker", object(day())),
        ("NamedTicker", object(day().chain(named))),
        ("HourTicker", object(statistics())),
        (
            "Book",
            object([
                seconds(),
                micros(),
                must(
                    "bids",
                    level(),
                    "Price, amount, and by `group` the id, the highest price first.",
                ),
                must("asks", level(), "The same, the lowest price first."),
            ]),
        ),
        (
            "Transaction",
            object([
                must("date", reference("Digits"), "When, in seconds since 1970."),
                must("tid", reference("Digits"), "Its id."),
                amount("amount", "How much, in the base currency."),
                word("type", "What the taker did: 0 bought, 1 sold."),
                amount("price", "In the counter currency."),
            ]),
        ),
        (
            "Candle",
            object([
                must("timestamp", reference("Digits"), "When it begins, in seconds since 1970."),
                amount("open", "The first price."),
                amount("high", "The highest."),
                amount("low", "The lowest."),
                amount("close", "The last."),
                amount("volume", "What was traded, in the base currency."),
            ]),
        ),
    ]
}

fn account() -> Vec<(&'static str, Schema)> {
    let fees = object([
        amount("maker", "Of who rested, in hundredths."),
        amount("taker", "Of who came, in hundredths."),
    ]);
    vec![
        ("Balance", object([
            word("currency", "Its code, in lower case."),
            amount("total", "All of it."),
            amount("available", "What is free."),
            amount("reserved", "What open orders hold."),
        ])),
        ("Balances", map(decimal()).about(
            "By currency `usd_balance`, `usd_available`, `usd_reserved` and `usd_withdrawal_fee`; by market `btcusd_fee`.",
        )),
        ("Fee", object([
            word("currency_pair", "The market, as it stands in paths."),
            word("market", "The same."),
            must("fees", fees, "What trades cost."),
        ])),
        ("MyMarket", object([word("name", "With a slash."), word("url_symbol", "As it stands in paths.")])),
        ("UserTransaction", object([
            count("id", "Its id: of a trade, the trade's."),
            word("datetime", "When, in UTC."),
            word("type", "0 deposit, 1 withdrawal, 2 trade, 14 transfer."),
            amount("fee", "What it cost, in the counter currency."),
            may("order_id", integer(), "One's own order."),
            may("self_trade", boolean(), "Whether one traded with oneself."),
            may("self_trade_order_id", integer(), "One's other order, then."),
        ])
        .open()
        .about("With each currency that it moved, by its code, and the price by both: `btc`, `usd`, `btc_usd`.")),
    ]
}

fn orders() -> Vec<(&'static str, Schema)> {
    let stop = || {
        [
            may("client_order_id", text(), "One's own name of it."),
            may("subtype", text(), "Of a stop order: what it is."),
            may("stop_price", decimal(), "What wakes it."),
            may(
                "activation_price",
                decimal(),
                "Of a trailing stop: the trade from which it follows.",
            ),
            may(
                "trailing_delta",
                reference("Digits"),
                "How far behind, in hundredths of a percent.",
            ),
            may("trigger", text(), "By which price it is woken."),
        ]
    };
    let with_stop = |members: Vec<Member>| object(members.into_iter().chain(stop()));
    let trade = object([
        count("tid", "The trade's id."),
        amount("price", "In the counter currency."),
        amount("fee", "What it cost."),
        word("datetime", "When, in UTC."),
        count("type", "2: a trade."),
    ])
    .open()
    .about("With what it moved of each currency, by its code.");
    let placed = vec![
        word("id", "Its id."),
        word("market", "The market, with a slash."),
        word("datetime", "When, in UTC."),
        word("type", "0 buys, 1 sells."),
        amount("price", "Its limit; of a market order the price of its first fill, or 0."),
        amount("amount", "How much, in the base currency."),
    ];
    let open = vec![
        word("id", "Its id."),
        word("datetime", "When it was placed, in UTC."),
        word("type", "0 buys, 1 sells."),
        amount("price", "Its limit."),
        amount("amount", "What remains."),
        amount("amount_at_create", "What was asked for."),
        may("currency_pair", text(), "The market, where several were asked for."),
        word("market", "The market, with a slash."),
    ];
    let status = vec![
        count("id", "Its id."),
        word("datetime", "When it was placed, in UTC."),
        word("type", "0 buys, 1 sells."),
        word("status", "`Open`, `Finished`, `Canceled` or `Expired`."),
        word("market", "The market, with a slash."),
        may("transactions", list(trade), "Its trades."),
        amount("amount_remaining", "What remains."),
    ];
    let data = order(vec![
        may("trade_account_id", integer(), "0: the main account."),
        may("client_order_id", text(), "One's own name of it."),
        may("stop_price", decimal(), "What wakes it."),
        may("activation_price", decimal(), "Of a trailing stop: the trade from which it follows."),
        may("trailing_delta", integer(), "How far behind, in hundredths of a percent."),
        may("orig_order_id", integer(), "The order whose place it took."),
    ]);
    vec![
        ("PlacedOrder", with_stop(placed)),
        ("OpenOrder", with_stop(open)),
        ("OrderStatus", with_stop(status)),
        (
            "CancelledOrder",
            object([
                count("id", "Its id."),
                must("amount", number(), "What remained, in the base currency."),
                must("price", number(), "Its limit."),
                side("type", "0 bought, 1 sold."),
                may("currency_pair", text(), "The market, where several were cancelled."),
                word("market", "The market, with a slash."),
                may("status", text(), "`Cancel pending` or the like, where one was."),
            ]),
        ),
        (
            "ReplacedOrder",
            object([
                count("order_id", "The new order's id."),
                word("order_type", "What it is."),
                word("market", "The market, with a slash."),
                must("amount", number(), "How much, in the base currency."),
                must("price", number(), "Its limit."),
                word("datetime", "When, in UTC."),
                count("orig_order_id", "The order whose place it took."),
                must("orig_client_order_id", either([text(), null()]), "One's own name of that."),
                word("status", "What became of it."),
            ]),
        ),
        (
            "OrderEvent",
            object([
                word("event", "What happened."),
                word("event_id", "The id of this event."),
                word("order_source", "The chain of events that it is in."),
                must("data", object(data), "The order."),
            ]),
        ),
    ]
}
