"""The statistics that detectors watch, day by day: drift of shares, strange values, volume, and the loss."""

import numpy as np

from lifecycle.core.portable_math import logarithm
from lifecycle.core.stability_index import stability_index
from lifecycle.monitoring.detectors.daily_counts import DailyCounts

SPREADS = 4.0  # standard deviations, and records, by which a day's share of faults may exceed the largest known one
PRIOR = 0.5  # records for each bin, as Jeffreys' prior has them
# Of the CUSUM, in standard deviations of a day's loss: half of the shift that it finds soonest. The usual 1/2 adds up
# small changes that come and go by themselves; a part of the records varies more, and is told by a larger shift.
ALLOWANCE, PART_ALLOWANCE = 1.0, 1.5
PART_SHARES = 0.05, 0.5  # of the records: a smaller part has too few losses, a larger one is like the whole


def trailing(values: np.ndarray, days: int) -> np.ndarray:
    """Return the sum over the last days up to each day; fewer at the start.

    Examples
    --------
    >>> trailing(np.array([1, 2, 3, 4]), 2).tolist()
    [1, 3, 5, 7]
    """
    sums = np.cumsum(values, axis=0)
    sums[days:] -= sums[:-days].copy()
    return sums


def drift_index(counts: np.ndarray, shares: np.ndarray, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the stability index of the records of the last days, and their number, both of shape (days,).

    `counts` (days, bins) is held against the reference's `shares` (bins,), which need not add up to 1. A few records
    that are as the reference's are added, half a one for each bin: among few records a bin without any is no drift.
    Without a record it is 0.
    """
    inside = trailing(counts, days)
    total = inside.sum(axis=1)
    usual = shares / max(shares.sum(), np.finfo(np.float64).tiny)
    prior = PRIOR * counts.shape[1]
    return stability_index(usual, (inside + prior * usual) / (total[:, None] + prior)), total


def share_limit(largest: float, records: np.ndarray) -> np.ndarray:
    """Return the share of faults that a day of so many records may have, (days,).

    It is the largest share of a day of the reference, some standard deviations of a binomial share above it, and a
    few records more, so that a single odd record is no alarm.
    """
    least = np.maximum(records, 1)
    return np.asarray(largest + SPREADS * np.sqrt(largest * (1 - largest) / least) + SPREADS / least)


def log_volume(records: np.ndarray, first_weekday: int, usual: np.ndarray) -> np.ndarray:
    """Return the logarithm of a day's records to those of its weekday in the reference, (days,)."""
    weekday = (first_weekday + np.arange(len(records))) % 7
    return logarithm((records + 0.5) / (usual[weekday] + 0.5))


def daily_loss(counts: DailyCounts) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean loss of the day's labelled records, NaN without any, and their number, both of shape (days,)."""
    if not counts.loss:
        return np.full(counts.days, np.nan), np.zeros(counts.days, np.int64)
    key = next(iter(counts.loss))
    total, known = counts.loss[key].sum(axis=1), counts.labelled[key].sum(axis=1)
    return np.where(known > 0, total / np.maximum(known, 1), np.nan), known


def part_excess(
    records: np.ndarray, loss: np.ndarray, shares: np.ndarray, loss_shares: np.ndarray, mean: float, unit: float
) -> np.ndarray:
    """Return how many standard deviations the loss of each part of a day's records is above the usual one.

    Parameters
    ----------
    records, loss : numpy.ndarray, shape (days, bins)
        Labelled records of each bin, and the sum of their losses.
    shares, loss_shares : numpy.ndarray, shape (bins,)
        Of the reference's records and of their loss.
    mean, unit : float
        Mean loss of a record, and its standard deviation. The variance of a part's loss goes with the loss itself.

    Returns
    -------
    numpy.ndarray, shape (days, parts)
        Of the bins whose share is within `PART_SHARES`; NaN without a label.
    """
    kept = (shares >= PART_SHARES[0]) & (shares <= PART_SHARES[1]) & (loss_shares > 0)
    usual = loss_shares[kept] / shares[kept]
    records, loss = records[:, kept], loss[:, kept]
    deviation = max(unit, np.finfo(np.float64).tiny) * np.sqrt(np.maximum(records, 1) * usual)
    return np.where(records > 0, (loss - records * mean * usual) / deviation, np.nan)


def cusum(excess: np.ndarray, allowance: float = ALLOWANCE, most: float = np.inf) -> np.ndarray:
    """Return the upper cumulative sum of standardized values along the first axis, at most `most`.

    S = max(0, S + z - k), with the allowance k (Page 1954). A day without a value leaves it as it is.

    Examples
    --------
    >>> cusum(np.array([0.0, 1.5, np.nan, 1.5, -1.0]), allowance=0.5).tolist()
    [0.0, 1.0, 1.0, 2.0, 0.5]
    """
    found, level = np.empty(excess.shape), np.zeros(excess.shape[1:])
    for day, value in enumerate(excess):
        level = np.where(np.isnan(value), level, np.clip(level + value - allowance, 0.0, most))
        found[day] = level
    return found
