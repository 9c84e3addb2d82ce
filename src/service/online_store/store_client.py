"""The client of the store process: a worker asks it over a socket."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from lifecycle.core.errors import PipelineError
from lifecycle.features.online.record_schema import Event, Label
from lifecycle.features.online.state import Change
from service.online_store.events import FeatureList, unavailable
from service.online_store.history import Outcome
from service.online_store.store_messages import Ask, Frames, Reply, sent, socket_of
from service.process_identity import own
from service.refusal import Refusal

AWAY = "the store process is away"
STARTING_SECONDS = 30.0  # in which the store process must listen when a service starts
PATIENCE_SECONDS = 1.0  # that a request waits for a store process that is being started again
LOOK_SECONDS = 1.0  # between two questions how it does
PAUSE_SECONDS = 0.05  # between two attempts to reach it
UNAVAILABLE = 503
SILENT = "the store process does not answer"


def packed(event: Event | Label) -> Change:
    """Return an event as it travels: a label has no time."""
    return Change(event.key, event.time if isinstance(event, Event) else None, event.values)


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


class Client:
    """A store behind a socket; see `service.online_store.history.Store`.

    Parameters
    ----------
    path : str
        The socket.
    digest : str
        Of the feature list.

    Attributes
    ----------
    problem : str or None
        Why events can't be kept right now.
    refused : Refusal or None
        What the store process said to the feature list, when it did not like it.
    """

    def __init__(self, path: str, digest: str) -> None:
        self.problem: str | None = AWAY
        self.newest = 0
        self._path, self._digest = path, digest
        self.refused: Refusal | None = None
        self._line: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._stay())

    async def features(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        """Return the features of records; nothing is kept."""
        found: list[dict[str, Any]] = await self._ask("features", events)
        return found

    async def keep(self, events: Sequence[Event | Label]) -> Outcome:
        """Keep events in their order, all of them or none; return once they are on disk."""
        return Outcome(*await self._ask("keep", events))

    async def size(self) -> dict[str, int]:
        """Return how much is kept."""
        found: dict[str, int] = await self._ask("size")
        return found

    async def close(self) -> None:
        """End the connection."""
        self._task.cancel()
        if self._line.done():
            self._line.result().close()

    async def there(self, seconds: float) -> Line:
        """Return the connection once there is one.

        Raises
        ------
        Refusal
            503: there was none within some seconds.
        """
        if not self._line.done():
            await asyncio.wait([self._line], timeout=seconds)
        if not self._line.done():
            raise unavailable(AWAY)
        return self._line.result()

    async def _ask(self, what: str, events: Sequence[Event | Label] = ()) -> Any:
        line = await self.there(PATIENCE_SECONDS)
        return await line.ask(what, events)

    async def _stay(self) -> None:
        """Be connected, whenever there is somebody to be connected to."""
        while True:
            line = await self._connected()
            if line is None or line.lost.done():
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            self._line.set_result(line)
            while not line.lost.done():
                self.problem = await self._asked(line)
                await asyncio.wait([line.lost], timeout=LOOK_SECONDS)

    async def _asked(self, line: Line) -> str | None:
        """Ask how the store does."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found: str | None = await line.ask("problem")
                return found
        except TimeoutError:
            return SILENT
        except Refusal:
            return AWAY

    def _gone(self) -> None:
        """Have those who come from now on wait for another connection."""
        self.problem = AWAY
        if self._line.done():
            self._line = asyncio.get_running_loop().create_future()

    async def _connected(self) -> Line | None:
        try:
            _, line = await asyncio.get_running_loop().create_unix_connection(lambda: Line(self._gone), self._path)
        except OSError:
            return None
        try:
            await line.ask("list", text=f"{self._digest} {own()}")
        except Refusal as refusal:
            self.refused = None if refusal.status == UNAVAILABLE else refusal
            line.close()
            await line.lost  # before the next one: it tells that the store is gone
            return None
        return line


async def connect(folder: Path, made: FeatureList) -> Client:
    """Reach the process that keeps the store of a folder.

    Raises
    ------
    PipelineError
        It does not listen, or it was started with another feature list.
    """
    client = Client(socket_of(folder), made.digest)
    end = asyncio.get_running_loop().time() + STARTING_SECONDS
    while client.refused is None and asyncio.get_running_loop().time() < end:
        with suppress(Refusal):
            await client.there(PAUSE_SECONDS)
            return client
    await client.close()
    if client.refused is not None:
        raise PipelineError(f"{folder}: {client.refused.message}")
    raise PipelineError(f"{folder}: no store process listens there after {STARTING_SECONDS:g} s; see its own messages")
