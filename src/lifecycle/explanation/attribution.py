"""Split scores into what each feature adds: from the leaves of trees or from coefficients, with numpy alone."""

import io
from typing import Any, NamedTuple

import numpy as np

from lifecycle.explanation import shapley
from lifecycle.models.leaves import Leaves


class Attribution(NamedTuple):
    """How to split scores into what each feature adds.

    `source` (columns,) is the place of the feature that each column was made from. `table` is the ensemble's leaves, or
    the coefficients (columns,) of a linear model. `base` is the score, in `unit`, of a row of which nothing is known;
    `unit` is "probability", or "log-odds" of the score.
    """

    source: np.ndarray
    table: Leaves | np.ndarray
    base: float
    unit: str

    def of(self, columns: np.ndarray, features: int) -> np.ndarray:
        """Return what each feature adds to the score of each row.

        Parameters
        ----------
        columns : numpy.ndarray of float, shape (n, columns)
            The estimator's input.
        features : int
            Number of features.

        Returns
        -------
        numpy.ndarray of float, shape (n, features)
            The sum over the columns that were made of a feature: categories, a flag of gaps.

        Examples
        --------
        Two columns of the first feature and one of the second, in a linear model:

        >>> linear = Attribution(np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0]), 0.5, "log-odds")
        >>> linear.of(np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]]), features=2).tolist()
        [[4.0, 2.0], [3.0, 4.0]]
        """
        table = self.table
        parts = shapley.contributions(table, columns) if isinstance(table, Leaves) else columns * table
        values = np.zeros((len(columns), features))
        for column, place in enumerate(self.source.tolist()):
            values[:, place] += parts[:, column]
        return values


def to_bytes(attribution: Attribution | None) -> bytes:
    """Return the content of a .npz file: the same bytes for the same arrays; without contributions it has no array."""
    arrays: dict[str, Any] = {}
    if attribution is not None:
        table = attribution.table
        arrays = {"source": attribution.source, "total": attribution.base, "unit": attribution.unit}
        arrays |= table._asdict() if isinstance(table, Leaves) else {"slope": table}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def from_bytes(content: bytes) -> Attribution | None:
    """Return what `to_bytes` wrote; nothing in it is unpickled."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = dict(file)
    if not arrays:
        return None
    source, base, unit = arrays.pop("source"), float(arrays.pop("total")), str(arrays.pop("unit"))
    return Attribution(source, arrays["slope"] if "slope" in arrays else Leaves(**arrays), base, unit)
