"""ccxt's Bitstamp, synchronous and pro, unmodified but for its URLs, trades in a venue.

usage: ccxt_trading_bitstamp.py PATH_OF_RIALTO [--long]

The script starts a server with a folder of its own and with the demo's accounts. Alice places, edits and cancels
orders of every kind that ccxt offers, and trades with the crowd, while ccxt.pro watches her orders and trades. Her
balances must be what her trades and their fees make of those she began with, to the last digit that is shown; the
private frames alone must account for every order. What cannot be done must raise ccxt's own exceptions. Keys that
are wrong, replayed, revoked or another's are refused in the venue's words. With --long a token is outlived too.
Exit code 0 when all checks passed, 1 otherwise.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import aiohttp
import ccxt
import ccxt.pro

from desk import TAKER_FEE, TOLD, Deal, Desk, Frames, Watched, client_of, market_of, part
from identity import check_end_of_keys, check_expiry, check_identity, check_tokens, enrol, token_of
from venue import Checks, accounts, first, said, serving, unlike, until

CCXT_VERSION = "4.5.90"
SYMBOL = "BTC/USD"
# Here a coin is the money: fees are taken in it, and it is counted more finely.
OTHER_SYMBOL = "ETH/BTC"
SYMBOLS = {symbol.replace("/", "").lower(): symbol for symbol in (SYMBOL, OTHER_SYMBOL)}
# How often an order is looked at that is to expire.
EXPIRY_LOOKS = 60
# How often the market is pushed to make it trade at the price of a stop order.
STOP_TRIES = 20
# What the demo gives to each account.
MONEY, COINS = Decimal(1_000_000), Decimal(1_000)


async def check_balances(checks, desk, name, begins, deals):
    """Balances are what trades and their fees make of those before the first trade."""
    expected = dict(begins)
    for deal in deals:
        expected[deal.base] += deal.amount
        expected[deal.quote] -= deal.value + deal.fee
    troubles = [deal.trouble for deal in deals] if deals else ["it has not traded"]
    shown = await desk.balances()
    for currency, exact in expected.items():
        row = shown[currency]
        total = Decimal(row["total"])
        if total != exact.quantize(total, ROUND_DOWN):
            troubles.append(f"{row['total']} {currency}, but {exact} by its trades")
        if Decimal(row["available"]) + Decimal(row["reserved"]) != total:
            troubles.append(f"{row} does not add up")
    checks.tell(f"{name}: balances are what {len(deals)} trades and their fees make", first(*troubles))


async def check_my_trades(checks, desk, deals):
    """HTTP answers the trades that were told, each with what it moved."""
    for symbol in (None, *SYMBOLS.values()):
        trades = await desk.do("fetch_my_trades", symbol, limit=1000)
        expected = {it: deal for it, deal in deals.items() if symbol in (None, deal.symbol)}
        wrong = [unlike("trades", sorted(it["id"] for it in trades), sorted(expected))]
        for trade in trades:
            deal, row = expected.get(trade["id"]), trade["info"]
            base, quote = deal.symbol.lower().split("/") if deal else ("", "")
            wrong += deal and [
                unlike("symbol", trade["symbol"], deal.symbol),
                unlike("side", trade["side"], "buy" if deal.amount > 0 else "sell"),
                unlike(base, Decimal(row[base]), deal.amount),
                unlike("price", Decimal(str(row[f"{base}_{quote}"])), deal.price),
                unlike("fee", Decimal(row["fee"]), deal.fee.quantize(TOLD[deal.quote], ROUND_DOWN)),
                None if abs(Decimal(row[quote]) + deal.value) < Decimal("1e-8") else f"{row} moves {deal.value}",
            ] or []
        checks.tell(f"fetch_my_trades {symbol or ''}".rstrip() + f": {len(expected)}, as they were told", first(*wrong))
    # The client cuts what it is answered, so that it is asked without its help.
    page = {"pair": "btcusd", "limit": 3, "offset": 1}
    rows = await desk.do("private_post_user_transactions_pair", page)
    ids = sorted((int(it) for it, deal in deals.items() if deal.symbol == SYMBOL), reverse=True)
    wrong = unlike("trades", [row["id"] for row in rows], ids[1:4])
    checks.tell("user_transactions: a page of them, the newest first", wrong)


async def check_reading(checks, desk):
    markets = await desk.do("load_markets")
    checks.tell("load_markets", None if SYMBOL in markets else f"{SYMBOL} is missing")
    rows = await desk.balances()
    begins = {currency: Decimal(row["total"]) for currency, row in rows.items()}
    wrong = first(
        unlike("USD", begins.get("USD"), MONEY),
        unlike("BTC", begins.get("BTC"), COINS),
        next((f"{row} is not free" for row in rows.values() if row["available"] != row["total"]), None),
    )
    checks.tell("fetch_balance: what the demo gives, and all of it free", wrong)
    fees = await desk.do("fetch_trading_fees")
    for symbol in (SYMBOL, OTHER_SYMBOL):
        fee = fees.get(symbol, {})
        wrong = first(unlike("maker", fee.get("maker"), 0.1), unlike("taker", fee.get("taker"), 0.2))
        checks.tell(f"fetch_trading_fees {symbol}", wrong)
    fee = await desk.do("fetch_trading_fee", SYMBOL)
    checks.tell("fetch_trading_fee", unlike("taker", fee["taker"], 0.2))
    return begins


async def check_resting(checks, desk):
    """An order that rests is held for, listed, edited and cancelled."""
    before = await desk.balances()
    market = await market_of(desk, SYMBOL)
    price, amount = market.below("0.9"), 0.01
    order, status = await desk.place(
        SYMBOL, "limit", "buy", amount, price, params={"clientOrderId": "the first"}
    )
    checks.tell(
        "create_order limit buy: what was asked for",
        first(
            unlike("clientOrderId", order["clientOrderId"], "the first"),
            unlike("side", order["side"], "buy"),
            unlike("price", order["price"], price),
            unlike("amount", order["amount"], amount),
            None if abs(order["timestamp"] / 1000 - time.time()) < 60 else f"at {order['datetime']}",
        ),
    )
    checks.tell(
        "fetch_order: it is open",
        first(
            unlike("status", status["status"], "open"),
            unlike("amount_remaining", status["info"]["amount_remaining"], "0.01000000"),
            unlike("clientOrderId", status["clientOrderId"], "the first"),
        ),
    )
    named = await desk.do("fetch_order", "", SYMBOL, params={"clientOrderId": "the first"})
    checks.tell("fetch_order by its client id", unlike("id", named["id"], order["id"]))
    held = (await desk.balances())["USD"]
    least = Decimal(str(price)) * Decimal(str(amount))
    wrong = first(
        unlike("total", held["total"], before["USD"]["total"]),
        None if least <= Decimal(held["reserved"]) <= least * (1 + TAKER_FEE) + 1 else f"{held}",
    )
    checks.tell("fetch_balance: what it may cost is held", wrong)
    for symbol in (None, SYMBOL):
        listed = await desk.do("fetch_open_orders", symbol)
        ids = [(it["id"], it["status"], it["symbol"], it["amount"]) for it in listed]
        wrong = unlike("orders", ids, [(order["id"], "open", SYMBOL, amount)])
        checks.tell(f"fetch_open_orders {symbol or ''}".rstrip(), wrong)

    cheaper = market.below("0.85")
    edited = await desk.do("edit_order", order["id"], SYMBOL, "limit", "buy", 0.02, cheaper)
    new = await desk.do("fetch_order", edited["id"], SYMBOL)
    old = await desk.do("fetch_order", order["id"], SYMBOL)
    checks.tell(
        "edit_order: another order in its place",
        first(
            f"it has kept its id {order['id']}" if edited["id"] == order["id"] else None,
            unlike("price", edited["price"], cheaper),
            unlike("amount", edited["amount"], 0.02),
            unlike("orig_order_id", str(edited["info"]["orig_order_id"]), order["id"]),
            unlike("the new one", new["status"], "open"),
            unlike("the old one", old["status"], "canceled"),
        ),
    )
    canceled = await desk.do("cancel_order", edited["id"], SYMBOL)
    status = await desk.do("fetch_order", edited["id"], SYMBOL)
    checks.tell(
        "cancel_order",
        first(unlike("id", canceled["id"], edited["id"]), unlike("status", status["status"], "canceled")),
    )
    after = await desk.balances()
    checks.tell("fetch_balance: all is free again", unlike("balances", after, before))
    gone = (edited["id"], SYMBOL)
    await desk.refused("a second cancel_order", ccxt.OrderNotFound, "404.002", "cancel_order", *gone)


def trouble_of_fill(status, amount):
    """What is wrong with an order that was filled to this amount; `None` for any."""
    rows = status["info"]["transactions"]
    filled = sum(Decimal(row["btc"]) for row in rows)
    if not rows:
        return f"no transaction: {status['info']}"
    if amount is not None and filled != Decimal(str(amount)):
        return f"{filled} of {amount}"
    for row in rows:
        fee = Decimal(row["price"]) * Decimal(row["btc"]) * TAKER_FEE
        if abs(fee - Decimal(row["fee"])) > Decimal("0.00001"):
            return f"fee {row['fee']} where {fee} is due"
    return None


async def check_taking(checks, desk):
    """Orders that trade at once, of every kind."""
    market = await market_of(desk, SYMBOL)
    above, below = market.above("1.05"), market.below("0.95")
    taken = [
        ("market buy", ("market", "buy", 0.05), {}),
        ("market sell", ("market", "sell", 0.03), {}),
        ("limit buy through the book", ("limit", "buy", 0.02, above), {}),
        ("limit sell through the book", ("limit", "sell", 0.02, below), {}),
        ("immediate-or-cancel", ("limit", "buy", 0.01, above), {"ioc_order": True}),
        ("fill-or-kill", ("limit", "sell", 0.01, below), {"fok_order": True}),
    ]
    for name, words, params in taken:
        order, status = await desk.place(SYMBOL, *words, params=params)
        wrong = first(
            unlike("status", status["status"], "closed"),
            unlike("side", order["side"], words[1]),
            trouble_of_fill(status, words[2]),
        )
        checks.tell(f"create_order {name}: filled at once", wrong)
    for side, amount in (("buy", 500), ("sell", 0.01)):
        _, status = await desk.place(SYMBOL, "instant", side, amount)
        amount = None if side == "buy" else amount
        wrong = first(unlike("status", status["status"], "closed"), trouble_of_fill(status, amount))
        checks.tell(f"create_order instant {side}: filled at once", wrong)

    killed = [
        ("fill-or-kill for more than there is", "sell", 900, market.below("0.9999"), "fok_order"),
        ("post-only into the book", "buy", 0.01, above, "moc_order"),
        ("immediate-or-cancel that meets nobody", "buy", 0.01, market.below("0.9"), "ioc_order"),
    ]
    for name, side, amount, price, flag in killed:
        _, status = await desk.place(SYMBOL, "limit", side, amount, price, params={flag: True})
        wrong = first(
            unlike("status", status["status"], "canceled"),
            unlike("transactions", status["info"]["transactions"], []),
        )
        checks.tell(f"create_order {name}: cancelled", wrong)
    order, status = await desk.place(
        SYMBOL, "limit", "sell", 0.01, market.above("1.1"), params={"moc_order": True}
    )
    checks.tell("create_order post-only beside the book: open", unlike("status", status["status"], "open"))

    soon = desk.client.milliseconds() + 3_000
    order, status = await desk.place(
        SYMBOL, "limit", "buy", 0.01, market.below("0.9"), params={"gtd_order": True, "expire_time": soon}
    )
    checks.tell("create_order good-till-date: open till then", unlike("status", status["status"], "open"))
    for _ in range(EXPIRY_LOOKS):
        status = await desk.do("fetch_order", order["id"], SYMBOL)
        if status["status"] != "open":
            break
        await asyncio.sleep(0.2)
    early = soon - desk.client.milliseconds()
    wrong = first(unlike("status", status["status"], "Expired"), f"{early} ms too early" if early > 0 else None)
    checks.tell("fetch_order: expired then", wrong)

    stop = {"subtype": "STOP_LOSS_LIMIT", "stop_price": market.above("1.1")}
    order, status = await desk.place(SYMBOL, "limit", "buy", 0.01, market.above("1.12"), params=stop)
    wrong = first(
        unlike("status", status["status"], "open"),
        unlike("stop_price", Decimal(order["info"]["stop_price"]), Decimal(str(stop["stop_price"]))),
    )
    checks.tell("create_order stop: waits for its price", wrong)


async def check_stop(checks, desk):
    """A stop order sleeps until the market trades at its price, and then takes like any other."""
    # So close to the price, the crowd may trade there before one has looked.
    for _ in range(STOP_TRIES):
        market = await market_of(desk, SYMBOL)
        stop = {"subtype": "STOP_LOSS", "stop_price": market.below("0.9999")}
        order, status = await desk.place(SYMBOL, "market", "sell", 0.02, params=stop)
        if status["status"] == "open":
            break
    checks.tell("create_order stop loss: sleeps", unlike("status", status["status"], "open"))
    for _ in range(STOP_TRIES):
        await desk.place(SYMBOL, "market", "sell", 0.5)
        status = await desk.do("fetch_order", order["id"], SYMBOL)
        if status["status"] != "open":
            break
    wrong = first(unlike("status", status["status"], "closed"), trouble_of_fill(status, 0.02))
    checks.tell("fetch_order: a stop that was woken is filled", wrong)


async def check_paying_in_coins(checks, desk):
    """A market whose money is a coin."""
    market = await market_of(desk, OTHER_SYMBOL)
    for words in (
        ("market", "buy", 0.3),
        ("limit", "sell", 0.2, market.below("0.95")),
        ("instant", "buy", 0.01),
    ):
        _, status = await desk.place(OTHER_SYMBOL, *words)
        name = f"create_order {words[0]} {words[1]} {OTHER_SYMBOL}: filled at once"
        checks.tell(name, unlike("status", status["status"], "closed"))


async def check_cancelling_all(checks, desk):
    market, other = [await market_of(desk, symbol) for symbol in (SYMBOL, OTHER_SYMBOL)]
    listed = await desk.do("fetch_open_orders")
    mine = {order["id"] for order in listed}
    here, _ = await desk.place(SYMBOL, "limit", "buy", 0.01, market.below("0.9"))
    there, _ = await desk.place(OTHER_SYMBOL, "limit", "buy", 0.1, other.below("0.9"))
    canceled = await desk.do("cancel_all_orders", SYMBOL)
    wrong = unlike("orders", {order["id"] for order in canceled}, mine | {here["id"]})
    checks.tell("cancel_all_orders of a market: these and no others", wrong)
    canceled = await desk.do("cancel_all_orders")
    wrong = first(
        unlike("orders", [order["id"] for order in canceled], [there["id"]]),
        unlike("open orders", await desk.do("fetch_open_orders"), []),
    )
    checks.tell("cancel_all_orders: the rest", wrong)


async def check_refusals(checks, desk):
    """What cannot be done raises ccxt's own exceptions."""
    market = await market_of(desk, SYMBOL)
    low, high = market.below("0.9"), market.above("1.05")
    limit = (SYMBOL, "limit")
    refusals = [
        ("too small", ccxt.InvalidOrder, "Minimum order size is", (*limit, "buy", 0.0001, low), {}),
        ("smaller than the smallest", ccxt.InvalidOrder, "precision", (*limit, "buy", 1e-9, low), {}),
        ("far above the market", ccxt.InvalidOrder, "Price is more than 20% above", (*limit, "buy", 0.01, market.above("1.5")), {}),
        ("far below the market", ccxt.InvalidOrder, "Price is more than 20% below", (*limit, "sell", 0.01, market.below("0.5")), {}),
        ("more money than one has", ccxt.InsufficientFunds, "You need", (*limit, "buy", 900, high), {}),
        ("more coins than one has", ccxt.InsufficientFunds, "You have only", (*limit, "sell", 5_000, high), {}),
        # ccxt cuts amounts and prices itself; what is given beside them goes out as it is.
        ("too precise an amount", ccxt.InvalidOrder, "no more than 8 decimal places", (*limit, "buy", 1, low), {"amount": "0.012345678"}),
        ("too precise a price", ccxt.InvalidOrder, "no more than 2 decimal places", (*limit, "buy", 0.01, low), {"price": "50000.001"}),
        ("no number", ccxt.ExchangeError, "Enter a number.", (*limit, "buy", 0.01, low), {"price": "much"}),
    ]
    for name, exception, text, words, params in refusals:
        await desk.refused(name, exception, text, "create_order", *words, params=params)
    nobody = ("1", SYMBOL)
    await desk.refused("cancel_order of none", ccxt.OrderNotFound, "404.002", "cancel_order", *nobody)
    await desk.refused("fetch_order of none", ccxt.OrderNotFound, "404.002", "fetch_order", *nobody)
    edit = (*nobody, "limit", "buy", 0.01, low)
    await desk.refused("edit_order of none", ccxt.OrderNotFound, "404.002", "edit_order", *edit)


async def check_watched(checks, watched, frames):
    """What ccxt.pro made of the frames is what they say."""
    frames = {
        channel: [frame for frame in told if frame["channel"].startswith(f"{channel}_btcusd-")]
        for channel, told in frames.items()
    }
    trades = {str(frame["data"]["id"]): frame["data"] for frame in frames["private-my_trades"]}
    came = await until(lambda: len({it["id"] for it in watched.trades}) >= len(trades))
    checks.tell("watch_orders and watch_my_trades never raised", first(*watched.troubles))
    seen = {trade["id"]: trade for trade in watched.trades}
    wrong = [] if came else [f"only {len(seen)} came"]
    for trade_id, data in trades.items():
        told = seen.get(trade_id)
        wrong += told and [
            unlike("order", told["order"], str(data["order_id"])),
            unlike("side", told["side"], data["side"]),
            unlike("price", told["price"], float(data["price"])),
            unlike("amount", told["amount"], float(data["amount"])),
            unlike("fee", told["fee"], {"cost": float(data["fee"]), "currency": "USD"}),
        ] or [f"no trade {trade_id}"]
    checks.tell(f"watch_my_trades: {len(trades)} trades, as the frames tell them", first(*wrong))
    ids = {str(frame["data"]["id"]) for frame in frames["private-my_orders"]}
    await until(lambda: {it["id"] for it in watched.orders} >= ids)
    wrong = unlike("orders", {it["id"] for it in watched.orders}, ids)
    checks.tell(f"watch_orders: {len(ids)} orders", wrong)


def check_frames(checks, told):
    """The private frames alone account for every order."""
    orders, trades, wrong = defaultdict(list), defaultdict(Decimal), []
    replaced = set()
    for frame in told["private-my_trades"]:
        trades[frame["data"]["order_id"]] += Decimal(frame["data"]["amount"])
    for frame in told["private-my_orders"]:
        data = frame["data"]
        orders[data["id"]].append((frame["event"], data))
        if frame["event"] == "order_replaced":
            replaced.add(data["orig_order_id"])
    for order_id, steps in orders.items():
        event, last = steps[-1]
        traded = sum(Decimal(data["amount_traded"]) for _, data in steps)
        if event not in ("order_deleted", "stop_inactive") and order_id not in replaced:
            wrong.append(f"it never ended: {last}")
        if traded + Decimal(last["amount_str"]) != Decimal(last["amount_at_create"]):
            wrong.append(f"{traded} traded and {last['amount_str']} left: {last}")
        if traded != trades[order_id]:
            wrong.append(f"{traded} traded, but {trades[order_id]} by the trades: {last}")
    wrong += [f"trades of {order_id}, of which there is no order" for order_id in trades.keys() - orders.keys()]
    checks.tell(f"private frames: traded and left make what was ordered, of {len(orders)} orders", first(*wrong))


async def run(binary, folder, long):
    checks = Checks()
    data, master = str(Path(folder) / "data"), str(Path(folder) / "master.key")
    await said(binary, "keys", "master-key", master)
    carol = await enrol(binary, data, master, "carol")
    dora = await enrol(binary, data, master, "dora", "--read-only")
    erin = await enrol(binary, data, master, "erin")
    demo = await accounts(binary)
    alice, bob = (demo[name]["bitstamp"] | {"user_id": demo[name]["user_id"]} for name in ("alice", "bob"))
    async with serving(binary, "--data", data, "--master-key", master, "--seed", "7") as url:
        pros = [client_of(ccxt.pro.bitstamp, url, it) for it in (alice, bob)]
        watched = [Watched(pro) for pro in pros]
        watching = [asyncio.create_task(it.watch(SYMBOL)) for it in watched]
        try:
            async with aiohttp.ClientSession() as session:
                await check_trading(checks, session, url, watched, alice, bob)
                await part(checks, check_identity(checks, url, alice, bob, carol, dora))
                await part(checks, check_tokens(checks, binary, data, session, url, alice, carol))
                await part(checks, check_end_of_keys(checks, url, session, erin))
                if long:
                    await part(checks, check_expiry(checks, session, url, alice))
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            for pro in pros:
                await pro.close()
    return checks


async def check_trading(checks, session, url, watched, alice, bob):
    hers, his = watched
    desk = Desk(checks, client_of(ccxt.bitstamp, url, alice))
    begins = await check_reading(checks, desk)
    ready = await until(lambda: (hers.has_asked() and his.has_asked()) or hers.troubles)
    checks.tell("watch_orders and watch_my_trades are asked for", None if ready else "they are not")
    async with Frames(session, url) as frames:
        token = await token_of(desk)
        for channel in ("private-my_orders", "private-my_trades"):
            for market in SYMBOLS:
                answer = await frames.subscribe(f"{channel}_{market}-{alice['user_id']}", token)
                wrong = unlike("event", answer["event"], "bts:subscription_succeeded")
                checks.tell(f"{channel}_{market}", wrong)
        frames.keep()
        hers_too = Desk(checks, hers.client)
        for name, client in (("synchronous", desk), ("pro", hers_too)):
            with checks.of(name):
                await part(checks, check_resting(checks, client))
                await part(checks, check_refusals(checks, client))
        await part(checks, check_taking(checks, desk))
        await part(checks, check_stop(checks, desk))
        await part(checks, check_paying_in_coins(checks, desk))
        await part(checks, check_neighbour(checks, url, bob, his, begins, await desk.do("fetch_open_orders")))
        await part(checks, check_cancelling_all(checks, desk))
        held = [row for row in (await desk.balances()).values() if row["available"] != row["total"]]
        checks.tell("fetch_balance: nothing is held at the end", unlike("held", held, []))
        await frames.settle()
        told = frames.told
        deals = {
            str(frame["data"]["id"]): Deal(
                SYMBOLS[frame["channel"].split("_")[2].split("-")[0]],
                *(frame["data"][field] for field in ("side", "amount", "price", "fee")),
            )
            for frame in told["private-my_trades"]
        }
        await part(checks, check_balances(checks, desk, "alice", begins, list(deals.values())))
        await part(checks, check_my_trades(checks, desk, deals))
        await part(checks, check_watched(checks, hers, told))
        check_frames(checks, told)


async def check_neighbour(checks, url, bob, watched, begins, others):
    """Bob trades beside alice, and neither sees nor moves what is hers."""
    desk = Desk(checks, client_of(ccxt.bitstamp, url, bob))
    order, status = await desk.place(SYMBOL, "market", "buy", 0.01)
    hers = (others[0]["id"], SYMBOL)
    not_found = (ccxt.OrderNotFound, "404.002")
    await desk.refused("cancel_order of another's", *not_found, "cancel_order", *hers)
    await desk.refused("fetch_order of another's", *not_found, "fetch_order", *hers)
    rows = status["info"]["transactions"]
    deals = [Deal(SYMBOL, "buy", row["btc"], row["price"], row["fee"]) for row in rows]
    await check_balances(checks, desk, "bob", begins, deals)
    await until(lambda: watched.orders)
    wrong = unlike("orders", {it["id"] for it in watched.orders}, {order["id"]})
    checks.tell("watch_orders: bob hears of his order and of no other", first(*watched.troubles, wrong))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the path of rialto")
    parser.add_argument("--long", action="store_true", help="outlive a token, which takes a minute")
    arguments = parser.parse_args()
    if ccxt.__version__ != CCXT_VERSION:
        print(f"FAIL  ccxt {CCXT_VERSION} is pinned, {ccxt.__version__} is installed")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        checks = asyncio.run(run(arguments.binary, folder, arguments.long))
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
