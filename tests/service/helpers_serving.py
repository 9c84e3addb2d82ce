"""Services that run for a test, and clients that ask them."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.bundle.bundle_writer import seal
from lifecycle.core.tables import write_json
from tests.graph import ROOT
from tests.helpers_bundle import ORIGIN, SHOPS, of_shops, some_decision, write_bundle

VECTOR = {"features": [0.5, 12.0, "bakery"]}
JSON = {"content-type": "application/json"}
SERVE = [sys.executable, str(ROOT / "src/mlops.py"), "serve"]


class Answered(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """A running service."""

    def __init__(self, folder: Path, bundle: Path, arguments: tuple[str, ...], settings: Mapping[str, str]) -> None:
        self.log, self.port = folder / "log.jsonl", 0
        own = {
            "SERVE_BUNDLE": str(bundle),
            "SERVE_PORT": "0",
            "SERVE_LOG": str(self.log),
            "SERVE_LINGER_SECONDS": "0.2",
        }
        self.process = subprocess.Popen(
            [*SERVE, *arguments],
            env=clean() | own | settings,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait(self, seconds: float = 30) -> "Service":
        self.port = self.find("listening", seconds)["server.port"]
        return self

    def lines(self) -> list[dict[str, Any]]:
        """Return what the log says so far; each line must be whole."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def find(self, action: str, seconds: float = 10, **fields: Any) -> dict[str, Any]:
        """Wait for the first line of an action with some fields."""
        wanted = {"event.action": action, **{name.replace("_", "."): value for name, value in fields.items()}}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            text = self.log.read_text() if self.log.exists() else ""
            for line in map(json.loads, text[: text.rfind("\n") + 1].splitlines()):
                if wanted.items() <= line.items():
                    return line
            assert self.process.poll() is None or action == "stopped", self.process.communicate()
            time.sleep(0.02)
        raise AssertionError(f"no line {wanted} within {seconds} s: {self.lines()}")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """Ask on a new connection; a body that is not bytes goes as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body, given = json.dumps(body).encode(), JSON | given
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return Answered(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def metric(self, name: str, /, **labels: str) -> float:
        """Return the sum of a metric's samples that have some labels."""
        from prometheus_client.parser import text_string_to_metric_families

        families = text_string_to_metric_families(self.ask("GET", "/metrics").body.decode())
        samples = (sample for family in families for sample in family.samples)
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(40)


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SERVE_", "AIP_"))}


@contextmanager
def service(folder: Path, bundle: Path, *arguments: str, **settings: str) -> Iterator[Service]:
    """Start a service and wait until it answers; it is ended in any case."""
    settings = {f"SERVE_{name.upper()}": value for name, value in settings.items()}
    folder.mkdir(parents=True, exist_ok=True)
    running = Service(folder, bundle, arguments, settings)
    try:
        yield running.wait()
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            try:
                running.process.wait(30)
            except subprocess.TimeoutExpired:
                running.process.kill()
        running.process.communicate()


def refused_at_start(*arguments: str, **settings: str) -> str:
    """Return the words with which a service refuses to start."""
    done = subprocess.run(
        [*SERVE, *arguments], env=clean() | settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def small_bundle(folder: Path, model: str = "logistic_regression", threshold: float = 0.5) -> Path:
    """Write a bundle."""
    write_bundle(folder, of_shops(model), some_decision() | {"threshold": threshold})
    facts = {"key": SHOPS.key, "time": SHOPS.time, "labels": [SHOPS.target], "decimals": SHOPS.decimals}
    types = {"types": {column.name: column.type for column in SHOPS.contract}}
    write_json(json.loads((folder / "features.json").read_text()) | facts | types, folder / "features.json")
    seal(folder, ORIGIN)
    return folder


class Load:
    """Clients that ask without a pause, each on its own connection, and count what becomes of their requests.

    `cut` requests have been sent and got no whole answer: there must be none. Connecting may fail, and is tried again.
    With `close` each request has a connection of its own.
    """

    def __init__(self, port: int, clients: int = 8, body: Any = VECTOR, close: bool = False) -> None:
        content, last = json.dumps(body).encode(), "connection: close\r\n" if close else ""
        head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{last}"
        self._request = f"{head}content-length: {len(content)}\r\n\r\n".encode() + content
        self._port, self._clients = port, clients
        self.statuses: Counter[int] = Counter()
        self.bodies: Counter[bytes] = Counter()
        self.seconds: list[float] = []
        self.cut: list[str] = []
        self._ended = False

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.create_task(self._client()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended = True
        await asyncio.wait(self._tasks, timeout=2)  # an answer may have come that its client has not read yet
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def answered(self, count: int, seconds: float = 30) -> None:
        """Wait until so many more requests were answered."""
        wanted, end = self.statuses.total() + count, time.monotonic() + seconds
        while self.statuses.total() < wanted:
            assert time.monotonic() < end, f"only {self.statuses} after {seconds} s, cut: {self.cut}"
            await asyncio.sleep(0.005)

    async def _client(self) -> None:
        while not self._ended:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            try:
                while await self._one(reader, writer) and not self._ended:
                    pass
            finally:
                writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Ask once; tell whether the connection stays open."""
        start = time.perf_counter()
        try:
            writer.write(self._request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.cut.append(repr(error))
            return False
        self.seconds.append(time.perf_counter() - start)
        self.statuses[int(head[9:12])] += 1
        self.bodies[body] += 1
        return b"connection: close" not in head
