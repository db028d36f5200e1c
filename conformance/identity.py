"""Who may do what in a Bitstamp venue, as ccxt and a raw socket are told: keys, nonces and tokens."""

import asyncio
import json
import time

import aiohttp
import ccxt

from desk import Desk, Frames, client_of
from venue import PATIENCE, said, unlike

TOKEN_SECONDS = 60


async def enrol(binary, data, master, name, *words):
    told = await said(
        binary, "keys", "create", "--account", name, "--dialect", "bitstamp",
        "--data", data, "--master-key", master, "--json", *words,
    )
    account = json.loads(told)
    return account["bitstamp"] | {"user_id": account["user_id"]}


async def check_identity(checks, url, alice, bob, carol, dora):
    """Who may not, is told so, and nothing else."""
    wrong_secret = client_of(ccxt.bitstamp, url, {"key": alice["key"], "secret": bob["secret"]})
    await Desk(checks, wrong_secret).refused(
        "a wrong signature", ccxt.AuthenticationError, "invalid signature", "fetch_balance"
    )
    stranger = client_of(ccxt.bitstamp, url, {"key": alice["key"][::-1], "secret": alice["secret"]})
    await Desk(checks, stranger).refused(
        "an unknown key", ccxt.AuthenticationError, "API0001", "fetch_balance"
    )
    late = client_of(ccxt.bitstamp, url, alice)
    late.milliseconds = lambda: int(time.time() * 1000) - 300_000
    await Desk(checks, late).refused("a stale nonce", ccxt.ExchangeError, "API0017", "fetch_balance")
    again = client_of(ccxt.bitstamp, url, alice)
    nonce = again.uuid()
    again.uuid = lambda *_: nonce
    desk = Desk(checks, again)
    await desk.do("fetch_balance")
    await desk.refused("a replayed nonce", ccxt.InvalidNonce, "API0004", "fetch_balance")
    looks = Desk(checks, client_of(ccxt.bitstamp, url, dora))
    rows = await looks.balances()
    checks.tell("a key that only looks: sees its balances", None if rows else "none")
    buy = ("BTC/USD", "market", "buy", 0.01)
    await looks.refused("it trades and", ccxt.PermissionDenied, "API0003", "create_order", *buy)
    fresh = Desk(checks, client_of(ccxt.bitstamp, url, carol))
    await fresh.refused(
        "a new account without money", ccxt.InsufficientFunds, "You have only", "create_order", *buy
    )


async def token_of(desk):
    return (await desk.do("private_post_websockets_token"))["token"]


def trouble_of_refusal(answer):
    expected = {"code": 4009, "message": "Connection is unauthorized."}
    return unlike("answer", (answer["event"], answer["data"]), ("bts:error", expected))


async def check_tokens(checks, binary, data, session, url, alice, carol):
    mine, _ = (f"private-my_orders_btcusd-{it['user_id']}" for it in (alice, carol))
    alices, carols = (
        Desk(checks, client_of(ccxt.bitstamp, url, it)) for it in (alice, carol)
    )
    token = await token_of(carols)
    async with Frames(session, url) as socket:
        checks.tell("another's token", trouble_of_refusal(await socket.subscribe(mine, token)))
        checks.tell("no token", trouble_of_refusal(await socket.subscribe(mine, "")))
        answer = await socket.subscribe(mine, await token_of(alices))
        checks.tell("one's own token", unlike("event", answer["event"], "bts:subscription_succeeded"))

    async with Frames(session, url) as socket:
        channel = f"private-my_orders_btcusd-{carol['user_id']}"
        answer = await socket.subscribe(channel, token)
        checks.tell("a key's socket opens", unlike("event", answer["event"], "bts:subscription_succeeded"))
        await said(binary, "keys", "revoke", carol["key"], "--data", data)
        heard = []
        while (message := await socket.socket.receive(timeout=PATIENCE)).type == aiohttp.WSMsgType.TEXT:
            heard.append(message.data)
        closes = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)
        wrong = None if message.type in closes else f"{message} after {heard}"
        checks.tell(f"a revoked key's socket ends: {socket.socket.close_code} {heard}", wrong)
    await carols.refused("a revoked key", ccxt.AuthenticationError, "API0001", "fetch_balance")
    async with Frames(session, url) as socket:
        answer = await socket.subscribe(channel, token)
        checks.tell("a revoked key's token", trouble_of_refusal(answer))


async def check_end_of_keys(checks, url, session, erin):
    """Whoever revokes all keys is told which, and what they had opened ends."""
    desk = Desk(checks, client_of(ccxt.bitstamp, url, erin))
    async with Frames(session, url) as socket:
        channel = f"private-my_orders_btcusd-{erin['user_id']}"
        answer = await socket.subscribe(channel, await token_of(desk))
        checks.tell("her socket opens", unlike("event", answer["event"], "bts:subscription_succeeded"))
        told = await desk.do("private_post_revoke_all_api_keys")
        checks.tell("revoke_all_api_keys", unlike("answer", told, {"revoked_api_keys": [erin["key"]]}))
        message = await socket.socket.receive(timeout=PATIENCE)
        checks.tell("her socket ends", trouble_of_refusal(json.loads(message.data)))
    await desk.refused("a key that ended itself", ccxt.AuthenticationError, "API0001", "fetch_balance")


async def check_expiry(checks, session, url, alice):
    desk = Desk(checks, client_of(ccxt.bitstamp, url, alice))
    token = await token_of(desk)
    channel = f"private-my_orders_btcusd-{alice['user_id']}"
    async with Frames(session, url) as socket:
        await asyncio.sleep(TOKEN_SECONDS - 5)
        answer = await socket.subscribe(channel, token)
        checks.tell("a token before its end", unlike("event", answer["event"], "bts:subscription_succeeded"))
        await asyncio.sleep(6)
        checks.tell("an expired token", trouble_of_refusal(await socket.subscribe(channel, token)))
