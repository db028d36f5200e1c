"""cryptofeed's Bitstamp, unmodified, with the hosts that it has built in, watches a venue.

usage: SSL_CERT_FILE=ca.pem cryptofeed_bitstamp.py [--seconds 12]

It has no setting for its hosts: they lead to a venue of ours by the machine's file of hosts, and are believed by
SSL_CERT_FILE. It fetches the symbols and a snapshot of each book over https, and trades, diffs and orders over wss. Exit
code 0 when all checks passed, 1 otherwise.
"""

import argparse
import asyncio
import sys
from collections import Counter
from importlib.metadata import version

from cryptofeed import FeedHandler
from cryptofeed.defines import L2_BOOK, L3_BOOK, TRADES
from cryptofeed.exchanges import Bitstamp

VERSION = "2.4.1"
SYMBOLS = ["BTC-USD", "ETH-USD"]
# It asks for the snapshots of its books five seconds after it has subscribed.
SNAPSHOT_SECONDS = 5


class Watched:
    """What was heard, by channel and symbol."""

    def __init__(self):
        self.trades, self.diffs, self.snapshots, self.details = (Counter() for _ in range(4))
        self.last_ids = {}
        self.troubles = []

    async def trade(self, trade, _):
        self.trades[trade.symbol] += 1
        number = int(trade.id)
        if number <= self.last_ids.get(trade.symbol, 0):
            self.troubles.append(f"trade {number} of {trade.symbol} is not after the one before")
        self.last_ids[trade.symbol] = number
        if trade.side not in ("buy", "sell") or trade.amount <= 0 or trade.price <= 0:
            self.troubles.append(f"a trade that is none: {trade}")

    async def book(self, book, _):
        # A snapshot comes whole, without what has changed.
        (self.snapshots if book.delta is None else self.diffs)[book.symbol] += 1

    async def detail(self, book, _):
        self.details[book.symbol] += 1
        bids, asks = book.book.bids, book.book.asks
        if not len(bids) or not len(asks):
            self.troubles.append(f"an empty side of {book.symbol}")
        elif bids.index(0)[0] >= asks.index(0)[0]:
            self.troubles.append(f"a crossed book of {book.symbol}")


def listen(seconds):
    """Runs the client for so long; returns what it heard."""
    watched = Watched()
    feed = Bitstamp(
        symbols=SYMBOLS,
        channels=[TRADES, L2_BOOK, L3_BOOK],
        callbacks={TRADES: watched.trade, L2_BOOK: watched.book, L3_BOOK: watched.detail},
    )
    handler = FeedHandler(config={"log": {"disabled": True}, "uvloop": False})
    handler.add_feed(feed)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    handler.run(start_loop=False, install_signal_handlers=False)
    loop.run_until_complete(asyncio.sleep(seconds))
    handler.stop(loop=loop)
    return watched


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SNAPSHOT_SECONDS + 7)
    words = parser.parse_args()
    passed = failed = 0

    def tell(name, trouble=None):
        nonlocal passed, failed
        passed, failed = passed + (not trouble), failed + bool(trouble)
        print(f"FAIL  {name}: {trouble}" if trouble else f"ok    {name}")

    installed = version("cryptofeed")
    tell("the pinned cryptofeed", None if installed == VERSION else f"it is {installed}")
    try:
        watched = listen(words.seconds)
    except Exception as error:
        tell("it runs", f"{type(error).__name__}: {error}")
    else:
        for symbol in SYMBOLS:
            for what, heard in [
                ("trades", watched.trades),
                ("diffs", watched.diffs),
                ("snapshots", watched.snapshots),
                ("detailed books", watched.details),
            ]:
                count = heard[symbol]
                tell(f"{count} {what} of {symbol}", None if count else "none came")
        tell("all in order", watched.troubles[0] if watched.troubles else None)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
