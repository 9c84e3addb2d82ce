"""A record as the online state keeps it, and a track: the records of one entity in time order, for its windows."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

SPARE = 8  # so many expired records may wait: dropping them together costs little for each


class Record:
    """A record as the online state keeps it.

    `time` is in microseconds since 1970. `arrival` orders records of the same time, and is different for each. `key`
    identifies the record outside. `values` has the columns that windows read, the entities among them, and the features
    that windows read.
    """

    __slots__ = ("arrival", "key", "time", "values")

    def __init__(self, time: int, arrival: int, key: Any, values: dict[str, Any]) -> None:
        self.time, self.arrival, self.key, self.values = time, arrival, key, values


class Track:
    """Records in (time, arrival) order, with the values and running totals that the windows on them need.

    Parameters
    ----------
    values : tuple of str
        Columns kept as they are.
    sums : mapping of str to int
        Columns kept as running totals, and how many of their smallest unit are in one.
    squares : tuple of str
        Those of `sums` whose squares are totalled too.
    """

    __slots__ = ("_scale", "arrivals", "squares", "sums", "times", "values")

    def __init__(self, values: tuple[str, ...], sums: Mapping[str, int], squares: tuple[str, ...]) -> None:
        self.times: list[int] = []
        self.arrivals: list[int] = []
        self.values: dict[str, list[Any]] = {name: [] for name in values}
        self.sums: dict[str, list[int]] = {name: [0] for name in sums}
        self.squares: dict[str, list[int]] = {name: [0] for name in squares}
        self._scale = sums

    def fill(self, times: Sequence[int], arrivals: Sequence[int], columns: Mapping[str, Sequence[Any]]) -> None:
        """Put records, in order, into a track that is empty."""
        self.times.extend(times)
        self.arrivals.extend(arrivals)
        for name, column in self.values.items():
            column.extend(columns[name])
        for name, sums in self.sums.items():
            units = [round(value * self._scale[name]) for value in columns[name]]  # to even at a half, as numpy does
            sums.extend(accumulate(units))
            if name in self.squares:
                self.squares[name].extend(accumulate(unit * unit for unit in units))

    def place(self, time: int, arrival: int) -> int:
        """Return how many records here came before one of that time and arrival."""
        times = self.times
        if not times or times[-1] < time:
            return len(times)
        at = bisect_right(times, time)
        while at and times[at - 1] == time and self.arrivals[at - 1] >= arrival:
            at -= 1
        return at

    def insert(self, record: Record) -> int:
        """Put a record in its place; return its position."""
        values = record.values
        units = [round(values[name] * scale) for name, scale in self._scale.items()]
        at = self.place(record.time, record.arrival)
        self.times.insert(at, record.time)
        self.arrivals.insert(at, record.arrival)
        for name, column in self.values.items():
            column.insert(at, values[name])
        if units:
            for (name, sums), unit in zip(self.sums.items(), units, strict=True):
                _insert(sums, at, unit)
                if name in self.squares:
                    _insert(self.squares[name], at, unit * unit)
        return at

    def holds(self, record: Record, at: int) -> bool:
        """Return whether a record stands at a position."""
        return at < len(self.arrivals) and self.arrivals[at] == record.arrival

    def remove(self, at: int) -> None:
        """Take the record at a position out."""
        for column in (self.times, self.arrivals, *self.values.values()):
            del column[at]
        for totals in (*self.sums.values(), *self.squares.values()):
            unit = totals[at + 1] - totals[at]
            totals[at + 1 :] = [total - unit for total in totals[at + 2 :]]

    def prune(self, before: int) -> list[int]:
        """Drop records up to a time, once they are more than `SPARE`; return their arrivals."""
        if len(self.times) <= SPARE or self.times[SPARE] > before:
            return []
        expired = bisect_right(self.times, before)
        dropped = self.arrivals[:expired]
        for column in (self.times, self.arrivals, *self.values.values(), *self.sums.values(), *self.squares.values()):
            del column[:expired]
        return dropped

    def total(self, column: str, low: int, high: int) -> int:
        """Return the sum from one position up to another, in the column's smallest unit."""
        sums = self.sums[column]
        return sums[high] - sums[low]

    def scale(self, column: str) -> int:
        """Return how many of the column's smallest units are in one."""
        return self._scale[column]


def _insert(totals: list[int], at: int, unit: int) -> None:
    """Insert the running total of one more value; only differences of totals are used, so the first stays."""
    totals.insert(at + 1, totals[at] + unit)
    if len(totals) > at + 2:
        totals[at + 2 :] = [total + unit for total in totals[at + 2 :]]
