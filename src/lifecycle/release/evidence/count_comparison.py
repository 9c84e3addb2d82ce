"""Two arms of a canary side by side, by counts: what chance gives on a few requests is no alarm.

A bare ratio of two rates alarms by chance when an arm is small, and when one entity sends ten bad ones. So what is
asked is how likely the counts are if the arm makes no difference. Given all the events, each falls to the challenger
with the challenger's share of the exposure. That is exact, with no rate to be estimated (Przyborowski and Wilenski
1940). Here the events of an entity fall together, since the arm is the entity's. So the spread of clusters is in the
test itself, and no factor of overdispersion has to be estimated from a few of them.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import ks_2samp


class Arms(NamedTuple):
    """Whose each row is, by request or by record.

    Parameters
    ----------
    challenger : numpy.ndarray of bool, shape (n,)
        Whether the challenger answered.
    unit : numpy.ndarray of int, shape (n,)
        Code of the entity, 0 or more; a code of its own for a row without one.
    """

    challenger: np.ndarray
    unit: np.ndarray


class Counts(NamedTuple):
    """Events of both arms, and the p-values of more and of fewer at the challenger."""

    champion: int
    challenger: int
    champion_rows: int
    challenger_rows: int
    more: float
    fewer: float

    @property
    def either(self) -> float:
        """The p-value of a difference in either direction."""
        return min(1.0, 2 * min(self.more, self.fewer))


def cluster_tails(sizes: np.ndarray, total: int, share: float) -> tuple[float, float]:
    """Return how likely clusters that each fall to an arm with a probability sum up to so many, or more; or fewer.

    The distribution of the sum comes from its characteristic function, by one FFT: exact but for rounding, about
    1e-16 for each event.

    Parameters
    ----------
    sizes : numpy.ndarray of int, shape (clusters,)
        Events of each, above 0.
    total : int
        Events of the arm.
    share : float
        The probability; 0 to 1.

    Returns
    -------
    (float, float)
        P(sum >= total) and P(sum <= total).

    Examples
    --------
    >>> [round(p, 4) for p in cluster_tails(np.array([1, 1, 1]), 2, 0.5)]  # binomial
    [0.5, 0.875]
    >>> [round(p, 4) for p in cluster_tails(np.array([3]), 3, 0.1)]  # one entity with three errors
    [0.1, 1.0]
    """
    length = int(sizes.sum()) + 1
    places, characteristic = np.arange(length // 2 + 1), np.ones(length // 2 + 1, dtype=np.complex128)
    for size, times in zip(*np.unique(sizes, return_counts=True), strict=True):
        turn = np.exp(-2j * np.pi / length * (size * places % length))
        characteristic *= (1 - share + share * turn) ** times
    mass = np.fft.irfft(characteristic, length).clip(0, 1)
    return min(1.0, float(mass[total:].sum())), min(1.0, float(mass[: total + 1].sum()))


def compare_counts(event: np.ndarray, arms: Arms, ratio: float = 1.0) -> Counts:
    """Hold the events of the challenger against those of the champion.

    The exposure is counted in rows and in entities, which differ where busy entities fall to one arm by chance. The one
    is taken that makes an alarm less likely.

    Parameters
    ----------
    event : numpy.ndarray of bool, shape (n,)
        Whether the row is one: an error, a slow answer, an alert.
    arms : Arms
        Whose it is; of both arms.
    ratio : float
        So many times as frequent, or as rare, the events may be at the challenger; at least 1.

    Examples
    --------
    >>> arms = Arms(np.arange(1000) % 20 == 0, np.arange(1000))  # a twentieth, and an entity per request
    >>> failed = np.isin(np.arange(1000), [0, 20, 40, 60, 7])
    >>> counts = compare_counts(failed, arms)
    >>> counts.champion, counts.challenger, round(counts.more, 6)
    (1, 4, 3e-05)
    """
    challenger, both = arms.challenger, 2 * arms.unit + arms.challenger
    sizes, seen = np.bincount(both, event), np.unique(both)
    rows, total = int(challenger.sum()), int(event[challenger].sum())
    shares = (rows / len(event), float(np.mean(seen % 2)))
    clusters = sizes[sizes > 0].astype(np.int64)
    more = cluster_tails(clusters, total, _tilted(max(shares), ratio))[0]
    fewer = cluster_tails(clusters, total, _tilted(min(shares), 1 / ratio))[1]
    return Counts(int(event.sum()) - total, total, len(event) - rows, rows, more, fewer)


def _tilted(share: float, ratio: float) -> float:
    """Return the challenger's share of the events where they are `ratio` times as frequent there."""
    return share * ratio / (1 - share + share * ratio)


def score_shift(score: np.ndarray, arms: Arms) -> tuple[float, float]:
    """Return how far the scores of the arms lie apart, and how likely that is by chance.

    Of each entity only the first score counts: the others are not independent of it. Two-sample test of Kolmogorov and
    Smirnov, exact up to 10,000 entities; with equal scores it alarms more rarely than it says. It needs no bins, so
    there are none that are too sparse for it.

    Parameters
    ----------
    score : numpy.ndarray of float, shape (n,)
        In order of time; what is no number is left to the count of invalid scores.
    arms : Arms
        Whose it is.

    Returns
    -------
    (float, float)
        The largest difference between the shares of both arms below any score, 0 to 1, and its p-value; NaN and 1
        where an arm has no score.
    """
    valid = np.isfinite(score)
    _, first = np.unique((2 * arms.unit + arms.challenger)[valid], return_index=True)
    kept, of_challenger = score[valid][first], arms.challenger[valid][first]
    if of_challenger.all() or not of_challenger.any():
        return np.nan, 1.0
    found = ks_2samp(kept[of_challenger], kept[~of_challenger])
    return float(found.statistic), float(found.pvalue)


def looks(requests: int, least: int) -> tuple[int, int]:
    """Return how often an arm has been looked at when it has answered so many requests, and how many it had then.

    It is looked at when it has answered `least` requests, twice as many, four times as many and so on, and in between
    not: who asks every minute sees the last look again.

    Examples
    --------
    >>> looks(499, 500), looks(500, 500), looks(2100, 500)
    ((0, 0), (1, 500), (3, 2000))
    """
    number = int(requests // least).bit_length()
    return number, least << number - 1 if number else 0


def spent(alpha: float, look: int) -> float:
    """Return the part of alpha that a look may spend: alpha / (look (look + 1)), over all looks at most alpha.

    Examples
    --------
    >>> [round(spent(0.06, look), 4) for look in (1, 2, 3)]
    [0.03, 0.01, 0.005]
    """
    return alpha / (look * (look + 1))
