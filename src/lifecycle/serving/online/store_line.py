"""The connection of a worker to the store process."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from lifecycle.features.online.schema import Event, Label
from lifecycle.serving.errors import Refusal
from lifecycle.serving.online.frames import Ask, Frames, Reply, packed, sent
from lifecycle.serving.online.store_errors import unavailable

AWAY = "the store process is away"


class Line(asyncio.Protocol):
    """One connection: questions out, answers in, in any order.

    Parameters
    ----------
    gone : callable
        Called when it is lost, before anybody else is told.
    """

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count()
        self._frames = Frames(Reply)
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Give answers to those who wait for them."""
        for reply in self._frames.feed(data):
            waiting = self._waiting.pop(reply.number)
            if waiting.done():
                continue  # whoever asked has gone
            if reply.refused is None:
                waiting.set_result(reply.found)
            else:
                waiting.set_exception(Refusal(*reply.refused))

    def connection_lost(self, error: Exception | None) -> None:
        """Tell those who wait that there will be no answer."""
        self.lost.set_result(None)
        self._gone()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(unavailable(AWAY))

    def ask(self, what: str, events: Sequence[Event | Label] = (), text: str = "") -> asyncio.Future[Any]:
        """Ask the store process; the future has what was found, or the refusal."""
        number, waiting = next(self._numbers), asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        self._transport.write(sent(Ask(number, what, [packed(event) for event in events], text)))
        return waiting

    def close(self) -> None:
        """End the connection."""
        self._transport.close()
