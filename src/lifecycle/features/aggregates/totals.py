"""Aggregates that are made of counts and exact totals."""

import math
import statistics
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from lifecycle.features.aggregates.aggregate import Primitive
from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track
from lifecycle.problem.window_words import Window


class Count(Primitive):
    """How many records are covered."""

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`."""
        return block.count(window, *block.range(window, days))

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`."""
        return high - low

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        return len(covered)


class Sum(Primitive):
    """The exact sum, in the column's unit."""

    keeps: ClassVar[tuple[str, ...]] = ("sums",)

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`."""
        low, high = block.range(window, days)
        total = block.total(window, low, high) / block.scale(window)
        if not window.nothing(days):
            return total
        return np.where(block.count(window, low, high) > 0, total, window.nothing(days))

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`."""
        return float(track.total(window, low, high)) / track.scale(window) if high > low else window.nothing(days)

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        return float(sum(Fraction(value) for _, value in covered)) if covered else window.nothing(days)


class Mean(Primitive):
    """The exact sum by the count."""

    keeps: ClassVar[tuple[str, ...]] = ("sums",)

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`."""
        low, high = block.range(window, days)
        count = block.count(window, low, high)
        total = block.total(window, low, high) / block.scale(window)
        return np.divide(total, count, out=np.full(len(count), float(window.nothing(days))), where=count > 0)

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`."""
        if high == low:
            return window.nothing(days)
        return float(track.total(window, low, high)) / track.scale(window) / (high - low)

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        return float(statistics.mean(Fraction(value) for _, value in covered)) if covered else window.nothing(days)


class Deviation(Primitive):
    """The sample's standard deviation, from exact totals; empty below two records."""

    keeps: ClassVar[tuple[str, ...]] = ("sums", "squares")

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`."""
        low, high = block.range(window, days)
        count = block.count(window, low, high)
        spread, scale = block.spread(window, low, high), block.scale(window)
        pairs = (count * (count - 1)).astype(np.float64)
        variance = np.divide(spread, pairs, out=np.zeros(len(count)), where=count > 1)
        return np.where(count > 1, np.sqrt(variance) / scale, window.nothing(days))

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`."""
        count = high - low
        if count < 2:
            return window.nothing(days)
        squares = track.squares[str(window.of)]
        spread = count * (squares[high] - squares[low]) - track.total(window, low, high) ** 2
        return math.sqrt(float(spread) / float(count * (count - 1))) / track.scale(window)

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        if len(covered) < 2:
            return window.nothing(days)
        return float(statistics.stdev(Fraction(value) for _, value in covered))


PRIMITIVES = {"count": Count(), "sum": Sum(), "mean": Mean(), "rate": Mean(), "std": Deviation()}
