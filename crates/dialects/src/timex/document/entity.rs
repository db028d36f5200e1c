//! What messages are made of.

use crate::document::{
    Member, Schema, anything, boolean, choice, either, integer, list, must, null, number, object,
    reference, text, text_like,
};
use crate::timex::channel::PERIODS;

fn decimal(name: &'static str, about: &str) -> Member {
    must(name, reference("Decimal"), about)
}
fn decimal_or_null(name: &'static str, about: &str) -> Member {
    must(name, reference("Decimal").or_null(), about)
}
fn hash(name: &'static str, about: &str) -> Member {
    must(name, reference("Hex"), about)
}
fn word(name: &'static str, about: &str) -> Member {
    must(name, text(), about)
}
fn flag(name: &'static str, about: &str) -> Member {
    must(name, boolean(), about)
}
fn side(name: &'static str, about: &str) -> Member {
    must(name, choice(&["BUY", "SELL"]), about)
}

/// A book of a market, under this name.
pub fn book(name: &'static str, of: &str) -> Schema {
    object([word("market", "The market."), must(name, reference(of), "The book.")])
}

/// Statistics of a market and a period.
pub fn period_ticker() -> Schema {
    object([
        word("market", "The market."),
        must("period", reference("Period"), "The period."),
        must("ticker", reference("Ticker"), "The statistics."),
    ])
}

/// What a subscription may be told first; null before there is a book.
pub fn state() -> Schema {
    either([
        null(),
        book("orderbook", "Book"),
        book("orderbook", "GroupBook"),
        book("rawOrderBook", "RawBook"),
        period_ticker(),
    ])
}

/// What may be answered to a question.
pub fn body() -> Schema {
    let named =
        |name: &'static str, of: &str| object([must(name, list(reference(of)), "The items.")]);
    let changed = object([
        must("changedOrders", list(reference("ChangedOrder")), "Those that were changed."),
        must("unchangedOrders", list(text()), "The ids of those that were not."),
    ]);
    let details = object([
        must("order", reference("Order"), "The order."),
        must("trades", list(reference("OwnTrade")), "Its trades."),
    ]);
    let address = object([hash("address", "The account's address.")]);
    let currency = object([
        word("id", "Its number."),
        must("currency", reference("Currency"), "The currency."),
    ]);
    let lists =
        ["Market", "Currency", "Ticker", "Candle", "Trade", "Balance", "Fee", "DepositAddress"];
    let lists = lists.map(|of| list(reference(of)));
    let others = [
        reference("Book"),
        reference("RawBook"),
        named("orders", "Order"),
        named("trades", "OwnTrade"),
        changed,
        details,
        address,
        currency,
        integer(),
    ];
    either(lists.into_iter().chain(others))
}

fn both_sides(of: &str) -> Schema {
    object([
        word("timestamp", "When it was so, in UTC."),
        must("bid", list(reference(of)), "The highest price first."),
        must("ask", list(reference(of)), "The lowest price first."),
    ])
}

/// All of them, by their names.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    let periods = PERIODS.each_ref().map(|it| it.name);
    let mut all = vec![
        ("AskedId", either([text(), number()]).about("A text or a number.")),
        ("SubscriptionId", text().about("A UUID, or the address of an account.")),
        (
            "Decimal",
            text_like("^-?[0-9]+(\\.[0-9]+)?$").about("A decimal number, written as a text."),
        ),
        ("Hex", text_like("^0x[0-9a-f]*$").about("An address, a hash or an id.")),
        ("Period", choice(&periods)),
        ("Auth", object([word("id", "The id of the key."), word("secret", "Its secret.")]).open()),
    ];
    all.extend(books());
    all.extend(orders());
    all.extend(accounts());
    all.extend(listings());
    all
}

fn books() -> Vec<(&'static str, Schema)> {
    vec![
        ("Book", both_sides("Level")),
        ("GroupBook", both_sides("GroupLevel")),
        ("RawBook", both_sides("RawOrder")),
        (
            "Level",
            object([
                word("index", "How many ticks it is from the middle of the book."),
                decimal("price", "In the quote token."),
                decimal("baseTokenAmount", "What lies there, in the base token."),
                decimal(
                    "baseTokenCumulativeAmount",
                    "What lies there and before it, in the base token.",
                ),
                decimal("quoteTokenAmount", "What lies there, in the quote token."),
                decimal(
                    "quoteTokenCumulativeAmount",
                    "What lies there and before it, in the quote token.",
                ),
                flag("ownerOrdersInLevel", "Always false: nobody is known here."),
            ]),
        ),
        (
            "GroupLevel",
            object([
                decimal("price", "In the quote token."),
                decimal("volume", "What lies there, in the base token."),
                decimal("volumeQuote", "What lies there, in the quote token."),
            ]),
        ),
        (
            "RawOrder",
            object([
                word("market", "The market."),
                hash("hash", "The order's id."),
                side("direction", "What its owner does."),
                decimal("quantity", "What remains, in the base token."),
                decimal("price", "In the quote token."),
                word("createdAt", "When it came, in UTC."),
                word("expiredAt", "When it is to be gone, in UTC."),
            ]),
        ),
        (
            "Ticker",
            object([
                word("market", "The market."),
                must("period", reference("Period"), "How far it looks back."),
                word("timestamp", "When it was so, in UTC."),
                decimal_or_null("open", "The price at its beginning."),
                decimal_or_null("high", "The highest."),
                decimal_or_null("low", "The lowest."),
                decimal_or_null("last", "The last."),
                decimal_or_null("bid", "The best that is bid."),
                decimal_or_null("ask", "The best that is asked."),
                decimal("volume", "What was traded, in the base token."),
                decimal("volumeQuote", "What was traded, in the quote token."),
            ]),
        ),
        (
            "Candle",
            object([
                word("timestamp", "When it begins, in UTC."),
                decimal("open", "The first price."),
                decimal("high", "The highest."),
                decimal("low", "The lowest."),
                decimal("close", "The last."),
                decimal("volume", "What was traded, in the base token."),
                decimal("volumeQuote", "What was traded, in the quote token."),
            ]),
        ),
        (
            "Trade",
            object([
                must("id", integer(), "Its id."),
                word("timestamp", "When, in UTC."),
                side("direction", "What the taker did."),
                decimal("price", "In the quote token."),
                decimal("quantity", "In the base token."),
            ]),
        ),
        (
            "TradeEvent",
            object([
                must("id", integer(), "The trade's id."),
                side("direction", "What the taker did."),
                hash("baseTokenAddress", "The base token's address."),
                hash("quoteTokenAddress", "The quote token's address."),
                word("baseTokenSymbol", "Its symbol."),
                word("quoteTokenSymbol", "Its symbol."),
                must("baseTokenAmount", reference("Decimal"), "How much, scaled by 10^20."),
                must("quoteTokenAmount", reference("Decimal"), "For how much, scaled by 10^20."),
                hash("makerAddress", "Whose order rested; zeros if that is not known."),
                hash("takerAddress", "Whose order came; zeros if that is not known."),
            ]),
        ),
    ]
}

fn orders() -> Vec<(&'static str, Schema)> {
    vec![
        (
            "Order",
            object([
                hash("id", "Its id."),
                must("cursorId", integer(), "Its number."),
                must("clientOrderId", text().or_null(), "Its owner's name of it."),
                word("symbol", "The market."),
                side("side", "What its owner does."),
                must(
                    "type",
                    choice(&["LIMIT", "MARKET", "POST_ONLY", "FILL_OR_KILL"]),
                    "Its type.",
                ),
                decimal("quantity", "What was ordered, in the base token."),
                decimal("filledQuantity", "What was filled of it."),
                decimal("cancelledQuantity", "What was given up of it."),
                decimal("price", "Its limit; of a market order its average, or 0."),
                decimal_or_null("avgPrice", "The average of its fills."),
                word("createdAt", "When it came, in UTC."),
                word("updatedAt", "When it last changed, in UTC."),
                word("expireTime", "When it is to be gone, in UTC."),
            ]),
        ),
        (
            "OrderEvent",
            object([
                hash("hash", "The order's id."),
                side("direction", "What its owner does."),
                hash("accountAddress", "Whose it is."),
                hash("baseTokenAddress", "The base token's address."),
                hash("quoteTokenAddress", "The quote token's address."),
                hash("feeTokenAddress", "The address of the token that fees are paid in."),
                word("baseTokenSymbol", "Its symbol."),
                word("quoteTokenSymbol", "Its symbol."),
                word("feeTokenSymbol", "Its symbol."),
                decimal("baseTokenAmount", "How much, scaled by 10^20."),
                decimal("quoteTokenAmount", "For how much, scaled by 10^20."),
                word("expirationTime", "When it is to be gone, in UTC."),
            ]),
        ),
        (
            "ChangedOrder",
            object([
                must("newOrder", reference("Order"), "What took its place."),
                hash("oldId", "What it was."),
            ]),
        ),
        (
            "OwnTrade",
            object([
                must("id", integer(), "Its id."),
                hash("makerOrderId", "The order that rested."),
                hash("takerOrderId", "The order that came."),
                word("symbol", "The market."),
                side("side", "What one did."),
                decimal("quantity", "In the base token."),
                decimal("fee", "What one paid for it, in `feeToken`."),
                word("feeToken", "The token of the fee."),
                decimal("price", "In the quote token."),
                must(
                    "makerOrTaker",
                    choice(&["MAKER", "TAKER"]),
                    "Whether one's order rested or came.",
                ),
                word("timestamp", "When, in UTC."),
            ]),
        ),
        (
            "TradeInfo",
            object([
                must("tradeId", integer(), "Its id."),
                decimal("tradePrice", "In the quote token."),
                decimal("tradeQuantity", "In the base token."),
            ]),
        ),
    ]
}

fn accounts() -> Vec<(&'static str, Schema)> {
    let pages = object([
        word("market", "The market."),
        must("orders", list(reference("Order")), "Its open orders: the first page of them."),
        must("pageNumber", integer(), "Which page it is, from 0."),
        must("totalPageCount", integer(), "How many there are."),
    ]);
    let address = object([
        word("type", "The kind of chain."),
        hash("principal", "The account's address."),
        hash("account", "The same."),
        hash("depositAddress", "Where it is paid."),
        hash("relay", "By way of which contract."),
        word("createdAt", "When it was made."),
        word("uuid", "Its id."),
    ]);
    vec![
        (
            "AccountState",
            object([
                must("balances", list(reference("Balance")), "All balances."),
                must("openOrders", list(pages), "By market."),
            ]),
        ),
        (
            "Balance",
            object([
                word("currency", "The token's symbol."),
                decimal("totalBalance", "All of it."),
                decimal("lockedBalance", "What open orders hold."),
            ]),
        ),
        (
            "Transfer",
            object([
                hash("from", "Whose it was; zeros from outside."),
                hash("to", "Whose it is; zeros to the outside."),
                hash("token", "The token's address."),
                word("tokenSymbol", "Its symbol."),
                decimal("value", "How much, scaled by 10^20."),
                hash("transferHash", "Its id."),
                word("timestamp", "When, in UTC."),
            ]),
        ),
        (
            "Fee",
            object([
                must("fee", number(), "What a taker pays, as a part of the whole."),
                word("market", "The market."),
            ]),
        ),
        (
            "DepositAddress",
            object([
                must("address", address, "Where one is paid."),
                hash("addressHash", "Its hash."),
            ]),
        ),
    ]
}

fn listings() -> Vec<(&'static str, Schema)> {
    vec![
        (
            "Market",
            object([
                word("symbol", "Both symbols, without anything between."),
                word("name", "The same with a slash."),
                word("baseCurrency", "The base token."),
                hash("baseTokenAddress", "Its address."),
                word("quoteCurrency", "The quote token."),
                hash("quoteTokenAddress", "Its address."),
                word("feeCurrency", "The token that fees are paid in."),
                hash("feeTokenAddress", "Its address."),
                decimal("quantityIncrement", "The step of quantities, in the base token."),
                decimal("takerFee", "What who comes pays, as a part of the whole."),
                decimal("makerFee", "What who rested pays, as a part of the whole."),
                decimal("tickSize", "The step of prices, in the quote token."),
                decimal("baseMinSize", "The smallest order, in the base token."),
                decimal("quoteMinSize", "The smallest order, in the quote token."),
                flag("locked", "Whether it takes no orders."),
                flag("promotional", "Whether it is a promotion."),
                flag("showOnLanding", "Whether it is shown at first."),
                must("sortOrder", integer(), "Where it is shown."),
                must("alternativeCurrency", null(), "Nothing can be paid in another token."),
                must("alternativeTokenAddress", null(), "As above."),
                must("makerAltFee", null(), "As above."),
                must("takerAltFee", null(), "As above."),
                must("defaultSlippage", null(), "None."),
            ]),
        ),
        (
            "Currency",
            object([
                word("symbol", "Its symbol."),
                word("name", "Its name."),
                hash("address", "Its address."),
                word("icon", "Its picture, if it has one."),
                word("background", "The colour behind that."),
                word("fiatSymbol", "How it is shown."),
                must("decimals", integer(), "How many decimals it has."),
                must("tradeDecimals", integer(), "How many it has in trades."),
                must("displayDecimals", integer(), "How many are shown."),
                flag("crypto", "Whether it is no state's money."),
                flag("depositEnabled", "Whether it can be paid in."),
                flag("withdrawalEnabled", "Whether it can be paid out."),
                flag("transferEnabled", "Whether it can be sent."),
                flag("buyEnabled", "Whether it can be bought outside the market."),
                flag("purchaseEnabled", "The same."),
                flag("redeemEnabled", "Whether it can be given back."),
                flag("active", "Whether it is in use."),
                decimal("withdrawalFee", "What it costs to be paid out."),
                must("purchaseCommissions", list(anything()), "None."),
            ]),
        ),
    ]
}
