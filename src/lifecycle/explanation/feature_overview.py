"""The command `features`: list what each feature is and, as far as the pipeline has run, what it is worth.

Reads   data/splits/train.parquet (null share, area under the ROC curve of the feature alone),
        models/model.joblib and data/splits/test.parquet (permutation importance, with its 95 % interval)
"""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path

import joblib
import pandas as pd

from lifecycle.core.params import load_params
from lifecycle.core.ranking import separation
from lifecycle.core.tables import read_table
from lifecycle.evaluation.bootstrap import entity_codes
from lifecycle.explanation.importance import permutation_importance
from lifecycle.features.feature_contract import catalogue
from lifecycle.models.prediction import predict
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem

TRAIN, TEST, MODEL = Path("data/splits/train.parquet"), Path("data/splits/test.parquet"), Path("models/model.joblib")
SAMPLES, SEED = 100, 0  # of the intervals


def on_training_rows(train: pd.DataFrame, names: list[str], target: str) -> pd.DataFrame:
    """Return null share and area under the ROC curve of each feature alone; a text column has no area."""
    numbers = [name for name in names if train[name].dtype.kind in "biuf"]
    areas = {name: separation(train[name].to_numpy(), train[target].to_numpy()) for name in numbers}
    return pd.DataFrame({"null_share": train[names].isna().mean(), "auc_alone": pd.Series(areas, dtype=float)})


def on_test_rows(test: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Return the permutation importance of the model's features; an empty table for a model of other columns."""
    model = joblib.load(MODEL)
    if not set(model.feature_names_in_) <= set(test):
        return pd.DataFrame()
    entity = entity_codes(test, problem.entity)
    rows, target = test[list(model.feature_names_in_)], test[problem.target].to_numpy()
    score = functools.partial(predict, model)
    return permutation_importance(score, rows, target, problem.task, entity, (SAMPLES, SEED)).set_index("feature")


def table(problem: Problem) -> pd.DataFrame:
    """Return one row per feature."""
    entries = catalogue(problem.features, problem.columns, frozenset(problem.label_columns))
    overview = pd.DataFrame([entry._asdict() for entry in entries]).set_index("name")
    train, test = (read_table(path) if path.is_file() else pd.DataFrame() for path in (TRAIN, TEST))
    if problem.target in train:  # otherwise it is the table of another problem
        names = [name for name in overview.index if name in train]
        overview = overview.join(on_training_rows(train, names, problem.target))
    if problem.target in test and MODEL.is_file():
        overview = overview.join(on_test_rows(test, problem))
    return overview.reset_index()


def features(argv: Sequence[str]) -> None:
    """Print the overview, the definitions in its last column."""
    argparse.ArgumentParser(prog="mlops.py features", description="List the features.").parse_args(argv)
    overview = table(load_problem(load_params().problem))
    definition = overview.pop("definition")
    overview["definition"] = definition.str.ljust(definition.str.len().max())
    print(overview.to_string(index=False, justify="left", float_format="{:.3f}".format, na_rep=""))
