"""Fit and score validation folds in parallel: processes of this machine, or the Dask cluster the environment names."""

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core import cluster
from lifecycle.core.cluster import code_plugin
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import TrainParams
from lifecycle.models import families
from lifecycle.problem.problem import Problem

PATIENCE = 300  # seconds in which the first worker of a cluster must join


class Fold(NamedTuple):
    """What is learned and what is judged."""

    features: pd.DataFrame
    target: pd.Series
    judged_features: pd.DataFrame
    judged_target: np.ndarray


def folds_of(table: pd.DataFrame, names: list[str], problem: Problem) -> list[Fold]:
    """Cut data/splits/folds.parquet, the oldest fold first."""
    parts = [(fold[fold["role"] == "train"], fold[fold["role"] == "valid"]) for _, fold in table.groupby("fold")]
    return [Fold(a[names], a[problem.target], b[names], b[problem.target].to_numpy()) for a, b in parts]


def score(train: TrainParams, fold: Fold) -> np.ndarray | str:
    """Return a fold's scores as `src/train.py` makes them, or in words why the model refuses its hyper-parameters."""
    import joblib

    os.environ.pop(cluster.ADDRESS, None)  # a worker of a cluster would wait for the cluster
    try:
        with joblib.parallel_config(backend="sequential"):
            pipeline = families.build(train.model, train.seed, train.hyperparameters, fold.features)
            families.fit(pipeline, fold.features, fold.target)
            return families.predict(pipeline, fold.judged_features)
    except PipelineError as error:
        return str(error)


@contextmanager
def scorer(folds: Sequence[Fold], most: int) -> Iterator[Callable[[int, Sequence[TrainParams]], list[Any]]]:
    """Give a function from a fold's number and several params to the result of `score` for each.

    Parameters
    ----------
    folds : sequence of Fold
        Sent to a process once, not with each task.
    most : int
        Tasks at a time; fewer run at once where there are fewer processors, or LOKY_MAX_CPU_COUNT says so.

    Raises
    ------
    PipelineError
        Dask is not installed, or the cluster does not answer or has no worker.
    """
    import joblib

    # A local function and bytes: a Dask scheduler unpacks what it is sent, and has none of our code.
    def call(fold: np.ndarray, sent: bytes) -> np.ndarray | str:
        work, train = pickle.loads(sent)
        return work(train, pickle.loads(fold.data))

    packed = [np.frombuffer(pickle.dumps(fold), np.uint8) for fold in folds]
    address = os.environ.get(cluster.ADDRESS)
    with cluster.workers():
        if address:
            _prepare_workers(address)
        with joblib.Parallel(n_jobs=min(most, joblib.cpu_count()), batch_size=1) as parallel:
            yield lambda number, several: parallel(
                joblib.delayed(call)(packed[number], pickle.dumps((score, train))) for train in several
            )


def _prepare_workers(address: str) -> None:
    from distributed import get_client

    try:
        get_client().wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise PipelineError(f"{cluster.ADDRESS} = {address!r}: no worker has joined for {PATIENCE} s") from error
    get_client().register_plugin(code_plugin(), name="lifecycle")
