"""Fit the model and a logistic regression beside it; judge both on the validation windows.

Reads   data/splits/train.parquet, data/splits/folds.parquet
Writes  models/model.joblib and models/baseline.joblib (fitted on the final training window),
        models/hyperparameters.json, data/scores/validation.parquet (out-of-time scores), metrics/train/ (DVCLive),
        metrics/train/learning_curve.csv (of the newest fold)
"""

from typing import Any

import pandas as pd
from tqdm import tqdm

from lifecycle.core.errors import run
from lifecycle.core.params import TrainParams, load_params
from lifecycle.core.ranking import Ranking, average_precision, roc_auc
from lifecycle.core.tables import read_table, write_csv, write_json, write_model, write_table
from lifecycle.models import families
from lifecycle.models.families import feature_names
from lifecycle.models.tracking import tracker
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem

CURVE_POINTS = 20


def fit(params: TrainParams, problem: Problem, train: pd.DataFrame, baseline: bool = False) -> Any:
    """Return a fitted pipeline: the one that params name, or the baseline."""
    names = feature_names(problem, params)
    model, hyperparameters = ("logistic_regression", {}) if baseline else (params.model, params.hyperparameters)
    pipeline = families.build(model, params.seed, hyperparameters, train[names])
    return families.fit(pipeline, train[names], train[problem.target])


def judge(params: TrainParams, problem: Problem, fold: pd.DataFrame) -> tuple[Any, pd.DataFrame]:
    """Fit on a fold's training rows; return the model and the scores of the fold's validation rows."""
    names = feature_names(problem, params)
    train, valid = fold[fold["role"] == "train"], fold[fold["role"] == "valid"]
    model = fit(params, problem, train)
    scores = (
        valid[problem.identity("fold")]
        .reset_index(drop=True)
        .assign(
            score=families.predict(model, valid[names]),
            baseline_score=families.predict(fit(params, problem, train, baseline=True), valid[names]),
        )
    )
    return model, scores


def learning_curve(model: Any, valid: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Return the average precision on a validation window as an ensemble grows."""
    target = valid[problem.target].to_numpy()
    staged = families.staged_predict(model, valid[list(model.feature_names_in_)], CURVE_POINTS)
    points = [(size, average_precision(*Ranking(target, score).counts())) for size, score in staged]
    return pd.DataFrame(points, columns=["size", "average_precision"])


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    folds = read_table("data/splits/folds.parquet")
    model, parts = None, []
    with tracker("metrics/train") as tracked:
        for _, fold in tqdm(folds.groupby("fold"), "validation folds", disable=None):
            model, scores = judge(params.train, problem, fold)
            counts = Ranking(scores[problem.target].to_numpy(), scores["score"].to_numpy()).counts()
            tracked.log_fold({"average_precision": average_precision(*counts), "roc_auc": roc_auc(*counts)})
            parts.append(scores)
    write_table(pd.concat(parts), "data/scores/validation.parquet")
    newest = folds[(folds["fold"] == folds["fold"].max()) & (folds["role"] == "valid")]
    write_csv(learning_curve(model, newest, problem), "metrics/train/learning_curve.csv")
    train = read_table("data/splits/train.parquet")
    model = fit(params.train, problem, train)
    write_model(model, "models/model.joblib")
    write_model(fit(params.train, problem, train, baseline=True), "models/baseline.joblib")
    # A changed default of a library changes a model as much as a changed param: all values are put on record.
    values = {name: families.as_json(value) for name, value in model[-1].get_params().items()}
    write_json({"model": params.train.model, "hyperparameters": values}, "models/hyperparameters.json")


if __name__ == "__main__":
    run(main)
