"""The online state on a Redis server: its client blocks, so it is asked in threads."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import redis

from lifecycle.features.online.redis_store import RedisStore
from lifecycle.features.online.schema import Event, Label
from lifecycle.model.servable import Servable
from lifecycle.serving.online.feature_list import FeatureList, base_of
from lifecycle.serving.online.outcome import Outcome, outcome_of
from lifecycle.serving.online.store_errors import told, unavailable
from lifecycle.stage import PipelineError

T = TypeVar("T")
THREADS = 8  # requests that wait for the server at the same time
TIMEOUT_SECONDS = 5.0  # for one answer of the server


class RedisThreads:
    """A store on a Redis server; see `lifecycle.serving.online.history.Store`.

    Events of one request are kept one after the other: when one is refused, those before it are kept.

    Parameters
    ----------
    store : RedisStore
        Safe to use from several threads.

    Attributes
    ----------
    problem : str or None
        Why the server could not be asked the last time.
    """

    def __init__(self, store: RedisStore) -> None:
        self.problem: str | None = None
        self._store = store
        self._threads = ThreadPoolExecutor(THREADS, "redis")

    async def features(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        """Return the features of records; nothing is kept."""
        return await self._run(lambda: [told(row, self._store.ask, event) for row, event in enumerate(events)])

    async def keep(self, events: Sequence[Event | Label]) -> Outcome:
        """Keep events in their order; return once the server has them."""
        taken = await self._run(lambda: [told(row, self._store.take, event) for row, event in enumerate(events)])
        return outcome_of(taken)

    async def size(self) -> dict[str, int]:
        """Return nothing: the server has its own metrics."""
        return {}

    async def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown()
        self._store.close()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except redis.RedisError as error:
            self.problem = f"Redis: {error}"
            raise unavailable(self.problem) from error
        self.problem = None
        return found


async def open_redis(place: str, servable: Servable, made: FeatureList) -> RedisThreads:
    """Open the store of a model on a Redis server; a new one starts with the bundle's snapshot.

    Raises
    ------
    PipelineError
        It can't be reached, or its store of this name is for another feature list.
    """
    base = base_of(servable.folder, servable.manifest)
    options = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    try:
        redis.connection.parse_url(place)
    except ValueError as error:
        raise PipelineError(f"SERVE_STORE: {error}") from error
    try:
        store = await asyncio.to_thread(RedisStore, place, made.plan, made.schema, servable.name, base, **options)
    except redis.RedisError as error:
        raise PipelineError(f"SERVE_STORE: {error}") from error
    return RedisThreads(store)
