"""Evaluate the model and its decisions on the test window, once.

Reads   models/model.joblib, models/baseline.joblib, models/decision.json, data/splits/test.parquet,
        data/splits/train.parquet, the table of metrics/decide/
Writes  data/scores/test.parquet, metrics/evaluate/: evaluation.json, intervals.json, warnings.json, evaluation.png,
        tables for plots
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import joblib
import pandas as pd

from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_table, write_json, write_table, write_warnings
from lifecycle.evaluation.bootstrap import intervals
from lifecycle.evaluation.evaluation_warnings import evaluation_warnings
from lifecycle.evaluation.gates import check_baselines, check_defined, check_leak
from lifecycle.evaluation.plot_tables import write_tables
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.models.prediction import predict
from lifecycle.problem.loading import fill, load_problem
from lifecycle.splits.time_windows import timing

METRICS = Path("metrics/evaluate")


def score(test: pd.DataFrame, task: Task, decision: Any) -> pd.DataFrame:
    """Return prediction, decision and the baseline's prediction of each test record."""
    model, baseline = joblib.load("models/model.joblib"), joblib.load("models/baseline.joblib")
    scored = task.score_table(test, predict(model, test[model.feature_names_in_]), decision)
    return scored.assign(
        **task.problem.as_columns(predict(baseline, test[baseline.feature_names_in_]), "baseline_score")
    )


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    task = task_of(problem)
    decision = task.read_decision()
    options = fill(params.evaluate, problem, "evaluate")
    days = timing(fill(params.split, problem, "split")).window_days
    scored = score(read_table("data/splits/test.parquet"), task, decision)
    write_table(scored, "data/scores/test.parquet")
    window = task.window(scored, decision, options, days)
    train = read_table("data/splits/train.parquet", [name for name in (problem.target, problem.entity) if name])
    test, rivals = task.figures(window), task.baselines(scored, train)
    check_defined(task, test)
    ends = intervals(partial(task.figures, window), window.units, options.bootstrap_samples, options.seed)
    write_json({"test": test, "baseline": rivals}, METRICS / "evaluation.json")
    write_json({"test": ends}, METRICS / "intervals.json")
    write_tables(task.plot_tables(window), METRICS)
    task.draw(METRICS, Path("metrics/decide"), decision, METRICS / "evaluation.png")
    write_warnings("evaluate", evaluation_warnings(task, test, ends, rivals, decision))
    check_leak(task, test[task.headline], options.leak_alarm)
    if options.must_beat_baselines:
        check_baselines(task, test[task.headline], rivals)


if __name__ == "__main__":
    run(main)
