"""How much a fitted model relies on each feature: permutation importance, and partial dependence."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from tqdm import tqdm

from lifecycle.core.headline_metric import HEADLINES, quality
from lifecycle.evaluation.bootstrap import interval, resamples, units_of, weights_of
from lifecycle.problem.problem import Task

Predict = Callable[[pd.DataFrame], np.ndarray]
GRID = 20  # values of a feature at which the dependence is taken
BACKGROUND = 1_000  # about as many rows it is averaged over


def permutation_importance(
    predict: Predict,
    rows: pd.DataFrame,
    target: np.ndarray,
    task: Task,
    entity: np.ndarray | None,
    draws: tuple[int, int],
) -> pd.DataFrame:
    """Shuffle one feature at a time, and see how much the task's headline figure gets worse (Breiman 2001).

    Parameters
    ----------
    predict : callable
        From a table of features to scores of shape (n,), or (n, classes).
    rows : pandas.DataFrame, shape (n, features)
        Rows that the model did not learn from.
    target : numpy.ndarray, shape (n,)
        Codes of classes, or numbers.
    task : {"binary", "multiclass", "regression"}
        What is predicted.
    entity : numpy.ndarray of int, shape (n,), or None
        Code of each row's entity; the interval resamples entities, without them rows.
    draws : (int, int)
        Number of resamples, and the seed of shuffles and resamples.

    Returns
    -------
    pandas.DataFrame
        `feature`, `importance` (how much worse the figure gets), `low` and `high` (95 %), in the order of the columns.
    """
    samples, rng = draws[0], np.random.default_rng(draws[1])
    weights = [weights_of(copies, entity) for copies in resamples(units_of(entity, len(rows)), samples, rng)]
    whole = _qualities(task, target, predict(rows), weights)
    lines = []
    for name in tqdm(rows.columns, "permutation importance", disable=None):
        shuffled = rows.assign(**{str(name): rows[name].to_numpy()[rng.permutation(len(rows))]})
        lost = whole - _qualities(task, target, predict(shuffled), weights)
        lines.append((name, lost[0], *interval(lost[1:, None])[:, 0]))
    return pd.DataFrame(lines, columns=["feature", "importance", "low", "high"])


def _qualities(task: Task, target: np.ndarray, scores: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
    """Return the headline figure of all rows, and then with each weighting: more is better."""
    of_weight = quality(task, target, scores)
    return HEADLINES[task].direction * np.array([of_weight(weight) for weight in (None, *weights)])


def partial_dependence(
    predict: Predict, features: pd.DataFrame, names: list[str], classes: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the mean score when a feature is set to one value after the other in all rows (Friedman 2001).

    Half of the values are quantiles of the distinct ones, half lie evenly from the least to the greatest. So neither a
    very common value nor an outlier takes all places. A text column is passed over.

    Returns
    -------
    pandas.DataFrame
        `feature`, `value` and `score`; of several classes, whose names are `classes`, in front `output`.
    """
    rows = features.iloc[:: max(1, len(features) // BACKGROUND)]
    points = [
        (name, value, predict(rows.assign(**{name: value})).mean(axis=0))
        for name in names
        for value in _grid(features[name])
    ]
    if len(classes) < 2:
        return pd.DataFrame(points, columns=["feature", "value", "score"])
    lines = [
        (class_, name, value, scores[code]) for code, class_ in enumerate(classes) for name, value, scores in points
    ]
    return pd.DataFrame(lines, columns=["output", "feature", "value", "score"])


def _grid(column: pd.Series) -> np.ndarray:
    values = np.unique(column.dropna()) if is_numeric_dtype(column) else np.array([])
    if len(values) < 2:
        return np.array([])
    even = np.searchsorted(values, np.linspace(values[0], values[-1], GRID // 2))
    return np.unique(
        np.concatenate([np.quantile(values, np.linspace(0, 1, GRID // 2), method="nearest"), values[even]])
    )
