"""The online state in one file: the records that windows can still reach, as arrays, with their derived values."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lifecycle.core.array_archive import write_arrays
from lifecycle.core.atomic import atomic, sync_folder
from lifecycle.core.errors import PipelineError
from lifecycle.features.aggregates.track import Record
from lifecycle.features.online.plan import Plan
from lifecycle.problem.record_words import DAY_US

DTYPES = {"b": np.int64, "i": np.int64, "u": np.int64, "f": np.float64}  # by kind; all else is kept as objects


class RowIndex:
    """Finds the rows of a column that have a value; `different` is how many different values it has."""

    def __init__(self, values: np.ndarray) -> None:
        self._order = np.argsort(values, kind="stable")
        self._ordered = values[self._order]
        self.different = int(np.count_nonzero(self._ordered[1:] != self._ordered[:-1])) + bool(len(values))

    def groups(self) -> Iterator[tuple[Any, np.ndarray]]:
        """Yield each value and its rows, ascending."""
        values, starts = np.unique(self._ordered, return_index=True)
        yield from zip(values.tolist(), np.split(self._order, starts)[1:], strict=True)

    def of(self, value: Any) -> np.ndarray:
        """Return the rows of a value, ascending."""
        low = self._ordered.searchsorted(value)
        if low == len(self._ordered) or self._ordered[low] != value:
            return self._order[:0]
        return self._order[low : self._ordered.searchsorted(value, side="right")]


def as_array(values: Any) -> np.ndarray:
    """Return an array of 64-bit numbers, or of text as objects: numpy's own text is as wide as the longest."""
    if isinstance(values, list) and values and isinstance(values[0], str):
        return np.array(values, object)
    array = np.asarray(values)
    return array.astype(DTYPES.get(array.dtype.kind, object), copy=False)


def as_bytes(content: Any) -> np.ndarray:
    """Return JSON as an array of bytes."""
    return np.frombuffer(json.dumps(content).encode(), np.uint8)


def pack(name: str, column: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays to write for a column: for text, the different texts and the number of each row's."""
    if column.dtype != object:
        return {name: column}
    words, codes = np.unique(column, return_inverse=True)
    return {f"{name}.words": as_bytes(words.tolist()), f"{name}.codes": codes.astype(np.int32)}


def unpack(name: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the column that `pack` was given."""
    if name in arrays:
        return arrays[name]
    words = np.array([*json.loads(arrays[f"{name}.words"].tobytes()), None], object)[:-1]  # never two-dimensional
    return words[arrays[f"{name}.codes"]]


@dataclass(frozen=True)
class Snapshot:
    """Records in (time, arrival) order; text is in arrays of objects.

    Parameters
    ----------
    time : numpy.ndarray of int64, shape (n,)
        Microseconds since 1970.
    key : numpy.ndarray, shape (n,)
        What identifies them.
    values : dict of str to numpy.ndarray, shape (n,)
        The columns and derived values that windows read.
    digest : str
        Of the feature list it was made for.
    lateness_us : int
        How much older than its entities' newest record a later record may be, microseconds.
    position : int
        Up to which entry of a journal they are complete.
    horizon : int, optional
        Entities that no record of this time or later could see are left out; no older record can be added to them.
    """

    time: np.ndarray
    key: np.ndarray
    values: dict[str, np.ndarray]
    digest: str
    lateness_us: int
    position: int = 0
    horizon: int | None = None

    def record(self, row: int) -> Record:
        """Return one record; its arrival is its row."""
        values = {name: column[row : row + 1].tolist()[0] for name, column in self.values.items()}
        return Record(int(self.time[row]), row, self.key[row : row + 1].tolist()[0], values)

    def check(self, plan: Plan, lateness_us: int) -> None:
        """Raise when this can't be continued with a feature list and lateness, and say why."""
        check_digest("the snapshot", self.digest, plan.digest)
        if lateness_us > self.lateness_us:
            own, other = self.lateness_us / DAY_US, lateness_us / DAY_US
            raise PipelineError(f"the snapshot holds what records up to {own:g} days late need, not {other:g}")

    def save(self, path: Path) -> None:
        """Write the arrays, all or nothing: the same bytes for the same records."""
        about = [self.digest, self.lateness_us, self.position, list(self.values)]
        about += [] if self.horizon is None else [self.horizon]
        arrays: dict[str, Any] = {"time": self.time, **pack("key", self.key)}
        for name, column in self.values.items():
            arrays |= pack(f"values.{name}", column)
        with atomic(path) as temporary, temporary.open("wb") as file:
            write_arrays(file, {"about": as_bytes(about), **arrays})
        sync_folder(path.parent)

    @classmethod
    def load(cls, path: Path | BinaryIO) -> "Snapshot":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            digest, lateness_us, position, names, *horizon = json.loads(file["about"].tobytes())
            values = {name: unpack(f"values.{name}", file) for name in names}
            return cls(file["time"], unpack("key", file), values, digest, lateness_us, position, *horizon)


def check_digest(what: str, digest: str, expected: str) -> None:
    """Raise when something was made for another feature list than the expected one."""
    if digest != expected:
        raise PipelineError(
            f"{what} was made for another feature list or lateness (digest {digest}, not {expected}); make a new"
            " snapshot with this list, and start from it in an empty place"
        )


def snapshot_of_table(
    plan: Plan,
    columns: Mapping[str, np.ndarray],
    time_us: np.ndarray,
    key: np.ndarray,
    unknown: Mapping[str, np.ndarray],
    lateness_days: float,
) -> Snapshot:
    """Return the online state that a table's columns and features amount to, with 0 for labels not known yet.

    Parameters
    ----------
    plan : Plan
        Says which columns are kept, and how far back windows reach.
    columns : mapping of str to numpy.ndarray, shape (n,)
        Columns and features of records in time order.
    time_us, key : numpy.ndarray, shape (n,)
        Their times and keys.
    unknown : mapping of str to numpy.ndarray of bool, shape (n,)
        For each label column, where it is not known yet.
    lateness_days : float
        How much older than its entities' newest record a later record may be.
    """
    values = {name: as_array(columns[name]) for name in (*plan.columns, *plan.derived)}
    for name in unknown.keys() & values.keys():
        values[name] = np.where(unknown[name], "" if values[name].dtype == object else 0, values[name])
    return within_reach(plan, Snapshot(time_us, as_array(key), values, plan.digest, round(lateness_days * DAY_US)))


def within_reach(plan: Plan, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot of those records that a window of a later record, be it late, can reach."""
    within = np.zeros(len(snapshot.time), bool)
    for by in plan.tracks:
        entity = np.unique(snapshot.values[by], return_inverse=True)[1]
        newest = np.zeros(len(within), np.int64)
        newest[entity] = snapshot.time  # of an entity's times the last one stays
        age_us = plan.reach_us(by) + snapshot.lateness_us
        is_remembered = True if snapshot.horizon is None else newest[entity] > snapshot.horizon - age_us
        within |= is_remembered & (snapshot.time > newest[entity] - age_us)
    values = {name: column[within] for name, column in snapshot.values.items()}
    return replace(snapshot, time=snapshot.time[within], key=snapshot.key[within], values=values)


def merge(base: Snapshot, records: Sequence[Record]) -> Snapshot:
    """Return a snapshot with the records of another one, and those that have come or changed since."""
    is_unchanged = np.ones(len(base.time), bool)
    is_unchanged[[record.arrival for record in records if record.arrival < len(is_unchanged)]] = False
    rows = np.flatnonzero(is_unchanged)
    time = np.append(base.time[rows], np.array([record.time for record in records], np.int64))
    arrival = np.append(rows, np.array([record.arrival for record in records], np.int64))
    order = np.lexsort((arrival, time))

    def joined(column: np.ndarray, added: list[Any]) -> np.ndarray:
        return as_array(column[rows].tolist() + added)[order]

    values = {name: joined(column, [r.values[name] for r in records]) for name, column in base.values.items()}
    return replace(base, time=time[order], key=joined(base.key, [r.key for r in records]), values=values)


def empty_snapshot(plan: Plan, lateness_us: int) -> Snapshot:
    """Return a snapshot without records."""
    column = np.empty(0, np.int64)
    values = dict.fromkeys((*plan.columns, *plan.derived), column)
    return Snapshot(column, column, values, plan.digest, lateness_us)
