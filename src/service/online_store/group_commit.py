"""Group commit: changes go to disk for all who came while the commit before ran, in a thread of its own.

The online store and the audit log use it.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from service.refusal import Refusal

log = logging.getLogger(__name__)


class Changing(Protocol):
    """What has changes to put on disk."""

    def take(self) -> list[Any]:
        """Return what is not on disk: to be written, or to be given back. For the event loop."""

    def give_back(self, changes: list[Any]) -> None:
        """Take what could not be written. For the event loop."""

    def append(self, changes: list[Any]) -> None:
        """Put changes on disk, all or none. For the thread."""


class GroupCommit:
    """What puts changes on disk while the service goes on.

    Parameters
    ----------
    store : Changing
        What has them.
    refusal : callable
        From what went wrong to what those are told who wait.
    name : str
        Of the store, for the log.

    Attributes
    ----------
    problem : str or None
        Why the last commit failed.
    """

    def __init__(self, store: Changing, refusal: Callable[[str], Refusal], name: str) -> None:
        self.problem: str | None = None
        self._store, self._refusal, self._name = store, refusal, name
        self._thread = ThreadPoolExecutor(1, "journal")
        self._running: asyncio.Task[str | None] | None = None
        self._next: asyncio.Task[str | None] | None = None

    async def commit(self) -> None:
        """Return once all that has happened is on disk.

        Raises
        ------
        Refusal
            503: that failed. What was not written has been given back.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._commit(self._running))
        problem = await asyncio.shield(self._next)  # somebody who has gone does not take the others' commit along
        if problem is not None:
            raise self._refusal(problem)

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do other work in the thread, between two commits."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def close(self) -> None:
        """Commit what is left, and end the thread."""
        try:
            await self.commit()
        finally:
            self._thread.shutdown()

    async def _commit(self, before: asyncio.Task[str | None] | None) -> str | None:
        """Commit once the commit before has ended; return what went wrong, as several wait for it or nobody does."""
        if before is not None:
            await before
        self._running, self._next = self._next, None  # whoever comes from now on needs another one
        changes = self._store.take()
        try:
            if changes:
                await self.run(self._store.append, changes)
            self.problem = None
        except Exception as error:
            self._store.give_back(changes)
            self.problem = str(error)
            log.exception("%s could not commit %d changes", self._name, len(changes))
        return self.problem
