"""Counts of values by size, in cells that all processes share."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from lifecycle.serving.telemetry.cells import Cells


class Histogram:
    """Counts of values up to each bound, and their sum."""

    def __init__(self, cells: Cells, name: str, bounds: Sequence[float], *labels: str) -> None:
        self._values, self._bounds, self._array = cells.values, list(bounds), np.array(bounds)
        marks = [*map(repr, bounds), "+Inf"]
        self._places = [cells.at(f"{name}_bucket", *labels, "le", mark) for mark in marks]
        self._sum = cells.at(f"{name}_sum", *labels)

    def add(self, value: float) -> None:
        """Take one value."""
        self._values[self._places[bisect_left(self._bounds, value)]] += 1.0
        self._values[self._sum] += value

    def add_all(self, values: np.ndarray) -> None:
        """Take many."""
        counts = np.bincount(np.searchsorted(self._array, values), minlength=len(self._places)).tolist()
        for place, count in zip(self._places, counts, strict=True):
            self._values[place] += count
        self._values[self._sum] += float(values.sum())
