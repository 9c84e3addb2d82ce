"""An axis of the records: a feature, a slice, the score or the decision, cut into bins that never change again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from lifecycle.problem.slice_definitions import MISSING, Band

SHARES = np.arange(0.1, 1.0, 0.1)
TAIL = (0.95, 0.99)  # of scores: what matters of a rare class lies there
FEW = 20  # distinct numbers that get a bin each
MOST_TEXTS = 10_000  # distinct texts that are remembered; the most frequent
TEXT_BINS = 20  # of them get a bin each, the rest one together
OTHERS, UNSEEN = "others", "never seen before"


@dataclass(frozen=True)
class Axis:
    """Bins of a column of numbers or of texts. The last bin holds what is missing.

    Parameters
    ----------
    name, column : str
        What people call it; the column of the records.
    kind : {"feature", "slice", "score", "decision"}
        What it is good for.
    edges : tuple of float
        Of numbers: ascending; a value that equals an edge belongs to the bin below it.
    texts : tuple of str, or None
        Of texts: those that the reference has, the most frequent first. None: the column holds numbers.
    labels : tuple of str
        What people call the bins of a slice; without them, what the edges say.
    far : (float, float), optional
        Numbers outside are far from all that the reference has: by more than the whole width of it.
    """

    name: str
    column: str
    kind: Literal["feature", "slice", "score", "decision"]
    edges: tuple[float, ...] = ()
    texts: tuple[str, ...] | None = None
    labels: tuple[str, ...] = ()
    far: tuple[float, float] | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Axis":
        """Return the axis that `as_json` gave."""
        fields: dict[str, Any] = {key: _frozen(value) for key, value in content.items()}
        return cls(**fields)

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @property
    def names(self) -> list[str]:
        """What people call the bins."""
        if self.texts is not None:
            return [*self.texts[:TEXT_BINS], OTHERS, UNSEEN, MISSING]
        if self.labels:
            return [*self.labels, MISSING]
        if not self.edges:
            return ["any value", MISSING]
        between = [f"{low:.4g} to {high:.4g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
        return [f"up to {self.edges[0]:.4g}", *between, f"above {self.edges[-1]:.4g}", MISSING]

    @property
    def size(self) -> int:
        """Number of bins."""
        return min(len(self.texts), TEXT_BINS) + 3 if self.texts is not None else len(self.edges) + 2

    def codes(self, values: pd.Series) -> np.ndarray:
        """Return the bin of each value, int64 of shape (n,)."""
        if self.texts is not None:
            known = {text: min(place, TEXT_BINS) for place, text in enumerate(self.texts)}
            found = values.map(known).fillna(self.size - 2).to_numpy(dtype=np.int64)
            return np.where(values.isna(), self.size - 1, found)
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isnan(numbers), self.size - 1, np.searchsorted(np.array(self.edges), numbers, side="left"))

    def strange(self, values: pd.Series) -> np.ndarray:
        """Tell of each value whether it is far from the reference, or a text that it does not have."""
        if self.texts is not None:
            return np.asarray(self.codes(values) == self.size - 2)
        if self.far is None:
            return np.zeros(len(values), bool)
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray((numbers < self.far[0]) | (numbers > self.far[1]))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def feature_axis(name: str, values: pd.Series) -> Axis:
    """Return the axis of a feature, from its values in the reference."""
    if not pd.api.types.is_numeric_dtype(values):
        counts = values.value_counts()
        ordered = sorted(counts.index, key=lambda text: (-counts[text], text))
        return Axis(name, name, "feature", texts=tuple(ordered[:MOST_TEXTS]))
    numbers = values.dropna().to_numpy(dtype=np.float64)
    if not len(numbers):
        return Axis(name, name, "feature")
    low, high = float(numbers.min()), float(numbers.max())
    return Axis(name, name, "feature", _edges(numbers, SHARES), far=(2 * low - high, 2 * high - low))


def score_axis(column: str, values: pd.Series) -> Axis:
    """Return the axis of a score, with narrow bins at its upper end."""
    return Axis(column, column, "score", _edges(values.to_numpy(dtype=np.float64), (*SHARES, *TAIL)))


def decision_axis(column: str, codes: Sequence[int]) -> Axis:
    """Return the axis of what is decided: a bin for each code."""
    ordered = sorted(codes)
    edges = tuple(float(code) for code in ordered[:-1])
    return Axis(column, column, "decision", edges, labels=tuple(map(str, ordered)))


def slice_axis(band: Band, values: pd.Series) -> Axis:
    """Return the axis of a band; its quantiles are taken from the reference."""
    if not band.cuts:
        return Axis(band.name, band.column, "slice", **_by_value(values))
    edges = tuple(float(edge) for edge in band.edges)
    if band.quantiles:
        shares = np.arange(1, band.quantiles) / band.quantiles
        edges = tuple(np.quantile(values.dropna(), shares).tolist())
    return Axis(band.name, band.column, "slice", edges, labels=band.names)


def _by_value(values: pd.Series) -> dict[str, Any]:
    axis = feature_axis("", values)
    return {"texts": axis.texts} if axis.texts is not None else {"edges": axis.edges}


def _edges(numbers: np.ndarray, shares: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    """Return edges at the quantiles; or between all numbers, where they are few.

    A number that many records share gets a bin of its own, so that what differs from it is seen.
    """
    distinct, count = np.unique(numbers, return_counts=True)
    if len(distinct) <= FEW:
        return tuple(distinct[:-1].tolist())
    often = np.flatnonzero(count > SHARES[0] * len(numbers))
    below = distinct[often[often > 0] - 1]
    edges = np.unique([*np.quantile(numbers, shares, method="lower"), *distinct[often], *below])
    return tuple(edges[edges < distinct[-1]].tolist())
