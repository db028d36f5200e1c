"""ccxt's TimeX, unmodified but for its URL, reads a venue and trades in it.

usage: ccxt_timex.py PATH_OF_RIALTO
       REQUESTS_CA_BUNDLE=ca.pem ccxt_timex.py PATH_OF_RIALTO --own    with its own URL too

The script starts a server of its own with the demo's accounts, unless one is already where its own URL leads. Everybody's data must be sound by itself and agree with
what it repeats; Alice places, edits and cancels orders of every kind that ccxt offers and trades with the crowd, and
her balances must be what her trades and their fees make of those she began with, to the last digit. What cannot be done
must raise ccxt's own exceptions. Exit code 0 when all checks passed, 1 otherwise.
"""

import argparse
import asyncio
import contextlib
import sys
import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import ccxt

from desk import Desk
from venue import OWN, Checks, accounts, first, serving, unlike

CCXT_VERSION = "4.4.60"
SYMBOL = "BTC/USD"
SYMBOLS = {"BTC/USD", "ETH/USD", "BTC/EUR", "BTC/USDT", "ETH/USDT", "ETH/BTC", "ETH/AUDT"}
MAKER_FEE, TAKER_FEE = Decimal("0.001"), Decimal("0.002")
# What the demo gives to each account.
MONEY, COINS = Decimal(1_000_000), Decimal(1_000)
# How often an order is looked at that is to expire, each look taking the time that ccxt leaves between requests.
EXPIRY_LOOKS = 10


def client_of(url, credentials):
    """A client with our URL and somebody's key, or told to read whom it trusts. Nothing else of it is touched."""
    key = {"apiKey": credentials["id"], "secret": credentials["secret"]}
    if url == OWN:
        return ccxt.timex({**key, "requests_trust_env": True})
    client = ccxt.timex(key)
    client.urls["api"] = {"rest": f"{url}/timex"}
    return client


async def price_beside(desk, factor):
    """A price that lies so far from the market."""
    book = await desk.do("fetch_order_book", SYMBOL, 1)
    side = "bids" if factor < 1 else "asks"
    return float((Decimal(str(book[side][0][0])) * Decimal(str(factor))).quantize(Decimal("0.01")))


async def check_listings(checks, desk):
    now = await desk.do("fetch_time")
    checks.tell("fetch_time", None if abs(now / 1000 - time.time()) < 60 else f"it is {now}")
    markets = await desk.do("load_markets")
    market = markets.get(SYMBOL, {})
    wrong = first(
        unlike("markets", set(markets), SYMBOLS),
        unlike("price step", market["precision"]["price"], 0.01),
        unlike("amount step", market["precision"]["amount"], 1e-8),
        unlike("least cost", market["limits"]["cost"]["min"], 10),
        unlike("taker", market["taker"], float(TAKER_FEE)),
        unlike("maker", market["maker"], float(MAKER_FEE)),
        unlike("active", market["active"], True),
    )
    checks.tell("load_markets", wrong)
    currencies = await desk.do("fetch_currencies")
    named = {part for symbol in SYMBOLS for part in symbol.split("/")}
    missing = named - set(currencies)
    address = currencies["BTC"]["info"]["address"]
    wrong = first(
        f"{missing} are missing" if missing else None,
        unlike("BTC at the market", market["info"]["baseTokenAddress"], address),
        unlike("address", (len(address), address), (42, address.lower())),
        unlike("precision", currencies["BTC"]["precision"], 1e-8),
    )
    checks.tell("fetch_currencies", wrong)
    shown = await desk.do("fetch_deposit_address", "BTC")
    checks.tell("fetch_deposit_address", unlike("address", shown["address"], address))
    fee = await desk.do("fetch_trading_fee", SYMBOL)
    checks.tell("fetch_trading_fee", unlike("taker", fee["taker"], float(TAKER_FEE)))


async def check_market(checks, desk):
    """The crowd trades: books, trades, candles and statistics of it."""
    trades = []

    async def has_traded():
        trades[:] = await desk.do("fetch_trades", SYMBOL)
        return len(trades) >= 5

    for _ in range(20):
        if await has_traded():
            break
    times = [trade["timestamp"] for trade in trades]
    wrong = first(
        None if len(trades) >= 5 else f"only {len(trades)}",
        unlike("order", times, sorted(times)),
        unlike("ids", len({trade["id"] for trade in trades}), len(trades)),
        next((f"{it}" for it in trades if it["side"] not in ("buy", "sell") or it["symbol"] != SYMBOL), None),
    )
    checks.tell("fetch_trades: the oldest first", wrong)
    middle = trades[len(trades) // 2]
    later = await desk.do("fetch_trades", SYMBOL, middle["timestamp"], 3)
    expected = [it["id"] for it in trades if it["timestamp"] >= middle["timestamp"]][:3]
    checks.tell("fetch_trades since, a few", unlike("trades", [it["id"] for it in later], expected))

    book = await desk.do("fetch_order_book", SYMBOL, 5)
    bids, asks = ([row[0] for row in book[side]] for side in ("bids", "asks"))
    wrong = first(
        unlike("bids", bids, sorted(set(bids), reverse=True)),
        unlike("asks", asks, sorted(set(asks))),
        None if bids[0] < asks[0] else "it is crossed",
        unlike("depth", (len(bids), len(asks)), (5, 5)),
        None if abs(book["timestamp"] / 1000 - time.time()) < 60 else f"at {book['datetime']}",
    )
    checks.tell("fetch_order_book of five", wrong)
    raw = await desk.do("publicGetOrderbookRaw", {"market": "BTCUSD", "limit": 5})
    wrong = first(
        unlike("sides", {order["direction"] for order in raw["bid"]}, {"BUY"}),
        next((f"{it['hash']} is no hash" for it in raw["ask"] if len(it["hash"]) != 66), None),
    )
    checks.tell("orderbook/raw", wrong)

    candles = await desk.do("fetch_ohlcv", SYMBOL, "1m")
    wrong = first(
        None if candles else "there is none",
        next((f"{it} is not aligned" for it in candles if it[0] % 60_000), None),
        next((f"{it} is no candle" for it in candles if not it[3] <= min(it[1], it[4]) <= max(it[1], it[4]) <= it[2]), None),
    )
    checks.tell("fetch_ohlcv", wrong)
    ticker = await desk.do("fetch_ticker", SYMBOL)
    tickers = await desk.do("fetch_tickers")
    wrong = first(
        unlike("tickers", set(tickers), SYMBOLS),
        None if ticker["bid"] < ticker["ask"] else f"{ticker}",
        None if ticker["low"] <= ticker["last"] <= ticker["high"] else f"{ticker}",
        None if ticker["baseVolume"] > 0 else f"{ticker}",
    )
    checks.tell("fetch_ticker and fetch_tickers", wrong)


async def check_begin(checks, desk):
    balance = await desk.do("fetch_balance")
    wrong = first(
        unlike("USD", (balance["USD"]["free"], balance["USD"]["total"]), (float(MONEY), float(MONEY))),
        unlike("BTC", (balance["BTC"]["free"], balance["BTC"]["total"]), (float(COINS), float(COINS))),
    )
    checks.tell("fetch_balance: what the demo gives, and all of it free", wrong)


async def check_resting(checks, desk):
    """An order that rests is held for, listed, edited and cancelled."""
    price = await price_beside(desk, 0.9)
    order = await desk.do("create_order", SYMBOL, "limit", "buy", 0.01, price, {"clientOrderId": "the first"})
    wrong = first(
        unlike("status", order["status"], "open"),
        unlike("price", order["price"], price),
        unlike("amount", order["amount"], 0.01),
        unlike("filled", order["filled"], 0),
        unlike("clientOrderId", order["clientOrderId"], "the first"),
        unlike("type", (order["type"], order["side"]), ("limit", "buy")),
        None if abs(order["timestamp"] / 1000 - time.time()) < 60 else f"at {order['datetime']}",
    )
    checks.tell("create_order limit buy: what was asked for", wrong)
    one = await desk.do("fetch_order", order["id"])
    wrong = first(unlike("status", one["status"], "open"), unlike("symbol", one["symbol"], SYMBOL))
    checks.tell("fetch_order: it is open", wrong)
    listed = await desk.do("fetch_open_orders", SYMBOL)
    checks.tell("fetch_open_orders", unlike("orders", [it["id"] for it in listed], [order["id"]]))
    used = Decimal(str((await desk.do("fetch_balance"))["USD"]["used"]))
    least = Decimal(str(price)) * Decimal("0.01")
    wrong = None if least <= used <= least * (1 + TAKER_FEE) + 1 else f"{used} for {least}"
    checks.tell("fetch_balance: what it may cost is held", wrong)

    cheaper = await price_beside(desk, 0.85)
    # The client takes whatever has been changed for unchanged, so that its answer is looked into.
    edited = await desk.do("edit_order", order["id"], SYMBOL, "limit", "buy", 0.02, cheaper)
    changed = edited["info"]["changedOrders"][0]
    new = await desk.do("fetch_order", changed["newOrder"]["id"])
    old = await desk.do("fetch_order", order["id"])
    wrong = first(
        unlike("oldId", changed["oldId"], order["id"]),
        "it has kept its id" if new["id"] == order["id"] else None,
        unlike("the new one", (new["status"], new["price"], new["amount"]), ("open", cheaper, 0.02)),
        unlike("the old one", old["status"], "canceled"),
    )
    checks.tell("edit_order: another order in its place", wrong)
    canceled = await desk.do("cancel_order", new["id"])
    again = await desk.do("cancel_order", new["id"])
    wrong = first(
        unlike("id", canceled["id"], new["id"]),
        unlike("status", canceled["status"], "canceled"),
        unlike("a second time", (again["id"], again["status"]), (new["id"], "unchanged")),
        unlike("open orders", await desk.do("fetch_open_orders"), []),
    )
    checks.tell("cancel_order, and a second time", wrong)
    closed = await desk.do("fetch_closed_orders", SYMBOL)
    wrong = unlike("orders", [it["id"] for it in closed], [order["id"], new["id"]])
    checks.tell("fetch_closed_orders: the oldest first", wrong)


async def check_kinds(checks, desk):
    """Orders that are held back, and orders that end by themselves."""
    price = await price_beside(desk, 0.9)
    first_one = await desk.do("create_order", SYMBOL, "limit", "buy", 0.01, price, {"postOnly": True})
    other = await desk.do("create_order", SYMBOL, "limit", "buy", 0.02, price, {"expireIn": 3})
    checks.tell("create_order post-only: open", unlike("status", first_one["status"], "open"))
    for _ in range(EXPIRY_LOOKS):
        status = (await desk.do("fetch_order", other["id"]))["status"]
        if status != "open":
            break
    wrong = first(unlike("status", other["status"], "open"), unlike("later", status, "canceled"))
    checks.tell("create_order that expires in three seconds", wrong)
    ended = await desk.do("cancel_orders", [first_one["id"], other["id"]])
    came = [(it["id"], it["status"]) for it in ended]
    wrong = unlike("orders", came, [(first_one["id"], "canceled"), (other["id"], "unchanged")])
    checks.tell("cancel_orders: what can be, and what cannot", wrong)


async def check_trading(checks, desk):
    """Orders that trade at once, and what they cost."""
    taken = [("market", "buy", 0.05, None, {}), ("market", "sell", 0.03, None, {})]
    above = await price_beside(desk, 1.01)
    taken.append(("limit", "buy", 0.02, above, {}))
    taken.append(("fill_or_kill", "sell", 0.01, None, {"price": await price_beside(desk, 0.99)}))
    done = []
    for kind, side, amount, price, params in taken:
        order = await desk.do("create_order", SYMBOL, kind, side, amount, price, params)
        average = order["info"]["avgPrice"]
        wrong = first(
            unlike("status", order["status"], "closed"),
            unlike("filled", order["filled"], amount),
            None if average is not None and Decimal(average) > 0 else f"avgPrice {average}",
        )
        checks.tell(f"create_order {kind} {side}: filled at once", wrong)
        done.append(order)
    trades = await desk.do("fetch_my_trades", SYMBOL)
    by_order = defaultdict(Decimal)
    expected = {"USD": MONEY, "BTC": COINS}
    wrong = []
    for trade in trades:
        price, amount, fee = (Decimal(trade["info"][name]) for name in ("price", "quantity", "fee"))
        sign = 1 if trade["side"] == "buy" else -1
        by_order[trade["order"]] += amount
        expected["BTC"] += sign * amount
        expected["USD"] -= sign * price * amount + fee
        rate = TAKER_FEE if trade["takerOrMaker"] == "taker" else MAKER_FEE
        if abs(price * amount * rate - fee) > Decimal("1e-9") or trade["fee"]["currency"] != "USD":
            wrong.append(f"fee {trade['fee']} of {price * amount}")
    amounts = {order["id"]: Decimal(str(order["amount"])) for order in done}
    checks.tell("fetch_my_trades: all that was filled, and its fees", first(unlike("amounts", dict(by_order), amounts), *wrong))
    rows = {row["currency"]: row for row in (await desk.do("fetch_balance"))["info"]}
    wrong = [unlike(name, Decimal(rows[name]["totalBalance"]), total) for name, total in expected.items()]
    checks.tell("fetch_balance: what trades and their fees make, to the digit", first(*wrong))
    one = await desk.do("fetch_order", done[0]["id"])
    ids = [trade["id"] for trade in trades if trade["order"] == done[0]["id"]]
    wrong = unlike("trades", [str(trade["id"]) for trade in one["trades"]], ids)
    checks.tell("fetch_order: with its trades", wrong)


async def check_refusals(checks, desk, other, url, credentials):
    price = await price_beside(desk, 0.9)
    limit = ("create_order", SYMBOL, "limit", "buy")
    await desk.refused("more than there is", ccxt.InsufficientFunds, "Insufficient USD balance. Required: ", *limit, 100, price)
    await desk.refused("too little", ccxt.BadRequest, "quantity is invalid", *limit, 0.00000001, price)
    above = await price_beside(desk, 1.01)
    post_only = {"postOnly": True}
    await desk.refused("post-only into the book", ccxt.BadRequest, "Order book is not empty", *limit, 0.01, above, post_only)
    kill = ("create_order", SYMBOL, "fill_or_kill", "buy", 1, None, {"price": price})
    await desk.refused("fill-or-kill that meets nobody", ccxt.ExchangeError, "Not full match", *kill)
    odd = {"symbol": "BTCUSD", "side": "BUY", "orderTypes": "LIMIT", "quantity": "0.01", "price": "50000.001", "expireIn": 60}
    await desk.refused("a price between ticks", ccxt.BadRequest, "price is invalid", "tradingPostOrders", odd)
    lower = {"market": "btcusd"}
    await desk.refused("a symbol in lower case", ccxt.BadRequest, "Symbol must be uppercase: btcusd", "publicGetTrades", lower)
    unknown = "0x" + "0" * 64
    await desk.refused("an unknown order", ccxt.OrderNotFound, "Order not found", "fetch_order", unknown)
    mine = await desk.do("create_order", SYMBOL, "limit", "buy", 0.01, price)
    await other.refused("somebody else's order", ccxt.OrderNotFound, "Order not found", "fetch_order", mine["id"])
    foreign = await other.do("cancel_order", mine["id"])
    checks.tell("cancel_order of somebody else's", unlike("status", foreign["status"], "unchanged"))
    await desk.do("cancel_order", mine["id"])
    deposits = ("fetch_deposits", None, None, None, {"address": unknown[:42]})
    await desk.refused("what is not served", ccxt.NotSupported, "Unsupported operation", *deposits)
    wrong = Desk(checks, client_of(url, {"id": credentials["id"], "secret": "WRONGWRONGWRONGW"}))
    await wrong.refused("a wrong secret", ccxt.PermissionDenied, "Access denied", "fetch_balance")
    nobody = Desk(checks, client_of(url, {"id": "0" * 32, "secret": credentials["secret"]}))
    await nobody.refused("an unknown key", ccxt.PermissionDenied, "Access denied", "fetch_balance")
    me = await desk.do("custodyGetCredentialsMe")
    checks.tell("custody/credentials/me", unlike("address", me["address"], credentials["address"]))


async def judge(checks, binary, own):
    known = await accounts(binary)
    alice, bob = ({**known[name]["timex"], "address": known[name]["address"]} for name in ("alice", "bob"))
    there = contextlib.nullcontext(OWN) if own else serving(binary, "--ephemeral", "--seed", "7")
    async with there as url:
        desk, other = (Desk(checks, client_of(url, who)) for who in (alice, bob))
        await check_listings(checks, desk)
        await check_market(checks, desk)
        await check_begin(checks, desk)
        await check_resting(checks, desk)
        await check_kinds(checks, desk)
        await check_trading(checks, desk)
        await check_refusals(checks, desk, other, url, alice)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path)
    parser.add_argument("--own", action="store_true", help="its own URL, where a server is already")
    words = parser.parse_args()
    checks = Checks()
    checks.tell("the pinned ccxt", unlike("its version", ccxt.__version__, CCXT_VERSION))
    try:
        asyncio.run(judge(checks, words.binary, words.own))
    except Exception as error:
        checks.tell("the whole", f"{type(error).__name__}: {error}")
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
