"""Aggregates that order the covered values: smallest, largest and median."""

import statistics
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lifecycle.features.aggregates.aggregate import Aggregate
from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track


class Extreme(Aggregate):
    """The smallest or the largest value; `neutral` is one that changes nothing."""

    needs = "number"
    keeps = ("values",)
    of_two: ClassVar[np.ufunc]
    neutral: ClassVar[float]

    @abstractmethod
    def of_list(self, values: Sequence[float]) -> float:
        """Return the smallest or the largest of some values."""

    def batch(self, block: Block) -> np.ndarray:
        low, high = block.range(self.window, self.days)
        values = block.columns[self.of].astype(np.float64)
        if self.window.where:
            values = np.where(block.mask(self.window.where), values, self.neutral)
        extremes = _over_ranges(self.of_two, values, low, high) + 0.0  # no -0.0: which zero comes out is chance
        return np.where(block.count(self.window, low, high) > 0, extremes, self.empty)

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        values = track.values[self.of][low:high]
        return self.of_list(values) + 0.0 if values else self.empty

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        return self.of_list([value for _, value in covered]) if covered else self.empty


class Smallest(Extreme, name="min"):
    """The smallest value."""

    of_two = np.minimum
    neutral = np.inf
    meaning = noun = "smallest {of}"

    def of_list(self, values: Sequence[float]) -> float:
        return min(values)


class Largest(Extreme, name="max"):
    """The largest value."""

    of_two = np.maximum
    neutral = -np.inf
    meaning = noun = "largest {of}"

    def of_list(self, values: Sequence[float]) -> float:
        return max(values)


class Median(Aggregate, name="median"):
    """The middle value, or halfway between the two in the middle."""

    needs = "number"
    keeps = ("values",)
    meaning = "median of {of}"
    noun = "median {of}"

    def batch(self, block: Block) -> np.ndarray:
        values = block.columns[self.of].astype(np.float64)
        if self.window.where:
            values = np.where(block.mask(self.window.where), values, np.nan)
        medians = rolling_median(values, *block.range(self.window, self.days)) + 0.0
        return np.where(np.isnan(medians), self.empty, medians)

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        values = track.values[self.of][low:high]
        return statistics.median(values) + 0.0 if values else self.empty

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        values = sorted(value for _, value in covered)
        if not values:
            return self.empty
        return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def rolling_median(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
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
    extremes = np.zeros(len(low))
    for k in range(int(level.max(initial=-1)) + 1):
        rows = np.flatnonzero(level == k)
        extremes[rows] = function(values[low[rows]], values[high[rows] - 2**k])
        values = function(values[: -(2**k)], values[2**k :])
    return extremes
