"""Preprocess features for a model: encode text, fill gaps; and name the feature that each column comes from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from lifecycle.problem.problem import Task

# A text with more values than this has one column, the mean target of each value, and not a column for each: these
# would be thousands of almost empty ones, in which no tree finds a split, and the bundle would hold them all.
MOST_CATEGORIES = 50
FOLDS = 5  # out of which the means are computed that an estimator learns from
KINDS = {"binary": "binary", "multiclass": "multiclass", "regression": "continuous"}  # of a target, by its task


def preparation(features: pd.DataFrame, scaled: bool, task: Task, seed: int) -> ColumnTransformer:
    """Return unfitted preprocessing: text is encoded, and where `scaled` numbers are scaled and their gaps filled.

    A text of up to `MOST_CATEGORIES` values becomes a column for each value. Of one with more, each value becomes the
    mean target of its training rows, drawn to the mean of all the more, the fewer they are (Micci-Barreca 2001); with
    several classes, the share of each class. What the estimator learns from is computed out of fold: a row's own label
    has no part in its columns. `seed` draws these folds.
    """
    numeric = [name for name in features if pd.api.types.is_numeric_dtype(features[name])]
    text = [name for name in features if name not in numeric]
    many = [name for name in text if features[name].nunique() > MOST_CATEGORIES]
    numbers: Any = "passthrough"
    folds = (KFold if task == "regression" else StratifiedKFold)(FOLDS, shuffle=True, random_state=seed)
    means: Any = TargetEncoder(target_type=KINDS[task], cv=folds)
    if scaled:
        numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
        means = make_pipeline(means, StandardScaler())
    flags = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    few = [name for name in text if name not in many]
    parts = [("numbers", numbers, numeric), ("text", flags, few), ("text_of_many_values", means, many)]
    return ColumnTransformer([part for part in parts if part[2]], verbose_feature_names_out=False)


def sources(prepare: ColumnTransformer) -> list[str]:
    """Return for each column that fitted preprocessing makes, in order, the feature that it is made from.

    A category's column comes from the text, a flag of missing values from the number. A number that had no value in
    training has no column but its flag.
    """
    return [name for _, step, names in prepare.transformers_ if step != "drop" for name in _sources(step, list(names))]


def _sources(step: Any, names: list[str]) -> list[str]:
    first = step[0] if isinstance(step, Pipeline) else step
    match first:
        case OneHotEncoder():
            return [str(name) for name in np.repeat(names, [len(values) for values in first.categories_])]
        case TargetEncoder():
            return [str(name) for name in np.repeat(names, len(first.encodings_) // len(names))]
        case SimpleImputer():
            known = [name for name, fill in zip(names, first.statistics_, strict=True) if not np.isnan(fill)]
            return [*known, *(names[place] for place in first.indicator_.features_)]
    return names


def inputs(prepare: ColumnTransformer) -> tuple[list[str], list[str]]:
    """Return the features that are numbers, and those that are text, each in the order of the model's input."""
    parts = {part: list(columns) for part, _, columns in prepare.transformers_}
    return parts.get("numbers", []), [*parts.get("text", []), *parts.get("text_of_many_values", [])]


def categories(prepare: ColumnTransformer) -> dict[str, Sequence[Any]]:
    """Return the values that each text had in training; what is no text stands for a missing one."""
    found: dict[str, Sequence[Any]] = {}
    for _, step, names in prepare.transformers_:
        encoder = step[0] if isinstance(step, Pipeline) else step
        if isinstance(encoder, OneHotEncoder | TargetEncoder):
            found |= dict(zip(names, encoder.categories_, strict=True))
    return found
