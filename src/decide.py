"""Turn scores into decisions: calibrate them, and choose the threshold that costs least. Sees validation scores only.

Reads   data/scores/validation.parquet
Writes  models/decision.json, metrics/decide/decision.json, metrics/decide/cost.csv
"""

import sys
from dataclasses import replace

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import numpy as np
import pandas as pd

from lifecycle.core.errors import run
from lifecycle.core.params import DecideParams, load_params
from lifecycle.core.tables import read_table, write_csv, write_json
from lifecycle.evaluation import probability_calibration
from lifecycle.evaluation.decision import Decision
from lifecycle.evaluation.plot_tables import cost_table
from lifecycle.evaluation.threshold import choose_threshold, cost_curve
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY, lengths


def decide(
    scores: pd.DataFrame, problem: Problem, params: DecideParams, delay: pd.Timedelta, window: pd.Timedelta
) -> tuple[Decision, dict, pd.DataFrame]:
    """Return the decision, its figures on the validation windows of that length, and the cost of other thresholds."""
    target, score = scores[problem.target].to_numpy(), scores["score"].to_numpy()
    fold, time = scores["fold"].to_numpy(), scores[problem.time].to_numpy()
    briers = probability_calibration.compare(score, target, fold, time, delay.to_numpy())
    method = min(briers, key=briers.__getitem__) if params.calibration == "auto" else params.calibration
    calibrated = probability_calibration.fit(method, score, target)
    decision = Decision.from_params(params, calibrated, briers)
    curve = cost_curve(target, score, decision.stake(scores, problem.amount), decision)
    day = scores[problem.time].dt.floor("D").to_numpy()
    threshold = choose_threshold(curve, score, day, params.alert_budget_per_day)
    figures = {
        "threshold": threshold,
        "probability_at_threshold": float(calibrated.apply(np.array([threshold]))[0]),
        "calibration": method,
        "cost_per_record": float(curve.cost[np.searchsorted(-curve.threshold, -threshold)] / len(scores)),
        "alerts_per_day": float((score >= threshold).sum() / (len(np.unique(fold)) * (window / DAY))),
    }
    return replace(decision, threshold=threshold), {"decision": figures}, cost_table(curve, len(scores))


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    _, delay, window = lengths(fill(params.split, problem, "split"))
    scores = read_table("data/scores/validation.parquet")
    decision, figures, costs = decide(scores, problem, fill(params.decide, problem, "decide"), delay, window)
    write_json(decision.as_json(), "models/decision.json")
    write_json(figures, "metrics/decide/decision.json")
    write_csv(costs, "metrics/decide/cost.csv")


if __name__ == "__main__":
    run(main)
