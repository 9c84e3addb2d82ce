"""What the online evaluator needs of those who keep entities, and what it tells them."""

import heapq
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from lifecycle.features.aggregates.track import Record
from lifecycle.features.online.entity import Entity
from lifecycle.features.online.plan import Plan
from lifecycle.problem.record_words import DAY_US


class LateRecordError(ValueError):
    """A record is older than the newest of one of its entities by more than the state remembers."""

    def __init__(self, record: Record, by: str, behind_us: int, lateness_us: int) -> None:
        super().__init__(
            f"record {record.key}: {behind_us / DAY_US:.2f} days older than the newest of {by} {record.values[by]};"
            f" at most {lateness_us / DAY_US:g} can be taken"
        )
        self.by, self.behind_us, self.lateness_us = by, behind_us, lateness_us


class RepeatError(ValueError):
    """Another record is kept under the key of a record."""

    def __init__(self, key: Any, column: str) -> None:
        super().__init__(f"record {key}: already kept with another {column}")
        self.column = column


class Home(Protocol):
    """Where entities and records are; each is the same object every time until the work on a record is done."""

    def entity(self, by: str, value: Any) -> Entity:
        """Return the entity of a column and value, a new one when it is unknown."""

    def record(self, arrival: int) -> Record:
        """Return a record that an entity holds."""


class Added(NamedTuple):
    """What keeping a record has done: its features, records whose derived values changed, and arrivals dropped."""

    found: dict[str, Any]
    changed: list[Record]
    dropped: list[int]


class Evaluator:
    """The feature list at work.

    Parameters
    ----------
    plan : Plan
        Of the feature list.
    home : Home
        Gives the entities and records.
    lateness_us : int
        How much older than its entities' newest record a record may be, microseconds.
    """

    def __init__(self, plan: Plan, home: Home, lateness_us: int) -> None:
        self._plan, self._lateness_us = plan, lateness_us
        self._settler = Settler(plan, home, lateness_us)

    def features(self, record: Record, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features that a record would have if it came now; nothing is kept."""
        entities = self._timely(record)
        try:
            return self._evaluate(record, inputs, entities, insert=True)
        finally:
            take_out(record, entities)

    def add(self, record: Record, inputs: Mapping[str, Any]) -> Added:
        """Keep a record."""
        entities = self._timely(record)
        try:
            found = self._evaluate(record, inputs, entities, insert=True)
        except BaseException:  # nothing is half kept
            take_out(record, entities)
            raise
        late, dropped = False, []
        for entity in entities:
            late |= entity.everything.insert(record) < len(entity.everything.times) - 1
            dropped += entity.prune(self._lateness_us)
        return Added(found, self._settler.settle(record) if late and self._plan.derived else [], dropped)

    def again(self, record: Record, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record that is kept, by what is known now."""
        return self._evaluate(record, inputs, self._timely(record), insert=False)

    def restore(self, record: Record) -> list[int]:
        """Keep a record whose derived values are known; return arrivals dropped."""
        dropped = []
        for entity in self._settler.entities(record):
            entity.everything.insert(record)
            entity.put(record)
            dropped += entity.prune(self._lateness_us)
        return dropped

    def change(self, record: Record, values: Mapping[str, Any]) -> None:
        """Give a kept record other values: a label that has come."""
        self._settler.change(record, values)

    def _timely(self, record: Record) -> list[Entity]:
        """Return a record's entities unless it is too late for one."""
        entities = self._settler.entities(record)
        for by, entity in zip(self._plan.tracks, entities, strict=True):
            behind = entity.behind(record.time)
            if behind > self._lateness_us:
                raise LateRecordError(record, by, behind, self._lateness_us)
        return entities

    def _evaluate(
        self, record: Record, inputs: Mapping[str, Any], entities: Sequence[Entity], insert: bool
    ) -> dict[str, Any]:
        found = dict(inputs)
        for layer in self._plan.layers:
            layer.evaluate(record, found, entities, insert)
        return found


class Settler:
    """Derived values, on the entities of a home.

    Parameters
    ----------
    plan : Plan
        Of the feature list.
    home : Home
        Gives the entities and records.
    lateness_us : int
        A record's derived values are final when one of its entities has a record younger by more than that.
    """

    def __init__(self, plan: Plan, home: Home, lateness_us: int) -> None:
        self._plan, self._home, self._lateness_us = plan, home, lateness_us

    def entities(self, record: Record) -> list[Entity]:
        """Return a record's entities, in the plan's order."""
        return [self._home.entity(by, record.values[by]) for by in self._plan.tracks]

    def change(self, record: Record, values: Mapping[str, Any]) -> None:
        """Give a kept record other values: a label that has come, or a derived value."""
        entities = self.entities(record)
        take_out(record, entities)
        record.values.update(values)
        for entity in entities:
            entity.put(record)

    def settle(self, record: Record) -> list[Record]:
        """Compute the derived values of later records again, oldest first, as far as they change."""
        changed: list[Record] = []
        queue = self._later(record)
        heapq.heapify(queue)
        done = set()
        while queue:
            _, arrival = place = heapq.heappop(queue)
            later = self._home.record(arrival)
            if place not in done and not self._is_final(later) and self._derive(later):
                changed.append(later)
                for other in self._later(later):
                    heapq.heappush(queue, other)
            done.add(place)
        return changed

    def _later(self, record: Record) -> list[tuple[int, int]]:
        """Return time and arrival of the records behind one in any of its entities."""
        return [place for entity in self.entities(record) for place in entity.later(record)]

    def _is_final(self, record: Record) -> bool:
        return any(entity.behind(record.time) > self._lateness_us for entity in self.entities(record))

    def _derive(self, record: Record) -> bool:
        """Compute a kept record's derived values again; tell whether one has changed."""
        changed, entities, found = False, self.entities(record), dict(record.values)
        for layer in self._plan.derived_layers:
            layer.evaluate(record, found, entities, insert=False)
            values = {name: found[name] for name in layer.derived if not _same(found[name], record.values[name])}
            if values:
                self.change(record, values)
            changed |= bool(values)
        return changed


def take_out(record: Record, entities: Sequence[Entity]) -> None:
    """Take a record out of all tracks."""
    for entity in entities:
        entity.take(record)


def _same(a: Any, b: Any) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))
