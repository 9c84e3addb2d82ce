"""Choose the threshold: where alerts cost least, within the number that reviewers can look at in a day."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.ranking import Ranking
from lifecycle.evaluation.alert_decision import AlertDecision


class CostCurve(NamedTuple):
    """Total cost of each candidate threshold, thresholds descending; an alert is a score at or above it."""

    threshold: np.ndarray
    cost: np.ndarray
    alerts: np.ndarray


def cost_curve(target: np.ndarray, score: np.ndarray, stake: np.ndarray, decision: AlertDecision) -> CostCurve:
    """Compute the total cost of every threshold that decides differently, from "no alert" down to the lowest score.

    `stake` (n,) is what is lost with each record if it is a positive without an alert.
    """
    ranking = Ranking(target, score)
    without = decision.cost(target, False, stake)
    total = without[target == 1].sum() + without[target != 1].sum()
    spared, paid = (ranking.counts(cost) for cost in (without, decision.cost(target, True, stake)))
    never = np.nextafter(ranking.thresholds[0], np.inf)
    return CostCurve(
        np.append(never, ranking.thresholds),
        np.append(total, total - spared[0] - spared[1] + paid[0] + paid[1]),
        np.append(0, sum(ranking.counts())),
    )


def choose_threshold(curve: CostCurve, score: np.ndarray, day: np.ndarray, budget: int | None) -> float:
    """Return the threshold of least cost that raises at most `budget` alerts on every day; ties: the fewest alerts.

    `score` (n,) are the scores of all days, and `day` (n,) the day of each.

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
