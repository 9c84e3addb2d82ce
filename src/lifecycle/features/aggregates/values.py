"""Aggregates of the values themselves: the smallest, the largest, the median, how many different ones."""

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


class Distinct(Aggregate, name="distinct"):
    """How many different values are covered."""

    needs = "any"
    dtype = "int32"
    unit = "values"
    default = 0
    keeps = ("values",)
    meaning = "number of different {of}"
    noun = "number of different values of {of}"

    def batch(self, block: Block) -> np.ndarray:
        # A value counts once: at its newest covered record. That record counts from the first window that covers it to
        # the last one before a window covers the next record of the same value, or no longer covers this one.
        low, high = block.range(self.window, self.days)
        here = np.flatnonzero(block.mask(self.window.where))
        following = np.append(here, len(block.key))[_next_same(block.columns[self.of][here])]
        first = np.searchsorted(high, here, side="right")
        last = np.minimum(np.searchsorted(low, here, side="right"), np.searchsorted(high, following, side="right"))
        counts = first < last
        change = np.bincount(first[counts], minlength=len(low) + 1) - np.bincount(last[counts], minlength=len(low) + 1)
        return np.cumsum(change)[: len(low)]

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        return len(set(track.values[self.of][low:high]))

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        return len({value for _, value in covered})


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


def _next_same(values: np.ndarray) -> np.ndarray:
    """Return, for each position, the next one with the same value; n where there is none.

    It may be another entity's: that is covered only after this one no longer is.
    """
    import pandas as pd

    places = pd.Series(np.arange(len(values)))
    return places.groupby(values, sort=False).shift(-1, fill_value=len(values)).to_numpy()
