"""Online state that several service processes share, in Redis.

Each entity is a list of what happened to it, in order: records, and new values of records. A process reads the lists
of a record's entities, works on them as `State` does, and appends; when another process has appended in the meantime,
nothing is written and the work is done again. Redis' own persistence says what a crash of the server may cost
(`appendfsync always`: nothing). Lists of entities that are no longer seen expire.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import redis

from lifecycle.features.online.evaluator import Evaluator
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Record, Taken
from lifecycle.features.online.redis_base import load_base
from lifecycle.features.online.redis_home import RedisHome
from lifecycle.features.online.redis_keys import Keys
from lifecycle.features.online.schema import Event, Label, Schema
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
        refuse_other("the store", str(self._server.get(self._keys.about)), digest)
        if base is not None:
            base.check(plan, self._lateness_us)
            load_base(self._server, self._keys, plan, base)

    def features(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record, whether it is kept or not; see `State`."""
        return self.ask(self.schema.event(row))

    def update(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record and return its features; see `State`."""
        event = self.schema.event(row)
        return self._named(self._add(event) or self.ask(event))

    def label(self, key: Any, values: Mapping[str, Any]) -> bool:
        """Take labels that have become known; return False when the record is unknown or long out of reach."""
        return self._learn(self.schema.label(key, values)) != "unknown"

    def ask(self, event: Event) -> dict[str, Any]:
        """Return the features of a record that `schema.event` has read; see `State`."""

        def work(home: RedisHome) -> dict[str, Any]:
            record, known = self._read(home, event)
            evaluator = Evaluator(self._plan, home, self._lateness_us)
            return evaluator.again(record, event.values) if known else evaluator.features(record, event.values)

        return self._named(self._transact(work))

    def take(self, event: Event | Label) -> Taken:
        """Keep a record, or labels that have become known, and tell what it came to; see `State`."""
        if isinstance(event, Label):
            return self._learn(event)
        return "repeated" if self._add(event) is None else "accepted"

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _add(self, event: Event) -> dict[str, Any] | None:
        """Keep a record and return what was found for it; None when it is kept already."""
        if not self._plan.tracks:  # a list without windows has nothing to remember
            return self.ask(event)

        def work(home: RedisHome) -> dict[str, Any] | None:
            record, known = self._read(home, event)
            if known:
                return None
            record.arrival = home.arrive()
            added = Evaluator(self._plan, home, self._lateness_us).add(record, event.values)
            home.push([record, *added.changed])
            return added.found

        return self._transact(work)

    def _learn(self, label: Label) -> Taken:
        def work(home: RedisHome) -> Taken:
            record = home.find(label.key, {})
            if record is None:
                return "unknown"
            if all(record.values[column] == value for column, value in label.values.items()):
                return "repeated"
            record.values.update(label.values)
            home.push([record])
            return "accepted"

        return self._transact(work)

    def _read(self, home: RedisHome, event: Event) -> tuple[Record, bool]:
        """Return the record of an event, and whether it is kept."""
        values = {name: event.values[name] for name in self._plan.columns}
        kept = home.find(event.key, values)
        if kept is None:
            return Record(event.time, LAST, event.key, values), False
        self.schema.check_repeat(kept, event)
        return kept, True

    def _named(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {name: found[name] for name in self._plan.names}

    def _transact(self, work: Callable[[RedisHome], T]) -> T:
        """Do work that watches what it reads, until nobody else has written there in the meantime."""
        while True:
            with self._server.pipeline() as pipe:
                try:
                    return work(RedisHome(pipe, self._plan, self._keys))
                except redis.WatchError:
                    continue
