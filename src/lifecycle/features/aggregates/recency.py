"""Aggregates of order in time: days since the newest record, and runs of the newest records that are 1."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from lifecycle.core.errors import PipelineError
from lifecycle.features.aggregates.aggregate import Aggregate
from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Window


class Since(Aggregate, name="since"):
    """Days since the newest covered record."""

    needs = "none"
    unit = "days"
    default = None
    meaning = "days since the newest record"
    noun = "days since the last record"
    says = "{value} days since {whose}'s last record{those}"
    says_empty = "no record of {whose}{those} {span}"

    @classmethod
    def check(cls, window: Window) -> None:
        super().check(window)
        if not window.delay_days and window.current:
            raise PipelineError("`since` would find the record itself; set current=False")

    def batch(self, block: Block) -> np.ndarray:
        low, high = block.range(self.window, self.days)
        newest = block.last(block.mask(self.window.where))[high]
        passed = (block.key - block.key[newest]) / DAY_US
        return np.where(newest >= low, passed, self.empty)

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        return (time - track.times[high - 1]) / DAY_US if high > low else self.empty

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        return (time - covered[-1][0]) / DAY_US if covered else self.empty


class Run(Aggregate):
    """Something of the newest covered records in a row that are 1."""

    needs = "flag"
    keeps = ("values",)
    default = 0
    says_empty = "no {of} in {whose}'s last record{those}{before}"

    def run_in_block(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return from and up to which position each window's run may reach."""
        low, high = block.range(self.window, self.days)
        breaks = block.mask(self.window.where) & (block.columns[self.of] != 1)
        return np.maximum(block.last(breaks)[high] + 1, low), high

    def start_in_track(self, track: Track, low: int, high: int) -> int:
        """Return the position where the run begins; `high` where there is none."""
        flags = track.values[self.of]
        start = high
        while start > low and flags[start - 1] == 1:
            start -= 1
        return start

    def times_by_definition(self, covered: Sequence[tuple[int, Any]]) -> list[int]:
        """Return the times of the run's records, newest first."""
        return [time for time, _ in itertools.takewhile(lambda record: record[1] == 1, reversed(covered))]


class RunLength(Run, name="run_length"):
    """How many of the newest covered records in a row are 1."""

    dtype = "int32"
    unit = "records"
    meaning = "number of newest records in a row with {of}"
    noun = "number of records in a row with {of}"
    says = "{of} in each of {whose}'s last {records}{those}{before}"

    def batch(self, block: Block) -> np.ndarray:
        return block.count(self.window, *self.run_in_block(block))

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        return high - self.start_in_track(track, low, high)

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        return len(self.times_by_definition(covered))


class RunDays(Run, name="run_days"):
    """Days since the oldest record of the run that `RunLength` counts."""

    unit = "days"
    meaning = "days since the first of the newest records in a row with {of}"
    noun = "days of records in a row with {of}"
    says = "{of} in each of {whose}'s last records{those} since {value} days ago"

    def batch(self, block: Block) -> np.ndarray:
        start, high = self.run_in_block(block)
        mask = block.mask(self.window.where)
        oldest = np.minimum.accumulate(np.where(mask, np.arange(len(mask)), len(mask))[::-1])[::-1]
        oldest = np.append(oldest, len(mask))[start]
        passed = (block.key - block.key[np.minimum(oldest, len(mask) - 1)]) / DAY_US
        return np.where(oldest < high, passed, self.empty)

    def online(self, track: Track, low: int, high: int, time: int) -> float:
        start = self.start_in_track(track, low, high)
        return (time - track.times[start]) / DAY_US if start < high else self.empty

    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        times = self.times_by_definition(covered)
        return (time - times[-1]) / DAY_US if times else self.empty
