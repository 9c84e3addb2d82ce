"""The model families that `train.model` may name, each as one scikit-learn pipeline."""

import importlib
import importlib.util
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lifecycle.core import cluster
from lifecycle.core.errors import PipelineError
from lifecycle.core.numbers import sigmoid
from lifecycle.core.params import TrainParams
from lifecycle.models.preprocessing import _preparation
from lifecycle.problem.problem import Problem

DECIMALS = 8  # of a score that is not exact
OURS = {"random_state", "n_jobs", "verbose", "warm_start"}  # set here, not in params.yaml


@dataclass(frozen=True)
class Family:
    """A class of estimators, what is fixed about it, other defaults, and whether its inputs are scaled and imputed."""

    module: str
    name: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    linear: bool = False


FAMILIES = {
    "random_forest": Family("sklearn.ensemble", "RandomForestClassifier", {"n_jobs": -1}),
    "extra_trees": Family("sklearn.ensemble", "ExtraTreesClassifier", {"n_jobs": -1}),
    "hist_gradient_boosting": Family("sklearn.ensemble", "HistGradientBoostingClassifier"),
    "logistic_regression": Family(
        "sklearn.linear_model", "LogisticRegression", defaults={"max_iter": 1_000}, linear=True
    ),
    "decision_tree": Family("sklearn.tree", "DecisionTreeClassifier"),
    # deterministic and force_col_wise: otherwise LightGBM's sums depend on the number of threads
    "lightgbm": Family(
        "lightgbm", "LGBMClassifier", {"deterministic": True, "force_col_wise": True, "verbosity": -1, "n_jobs": 1}
    ),
    "xgboost": Family("xgboost", "XGBClassifier", {"n_jobs": 1}),
}


def build(model: str, seed: int, hyperparameters: Mapping[str, Any], features: pd.DataFrame) -> Pipeline:
    """Make an unfitted pipeline: preprocessing, then the estimator.

    Parameters
    ----------
    model : str
        A key of `FAMILIES`.
    seed : int
        `random_state` of the estimator.
    hyperparameters : mapping of str to Any
        Of the estimator, by its own names.
    features : pandas.DataFrame
        What it will learn from; only its columns' names and types are looked at.

    Raises
    ------
    PipelineError
        Unknown model, a package that is not installed, or a hyper-parameter that the model does not have.
    """
    family = _family(model)
    estimator = getattr(importlib.import_module(family.module), family.name)(**family.fixed, **family.defaults)
    legal = set(estimator.get_params()) - OURS - set(family.fixed)
    for name, value in hyperparameters.items():
        if name not in legal:
            raise PipelineError(
                f"params.yaml: train.{name} = {value!r}: {model} has no such parameter; it has:"
                f" {', '.join(sorted(legal))}. Remove the line, or for one experiment: dvc exp run -S '~train.{name}'"
            )
    estimator.set_params(random_state=seed, **hyperparameters)
    return Pipeline([("prepare", _preparation(features, family.linear)), ("model", estimator)])


def fit(pipeline: Pipeline, features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Fit with the linear algebra on one thread: with more, the last bits depend on their number.

    Raises
    ------
    PipelineError
        The estimator refuses a value of a hyper-parameter.
    """
    try:
        with threadpool_limits(limits=1):
            X = pipeline[:-1].fit_transform(features, target)
            with cluster.workers():
                pipeline[-1].fit(X, target)
    except PipelineError:
        raise
    except Exception as error:
        # A refused value is a ValueError, a TypeError or an error of the library's own kind; the rest is our own fault.
        own = type(error).__module__.split(".")[0] == type(pipeline[-1]).__module__.split(".")[0]
        if not own and not isinstance(error, ValueError | TypeError):
            raise
        raise PipelineError(f"params.yaml: train: {str(error).split('Stack trace')[0].strip()}") from error
    if is_linear(pipeline[-1]):  # the last bits of linear algebra differ between processors
        pipeline[-1].coef_, pipeline[-1].intercept_ = (
            np.round(x, 9) for x in (pipeline[-1].coef_, pipeline[-1].intercept_)
        )
    cluster.as_if_fitted_here(pipeline[-1])
    if "n_jobs" in pipeline[-1].get_params():
        pipeline[-1].set_params(n_jobs=None)  # parallel predictions add up in another order
    return pipeline


def predict(pipeline: Pipeline, features: pd.DataFrame) -> np.ndarray:
    """Return the score of each row: the estimator's probability of class 1, not calibrated. Shape (n,).

    A sum through an exponential is rounded to eight decimals: its last bits are no two programs' the same, and a
    decision must not hang on them.
    """
    with threadpool_limits(limits=1):
        if type(pipeline[-1]).__name__ == "XGBClassifier":  # it gives probabilities in single precision only
            score = sigmoid(pipeline[-1].predict(pipeline[:-1].transform(features), output_margin=True))
        else:
            score = pipeline.predict_proba(features)[:, 1].astype(np.float64)
    return score if is_exact(pipeline[-1]) else np.round(score, DECIMALS)


def is_linear(model: Any) -> bool:
    """Tell whether an estimator is a sum of coefficients times values."""
    return "coef_" in vars(model)  # XGBoost has the name too, for another booster


def is_exact(model: Any) -> bool:
    """Tell whether an estimator's score is a mean of shares, as a forest's is: the same bits whoever computes it."""
    return hasattr(model, "tree_") or hasattr(model, "estimators_")


def staged_predict(pipeline: Pipeline, features: pd.DataFrame, points: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (size, score) as an ensemble grows, at most about `points` times; other models yield their only score."""
    model, X = pipeline[-1], pipeline[:-1].transform(features)
    if hasattr(model, "staged_predict_proba"):
        every = max(1, model.n_iter_ // points)
        staged, last = model.staged_predict_proba(X), model.n_iter_
        for i, p in enumerate(staged, 1):
            if i % every == 0 or i == last:
                yield i, np.round(p[:, 1], DECIMALS)
    elif hasattr(model, "estimators_"):
        last, total = len(model.estimators_), np.zeros(len(X))
        every = max(1, last // points)
        values = np.asarray(X, dtype=np.float32)
        for i, tree in enumerate(model.estimators_, 1):
            total += tree.predict_proba(values, check_input=False)[:, 1]
            if i % every == 0 or i == last:
                yield i, total / i
    else:
        yield 1, predict(pipeline, features)


def as_json(value: Any) -> Any:
    """Return a hyper-parameter as JSON can hold it: what has no JSON form (NaN, objects) as its text."""
    plain = value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
    return value if plain else str(value)


def _family(model: str) -> Family:
    if model not in FAMILIES:
        raise PipelineError(f"params.yaml: train.model = {model!r}: unknown; known: {', '.join(FAMILIES)}")
    family = FAMILIES[model]
    if importlib.util.find_spec(family.module.split(".")[0]) is None:
        raise PipelineError(
            f"params.yaml: train.model = {model!r}: {family.module} is not installed; it is in the extra `boosting`"
        )
    return family


def feature_names(problem: Problem, params: TrainParams) -> list[str]:
    """Return the problem's features without the excluded ones.

    Raises
    ------
    PipelineError
        An excluded name is no feature, or none is left.
    """
    unknown = sorted(set(params.exclude_features) - set(problem.feature_names))
    names = [name for name in problem.feature_names if name not in params.exclude_features]
    if unknown or not names:
        fault = f"{unknown[0]!r} is no feature" if unknown else "no feature is left"
        raise PipelineError(
            f"params.yaml: train.exclude_features: {fault}; the features are: {', '.join(problem.feature_names)}"
        )
    return names
