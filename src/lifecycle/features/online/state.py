"""The online state that one process keeps in memory, and a draft of it that shows what events would do."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from lifecycle.features.aggregates.track import Record
from lifecycle.features.online.evaluator import Evaluator, LateRecordError
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Event, Label, Schema
from lifecycle.features.online.record_store import RecordStore
from lifecycle.features.online.snapshot import Snapshot, empty_snapshot
from lifecycle.problem.record_words import DAY_US

# The result for an event: new, known already with the same content, or labels of an unknown record.
EventStatus = Literal["accepted", "repeated", "unknown"]
LATENESS_DAYS = 1.0


class Change(NamedTuple):
    """What a journal must hold to restore the state: a record (with its time), or new values of a kept one."""

    key: Any
    time: int | None
    values: Mapping[str, Any]


class State:
    """The features of records as they come.

    Parameters
    ----------
    base : Snapshot, optional
        The records at the start.
    lateness_days : float
        How much older than its entities' newest record a record may be.

    Attributes
    ----------
    store : RecordStore
        Its entities and records.
    changes : list of Change
        All changes since the caller last emptied this list.
    """

    def __init__(
        self, plan: Plan, schema: Schema, base: Snapshot | None = None, lateness_days: float = LATENESS_DAYS
    ) -> None:
        self.lateness_us = round(lateness_days * DAY_US)
        if base is not None:
            base.check(plan, self.lateness_us)
        self.changes: list[Change] = []
        self.plan, self.schema = plan, schema
        self.store = RecordStore(plan, base or empty_snapshot(plan, self.lateness_us), self.lateness_us)
        self._evaluator = Evaluator(plan, self.store, self.lateness_us)

    def features(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record, whether it is kept or not; nothing changes.

        Raises
        ------
        ValueError
            The row is not a record, too late, or another one is kept under its key.
        """
        return self.features_of_event(self.schema.event(row))

    def update(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record and return its features; one that is kept already is not kept twice. Raises as `features`."""
        event = self.schema.event(row)
        return self._reevaluate(event) or self._listed(self._add(event))

    def features_of_event(self, event: Event) -> dict[str, Any]:
        """Return the features of a record that `schema.event` has read; see `features`."""
        try:
            return self._reevaluate(event) or self._listed(self._evaluator.features(self._record(event), event.values))
        finally:
            self.store.drop_empty()

    def label(self, key: Any, values: Mapping[str, Any]) -> bool:
        """Take labels that have become known; return False when no window can reach the record, or it is unknown."""
        return self._learn(self.schema.label(key, values)) != "unknown"

    def keep(self, event: Event | Label) -> EventStatus:
        """Keep a record, or labels that have become known, without returning features. Raises as `features`."""
        if isinstance(event, Label):
            return self._learn(event)
        record = self.store.find(event.key)
        if record is None:
            self._add(event)
            return "accepted"
        self.schema.check_repeat(record, event)
        return "repeated"

    def apply(self, change: Change) -> None:
        """Repeat a change that a journal holds."""
        record = self.store.find(change.key)
        if change.time is None:
            if record is not None:
                self._evaluator.change(record, change.values)
        elif record is None:
            record = Record(change.time, self.store.arrivals, change.key, dict(change.values))
            dropped = self._evaluator.restore(record)
            self.store.add(record)
            self.store.forget(dropped)

    def snapshot(self, position: int = 0) -> Snapshot:
        """Return all records within reach."""
        return self.store.snapshot(position)

    def _reevaluate(self, event: Event) -> dict[str, Any] | None:
        """Return the features of a record that is kept already."""
        record = self.store.find(event.key)
        if record is None:
            return None
        self.schema.check_repeat(record, event)
        return self._listed(self._evaluator.reevaluate(record, event.values))

    def _add(self, event: Event) -> dict[str, Any]:
        record = self._record(event)
        if not self.plan.tracks:  # a list without windows has nothing to remember
            return self._evaluator.features(record, event.values)
        values, changed, dropped = self._evaluator.add(record, event.values)
        self.store.add(record)
        self.store.forget(dropped)
        self.store.drop_empty()
        # A copy: what comes later must not reach the journal before its own change does.
        self.changes.append(Change(record.key, record.time, dict(record.values)))
        for later in changed:
            self.changes.append(Change(later.key, None, {name: later.values[name] for name in self.plan.derived}))
        return values

    def _learn(self, label: Label) -> EventStatus:
        record = self.store.find(label.key)
        if record is None:
            self.store.drop_empty()
            return "unknown"
        if all(record.values[name] == value for name, value in label.values.items()):
            return "repeated"
        self._evaluator.change(record, label.values)
        self.changes.append(Change(label.key, None, label.values))
        return "accepted"

    def _record(self, event: Event) -> Record:
        return Record(event.time, self.store.arrivals, event.key, {n: event.values[n] for n in self.plan.columns})

    def _listed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns that the feature list makes."""
        return {name: values[name] for name in self.plan.names}


class Draft:
    """A state as it would be if it kept some events; the state itself stays as it is, and must not change meanwhile."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._records: dict[Any, Record] = {}
        self._newest: dict[tuple[str, Any], int] = {}

    def add(self, event: Event) -> bool:
        """Add a record behind those that were added before; return False when it is kept already.

        Raises
        ------
        LateRecordError
            It is too late.
        RepeatError
            Another record is kept under its key.
        """
        known = self._records.get(event.key) or self._state.store.find(event.key)
        if known is not None:
            self._state.schema.check_repeat(known, event)
            return False
        record = Record(event.time, 0, event.key, event.values)
        for by in self._state.plan.tracks:
            self._check_lateness(by, record)
        self._records[event.key] = record
        return True

    def _check_lateness(self, by: str, record: Record) -> None:
        """Raise when a record is too late for one of its entities; remember it as a record of that."""
        place, lateness_us = (by, record.values[by]), self._state.lateness_us
        newest = self._newest.get(place, record.time)
        lag_us = max(self._state.store.entity(*place).lag_us(record.time), newest - record.time)
        if lag_us > lateness_us:
            raise LateRecordError(record, by, lag_us, lateness_us)
        self._newest[place] = max(newest, record.time)
