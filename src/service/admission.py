"""Which requests are refused because too many wait: judged by how long the oldest of them has waited."""

from collections.abc import Hashable

FEW = 64  # requests that may always wait
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
        self._bound, self._longest = bound, 0.0
        self._waiting: dict[Hashable, float] = {}

    def __len__(self) -> int:
        """Return how many requests wait."""
        return len(self._waiting)

    def full(self, now: float) -> bool:
        """Tell whether a request that comes now is refused; `now` by `time.perf_counter`.

        Fewer than `FEW` waiting requests are no overload, and neither is a wait that a single request takes by itself.
        """
        if len(self._waiting) < FEW:
            return False
        oldest = next(iter(self._waiting.values()))
        return now - oldest > max(self._bound, self._longest)

    def enter(self, request: Hashable, now: float) -> None:
        """Let a request wait."""
        self._waiting[request] = now

    def leave(self, request: Hashable) -> None:
        """Note that it waits no more: it is being scored, or answered."""
        self._waiting.pop(request, None)

    def took(self, seconds: float) -> None:
        """Note how long others had to wait for one request."""
        self._longest = max(seconds, self._longest * DECAY)
