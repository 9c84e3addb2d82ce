"""The schema of records in the online state: their columns and types, and which of them come late."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lifecycle.features.aggregates.track import Record
from lifecycle.features.online.plan import Plan
from lifecycle.problem.problem import Problem

EPOCH = datetime(1970, 1, 1)
LARGEST = 2**63  # what arrays of 64 bits can't hold
TYPES = {"integer": int, "number": float, "text": str}
UNKNOWN = {int: 0, float: 0.0, str: ""}  # a label that has not come yet
MISSING = {int: math.nan, float: math.nan, str: None}  # as the batch table has it


class ColumnError(ValueError):
    """A column of a record has no legal value."""

    def __init__(self, column: str, words: str) -> None:
        super().__init__(f"column {column}: {words}")
        self.column = column


class RepeatError(ValueError):
    """Another record is kept under the key of a record."""

    def __init__(self, key: Any, column: str) -> None:
        super().__init__(f"record {key}: already kept with another {column}")
        self.column = column


def microseconds(value: Any, column: str) -> int:
    """Return a time as microseconds since 1970: from that, a datetime, or ISO text. With a zone it is turned into UTC.

    Raises
    ------
    ColumnError
        It is no time.
    """
    if type(value) is int:
        return typed(value, column, int)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        elapsed = moment - EPOCH
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ColumnError(column, f"{value!r} is no time") from error
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def typed(value: Any, name: str, type_: type) -> Any:
    """Return a value of int, float or str; whole numbers may stand for a float.

    Raises
    ------
    ColumnError
        It is of another type, not finite, or does not fit 64 bits.
    """
    given = type(value)
    if given is int and type_ is not str and -LARGEST <= value < LARGEST:
        return type_(value)
    if given is type_ and (given is str or (given is float and math.isfinite(value))):
        return value
    raise ColumnError(name, f"{value!r} is no {'finite number' if type_ is float else type_.__name__}")


class Event(NamedTuple):
    """A record as it comes: its time in microseconds since 1970, its key, and the columns that features read."""

    time: int
    key: Any
    values: dict[str, Any]


class Label(NamedTuple):
    """Labels that have become known: the key of the record, and the label columns that features read."""

    key: Any
    values: dict[str, Any]


@dataclass(frozen=True)
class Schema:
    """How records look.

    Parameters
    ----------
    key, time : str
        The columns that identify a record and say when it happened; no time where records have none.
    key_type : type
        int or str.
    types : mapping of str to type
        Python type of each column that features read.
    labels, nullable : frozenset of str
        Columns that are known later than the record, and columns that may be missing.
    largest : mapping of str to float
        For each column that is summed, the largest size of which sums are exact.
    """

    key: str
    time: str | None
    key_type: type
    types: Mapping[str, type]
    labels: frozenset[str]
    nullable: frozenset[str]
    largest: Mapping[str, float]

    @classmethod
    def of(cls, problem: Problem, plan: Plan) -> "Schema":
        """Return the schema of a problem's records."""
        types = {name: TYPES[problem.columns[name].type] for name in plan.inputs}
        nullable = frozenset(name for name in plan.inputs if problem.columns[name].nullable)
        largest = {name: 2**53 / scale for name, scale in plan.scale.items()}
        key_type = TYPES[problem.columns[problem.key].type]
        return cls(problem.key, problem.time, key_type, types, frozenset(problem.label_columns), nullable, largest)

    def event(self, row: Mapping[str, Any]) -> Event:
        """Read a row; labels that it does not have are unknown yet.

        Raises
        ------
        ColumnError
            A column is missing or has no legal value.
        """
        values = {name: self._value(row.get(name), name, type_) for name, type_ in self.types.items()}
        time = 0 if self.time is None else microseconds(row.get(self.time), self.time)  # no feature asks for it then
        return Event(time, typed(row.get(self.key), self.key, self.key_type), values)

    def label(self, key: Any, values: Mapping[str, Any]) -> Label:
        """Read labels that have become known; raises a `ColumnError` as `event` does."""
        names = [name for name in self.types if name in self.labels and values.get(name) is not None]
        key = typed(key, self.key, self.key_type)
        return Label(key, {name: self._value(values[name], name, self.types[name]) for name in names})

    def check_repeat(self, record: Record, event: Event) -> None:
        """Raise a `RepeatError` when an event differs from the record that is kept under its key; labels may differ."""
        names = [name for name in event.values if name in record.values and name not in self.labels]
        different = [name for name in names if event.values[name] != record.values[name]]
        if different or event.time != record.time:
            raise RepeatError(record.key, (*different, str(self.time))[0])

    def _value(self, value: Any, name: str, type_: type) -> Any:
        if value is None and name in self.labels:
            return UNKNOWN[type_]
        if name in self.nullable and (value is None or (type(value) is float and math.isnan(value))):
            return MISSING[type_]
        legal = typed(value, name, type_)
        if name in self.largest and abs(legal) > self.largest[name]:
            raise ColumnError(name, f"{value!r} is too large to be summed exactly")
        return legal
