"""Exact additive contributions of a fitted pipeline: base and one number per feature add up to the score."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lifecycle.core.numbers import sigmoid
from lifecycle.explanation.attribution import Attribution
from lifecycle.models.families import is_exact, is_linear
from lifecycle.models.preprocessing import sources
from lifecycle.models.trees import ensemble, leaves

LIMIT = 1e-9  # distance between a score and the sum of its parts that is still rounding
ROUNDED = 1e-8  # the same, of a score that is rounded to eight decimals
NARROW = 1e-5  # the same, of XGBoost: it adds up in single precision, 4e-6 with 500 trees


class Contributions(NamedTuple):
    """What each feature adds to the score of each row, before calibration.

    `values` has shape (n, features). `unit` is "probability", or "log-odds" of the score. `base` is what the score of
    a row would be, in that unit, of which nothing is known.
    """

    names: list[str]
    values: np.ndarray
    base: float
    unit: str

    def scores(self) -> np.ndarray:
        """Return the score that base and contributions add up to, shape (n,)."""
        total = self.base + self.values.sum(axis=1)
        return sigmoid(total) if self.unit == "log-odds" else total


def explainer(pipeline: Pipeline) -> Callable[[pd.DataFrame], Contributions]:
    """Prepare a fitted pipeline, and return the function that explains rows of its features.

    Raises
    ------
    PipelineError
        There is no exact explanation for the estimator.
    """
    names = [str(name) for name in pipeline.feature_names_in_]
    parts = attribution(pipeline)

    def explain(features: pd.DataFrame) -> Contributions:
        with threadpool_limits(limits=1):
            columns = np.asarray(pipeline[:-1].transform(features[names]), dtype=np.float64)
        return Contributions(names, parts.of(columns, len(names)), parts.base, parts.unit)

    return explain


def attribution(pipeline: Pipeline) -> Attribution:
    """Return how to take the scores of a fitted pipeline apart.

    Shapley values by the path-dependent tree algorithm (Lundberg et al. 2020), of forests and trees in units of
    probability, of boosted trees in log-odds; coefficient times value of a logistic regression, in log-odds. A feature
    of which the preprocessing makes several columns (categories, a flag of gaps) has the sum of theirs.

    Raises
    ------
    PipelineError
        There is no exact explanation for the estimator.
    """
    names, model = [str(name) for name in pipeline.feature_names_in_], pipeline[-1]
    source = np.array([names.index(name) for name in sources(pipeline[0])])
    if is_linear(model):  # scaled columns have mean 0, so the base is a row in the middle
        return Attribution(source, model.coef_[0], float(model.intercept_[0]), "log-odds")
    found = ensemble(model)
    table = leaves(found)
    return Attribution(source, table, float(table.base), found.unit)


def limit(pipeline: Pipeline) -> float:
    """Return the largest distance between a score and the sum of its parts that is still rounding."""
    if type(pipeline[-1]).__name__ == "XGBClassifier":
        return NARROW
    return LIMIT if is_exact(pipeline[-1]) else ROUNDED
