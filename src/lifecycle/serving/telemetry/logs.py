"""The decision log: one JSON object a line, written by a thread, so that no request ever waits for a disk or a pipe."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from lifecycle.serving.telemetry.output import Output

LIMIT = 1 << 16  # rows that may wait to be written
PAUSE = 0.05  # seconds between two writes
NOTHING: Mapping[str, Any] = {}
SLICE = 32  # lines between two moments at which the event loop can have the interpreter


class Entry(Protocol):
    """What can be logged; names of fields are those of the Elastic Common Schema."""

    @property
    def at(self) -> float:
        """When it happened, in seconds since 1970."""

    @property
    def rows(self) -> int:
        """How many rows of values it holds."""

    def fields(self) -> dict[str, Any]:
        """Return what the line says; asked by the thread."""


class Event(NamedTuple):
    """Something that happened to the service."""

    at: float
    action: str
    message: str
    level: str = "info"
    more: Mapping[str, Any] = NOTHING
    rows: int = 1

    def fields(self) -> dict[str, Any]:
        """Return what the line says."""
        return {"log.level": self.level, "message": self.message, "event.action": self.action, **self.more}


class Log:
    """A queue of entries, and the thread that writes them.

    Parameters
    ----------
    output : Output
        Where lines go.
    dropped : callable
        Told why an entry was not written: `full`, by the caller's thread, or `unwritable`, by the log's.
    common : mapping
        Fields of every line.
    """

    def __init__(self, output: Output, dropped: Callable[[str], None], common: Mapping[str, Any]) -> None:
        self._output, self._dropped, self._common = output, dropped, dict(common)
        self._queue: deque[Entry] = deque()
        self._second, self._date = -1, ""
        self._put = self._taken = 0  # rows; each is counted by one thread only
        self._encode = msgspec.json.Encoder().encode
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Log something; never waits."""
        rows = entry.rows
        if self._put - self._taken + rows > LIMIT:
            self._dropped("full")
            return
        self._put += rows
        self._queue.append(entry)

    def event(self, action: str, message: str, level: str = "info", more: Mapping[str, Any] = NOTHING) -> None:
        """Log something that happened to the service."""
        self.put(Event(time.time(), action, message, level, more))

    def close(self, seconds: float) -> None:
        """Write what is left, for so long at most."""
        self._done.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._done.wait(PAUSE):
            self._write()
        self._write()

    def _write(self) -> None:
        while self._queue:
            lines: list[bytes] = []
            while self._queue and len(lines) < 512:
                lines.append(self._line(self._queue.popleft()))
                if not len(lines) % SLICE:
                    time.sleep(0)
            if not self._output.write(b"".join(lines)):
                for _ in lines:
                    self._dropped("unwritable")

    def _line(self, entry: Entry) -> bytes:
        self._taken += entry.rows
        second = int(entry.at)
        if second != self._second:  # thousands of lines share one
            self._second, self._date = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        at = f"{self._date}.{int((entry.at - second) * 1e6):06d}Z"
        return self._encode({"@timestamp": at, **entry.fields(), **self._common}) + b"\n"
