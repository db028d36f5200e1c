"""README and the pages of the book, done as a reader does them: every command and every program on them is run.

usage: book.py PATH_OF_RIALTO --cryptofeed PYTHON

Each page is done in a folder of its own, its blocks in their order. A comment before a block says what it is:

    <!-- file NAME -->      a program: it is written down under that name
    <!-- serve -->          a command that stays: a venue; the one before is asked to end first
    <!-- stop -->           the venue is asked to end before this block
    <!-- script -->         its lines belong together and are run as one
    <!-- prints PATTERN --> what the block has to print
    <!-- until PATTERN -->  a program that goes on: it is run until it prints this

A block of shell is run line by line; each line has to end with 0 and say something, unless it is one that says nothing. What is installed on a page has to
be pinned here. `cargo run --release` is the binary that is given. Ports are others than those on the pages, so that nothing is in the way.
What has another language than these, or none, is only shown. Exit code 0 when all passed, 1 otherwise. NODE_PATH leads to the npm folder.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from venue import Checks

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs"))
import outside

PROJECT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "docs/start-bot.md", "docs/start-gateway.md", "docs/start-operator.md"]
# Pages that begin where the demo runs already.
WITH_DEMO = [f"docs/{name}.md" for name in ("bitstamp", "xrocket", "timex", "confluencecode", "finazon", "native-api", "watch")]
# The languages of what is run.
RUN = ("sh", "python", "javascript")
# What other tests do: `console.js` is driven after the bundle is made, `tables.py` makes a capture and reads its tables.
ELSEWHERE = {"docs/console.md", "docs/captures.md"}
# How long a command may take, in seconds.
PATIENCE = 90
# How many commands and programs the pages have at least: a page that is not understood is no page without faults.
COMMANDS_MIN = 45
# Commands that say nothing when all is well.
SILENT = ("cp ",)


def blocks(page):
    """What is fenced on a page: language, text, what the comments before it say, and the line."""
    notes, inside = {}, None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if inside is not None:
            if line.startswith("```"):
                yield inside[0], "\n".join(inside[1]) + "\n", notes, inside[2]
                notes, inside = {}, None
            else:
                inside[1].append(line)
        elif line.startswith("```"):
            inside = (line[3:].strip(), [], number)
        elif note := re.fullmatch(r"<!-- (file|serve|stop|script|prints|until)(?: (.*))? -->", line):
            notes[note[1]] = note[2] or ""
        elif line.strip():
            if notes:
                raise ValueError(f"{page.name}: nothing follows the comment before line {number}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Reader:
    """Somebody who does what a page says."""

    def __init__(self, folder, rialto, cryptofeed):
        self.folder = folder
        self.cryptofeed = cryptofeed
        self.venue = None
        self.log = None
        # What scripts have set, for those behind them.
        self.set = ""
        self.plain, self.encrypted = free_port(), free_port()
        # A clone of the project is a folder in which these are.
        for name in ("deploy", "crates"):
            (folder / name).symlink_to(PROJECT / name)
        tools = folder / "tools"
        tools.mkdir()
        (tools / "rialto").symlink_to(rialto)
        # A link would lose what is installed beside the interpreter.
        (tools / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (tools / "python3").chmod(0o755)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RIALTO_")},
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }

    def placed(self, text):
        """The text with our ports for those of the pages."""
        text = re.sub(r"\b127\.0\.0\.1:8080\b", f"127.0.0.1:{self.plain}", text)
        return re.sub(r"\blocalhost:8443\b", f"localhost:{self.encrypted}", text)

    def write(self, name, text):
        (self.folder / name).write_text(self.placed(text))

    def installs(self, line):
        """Whether a line installs something; the error is that it is not pinned here."""
        words = line.removeprefix("venv/bin/").split()
        if words[:2] == ["pip", "install"]:
            pins = "".join(pins.read_text() for pins in PROJECT.glob("conformance/requirements*.txt"))
            wrong = [name for name in words[2:] if f"\n{name}==" not in pins]
        elif words[:2] == ["npm", "install"]:
            pins = (PROJECT / "conformance/package.json").read_text()
            wrong = [name for name in words[2:] if f'"{name}": "' not in pins]
        elif words[:3] == ["cargo", "install", "--path"]:
            wrong = [] if (PROJECT / words[3] / "Cargo.toml").exists() and words[4:] == ["--locked"] else words[3:]
        elif words == ["python3", "-m", "venv", "venv"]:
            # All that may be installed is where the tests have it.
            (self.folder / "venv/bin").mkdir(parents=True)
            (self.folder / "venv/bin/python").symlink_to(self.folder / "tools/python3")
            wrong = []
        else:
            return False
        if wrong:
            raise ValueError(f"{wrong} is not what the tests install")
        return True

    def command(self, line):
        """The line as it is run here."""
        line = re.sub(r"^cargo run --release --", "rialto", self.placed(line))
        line = re.sub(r"^cargo run --release", "rialto serve", line)
        line = re.sub(r"\s+# .*$", "", line)
        if words := re.search(r"\bpython3 (\w+\.py)\b", line):
            if "cryptofeed" in (self.folder / words[1]).read_text():
                line = line.replace("python3", str(self.cryptofeed))
        return line

    def script(self, text):
        """What several lines print that belong together."""
        said = self.run(self.set + text)
        self.set += "".join(f"{line}\n" for line in text.splitlines() if re.match(r"\w+=", line))
        return said

    def until(self, text, pattern):
        """Runs a program until it prints something of this form."""
        program = self.folder / "program.py"
        self.write(program.name, text)
        log = self.folder / "program.log"
        with log.open("wb") as out:
            running = subprocess.Popen(
                [sys.executable, program], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        try:
            end = time.monotonic() + PATIENCE
            while not re.search(pattern, said := log.read_text(errors="replace"), re.MULTILINE):
                if running.poll() is not None or time.monotonic() > end:
                    raise ValueError(f"it does not print {pattern}: {said[-1500:]}")
                time.sleep(0.1)
        finally:
            running.kill()
            running.wait()

    def run(self, line):
        """What a command prints."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", self.command(line)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
        said = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            raise ValueError(f"it ends with {done.returncode}: {said[-1500:]}")
        if not said.strip() and not line.startswith(SILENT):
            raise ValueError("it says nothing")
        return said

    def serve(self, line):
        self.stop()
        line = f"exec {self.command(line)} --listen 127.0.0.1:{self.plain}"
        if "--tls-" in line:
            line += f" --tls-listen 127.0.0.1:{self.encrypted}"
        self.log = self.folder / "venue.log"
        with self.log.open("wb") as log:
            self.venue = subprocess.Popen(
                ["bash", "-c", line], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + PATIENCE
        while not re.search(r"^listening on ", self.log.read_text(), re.MULTILINE):
            if self.venue.poll() is not None or time.monotonic() > end:
                raise ValueError(f"it does not listen: {self.log.read_text()[-1500:]}")
            time.sleep(0.05)
        return self.log.read_text()

    def stop(self):
        """Asks the venue to end, as Ctrl-C does."""
        if self.venue is None:
            return
        self.venue.send_signal(signal.SIGINT)
        code = self.venue.wait(PATIENCE)
        self.venue = None
        if code != 0:
            raise ValueError(f"the venue ended with {code}: {self.log.read_text()[-1500:]}")

    def end(self):
        if self.venue is not None:
            self.venue.kill()
            self.venue.wait()


def do(page, reader, checks):
    """Does a page. How many commands and programs it has."""
    count = 0
    for language, text, notes, number in blocks(page):
        if language not in RUN and not notes:
            continue
        name = f"line {number}: {text.splitlines()[0]}"
        count += 1
        try:
            if "stop" in notes:
                reader.stop()
            if "until" in notes:
                reader.until(text, notes["until"])
                checks.tell(name)
                continue
            if language in ("python", "javascript"):
                if not notes.get("file"):
                    raise ValueError("a program without a name is not run")
                reader.write(notes["file"], text)
                continue
            if language != "sh":
                raise ValueError(f"nobody knows what to do with {language or 'no language'!r}")
            said = ""
            if "script" in notes:
                said = reader.script(text)
            for line in [] if "script" in notes else text.splitlines():
                if reader.installs(line):
                    continue
                said += reader.serve(line) if "serve" in notes else reader.run(line)
                # What a venue says one may try is tried.
                for tried in re.findall(r"^ccxt: (.*)$", said, re.MULTILINE) if "serve" in notes else []:
                    price = reader.run(tried)
                    if not re.search(r"^\[\d+\.?\d*, [\d.]+\]$", price, re.MULTILINE):
                        raise ValueError(f"{tried} prints {price}")
            pattern = notes.get("prints")
            if pattern and not re.search(pattern, said, re.MULTILINE):
                raise ValueError(f"it does not print {pattern}: {said[-1500:]}")
            checks.tell(name)
        except (OSError, ValueError, subprocess.TimeoutExpired) as trouble:
            checks.tell(name, trouble)
    try:
        reader.stop()
    except (ValueError, subprocess.TimeoutExpired) as trouble:
        checks.tell("the end", trouble)
    return count


def check_outside():
    """What mdBook is given of all pages: whatever leads out of docs/ is named, and all else stays a link."""
    docs = PROJECT / "docs"
    pages = sorted(docs.rglob("*.md"))
    chapters = [
        {"Chapter": {"content": page.read_text(), "path": str(page.relative_to(docs)), "sub_items": []}} for page in pages
    ]
    given = json.dumps([{}, {"items": chapters}])
    done = subprocess.run([sys.executable, docs / "outside.py"], input=given, capture_output=True, text=True, check=True)
    links = lambda items: [
        (it["Chapter"]["path"], link[2]) for it in items for link in outside.LINK.finditer(it["Chapter"]["content"])
    ]
    before, after = links(chapters), links(json.loads(done.stdout)["items"])
    leads_out = lambda link: outside.outside(os.path.dirname(link[0]), link[1]) is not None
    if not any(map(leads_out, before)) or any(map(leads_out, after)):
        raise ValueError(f"of {sum(map(leads_out, before))} links out of docs/ {sum(map(leads_out, after))} are left")
    if after != [link for link in before if not leads_out(link)]:
        raise ValueError("other links are not what they were")


def main():
    words = argparse.ArgumentParser()
    words.add_argument("rialto", type=Path)
    words.add_argument("--cryptofeed", type=Path, required=True)
    words = words.parse_args()
    checks = Checks()
    count = 0
    for name in PAGES + WITH_DEMO:
        folder = Path(tempfile.mkdtemp(prefix="rialto-book-"))
        reader = Reader(folder, words.rialto.resolve(), words.cryptofeed.absolute())
        try:
            with checks.of(name):
                if name in WITH_DEMO:
                    reader.serve("rialto serve --ephemeral --seed 7")
                count += do(PROJECT / name, reader, checks)
        finally:
            reader.end()
            shutil.rmtree(folder)
    with checks.of("the site"):
        try:
            check_outside()
            checks.tell("what leads out of docs/ is named")
        except (OSError, ValueError, subprocess.CalledProcessError) as trouble:
            checks.tell("what leads out of docs/ is named", trouble)
    pages = {str(page.relative_to(PROJECT)) for page in (PROJECT / "docs").rglob("*.md")}
    done = set(PAGES) | set(WITH_DEMO) | ELSEWHERE
    undone = [name for name in sorted(pages - done) if any(it[0] in RUN for it in blocks(PROJECT / name))]
    checks.tell("no page has commands that nobody runs", undone or None)
    checks.tell(f"{count} blocks were done", None if count >= COMMANDS_MIN else f"not {COMMANDS_MIN}")
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
