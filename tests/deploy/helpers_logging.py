"""A real rsyslogd that ships the decision log, and what stands on loopback for Graylog and Elasticsearch."""

import json
import os
import shutil
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.helpers_receivers import answer
from tests.graph import ROOT

LOGGING = ROOT / "deploy/logging"
RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
LOGROTATE = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
needs_rsyslog = pytest.mark.skipif(RSYSLOGD is None, reason="needs rsyslog: apt-get install rsyslog")
needs_logrotate = pytest.mark.skipif(LOGROTATE is None, reason="needs logrotate: apt-get install logrotate")
HAS_ELASTIC = any(Path("/usr/lib").glob("*/rsyslog/omelasticsearch.so"))
needs_elastic = pytest.mark.skipif(not HAS_ELASTIC, reason="needs apt-get install rsyslog-elasticsearch")


class Sink:
    """What has come so far."""

    def __init__(self) -> None:
        self.came: list[Any] = []
        self.port = 0

    def wait(self, count: int, seconds: float = 20) -> list[Any]:
        """Return what has come once it is so much, or time is up."""
        end = time.monotonic() + seconds
        while len(self.came) < count and time.monotonic() < end:
            time.sleep(0.02)
        return self.came


@contextmanager
def graylog() -> Iterator[Sink]:
    """Take GELF over TCP: JSON that ends with a zero byte."""
    sink = Sink()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            pending = b""
            while piece := self.request.recv(1 << 16):
                *whole, pending = (pending + piece).split(b"\0")
                sink.came += map(json.loads, whole)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        yield from _served(server, sink)


@contextmanager
def elastic() -> Iterator[Sink]:
    """Take bulk requests: pairs of an action and a document."""
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self, 200, b'{"status": "green"}')

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"]))
            lines = [json.loads(line) for line in text.splitlines()]
            pairs = list(zip(lines[::2], lines[1::2], strict=True))
            sink.came += pairs
            done = {"errors": False, "items": [{"create": {"status": 201}} for _ in pairs]}
            answer(self, 200, json.dumps(done).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        yield from _served(server, sink)


def _served(server: Any, sink: Sink) -> Iterator[Sink]:
    server.daemon_threads = True
    sink.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def rsyslog(folder: Path, log: Path, target: str, **where: str) -> Iterator[Path]:
    """Start rsyslogd with the files of deploy/; yield the file of lines that it could not parse."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state").mkdir(exist_ok=True)
    files = [LOGGING / f"rsyslog/10-{target}.conf", LOGGING / "rsyslog/20-decisions.conf"]
    lines = [f'global(workDirectory="{folder}/state")', *(f'include(file="{file}")' for file in files)]
    (folder / "rsyslog.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    unparsed = folder / "unparsed.log"
    named = os.environ | where | {"DECISION_LOG": str(log), "UNPARSED_LOG": str(unparsed)}
    assert RSYSLOGD is not None
    command = [RSYSLOGD, "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "pid")]
    checked = subprocess.run([*command, "-N1"], env=named, capture_output=True, text=True, check=True, timeout=30)
    assert "error" not in checked.stderr.lower(), checked.stderr
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, env=named, stdout=output, stderr=output)
    try:
        yield unparsed
    finally:
        process.terminate()
        process.wait(20)


def to_graylog(sink: Sink) -> dict[str, str]:
    return {"GRAYLOG_HOST": "127.0.0.1", "GRAYLOG_PORT": str(sink.port)}


def to_elastic(sink: Sink, folder: Path) -> dict[str, str]:
    named = {"HOST": "127.0.0.1", "PORT": str(sink.port), "HTTPS": "off", "USER": "shipper", "PASSWORD": "secret"}
    return {f"ELASTIC_{name}": value for name, value in named.items()} | {"REFUSED_LOG": str(folder / "refused.log")}


def rotation(folder: Path, log: Path) -> Callable[..., None]:
    """Return what runs logrotate with the file of deploy/, for another log."""
    text = (LOGGING / "logrotate.conf").read_text(encoding="utf-8")
    assert text.count("\n/var/log/mlops/decisions.log {") == 1
    folder.mkdir(parents=True, exist_ok=True)

    def rotate(*options: str, **changed: str) -> None:
        found = text.replace("\n/var/log/mlops/decisions.log {", f"\n{log} {{")
        for word, value in changed.items():
            assert f"    {word} " in found
            found = "\n".join(
                f"    {word} {value}" if line.startswith(f"    {word} ") else line for line in found.splitlines()
            )
        (folder / "logrotate.conf").write_text(found + "\n", encoding="utf-8")
        (folder / "logrotate.conf").chmod(0o644)  # logrotate takes no file that others may write
        assert LOGROTATE is not None
        command = [LOGROTATE, "--state", str(folder / "state"), *options, str(folder / "logrotate.conf")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr

    return rotate
