"""An account at ccxt's Bitstamp, its URLs set and nothing else, and what is heard of it beside."""

import asyncio
import json
from collections import defaultdict
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

from venue import PATIENCE, bitstamp_urls, until

MAKER_FEE, TAKER_FEE = Decimal("0.001"), Decimal("0.002")
# How finely money is counted: as a price times an amount can be. Fees are rounded up to that.
UNITS = {"USD": Decimal("1e-10"), "BTC": Decimal("1e-14")}
# How finely fees are told; what is finer is cut.
TOLD = {"USD": Decimal("1e-5"), "BTC": Decimal("1e-6")}


def client_of(kind, url, credentials):
    """A client with our URLs and somebody's key. Nothing else of it is touched."""
    client = kind({"apiKey": credentials["key"], "secret": credentials["secret"]})
    client.urls["api"] = bitstamp_urls(url)
    return client


class Desk:
    """One account at its client, and what is checked there."""

    def __init__(self, checks, client):
        self.checks = checks
        self.client = client

    async def do(self, name, *words, **named):
        """One call of the client, whether it is synchronous or not."""
        call = getattr(self.client, name)
        if asyncio.iscoroutinefunction(call):
            return await call(*words, **named)
        return await asyncio.to_thread(call, *words, **named)

    async def refused(self, name, exception, text, call, *words, **named):
        """A call that must raise exactly this exception, with this in its text."""
        try:
            answer = await self.do(call, *words, **named)
            trouble = f"it was done: {answer}"
        except Exception as error:
            trouble = None
            if type(error) is not exception:
                trouble = f"{type(error).__name__}: {error}"
            elif text not in str(error):
                trouble = f"no word of `{text}`: {error}"
            if self.client.secret and self.client.secret in str(error):
                trouble = f"it tells the secret: {error}"
        self.checks.tell(f"{name} raises {exception.__name__}", trouble)

    async def balances(self):
        """Free, used and total of each currency, as they are spelled."""
        raw = (await self.do("fetch_balance"))["info"]
        return {row["currency"].upper(): row for row in raw}

    async def place(self, *words, **named):
        """An order, and how it stands right after."""
        order = await self.do("create_order", *words, **named)
        return order, await self.do("fetch_order", order["id"], words[0])


class Watched:
    """What ccxt.pro told of orders and trades, in order. It keeps only the newest of each order."""

    def __init__(self, client):
        self.client = client
        self.orders = []
        self.trades = []
        self.troubles = []

    async def watch(self, symbol):
        """Both private channels of a market, for ever."""
        await asyncio.gather(
            self.follow(self.client.watch_orders, symbol, self.orders),
            self.follow(self.client.watch_my_trades, symbol, self.trades),
        )

    async def follow(self, call, symbol, kept):
        try:
            while True:
                kept.extend(dict(it) for it in await call(symbol))
        except Exception as error:
            self.troubles.append(f"{call.__name__}: {type(error).__name__}: {error}")

    def has_asked(self):
        """Whether both subscriptions have been sent."""
        return sum(len(it.subscriptions) for it in self.client.clients.values()) >= 2


class Frames:
    """A raw socket that keeps every frame of an account's channels."""

    def __init__(self, session, url):
        self.opening = session.ws_connect(bitstamp_urls(url)["ws"])
        self.told = defaultdict(list)
        self.beats = 0

    async def __aenter__(self):
        self.socket = await self.opening.__aenter__()
        self.reading = None
        return self

    async def __aexit__(self, *words):
        if self.reading:
            self.reading.cancel()
            await asyncio.gather(self.reading, return_exceptions=True)
        await self.opening.__aexit__(*words)

    async def subscribe(self, channel, token):
        data = {"channel": channel, "auth": token}
        await self.socket.send_str(json.dumps({"event": "bts:subscribe", "data": data}))
        return json.loads((await self.socket.receive(timeout=PATIENCE)).data)

    async def settle(self):
        """Waits for all that was told before. A second answer comes after what was told before the first."""
        for _ in range(2):
            beats = self.beats
            await self.socket.send_str('{"event":"bts:heartbeat"}')
            if not await until(lambda: self.beats > beats):
                raise RuntimeError("a heartbeat was not answered")

    def keep(self):
        self.reading = asyncio.create_task(self.read())

    async def read(self):
        async for message in self.socket:
            frame = json.loads(message.data)
            self.beats += frame["event"] == "bts:heartbeat"
            self.told[frame["channel"].rsplit("-", 1)[0].rsplit("_", 1)[0]].append(frame)


class Deal:
    """One trade of an account: what it did to base and quote, exactly, and what is wrong with how it was told."""

    def __init__(self, symbol, side, amount, price, fee):
        self.symbol = symbol
        self.base, self.quote = symbol.split("/")
        sign = 1 if side == "buy" else -1
        self.amount, self.price = sign * Decimal(amount), Decimal(price)
        self.value = self.amount * self.price
        self.fee, self.trouble = Decimal(0), f"fee {fee} of {self.value} {self.quote}"
        for rate in (MAKER_FEE, TAKER_FEE):
            exact = (abs(self.value) * rate).quantize(UNITS[self.quote], ROUND_CEILING)
            if exact.quantize(TOLD[self.quote], ROUND_DOWN) == Decimal(fee):
                self.fee, self.trouble = exact, None


async def part(checks, judging):
    """One part of the whole; what it does not expect to be raised is told, and the others go on."""
    try:
        return await judging
    except Exception as error:
        checks.tell(judging.__name__, f"{type(error).__name__}: {error}")


# What prices are multiples of.
TICKS = {"BTC/USD": Decimal("0.01"), "ETH/BTC": Decimal("0.000001")}


class Market:
    """The best prices of a market, and others that lie so far from them."""

    def __init__(self, symbol, bid, ask):
        self.symbol, self.bid, self.ask = symbol, bid, ask

    def near(self, price, factor):
        return float((price * Decimal(factor)).quantize(TICKS[self.symbol]))

    def below(self, factor):
        return self.near(self.bid, factor)

    def above(self, factor):
        return self.near(self.ask, factor)


async def market_of(desk, symbol):
    book = await desk.do("fetch_order_book", symbol)
    bid, ask = (Decimal(str(book[side][0][0])) for side in ("bids", "asks"))
    return Market(symbol, bid, ask)
