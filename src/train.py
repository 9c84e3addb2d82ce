"""Fit the model and a logistic regression beside it; score the validation windows with both.

Reads   data/splits/train.parquet, data/splits/folds.parquet
Writes  models/model.joblib and models/baseline.joblib (fitted on the final training window),
        models/hyperparameters.json, data/scores/validation.parquet (out-of-time scores), metrics/train/ (DVCLive),
        metrics/train/learning_curve.csv (of the newest fold)
"""

import sys

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import pandas as pd
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from lifecycle.core.errors import run
from lifecycle.core.params import TrainParams, load_params
from lifecycle.core.ranking import Ranking, average_precision, roc_auc
from lifecycle.core.tables import read_table, write_csv, write_json, write_model, write_table
from lifecycle.models.families import predict, staged_predict
from lifecycle.models.training import Fold, baseline, folds_of, hyperparameters, tracker, train_model
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem

CURVE_POINTS = 20


def validation_scores(params: TrainParams, problem: Problem, fold: Fold) -> tuple[Pipeline, pd.DataFrame]:
    """Fit model and baseline on a fold's training rows; return the model, and both scores of the validation rows."""
    model = train_model(params, problem, fold.train)
    rival = train_model(baseline(params, problem.task), problem, fold.train)
    scores = fold.valid[problem.identity("fold")].reset_index(drop=True)
    return model, scores.assign(score=predict(model, fold.valid), baseline_score=predict(rival, fold.valid))


def learning_curve(model: Pipeline, valid: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Return the average precision on a validation window as an ensemble grows."""
    target = valid[problem.target].to_numpy()
    staged = staged_predict(model, valid, CURVE_POINTS)
    points = [(size, average_precision(*Ranking(target, score).counts())) for size, score in staged]
    return pd.DataFrame(points, columns=["size", "average_precision"])


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, parts = load_problem(params.problem), []
    with tracker("metrics/train") as log_fold:
        for fold in tqdm(folds_of(read_table("data/splits/folds.parquet")), "validation folds", disable=None):
            model, scores = validation_scores(params.train, problem, fold)
            counts = Ranking(scores[problem.target].to_numpy(), scores["score"].to_numpy()).counts()
            log_fold({"average_precision": average_precision(*counts), "roc_auc": roc_auc(*counts)})
            parts.append(scores)
    write_table(pd.concat(parts), "data/scores/validation.parquet")
    write_csv(learning_curve(model, fold.valid, problem), "metrics/train/learning_curve.csv")
    rows = read_table("data/splits/train.parquet")
    model = train_model(params.train, problem, rows)
    write_model(model, "models/model.joblib")
    write_model(train_model(baseline(params.train, problem.task), problem, rows), "models/baseline.joblib")
    values = {"model": params.train.model, "hyperparameters": hyperparameters(model)}
    write_json(values, "models/hyperparameters.json")


if __name__ == "__main__":
    run(main)
