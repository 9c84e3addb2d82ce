"""The records of some entities in (entity, time) order: which of them a window covers, and running totals."""

from collections.abc import Callable, Mapping

import numpy as np

from lifecycle.core.errors import PipelineError
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Where, Window


class Block:
    """The records of some entities, with the window edges and totals that aggregates share.

    Parameters
    ----------
    key : numpy.ndarray of int64, shape (n,)
        Ascending: the entity's number times a span that no window can bridge, plus the time in microseconds.
    columns : mapping of str to numpy.ndarray, shape (n,)
        What the windows read.
    decimals : mapping of str to int
        Decimal places of the columns that are summed.
    """

    def __init__(self, key: np.ndarray, columns: Mapping[str, np.ndarray], decimals: Mapping[str, int]) -> None:
        self.key = key
        self.columns = columns
        self._decimals = decimals
        self._ends: dict[int, np.ndarray] = {}
        self._masks: dict[tuple[Where, ...], np.ndarray] = {}
        self._totals: dict[tuple[str, tuple[Where, ...]], np.ndarray] = {}

    def range(self, window: Window, days: float) -> tuple[np.ndarray, np.ndarray]:
        """Return, for each record, the positions from and up to which (not including) a window covers."""
        rows = np.arange(window.current, len(self.key) + window.current)
        high = self._end(window.age_us) if window.age_us else rows
        return self._end(round((window.delay_days + days) * DAY_US)), high

    def _end(self, age: int) -> np.ndarray:
        """Return, for each record, the position behind its entity's last record with time <= t - age."""
        if age not in self._ends:
            self._ends[age] = np.searchsorted(self.key, self.key - age, side="right")
        return self._ends[age]

    def mask(self, where: tuple[Where, ...]) -> np.ndarray:
        """Return, for each record, whether it meets all conditions."""
        if where not in self._masks:
            met = [condition.holds(self.columns[condition.column]) for condition in where]
            self._masks[where] = np.logical_and.reduce(met) if met else np.ones(len(self.key), bool)
        return self._masks[where]

    def last(self, mask: np.ndarray) -> np.ndarray:
        """Return, for each position 0 to n, that of the last record before it in a mask; -1 where there is none."""
        return np.maximum.accumulate(np.append(-1, np.where(mask, np.arange(len(mask)), -1)))

    def scale(self, window: Window) -> int:
        """Return how many smallest units of the aggregated column are in one."""
        return 10 ** self._decimals.get(str(window.of), 0)

    def count(self, window: Window, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return how many records each window covers."""
        if not window.where:
            return high - low
        running = self._running_total("", window.where, lambda: self.mask(window.where).astype(np.int64))
        return running[high] - running[low]

    def total(self, window: Window, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the sum of what each window covers, in the smallest unit."""
        running = self._running_total(f"sum {window.of}", window.where, lambda: self._units(window))
        return running[high] - running[low]

    def spread(self, window: Window, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return n (sum of squares) - (sum)^2 of the n values that each window covers: exact, then as a float.

        Sums may wrap around 64 bits: what counts is that the result can't, otherwise Python's integers do it.
        """
        units, count = self._units(window), self.count(window, low, high)
        largest = int(np.abs(units).max(initial=0)) * int(count.max(initial=0))
        squares = units**2 if largest < 2**31 else units.astype(object) ** 2
        running = self._running_total(f"squares {squares.dtype} {window.of}", window.where, lambda: squares)
        total = self.total(window, low, high).astype(squares.dtype)
        return (count * (running[high] - running[low]) - total**2).astype(np.float64)

    def _units(self, window: Window) -> np.ndarray:
        """Return the aggregated column in its smallest unit, 0 where a record is not covered."""
        try:
            units = as_units(self.columns[str(window.of)], self.scale(window))
        except OverflowError as error:
            raise PipelineError(f"column {window.of!r}: {error}; give it narrower limits in the contract") from error
        return np.where(self.mask(window.where), units, 0) if window.where else units

    def _running_total(self, what: str, where: tuple[Where, ...], values: Callable[[], np.ndarray]) -> np.ndarray:
        if (what, where) not in self._totals:
            each = values()
            self._totals[what, where] = np.concatenate([np.zeros(1, each.dtype), np.cumsum(each)])
        return self._totals[what, where]


def as_units(values: np.ndarray, scale: int) -> np.ndarray:
    """Turn a column into integers of its smallest unit (cents): sums of them are exact.

    Raises
    ------
    OverflowError
        The sum of all of them might not fit 64 bits, or one is no number.
    """
    whole = values.dtype.kind in "biu"
    largest = max(-float(values.min()), float(values.max())) if len(values) else 0.0
    if not largest * scale * len(values) < 2**63:
        raise OverflowError(f"sums of {len(values)} values up to {largest:g} in {scale}ths do not fit 64 bits")
    return values.astype(np.int64) * scale if whole else np.rint(values * scale).astype(np.int64)
