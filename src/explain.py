"""Explain the model: how much it relies on each feature, and what each feature adds to a score.

Reads   models/model.joblib, data/splits/test.parquet, data/scores/test.parquet
Writes  metrics/explain/: explanation.json, explanation.png, importance.csv, contribution_summary.csv,
        partial_dependence.csv
"""

import functools

import joblib
import pandas as pd

from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_table, write_csv, write_json
from lifecycle.evaluation.pictures import draw_explanation
from lifecycle.explanation import contribution_summary
from lifecycle.explanation.contributions import explainer, limit
from lifecycle.explanation.importance import partial_dependence, permutation_importance
from lifecycle.models.families import predict
from lifecycle.problem.loading import load_problem

MODEL, TEST = "models/model.joblib", "data/splits/test.parquet"


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, options = load_problem(params.problem), params.explain
    model, test = joblib.load(MODEL), read_table(TEST)
    score, features = functools.partial(predict, model), test[list(model.feature_names_in_)]
    entity = None if problem.entity is None else pd.factorize(test[problem.entity])[0]
    target = test[problem.target].to_numpy()
    importance = permutation_importance(score, features, target, entity, options.samples, options.seed)
    places = contribution_summary.sample(len(test), options.rows, options.seed)
    some, scored = features.iloc[places], read_table("data/scores/test.parquet", ["score"])["score"].iloc[places]
    explained = explainer(model)(some)
    error = contribution_summary.additivity_error(explained, scored.to_numpy(), limit(model))
    figures = importance.set_index("feature").join(contribution_summary.summary(explained, some))
    top = list(figures["mean_abs_contribution"].nlargest(options.top).index)
    write_csv(importance, "metrics/explain/importance.csv")
    write_csv(contribution_summary.dots(explained, some), "metrics/explain/contribution_summary.csv")
    write_csv(partial_dependence(score, some, top), "metrics/explain/partial_dependence.csv")
    write_json(
        contribution_summary.as_json(explained, error, limit(model), figures), "metrics/explain/explanation.json"
    )
    draw_explanation("metrics/explain", explained.unit, "metrics/explain/explanation.png")


if __name__ == "__main__":
    run(main)
