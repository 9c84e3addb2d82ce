"""Requests that have come whole, and are answered together when the event loop comes to them."""

from collections import deque
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from lifecycle.serving.http.answering import Answering

MOST = 32  # requests that are answered before the loop looks at its connections again


class Turn:
    """A queue; its length is what waits."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Answering, RequestResponseCycle]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, connection: "Answering", cycle: RequestResponseCycle) -> None:
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
