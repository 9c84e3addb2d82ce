"""Exact additive contributions of a fitted pipeline: base and one number per feature add up to the score."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lifecycle.model import shapley
from lifecycle.model.ensembles import leaves
from lifecycle.model.sources import sources

LIMIT = 1e-9  # distance between a score and the sum of its parts that is still rounding
WIDER = {
    "LogisticRegression": 1e-8,  # its scores are rounded to eight decimals
    "XGBClassifier": 1e-5,  # it sums scores and contributions in single precision: 4e-6 with 500 trees
}


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
        return expit(total) if self.unit == "log-odds" else total


ByColumn = Callable[[np.ndarray], tuple[np.ndarray, float]]  # shape (n, columns): contributions of that shape, and base


def explainer(pipeline: Pipeline) -> Callable[[pd.DataFrame], Contributions]:
    """Prepare a fitted pipeline, and return the function that explains rows of its features.

    Shapley values by the path-dependent tree algorithm (Lundberg et al. 2020), of forests and trees in units of
    probability, of boosted trees in log-odds; coefficient times value of a logistic regression, in log-odds. A feature
    of which the preprocessing makes several columns (categories, a flag of gaps) has the sum of theirs.

    Raises
    ------
    PipelineError
        There is no exact explanation for the estimator.
    """
    names = [str(name) for name in pipeline.feature_names_in_]
    source = sources(pipeline[0])
    by_column, unit = _family(pipeline[-1])

    def explain(features: pd.DataFrame) -> Contributions:
        with threadpool_limits(limits=1):
            parts, base = by_column(np.asarray(pipeline[:-1].transform(features[names]), dtype=np.float64))
        values = np.zeros((len(features), len(names)))
        for column, name in enumerate(source):
            values[:, names.index(name)] += parts[:, column]
        return Contributions(names, values, base, unit)

    return explain


def limit(pipeline: Pipeline) -> float:
    """Return the largest distance between a score and the sum of its parts that is still rounding."""
    return WIDER.get(type(pipeline[-1]).__name__, LIMIT)


def _family(model: Any) -> tuple[ByColumn, str]:
    kind = type(model).__name__
    if kind == "LGBMClassifier":
        return lambda X: _base_last(model.predict(X, pred_contrib=True, num_threads=1)), "log-odds"
    if kind == "XGBClassifier":
        return lambda X: _base_last(_of_xgboost(model, X)), "log-odds"
    if hasattr(model, "coef_"):  # scaled columns have mean 0, so the base is a row in the middle
        return lambda X: (X * model.coef_[0], float(model.intercept_[0])), "log-odds"
    table = leaves(model)
    return lambda X: (shapley.contributions(table, X), float(table.base)), "probability" if table.single else "log-odds"


def _base_last(table: np.ndarray) -> tuple[np.ndarray, float]:
    return table[:, :-1], float(table[0, -1])


def _of_xgboost(model: Any, X: np.ndarray) -> np.ndarray:
    from xgboost import DMatrix

    rows = DMatrix(X, missing=model.missing, nthread=1)
    return model.get_booster().predict(rows, pred_contribs=True).astype(np.float64)
