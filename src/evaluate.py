"""Evaluate the model and its decisions on the test window, once.

Reads   models/model.joblib, models/baseline.joblib, models/decision.json, data/splits/test.parquet,
        metrics/decide/cost.csv
Writes  data/scores/test.parquet, metrics/evaluate/: evaluation.json, intervals.json, evaluation.png, tables for plots
"""

import sys
from functools import partial
from pathlib import Path

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import joblib
import pandas as pd

from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_table, write_json, write_table
from lifecycle.evaluation.bootstrap import intervals
from lifecycle.evaluation.decision import Decision
from lifecycle.evaluation.gates import check_baselines, check_leak
from lifecycle.evaluation.metrics import figures
from lifecycle.evaluation.pictures import draw_evaluation
from lifecycle.evaluation.plot_tables import write_tables
from lifecycle.evaluation.scored_window import baselines, score_table, scored_window
from lifecycle.models.families import predict
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY, lengths

METRICS = Path("metrics/evaluate")


def score(test: pd.DataFrame, problem: Problem, decision: Decision) -> pd.DataFrame:
    """Return score, probability, decision and baseline score of each test record."""
    model, baseline = joblib.load("models/model.joblib"), joblib.load("models/baseline.joblib")
    scored = score_table(test, predict(model, test[model.feature_names_in_]), problem, decision)
    return scored.assign(baseline_score=predict(baseline, test[baseline.feature_names_in_]))


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, decision = load_problem(params.problem), Decision.read()
    options = fill(params.evaluate, problem, "evaluate")
    days = lengths(fill(params.split, problem, "split"))[2] / DAY
    scored = score(read_table("data/splits/test.parquet"), problem, decision)
    write_table(scored, "data/scores/test.parquet")
    window = scored_window(scored, problem, decision, options, days)
    test, rivals = figures(window), baselines(scored, problem)
    ends = intervals(partial(figures, window), window.units, options.bootstrap_samples, options.seed)
    write_json({"test": test, "baseline": rivals}, METRICS / "evaluation.json")
    write_json({"test": ends}, METRICS / "intervals.json")
    write_tables(window, METRICS, problem.words)
    picture = METRICS / "evaluation.png"
    draw_evaluation(METRICS, "metrics/decide/cost.csv", decision.threshold, problem.words, picture)
    check_leak(test["average_precision"], options.leak_alarm)
    if options.must_beat_baselines:
        check_baselines(test["average_precision"], rivals)


if __name__ == "__main__":
    run(main)
