"""Evaluate a feature list for one record at a time, on state that is kept by entity.

The state of an entity is bounded: records that no window can reach any more are dropped. A record may come late by
`lateness_days`: it takes its place in time, and what later records were derived from is computed again, so that the
state is the one that records in order would have left. The derived values of a record are final once one of its
entities has a record younger by more than that.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.features.online.entity import Entity
from lifecycle.features.online.home import Added, Home, LateRecordError
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Record
from lifecycle.features.online.settle import Settler, take_out


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
