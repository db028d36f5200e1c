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
        (
            "Denial",
            object([
                word("code", "The code."),
                word("message", "The code in words."),
                may("field", text(), "Which field is meant."),
            ]),
        ),
    ];
    all.extend(market());
    all.extend(account());
    all.extend(orders());
    all.extend(derivatives());
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
            word("market_type", "`SPOT` or `PERPETUAL`."),
            may("index_price", decimal(), "Of a perpetual: what other markets say."),
            may("mark_price", decimal(), "Of a perpetual: what margin is computed with."),
            may("open_interest", decimal(), "Of a perpetual: what all longs hold."),
            may(
                "open_interest_value",
                decimal(),
                "Of a perpetual: what that is worth at the mark.",
            ),
        ]
    };
    let day = || {
        let more = [
            amount("open_24", "The price a day ago."),
            amount("percent_change_24", "The change since, in hundredths."),
        ];
        statistics().into_iter().chain(more)
    };
    let maybe_named = || {
        [
            may("pair", text(), "Of a perpetual: the market, with a slash."),
            may("market", text(), "Of a perpetual: the same."),
        ]
    };
    let named = [word("pair", "The market, with a slash."), word("market", "The same.")];
    let trading = || {
        [
            word("trading", "`Enabled`."),
            word(
                "instant_and_market_orders",
                "`Enabled`, or `Disabled` where one of the two is not taken: in perpetuals.",
            ),
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
        word("market_type", "`SPOT` or `PERPETUAL`."),
        may("underlying_asset", text(), "Of a perpetual: what it is about."),
        may("payoff_type", text(), "Of a perpetual: `Linear` or `Inverse`."),
        may("contract_size", decimal(), "Of a perpetual: what an amount of one stands for."),
        may("isin", text(), "Of a perpetual: nothing."),
        may("max_leverage", decimal(), "Of a perpetual: the highest leverage."),
        may("asset_class", text(), "Of a perpetual: `CRYPTO`."),
        may("has_market_hours", boolean(), "Of a perpetual: no."),
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
        ("Ticker", object(day().chain(maybe_named()))),
        ("NamedTicker", object(day().chain(named))),
        ("HourTicker", object(statistics().into_iter().chain(maybe_named()))),
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
            may("margin_mode", text(), "In a perpetual: `ISOLATED` or `CROSS`."),
            may("leverage", decimal(), "In a perpetual: the leverage."),
            may(
                "reduce_only",
                boolean(),
                "In a perpetual: whether it only makes a position smaller.",
            ),
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
        may("reduce_only", boolean(), "In a perpetual: whether it only makes a position smaller."),
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

fn derivatives() -> Vec<(&'static str, Schema)> {
    let digits = |name, about: &str| must(name, reference("Digits"), about);
    let cumulated = || {
        [
            amount("cumulative_price_pnl", "What was won or lost by the price."),
            amount("cumulative_trading_fees", "What trades cost; negative."),
            amount("cumulative_liquidation_fees", "What liquidations cost; negative."),
            amount("cumulative_funding", "Funding received, or paid if negative."),
            amount("cumulative_socialized_loss", "What the insurance fund paid of it."),
        ]
    };
    let head = |currency: &'static str| {
        vec![
            digits("id", "Its id."),
            word("market", "The market, with a slash."),
            word("market_type", "`PERPETUAL`."),
            word("margin_mode", "`ISOLATED` or `CROSS`."),
            word(currency, "In which currency."),
            amount("entry_price", "At which price on the average."),
            amount("pnl_percentage", "What was won, in hundredths of what it was opened for."),
            amount("pnl_realized", "What was won and is money."),
            amount("leverage", "The leverage."),
            amount("pnl", "What was won in all."),
        ]
    };
    // Of a cross position not told to a key that does not see all of them.
    let known = |name, about: &str| must(name, either([decimal(), null()]), about);
    let open = || {
        let more = [
            amount("pnl_settled_since_inception", "The same as `pnl_realized`."),
            amount("size", "How much is open."),
            amount("pnl_unrealized", "What would be won at the mark."),
            amount("pnl_in_settlement", "Nothing."),
            known("implied_leverage", "Its value over what answers for it."),
            amount("initial_margin", "What it would take to open it."),
            known("initial_margin_ratio", "What answers for it over what opening takes."),
            known("current_margin", "What answers for it."),
            amount("collateral_reserved", "What is set aside for it, or would be."),
            amount("maintenance_margin", "What it takes to keep it."),
            known("maintenance_margin_ratio", "What answers for it over what keeping takes."),
            known(
                "estimated_liquidation_price",
                "The mark at which it would be liquidated; 0 if at none.",
            ),
            amount("estimated_closing_fee_amount", "What closing would cost at the mark."),
            amount("mark_price", "The mark."),
            amount("current_value", "What it is worth at the mark."),
            amount("entry_value", "What it was worth when it was opened."),
            amount("strike_price", "The price from which profit is counted."),
            word("side", "`LONG` or `SHORT`."),
            digits("margin_tier", "The tier that it ends in."),
        ];
        head("settlement_currency").into_iter().chain(cumulated()).chain(more)
    };
    let ended = || {
        let more = [
            amount("pnl_settled", "The same as `pnl_realized`."),
            amount("amount_delta", "What was closed; negative of a short."),
            digits("time_opened", "In seconds since 1970."),
            digits("time_closed", "In seconds since 1970."),
            word("status", "`SETTLED`; of one that was closed in part `OPEN`."),
            amount("exit_price", "At which price it was closed on the average."),
            amount("settlement_price", "The same."),
        ];
        head("pnl_currency").into_iter().chain(cumulated()).chain(more)
    };
    let status = [
        digits("time_opened", "In seconds since 1970."),
        word("status", "`OPEN` or `LIQUIDATING`."),
    ];
    let tier = object([
        digits("tier", "Its number."),
        amount("size_limit_low", "Where it begins."),
        amount("size_limit_high", "Where it ends."),
        digits("max_leverage", "The highest leverage."),
        amount("initial_margin_rate", "To open, as a part of value."),
        amount("maintenance_margin_rate", "To keep."),
        amount("close_out_margin_rate", "The same."),
        amount("initial_margin_previous_level_max", "What all that is below takes to open."),
        amount("maintenance_margin_previous_level_max", "What it takes to keep."),
        amount("close_out_margin_previous_level_max", "The same."),
    ]);
    let rate = object([
        amount("funding_rate", "As a part of value; positive, longs paid."),
        digits("timestamp", "When, in seconds since 1970."),
    ]);
    let asset = object([
        word("asset", "Its code."),
        amount("total_amount", "All of it."),
        amount("available", "What is free."),
        amount("reserved", "What is set aside."),
        amount("margin_available", "What may back new positions."),
    ]);
    let fee = [amount("closing_fee_amount", "What closing cost.")];
    vec![
        ("Position", object(open())),
        ("PositionStatus", object(open().chain(status))),
        ("EndedPosition", object(ended())),
        ("ClosedPosition", object(ended().chain(fee))),
        (
            "SettlementRow",
            object([
                digits("transaction_id", "Its id."),
                digits("position_id", "Of which position."),
                count("settlement_time", "In seconds since 1970."),
                word("settlement_type", "`CLOSED` or `PERIODIC`."),
                amount("settlement_price", "At which price."),
                word("market", "The market, with a slash."),
                word("market_type", "`PERPETUAL`."),
                word("pnl_currency", "In which currency."),
                amount("pnl_settled", "How much in all."),
                amount("pnl_component_price", "Of this from the price."),
                amount("pnl_component_fees", "From fees."),
                amount("pnl_component_funding", "From funding."),
                amount("pnl_component_socialized_loss", "What the insurance fund paid of it."),
                word("margin_mode", "`ISOLATED` or `CROSS`."),
                amount("size", "How much was closed, or is open."),
                amount("strike_price", "The price from which the profit is counted."),
                amount("fees_component_trading", "Of the fees from the trade."),
                amount("fees_component_liquidation", "From the liquidation."),
            ]),
        ),
        (
            "MarginInfo",
            object([
                amount("account_margin", "What answers for all cross positions."),
                amount(
                    "account_margin_available",
                    "What may back new ones; open orders are not counted.",
                ),
                amount("account_margin_reserved", "What it would take to open them."),
                word("account_margin_currency", "In which currency."),
                must("assets", list(asset), "That currency."),
                amount(
                    "initial_margin_ratio",
                    "What is there over what opening takes; 0 if nothing is open.",
                ),
                amount("maintenance_margin_ratio", "Over what keeping takes."),
                amount("implied_leverage", "The value of them over what is there."),
            ]),
        ),
        (
            "Leverage",
            object([
                word("margin_mode", "`ISOLATED` or `CROSS`: it is the same for both."),
                word("market", "The market, with a slash."),
                amount("leverage_current", "The leverage."),
                amount("leverage_max", "The highest."),
            ]),
        ),
        ("Collateral", object([word("currency", "Its code."), amount("haircut", "Nothing.")])),
        (
            "MarginTiers",
            object([
                word("market", "The market, with a slash."),
                must("tiers", list(tier), "From the smallest on, by value."),
            ]),
        ),
        (
            "FundingRate",
            object([
                amount("funding_rate", "As a part of value; positive, longs would pay."),
                digits("timestamp", "When, in seconds since 1970."),
                word("market", "The market, with a slash."),
                digits("next_funding_time", "When it is exchanged next."),
            ]),
        ),
        (
            "FundingRates",
            object([
                word("market", "The market, with a slash."),
                must("funding_rate_history", list(rate), "The oldest first."),
            ]),
        ),
    ]
}
