"""Entities and records in memory, on top of a snapshot that stays as it is."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from lifecycle.features.aggregates.track import Record
from lifecycle.features.online.entity import NEVER, Entity
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.snapshot import RowIndex, Snapshot, merge, within_reach

ENTITIES_A_TURN = 1_000  # looked at in less than a millisecond


class RecordStore:
    """Keeps entities and records in memory; a `lifecycle.features.online.evaluator.EntityStore`.

    An entity is loaded from the snapshot `base` at its first use. So is a record, whose arrival is its row there.
    Most never are.

    Attributes
    ----------
    arrivals : int
        How many records have come: the next one's number.
    newest : int
        Time of the newest one, microseconds since 1970.
    horizon : int
        Entities whose newest record is out of reach of records of this time or later are forgotten.
    """

    def __init__(self, plan: Plan, base: Snapshot, lateness_us: int) -> None:
        self.arrivals = len(base.time)
        self.newest = int(base.time[-1]) if self.arrivals else NEVER
        self.horizon = NEVER if base.horizon is None else base.horizon
        self._plan, self._base, self._lateness_us = plan, base, lateness_us
        self._ages = {by: plan.reach_us(by) + lateness_us for by in plan.tracks}
        # Sorted now, so that the first question does not wait for it.
        self._rows_by_key = RowIndex(base.key)
        self._rows_by_entity = {by: RowIndex(base.values[by]) for by in plan.tracks}
        self._entities: dict[str, dict[Any, Entity]] = {by: {} for by in plan.tracks}
        self._without_records: dict[tuple[str, Any], Entity] = {}
        self._records: dict[int, Record] = {}
        self._arrival_of: dict[Any, int] = {}
        self._added = self._forgotten = 0

    def entity(self, by: str, value: Any) -> Entity:
        """Return the entity of a column and value, a new one when it is unknown."""
        return self._entities[by].get(value) or self._without_records.get((by, value)) or self._load(by, value)

    def record(self, arrival: int) -> Record:
        """Return a record that an entity holds."""
        return self._records.get(arrival) or self._remember(self._base.record(arrival))

    def find(self, key: Any) -> Record | None:
        """Return the record of a key, None when it is unknown or no entity holds it any more."""
        arrival = self._arrival_of.get(key)
        if arrival is None:
            rows = self._rows_by_key.of(key)
            return self.record(int(rows[0])) if len(rows) and self._is_held(self._base.record(int(rows[0]))) else None
        return self._records[arrival]

    def add(self, record: Record) -> None:
        """Keep a record, and its entities when it is the first of theirs."""
        self._remember(record)
        self.newest = max(self.newest, record.time)
        for by, value in [place for place in self._without_records if record.values[place[0]] == place[1]]:
            self._entities[by][value] = self._without_records.pop((by, value))
            self._added += 1

    def drop_empty(self) -> None:
        """Forget entities that were asked for and have no record: whoever asks must not fill the memory."""
        self._without_records.clear()

    def forget(self, arrivals: Iterable[int]) -> None:
        """Forget those records that no entity holds any more."""
        for arrival in arrivals:
            record = self._records.get(arrival)
            if record is not None and not self._is_held(record):
                del self._records[arrival], self._arrival_of[record.key]
                self._forgotten += 1

    def expire(self, horizon: int) -> Iterator[None]:
        """Forget entities that no record of this time or later can see; gives others a turn now and then."""
        self.horizon = max(self.horizon, horizon)
        for by, entities in self._entities.items():
            for number, (value, entity) in enumerate(list(entities.items())):
                if entity.everything.times[-1] <= self.horizon - self._ages[by]:
                    del entities[value]
                    self._added -= 1
                    self.forget(entity.everything.arrivals)
                    self.drop_empty()
                if number % ENTITIES_A_TURN == 0:
                    yield

    def size(self) -> dict[str, int]:
        """Return how many entities and, at most, how many records are kept."""
        entities = self._added + sum(rows.different for rows in self._rows_by_entity.values())
        return {"entities": entities, "records": self.arrivals - self._forgotten}

    def snapshot(self, position: int) -> Snapshot:
        """Return all records that a window can reach."""
        merged = merge(self._base, list(self._records.values()))
        horizon = None if self.horizon == NEVER else self.horizon
        current = replace(merged, lateness_us=self._lateness_us, position=position, horizon=horizon)
        return within_reach(self._plan, current)

    def _load(self, by: str, value: Any) -> Entity:
        """Make an entity from the snapshot; one of which nothing is known is kept apart until it has a record."""
        base, plans = self._base, self._plan.tracks[by]
        rows = self._rows_by_entity[by].of(value)
        times = base.time[rows]
        if not len(rows) or times[-1] <= self.horizon - self._ages[by]:
            entity = self._without_records[by, value] = Entity(plans, self.horizon)
            return entity
        entity = self._entities[by][value] = Entity(plans)
        rows = rows[times.searchsorted(times[-1] - self._ages[by], side="right") :]
        columns = {name: base.values[name][rows].tolist() for name in {n for plan in plans for n in plan.columns}}
        entity.fill(base.time[rows].tolist(), rows.tolist(), columns)
        return entity

    def _remember(self, record: Record) -> Record:
        self._records[record.arrival] = record
        self._arrival_of[record.key] = record.arrival
        self.arrivals = max(self.arrivals, record.arrival + 1)
        return record

    def _is_held(self, record: Record) -> bool:
        return any(self.entity(by, record.values[by]).holds(record) for by in self._plan.tracks)
