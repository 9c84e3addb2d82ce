"""Turn scores into probabilities by a calibration that is chosen on later validation windows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lifecycle.core.portable_math import sigmoid

METHODS = ("none", "sigmoid", "isotonic")  # from the simplest: a tie keeps the earlier


@dataclass(frozen=True)
class Calibration:
    """A monotone map from score to probability, small enough to stand in a JSON file.

    Parameters
    ----------
    method : {"none", "sigmoid", "isotonic"}
        Identity; 1 / (1 + exp(-(slope * score + intercept))) (Platt 1999); or a line through knots.
    slope, intercept : float
        Of the sigmoid.
    scores, probabilities : sequence of float
        The knots of the isotonic map, ascending.

    Examples
    --------
    >>> Calibration("isotonic", scores=(0.0, 0.5), probabilities=(0.0, 0.25)).apply(np.array([0.0, 0.25, 0.9])).tolist()
    [0.0, 0.125, 0.25]
    """

    method: str
    slope: float = 0.0
    intercept: float = 0.0
    scores: Sequence[float] = ()
    probabilities: Sequence[float] = ()

    def apply(self, score: np.ndarray) -> np.ndarray:
        """Return the probability of each score, within 0 and 1."""
        if self.method == "none":
            return np.minimum(np.maximum(score, 0.0), 1.0)  # np.clip takes four times as long for one row
        if self.method == "sigmoid":
            return sigmoid(self.slope * score + self.intercept)
        return np.interp(score, self.scores, self.probabilities)

    def as_json(self) -> dict[str, Any]:
        """Return the fields that `Calibration(**fields)` takes."""
        return asdict(self)


def fit(method: str, score: np.ndarray, target: np.ndarray) -> Calibration:
    """Learn a calibration of one of `METHODS`."""
    if method == "sigmoid":
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            model = LogisticRegression(C=np.inf, max_iter=1_000, tol=1e-8).fit(score[:, None], target)
        # Rounded: the last bits of linear algebra differ between processors.
        slope, intercept = round(float(model.coef_[0, 0]), 6), round(float(model.intercept_[0]), 6)
        if slope < 0:  # it would turn the ranking round: such scores say no more than the share of positives
            slope, intercept = 0.0, math.log(target.mean() / (1 - target.mean()))
        return Calibration("sigmoid", slope=slope, intercept=intercept)
    if method == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        knots = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, target)
        return Calibration("isotonic", scores=knots.X_thresholds_.tolist(), probabilities=knots.y_thresholds_.tolist())
    return Calibration("none")


def brier(target: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean squared distance of probability and label."""
    return float(((probability - target) ** 2).mean())


def calibration_bins(
    target: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weight, mean probability and share of positives in bins of equal width; NaN where a bin is empty."""
    w = np.ones(len(target)) if weight is None else weight
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    mass, predicted, observed = (np.bincount(place, w * v, bins) for v in (1.0, probability, target))
    with np.errstate(invalid="ignore"):
        return mass, predicted / mass, observed / mass


def calibration_error(target: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the expected calibration error over ten bins (Guo et al. 2017): mean distance of share and probability."""
    mass, predicted, observed = calibration_bins(target, probability, weight)
    return float(np.nansum(mass * np.abs(observed - predicted)) / mass.sum())


def windows_out_of_time(
    fold: np.ndarray, time: np.ndarray | None, delay: np.timedelta64 | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each fold the rows whose labels are known when it begins, and its own rows, as two masks.

    Parameters
    ----------
    fold : array, shape (n,)
        Fold numbers of validation rows; a larger one is later.
    time : array, shape (n,), or None
        When each row happened; None where the folds are not cut in time: then all other folds are known.
    delay : numpy.timedelta64 or None
        Age at which a label is known.
    """
    own = [fold == number for number in np.unique(fold)]
    if time is None or delay is None:
        return [(~rows, rows) for rows in own]
    return [(time < time[rows].min() - delay, rows) for rows in own]


def compare(
    score: np.ndarray, target: np.ndarray, windows: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, float]:
    """Return each method's mean Brier score out of time; see `losses_out_of_time`.

    `score` and `target` (n,) are validation scores and labels, 0 or 1.
    """

    def loss(method: str, known: np.ndarray, later: np.ndarray) -> float:
        return brier(target[later], fit(method, score[known], target[known]).apply(score[later]))

    return losses_out_of_time(target, 2, windows, loss)


def losses_out_of_time(
    target: np.ndarray,
    classes: int,
    windows: Sequence[tuple[np.ndarray, np.ndarray]],
    loss: Callable[[str, np.ndarray, np.ndarray], float],
) -> dict[str, float]:
    """Return the mean loss of each of `METHODS` over the folds: fitted on known labels, computed on the fold.

    Parameters
    ----------
    target : array, shape (n,)
        The codes of the classes, of which there are `classes`.
    windows : sequence of pairs of bool arrays, shape (n,)
        From `windows_out_of_time`.
    loss : callable
        From a method, the rows to fit it on and the rows to judge it by, both as masks, to its loss.

    Returns
    -------
    dict of str to float
        Only "none" where no fold begins with labels of every class known: there is nothing to calibrate by.
    """
    pairs = [(known, later) for known, later in windows if len(np.unique(target[known])) == classes]
    if not pairs:
        everything = np.ones(len(target), bool)
        return {"none": loss("none", everything, everything)}
    return {method: float(np.mean([loss(method, *pair) for pair in pairs])) for method in METHODS}
