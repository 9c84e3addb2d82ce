"""Which requests are refused because too many wait: judged by how long the oldest of them has waited."""

from collections.abc import Hashable

FEW, ROWS = 16, 64  # so many requests may always wait, and as many as have so few rows together
DECAY = 0.98  # of the time that one request takes, with each that is answered: a slow one is forgotten soon


class Admission:
    """The requests that wait, oldest first.

    One that is being scored does not wait any more: however long it takes, others are not late by that alone.

    Parameters
    ----------
    bound : float
        Seconds that a request may wait.
    """

    def __init__(self, bound: float) -> None:
        self._bound, self._longest, self._more_rows = bound, 0.0, 0
        self._waiting: dict[Hashable, float] = {}
        self._many: dict[Hashable, int] = {}

    def full(self, now: float) -> bool:
        """Tell whether a request that comes now is refused; `now` by `time.perf_counter`.

        A few waiting requests are no overload, and neither is a wait that a single request takes by itself.
        """
        count = len(self._waiting)
        if count < FEW or count + self._more_rows < ROWS:
            return False
        oldest = next(iter(self._waiting.values()))
        return now - oldest > max(self._bound, self._longest)

    def enter(self, request: Hashable, now: float) -> None:
        """Let a request wait."""
        self._waiting[request] = now

    def weigh(self, request: Hashable, rows: int) -> None:
        """Note that a request that waits has many rows."""
        self._many[request] = rows - 1
        self._more_rows += rows - 1

    def leave(self, request: Hashable) -> None:
        """Note that it waits no more: it is being scored, or answered."""
        self._waiting.pop(request, None)
        if self._many:
            self._more_rows -= self._many.pop(request, 0)

    def took(self, seconds: float) -> None:
        """Note how long others had to wait for one request."""
        self._longest = max(seconds, self._longest * DECAY)
