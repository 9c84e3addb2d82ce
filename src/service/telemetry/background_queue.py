"""A queue that a thread of its own empties: whoever puts something in never waits for a file or a network."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

MOST = 512  # things that are handed over at a time
T = TypeVar("T")


class BackgroundQueue(Generic[T]):
    """Things to write or to send, in their order.

    Parameters
    ----------
    name : str
        Of the thread.
    pause : float
        Seconds between two looks at the queue.
    take : callable
        Is given a list of at most `MOST` things, in the thread.
    """

    def __init__(self, name: str, pause: float, take: Callable[[list[T]], None]) -> None:
        self._pause, self._take = pause, take
        self._queue: deque[T] = deque()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Return how many things wait."""
        return len(self._queue)

    def put(self, thing: T) -> None:
        """Have one more thing handed over soon; never waits."""
        self._queue.append(thing)

    def close(self, seconds: float) -> None:
        """Hand over what is left, for so long at most."""
        self._done.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._done.wait(self._pause):
            self._empty()
        self._empty()

    def _empty(self) -> None:
        while self._queue:
            self._take([self._queue.popleft() for _ in range(min(MOST, len(self._queue)))])
