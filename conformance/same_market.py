"""The same seed and clock give the same market, byte for byte: two runs of the server, watched over sockets.

usage: same_market.py PATH_OF_RIALTO [--seconds 6]

Both runs start a server with `--seed 7 --clock 2026-01-05T09:00:00Z@5` and watch five channels. The frames of
each channel, from the first that both runs told, must be equal, frame by frame; another seed must give others.
Exit code 0 when all passed, 1 otherwise.
"""

import argparse
import asyncio
import json
import sys

import aiohttp

from venue import serving

CHANNELS = [
    "live_trades_btcusd",
    "live_orders_ethusd",
    "diff_order_book_btcusd",
    "order_book_btcusdt",
    "detail_order_book_ethbtc",
]
# Fewer frames than this of a channel in common prove nothing.
FRAMES_MIN = 20


async def watched(binary, seed, seconds):
    """The frames of each channel, as they came within so many seconds."""
    frames = {channel: [] for channel in CHANNELS}
    words = ["--ephemeral", "--seed", str(seed), "--clock", "2026-01-05T09:00:00Z@5"]
    async with serving(binary, *words) as url:
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url.replace("http", "ws", 1) + "/bitstamp") as socket:
                for channel in CHANNELS:
                    subscribe = {"event": "bts:subscribe", "data": {"channel": channel}}
                    await socket.send_str(json.dumps(subscribe))
                end = asyncio.get_running_loop().time() + seconds
                while (left := end - asyncio.get_running_loop().time()) > 0:
                    message = await socket.receive(timeout=left + 5)
                    frame = json.loads(message.data)
                    if not frame["event"].startswith("bts:"):
                        frames[frame["channel"]].append(message.data)
    return frames


def in_common(first, second):
    """Both lists from the first frame that both have, cut to the same length."""
    of_second = {frame: place for place, frame in reversed(list(enumerate(second)))}
    for place, frame in enumerate(first):
        if frame in of_second:
            first, second = first[place:], second[of_second[frame] :]
            length = min(len(first), len(second))
            return first[:length], second[:length]
    return [], []


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=6)
    options = parser.parse_args()
    first = await watched(options.binary, 7, options.seconds)
    second = await watched(options.binary, 7, options.seconds)
    other = await watched(options.binary, 8, options.seconds)
    failed = 0
    for channel in CHANNELS:
        one, two = in_common(first[channel], second[channel])
        if len(one) < FRAMES_MIN:
            verdict = f"only {len(one)} frames in common of {len(first[channel])} and {len(second[channel])}"
        elif one != two:
            place = next(place for place, pair in enumerate(zip(one, two)) if pair[0] != pair[1])
            verdict = f"frame {place} differs:\n  {one[place]}\n  {two[place]}"
        elif set(first[channel]) & set(other[channel]):
            verdict = "another seed told a frame of this one"
        else:
            print(f"ok    {channel}: {len(one)} frames, the same in both runs")
            continue
        failed += 1
        print(f"FAILED {channel}: {verdict}")
    print(f"{len(CHANNELS) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
