"""Change records that are kept, and keep right what later records were derived from."""

import heapq
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.features.online.entity import Entity
from lifecycle.features.online.home import Home
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Record


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
