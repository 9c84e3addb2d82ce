"""How many different values a window covers."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lifecycle.core.numbers import stable_argsort
from lifecycle.features.aggregates.aggregate import Primitive
from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track
from lifecycle.problem.window_words import Window


class Distinct(Primitive):
    """How many different values are covered."""

    keeps: ClassVar[tuple[str, ...]] = ("values",)

    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """See `Primitive`.

        A value counts once: at its newest covered record. That record counts from the first window that covers it to
        the last one before a window covers the next record of the same value, or no longer covers this one.
        """
        low, high = block.range(window, days)
        here = np.flatnonzero(block.mask(window.where))
        following = np.append(here, len(block.key))[_next_same(block.columns[str(window.of)][here])]
        first = np.searchsorted(high, here, side="right")
        last = np.minimum(np.searchsorted(low, here, side="right"), np.searchsorted(high, following, side="right"))
        counts = first < last
        change = np.bincount(first[counts], minlength=len(low) + 1) - np.bincount(last[counts], minlength=len(low) + 1)
        return np.cumsum(change)[: len(low)]

    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """See `Primitive`. Takes time in proportion to the records covered."""
        return len(set(track.values[str(window.of)][low:high]))

    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """See `Primitive`."""
        return len({value for _, value in covered})


def _next_same(values: np.ndarray) -> np.ndarray:
    """Return, for each position, the next one with the same value; none: behind the end.

    It may be another entity's: that is covered only after this one no longer is.
    """
    import pandas as pd

    code = pd.factorize(values)[0]
    order = stable_argsort(code)
    following = np.full(len(values), len(values))
    same = code[order][1:] == code[order][:-1]
    following[order[:-1][same]] = order[1:][same]
    return following


PRIMITIVES: dict[str, Primitive] = {"distinct": Distinct()}
