"""The headline figure of each kind of target: what training logs, and what search, importance and ageing go by."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from lifecycle.core.portable_math import logarithm
from lifecycle.core.ranking import Ranking, average_precision, roc_auc

WATCHED_LEAST = 1e-4  # of a probability in the loss of a single day: one record must not make a day
LEAST = 2.0**-52  # of a probability in the log loss, as scikit-learn takes for double precision
Quality = Callable[[np.ndarray | None], float]


class Headline(NamedTuple):
    """A headline figure: its name, and whether more of it (1) or less of it (-1) is better."""

    name: str
    direction: int


HEADLINES: Mapping[str, Headline] = {
    "binary": Headline("average_precision", 1),
    "multiclass": Headline("log_loss", -1),
    "regression": Headline("r2", 1),
}


def quality(task: str, target: np.ndarray, prediction: np.ndarray) -> Quality:
    """Return a function from the records' weights, or None, to the headline figure of predictions.

    Parameters
    ----------
    task : str
        A key of `HEADLINES`.
    target : numpy.ndarray, shape (n,)
        0 or 1, the code of a class, or a number.
    prediction : numpy.ndarray, shape (n,) or (n, classes)
        A score, a probability for each class, or a number.

    Examples
    --------
    >>> quality("regression", np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))(None)
    0.5
    """
    return {"binary": _ranked, "multiclass": _log_loss, "regression": _explained}[task](target, prediction)


def training_figures(task: str, target: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """Return what is logged of a validation window: the headline figure, and a second one."""
    headline = {HEADLINES[task].name: quality(task, target, prediction)(None)}
    if task == "binary":
        return headline | {"roc_auc": roc_auc(*Ranking(target, prediction).counts())}
    if task == "multiclass":
        return headline | {"accuracy": float((prediction.argmax(axis=1) == target).mean())}
    return headline | {"mae": float(np.abs(prediction - target).mean())}


def log_losses(target: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return the log loss of each record, shape (n,): minus the logarithm of its true class's probability."""
    of_truth = probability[np.arange(len(target)), target.astype(np.int64)]
    return -logarithm(np.maximum(of_truth, LEAST))


def log_losses_of_known(target: Any, probability: np.ndarray) -> np.ndarray:
    """Return the log loss of each record whose class is known, NaN where it is missing; 9.2 at most."""
    known = target.notna().to_numpy()
    found = np.full(len(target), np.nan)
    found[known] = log_losses(target[known].to_numpy(), np.maximum(probability[known], WATCHED_LEAST))
    return found


def _ranked(target: np.ndarray, score: np.ndarray) -> Quality:
    ranking = Ranking(target, score)
    return lambda weight: average_precision(*ranking.counts(weight))


def _log_loss(target: np.ndarray, probability: np.ndarray) -> Quality:
    losses = log_losses(target, probability)
    return lambda weight: _mean(losses, weight)


def _mean(values: np.ndarray, weight: np.ndarray | None) -> float:
    """Return a mean by weight; NaN where nothing weighs anything, as in a resample without any of these records."""
    w = np.ones(len(values)) if weight is None else weight
    return float((w * values).sum() / w.sum()) if w.sum() > 0 else np.nan


def _explained(target: np.ndarray, prediction: np.ndarray) -> Quality:
    """Return the share of the target's variance that is explained; NaN where the target does not vary."""
    squares = (prediction - target) ** 2

    def explained(weight: np.ndarray | None) -> float:
        counted = target if weight is None else target[weight > 0]
        if not len(counted) or counted.min() == counted.max():
            return np.nan  # asked of the values: the sums of equal ones differ in their last bits
        return 1 - _mean(squares, weight) / _mean((target - _mean(target, weight)) ** 2, weight)

    return explained
