"""The threshold: where alerts cost least, within what reviewers can look at."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.metrics import Ranking


class CostCurve(NamedTuple):
    """Total cost for each candidate threshold (an alert: score >= threshold), thresholds descending.

    A threshold stands on the score: calibration keeps the order, but may lay many scores on one probability.
    """

    threshold: np.ndarray
    cost: np.ndarray
    alerts: np.ndarray


def cost_of_missing(cost_false_negative: float | str, records: pd.DataFrame, amount: str | None) -> np.ndarray:
    """Return the cost of each record, if it is a positive and no alert is raised.

    Raises
    ------
    PipelineError
        The cost is the record's own amount, but the problem declares no amount column.
    """
    if cost_false_negative != "amount":
        return np.full(len(records), float(cost_false_negative))
    if amount is None:
        raise PipelineError(
            "decide.cost_false_negative = 'amount': this problem declares no amount column; give a number"
        )
    return records[amount].to_numpy(dtype=np.float64)


def cost_curve(target: np.ndarray, score: np.ndarray, missed: np.ndarray, false_alert: float) -> CostCurve:
    """Compute the total cost of every threshold that decides differently, from "never" down to the lowest score.

    Parameters
    ----------
    target, score, missed : array, shape (n,)
        Labels, scores, and the cost of missing each record if it is a positive.
    false_alert : float
        Cost of reviewing a negative record.
    """
    ranking = Ranking(target, score)
    hits, alarms = ranking.counts()
    saved, _ = ranking.counts(missed)
    never = np.nextafter(ranking.thresholds[0], np.inf)
    lost = missed[target == 1].sum()
    return CostCurve(
        np.append(never, ranking.thresholds),
        np.append(lost, lost - saved + false_alert * alarms),
        np.append(0, hits + alarms),
    )


def choose_threshold(curve: CostCurve, score: np.ndarray, day: np.ndarray, budget: int | None) -> float:
    """Return the threshold of least cost that raises at most `budget` alerts on every day; ties: the fewest alerts.

    Parameters
    ----------
    curve : CostCurve
        Of all days together.
    score, day : array, shape (n,)
        Scores, and the day of each.
    budget : int or None
        Alerts that can be reviewed in a day.

    Raises
    ------
    PipelineError
        On some day more records than the budget share the highest score, so no threshold raises an alert within it.
    """
    if budget is None:
        return float(curve.threshold[np.argmin(curve.cost)])
    ranked = pd.Series(score).groupby(day).nlargest(budget + 1).groupby(level=0)
    limit = max((values.iloc[-1] for _, values in ranked if len(values) > budget), default=-np.inf)
    allowed = curve.threshold > limit
    if allowed.sum() == 1 and curve.cost.min() < curve.cost[0]:
        top = int(pd.Series(score == score.max()).groupby(day).sum().max())
        raise PipelineError(
            f"decide.alert_budget_per_day = {budget}: no threshold keeps it, {top} records of one day share the highest"
            f" score; allow at least {top}"
        )
    return float(curve.threshold[np.argmin(np.where(allowed, curve.cost, np.inf))])
