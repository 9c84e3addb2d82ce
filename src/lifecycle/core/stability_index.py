"""The population stability index: how far two distributions over the same bins lie apart."""

import numpy as np

from lifecycle.core.portable_math import logarithm

LEAST = 1e-4  # a share of 0 has no logarithm


def stability_index(expected: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Return the population stability index: the sum of (actual - expected) * ln(actual / expected).

    Both are shares of the records in each bin, shape (..., bins); the sum is over the last axis. Source: Siddiqi,
    "Credit Risk Scorecards" (2006), chapter 7; it is the symmetric divergence of Jeffreys (1946).

    Examples
    --------
    >>> stability_index(np.array([0.5, 0.5]), np.array([[0.6, 0.4], [0.5, 0.5]])).round(4).tolist()
    [0.0405, 0.0]
    """
    e, a = np.maximum(expected, LEAST), np.maximum(actual, LEAST)
    return np.asarray(((a - e) * logarithm(a / e)).sum(axis=-1))
