"""How many different values a window covers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lifecycle.core.numbers import stable_argsort
from lifecycle.features.aggregates.aggregate import Aggregate
from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track


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


def _next_same(values: np.ndarray) -> np.ndarray:
    """Return, for each position, the next one with the same value; n where there is none.

    It may be another entity's: that is covered only after this one no longer is.
    """
    import pandas as pd  # for tables only: a service has no pandas

    code = pd.factorize(values)[0]
    order = stable_argsort(code)
    following = np.full(len(values), len(values))
    same = code[order][1:] == code[order][:-1]
    following[order[:-1][same]] = order[1:][same]
    return following
