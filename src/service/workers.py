"""Several worker processes behind one socket: started, watched, ended."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from service.process_identity import Place, begin
from service.settings import Settings
from service.telemetry import shared_numbers
from service.telemetry.log import SCHEMA, Log, Output

FIRST, LONGEST = 0.1, 10.0  # seconds before a dead process is started again: doubled each time it lives no longer
SRC = Path(__file__).parents[1]
GLANCE = 0.2  # seconds between two looks at the children, when no signal says that one has ended
GRACE = 3.0  # seconds beyond what a worker takes by itself to end
ENDS = {signal.SIGTERM, signal.SIGINT}


class Child:
    """A process that is to live as long as the service.

    Parameters
    ----------
    name : str
        What the log calls it.
    command : sequence of str
        How to start it.
    files : sequence of int
        Descriptors that it inherits.
    """

    def __init__(self, name: str, command: Sequence[str], files: Sequence[int] = ()) -> None:
        self.name, self._command, self._files = name, command, files
        self._pause, self._due = FIRST, 0.0
        self.start()

    def start(self) -> None:
        """Start it."""
        environment = os.environ | {"PYTHONPATH": str(SRC)}
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            self._command, pass_fds=self._files, env=environment
        )
        self._started = time.monotonic()

    def died(self) -> int | None:
        """Return its exit code when it has ended since the last time it was asked."""
        code = None if self._process is None else self._process.poll()
        if code is not None:
            lived = time.monotonic() - self._started
            self._pause = min(LONGEST, 2 * self._pause) if lived < LONGEST else FIRST
            self._process, self._due = None, time.monotonic() + self._pause
        return code

    def revive(self) -> None:
        """Start it again when it is dead and the time has come."""
        if self._process is None and time.monotonic() >= self._due:
            self.start()

    def send(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, end: float) -> None:
        """Wait for its end, and make one when the time is over."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Parent:
    """Serves with some worker processes; it answers nothing itself.

    Parameters
    ----------
    settings : Settings
        The knobs.
    listening : socket.socket
        Bound to the address; the workers inherit it, and the kernel gives each connection to one that is waiting.
    """

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self._settings, self._listening = settings, listening
        self._cells = shared_numbers.create(settings.workers)
        self._life, self._mine = os.pipe()  # its other end closes when this process ends, however that happens
        self._log = Log(Output(settings.log, self._cells), lambda _: None, SCHEMA | {"service.node.name": "parent"})
        self._children: list[Child] = []
        self._signals: deque[int] = deque()
        self._wake, self._written = socket.socketpair()

    def run(self) -> None:
        """Serve until SIGTERM; ends with the exit code of the first worker when that can't start."""
        self.heed()
        begin()
        self._children += self._store()
        self._children.append(self._worker(0))
        code = self._first()
        if code is None:
            self._children += map(self._worker, range(1, self._settings.workers))
            self._look_after()
        self._end()
        self._log.close(seconds=2.0)
        sys.exit(code or 0)

    def heed(self) -> None:
        """Take signals from now on."""
        for end in (self._wake, self._written):
            end.setblocking(False)
        signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        for number in (*ENDS, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._take)

    def _take(self, number: int, frame: object) -> None:
        self._signals.append(number)  # and nothing that takes a lock: it may be held where the signal has come

    def _store(self) -> Iterator[Child]:
        """Yield the process that keeps the online store, when it is in a folder: only one may have that open."""
        store = self._settings.store
        if store not in {"none", "memory"} and "://" not in store:
            module = "service.online_store.store_process"
            yield Child(
                "store", [sys.executable, "-m", module, self._settings.route or str(self._settings.bundle), store]
            )

    def _worker(self, row: int) -> Child:
        place, socket = Place(row, self._cells, self._life), self._listening.fileno()
        command = [sys.executable, str(SRC / "mlops.py"), "serve", "--worker", str(place), str(socket)]
        return Child(f"worker {row}", command, (self._cells, self._life, socket))

    def _first(self) -> int | None:
        """Wait until the first worker answers; return the exit code of a child that can't: the others could not."""
        row = shared_numbers.Cells(self._cells, 0)
        while not self._ending():
            for child in self._children:
                if (code := child.died()) is not None:
                    return code or 1
            if ("up",) in dict(next(row.each())):
                return None
            self._wait(0.02)
        return 0

    def _look_after(self) -> None:
        """Start again what dies, and pass on what is asked, until the end."""
        while not self._ending():
            for child in self._children:
                code = child.died()
                if code is not None:
                    self._log.event("died", f"{child.name} has ended with {code} and is started again", "error")
                child.revive()
            self._wait(GLANCE)

    def _ending(self) -> bool:
        """Pass signals on; tell whether one of them was to end."""
        while self._signals:
            number = self._signals.popleft()
            if number in ENDS:
                return True
            if number == signal.SIGHUP:
                for child in self._children:
                    if child.name != "store":
                        child.send(number)
        return False

    def _wait(self, seconds: float) -> None:
        if select.select([self._wake], [], [], seconds)[0]:
            self._wake.recv(1 << 12)

    def _end(self) -> None:
        """End the workers, then the store, whose answers they wait for."""
        os.close(self._mine)
        for workers, seconds in ((True, self._settings.drain_seconds + GRACE), (False, GRACE)):
            end = time.monotonic() + seconds
            chosen = [child for child in self._children if (child.name != "store") == workers]
            for child in chosen:
                child.send(signal.SIGTERM)
            for child in chosen:
                child.wait(end)
