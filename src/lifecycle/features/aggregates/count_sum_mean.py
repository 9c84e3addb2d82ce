"""Aggregates that are made of counts and exact totals."""

import math
import statistics
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from lifecycle.features.aggregates.aggregate import Aggregate
from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track


class Count(Aggregate, name="count"):
    """How many records are covered."""

    needs = "none"
    dtype = "int32"
    unit = "records"
    default = 0
    meaning = noun = "number of records"
    says = "{records} of {whose}{those} {span}"

    def batch(self, block: Block) -> np.ndarray:
        return block.count(self.window, *block.range(self.window, self.days))

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        return high - low

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        return len(covered)


class Sum(Aggregate, name="sum"):
    """The exact sum, in the column's unit."""

    needs = "exact"
    default = 0
    keeps = ("sums",)
    meaning = "sum of {of}"
    noun = "total {of}"

    def batch(self, block: Block) -> np.ndarray:
        low, high = block.range(self.window, self.days)
        total = block.total(self.window, low, high) / block.scale(self.window)
        return np.where(block.count(self.window, low, high) > 0, total, self.empty) if self.empty else total

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        return float(track.total(self.of, low, high)) / track.scale(self.of) if high > low else self.empty

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        return float(sum(Fraction(value) for _, value in covered)) if covered else self.empty


class Mean(Aggregate, name="mean"):
    """The exact sum by the count."""

    needs = "exact"
    keeps = ("sums",)
    meaning = "mean of {of}"
    noun = "mean {of}"

    def batch(self, block: Block) -> np.ndarray:
        low, high = block.range(self.window, self.days)
        count = block.count(self.window, low, high)
        total = block.total(self.window, low, high) / block.scale(self.window)
        return np.divide(total, count, out=np.full(len(count), float(self.empty)), where=count > 0)

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        if high == low:
            return self.empty
        return float(track.total(self.of, low, high)) / track.scale(self.of) / (high - low)

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        return float(statistics.mean(Fraction(value) for _, value in covered)) if covered else self.empty


class Rate(Mean, name="rate"):
    """The share of records that are 1 in a 0/1 column."""

    needs = "flag"
    unit = "share"
    default = 0
    meaning = noun = "share of records with {of}"
    says = "{of} in {percent} % of {whose}'s records{those} {span}"


class Deviation(Aggregate, name="std"):
    """The sample's standard deviation, from exact totals; empty below two records."""

    needs = "exact"
    keeps = ("sums", "squares")
    meaning = noun = "standard deviation of {of}"
    empty_case = "there are fewer than two"

    def batch(self, block: Block) -> np.ndarray:
        low, high = block.range(self.window, self.days)
        count = block.count(self.window, low, high)
        spread, scale = block.spread(self.window, low, high), block.scale(self.window)
        pairs = (count * (count - 1)).astype(np.float64)
        variance = np.divide(spread, pairs, out=np.zeros(len(count)), where=count > 1)
        return np.where(count > 1, np.sqrt(variance) / scale, self.empty)

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        count = high - low
        if count < 2:
            return self.empty
        squares = track.squares[self.of]
        spread = count * (squares[high] - squares[low]) - track.total(self.of, low, high) ** 2
        return math.sqrt(float(spread) / float(count * (count - 1))) / track.scale(self.of)

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        return float(statistics.stdev(Fraction(value) for _, value in covered)) if len(covered) > 1 else self.empty
