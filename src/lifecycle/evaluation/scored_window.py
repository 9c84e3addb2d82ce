"""What metrics are computed from: a window with predictions and labels side by side, and resamples of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lifecycle.core.ranking import Ranking
from lifecycle.evaluation.bootstrap import units_of, weights_of


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoredWindow:
    """What is known of each record of a window, whatever the target is; a kind of target adds its own fields."""

    target: np.ndarray  # (n,): 0 or 1, the code of a class, or a number
    entity: np.ndarray | None  # (n,) code 0..entities-1; None where the problem has no entities
    days: float | None  # length of the window; None where the problem has no time
    _columns: dict[Callable, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    @property
    def units(self) -> int:
        """Number of entities, or of records where there are no entities: what a bootstrap draws from."""
        return units_of(self.entity, len(self.target))

    @property
    def ranking(self) -> Ranking:
        """The records by score; only of a binary target."""
        raise AttributeError(f"{type(self).__name__} has no ranking")

    def column(self, function: "Column") -> np.ndarray:
        """Return a number per record, float64 of shape (n,), computed once."""
        if function not in self._columns:
            self._columns[function] = np.asarray(function(self), dtype=np.float64)
        return self._columns[function]


Column = Callable[..., np.ndarray]  # takes a window of its own kind


class Sample:
    """A window in which each record counts as often as a resample holds its entity. Metrics are functions of it.

    `copies` (entities,) says how often the resample holds each entity; without it the sample is the window itself.
    """

    def __init__(self, window: ScoredWindow, copies: np.ndarray | None = None) -> None:
        self.window, self.copies = window, copies
        self.weight = None if copies is None else weights_of(copies, window.entity)

    def total(self, column: Column) -> np.ndarray:
        """Return the sum of a column over the records: one number, or one per group."""
        # Summed without the BLAS, whose order of summation depends on the processor and its threads.
        values = self.window.column(column)
        return (values if self.weight is None else values * self.weight).sum()

    def spread(self, column: Column) -> np.ndarray:
        """Return the sum of the squared distances of a column from its mean: one number, or one per group."""
        # Not a sum of squares less the square of the sum: far from 0 that has no digits left.
        values = self.window.column(column)
        weight = np.ones(len(values)) if self.weight is None else self.weight
        return self._spread(values, weight)

    def _spread(self, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        mean = (values * weight).sum() / max(weight.sum(), 1.0)
        return (weight * (values - mean) ** 2).sum()

    @cached_property
    def counts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """True and false positives along the ranking of the window, or of each group; only of a binary target."""
        return [self.window.ranking.counts(self.weight)]

    def ranked(self, area: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
        """Return a figure of the ranking; NaN with one class only, as any order is right there."""
        return np.array([area(*counts) if len(counts[1]) and counts[1][-1] > 0 else np.nan for counts in self.counts])
