"""The decision log: one JSON object a line, written by a thread, so that no request ever waits for a disk or a pipe."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lifecycle.serving.telemetry.output import Output

LIMIT = 1 << 24  # bytes that may wait to be written
PAUSE = 0.05  # seconds between two writes
NOTHING: Mapping[str, Any] = {}


class Log:
    """A queue of lines, and the thread that writes them.

    A line is made by whoever logs it: a thread that made many at once would keep the interpreter from the event loop.

    Parameters
    ----------
    output : Output
        Where lines go.
    dropped : callable
        Told why a line was not written: `full`, by the caller's thread, or `unwritable`, by the log's.
    common : mapping
        Fields of every line, at least one.
    """

    def __init__(self, output: Output, dropped: Callable[[str], None], common: Mapping[str, Any]) -> None:
        self._output, self._dropped = output, dropped
        self._encode = msgspec.json.Encoder().encode
        self._end = b"," + self._encode(common)[1:] + b"\n"
        self._queue: deque[bytes] = deque()
        self._date = (-1, "")
        self._put = self._taken = 0  # bytes; each is counted by one thread only
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, at: float, fields: Mapping[str, Any]) -> None:
        """Log what happened at a time, in seconds since 1970; never waits.

        Names of fields are those of the Elastic Common Schema.
        """
        line = b'{"@timestamp":"%b",%b%b' % (self._written(at), self._encode(fields)[1:-1], self._end)
        if self._put - self._taken + len(line) > LIMIT:
            self._dropped("full")
            return
        self._put += len(line)
        self._queue.append(line)

    def event(self, action: str, message: str, level: str = "info", more: Mapping[str, Any] = NOTHING) -> None:
        """Log something that happened to the service."""
        self.put(time.time(), {"log.level": level, "message": message, "event.action": action, **more})

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
            lines = [self._queue.popleft() for _ in range(min(512, len(self._queue)))]
            text = b"".join(lines)
            self._taken += len(text)
            if not self._output.write(text):
                for _ in lines:
                    self._dropped("unwritable")

    def _written(self, at: float) -> bytes:
        second = int(at)
        known, date = self._date
        if second != known:  # thousands of lines share one
            date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._date = (second, date)
        return b"%b.%06dZ" % (date.encode(), int((at - second) * 1e6))
