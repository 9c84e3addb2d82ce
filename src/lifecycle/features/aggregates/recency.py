"""Aggregates of order in time: how long ago, and what the newest records have in common."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lifecycle.features.aggregates.aggregate import Primitive
from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Window


class Since(Primitive):
    """Days since the newest covered record."""

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`."""
        low, high = block.range(window, days)
        newest = block.last(block.mask(window.where))[high]
        passed = (block.key - block.key[newest]) / DAY_US
        return np.where(newest >= low, passed, window.nothing(days))

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`."""
        return (time - track.times[high - 1]) / DAY_US if high > low else window.nothing(days)

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        return (time - covered[-1][0]) / DAY_US if covered else window.nothing(days)


class RunLength(Primitive):
    """How many of the newest covered records in a row are 1."""

    keeps: ClassVar[tuple[str, ...]] = ("values",)

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`."""
        return block.count(window, *_run(block, window, days))

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`. Takes time in proportion to the run."""
        return high - _start(track, window, low, high)

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        return len(_defined_run(covered))


class RunDays(Primitive):
    """Days since the oldest record of the run that `RunLength` counts."""

    keeps: ClassVar[tuple[str, ...]] = ("values",)

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`."""
        start, high = _run(block, window, days)
        mask = block.mask(window.where)
        oldest = np.minimum.accumulate(np.where(mask, np.arange(len(mask)), len(mask))[::-1])[::-1]
        oldest = np.append(oldest, len(mask))[start]
        passed = (block.key - block.key[np.minimum(oldest, len(mask) - 1)]) / DAY_US
        return np.where(oldest < high, passed, window.nothing(days))

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`. Takes time in proportion to the run."""
        start = _start(track, window, low, high)
        return (time - track.times[start]) / DAY_US if start < high else window.nothing(days)

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        run = _defined_run(covered)
        return (time - run[0][0]) / DAY_US if run else window.nothing(days)


def _run(block: Block, window: Window, days: float) -> tuple[np.ndarray, np.ndarray]:
    """Return from and up to which position each window's run may reach."""
    low, high = block.range(window, days)
    breaks = block.mask(window.where) & (block.columns[str(window.of)] != 1)
    return np.maximum(block.last(breaks)[high] + 1, low), high


def _start(track: Track, window: Window, low: int, high: int) -> int:
    flags = track.values[str(window.of)]
    start = high
    while start > low and flags[start - 1] == 1:
        start -= 1
    return start


def _defined_run(covered: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    run: list[tuple[int, Any]] = []
    for time, flag in reversed(covered):
        if flag != 1:
            break
        run.insert(0, (time, flag))
    return run


PRIMITIVES = {"since": Since(), "run_length": RunLength(), "run_days": RunDays()}
