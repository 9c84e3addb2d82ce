"""Judge the model and its decisions on the test window, once.

Reads   models/model.joblib, models/baseline.joblib, models/decision.json, data/splits/test.parquet
Writes  metrics/evaluation.json, metrics/intervals.json, data/scores/test.parquet, metrics/plots/*.csv,
        metrics/evaluation.png
"""

import joblib
import pandas as pd

from lifecycle.io import read_json, read_table, write_json, write_table
from lifecycle.model.decided import decided
from lifecycle.model.estimators import predict
from lifecycle.model.evaluation import figures_of, intervals
from lifecycle.model.figure import draw
from lifecycle.model.gates import check_baselines, check_leak
from lifecycle.model.judged import baselines, judge
from lifecycle.model.plots import write_tables
from lifecycle.model.resampling import units_of
from lifecycle.model.splits import DAY, lengths
from lifecycle.params import load_params
from lifecycle.problem import Problem, fill, load_problem
from lifecycle.stage import run


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
    units = units_of(judged.card, len(scored))
    write_json({"test": test, "baseline": rivals}, "metrics/evaluation.json")
    write_json({"test": intervals(figures, units, limits.bootstrap_samples, limits.seed)}, "metrics/intervals.json")
    write_tables(judged, "metrics/plots")
    draw("metrics/plots", decision["threshold"], "metrics/evaluation.png")
    check_leak(test["average_precision"], limits.leak_alarm)
    if limits.must_beat_baselines:
        check_baselines(test["average_precision"], rivals)


if __name__ == "__main__":
    run(main)
