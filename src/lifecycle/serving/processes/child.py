"""A process that another one keeps alive."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

FIRST, LONGEST = 0.1, 10.0  # seconds before a dead process is started again: doubled each time it lives no longer
SRC = Path(__file__).parents[3]


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
