"""What `rialto record` and `rialto export` write, read by others: a capture by a reader that was written after
docs/captures.md alone, its tables by DuckDB.

usage: tables.py PATH_OF_RIALTO [--seconds 6]

A server with `--seed 7` is recorded in the words of Bitstamp. What DuckDB counts and adds up in the tables equals what the
frames of the capture say, and the books that the tables make are those that the frames make.
Exit code 0 when all passed, 1 otherwise.
"""

import argparse
import asyncio
import json
import struct
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import duckdb
import zstandard

from venue import Checks, said, serving, unlike

MARKETS = {"btcusd": "BTC-USD", "ethusd": "ETH-USD"}


def entries(folder):
    """The entries of a capture: kind, time, and what they say."""
    unpack = zstandard.ZstdDecompressor().decompress
    for segment in sorted(folder.glob("*.rec")):
        data = segment.read_bytes()
        magic, layout, _, length = struct.unpack_from("<8sHHI", data)
        if magic != b"RIALTREC" or layout != 1:
            raise ValueError(f"{segment} is no segment of layout 1")
        at = 16 + length + 4
        while at < len(data):
            magic, _, packed, unpacked, count = struct.unpack_from("<4sIIII", data, at)
            if magic != b"BLK\n":
                raise ValueError(f"{segment}: no block at {at}")
            body = unpack(data[at + 56 : at + 56 + packed], max_output_size=unpacked)
            at += 56 + packed
            place = 0
            for _ in range(count):
                kind, _, length, time, _ = struct.unpack_from("<BBIqQ", body, place)
                place += 22
                yield kind, time, body[place : place + length]
                place += length
            if place != len(body):
                raise ValueError(f"{segment}: a block has another length than its entries")


def market(name):
    """The name in the tables of the market that a channel or a page is about."""
    return MARKETS[name.rstrip("/").rsplit("_", 1)[-1].rsplit("/", 1)[-1]]


def change(books, of, data):
    """Sets the levels of both sides."""
    for name, side in [("bids", "bid"), ("asks", "ask")]:
        for price, amount in data[name]:
            book = books.setdefault((of, side), {})
            if Decimal(amount) == 0:
                book.pop(Decimal(price), None)
            else:
                book[Decimal(price)] = Decimal(amount)


def of_frames(folder):
    """Trades and, at the end, books, as the frames of a capture tell them."""
    trades, pages, diffs, books = {}, {}, [], {}
    for kind, _, what in entries(folder):
        if kind == 6:
            _, length = struct.unpack_from("<HH", what)
            path = what[4 : 4 + length].decode()
            if "order_book" in path:
                pages[market(path)] = json.loads(what[4 + length :])
        elif kind == 16:
            frame = json.loads(what)
            data = frame["data"]
            if frame["event"] == "trade":
                known = trades.setdefault(market(frame["channel"]), {})
                known[data["id"]] = (Decimal(data["price_str"]), Decimal(data["amount_str"]))
            elif frame["event"] == "data":
                diffs.append((market(frame["channel"]), data))
    for of, page in pages.items():
        change(books, of, page)
    for of, diff in diffs:
        if int(diff["microtimestamp"]) > int(pages[of]["microtimestamp"]):
            change(books, of, diff)
    return trades, books


def of_tables(folder):
    """The same, as DuckDB reads it from the tables."""
    ask = duckdb.connect()
    trades = {}
    for of, number, price, quantity in ask.execute(
        f"SELECT instrument, trade_id, price, quantity FROM '{folder}/trades.parquet'"
    ).fetchall():
        trades.setdefault(of, {})[number] = (price, quantity)
    books = {}
    last = (None, None)
    for of, word, snapshot, side, price, quantity in ask.execute(
        f"SELECT instrument, word, snapshot, side, price, quantity FROM '{folder}/l2.parquet'"
    ).fetchall():
        if snapshot and last != (of, word):
            books = {key: book for key, book in books.items() if key[0] != of}
        last = (of, word)
        book = books.setdefault((of, side), {})
        if quantity == 0:
            book.pop(price, None)
        else:
            book[price] = quantity
    return ask, trades, books


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=int, default=6)
    options = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        capture, tables = Path(folder) / "capture", Path(folder) / "tables"
        async with serving(options.binary, "--ephemeral", "--seed", "7") as url:
            socket = url.replace("http", "ws", 1) + "/bitstamp"
            lasts = f"{options.seconds}s"
            await said(options.binary, "record", socket, *MARKETS, "--out", str(capture), "--for", lasts)
        told = await said(options.binary, "export", str(capture), "--out", str(tables))
        trades, books = of_frames(capture)
        ask, read_trades, read_books = of_tables(tables)
        count = sum(map(len, trades.values()))
        checks.tell(f"{count} trades", unlike("what is read", read_trades, trades))
        checks.tell("there are some", None if count > 3 else "hardly any")
        checks.tell("the books at the end", None if read_books == books and len(books) == 4 else "they differ")
        checks.tell("what it said", None if f"{count} trades, " in told else told)
        total = sum(quantity for known in trades.values() for _, quantity in known.values())
        added = ask.execute(f"SELECT sum(volume), sum(trades) FROM '{tables}/candles.parquet'").fetchone()
        checks.tell("the candles add up", unlike("their sum", added, (total, count)))
        kinds = ask.execute(
            f"SELECT typeof(time), typeof(price), typeof(quantity) FROM '{tables}/trades.parquet' LIMIT 1"
        ).fetchone()
        exact = ("TIMESTAMP WITH TIME ZONE", "DECIMAL(38,2)", "DECIMAL(38,8)")
        checks.tell("no number is a float", unlike("a type", kinds, exact))
    return checks.end()


sys.exit(asyncio.run(main()))
