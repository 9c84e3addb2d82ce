"""Entities and records in memory, on top of a snapshot that stays as it is."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lifecycle.features.online.entity import Entity
from lifecycle.features.online.packing import Rows, as_kept
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Record
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.features.online.taking import reached


class Kept:
    """A `lifecycle.features.online.home.Home`.

    An entity is made from the snapshot when it is first asked for, a record of the snapshot (its arrival is its row)
    when it is first asked for by itself: most never are.

    Parameters
    ----------
    plan : Plan
        Of the feature list.
    base : Snapshot
        What is known at the start.
    lateness_us : int
        How much older than its entities' newest record a record may be, microseconds.

    Attributes
    ----------
    arrivals : int
        How many records have come: the next one's number.
    """

    def __init__(self, plan: Plan, base: Snapshot, lateness_us: int) -> None:
        self.arrivals = len(base.time)
        self._plan, self._base, self._lateness_us = plan, base, lateness_us
        self._ages = {by: plan.reach_us(by) + lateness_us for by in plan.tracks}
        # Sorted now, so that the first question does not wait for it.
        self._rows_by_key = Rows(base.key)
        self._rows_by_entity = {by: Rows(base.values[by]) for by in plan.tracks}
        self._entities: dict[str, dict[Any, Entity]] = {by: {} for by in plan.tracks}
        self._records: dict[int, Record] = {}
        self._arrival_of: dict[Any, int] = {}

    def entity(self, by: str, value: Any) -> Entity:
        """See `Home`."""
        return self._entities[by].get(value) or self._from_base(by, value)

    def record(self, arrival: int) -> Record:
        """See `Home`."""
        return self._records.get(arrival) or self.keep(self._base.record(arrival))

    def find(self, key: Any) -> Record | None:
        """Return the record of a key, None when it is unknown or no entity holds it any more."""
        arrival = self._arrival_of.get(key)
        if arrival is None:
            rows = self._rows_by_key.of(key)
            return self.record(int(rows[0])) if len(rows) and self._is_held(self._base.record(int(rows[0]))) else None
        return self._records[arrival]

    def keep(self, record: Record) -> Record:
        """Remember a record by itself."""
        self._records[record.arrival] = record
        self._arrival_of[record.key] = record.arrival
        self.arrivals = max(self.arrivals, record.arrival + 1)
        return record

    def forget(self, arrivals: Iterable[int]) -> None:
        """Forget those records that no entity holds any more."""
        for arrival in arrivals:
            record = self._records.get(arrival)
            if record is not None and not self._is_held(record):
                del self._records[arrival], self._arrival_of[record.key]

    def snapshot(self, position: int) -> Snapshot:
        """Return all records that a window can reach."""
        records = list(self._records.values())
        standing = np.ones(len(self._base.time), bool)
        standing[[record.arrival for record in records if record.arrival < len(standing)]] = False
        rows = np.flatnonzero(standing)
        time = np.append(self._base.time[rows], np.array([record.time for record in records], np.int64))
        arrival = np.append(rows, np.array([record.arrival for record in records], np.int64))
        order = np.lexsort((arrival, time))

        def joined(column: np.ndarray, added: list[Any]) -> np.ndarray:
            return as_kept(column[rows].tolist() + added)[order]

        columns = self._base.values.items()
        values = {name: joined(column, [record.values[name] for record in records]) for name, column in columns}
        key = joined(self._base.key, [record.key for record in records])
        return reached(self._plan, Snapshot(time[order], key, values, self._plan.digest, self._lateness_us, position))

    def _from_base(self, by: str, value: Any) -> Entity:
        base, plans = self._base, self._plan.tracks[by]
        entity = self._entities[by][value] = Entity(plans)
        rows = self._rows_by_entity[by].of(value)
        if len(rows):
            times = base.time[rows]
            rows = rows[times.searchsorted(times[-1] - self._ages[by], side="right") :]
            columns = {name: base.values[name][rows].tolist() for name in {n for plan in plans for n in plan.columns}}
            entity.fill(base.time[rows].tolist(), rows.tolist(), columns)
        return entity

    def _is_held(self, record: Record) -> bool:
        return any(self.entity(by, record.values[by]).holds(record) for by in self._plan.tracks)
