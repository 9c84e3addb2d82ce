"""A median over any ranges of positions, by pandas: imported when a table is evaluated, not where a service runs."""

import numpy as np
import pandas as pd


def median(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the median of `values[low:high]` for each pair, NaN left out; NaN where nothing is left.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        Finite or NaN.
    low, high : numpy.ndarray of int64, shape (n,)
        Neither ever decreases: then pandas takes O(log m) for each value that comes into a range of m or leaves it.
    """
    return pd.Series(values).rolling(_Ranges(low, high), min_periods=1).median().to_numpy()


class _Ranges(pd.api.indexers.BaseIndexer):
    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        super().__init__()
        self._bounds = low.astype(np.int64), high.astype(np.int64)

    def get_window_bounds(
        self,
        num_values: int = 0,
        min_periods: int | None = None,
        center: bool | None = None,
        closed: str | None = None,
        step: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Tell pandas which positions each window covers; it asks for just this signature."""
        return self._bounds
