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
LARGEST = float(np.finfo(np.float64).max)
MOST_TEXTS = 10_000  # distinct texts that are remembered; the most frequent
TEXT_BINS = 20  # of them get a bin each, the rest one together
OTHERS, UNSEEN, FAR = "others", "never seen before", "far from all before"
FAULTS = 2  # the last bins of a feature: values that the reference does not have, and missing ones


@dataclass(frozen=True)
class Axis:
    """Bins of a column of numbers or of texts. The last bin holds what is missing.

    In a feature the bin before it holds what is strange: a text that the reference does not have, a number far from it.

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
        Of a feature of numbers: outside they are far from all in the reference, by more than the whole width of it.
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
        far = [] if self.far is None else [FAR]
        if not self.edges:
            return ["any value", *far, MISSING]
        between = [f"{low:.4g} to {high:.4g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
        return [f"up to {self.edges[0]:.4g}", *between, f"above {self.edges[-1]:.4g}", *far, MISSING]

    @property
    def size(self) -> int:
        """Number of bins."""
        if self.texts is not None:
            return min(len(self.texts), TEXT_BINS) + 3
        return len(self.edges) + 2 + (self.far is not None)

    @property
    def compared(self) -> slice:
        """The bins whose shares tell of drift; strange and missing values of a feature are faults of the data."""
        return slice(0, self.size - FAULTS if self.kind == "feature" else self.size)

    def codes(self, values: pd.Series) -> np.ndarray:
        """Return the bin of each value, int64 of shape (n,)."""
        if self.texts is not None:
            place = pd.Index(self.texts, dtype=object).get_indexer(pd.Index(values.astype(object)))
            found = np.where(place < 0, self.size - 2, np.minimum(place, TEXT_BINS))
            return np.where(values.isna(), self.size - 1, found).astype(np.int64)
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        found = np.searchsorted(np.array(self.edges), numbers, side="left")
        if self.far is not None:
            found = np.where((numbers < self.far[0]) | (numbers > self.far[1]), self.size - 2, found)
        return np.where(np.isnan(numbers), self.size - 1, found).astype(np.int64)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def feature_axis(name: str, values: pd.Series) -> Axis:
    """Return the axis of a feature, from its values in the reference."""
    if not pd.api.types.is_numeric_dtype(values):
        counts = values.value_counts()
        ordered = sorted(counts.index, key=lambda text: (-counts[text], text))
        return Axis(name, name, "feature", texts=tuple(ordered[:MOST_TEXTS]))
    numbers = _finite(values)
    if not len(numbers):
        return Axis(name, name, "feature", far=(-LARGEST, LARGEST))
    low, high = float(numbers.min()), float(numbers.max())
    far = (max(low - (high - low), -LARGEST), min(high + (high - low), LARGEST))  # JSON has no word for infinity
    return Axis(name, name, "feature", _edges(numbers, SHARES), far=far)


def score_axis(column: str, values: pd.Series) -> Axis:
    """Return the axis of a score, with narrow bins at its upper end."""
    return Axis(column, column, "score", _edges(_finite(values), (*SHARES, *TAIL)))


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
    numbers = _finite(values)
    if band.quantiles:
        shares = np.arange(1, band.quantiles) / band.quantiles
        edges = tuple(np.quantile(numbers, shares).tolist()) if len(numbers) else (0.0,) * len(shares)
    return Axis(band.name, band.column, "slice", edges, labels=band.names)


def _by_value(values: pd.Series) -> dict[str, Any]:
    axis = feature_axis("", values)
    return {"texts": axis.texts} if axis.texts is not None else {"edges": axis.edges}


def _finite(values: pd.Series) -> np.ndarray:
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers[np.isfinite(numbers)]


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
