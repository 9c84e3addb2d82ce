"""Clients over raw sockets that notice what others hide: resets, answers that are cut, answers nobody asked for.

How long the runs in test_reliability.py and test_fuzz.py are says `LENGTHS`: a few seconds each for CI, and the full
length with RELIABILITY=full. One of them is set by its own variable, such as RELIABILITY_SWAPS=1000. What they measure
goes to the file RELIABILITY_FIGURES names; see benchmarks/serving/reliability.py.
"""

import asyncio
import json
import os
import time
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import uvloop

T = TypeVar("T")
LENGTHS = {  # for CI, in full
    "FUZZED": (2000, 10_000),  # requests
    "OVERLOAD": (3, 30),  # seconds
    "SIGTERMS": (3, 50),
    "SWAPS": (10, 100),
    "KILLS": (3, 50),
    "WORKER_KILLS": (1, 10),
    "SOAK": (5, 1200),  # seconds
}
JSON_HEAD = "content-type: application/json\r\n"


class CutError(Exception):
    """A request was sent, and no whole answer came."""


class Answer(NamedTuple):
    """An answer, and when its request was sent and when it had come, seconds of time.monotonic()."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: float
    came: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection. Opening it may fail with an OSError: nothing was sent then, and it may be tried again."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> "Wire":
        self._reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def ask(self, request: bytes, seconds: float = 30) -> Answer:
        """Send a request and read its answer."""
        sent = time.monotonic()
        try:
            self.writer.write(request)
            async with asyncio.timeout(seconds):
                return await self.answer(sent, request.startswith(b"HEAD "))
        except (OSError, asyncio.IncompleteReadError) as error:  # TimeoutError is an OSError
            self.close()
            raise CutError(f"{error!r} {time.monotonic() - sent:.3f} s after {request[:80]!r}") from error

    async def answer(self, sent: float, headless: bool = False) -> Answer:
        """Read an answer; closes the connection behind the last."""
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:-2])}
        status = int(lines[0].split(" ")[1])
        length = 0 if headless or status < 200 else int(headers["content-length"])
        body = await self._reader.readexactly(length)
        if headers.get("connection") == "close":
            self.close()
        return Answer(status, headers, body, sent, time.monotonic())

    @property
    def closed(self) -> bool:
        """Whether no other request may be sent."""
        return self.writer.is_closing() or self._reader.at_eof()

    def close(self) -> None:
        self.writer.close()


def post(path: str, content: Any, more: str = "") -> bytes:
    """Return a request of JSON."""
    body = json.dumps(content).encode()
    return f"POST {path} HTTP/1.1\r\nhost: x\r\n{JSON_HEAD}{more}content-length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()


async def once(port: int, request: bytes, seconds: float = 30) -> Answer:
    """Ask on a new connection."""
    wire = await Wire(port).open()
    try:
        return await wire.ask(request, seconds)
    finally:
        wire.close()


def length(name: str) -> int:
    """Return how long a run is to be."""
    short, full = LENGTHS[name]
    return int(os.environ.get(f"RELIABILITY_{name}") or (full if os.environ.get("RELIABILITY") == "full" else short))


def figures(name: str, **found: Any) -> None:
    """Tell what was measured."""
    line = json.dumps({"run": name, **found})
    print(line)
    if path := os.environ.get("RELIABILITY_FIGURES"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so many are not above."""
    return sorted(values)[max(0, -int(-len(values) * share // 1) - 1)]


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run with a loop that is quick enough not to be what is measured."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """End tasks; what one of them failed with is raised."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(found, Exception):
            raise found


class OpenLoop:
    """Asks at a fixed rate, however long answers take, as many independent clients do.

    `waited` is counted from when a request was due: what a late client adds is not left out.
    """

    def __init__(self, port: int, request: bytes, most: int = 900) -> None:
        self._port, self._request, self._most = port, request, most
        self._idle: list[Wire] = []
        self.answers: list[Answer] = []
        self.waited: list[float] = []
        self.cut: list[str] = []
        self.open = self.skipped = 0

    async def run(self, rate: float, seconds: float) -> "OpenLoop":
        """Ask; return when all that was asked is answered."""
        begin, due, tasks = time.monotonic(), 0, set[asyncio.Task[None]]()
        while (now := time.monotonic() - begin) < seconds:
            while due < now * rate:
                if len(tasks) < self._most:
                    task = asyncio.create_task(self._one(begin + due / rate))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                else:
                    self.skipped += 1  # the client has no connection left
                due += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)
        for wire in self._idle:
            wire.close()
        return self

    async def _one(self, due: float) -> None:
        wire = self._idle.pop() if self._idle else await Wire(self._port).open()
        try:
            answer = await wire.ask(self._request)
        except CutError as error:
            self.cut.append(str(error))
            return
        self.answers.append(answer)
        self.waited.append(answer.came - due)
        if not wire.closed:
            self._idle.append(wire)
