"""Aggregates that order the covered values: smallest, largest and median."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from lifecycle.features.aggregates.aggregate import Primitive
from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track
from lifecycle.problem.window_words import Window


class Extreme(Primitive):
    """The smallest or the largest value."""

    keeps: ClassVar[tuple[str, ...]] = ("values",)

    def __init__(self, function: np.ufunc, neutral: float, of_list: Callable[[Sequence[float]], float]) -> None:
        self._function, self._neutral, self._of_list = function, neutral, of_list

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`."""
        low, high = block.range(window, days)
        values = block.columns[str(window.of)].astype(np.float64)
        if window.where:
            values = np.where(block.mask(window.where), values, self._neutral)
        found = _over_ranges(self._function, values, low, high) + 0.0  # no -0.0: which zero comes out is chance
        return np.where(block.count(window, low, high) > 0, found, window.nothing(days))

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`. Takes time in proportion to the records covered."""
        return self._of_list(track.values[str(window.of)][low:high]) + 0.0 if high > low else window.nothing(days)

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        return self._of_list([value for _, value in covered]) if covered else window.nothing(days)


class Median(Primitive):
    """The middle value, or halfway between the two in the middle."""

    keeps: ClassVar[tuple[str, ...]] = ("values",)

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`."""
        pass  # MOVED

        values = block.columns[str(window.of)].astype(np.float64)
        if window.where:
            values = np.where(block.mask(window.where), values, np.nan)
        found = median(values, *block.range(window, days)) + 0.0
        return np.where(np.isnan(found), window.nothing(days), found)

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`. Takes time in proportion to the records covered."""
        return statistics.median(track.values[str(window.of)][low:high]) + 0.0 if high > low else window.nothing(days)

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        values = sorted(value for _, value in covered)
        if not values:
            return window.nothing(days)
        return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def median(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the median of `values[low:high]` for each pair, NaN left out; NaN where nothing is left.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        Finite or NaN.
    low, high : numpy.ndarray of int64, shape (n,)
        Neither ever decreases: then pandas takes O(log m) for each value that comes into a range of m or leaves it.
    """
    import pandas as pd  # for tables only: a service has no pandas

    class Ranges(pd.api.indexers.BaseIndexer):
        """The positions that each window covers; pandas asks for just this signature."""

        def get_window_bounds(
            self,
            num_values: int = 0,
            min_periods: int | None = None,
            center: bool | None = None,
            closed: str | None = None,
            step: int | None = None,
        ) -> tuple[np.ndarray, np.ndarray]:
            return low.astype(np.int64), high.astype(np.int64)

    return pd.Series(values).rolling(Ranges(), min_periods=1).median().to_numpy()


def _over_ranges(function: np.ufunc, values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Reduce `values[low:high]` for each pair; 0 where that is empty.

    Any range is two runs of 2^k values that may overlap; runs twice as long are made from these (a sparse table).
    """
    level = np.frexp(high - low)[1] - 1
    found = np.zeros(len(low))
    for k in range(int(level.max(initial=-1)) + 1):
        rows = np.flatnonzero(level == k)
        found[rows] = function(values[low[rows]], values[high[rows] - 2**k])
        values = function(values[: -(2**k)], values[2**k :])
    return found


PRIMITIVES: dict[str, Primitive] = {
    "min": Extreme(np.minimum, np.inf, min),
    "max": Extreme(np.maximum, -np.inf, max),
    "median": Median(),
}
