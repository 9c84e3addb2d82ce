"""The decision log: JSON lines, written without blocking the service."""

import contextlib
import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from lifecycle.bundle.servable import Servable
from service.current_model import Current
from service.telemetry.background_queue import BackgroundQueue
from service.telemetry.service_metrics import Meters

LIMIT = 1 << 24  # bytes that may wait to be written
PAUSE = 0.05  # seconds between two writes
NOTHING: Mapping[str, Any] = {}
SCHEMA = {"ecs.version": "8.11.0"}  # whose names the fields have


class Output:
    """Standard output, a file, or nowhere.

    Parameters
    ----------
    target : str
        `-` for standard output, `none`, or a path. A file that is moved away or removed is begun anew. What a full disk
        has no room for is taken out of a file again: the next line may be another process's. The piece of a line that
        a killed process has left at the end of a file is ended first.
    lock : int, optional
        Descriptor of a file that every process locks that writes to the same target: their lines must not mix.
    """

    def __init__(self, target: str, lock: int | None = None) -> None:
        self._target, self._lock = target, lock
        self._file = {"-": 1, "none": -1}.get(target) or self._open()
        self._torn = False

    def write(self, lines: bytes) -> bool:
        """Write whole lines; False when that failed, on a full disk for example. The next ones are tried again."""
        if self._file < 0:
            return True
        try:
            self._follow()
            with self._locked():
                self._write(lines)
        except OSError:
            return False
        return True

    def _write(self, lines: bytes) -> None:
        status = os.fstat(self._file)
        if self._torn or self._has_open_end(status):  # what was cut off must not spoil the next line
            lines = b"\n" + lines
        try:
            while lines:
                lines = lines[os.write(self._file, lines) :]
        except OSError:
            self._torn = not stat.S_ISREG(status.st_mode)
            if not self._torn:
                os.ftruncate(self._file, status.st_size)
            raise
        self._torn = False

    def _has_open_end(self, status: os.stat_result) -> bool:
        """Tell whether a file of our own ends within a line."""
        if self._file <= 2 or not stat.S_ISREG(status.st_mode) or not status.st_size:
            return False
        return os.pread(self._file, 1, status.st_size - 1) != b"\n"

    def _open(self) -> int:
        path = Path(self._target)
        access = os.O_RDWR if path.is_file() or not path.exists() else os.O_WRONLY  # a pipe that we read never breaks
        return os.open(path, access | os.O_APPEND | os.O_CREAT, 0o640)

    def _follow(self) -> None:
        """Open the file again when another one, or none, stands in its place."""
        if self._file <= 2:
            return
        try:
            same = os.path.samestat(Path(self._target).stat(), os.fstat(self._file))
        except FileNotFoundError:
            same = False
        if not same:
            file = self._open()
            os.close(self._file)
            self._file = file

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self._lock is None:
            yield
            return
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)


class Log:
    """Lines, and what writes them beside the service.

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
        self._date = (-1, "")
        self._put = self._taken = 0  # bytes; each is counted by one thread only
        self._queue = BackgroundQueue("log", PAUSE, self._write)

    def put(self, at: float, fields: Mapping[str, Any]) -> None:
        """Log what happened at a time, in seconds since 1970; never waits.

        Names of fields are those of the Elastic Common Schema.
        """
        self.add(self.line(at, fields))

    def line(self, at: float, fields: Mapping[str, Any]) -> bytes:
        """Return the line of what happened at a time; any thread may ask for it."""
        return b'{"@timestamp":"%b",%b%b' % (self._written(at), self._encode(fields)[1:-1], self._end)

    def add(self, line: bytes) -> None:
        """Log a line; never waits."""
        if self._put - self._taken + len(line) > LIMIT:
            self._dropped("full")
            return
        self._put += len(line)
        self._queue.put(line)

    def event(self, action: str, message: str, level: str = "info", more: Mapping[str, Any] = NOTHING) -> None:
        """Log something that happened to the service."""
        self.put(time.time(), {"log.level": level, "message": message, "event.action": action, **more})

    def close(self, seconds: float) -> None:
        """Write what is left, for so long at most."""
        self._queue.close(seconds)

    def _write(self, lines: list[bytes]) -> None:
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


class Bridge(logging.Handler):
    """Takes what libraries say through `logging` to the log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log it."""
        level = "error" if record.levelno >= logging.ERROR else "warn"
        more = {"log.logger": record.name}
        trace = getattr(record, "trace", None)
        if trace or record.exc_info:
            more["error.stack_trace"] = trace or logging.Formatter().formatException(record.exc_info)  # type: ignore[arg-type]
        self._log.event("library", record.getMessage(), level, more)


class Reporter:
    """Tells what happens.

    Parameters
    ----------
    current : Current
        The model.
    meters : Meters
        What is counted.
    log : Log
        Where it is told.
    """

    def __init__(self, current: Current, meters: Meters, log: Log) -> None:
        self._current, self._meters, self._log = current, meters, log
        self._problem: str | None = None
        self._starved = False

    def listening(self, url: str, port: int) -> None:
        """Tell that requests are answered."""
        servable = self._current.live.servable
        said = f"{servable.name} {servable.version} answers on {url}"
        self._log.event("listening", said, more={"service.version": servable.version, "server.port": port})
        self._meters.set("up", 1.0)

    def files(self) -> None:
        """Tell when no more files may be opened: new connections are closed without a word then."""
        before, self._starved = self._starved, False
        try:
            os.close(os.dup(2))
        except OSError as error:
            self._starved = error.errno == errno.EMFILE
        if self._starved and not before:
            self._meters.add("files_exhausted")
            said = "no more files may be opened: new connections are closed; raise the limit (ulimit -n)"
            self._log.event("files", said, "error")

    def swapped(self, servable: Servable) -> None:
        """Serve another model, and tell it."""
        before = self._current.live.servable.version
        self._current.put(servable)
        self._meters.add("swaps", "result", "ok")
        said = f"{servable.version} is served instead of {before}"
        self._log.event("swap", said, more={"event.outcome": "success", "service.version": servable.version})

    def failed(self, reason: str) -> None:
        """Tell that another model can't be served."""
        version = self._current.live.servable.version
        self._meters.add("swaps", "result", "failed")
        said = f"the bundle is not served, {version} goes on: {reason}"
        self._log.event("swap", said, "error", {"event.outcome": "failure", "service.version": version})

    def store(self, sizes: dict[str, int], problem: str | None) -> None:
        """Tell how the online store does."""
        for kind, count in sizes.items():
            self._meters.set("store", count, "kind", kind)
        if problem != self._problem:
            self._problem = problem
            self._log.event("store", problem or "events are kept again", "error" if problem else "info")
        self._meters.set("store_problem", float(problem is not None))
