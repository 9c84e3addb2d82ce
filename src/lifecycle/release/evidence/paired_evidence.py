"""Two models on the same records: only what one decides right and the other wrong tells which is better.

Both models have scored every record (the challenger in the shadow of the champion), so what is easy or hard for both
cancels. Of what is left, the challenger wins a share; where the two are equally good it wins half. The evidence for
more, and for less, is that of `lifecycle.release.evidence.e_value`.

Records of one entity are not independent: one is caught thirty times, or missed thirty times. So an entity
counts once, on the first day on which one model is right more often on its records than the other, and what comes
later changes nothing of it: evidence must never be taken back.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.release.evidence.e_value import Evidence, share_evidence


class Tally(NamedTuple):
    """Wins and losses of the challenger up to the end of each day, each of shape (days,)."""

    wins: np.ndarray
    losses: np.ndarray

    def evidence(self, prior: float) -> Evidence:
        """Return the evidence that the challenger is better (`above`), and that it is worse (`below`)."""
        return share_evidence(self.wins, self.losses, 0.5, prior)


def caught(score: np.ndarray, day: np.ndarray, budget: np.ndarray) -> np.ndarray:
    """Return which records are among the highest scores of their day, bool of shape (n,).

    Parameters
    ----------
    score : numpy.ndarray of float, shape (n,)
        NaN is never taken. Of equal scores at the end of the budget the first records are.
    day : numpy.ndarray of int, shape (n,)
        0..days-1.
    budget : numpy.ndarray of int, shape (days,)
        How many records are taken on each day.

    Examples
    --------
    >>> caught(np.array([0.9, 0.1, 0.5, 0.2]), np.array([0, 0, 0, 1]), np.array([2, 0])).tolist()
    [True, False, True, False]
    """
    order = np.lexsort((-score, day))  # stable
    first = np.searchsorted(day[order], np.arange(len(budget)))
    found = np.empty(len(score), dtype=bool)
    found[order] = np.arange(len(score)) - first[day[order]] < budget[day[order]]
    return found & ~np.isnan(score)


def outcomes(pairs: pd.DataFrame, task: str) -> np.ndarray:
    """Return who is right on each record: 1 the challenger alone, -1 the champion alone, 0 both or neither.

    A binary target: only positives count. Both models get the same budget of alerts, the number that the champion has
    raised on that day: a positive is caught by a model if it is among as many of its highest scores. Several classes:
    the class with the highest score is right or wrong. A number: the smaller absolute error is right, and two equal
    errors count for nobody. No score at all is wrong, whatever the target.

    Parameters
    ----------
    pairs : pandas.DataFrame
        `day` (0..), `target`, and `score`, `code` and `alert` of both with the endings `_champion` and
        `_challenger`: see `lifecycle.release.evidence.arm_records`.
    task : {"binary", "multiclass", "regression"}
        Kind of target.

    Returns
    -------
    numpy.ndarray of int, shape (n,)

    Raises
    ------
    PipelineError
        The target is binary, and the champion has records without an alert or none.
    """
    target, day = pairs["target"].to_numpy(np.float64), pairs["day"].to_numpy(np.int64)
    scores = [pairs[f"score_{arm}"].to_numpy(np.float64) for arm in ("challenger", "champion")]
    if task == "binary":
        if pairs["alert_champion"].isna().any():
            raise PipelineError("the decision log has records without an alert or none: it is not of a binary target")
        budget = np.bincount(day, pairs["alert_champion"].to_numpy(np.float64)).astype(np.int64)
        good = [caught(score, day, budget) & (target == 1) for score in scores]
    elif task == "multiclass":
        good = [pairs[f"code_{arm}"].to_numpy(np.float64) == target for arm in ("challenger", "champion")]
    else:
        errors = [np.where(np.isnan(score), np.inf, np.abs(score - target)) for score in scores]
        good = [errors[0] < errors[1], errors[1] < errors[0]]
    return good[0].astype(np.int64) - good[1].astype(np.int64)


def tally(outcome: np.ndarray, day: np.ndarray, entity: np.ndarray | None, days: int) -> Tally:
    """Count the wins and losses of the challenger, an entity once.

    Parameters
    ----------
    outcome : numpy.ndarray of int, shape (n,)
        Of `outcomes`.
    day : numpy.ndarray of int, shape (n,)
        0..days-1.
    entity : numpy.ndarray, shape (n,), or None
        Whose a record is; where it is missing, and without entities, a record counts by itself.
    days : int
        How many there are.

    Examples
    --------
    >>> day, shop = np.array([0, 0, 0, 0, 1, 1]), np.array([7.0, 7.0, 7.0, 8.0, 7.0, np.nan])
    >>> wins, losses = tally(np.array([1, 1, -1, 0, -1, -1]), day, shop, days=2)
    >>> wins.tolist(), losses.tolist()  # shop 7 has won on the first day
    ([1, 1], [0, 1])
    """
    table = pd.DataFrame({"day": day, "entity": np.nan if entity is None else entity, "net": outcome})
    known = table["entity"].notna()
    by_day = table[known].groupby(["entity", "day"], as_index=False)["net"].sum()
    first = by_day[by_day["net"] != 0].drop_duplicates("entity")  # groupby has sorted the days of an entity
    pieces = pd.concat([first[["day", "net"]], table.loc[~known, ["day", "net"]]])
    of_day, net = pieces["day"].to_numpy(np.int64), pieces["net"].to_numpy(np.int64)
    wins, losses = (np.bincount(of_day[sign], minlength=days).cumsum() for sign in (net > 0, net < 0))
    return Tally(wins, losses)
