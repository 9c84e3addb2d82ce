"""Commits of an embedded store: each for all who came while the one before it ran, in a thread of its own."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from service.online_store.events import unavailable
from service.online_store.journal import EmbeddedStore

log = logging.getLogger(__name__)


class GroupCommit:
    """What puts a store's changes on disk while the service goes on.

    Parameters
    ----------
    store : EmbeddedStore
        Its state is for the event loop alone, its journal for the thread alone.

    Attributes
    ----------
    problem : str or None
        Why the last commit failed; its changes wait for the next one.
    """

    def __init__(self, store: EmbeddedStore) -> None:
        self.problem: str | None = None
        self._store = store
        self._thread = ThreadPoolExecutor(1, "journal")
        self._running: asyncio.Task[str | None] | None = None
        self._next: asyncio.Task[str | None] | None = None

    async def commit(self) -> None:
        """Return once all that has happened is on disk.

        Raises
        ------
        Refusal
            503: that failed. Nothing is lost, and it can be tried again.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._commit(self._running))
        problem = await asyncio.shield(self._next)  # somebody who has gone does not take the others' commit along
        if problem is not None:
            raise unavailable(problem)

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do other work on the journal between two commits."""
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
                await self.run(self._store.journal.append, changes)
            self.problem = None
        except Exception as error:
            self._store.give_back(changes)
            self.problem = str(error)
            log.exception("the online store could not commit %d changes; they wait for the next commit", len(changes))
        return self.problem
