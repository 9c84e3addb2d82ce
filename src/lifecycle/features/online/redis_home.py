"""Entities as lists on a Redis server, for the work on one record.

An item of a list is a record as JSON: arrival, time, key, and what windows read of it. A later item of the same arrival
takes the place of an earlier one.
"""

import json
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from redis.client import Pipeline

from lifecycle.features.online.entity import Entity
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Record
from lifecycle.features.online.redis_keys import Keys
from lifecycle.features.online.track import SPARE

# One answer for a whole list is read several times as fast as one for each item.
READ = """
local found = {redis.call('GET', KEYS[1]) or ''}
for i = 2, #KEYS do
    found[i] = '[' .. table.concat(redis.call('LRANGE', KEYS[i], 0, -1), ',') .. ']'
end
return found
"""


class RedisHome:
    """A `Home` in Redis: what it reads is watched, so that nothing is written on what others changed.

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
        """See `Home`."""
        name = self._keys.entity(by, value)
        if name not in self._entities:
            self._fetch(self._keys.about, {by: value})
        return self._entities[name]

    def record(self, arrival: int) -> Record:
        """See `Home`."""
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
