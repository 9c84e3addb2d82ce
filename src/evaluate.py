"""Judge the model and its decisions on the test window, once.

Reads   models/model.joblib, models/baseline.joblib, models/decision.json, data/splits/test.parquet
Writes  metrics/evaluation.json, metrics/intervals.json, data/scores/test.parquet, metrics/plots/*.csv,
        metrics/evaluation.png
"""

import joblib
import numpy as np
import pandas as pd

from lifecycle.io import read_json, read_table, write_csv, write_json, write_table
from lifecycle.model import plots
from lifecycle.model.calibration import Calibration
from lifecycle.model.decision import cost_of_missing
from lifecycle.model.estimators import predict
from lifecycle.model.evaluation import Judged, figures_of, intervals
from lifecycle.model.figure import draw
from lifecycle.model.gates import check_baselines, check_leak
from lifecycle.model.metrics import Ranking, average_precision
from lifecycle.model.scoring import identity
from lifecycle.params import EvaluateParams, load_params
from lifecycle.problem import Problem, fill, load_problem
from lifecycle.stage import run


def score(test: pd.DataFrame, decision: dict, problem: Problem) -> pd.DataFrame:
    """Return score, probability, decision and baseline score of each test record."""
    model, baseline = joblib.load("models/model.joblib"), joblib.load("models/baseline.joblib")
    scores = predict(model, test[model.feature_names_in_])
    probability = Calibration(**decision["calibration"]).apply(scores)
    return identity(test, problem).assign(
        score=scores,
        probability=probability,
        alert=(scores >= decision["threshold"]).astype(np.int8),
        baseline_score=predict(baseline, test[baseline.feature_names_in_]),
    )


def judge(scored: pd.DataFrame, decision: dict, problem: Problem, params: EvaluateParams) -> Judged:
    """Bring the columns that figures need into arrays."""
    day = scored[problem.time].dt.floor("D")
    amount = None if problem.amount is None else scored[problem.amount].to_numpy()
    rule = np.zeros(len(scored), bool) if amount is None or params.rule_amount is None else amount > params.rule_amount
    return Judged(
        target=scored[problem.target].to_numpy(),
        score=scored["score"].to_numpy(),
        probability=scored["probability"].to_numpy(),
        alert=scored["alert"].to_numpy() == 1,
        rule=rule,
        missed=cost_of_missing(decision["cost_false_negative"], scored, problem.amount),
        day=pd.factorize(day)[0],
        card=None if problem.card is None else pd.factorize(scored[problem.card])[0],
    )


def baselines(scored: pd.DataFrame, problem: Problem) -> dict[str, float]:
    """Return the average precision of the rankings that the model must beat."""
    target = scored[problem.target].to_numpy()
    columns = {"logistic_regression": "baseline_score"} | ({} if problem.amount is None else {"amount": problem.amount})
    return {
        name: average_precision(*Ranking(target, scored[column].to_numpy(dtype=np.float64)).counts())
        for name, column in columns.items()
    }


def write_plots(judged: Judged) -> None:
    """Write the tables that `dvc plots` draws."""
    ranking = Ranking(judged.target, judged.score)
    write_csv(plots.precision_recall_table(ranking), "metrics/plots/precision_recall.csv")
    write_csv(plots.roc_table(ranking), "metrics/plots/roc.csv")
    write_csv(plots.calibration_table(judged.target, judged.probability), "metrics/plots/calibration.csv")
    write_csv(plots.confusion_table(judged.target, judged.alert), "metrics/plots/confusion.csv")
    write_csv(plots.score_table(judged.target, judged.score), "metrics/plots/scores.csv")


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    limits = fill(params.evaluate, problem, "evaluate")
    decision = read_json("models/decision.json")
    scored = score(read_table("data/splits/test.parquet"), decision, problem)
    write_table(scored, "data/scores/test.parquet")
    judged = judge(scored, decision, problem, limits)
    figures = figures_of(judged, decision["cost_false_positive"], limits.top_k)
    test, rivals = figures(None), baselines(scored, problem)
    units = len(scored) if judged.card is None else int(judged.card.max()) + 1
    write_json({"test": test, "baseline": rivals}, "metrics/evaluation.json")
    write_json({"test": intervals(figures, units, limits.bootstrap_samples, limits.seed)}, "metrics/intervals.json")
    write_plots(judged)
    draw("metrics/plots", decision["threshold"], "metrics/evaluation.png")
    check_leak(test["average_precision"], limits.leak_alarm)
    if limits.must_beat_baselines:
        check_baselines(test["average_precision"], rivals)


if __name__ == "__main__":
    run(main)
