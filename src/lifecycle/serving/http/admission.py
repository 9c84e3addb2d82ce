"""Refuse early what would wait too long: an answer that comes too late helps nobody, and delays the next ones."""

import time
from collections.abc import Sized

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
