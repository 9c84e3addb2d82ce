"""Explain the model: how much it relies on each feature, and what each feature adds to a score.

Reads   models/model.joblib, data/splits/test.parquet, data/scores/test.parquet
Writes  metrics/explain/: explanation.json, explanation.png, importance.csv, contribution_summary.csv,
        partial_dependence.csv; a family without exact contributions has an empty contribution_summary.csv, and with
        several classes the last two tables have a column `output`
"""

import functools
import sys

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import joblib
import numpy as np

from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_table, write_csv, write_json
from lifecycle.evaluation.bootstrap import entity_codes
from lifecycle.evaluation.pictures import draw_explanation
from lifecycle.explanation.contributions import summary
from lifecycle.explanation.importance import partial_dependence, permutation_importance
from lifecycle.models.prediction import predict
from lifecycle.problem.loading import load_problem

MODEL, TEST = "models/model.joblib", "data/splits/test.parquet"


def sample(rows: int, most: int, seed: int) -> np.ndarray:
    """Return the places of at most so many of the rows, drawn without replacement, ascending."""
    return np.arange(rows) if rows <= most else np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, options = load_problem(params.problem), params.explain
    model, test = joblib.load(MODEL), read_table(TEST)
    score, features = functools.partial(predict, model), test[list(model.feature_names_in_)]
    entity, target = entity_codes(test, problem.entity), test[problem.target].to_numpy()
    importance = permutation_importance(score, features, target, problem.task, entity, (options.samples, options.seed))
    places = sample(len(test), options.rows, options.seed)
    scores = problem.prediction(read_table("data/scores/test.parquet", problem.prediction_columns()))
    sampled, classes = features.iloc[places], problem.class_names if problem.outputs > 1 else ()
    explained = summary(model, sampled, scores[places], classes)
    size = explained.figures.get("mean_abs_contribution", importance.set_index("feature")["importance"])
    dependence = partial_dependence(score, sampled, list(size.nlargest(options.top).index), classes)
    write_csv(importance, "metrics/explain/importance.csv")
    write_csv(explained.dots, "metrics/explain/contribution_summary.csv")
    write_csv(dependence, "metrics/explain/partial_dependence.csv")
    write_json(explained.as_json(importance), "metrics/explain/explanation.json")
    draw_explanation("metrics/explain", problem.task, explained.whole.get("unit"), "metrics/explain/explanation.png")


if __name__ == "__main__":
    run(main)
