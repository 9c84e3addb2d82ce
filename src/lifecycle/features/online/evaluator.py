"""Evaluate the feature list record by record, and update the derived values of records that are kept."""

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


class EntityStore(Protocol):
    """Keeps entities and records; each is the same object every time until the work on a record is done."""

    def entity(self, by: str, value: Any) -> Entity:
        """Return the entity of a column and value, a new one when it is unknown."""

    def record(self, arrival: int) -> Record:
        """Return a record that an entity holds."""


class Addition(NamedTuple):
    """The result of adding a record: its features, records whose derived values changed, and arrivals dropped."""

    features: dict[str, Any]
    changed: list[Record]
    dropped: list[int]


class Evaluator:
    """Evaluates a feature list on the entities of a store.

    Derived values are those features of kept records that windows read: they are updated when an earlier record comes
    late. A record may be older than its entities' newest record by `lateness_us` microseconds.
    """

    def __init__(self, plan: Plan, store: EntityStore, lateness_us: int) -> None:
        self._plan, self._store, self._lateness_us = plan, store, lateness_us

    def features(self, record: Record, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features that a record would have if it came now; nothing is kept."""
        entities = self._entities_in_time(record)
        try:
            return self._evaluate(record, inputs, entities, insert=True)
        finally:
            remove_record(record, entities)

    def add(self, record: Record, inputs: Mapping[str, Any]) -> Addition:
        """Keep a record."""
        entities = self._entities_in_time(record)
        try:
            features = self._evaluate(record, inputs, entities, insert=True)
        except BaseException:  # nothing is half kept
            remove_record(record, entities)
            raise
        is_late, dropped = False, []
        for entity in entities:
            is_late |= entity.everything.insert(record) < len(entity.everything.times) - 1
            dropped += entity.prune(self._lateness_us)
        changed = self._update_after(record) if is_late and self._plan.derived else []
        return Addition(features, changed, dropped)

    def reevaluate(self, record: Record, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record that is kept, by what is known now."""
        return self._evaluate(record, inputs, self._entities_in_time(record), insert=False)

    def restore(self, record: Record) -> list[int]:
        """Keep a record whose derived values are known; return arrivals dropped."""
        dropped = []
        for entity in self._entities(record):
            entity.everything.insert(record)
            entity.insert(record)
            dropped += entity.prune(self._lateness_us)
        return dropped

    def change(self, record: Record, values: Mapping[str, Any]) -> None:
        """Give a kept record other values: a label that has come, or a derived value."""
        entities = self._entities(record)
        remove_record(record, entities)
        record.values.update(values)
        for entity in entities:
            entity.insert(record)

    def _entities(self, record: Record) -> list[Entity]:
        """Return a record's entities, in the plan's order."""
        return [self._store.entity(by, record.values[by]) for by in self._plan.tracks]

    def _entities_in_time(self, record: Record) -> list[Entity]:
        """Return a record's entities; raise when it is too late for one."""
        entities = self._entities(record)
        for by, entity in zip(self._plan.tracks, entities, strict=True):
            lag_us = entity.lag_us(record.time)
            if lag_us > self._lateness_us:
                raise LateRecordError(record, by, lag_us, self._lateness_us)
        return entities

    def _evaluate(
        self, record: Record, inputs: Mapping[str, Any], entities: Sequence[Entity], insert: bool
    ) -> dict[str, Any]:
        values = dict(inputs)
        for layer in self._plan.layers:
            layer.evaluate(record, values, entities, insert)
        return values

    def _update_after(self, record: Record) -> list[Record]:
        """Compute the derived values of later records again, oldest first, as far as they change; return those.

        They are final when one of a record's entities has a record that is younger by more than the lateness.
        """
        changed: list[Record] = []
        queue = self._places_after(record)
        heapq.heapify(queue)
        done = set()
        while queue:
            _, arrival = place = heapq.heappop(queue)
            later = self._store.record(arrival)
            if place not in done and not self._is_final(later) and self._update(later):
                changed.append(later)
                for other in self._places_after(later):
                    heapq.heappush(queue, other)
            done.add(place)
        return changed

    def _places_after(self, record: Record) -> list[tuple[int, int]]:
        """Return time and arrival of the records that come after one in any of its entities."""
        return [place for entity in self._entities(record) for place in entity.records_after(record)]

    def _is_final(self, record: Record) -> bool:
        return any(entity.lag_us(record.time) > self._lateness_us for entity in self._entities(record))

    def _update(self, record: Record) -> bool:
        """Compute a kept record's derived values again; return whether one has changed."""
        is_changed, entities, values = False, self._entities(record), dict(record.values)
        for layer in self._plan.derived_layers:
            layer.evaluate(record, values, entities, insert=False)
            others = {name: values[name] for name in layer.derived if not _is_same(values[name], record.values[name])}
            if others:
                self.change(record, others)
            is_changed |= bool(others)
        return is_changed


def remove_record(record: Record, entities: Sequence[Entity]) -> None:
    """Take a record out of all tracks."""
    for entity in entities:
        entity.remove(record)


def _is_same(a: Any, b: Any) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))
