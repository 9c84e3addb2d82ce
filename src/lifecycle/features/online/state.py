"""Online state in memory, that one process keeps."""

from collections.abc import Mapping
from typing import Any

from lifecycle.features.online.evaluator import Evaluator
from lifecycle.features.online.kept import Kept
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Change, Record
from lifecycle.features.online.schema import Schema
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.features.online.taking import empty
from lifecycle.features.vocabulary import DAY_US

LATENESS_DAYS = 1.0


class State:
    """The features of records as they come.

    Parameters
    ----------
    plan : Plan
        Of the feature list.
    schema : Schema
        How records look.
    base : Snapshot, optional
        What is known at the start.
    lateness_days : float
        How much older than its entities' newest record a record may be.

    Attributes
    ----------
    changes : list of Change
        What has happened since somebody last emptied it.
    """

    def __init__(
        self, plan: Plan, schema: Schema, base: Snapshot | None = None, lateness_days: float = LATENESS_DAYS
    ) -> None:
        lateness_us = round(lateness_days * DAY_US)
        if base is not None:
            base.check(plan, lateness_us)
        self.changes: list[Change] = []
        self._plan, self._schema = plan, schema
        self._kept = Kept(plan, base or empty(plan, lateness_us), lateness_us)
        self._evaluator = Evaluator(plan, self._kept, lateness_us)

    def features(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record, whether it is kept or not; nothing changes.

        Raises
        ------
        ValueError
            The row is not a record, too late, or another one is kept under its key.
        """
        return self._answer(row, keep=False)

    def update(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record and return its features; one that is kept already is not kept twice.

        Raises
        ------
        ValueError
            The row is not a record, too late, or another one is kept under its key.
        """
        return self._answer(row, keep=True)

    def label(self, key: Any, values: Mapping[str, Any]) -> bool:
        """Take labels that have become known; return False when no window can reach the record, or it is unknown.

        Raises
        ------
        ValueError
            A value has a wrong type.
        """
        known, record = self._schema.labels_of(values), self._kept.find(self._schema.key_of(key))
        if record is not None and any(record.values[name] != value for name, value in known.items()):
            self._evaluator.change(record, known)
            self.changes.append(Change(key, None, known))
        return record is not None

    def apply(self, change: Change) -> None:
        """Do again what a journal tells of."""
        record = self._kept.find(change.key)
        if change.time is None:
            if record is not None:
                self._evaluator.change(record, change.values)
        elif record is None:
            record = Record(change.time, self._kept.arrivals, change.key, dict(change.values))
            dropped = self._evaluator.restore(record)
            self._kept.keep(record)
            self._kept.forget(dropped)

    def snapshot(self, position: int = 0) -> Snapshot:
        """Return all records within reach."""
        return self._kept.snapshot(position)

    def _answer(self, row: Mapping[str, Any], keep: bool) -> dict[str, Any]:
        event = time, key, inputs = self._schema.event(row)
        kept = self._kept.find(key)
        if kept is not None:
            self._schema.check_repeat(kept, event)
            found = self._evaluator.again(kept, inputs)
        else:
            record = Record(time, self._kept.arrivals, key, {name: inputs[name] for name in self._plan.columns})
            # A list without windows has nothing to remember.
            add = keep and self._plan.tracks
            found = self._add(record, inputs) if add else self._evaluator.features(record, inputs)
        return {name: found[name] for name in self._plan.names}

    def _add(self, record: Record, inputs: Mapping[str, Any]) -> dict[str, Any]:
        found, changed, dropped = self._evaluator.add(record, inputs)
        self._kept.keep(record)
        self._kept.forget(dropped)
        self.changes.append(Change(record.key, record.time, record.values))
        for later in changed:
            self.changes.append(Change(later.key, None, {name: later.values[name] for name in self._plan.derived}))
        return found
