"""The online state that another process keeps for all workers, seen from one of them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lifecycle.features.online.schema import Event, Label
from lifecycle.serving.errors import Refusal
from lifecycle.serving.online import service
from lifecycle.serving.online.feature_list import FeatureList
from lifecycle.serving.online.outcome import Outcome
from lifecycle.serving.online.store_errors import unavailable
from lifecycle.serving.online.store_line import AWAY, Line
from lifecycle.serving.online.store_process import socket_of
from lifecycle.stage import PipelineError

STARTING_SECONDS = 30.0  # in which the store process must listen when a service starts
PATIENCE_SECONDS = 1.0  # that a request waits for a store process that is being started again
LOOK_SECONDS = 1.0  # between two questions how it does
PAUSE_SECONDS = 0.05  # between two attempts to reach it
UNAVAILABLE = 503
SILENT = "the store process does not answer"


class Client:
    """A store behind a socket; see `lifecycle.serving.online.history.Store`.

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
            await line.ask("list", text=f"{self._digest} {service.own()}")
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
