"""`rialto trust` and `rialto untrust` before clients that insist on wss:// and on the hosts that they have built in.

usage: trust.py PATH_OF_RIALTO PATH_OF_CRYPTOFEEDS_PYTHON PATH_OF_CCXT_TIMEX_PYTHON

All of it happens in namespaces of this process: a network of its own, which leads nowhere else and has a free port 443,
and mounts of its own, so that /etc and /usr/local/share are copies. The machine's own file of hosts and authorities are
not touched. Where the system allows no such namespaces, that is said and only the folder is judged.

First as it is printed: the lines are written into the file of hosts, and each client is told by its variable whom to
trust. Then `--install`, and who uses the system's authorities trusts without being told. Then `untrust`, after which
every file is what it was. Exit code 0 when all checks passed, 1 otherwise.
"""

import argparse
import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from venue import START_SECONDS, Checks, unlike  # noqa: E402

INSIDE = "RIALTO_TRUST_INSIDE"
NAMESPACES = ["unshare", "--mount", "--net", "--propagation", "private"]
# What is judged to be as it was, and what the system's own tools write to beside.
JUDGED = ["/etc", "/usr/local/share"]
COPIED = [*JUDGED, "/var/lib/dpkg", "/var/lib/ca-certificates-java"]
# Java's own list of authorities has the time of each; what it holds is told by a tool of its own.
JAVA = Path("/etc/ssl/certs/java/cacerts")
HOSTS = Path("/etc/hosts")
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
PORT = 443
CLIENT_SECONDS = 180


def enters():
    """The words that begin a process in namespaces of its own, if the system allows that."""
    for more in ([], ["--user", "--map-root-user"]):
        words = [*NAMESPACES, *more]
        with contextlib.suppress(FileNotFoundError):
            if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
                return words
    return None


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def build_sandbox(work):
    """A network with nothing but loopback, and copies of what is changed. Nobody outside sees either."""
    run("ip", "link", "set", "lo", "up")
    for folder in filter(os.path.isdir, COPIED):
        copy = work / folder.strip("/").replace("/", "-")
        # What belongs to others cannot be read in a namespace of one user; nothing of it is needed.
        subprocess.run(["cp", "--archive", folder, copy], capture_output=True, check=False)
        run("mount", "--bind", copy, folder)


def files(*folders):
    """Every file below these folders, with what it holds, its kind and its mode."""
    found = {}
    for folder in folders:
        for path in [Path(folder), *Path(folder).rglob("*")]:
            mode = path.lstat().st_mode
            if path == JAVA:
                holds = authorities_of_java()
            elif stat.S_ISLNK(mode):
                holds = os.readlink(path)
            elif stat.S_ISREG(mode):
                holds = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                holds = ""
            found[str(path)] = (mode, holds)
    return found


def authorities_of_java():
    """Whom Java trusts, by name and certificate; as it is where there is nobody to read it."""
    if not shutil.which("keytool"):
        return hashlib.sha256(JAVA.read_bytes()).hexdigest()
    said = run("keytool", "-list", "-rfc", "-keystore", str(JAVA), "-storepass", "changeit")
    return "\n".join(line for line in said.splitlines() if not line.startswith("Creation date"))


def difference(before, after):
    paths = sorted(set(before) | set(after))
    changed = [path for path in paths if before.get(path) != after.get(path)]
    return f"{len(changed)} files differ: {', '.join(changed[:8])}" if changed else None


def shakes_hands(name, trust=None):
    """None if a client of the system's OpenSSL believes that this machine is `name`; else why not."""
    context = ssl.create_default_context(cafile=trust)
    try:
        with socket.create_connection((name, PORT), timeout=10) as line:
            with context.wrap_socket(line, server_hostname=name):
                return None
    except (OSError, ssl.SSLError) as error:
        return f"{type(error).__name__}: {error}"


def answers(name, path, trust):
    """What is answered over HTTPS: status and the first of the body."""
    context = ssl.create_default_context(cafile=trust)
    with socket.create_connection((name, PORT), timeout=10) as line:
        with context.wrap_socket(line, server_hostname=name) as line:
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while some := line.recv(1 << 16):
                answer += some
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b" ")[1].decode(), body.decode()


class Server:
    """A venue at port 443 under a certificate, with an ephemeral market."""

    def __init__(self, binary, folder):
        words = ["serve", "--ephemeral", "--seed", "7", "--listen", "127.0.0.1:0"]
        words += ["--tls-certificate", folder / "certificate.pem", "--tls-key", folder / "key.pem"]
        words += ["--tls-listen", f"127.0.0.1:{PORT}"]
        self.process = subprocess.Popen(
            [binary, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self):
        signal.alarm(START_SECONDS)
        for line in self.process.stdout:
            if line.startswith("listening on "):
                signal.alarm(0)
                return self
        raise RuntimeError("the server ended before it listened")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def run_client(checks, name, words, variables):
    """A client's own script; what it judged counts here."""
    print(f"      {name}")
    try:
        ran = subprocess.run(
            [str(word) for word in words],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CLIENT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        checks.tell(name, f"it was stopped after {CLIENT_SECONDS} s")
        return
    lines = ran.stdout.splitlines()
    print("\n".join(f"      {line}" for line in lines))
    told = re.fullmatch(r"(\d+) passed, (\d+) failed", lines[-1]) if lines else None
    if not told or (ran.returncode != 0) != (told[2] != "0") or told[1] == "0":
        checks.tell(name, f"it ended with {ran.returncode} and said {lines[-1:]}")
        return
    checks.passed += int(told[1])
    checks.failed += int(told[2])


def judge_folder(checks, binary, work):
    """What needs no namespace: the folder, and its end."""
    folder = work / "folder"
    said = run(binary, "trust", "--dir", folder, "--root", work / "none")
    names = sorted(path.name for path in folder.iterdir())
    checks.tell("trust makes three files", unlike("they", names, ["ca.pem", "certificate.pem", "key.pem"]))
    mode = stat.S_IMODE((folder / "key.pem").stat().st_mode)
    checks.tell("the key is its owner's alone", unlike("its mode", oct(mode), "0o600"))
    lines = [line for line in said.splitlines() if re.match(r"127\.0\.0\.1 \S+$", line)]
    checks.tell("it prints the lines for the file of hosts", None if len(lines) == 8 else said)
    run(binary, "untrust", "--dir", folder, "--root", work / "none")
    checks.tell("untrust takes the folder back", "it is there" if folder.exists() else None)


def clients(words, folder):
    """Each client that has its hosts built in: its name, how it is run, and by which variables it is told whom to
    trust."""
    ca = folder / "ca.pem"
    openssl, requests = {"SSL_CERT_FILE": str(ca)}, {"REQUESTS_CA_BUNDLE": str(ca)}
    scripts = HERE.parent
    return [
        ("cryptofeed", [words.cryptofeed, HERE / "cryptofeed_bitstamp.py"], openssl | requests),
        (
            "ccxt.pro",
            [sys.executable, scripts / "ccxt_pro_bitstamp.py", "own", "--seconds", "15"],
            openssl,
        ),
        ("ccxt (TimeX)", [words.ccxt_timex, scripts / "ccxt_timex.py", words.binary, "--own"], requests),
        (
            "node-bitstamp",
            ["node", scripts / "node_bitstamp.js", "own"],
            {"NODE_EXTRA_CA_CERTS": str(ca)},
        ),
    ]


def judge_printed(checks, words, work):
    """What is printed, done by hand."""
    folder = work / "printed"
    before = HOSTS.read_bytes()
    said = run(words.binary, "trust", "--dir", folder)
    checks.tell("trust touches no file of hosts", unlike("it", HOSTS.read_bytes(), before))
    block = re.search(r"^# begin rialto trust.*?^# end rialto trust\n", said, re.M | re.S)[0]
    HOSTS.write_bytes(before + block.encode())
    hosts = re.findall(r"^127\.0\.0\.1 (\S+)$", block, re.M)
    with Server(words.binary, folder):
        refused = shakes_hands("ws.bitstamp.net")
        trouble = None if "CERTIFICATE_VERIFY_FAILED" in (refused or "") else f"it ended as {refused}"
        checks.tell("who was not told whom to trust refuses", trouble)
        for host in hosts:
            checks.tell(f"{host} is believed", shakes_hands(host, folder / "ca.pem"))
        for name, command, variables in clients(words, folder):
            run_client(checks, name, command, variables)
    run(words.binary, "untrust", "--dir", folder)
    checks.tell("untrust takes by-hand lines back too", unlike("the file of hosts", HOSTS.read_bytes(), before))
    checks.tell("untrust takes the folder back", "it is there" if folder.exists() else None)


def judge_installed(checks, words, work):
    """What is installed, and that nothing of it is left."""
    # A system whose authorities were never read again since is not told apart from what we change.
    run("update-ca-certificates", "--fresh")
    before = files(*JUDGED)
    folder = work / "installed"
    run(words.binary, "trust", "--dir", folder, "--install")
    with Server(words.binary, folder):
        for host in ("ws.bitstamp.net", "plasma-relay-backend.timex.io"):
            checks.tell(f"{host} is believed by the system", shakes_hands(host, SYSTEM))
        if JAVA.exists() and shutil.which("keytool"):
            believed = "rialto" in authorities_of_java().lower()
            checks.tell("Java believes it", None if believed else "it does not know the authority")
        status, body = answers("www.bitstamp.net", "/api/v2/ticker/btcusd/", SYSTEM)
        checks.tell("it is Bitstamp", None if status == "200" and '"last"' in body else f"{status} {body}")
        status, body = answers("plasma-relay-backend.timex.io", "/public/markets", SYSTEM)
        checks.tell("it is TimeX", None if status == "200" and '"BTCUSD"' in body else f"{status} {body}")
        run(words.binary, "untrust", "--dir", folder)
        checks.tell("untrust leaves no trace", difference(before, files(*JUDGED)))
        checks.tell("untrust takes the folder back", "it is there" if folder.exists() else None)
        with contextlib.suppress(OSError):
            addresses = socket.getaddrinfo("ws.bitstamp.net", PORT)
            checks.tell("no name leads here any more", f"it leads to {addresses}")
            return
        checks.tell("no name leads here any more")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path)
    parser.add_argument("cryptofeed", type=Path)
    parser.add_argument("ccxt_timex", type=Path)
    words = parser.parse_args()
    if INSIDE not in os.environ:
        begin = enters()
        if begin:
            os.execvpe(
                begin[0],
                [*begin, sys.executable, "-u", *sys.argv],
                {**os.environ, INSIDE: "1"},
            )
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="rialto-trust-") as work:
        work = Path(work)
        judge_folder(checks, words.binary, work)
        if INSIDE in os.environ:
            try:
                build_sandbox(work)
                judge_printed(checks, words, work)
                if shutil.which("update-ca-certificates"):
                    judge_installed(checks, words, work)
                else:
                    print("SKIPPED: there is no update-ca-certificates here, so that --install is not judged")
            except (subprocess.CalledProcessError, OSError, RuntimeError) as error:
                told = getattr(error, "stderr", None) or ""
                checks.tell("the whole", f"{type(error).__name__}: {error} {told}")
        else:
            print("SKIPPED: this system allows no namespaces (unshare), so that no client is judged")
        for folder in reversed(COPIED) if INSIDE in os.environ else []:
            subprocess.run(["umount", "--lazy", folder], capture_output=True, check=False)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
