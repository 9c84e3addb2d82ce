"""What the store process answers its workers."""

import asyncio
from collections.abc import Callable
from typing import Any

from lifecycle.features.online.schema import Event
from lifecycle.serving.errors import Refusal
from lifecycle.serving.online import service
from lifecycle.serving.online.frames import Ask, Frames, Reply, sent, unpacked
from lifecycle.serving.online.in_process import in_turns
from lifecycle.serving.online.on_disk import OnDisk
from lifecycle.serving.online.store_errors import unavailable

FEW = 4  # records that are answered at once; for more, others have a turn


class Door(asyncio.Protocol):
    """The connection of one worker.

    Parameters
    ----------
    store : OnDisk
        What it asks.
    digest : str
        Of the feature list that the store is open for.
    there : set of Door
        Those that are connected.
    """

    def __init__(self, store: OnDisk, digest: str, there: "set[Door]") -> None:
        self._store, self._digest, self._there = store, digest, there
        self._frames = Frames(Ask)
        self._tasks: set[asyncio.Task[None]] = set()
        self._out: Callable[[bytes], None]

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._out = transport.write
        self._there.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._there.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer questions: those that wait for nothing at once, in one write."""
        answers = []
        for ask in self._frames.feed(data):
            if ask.what == "features" and len(ask.events) <= FEW:
                answers.append(self._told(ask))
            else:
                task = asyncio.create_task(self._answer(ask))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if answers:
            self._out(b"".join(answers))

    def _told(self, ask: Ask) -> bytes:
        try:
            return sent(Reply(ask.number, [self._store.ask(_event(c), row) for row, c in enumerate(ask.events)]))
        except Refusal as refusal:
            return _refused(ask, refusal)

    async def _answer(self, ask: Ask) -> None:
        try:
            self._out(sent(Reply(ask.number, await self._found(ask))))
        except Refusal as refusal:
            self._out(_refused(ask, refusal))

    async def _found(self, ask: Ask) -> Any:
        match ask.what:
            case "features":
                return await in_turns(self._store.ask, [_event(change) for change in ask.events])
            case "keep":
                return await self._store.keep([unpacked(change) for change in ask.events])
            case "size":
                return await self._store.size()
            case "problem":
                return self._store.problem
            case "list":
                return self._check(*ask.text.rpartition(" ")[::2])
        raise AssertionError(ask.what)

    def _check(self, digest: str, asking: str) -> None:
        """Raise when a worker needs another feature list, or is of another service, that may be about to take over."""
        if asking != service.own():
            raise unavailable("another service keeps it")
        if digest == self._digest:
            return
        raise Refusal(409, "other_list", "the store process was started with another feature list; restart the service")


def _event(change: Any) -> Event:
    return Event(change.time, change.key, change.values)


def _refused(ask: Ask, refusal: Refusal) -> bytes:
    return sent(Reply(ask.number, None, (refusal.status, refusal.kind, refusal.message, refusal.field)))
