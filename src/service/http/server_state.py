"""What all connections of a process share, and when a request is refused because too many wait."""

import time
from collections import deque
from collections.abc import Sized
from typing import Any

from uvicorn.server import ServerState

from service.settings import Settings
from service.telemetry.service_metrics import Meters

MOST = 32  # requests answered in one turn
FEW = 4  # so many are always taken: what they take says nothing about a queue
ENOUGH = 20  # requests that tell what one takes while the process is idle now and then: the first ones are slow
WEIGHT = 0.3  # of a new measurement in the moving mean


class Admission:
    """How long a new request would wait: those before it, times what each takes.

    A server that is never idle answers `requests / seconds` at its best, whatever holds it up: the processor, a disk,
    another machine. While it is idle now and then, the processor time of a request is what a queue would cost.

    Parameters
    ----------
    waiting : Sized
        Requests that are parsed and not answered.
    bound : float
        Seconds.

    Attributes
    ----------
    seconds : float
        The moving mean of what a request takes; 0 before the first was measured.
    answered : int
        To be counted up for each request that was let in and is answered.
    """

    def __init__(self, waiting: Sized, bound: float) -> None:
        self._waiting, self._bound = waiting, bound
        self.seconds, self.answered = 0.0, 0
        self._idle = True
        self._last = (time.perf_counter(), time.thread_time(), 0)

    def full(self) -> bool:
        """Tell whether a request that arrives now would wait longer than the bound."""
        waiting = len(self._waiting)
        if not waiting:
            self._idle = True
        return waiting >= FEW and waiting * self.seconds > self._bound

    def measure(self) -> None:
        """Take a measurement; to be called several times a second."""
        wall, processor, answered = now = (time.perf_counter(), time.thread_time(), self.answered)
        count = answered - self._last[2]
        idle = self._idle or not self._waiting  # nobody may have come since the last one was answered
        if idle and count < ENOUGH:  # nor are the next requests charged with what an idle process does
            self._idle, self._last = not self._waiting, now
            return
        if not count:
            return  # nothing was answered: what was known stays true
        took = (processor - self._last[1] if idle else wall - self._last[0]) / count
        self.seconds = took if not self.seconds else (1 - WEIGHT) * self.seconds + WEIGHT * took
        self._idle, self._last = not self._waiting, now


class Turn:
    """A queue; its length is what waits."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Any, Any]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, connection: Any, cycle: Any) -> None:
        """Answer a request soon: after one more look at the connections, as those that ask often ask together."""
        if not self._waiting:
            loop = connection.loop
            loop.call_soon(loop.call_soon, self._answer)
        self._waiting.append((connection, cycle))

    def _answer(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        if self._waiting:
            self._waiting[0][0].loop.call_soon(self._answer)
        taken = [(connection, cycle) for connection, cycle in taken if not cycle.disconnected]
        if taken:
            found = taken[0][0].app.take([(cycle.scope, bytes(cycle.body)) for _, cycle in taken])
            for (connection, cycle), each in zip(taken, found, strict=True):
                connection.take(cycle, each)


class State(ServerState):
    """Uvicorn's, and what our connections need.

    Parameters
    ----------
    settings : Settings
        The knobs.
    meters : Meters
        Of this process.

    Attributes
    ----------
    turn : Turn
        Requests that have come whole, and are not being answered yet.
    now : float
        `time.monotonic()` a moment ago: reading the clock for each connection and chunk would cost more.
    vital : frozenset of str
        Paths that are answered however many wait: to be busy is not to be ill.
    draining : bool
        The process ends soon: each connection is closed with its next answer.
    """

    def __init__(self, settings: Settings, meters: Meters) -> None:
        super().__init__()
        self.settings, self.meters = settings, meters
        self.vital: frozenset[str] = frozenset()
        self.admission = Admission(self, settings.max_wait_ms / 1000)
        self.turn, self.now, self.draining = Turn(), time.monotonic(), False

    def __len__(self) -> int:
        """Return how many requests wait for an answer."""
        return len(self.turn) + len(self.tasks)

    def open(self) -> list[Any]:
        """Return the connections."""
        return list(self.connections)
