"""Several processes behind one socket: the parent starts them, starts them again when they die, and ends them all."""

import os
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from lifecycle.serving.online import service
from lifecycle.serving.processes.child import Child
from lifecycle.serving.processes.place import Place
from lifecycle.serving.settings import Settings
from lifecycle.serving.telemetry import cells
from lifecycle.serving.telemetry.logs import Log
from lifecycle.serving.telemetry.output import Output

GLANCE = 0.2  # seconds between two looks at the children, when no signal says that one has ended
GRACE = 3.0  # seconds beyond what a worker takes by itself to end
ENDS = {signal.SIGTERM, signal.SIGINT}


class Parent:
    """Serves with some worker processes; it answers nothing itself.

    Parameters
    ----------
    settings : Settings
        The knobs.
    listening : socket.socket
        Bound to the address; the workers inherit it, and the kernel gives each connection to one that is waiting.
    script : Path
        Starts a worker: `python script --worker PLACE SOCKET`.
    """

    def __init__(self, settings: Settings, listening: socket.socket, script: Path) -> None:
        self._settings, self._listening, self._script = settings, listening, script
        self._cells = cells.create(settings.workers)
        self._life, self._mine = os.pipe()  # its other end closes when this process ends, however that happens
        self._log = Log(Output(settings.log, self._cells), lambda _: None, {"service.node.name": "parent"})
        self._children: list[Child] = []
        self._signals: deque[int] = deque()
        self._wake, self._written = socket.socketpair()

    def run(self) -> None:
        """Serve until SIGTERM; ends with the exit code of the first worker when that can't start."""
        self.heed()
        service.begin()
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
            module = "lifecycle.serving.online.store_process"
            yield Child("store", [sys.executable, "-m", module, str(self._settings.bundle), store])

    def _worker(self, row: int) -> Child:
        place, socket = Place(row, self._cells, self._life), self._listening.fileno()
        command = [sys.executable, str(self._script), "--worker", str(place), str(socket)]
        return Child(f"worker {row}", command, (self._cells, self._life, socket))

    def _first(self) -> int | None:
        """Wait until the first worker answers; return the exit code of a child that can't: the others could not."""
        row = cells.Cells(self._cells, 0)
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
