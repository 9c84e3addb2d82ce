"""An online store on a Redis server, with a thread for each connection."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import redis

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.features.aggregates.track import Record
from lifecycle.features.online.evaluator import Evaluator
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Event, Label, Schema
from lifecycle.features.online.snapshot import Snapshot, check_digest
from lifecycle.features.online.state import LATENESS_DAYS, EventStatus
from lifecycle.problem.record_words import DAY_US
from service.online_store.events import FeatureList, base_of, told, unavailable
from service.online_store.history import Outcome, outcome_of
from service.online_store.redis_entity_store import Keys, RedisHome, load_base

T = TypeVar("T")
LAST = 2**63  # arrival of a record that is not kept: behind all others
THREADS = 8  # requests that wait for the server at the same time
TIMEOUT_SECONDS = 5.0  # for one answer of the server


class RedisStore:
    """The features of records as they come, kept by a Redis server.

    Parameters
    ----------
    url : str
        Of the server: `redis://host:port/0` or `unix:///path`.
    plan, schema : Plan, Schema
        Of the feature list and the records.
    prefix : str
        What all names on the server begin with: another one is another store.
    base : Snapshot, optional
        What a new store starts with. The first process loads it, the others wait.
    lateness_days : float
        How much older than its entities' newest record a record may be.
    **options : Any
        Of the client, such as `socket_timeout`; what the address says goes before them.

    Raises
    ------
    PipelineError
        What is there was made for another feature list.
    """

    def __init__(
        self,
        url: str,
        plan: Plan,
        schema: Schema,
        prefix: str,
        base: Snapshot | None = None,
        lateness_days: float = LATENESS_DAYS,
        **options: Any,
    ) -> None:
        self._plan, self.schema, self._lateness_us = plan, schema, round(lateness_days * DAY_US)
        self._keys = Keys(prefix, plan, self._lateness_us)
        self._server: redis.Redis = redis.Redis.from_url(url, **{**options, "decode_responses": True})
        digest = f"{plan.digest} {lateness_days:g}"
        self._server.set(self._keys.about, digest, nx=True)
        check_digest("the store", str(self._server.get(self._keys.about)), digest)
        if base is not None:
            base.check(plan, self._lateness_us)
            load_base(self._server, self._keys, plan, base)

    def features_of_event(self, event: Event) -> dict[str, Any]:
        """Return the features of a record that `schema.event` has read; see `State`."""

        def work(home: RedisHome) -> dict[str, Any]:
            record, known = self._read(home, event)
            evaluator = Evaluator(self._plan, home, self._lateness_us)
            return evaluator.reevaluate(record, event.values) if known else evaluator.features(record, event.values)

        found = self._transact(work)
        return {name: found[name] for name in self._plan.names}

    def keep(self, event: Event | Label) -> EventStatus:
        """Keep a record, or labels that have become known, and tell what it came to; see `State`."""
        if isinstance(event, Label):
            return self._transact(partial(self._learn, event))
        return self._transact(partial(self._add, event))

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _add(self, event: Event, home: RedisHome) -> EventStatus:
        record, known = self._read(home, event)
        if known:
            return "repeated"
        record.arrival = home.arrive()
        added = Evaluator(self._plan, home, self._lateness_us).add(record, event.values)
        home.push([record, *added.changed])
        return "accepted"

    def _learn(self, label: Label, home: RedisHome) -> EventStatus:
        record = home.find(label.key, {})
        if record is None:
            return "unknown"
        if all(record.values[column] == value for column, value in label.values.items()):
            return "repeated"
        record.values.update(label.values)
        home.push([record])
        return "accepted"

    def _read(self, home: RedisHome, event: Event) -> tuple[Record, bool]:
        """Return the record of an event, and whether it is kept."""
        values = {name: event.values[name] for name in self._plan.columns}
        kept = home.find(event.key, values)
        if kept is None:
            return Record(event.time, LAST, event.key, values), False
        self.schema.check_repeat(kept, event)
        return kept, True

    def _transact(self, work: Callable[[RedisHome], T]) -> T:
        """Do work that watches what it reads, until nobody else has written there in the meantime."""
        while True:
            with self._server.pipeline() as pipe:
                try:
                    return work(RedisHome(pipe, self._plan, self._keys))
                except redis.WatchError:
                    continue


class RedisThreads:
    """A store on a Redis server; see `service.online_store.history.Store`.

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
        self.newest = 0  # the server is not asked
        self._store = store
        self._threads = ThreadPoolExecutor(THREADS, "redis")

    async def features(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        """Return the features of records; nothing is kept."""
        evaluate = self._store.features_of_event
        return await self._run(lambda: [told(row, evaluate, event) for row, event in enumerate(events)])

    async def keep(self, events: Sequence[Event | Label]) -> Outcome:
        """Keep events in their order; return once the server has them."""
        taken = await self._run(lambda: [told(row, self._store.keep, event) for row, event in enumerate(events)])
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
