"""Train the model that the block `train` of params.yaml names, read the folds, and log their figures with DVCLive."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lifecycle.core import dask_client
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import TrainParams
from lifecycle.models.families import FAMILIES, build, family_of
from lifecycle.problem.problem import Problem, Task


def feature_names(problem: Problem, params: TrainParams) -> list[str]:
    """Return the problem's features without the excluded ones; raise when none is left, or one is no feature."""
    unknown = sorted(set(params.exclude_features) - set(problem.feature_names))
    names = [name for name in problem.feature_names if name not in params.exclude_features]
    if unknown or not names:
        fault = f"{unknown[0]!r} is no feature" if unknown else "no feature is left"
        raise PipelineError(
            f"params.yaml: train.exclude_features: {fault}; the features are: {', '.join(problem.feature_names)}"
        )
    return names


def baseline(params: TrainParams, task: Task) -> TrainParams:
    """Return the params of the linear model that every model is compared with."""
    model = "ridge" if task == "regression" else "logistic_regression"
    return TrainParams(model=model, seed=params.seed, exclude_features=params.exclude_features)


def train_model(params: TrainParams, problem: Problem, rows: pd.DataFrame) -> Pipeline:
    """Return the model that params name, fitted on rows of the feature table.

    Raises
    ------
    PipelineError
        Params name no model for the task, or features that there are not; or a class has no training row.
    """
    names, target = feature_names(problem, params), rows[problem.target]
    absent = [name for code, name in enumerate(problem.class_names) if not (target == code).any()]
    if absent:
        raise PipelineError(f"no training row is of the class {', '.join(absent)}; a model can't learn it")
    pipeline = build(params.model, problem.task, params.seed, params.hyperparameters, rows[names])
    return fit(pipeline, rows[names], target)


def continue_training(earlier: Pipeline, params: TrainParams, problem: Problem, rows: pd.DataFrame) -> Pipeline:
    """Return an earlier model with `train.more_trees` further trees, which learn from rows of the feature table.

    Text is encoded as the earlier model has learned to; a value that it did not know stays unknown to it.

    Raises
    ------
    PipelineError
        The model is of another family, features or classes than params and problem say, or of a family that can't.
    """
    names, family, place = feature_names(problem, params), family_of(earlier), "params.yaml: train.continue_from"
    if family.continues is None:
        able = ", ".join(name for name, other in FAMILIES.items() if other.continues)
        raise PipelineError(f"{place}: {family.name} can't learn on from other rows; those that can: {able}")
    if family.name != params.model:
        raise PipelineError(
            f"{place}: the earlier model is of the family {family.name}, train.model = {params.model!r}"
        )
    if list(earlier.feature_names_in_) != names:
        odd = sorted(set(earlier.feature_names_in_) ^ set(names)) or ["their order"]
        raise PipelineError(f"{place}: the earlier model has other features: {', '.join(odd)}; train from nothing")
    model, target = earlier[-1], rows[problem.target]
    if is_classifier(model) and list(model.classes_) != sorted(target.unique()):
        raise PipelineError(f"{place}: the earlier model knows classes {list(model.classes_)}, the rows have others")
    changes = {name: value for name, value in params.hyperparameters.items() if name != "n_estimators"}
    model.set_params(random_state=params.seed, **changes, **family.fixed)
    with _refusals(model), threadpool_limits(limits=1), dask_client.workers():
        family.continues(model, earlier[:-1].transform(rows[names]), target, params.more_trees)
    return _finished(earlier)


def fit(pipeline: Pipeline, features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Fit with the linear algebra on one thread: with more, the last bits depend on their number.

    Raises
    ------
    PipelineError
        The estimator refuses a value of a hyper-parameter.
    """
    model = pipeline[-1]
    with _refusals(model), threadpool_limits(limits=1):
        codes = target.astype(np.int64) if is_classifier(model) else target  # no encoder takes int8
        columns = pipeline[:-1].fit_transform(features, codes)
        with dask_client.workers():
            model.fit(columns, target)
    return _finished(pipeline)


@contextmanager
def _refusals(model: Any) -> Iterator[None]:
    """Raise a PipelineError where the estimator refuses a value."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        # A refused value is a ValueError, a TypeError or an error of the library's own; anything else is a bug of ours.
        is_of_library = type(error).__module__.split(".")[0] == type(model).__module__.split(".")[0]
        if not is_of_library and not isinstance(error, ValueError | TypeError):
            raise
        raise PipelineError(f"params.yaml: train: {str(error).split('Stack trace')[0].strip()}") from error


def _finished(pipeline: Pipeline) -> Pipeline:
    """Make a fitted model the same wherever it was fitted."""
    model = pipeline[-1]
    if family_of(pipeline).linear:  # the last bits of linear algebra differ between processors
        model.coef_, model.intercept_ = _rounded(model, model.coef_), _rounded(model, model.intercept_)
    dask_client.as_if_fitted_here(model)
    if "n_jobs" in model.get_params():
        model.set_params(n_jobs=None)  # parallel predictions add up in another order
    return pipeline


def _rounded(model: Any, values: Any) -> np.ndarray:
    """Round coefficients: of log-odds to nine decimals; of a number, which may be of any size, to single precision."""
    found = np.asarray(values, dtype=np.float64)
    return np.round(found, 9) if is_classifier(model) else found.astype(np.float32).astype(np.float64)


def hyperparameters(pipeline: Pipeline) -> dict[str, Any]:
    """Return all hyper-parameters of a model, also those that params leave at the library's default.

    A changed default changes a model as much as a changed param. What JSON has no form for (NaN, objects) is text.
    """
    return {name: value if _is_json(value) else str(value) for name, value in pipeline[-1].get_params().items()}


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


class Fold(NamedTuple):
    """A validation window's rows, and the earlier rows that a model learns from."""

    train: pd.DataFrame
    valid: pd.DataFrame


def folds_of(table: pd.DataFrame) -> list[Fold]:
    """Return the folds of data/splits/folds.parquet, the oldest first."""
    return [Fold(fold[fold["role"] == "train"], fold[fold["role"] == "valid"]) for _, fold in table.groupby("fold")]


@contextmanager
def tracker(directory: str | Path) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Yield a function that logs the figures of one validation fold after the other; the summary is their mean.

    DVCLive writes metrics.json, and a table per figure under plots/metrics/. It writes no dvc.yaml and no experiment of
    its own, and needs a repository with a commit.
    """
    from dvclive import Live
    from scmrepo.exceptions import SCMError

    folds: list[Mapping[str, float]] = []

    def log_fold(figures: Mapping[str, float]) -> None:
        folds.append(figures)
        for name, value in figures.items():
            live.log_metric(f"validation/{name}", value)
        live.summary = {"validation": {name: float(np.mean([fold[name] for fold in folds])) for name in figures}}
        live.next_step()

    try:
        live = Live(str(directory), dvcyaml=False, save_dvc_exp=False)
    except SCMError as error:
        raise PipelineError("DVCLive needs a repository with a commit: git add -A && git commit -m 'Start'") from error
    with live:
        yield log_fold
