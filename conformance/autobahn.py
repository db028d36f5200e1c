"""The Autobahn cases for RFC 6455 against an echo endpoint, driven by kosoku.

usage: autobahn.py ws://127.0.0.1:9001 [--long] [--reports FOLDER]
       autobahn.py wss://127.0.0.1:9001 --trust ca.pem [--long] [--reports FOLDER]

kosoku speaks no TLS: for wss:// its lines go through a relay in this process, which encrypts them by OpenSSL and
trusts nobody but who is named.

Sections 1 to 7 and 10 (247 cases); with --long sections 9 (large messages), 12 and 13 (compression) too. Of 13 we decline
what asks for a window of ours of nine bits (13.3 and 13.5): there Autobahn's verdict is UNIMPLEMENTED. A case passes when
its verdict is OK, NON-STRICT or INFORMATIONAL and its closing handshake is OK or INFORMATIONAL,
which is Autobahn's own rule. Exit code 0 when all passed, 1 otherwise.
"""

import argparse
import asyncio
import os
import ssl
import sys
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import kosoku
from kosoku._report import write_reports

# Section -> how many cases it has; a case that did not run has not passed.
SECTIONS = {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "10": 1}
LONG_SECTIONS = {"9": 54, "12": 90, "13": 126}
# What is declined: our frames are compressed once for all, with the largest window.
DECLINED = ("13.3.", "13.5.")


async def run(address, sections):
    """Every case of the sections; a failure among them is not an exception for us."""
    include = [f"{section}.*" for section in sections]
    try:
        return await kosoku.run_fuzzingclient(
            address, include, None, concurrency=min(4, os.cpu_count() or 1)
        )
    except kosoku.FailureError as failure:
        return failure.results


class Relay:
    """Takes lines in the clear and leads each, encrypted, to an endpoint. What one end says last, the other end hears
    last."""

    def __init__(self, url, trust):
        self.host, self.port = url.hostname, url.port
        self.trust = ssl.create_default_context(cafile=trust)
        self.address = None
        self.lines = 0
        # Nobody else holds on to a line that is being led, and it could be collected under way.
        self.led = set()
        self.begun = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True).start()
        self.begun.wait()

    async def serve(self):
        server = await asyncio.start_server(self.lead, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        self.begun.set()
        await server.serve_forever()

    async def lead(self, reader, writer):
        self.led.add(asyncio.current_task())
        try:
            far_reader, far_writer = await asyncio.open_connection(
                self.host, self.port, ssl=self.trust
            )
            self.lines += 1
            await asyncio.gather(self.pour(reader, far_writer), self.pour(far_reader, writer))
        except (OSError, ssl.SSLError) as error:
            print(f"relay: {type(error).__name__}: {error}", file=sys.stderr)
            writer.close()
        finally:
            self.led.discard(asyncio.current_task())

    async def pour(self, reader, writer):
        try:
            while some := await reader.read(1 << 16):
                writer.write(some)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            # Many cases end with a line that is cut.
            pass
        finally:
            writer.close()


def is_passed(result):
    if result.case_id.startswith(DECLINED):
        return result.behavior.value == "UNIMPLEMENTED"
    return result.behavior.value in ("OK", "NON-STRICT", "INFORMATIONAL") and (
        result.behavior_close.value in ("OK", "INFORMATIONAL")
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="the echo endpoint, ws://HOST:PORT or wss://HOST:PORT")
    parser.add_argument("--trust", help="for wss://, the authority to be trusted, as PEM")
    parser.add_argument("--long", action="store_true", help="sections 9, 12 and 13 too")
    parser.add_argument("--reports", type=Path, help="folder for the HTML reports")
    arguments = parser.parse_args()

    url = urlsplit(arguments.url)
    relay = Relay(url, arguments.trust) if url.scheme == "wss" else None
    address = relay.address if relay else url.netloc
    sections = SECTIONS | (LONG_SECTIONS if arguments.long else {})
    results = asyncio.run(run(address, sections))

    if arguments.reports:
        arguments.reports.mkdir(parents=True, exist_ok=True)
        write_reports(results, str(arguments.reports))
        print(f"reports: {arguments.reports / 'index.html'}")

    missing = 0
    for section, cases in sections.items():
        of_section = [r for r in results if r.case_id.split(".")[0] == section]
        verdicts = Counter(result.behavior.value for result in of_section)
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
        print(f"section {section:>2}: {len(of_section):>3} cases: {told}")
        if len(of_section) != cases:
            print(f"FAIL section {section} has {cases} cases")
            missing += max(1, cases - len(of_section))
    failures = [result for result in results if not is_passed(result)]
    for result in failures:
        print(
            f"FAIL case {result.case_id}: {result.behavior.value}, "
            f"closing {result.behavior_close.value}"
        )
    if relay and relay.lines < len(results):
        print(f"FAIL only {relay.lines} lines were encrypted for {len(results)} cases")
        missing += 1
    failed = len(failures) + missing
    print(f"{len(results) - len(failures)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    code = main()
    # Everything is judged and told. Taken down as usual, the interpreter aborts in some runs, in native
    # code below kosoku, and the verdict would be lost.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
