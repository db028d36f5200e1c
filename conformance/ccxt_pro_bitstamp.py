"""ccxt.pro's Bitstamp, unmodified but for its URLs, watches a venue.

usage: ccxt_pro_bitstamp.py http://127.0.0.1:8080 [--seconds 60] [--seed 7]
       SSL_CERT_FILE=ca.pem ccxt_pro_bitstamp.py own ...    with its own URLs too

It watches trades and order books of five markets, and meanwhile calls the public HTTP side. No
call may raise and no book may be crossed. At ten moments, drawn with the seed, the book that ccxt
built from the diffs must equal, level by level, the book that HTTP answers for the same
microtimestamp. Exit code 0 when all checks passed, 1 otherwise.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from collections import OrderedDict, defaultdict

import aiohttp
import ccxt.pro

from venue import OWN, Checks, bitstamp_urls

CCXT_VERSION = "4.5.90"
MARKETS = ["BTC/USD", "ETH/USD", "BTC/EUR", "BTC/USDT", "ETH/BTC"]
# These trade several times a second; the others may be silent while we look.
BUSY_MARKETS = ["BTC/USD", "ETH/USD", "BTC/USDT"]
MOMENTS = 10
# ccxt may take two diffs in one turn and never show the book between them: look again, so often.
LOOKS_PER_MOMENT = 8
# Watched books kept per market, by nonce: half a minute of the fastest cadence.
BOOKS_KEPT = 400
READY_SECONDS = 30


class Watched:
    """What was seen of one market."""

    def __init__(self):
        self.books = OrderedDict()  # nonce -> (bids, asks), the newest last
        self.books_seen = 0
        self.trades_seen = 0
        self.last_trade_id = 0
        self.troubles = []
        self.changed = asyncio.Condition()

    def newest(self):
        return next(reversed(self.books), 0)


def make_client(url):
    """ccxt.pro's client with our URLs, or told whom to trust. Nothing else of it is touched."""
    if url == OWN:
        return ccxt.pro.bitstamp({"cafile": os.environ["SSL_CERT_FILE"]})
    client = ccxt.pro.bitstamp()
    client.urls["api"] = bitstamp_urls(url)
    return client


async def watch_book(client, market, watched):
    while True:
        book = await client.watch_order_book(market)
        bids = [[level[0], level[1]] for level in book["bids"]]
        asks = [[level[0], level[1]] for level in book["asks"]]
        nonce = book["nonce"]
        if nonce is None:
            continue
        watched.books_seen += 1
        if nonce < watched.newest():
            watched.troubles.append(f"the stamp went back from {watched.newest()} to {nonce}")
        if bids and asks and bids[0][0] >= asks[0][0]:
            watched.troubles.append(f"crossed at {nonce}: bid {bids[0]}, ask {asks[0]}")
        async with watched.changed:
            watched.books[nonce] = (bids, asks)
            if len(watched.books) > BOOKS_KEPT:
                watched.books.popitem(last=False)
            watched.changed.notify_all()


async def watch_trades(client, market, watched):
    while True:
        for trade in await client.watch_trades(market):
            watched.trades_seen += 1
            trouble = trouble_of_trade(trade, market)
            if not trouble and int(trade["id"]) <= watched.last_trade_id:
                trouble = f"id {trade['id']} after {watched.last_trade_id}"
            if trouble:
                watched.troubles.append(f"trade {trade['info']}: {trouble}")
            else:
                watched.last_trade_id = int(trade["id"])


def trouble_of_trade(trade, market):
    if trade["symbol"] != market:
        return f"symbol {trade['symbol']}"
    if trade["side"] not in ("buy", "sell"):
        return f"side {trade['side']}"
    if not trade["id"] or not trade["price"] or not trade["amount"] or not trade["timestamp"]:
        return "id, price, amount or timestamp is missing"
    if abs(trade["timestamp"] / 1000 - time.time()) > 3600 * 24 * 366:
        return f"timestamp {trade['timestamp']} is not in milliseconds"
    return None


async def until(watched, condition, seconds):
    """Waits until a condition on what was watched holds; says whether it does."""
    try:
        async with watched.changed:
            await asyncio.wait_for(watched.changed.wait_for(condition), seconds)
        return True
    except asyncio.TimeoutError:
        return False


async def compare_book(http, url, client, market, watched):
    """One moment: None when both books are equal, otherwise the trouble. Also tells the nonce."""
    base = "https://www.bitstamp.net" if url == OWN else f"{url}/bitstamp"
    address = f"{base}/api/v2/order_book/{client.market(market)['id']}/"
    for _ in range(LOOKS_PER_MOMENT):
        async with http.get(address) as response:
            if response.status != 200:
                return f"{address} answered {response.status}", ""
            snapshot = await response.json()
        nonce = int(snapshot["microtimestamp"])
        if not await until(watched, lambda: watched.newest() >= nonce, 15):
            return f"no diff with stamp {nonce} or later came within 15 s", ""
        if nonce in watched.books:
            bids, asks = watched.books[nonce]
            trouble = difference("bid", snapshot["bids"], bids)
            trouble = trouble or difference("ask", snapshot["asks"], asks)
            return trouble, f"at {nonce}, {len(bids)} bids and {len(asks)} asks"
    return f"{LOOKS_PER_MOMENT} snapshots, none at a stamp that the diffs passed through", ""


def difference(side, told, held):
    """Where the levels told by HTTP and held by ccxt differ first."""
    if not told:
        return f"HTTP tells no {side}"
    told = [[float(price), float(amount)] for price, amount in told]
    for place, (ours, theirs) in enumerate(zip(told, held)):
        if ours != theirs:
            return f"{side} {place}: HTTP {ours}, ccxt {theirs}"
    if len(told) != len(held):
        return f"HTTP has {len(told)} {side}s, ccxt {len(held)}"
    return None


async def call(checks, name, awaitable, judge):
    """One HTTP call: it must not raise, and `judge` must find no trouble in its answer."""
    try:
        trouble = judge(await awaitable)
    except Exception as error:
        trouble = f"{type(error).__name__}: {error}"
    checks.tell(name, trouble)


def trouble_of_ticker(ticker):
    if not all(ticker[field] for field in ("last", "bid", "ask", "high", "low", "baseVolume")):
        return f"a field is missing or zero: {ticker['info']}"
    if ticker["bid"] >= ticker["ask"] or ticker["low"] > ticker["high"]:
        return f"bid and ask, or low and high, contradict: {ticker['info']}"
    return None


def trouble_of_candles(candles):
    if not candles:
        return "no candle"
    for _, open_, high, low, close, volume in candles:
        if not low <= min(open_, close) <= max(open_, close) <= high or volume < 0:
            return f"a candle contradicts itself: {[open_, high, low, close, volume]}"
    times = [candle[0] for candle in candles]
    if any(later <= earlier for earlier, later in zip(times, times[1:])):
        return "the candles are not in order of time"
    if any(at % 60_000 for at in times):
        return "a candle does not begin with its minute"
    return None


def trouble_of_trades(trades, market):
    if not trades:
        return "no trade"
    return next(filter(None, (trouble_of_trade(trade, market) for trade in trades)), None)


def trouble_of_book(book):
    if not book["bids"] or not book["asks"]:
        return "a side is empty"
    if book["bids"][0][0] >= book["asks"][0][0]:
        return f"crossed: {book['bids'][0]}, {book['asks'][0]}"
    return None if book["nonce"] else "no microtimestamp"


async def call_http_side(checks, client):
    """The public calls of a program that trades, while the watching goes on."""
    await call(
        checks,
        "fetch_tickers",
        client.fetch_tickers(),
        lambda tickers: next(
            (f"{market} is missing" for market in MARKETS if market not in tickers), None
        )
        or next(filter(None, (trouble_of_ticker(tickers[market]) for market in BUSY_MARKETS)), None),
    )
    for market in BUSY_MARKETS:
        await call(
            checks, f"fetch_ticker {market}", client.fetch_ticker(market), trouble_of_ticker
        )
        await call(
            checks,
            f"fetch_ohlcv {market} 1m",
            client.fetch_ohlcv(market, "1m", limit=100),
            trouble_of_candles,
        )
        await call(
            checks,
            f"fetch_trades {market}",
            client.fetch_trades(market),
            lambda trades, market=market: trouble_of_trades(trades, market),
        )
    for market in MARKETS:
        await call(
            checks, f"fetch_order_book {market}", client.fetch_order_book(market), trouble_of_book
        )


async def check_moments(checks, http, url, client, watched, moments, ends):
    """The ten comparisons, each at its time."""
    begins = time.monotonic()
    for share, market in moments:
        due = begins + share * max(0.0, ends - begins)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        trouble, told = await compare_book(http, url, client, market, watched[market])
        checks.tell(f"book of {market} equals HTTP's {told}".rstrip(), trouble)


async def run(url, seconds, seed):
    checks = Checks()
    draw = random.Random(seed)
    markets = MARKETS * (MOMENTS // len(MARKETS))
    draw.shuffle(markets)
    moments = list(zip(sorted(draw.random() for _ in markets), markets))
    print(f"seed {seed}: " + ", ".join(f"{share:.2f} {market}" for share, market in moments))

    client = make_client(url)
    http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
    tasks = {}
    try:
        try:
            listed = await client.load_markets()
        except Exception as error:
            checks.tell("load_markets", f"{type(error).__name__}: {error}")
            return checks
        missing = [market for market in MARKETS if market not in listed]
        checks.tell("load_markets", f"missing: {', '.join(missing)}" if missing else None)
        if missing:
            return checks

        ends = time.monotonic() + seconds
        watched = defaultdict(Watched)
        for market in MARKETS:
            for watch in (watch_book, watch_trades):
                task = asyncio.create_task(watch(client, market, watched[market]))
                tasks[task] = f"{watch.__name__} {market}"
        for market in MARKETS:
            ready = await until(watched[market], lambda w=watched[market]: w.books, READY_SECONDS)
            checks.tell(f"first book of {market}", None if ready else "none came in time")
            if not ready:
                return tell_watchers(checks, tasks, watched)

        comparing = check_moments(checks, http, url, client, watched, moments, ends - 2)
        await asyncio.gather(comparing, call_http_side(checks, client))
        await asyncio.sleep(max(0.0, ends - time.monotonic()))
        return tell_watchers(checks, tasks, watched)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await http.close()
        await client.close()


def tell_watchers(checks, tasks, watched):
    """What the watchers saw: one check each that it never raised, one that all was in order."""
    for task, name in tasks.items():
        error = task.exception() if task.done() and not task.cancelled() else None
        trouble = f"{type(error).__name__}: {error}" if error else None
        checks.tell(f"{name} never raised", trouble)
    for market, seen in watched.items():
        trouble = seen.troubles[0] if seen.troubles else None
        if trouble and len(seen.troubles) > 1:
            trouble += f" (and {len(seen.troubles) - 1} more)"
        if not trouble and market in BUSY_MARKETS and not seen.trades_seen:
            trouble = "no trade came"
        told = f"{seen.books_seen} books and {seen.trades_seen} trades of {market}"
        checks.tell(f"{told}, none crossed or out of order", trouble)
    return checks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help=f"the venue, http://HOST:PORT, or {OWN!r}")
    parser.add_argument("--seconds", type=float, default=60, help="how long to watch")
    parser.add_argument("--seed", type=int, default=7, help="draws the moments")
    arguments = parser.parse_args()
    if ccxt.__version__ != CCXT_VERSION:
        print(f"FAIL  ccxt {CCXT_VERSION} is pinned, {ccxt.__version__} is installed")
        return 1
    url = arguments.url.rstrip("/")
    checks = asyncio.run(run(url, arguments.seconds, arguments.seed))
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
