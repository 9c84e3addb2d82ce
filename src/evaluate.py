"""Judge the model and its decisions on the test window, once.

Reads   models/model.joblib, models/baseline.joblib, models/decision.json, data/splits/test.parquet,
        metrics/decide/cost.csv
Writes  data/scores/test.parquet, metrics/evaluate/: evaluation.json, intervals.json, evaluation.png, tables for plots
"""

from pathlib import Path

import joblib
import pandas as pd

from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_json, read_table, write_json, write_table
from lifecycle.evaluation.bootstrap import units_of
from lifecycle.evaluation.figures import figures_of, intervals
from lifecycle.evaluation.gates import check_baselines, check_leak
from lifecycle.evaluation.pictures import draw_evaluation
from lifecycle.evaluation.plot_tables import write_tables
from lifecycle.evaluation.scored_window import baselines, decided, judge
from lifecycle.models.families import predict
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY, lengths

METRICS = Path("metrics/evaluate")


def score(test: pd.DataFrame, decision: dict, problem: Problem) -> pd.DataFrame:
    """Return score, probability, decision and baseline score of each test record."""
    model, baseline = joblib.load("models/model.joblib"), joblib.load("models/baseline.joblib")
    scores = predict(model, test[model.feature_names_in_])
    scored = decided(test, scores, decision, problem)
    return scored.assign(baseline_score=predict(baseline, test[baseline.feature_names_in_]))


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    limits = fill(params.evaluate, problem, "evaluate")
    *_, window = lengths(fill(params.split, problem, "split"))
    decision = read_json("models/decision.json")
    scored = score(read_table("data/splits/test.parquet"), decision, problem)
    write_table(scored, "data/scores/test.parquet")
    judged = judge(scored, decision, problem, limits.rule_amount)
    figures = figures_of(judged, decision["cost_false_positive"], limits.top_k, window / DAY)
    test, rivals = figures(None), baselines(scored, problem)
    units = units_of(judged.entity, len(scored))
    write_json({"test": test, "baseline": rivals}, METRICS / "evaluation.json")
    write_json({"test": intervals(figures, units, limits.bootstrap_samples, limits.seed)}, METRICS / "intervals.json")
    write_tables(judged, METRICS, problem.words)
    draw_evaluation(
        METRICS, "metrics/decide/cost.csv", decision["threshold"], problem.words, METRICS / "evaluation.png"
    )
    check_leak(test["average_precision"], limits.leak_alarm)
    if limits.must_beat_baselines:
        check_baselines(test["average_precision"], rivals)


if __name__ == "__main__":
    run(main)
