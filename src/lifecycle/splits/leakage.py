"""Leakage alarms: signs that a model would learn from what is not known when it decides."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.ranking import separation
from lifecycle.problem.problem import Task

PERFECT_FIT = 1 - 1e-9  # share of the target's variance that a sum of columns may explain
NAMED = 5


def check_features(
    train: pd.DataFrame, features: Sequence[str], target: str, max_auc: float, task: Task = "binary"
) -> None:
    """Raise when a feature of the training rows alone, or a sum of features, gives the target away.

    Parameters
    ----------
    train : pandas.DataFrame, shape (n, columns)
        With the target as 0 or 1, as the code of a class, or as a number.
    features : sequence of str
        Those looked at; text columns are skipped.
    target : str
        The column of the target.
    max_auc : float
        The largest area under the ROC curve that one feature may reach, in either direction: of any class against all
        others. For a number to predict it is the largest `concordance`, which is that area where there are two values.
    task : {"binary", "multiclass", "regression"}
        What the target is.

    Raises
    ------
    PipelineError
        Names the features and their areas.
    """
    numeric = [name for name in features if pd.api.types.is_numeric_dtype(train[name])]
    alone = concordance if task == "regression" else largest_separation
    areas = {name: alone(train[name].to_numpy(), train[target].to_numpy()) for name in numeric}
    suspects = {name: area for name, area in areas.items() if area > max_auc}
    if suspects:
        largest = sorted(suspects.items(), key=lambda item: -item[1])[:NAMED]
        named = ", ".join(f"{name} ({area:.3f})" for name, area in largest)
        tells = f"orders records by {target}" if task == "regression" else "separates the classes"
        raise PipelineError(
            f"leak alarm: alone, {named} {tells} better than split.max_feature_auc = {max_auc:g} allows."
            " Is it known before the label? Take it out, or raise the limit if it is; 1 lets all pass"
        )
    for wanted in _numbers_to_meet(train[target], task):
        parts = _sum_that_is_target(train[numeric], wanted)
        if parts:
            raise PipelineError(
                f"leak alarm: a weighted sum of {', '.join(parts)} equals {target}; take them out of the features"
            )


def largest_separation(values: np.ndarray, target: np.ndarray) -> float:
    """Return the largest area under the ROC curve of a feature alone, of a class (a code in `target`) against others.

    Examples
    --------
    >>> largest_separation(np.array([1.0, 2.0, 5.0, 6.0]), np.array([0, 1, 2, 2]))
    1.0
    """
    classes = [1] if set(np.unique(target)) <= {0, 1} else np.unique(target)
    return max(separation(values, (target == code).astype(int)) for code in classes)


def concordance(values: np.ndarray, target: np.ndarray) -> float:
    """Return how often a feature orders two records as their targets are, in its better direction; ties count half.

    Parameters
    ----------
    values, target : array of numbers, shape (n,)
        The feature, of which missing values rank last, and the target. Pairs of equal targets do not count.

    References
    ----------
    Somers, "A new asymmetric measure of association for ordinal variables" (1962): it is half of 1 plus his D.

    Examples
    --------
    >>> concordance(np.array([4.0, 3.0, 1.0]), np.array([0.5, 0.7, 9.0]))
    1.0
    >>> concordance(np.array([1.0, 1.0, 1.0]), np.array([0.5, 0.7, 9.0]))
    0.5
    """
    from scipy.stats import kendalltau

    _, place = np.unique(values, return_inverse=True)
    different = [_pairs(len(values)) - _pairs(np.unique(side, return_counts=True)[1]) for side in (place, target)]
    if not all(different):
        return 0.5
    tau = kendalltau(place, target).statistic  # by the square root of both numbers of pairs
    return float(0.5 + abs(tau) * np.sqrt(different[0] / different[1]) / 2)


def _pairs(counts: Any) -> float:
    return float((np.asarray(counts, np.float64) * (np.asarray(counts, np.float64) - 1) / 2).sum())


def check_split(train: pd.DataFrame, test: pd.DataFrame, key: str, time: str, delay: pd.Timedelta) -> None:
    """Raise when training rows are in the test window too, have a label too late, or a time after their label's own."""
    if copies := check_drawn(train, test, key):
        raise PipelineError(f"leak alarm: {copies:,} training rows are in the test window too")
    if train[time].max() + delay > test[time].min():
        raise PipelineError(
            f"leak alarm: a training label is known only after {test[time].min()}, when the test window starts"
        )
    for name in train.select_dtypes("datetime"):
        late = int((train[name] > train[time] + delay).sum())
        if late:
            raise PipelineError(
                f"leak alarm: column {name} lies after the label's own time in {late:,} training rows; if it is no"
                " slip, name it in the problem's `ignored`"
            )


def check_drawn(train: pd.DataFrame, test: pd.DataFrame, key: str) -> int:
    """Raise when training rows are in the test part too; return how many of them have a twin there under another key.

    In a small table without times, honest records may be equal.
    """
    repeated = int(train[key].isin(test[key]).sum())
    if repeated:
        raise PipelineError(f"leak alarm: {repeated:,} training rows are in the test part too")
    content = [name for name in train.columns if name != key]
    rows = (pd.util.hash_pandas_object(part[content], index=False) for part in (train, test))
    return len(set.intersection(*(set(part) for part in rows)))


def _numbers_to_meet(target: pd.Series, task: Task) -> list[pd.Series]:
    """Return the target, or 0 and 1 for each of several classes."""
    if task != "multiclass":
        return [target]
    return [(target == code).astype(np.int8) for code in sorted(target.unique())]


def _sum_that_is_target(features: pd.DataFrame, target: pd.Series) -> list[str]:
    if len(features) <= features.shape[1] + 1:  # so few rows can always be met exactly
        return []
    finite = features.astype(np.float64).replace([np.inf, -np.inf], np.nan)
    values = finite.fillna(finite.mean()).fillna(0).to_numpy()
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    centred = target.to_numpy(dtype=np.float64) - target.mean()
    weights, *_ = np.linalg.lstsq(scaled, centred, rcond=None)
    if ((centred - scaled @ weights) ** 2).sum() > (1 - PERFECT_FIT) * (centred**2).sum():
        return []
    return [name for name, weight in zip(features.columns, weights, strict=True) if abs(weight) > 1e-6]
