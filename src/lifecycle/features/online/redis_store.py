"""Online state that several service processes share, in Redis.

Each entity is a list of what happened to it, in order: records, and new values of records. A process reads the lists
of a record's entities, works on them as `State` does, and appends; when another process has appended in the meantime,
nothing is written and the work is done again. Redis' own persistence says what a crash of the server may cost
(`appendfsync always`: nothing). Lists of entities that are no longer seen expire.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import redis
from redis.client import Pipeline

from lifecycle.features.online.evaluator import Evaluator
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Record
from lifecycle.features.online.redis_base import load_base
from lifecycle.features.online.redis_home import RedisHome
from lifecycle.features.online.redis_keys import Keys
from lifecycle.features.online.schema import Schema
from lifecycle.features.online.snapshot import Snapshot, refuse_other
from lifecycle.features.online.state import LATENESS_DAYS
from lifecycle.features.vocabulary import DAY_US

T = TypeVar("T")
LAST = 2**63  # arrival of a record that is not kept: behind all others


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
    ) -> None:
        self._plan, self._schema, self._lateness_us = plan, schema, round(lateness_days * DAY_US)
        self._keys = Keys(prefix, plan, self._lateness_us)
        self._server: redis.Redis = redis.Redis.from_url(url, decode_responses=True)
        digest = f"{plan.digest} {lateness_days:g}"
        self._server.set(self._keys.about, digest, nx=True)
        refuse_other("the store", str(self._server.get(self._keys.about)), digest)
        if base is not None:
            base.check(plan, self._lateness_us)
            load_base(self._server, self._keys, plan, base)

    def features(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record, whether it is kept or not; see `State`."""
        return self._answer(row, keep=False)

    def update(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record and return its features; see `State`."""
        return self._answer(row, keep=True)

    def label(self, key: Any, values: Mapping[str, Any]) -> bool:
        """Take labels that have become known; return False when the record is unknown or long out of reach."""
        known, key = self._schema.labels_of(values), self._schema.key_of(key)

        def work(pipe: Pipeline) -> bool:
            home = RedisHome(pipe, self._plan, self._keys)
            record = home.find(key, {})
            if record is not None and any(record.values[column] != value for column, value in known.items()):
                record.values.update(known)
                home.push([record])
            return record is not None

        return self._transact(work)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _answer(self, row: Mapping[str, Any], keep: bool) -> dict[str, Any]:
        event = time, key, inputs = self._schema.event(row)
        values = {name: inputs[name] for name in self._plan.columns}

        def work(pipe: Pipeline) -> dict[str, Any]:
            home = RedisHome(pipe, self._plan, self._keys)
            evaluator = Evaluator(self._plan, home, self._lateness_us)
            kept = home.find(key, values)
            if kept is not None:
                self._schema.check_repeat(kept, event)
                return evaluator.again(kept, inputs)
            if not (keep and self._plan.tracks):
                return evaluator.features(Record(time, LAST, key, dict(values)), inputs)
            record = Record(time, pipe.incr(self._keys.arrivals), key, dict(values))
            added = evaluator.add(record, inputs)
            home.push([record, *added.changed])
            return added.found

        found = self._transact(work)
        return {name: found[name] for name in self._plan.names}

    def _transact(self, work: Callable[[Pipeline], T]) -> T:
        """Do work that watches what it reads, until nobody else has written there in the meantime."""
        while True:
            with self._server.pipeline() as pipe:
                try:
                    return work(pipe)
                except redis.WatchError:
                    continue
