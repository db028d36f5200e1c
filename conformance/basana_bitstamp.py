"""basana's Bitstamp, unmodified but for its URLs, trades in a venue and listens to its public channels.

usage: basana_bitstamp.py PATH_OF_RIALTO

A client with habits of its own: it signs the host without the port, sends no body and no content type where there
is nothing to say, and asks below the root, without the dialect's prefix. Its private channels are left out: it
looks for their frames under a name without the user's number, which no frame has. Exit code 0 when all checks
passed, 1 otherwise.
"""

import argparse
import asyncio
import datetime
import importlib.metadata
import sys
from decimal import Decimal

import basana
from basana.external.bitstamp import exchange

from venue import Checks, accounts, first, serving, unlike, until

BASANA_VERSION = "1.11"
PAIR = basana.Pair("BTC", "USD")
BUY, SELL = basana.OrderOperation.BUY, basana.OrderOperation.SELL


async def refused(checks, name, text, awaitable):
    """What must raise the client's own error, with the venue's words in it."""
    try:
        trouble = f"it was done: {(await awaitable).json}"
    except exchange.Error as error:
        trouble = None if text in str(error.json_response) else f"no word of `{text}`: {error}"
    checks.tell(name, trouble)


async def check_orders(checks, client):
    before = await client.get_balances()
    checks.tell("get_balances", unlike("BTC", before["BTC"].total, Decimal(1_000)))
    info = await client.get_pair_info(PAIR)
    checks.tell("get_pair_info", unlike("decimals", (info.base_precision, info.quote_precision), (8, 2)))
    bid, ask = await client.get_bid_ask(PAIR)
    checks.tell("get_bid_ask", None if bid < ask else f"{bid} and {ask}")

    price = (bid * Decimal("0.9")).quantize(Decimal("0.01"))
    amount = Decimal("0.01")
    order = await client.create_limit_order(BUY, PAIR, amount, price, client_order_id="a name")
    late = abs(datetime.datetime.now(datetime.timezone.utc) - order.datetime)
    wrong = first(
        unlike("price", order.price, price),
        unlike("amount", order.amount, amount),
        unlike("operation", order.operation, BUY),
        unlike("client_order_id", order.client_order_id, "a name"),
        None if late < datetime.timedelta(minutes=1) else f"at {order.datetime}",
    )
    checks.tell("create_limit_order", wrong)
    for pair in (None, PAIR):
        orders = await client.get_open_orders(pair)
        listed = [(it.id, it.operation, it.limit_price, it.amount) for it in orders]
        expected = [(order.id, BUY, price, amount)]
        checks.tell(f"get_open_orders {pair or ''}".rstrip(), unlike("orders", listed, expected))
    held = await client.get_balance("USD")
    wrong = first(
        unlike("total", held.total, before["USD"].total),
        unlike("sum", held.available + held.reserved, held.total),
        None if held.reserved >= price * amount else f"{held.reserved} held",
    )
    checks.tell("get_balance: what it may cost is held", wrong)
    found = await client.get_order_info(PAIR, client_order_id="a name")
    wrong = first(unlike("id", found.id, order.id), unlike("is_open", found.is_open, True))
    checks.tell("get_order_info by its client id", wrong)
    canceled = await client.cancel_order(order.id)
    wrong = first(
        unlike("id", canceled.id, order.id),
        # The wire has a number here, of which it makes an exact decimal.
        unlike("amount", float(canceled.amount), float(amount)),
        unlike("operation", canceled.operation, BUY),
    )
    checks.tell("cancel_order", wrong)

    expected_usd, expected_btc = before["USD"].total, before["BTC"].total
    for operation, create in (
        (BUY, client.create_market_order(BUY, PAIR, Decimal("0.02"))),
        (SELL, client.create_market_order(SELL, PAIR, Decimal("0.01"))),
        (BUY, client.create_instant_order(BUY, PAIR, Decimal("300"))),
        (SELL, client.create_instant_order(SELL, PAIR, Decimal("300"), amount_in_counter=True)),
    ):
        name = create.__name__
        order = await create
        info = await client.get_order_info(PAIR, order_id=order.id)
        sign = 1 if operation is BUY else -1
        fee = info.fees.get("USD", Decimal(0))
        expected_btc += sign * info.amount_filled
        expected_usd -= sign * info.quote_amount_filled + fee
        due = info.quote_amount_filled * Decimal("0.002")
        wrong = first(
            unlike("operation", order.operation, operation),
            unlike("is_open", info.is_open, False),
            unlike("amount_remaining", info.amount_remaining, Decimal(0)) if "market" in name else None,
            None if info.amount_filled > 0 else "nothing was filled",
            None if abs(fee - due) < Decimal("0.001") else f"fee {fee} where {due} is due",
        )
        checks.tell(f"{name} {operation.name.lower()}: filled at once", wrong)
    after = await client.get_balances()
    # It adds up fees as they are told, cut; the venue cuts what it tells of balances.
    wrong = first(
        unlike("BTC", after["BTC"].total, expected_btc),
        None if abs(after["USD"].total - expected_usd) < Decimal("0.011") else f"{after['USD'].total}, not {expected_usd}",
    )
    checks.tell("get_balances: what the trades and their fees make", wrong)

    await refused(checks, "too small", "Minimum order size is", client.create_limit_order(BUY, PAIR, Decimal("0.0001"), price))
    await refused(checks, "too precise", "no more than 8 decimal places", client.create_market_order(BUY, PAIR, Decimal("0.012345678")))
    await refused(checks, "more than one has", "Check your account balance", client.create_limit_order(BUY, PAIR, Decimal(900), ask))
    await refused(checks, "cancel_order of none", "Order not found.", client.cancel_order(1))


async def check_channels(checks, dispatcher, client):
    """Its public channels hear of one's own order and trade."""
    orders, trades, books = [], [], []

    async def note_order(event):
        orders.append(event.order)

    async def note_trade(event):
        trades.append(event.trade)

    async def note_book(event):
        books.append(event.order_book)

    client.subscribe_to_public_order_events(PAIR, note_order)
    client.subscribe_to_public_trade_events(PAIR, note_trade)
    client.subscribe_to_order_book_events(PAIR, note_book)
    running = asyncio.create_task(dispatcher.run(stop_signals=[]))
    try:
        came = await until(lambda: orders and books)
        checks.tell("subscribe_to_public_order_events, …_order_book_events", None if came else "nothing came")
        order = await client.create_market_order(BUY, PAIR, Decimal("0.01"))
        came = await until(lambda: any(it.id == order.id for it in orders))
        checks.tell("one's own order on the public channel", None if came else "it did not come")
        came = await until(lambda: any(it.buy_order_id == order.id for it in trades))
        checks.tell("one's own trade on the public channel", None if came else "it did not come")
    finally:
        dispatcher.stop()
        await asyncio.gather(running, return_exceptions=True)


async def run(binary):
    checks = Checks()
    demo = await accounts(binary)
    alice, bob = (demo[name]["bitstamp"] for name in ("alice", "bob"))
    async with serving(binary, "--ephemeral", "--seed", "7") as url:
        urls = {"http": {"base_url": f"{url}/"}, "websockets": {"base_url": f"{url.replace('http', 'ws', 1)}/bitstamp"}}
        dispatcher = basana.realtime_dispatcher()
        exchange_of = lambda key, secret: exchange.Exchange(dispatcher, key, secret, config_overrides={"api": urls})
        client = exchange_of(alice["key"], alice["secret"])
        await check_orders(checks, client)
        await check_channels(checks, dispatcher, client)
        liar = exchange_of(alice["key"], bob["secret"])
        await refused(checks, "a wrong signature", "API0005", liar.get_balance("USD"))
    return checks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the path of rialto")
    arguments = parser.parse_args()
    if (version := importlib.metadata.version("basana")) != BASANA_VERSION:
        print(f"FAIL  basana {BASANA_VERSION} is pinned, {version} is installed")
        return 1
    return asyncio.run(run(arguments.binary)).end()


if __name__ == "__main__":
    sys.exit(main())
