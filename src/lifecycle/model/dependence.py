"""How a model's score depends on one feature, on average over rows."""

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from lifecycle.model.importance import Predict

GRID = 20  # values of a feature at which the dependence is taken
BACKGROUND = 1_000  # about as many rows it is averaged over


def partial_dependence(predict: Predict, features: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the mean score when a feature is set to one value after the other in all rows (Friedman 2001).

    Half of the values are quantiles of the distinct ones, half lie evenly from the least to the greatest: what most
    rows share does not take all the places, nor does an outlier. A text column is passed over.

    Returns
    -------
    pandas.DataFrame
        `feature`, `value` and `score`.
    """
    rows = features.iloc[:: max(1, len(features) // BACKGROUND)]
    points = [
        (name, value, predict(rows.assign(**{name: value})).mean()) for name in names for value in _grid(features[name])
    ]
    return pd.DataFrame(points, columns=["feature", "value", "score"])


def _grid(column: pd.Series) -> np.ndarray:
    values = np.unique(column.dropna()) if is_numeric_dtype(column) else np.array([])
    if len(values) < 2:
        return np.array([])
    even = np.searchsorted(values, np.linspace(values[0], values[-1], GRID // 2))
    return np.unique(
        np.concatenate([np.quantile(values, np.linspace(0, 1, GRID // 2), method="nearest"), values[even]])
    )
