"""Entities and records in Redis: keys, base snapshot, and what a transaction reads and writes."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

import redis
from redis.client import Pipeline

from lifecycle.core.errors import PipelineError
from lifecycle.features.aggregates.track import SPARE, Record
from lifecycle.features.online.entity import Entity
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.snapshot import RowIndex, Snapshot

READY = "ready"
LEASE_SECONDS = 60  # a process that has died while loading is replaced after so long
CHUNK = 2_000  # commands in one transaction
# One answer for a whole list is read several times as fast as one for each item.
READ = """
local found = {redis.call('GET', KEYS[1]) or ''}
for i = 2, #KEYS do
    found[i] = '[' .. table.concat(redis.call('LRANGE', KEYS[i], 0, -1), ',') .. ']'
end
return found
"""


class Keys:
    """Names on the server, and how many seconds they stay without being used.

    Parameters
    ----------
    prefix : str
        What all begin with.
    plan : Plan
        Of the feature list.
    lateness_us : int
        How much older than its entities' newest record a record may be, microseconds.
    """

    def __init__(self, prefix: str, plan: Plan, lateness_us: int) -> None:
        self._prefix = prefix
        self.ages = {by: plan.reach_us(by) + lateness_us for by in plan.tracks}
        # A record that comes late is of use to others that come late.
        self.seconds = (max(self.ages.values(), default=0) + lateness_us) // 1_000_000 + 1
        self.about, self.base, self.arrivals = (f"{prefix}:{name}" for name in ("about", "base", "arrivals"))

    def entity(self, by: str, value: Any) -> str:
        """Return the name of an entity's list."""
        return f"{self._prefix}:entity:{by}:{value}"

    def record(self, key: Any) -> str:
        """Return the name under which a key's arrival and entities stand."""
        return f"{self._prefix}:record:{key}"


def load_base(server: redis.Redis, keys: Keys, plan: Plan, base: Snapshot) -> None:
    """Load the snapshot if nobody has yet; return once it is loaded.

    Parameters
    ----------
    server : Redis
        Decodes its answers.
    keys : Keys
        Names on it.
    plan : Plan
        Of the feature list.
    base : Snapshot
        What to load.

    Raises
    ------
    PipelineError
        The store has been used without this snapshot.
    """
    while server.get(keys.base) != READY:
        if server.exists(keys.arrivals):
            raise PipelineError(f"{keys.base}: records have come before the snapshot was loaded; use another prefix")
        own = secrets.token_hex(8)
        if server.set(keys.base, own, nx=True, ex=LEASE_SECONDS):
            _load(server, keys, own, _commands(keys, plan, base))
        else:
            time.sleep(0.05)


def _load(server: redis.Redis, keys: Keys, own: str, commands: Iterator[tuple[Any, ...]]) -> None:
    """Run commands in transactions, as long as no other process has taken over."""
    while chunk := list(islice(commands, CHUNK)):
        with server.pipeline() as pipe:
            pipe.watch(keys.base)
            if pipe.get(keys.base) != own:
                return
            pipe.multi()
            pipe.expire(keys.base, LEASE_SECONDS)
            for command in chunk:
                pipe.execute_command(*command)
            try:
                pipe.execute()
            except redis.WatchError:
                return


def _commands(keys: Keys, plan: Plan, base: Snapshot) -> Iterator[tuple[Any, ...]]:
    """Yield what makes the lists; the last two make them valid."""
    key, columns = base.key.tolist(), [base.values[name].tolist() for name in (*plan.columns, *plan.derived)]
    rows = zip(range(len(key)), base.time.tolist(), key, zip(*columns, strict=True), strict=True)
    items = [json.dumps(row) for row in rows]
    for by in plan.tracks:
        for value, found in RowIndex(base.values[by]).groups():
            name = keys.entity(by, value)
            yield "DEL", name  # a process that has died may have begun it
            yield "RPUSH", name, *(items[row] for row in found)
            yield "EXPIRE", name, keys.seconds
    entities = zip(*(base.values[by].tolist() for by in plan.tracks), strict=True)
    for row, values in enumerate(entities):
        yield "SET", keys.record(key[row]), json.dumps([row, values]), "EX", keys.seconds
    yield "SET", keys.arrivals, len(key)
    yield "SET", keys.base, READY


class RedisHome:
    """An `EntityStore` in Redis: the keys it reads are watched, and a write fails if another process changed them.

    Parameters
    ----------
    pipe : Pipeline
        A transaction that has not begun to queue commands.
    plan : Plan
        Of the feature list.
    keys : Keys
        Names on the server.
    """

    def __init__(self, pipe: Pipeline, plan: Plan, keys: Keys) -> None:
        self._pipe, self._plan, self._keys = pipe, plan, keys
        self._columns = (*plan.columns, *plan.derived)
        self._entities: dict[str, Entity] = {}
        self._items: dict[int, list[Any]] = {}
        self._records: dict[int, Record] = {}
        self._expired: dict[str, int] = {}

    def entity(self, by: str, value: Any) -> Entity:
        """See `EntityStore`."""
        name = self._keys.entity(by, value)
        if name not in self._entities:
            self._fetch(self._keys.about, {by: value})
        return self._entities[name]

    def record(self, arrival: int) -> Record:
        """See `EntityStore`."""
        if arrival not in self._records:
            _, time, key, values = self._items[arrival]
            self._records[arrival] = Record(time, arrival, key, dict(zip(self._columns, values, strict=True)))
        return self._records[arrival]

    def find(self, key: Any, values: Mapping[str, Any]) -> Record | None:
        """Return the record of a key, None when it is unknown or no entity holds it any more.

        Parameters
        ----------
        key : int or str
            The key.
        values : mapping of str to value
            Its entities, as far as they are known: what is read together costs less.
        """
        found = self._fetch(self._keys.record(key), {by: values[by] for by in self._plan.tracks if by in values})
        if not found:
            return None
        arrival, entities = json.loads(found)
        for by, value in zip(self._plan.tracks, entities, strict=True):
            self.entity(by, value)
        return self.record(arrival) if arrival in self._items else None

    def arrive(self) -> int:
        """Return the arrival of one more record."""
        return int(self._pipe.incr(self._keys.arrivals))

    def push(self, records: Sequence[Record]) -> None:
        """Write records that are new or have new values, all or none.

        Raises
        ------
        WatchError
            Another process has changed what was read.
        """
        self._pipe.multi()
        for record in records:
            item = json.dumps(
                [record.arrival, record.time, record.key, [record.values[name] for name in self._columns]]
            )
            entities = [record.values[by] for by in self._plan.tracks]
            for name in map(self._keys.entity, self._plan.tracks, entities):
                self._pipe.rpush(name, item)
                if self._expired.get(name, 0) > SPARE:
                    self._pipe.ltrim(name, self._expired.pop(name), -1)
                self._pipe.expire(name, self._keys.seconds)
            place = json.dumps([record.arrival, entities])
            self._pipe.set(self._keys.record(record.key), place, ex=self._keys.seconds)
        self._pipe.execute()

    def _fetch(self, record: str, entities: Mapping[str, Any]) -> str:
        """Read entities, and what stands under a name."""
        names = [self._keys.entity(by, value) for by, value in entities.items()]
        self._pipe.watch(record, *names)
        found, *lists = self._pipe.eval(READ, 1 + len(names), record, *names)
        for by, name, items in zip(entities, names, lists, strict=True):
            self._entities[name] = self._made(by, name, json.loads(items))
        return str(found)

    def _made(self, by: str, name: str, items: list[list[Any]]) -> Entity:
        limit = max((item[1] for item in items), default=0) - self._keys.ages[by]
        last = {item[0]: item for item in items if item[1] > limit}
        self._expired[name] = next((n for n, item in enumerate(items) if item[1] > limit), 0)
        self._items |= last
        kept = sorted(last.values(), key=itemgetter(1, 0))
        columns = {column: [item[3][n] for item in kept] for n, column in enumerate(self._columns)}
        entity = Entity(self._plan.tracks[by])
        entity.fill([item[1] for item in kept], [item[0] for item in kept], columns)
        return entity
