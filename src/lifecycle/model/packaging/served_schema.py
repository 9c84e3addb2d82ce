"""What a service must know of records and features: types, units, limits, and what may be missing."""

from dataclasses import asdict
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.model.export.columns import inputs
from lifecycle.problem import Column, Problem

NOT_SERVED = ("aliases", "description", "unique")  # names and duplicates are a matter of files


def schema(name: str, problem: Problem, model: Pipeline, train: pd.DataFrame) -> dict[str, Any]:
    """Return the content of schema.json.

    Parameters
    ----------
    name : str
        Of the problem.
    problem : Problem
        Its contract.
    model : Pipeline
        Fitted.
    train : pandas.DataFrame
        The rows it was fitted on: a feature that none of them lacked may not be missing later.
    """
    features = [str(feature) for feature in model.feature_names_in_]
    numbers, texts = inputs(model[0])
    return {
        "problem": name,
        "key": problem.key,
        "time": problem.time,
        "target": problem.target,
        "labels": sorted(problem.label_columns),
        "columns": [_column(column) for column in problem.contract],
        "features": features,
        "numbers": numbers,
        "texts": texts,
        "missing": [feature for feature in features if train[feature].isna().any()],
    }


def _column(column: Column) -> dict[str, Any]:
    said = {key: value for key, value in asdict(column).items() if key not in NOT_SERVED}
    return {"name": said.pop("name"), "type": said.pop("type"), "unit": column.description, **said}
