"""A window of a target that is a number, and its metrics: errors, the explained share, and the intervals."""

from dataclasses import dataclass

import numpy as np

from lifecycle.evaluation.interval_decision import IntervalDecision
from lifecycle.evaluation.metrics import GROUPS, SLICES, WINDOW, Metric, mean_of, ratio
from lifecycle.evaluation.scored_window import Sample, ScoredWindow

EVERYWHERE = (WINDOW, SLICES, GROUPS)
ROUNDING = 1e-18  # equal numbers spread by no more of their square than this, and by more than nothing


@dataclass(frozen=True, eq=False, kw_only=True)
class NumberWindow(ScoredWindow):
    """What is known of each record; arrays of shape (n,)."""

    score: np.ndarray  # the predicted number
    low: np.ndarray  # ends of its interval
    high: np.ndarray
    decision: IntervalDecision


def error(window: NumberWindow) -> np.ndarray:
    """Return how far a prediction is above the truth."""
    return window.score - window.target


def absolute_error(window: NumberWindow) -> np.ndarray:
    """Return how far a prediction is from the truth."""
    return np.abs(window.score - window.target)


def squared_error(window: NumberWindow) -> np.ndarray:
    """Return the square of the error."""
    return (window.score - window.target) ** 2


def truth(window: NumberWindow) -> np.ndarray:
    """Return the target less its mean over the window, so that it has no zero point."""
    return window.target - window.target.mean()


def squared_truth(window: NumberWindow) -> np.ndarray:
    """Return the square of `truth`."""
    return truth(window) ** 2


def inside(window: NumberWindow) -> np.ndarray:
    """Return whether the interval holds the truth."""
    return (window.low <= window.target) & (window.target <= window.high)


def width(window: NumberWindow) -> np.ndarray:
    """Return the width of the interval."""
    return window.high - window.low


def pinball_loss(window: NumberWindow) -> np.ndarray:
    """Return the mean pinball loss of the interval's ends, taken for quantiles (Koenker and Bassett 1978)."""
    tail = (1 - window.decision.coverage) / 2
    losses = [
        np.maximum(level * (window.target - end), (level - 1) * (window.target - end))
        for level, end in ((tail, window.low), (1 - tail, window.high))
    ]
    return (losses[0] + losses[1]) / 2


def rmse(sample: Sample) -> np.ndarray:
    """Return the root of the mean squared error."""
    return np.sqrt(mean_of(squared_error)(sample))


def r2(sample: Sample) -> np.ndarray:
    """Return one less the squared error's share in the target's own spread; NaN where the target does not vary."""
    spread = sample.spread(truth)
    varies = spread > ROUNDING * sample.total(squared_truth)
    return 1 - ratio(sample.total(squared_error), np.where(varies, spread, 0.0))


REGRESSION = (
    Metric("r2", r2, +1, "share of the target's variance that the predictions explain", (WINDOW, SLICES)),
    Metric(
        "mae",
        mean_of(absolute_error),
        -1,
        "mean absolute error, in the target's unit; lower is better",
        EVERYWHERE,
        label="mean absolute error",
    ),
    Metric(
        "rmse",
        rmse,
        -1,
        "root of the mean squared error, in the target's unit; lower is better",
        (WINDOW, SLICES),
        label="root mean squared error",
    ),
    Metric("bias", mean_of(error), 0, "mean of prediction less truth, in the target's unit", EVERYWHERE),
    Metric("pinball_loss", mean_of(pinball_loss), -1, "pinball loss of the interval's ends; lower is better"),
    Metric("coverage", mean_of(inside), 0, "share of {records} whose interval holds the truth", EVERYWHERE),
    Metric("interval_width", mean_of(width), -1, "mean width of the intervals, in the target's unit; lower is better"),
)
