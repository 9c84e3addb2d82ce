"""Split scores into what each feature adds: from the leaves of trees or from coefficients, with numpy alone."""

import io
from typing import Any, NamedTuple

import numpy as np

from lifecycle.core.array_archive import write_arrays
from lifecycle.explanation import shapley
from lifecycle.models.leaves import Leaves


class Attribution(NamedTuple):
    """How to split scores into what each feature adds.

    `source` (columns,) is the place of the feature that each column was made from. There is a score, or one for each of
    several classes; of each, `tables` has the ensemble's leaves, or the coefficients (columns,) of a linear model, and
    `base` the score, in `unit`, of a row of which nothing is known. `unit` is "probability", "log-odds" of the score
    (of several classes: their softmax is the score), or "number", the score itself.
    """

    source: np.ndarray
    tables: tuple[Leaves | np.ndarray, ...]
    base: tuple[float, ...]
    unit: str

    def of(self, columns: np.ndarray, features: int, output: int = 0) -> np.ndarray:
        """Return what each feature adds to a score of each row.

        Parameters
        ----------
        columns : numpy.ndarray of float, shape (n, columns)
            The estimator's input.
        features : int
            Number of features.
        output : int
            The place of the score: the code of a class where there are several.

        Returns
        -------
        numpy.ndarray of float, shape (n, features)
            The sum over the columns that were made of a feature: categories, a flag of gaps.

        Examples
        --------
        Two columns of the first feature and one of the second, in a linear model:

        >>> linear = Attribution(np.array([0, 1, 0]), (np.array([1.0, 2.0, 3.0]),), (0.5,), "log-odds")
        >>> linear.of(np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]]), features=2).tolist()
        [[4.0, 2.0], [3.0, 4.0]]
        """
        table = self.tables[output]
        parts = shapley.contributions(table, columns) if isinstance(table, Leaves) else columns * table
        values = np.zeros((len(columns), features))
        for column, place in enumerate(self.source.tolist()):
            values[:, place] += parts[:, column]
        return values


def to_bytes(attribution: Attribution | None) -> bytes:
    """Return the content of a .npz file: the same bytes for the same arrays; without contributions it has no array.

    With several classes the names of their arrays end in the code of the class.
    """
    arrays: dict[str, Any] = {}
    if attribution is not None:
        arrays = {"source": attribution.source, "total": np.squeeze(attribution.base), "unit": attribution.unit}
        for ending, table in zip(_endings(len(attribution.base)), attribution.tables, strict=True):
            named = table._asdict() if isinstance(table, Leaves) else {"slope": table}
            arrays |= {name + ending: array for name, array in named.items()}
    file = io.BytesIO()
    write_arrays(file, arrays)
    return file.getvalue()


def from_bytes(content: bytes) -> Attribution | None:
    """Return what `to_bytes` wrote; nothing in it is unpickled."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = dict(file)
    if not arrays:
        return None
    base = tuple(np.atleast_1d(arrays["total"]).tolist())
    tables = tuple(_table(arrays, ending) for ending in _endings(len(base)))
    return Attribution(arrays["source"], tables, base, str(arrays["unit"]))


def _endings(outputs: int) -> list[str]:
    return [f"_{place}" for place in range(outputs)] if outputs > 1 else [""]


def _table(arrays: dict[str, np.ndarray], ending: str) -> Leaves | np.ndarray:
    if f"slope{ending}" in arrays:
        return arrays[f"slope{ending}"]
    return Leaves(*(arrays[name + ending] for name in Leaves._fields))
