"""Fit the model and a logistic regression beside it; score the validation windows with both.

Reads   data/splits/train.parquet, data/splits/folds.parquet, model.joblib of train.continue_from where there is one
Writes  models/model.joblib and models/baseline.joblib (fitted on the final training window),
        models/hyperparameters.json, data/scores/validation.parquet (out-of-time scores), metrics/train/ (DVCLive),
        metrics/train/learning_curve.csv (of the newest fold)
"""

import sys
from pathlib import Path

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import joblib
import pandas as pd
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from lifecycle.core.errors import run
from lifecycle.core.headline_metric import HEADLINES, quality, training_figures
from lifecycle.core.params import TrainParams, load_params
from lifecycle.core.tables import read_table, write_csv, write_json, write_model, write_table
from lifecycle.models.prediction import predict, staged_predict
from lifecycle.models.training import (
    Fold,
    baseline,
    continue_training,
    folds_of,
    hyperparameters,
    tracker,
    train_model,
)
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem

CURVE_POINTS = 20


def validation_scores(params: TrainParams, problem: Problem, fold: Fold) -> tuple[Pipeline, pd.DataFrame]:
    """Fit model and baseline on a fold's training rows; return the model, and both scores of the validation rows."""
    model = train_model(params, problem, fold.train)
    rival = train_model(baseline(params, problem.task), problem, fold.train)
    scores = fold.valid[problem.identity("fold")].reset_index(drop=True)
    predictions = {"score": predict(model, fold.valid), "baseline_score": predict(rival, fold.valid)}
    columns = [problem.as_columns(prediction, name) for name, prediction in predictions.items()]
    return model, scores.assign(**columns[0], **columns[1])


def final_model(params: TrainParams, problem: Problem, rows: pd.DataFrame) -> Pipeline:
    """Return the model of the final training window: a new one, or an earlier one that learns on."""
    path = Path(params.continue_from, "model.joblib")
    if not params.continue_from or not path.is_file():
        return train_model(params, problem, rows)
    print(f"train: {path} gets {params.more_trees} further trees; the models of the folds are trained from nothing")
    return continue_training(joblib.load(path), params, problem, rows)


def learning_curve(model: Pipeline, valid: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Return the headline figure on a validation window as an ensemble grows."""
    target, task = valid[problem.target].to_numpy(), problem.task
    staged = staged_predict(model, valid, CURVE_POINTS)
    points = [(size, quality(task, target, prediction)(None)) for size, prediction in staged]
    return pd.DataFrame(points, columns=["size", HEADLINES[task].name])


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, parts = load_problem(params.problem), []
    with tracker("metrics/train") as log_fold:
        for fold in tqdm(folds_of(read_table("data/splits/folds.parquet")), "validation folds", disable=None):
            model, scores = validation_scores(params.train, problem, fold)
            target = scores[problem.target].to_numpy()
            log_fold(training_figures(problem.task, target, problem.prediction(scores)))
            parts.append(scores)
    write_table(pd.concat(parts), "data/scores/validation.parquet")
    write_csv(learning_curve(model, fold.valid, problem), "metrics/train/learning_curve.csv")
    rows = read_table("data/splits/train.parquet")
    model = final_model(params.train, problem, rows)
    write_model(model, "models/model.joblib")
    write_model(train_model(baseline(params.train, problem.task), problem, rows), "models/baseline.joblib")
    values = {"model": params.train.model, "hyperparameters": hyperparameters(model)}
    write_json(values, "models/hyperparameters.json")


if __name__ == "__main__":
    run(main)
