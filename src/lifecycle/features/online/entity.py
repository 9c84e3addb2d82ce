"""One entity of the online state: all its records within reach, and a track for each kind of window."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lifecycle.features.aggregates import Aggregate, aggregate_of, aggregates_of
from lifecycle.features.aggregates.track import Record, Track
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import COMPARISONS, Where, Window

NEVER = -(2**63)  # before all times


class TrackPlan:
    """Windows of the same entity, conditions and depth.

    Attributes
    ----------
    reach_us : int
        How far back they look, microseconds.
    columns : frozenset of str
        Those that they read of each record.
    scale : dict of str to int
        The columns that they sum, and how many of their smallest unit are in one.
    """

    def __init__(self, where: tuple[Where, ...], windows: Sequence[Window], decimals: Mapping[str, int]) -> None:
        self.reach_us = max(window.reach_us for window in windows)
        self.columns = frozenset(name for window in windows for name in window.sees)
        self._values, self._squares = _columns_kept("values", windows), _columns_kept("squares", windows)
        self.scale = {name: 10 ** decimals.get(name, 0) for name in _columns_kept("sums", windows)}
        self._where = [(c.column, COMPARISONS[c.is_].function, c.value) for c in where]
        aggregates = [aggregate for window in windows for aggregate in aggregates_of(window)]
        edges = [(aggregate.name, *_edges(aggregate), _value(aggregate)) for aggregate in aggregates]
        self._ages = sorted({age for _, *ages, _ in edges for age in ages if age > 0})
        index = {age: i for i, age in enumerate(self._ages)} | {0: len(self._ages), -1: len(self._ages) + 1}
        self._readings = [(name, index[oldest], index[youngest], value) for name, oldest, youngest, value in edges]

    def new(self) -> Track:
        """Return an empty track."""
        return Track(self._values, self.scale, self._squares)

    def covers(self, values: Mapping[str, Any]) -> bool:
        """Return whether a record with these values meets the conditions."""
        # A generator takes three times as long.
        for column, holds, value in self._where:  # noqa: SIM110
            if not holds(values[column], value):
                return False
        return True

    def fill(self, track: Track, times: list[int], arrivals: list[int], columns: Mapping[str, list[Any]]) -> None:
        """Fill an empty track with those of some records, in order, that meet the conditions."""
        if self._where:
            rows: Sequence[int] = range(len(times))
            for column, holds, value in self._where:
                values = columns[column]
                rows = [row for row in rows if holds(values[row], value)]
            times, arrivals = [times[row] for row in rows], [arrivals[row] for row in rows]
            columns = {name: [columns[name][row] for row in rows] for name in (*self._values, *self.scale)}
        track.fill(times, arrivals, columns)

    def read(self, track: Track, at: int, is_covered: bool, time: int, values: dict[str, Any]) -> None:
        """Add the windows' columns to the values of a record.

        `at` is how many of the track's records came before this one, `is_covered` whether it meets the conditions.
        """
        times = track.times
        ends = [bisect_right(times, time - age) for age in self._ages]
        ends += (at, at + is_covered)
        for name, low, high, value in self._readings:
            values[name] = value(track, ends[low], ends[high], time)


def _columns_kept(what: str, windows: Sequence[Window]) -> tuple[str, ...]:
    """Return the aggregated columns of which a track keeps "values", "sums" or "squares"."""
    return tuple(dict.fromkeys(w.of for w in windows if w.of and what in aggregate_of(w).keeps))


def _edges(aggregate: Aggregate) -> tuple[int, int]:
    """Return the ages of a window's edges, microseconds; 0 is before the record, -1 is with it."""
    window = aggregate.window
    return round((window.delay_days + aggregate.days) * DAY_US), window.age_us or -window.current


def _value(aggregate: Aggregate) -> Callable[[Track, int, int, int], float]:
    """Return the aggregate's online form with the type of its column."""
    online, as_type = aggregate.online, int if aggregate.dtype == "int32" else float
    return lambda track, low, high, time: as_type(online(track, low, high, time))


class Entity:
    """The records of one entity: `everything` is a track of all, `tracks` has one for each plan of its entity column.

    Records up to the time `newest`, microseconds since 1970, may have been forgotten.
    """

    __slots__ = ("_newest", "_plans", "_reach_us", "everything", "tracks")

    def __init__(self, plans: Sequence[TrackPlan], newest: int = NEVER) -> None:
        self._plans, self._reach_us, self._newest = plans, max(plan.reach_us for plan in plans), newest
        self.everything = Track((), {}, ())
        self.tracks = [plan.new() for plan in plans]

    def fill(self, times: list[int], arrivals: list[int], columns: Mapping[str, list[Any]]) -> None:
        """Give a new entity its records, in order, with all that its windows read."""
        self.everything.fill(times, arrivals, columns)
        for plan, track in zip(self._plans, self.tracks, strict=True):
            plan.fill(track, times, arrivals, columns)

    def insert(self, record: Record) -> None:
        """Put a record into each track whose conditions it meets."""
        for plan, track in zip(self._plans, self.tracks, strict=True):
            if plan.covers(record.values):
                track.insert(record)

    def remove(self, record: Record) -> None:
        """Take a record out of each track that it is in."""
        for track in self.tracks:
            at = track.place(record.time, record.arrival)
            if track.holds(record, at):
                track.remove(at)

    def holds(self, record: Record) -> bool:
        """Return whether a record is among those within reach."""
        return self.everything.holds(record, self.everything.place(record.time, record.arrival))

    def records_after(self, record: Record) -> list[tuple[int, int]]:
        """Return time and arrival of the records that come after one."""
        after = self.everything.place(record.time, record.arrival) + 1
        return list(zip(self.everything.times[after:], self.everything.arrivals[after:], strict=True))

    def lag_us(self, time: int) -> int:
        """Return how much older than the newest record a time is, microseconds; below 0 when it is younger."""
        times = self.everything.times
        return (times[-1] if times else self._newest) - time

    def prune(self, lateness_us: int) -> list[int]:
        """Drop what no window of a record that may still come can reach; return arrivals."""
        newest = self.everything.times[-1] - lateness_us
        for plan, track in zip(self._plans, self.tracks, strict=True):
            track.prune(newest - plan.reach_us)
        return self.everything.prune(newest - self._reach_us)
