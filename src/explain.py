"""Explain the model: how much it relies on each feature, and what each feature adds to a score.

Reads   models/model.joblib, data/splits/test.parquet, data/scores/test.parquet
Writes  metrics/explanation.json, metrics/explanation.png,
        metrics/plots/: importance.csv, contribution_summary.csv, partial_dependence.csv

`python src/explain.py --transaction ID` tells one decision instead, of the test window or a validation window.
"""

import argparse
import functools
import importlib

import joblib
import pandas as pd

from lifecycle.io import read_json, read_table, write_csv, write_json
from lifecycle.model import explanation
from lifecycle.model.contributions import explainer, limit
from lifecycle.model.dependence import partial_dependence
from lifecycle.model.estimators import predict
from lifecycle.model.explanation_figure import draw
from lifecycle.model.importance import permutation_importance
from lifecycle.params import load_params
from lifecycle.problem import load_problem
from lifecycle.stage import PipelineError, run

MODEL, TEST, FOLDS = "models/model.joblib", "data/splits/test.parquet", "data/splits/folds.parquet"


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, options = load_problem(params.problem), params.explain
    model, test = joblib.load(MODEL), read_table(TEST)
    score, features = functools.partial(predict, model), test[list(model.feature_names_in_)]
    card = None if problem.card is None else pd.factorize(test[problem.card])[0]
    target = test[problem.target].to_numpy()
    importance = permutation_importance(score, features, target, card, options.samples, options.seed)
    places = explanation.sample(len(test), options.rows, options.seed)
    some, scored = features.iloc[places], read_table("data/scores/test.parquet", ["score"])["score"].iloc[places]
    explained = explainer(model)(some)
    error = explanation.additivity_error(explained, scored.to_numpy(), limit(model))
    figures = importance.set_index("feature").join(explanation.summary(explained, some))
    top = list(figures["mean_abs_contribution"].nlargest(options.top).index)
    write_csv(importance, "metrics/plots/importance.csv")
    write_csv(explanation.dots(explained, some), "metrics/plots/contribution_summary.csv")
    write_csv(partial_dependence(score, some, top), "metrics/plots/partial_dependence.csv")
    write_json(explanation.as_json(explained, error, limit(model), figures), "metrics/explanation.json")
    draw("metrics/plots", explained.unit, "metrics/explanation.png")


def tell(identifier: str) -> None:
    """Print the decision on one record, and why."""
    # Imported by name: the stage does not depend on the words that only this needs.
    account = importlib.import_module("lifecycle.model.account")
    problem = load_problem(load_params().problem)
    wanted = [(problem.key, "==", account.key_value(problem, identifier))]
    for path, where in ((TEST, wanted), (FOLDS, [*wanted, ("role", "==", "valid")])):
        found = read_table(path, where=where)
        if len(found):
            return print(account.account(problem, joblib.load(MODEL), read_json("models/decision.json"), found[:1]))
    raise PipelineError(f"{problem.key} = {identifier}: no such record in the test window or a validation window")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Explain the model, or one decision.")
    parser.add_argument("--transaction", metavar="ID", help="tell the decision on this record")
    wanted = parser.parse_args().transaction
    run(main if wanted is None else functools.partial(tell, wanted))
