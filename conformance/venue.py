"""What the scripts share: checks that are told as they are decided, a server that is started and ended, accounts."""

import asyncio
import contextlib
import json
import time
from urllib.parse import urlsplit

# Said instead of a URL: the hosts that a client has built in, which lead here as `rialto trust` has it.
OWN = "own"

START_SECONDS = 60
# How long what has to come is waited for, in seconds.
PATIENCE = 15


class Checks:
    """Named checks, each told as it is decided."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.about = ""

    @contextlib.contextmanager
    def of(self, whom):
        """All that is told meanwhile is told of this."""
        self.about = f"{whom}: "
        yield
        self.about = ""

    def tell(self, name, trouble=None):
        if trouble is None:
            self.passed += 1
            print(f"ok    {self.about}{name}")
        else:
            self.failed += 1
            print(f"FAIL  {self.about}{name}: {trouble}")

    def end(self):
        """The last line, and the exit code."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def unlike(name, came, expected):
    """What is wrong, if something is."""
    return None if came == expected else f"{name} is {came!r}, not {expected!r}"


def first(*troubles):
    """What is wrong, if any of these is."""
    return next((trouble for trouble in troubles if trouble), None)


async def until(condition):
    """Waits for what others do; whether they did."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.02)
    return True


def bitstamp_urls(url):
    """ccxt's `urls['api']` for a venue at this address."""
    socket = urlsplit(url)._replace(scheme="wss" if url.startswith("https") else "ws").geturl()
    return {
        "public": f"{url}/bitstamp/api",
        "private": f"{url}/bitstamp/api",
        "ws": f"{socket}/bitstamp",
    }


async def said(binary, *words):
    """What a command of the binary prints."""
    command = await asyncio.create_subprocess_exec(
        binary, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await command.communicate()
    if command.returncode != 0:
        raise RuntimeError(f"rialto {' '.join(words)}: {err.decode().strip()}")
    return out.decode()


async def accounts(binary):
    """The demo's accounts with their credentials, by name."""
    told = json.loads(await said(binary, "keys", "demo", "--json"))
    return {account["name"]: account for account in told["accounts"]}


@contextlib.asynccontextmanager
async def serving(binary, *words):
    """A server on a free port, as long as it is needed: the URL it listens on."""
    server = await asyncio.create_subprocess_exec(
        binary,
        "serve",
        "--listen",
        "127.0.0.1:0",
        *([] if "--data" in words or "--ephemeral" in words else ["--ephemeral"]),
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        while line := await asyncio.wait_for(server.stdout.readline(), START_SECONDS):
            if line.startswith(b"listening on "):
                yield line.split()[-1].decode().rstrip("/")
                return
        raise RuntimeError("the server ended before it listened")
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.kill()
        await server.wait()
