"""What the benchmarks share: the published table, its features, its windows in time, its figures, and a clock.

Not run by itself. Seconds are CPU seconds, user and system, with all threads and child processes: on a busy machine
they vary less than the time on the wall.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import pandas as pd
from joblib.externals.loky import get_reusable_executor

from lifecycle.data import simulator
from lifecycle.data.source import to_contract
from lifecycle.features.batch import evaluate
from lifecycle.features.vocabulary import Feature
from lifecycle.model import estimators
from lifecycle.model.metrics import CardRanking, Ranking, average_precision, roc_auc
from lifecycle.model.splits import DAY, TimeWindow, take, without_compromised
from lifecycle.problem import Problem
from lifecycle.stage import PipelineError

SIZE = (5_000, 10_000, 183, 0)  # customers, terminals, days and seed of the published table
WINDOWS = ("customer_tx_count", "customer_amount_mean", "terminal_tx_count", "terminal_fraud_rate")
PUBLISHED = {"amount", "is_weekend", "is_night", *WINDOWS}  # with 1, 7 and 30 days in each window: fifteen
WEEK = 7 * DAY  # of training, of waiting for labels, and of testing
TOP_K = 100  # cards reviewed a day

T = TypeVar("T")


class Model(NamedTuple):
    """What is fitted: a family of `lifecycle.model.estimators` and the values it gets."""

    family: str
    hyperparameters: Mapping[str, Any]
    seed: int = 0


class Outcome(NamedTuple):
    """Figures of a model on one test week, and CPU seconds of its fit."""

    roc_auc: float
    average_precision: float
    card_precision: float
    fit_seconds: float


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what `work` returns, and its CPU seconds."""
    start = sum(os.times()[:4])
    result = work()
    get_reusable_executor().shutdown(wait=True)  # a child's seconds count once it has ended
    return result, sum(os.times()[:4]) - start


def simulated(problem: Problem) -> pd.DataFrame:
    """Return the simulated table of `SIZE`, in time order, with the contract's columns."""
    return to_contract(simulator.simulate(*SIZE), problem, "benchmarks")


def published_features(problem: Problem) -> list[Feature]:
    """Return the fifteen published features; a PipelineError when the problem does not declare all of them."""
    features = [feature for feature in problem.features if feature.name in PUBLISHED]
    if sum(len(feature.names) for feature in features) != 15:
        raise PipelineError(f"benchmarks: the problem no longer declares the published {', '.join(sorted(PUBLISHED))}")
    return features


def with_features(records: pd.DataFrame, problem: Problem, features: list[Feature]) -> pd.DataFrame:
    """Return the records with one column per feature, as `src/featurize.py` writes them."""
    columns = evaluate(features, records, problem.time, problem.decimals)
    return pd.DataFrame(dict(records.items()) | dict(columns.items()), copy=False)


def cut(table: pd.DataFrame, problem: Problem, test_start: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training week and the test week, a week of label delay apart, compromised cards left out of it."""
    start = pd.Timestamp(test_start)
    window = TimeWindow(start - 2 * WEEK, start - WEEK, start, start + WEEK)
    train = take(table, problem.time, window.train_start, window.train_end)
    return train, without_compromised(table, window, str(problem.card), problem.time, problem.target)


def judge(train: pd.DataFrame, test: pd.DataFrame, problem: Problem, names: list[str], model: Model) -> Outcome:
    """Fit on the training week by the features in `names`; return the figures of the test week."""
    pipeline = estimators.build(model.family, model.seed, model.hyperparameters, train[names])
    pipeline, seconds = timed(lambda: estimators.fit(pipeline, train[names], train[problem.target]))
    score, target = estimators.predict(pipeline, test[names]), test[problem.target].to_numpy()
    counts = Ranking(target, score).counts()
    day, card = (pd.factorize(column)[0] for column in (test[problem.time].dt.floor("D"), test[problem.card]))
    return Outcome(
        roc_auc(*counts), average_precision(*counts), CardRanking(day, card, target, score).precision_at(TOP_K), seconds
    )
