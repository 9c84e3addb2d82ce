"""E-values of a share: evidence that may be looked at every day, and acted on as soon as it is enough.

An e-value is the money of a gambler who bets against a hypothesis and can win nothing on average while it holds. So the
chance that it ever reaches E is at most 1 / E, however often one looks (Ville 1939; Ramdas et al. 2023, "Game-theoretic
statistics and safe anytime-valid inference"). A p-value that is looked at daily has no such bound.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betainc, betaln


class Evidence(NamedTuple):
    """Natural logarithms of the two e-values of a share, each of the shape of the counts.

    `above` speaks for a share above the one that is held against, `below` for one below it.
    """

    above: np.ndarray
    below: np.ndarray


MOST = 700.0  # a logarithm: more is no float


def e_value_of(*logarithms: float) -> float:
    """Return the largest of some e-values, from their natural logarithms; at most the largest float of that kind.

    Examples
    --------
    >>> round(e_value_of(0.0, 3.0), 2), e_value_of(5000.0) < np.inf
    (20.09, True)
    """
    return float(np.exp(min(max(logarithms), MOST)))


def share_evidence(hits: np.ndarray, misses: np.ndarray, share: float, prior: float) -> Evidence:
    """Return the evidence against a share, from counts.

    The bets are a mixture over all other shares, weighted by a Beta distribution around `share`: Beta(a, b) with
    a = 2 prior share and b = 2 prior (1 - share), where n = hits + misses give

        e = B(hits + a, misses + b) / B(a, b) / (share^hits (1 - share)^misses)

    It is split in two, the bets on shares above and those on shares below. Each half is an e-value for its own side
    also when the true share lies on the other side of `share`, which the whole is not. The two begin with a sum of 1,
    so E is reached falsely on any side with a chance of at most 1 / E. At `share` = 1/2 each begins with 1/2, and
    reaches E falsely with a chance of at most 1 / (2 E).

    Parameters
    ----------
    hits, misses : array of int, any shape
        Counts up to a look.
    share : float
        What is held against; between 0 and 1.
    prior : float
        The larger it is, the smaller the differences that the bets are made for.

    Examples
    --------
    >>> evidence = share_evidence(np.array([0, 40]), np.array([0, 10]), 0.5, prior=10)
    >>> np.exp(evidence.above).round(1).tolist(), np.exp(evidence.below).round(5).tolist()
    ([0.5, 449.7], [0.5, 0.05496])
    """
    a, b = 2 * prior * share, 2 * prior * (1 - share)
    hits, misses = np.asarray(hits, dtype=np.float64), np.asarray(misses, dtype=np.float64)
    both = betaln(hits + a, misses + b) - betaln(a, b) - hits * np.log(share) - misses * np.log1p(-share)
    with np.errstate(divide="ignore"):  # a half may be less than any number
        above = both + np.log(betainc(misses + b, hits + a, 1 - share))
        below = both + np.log(betainc(hits + a, misses + b, share))
    return Evidence(above, below)
