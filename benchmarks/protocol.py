"""What the benchmarks share: the published table, its features, its windows in time, its figures, and a clock.

Not run by itself. Seconds are CPU seconds, user and system, with all threads and child processes: on a busy machine
they vary less than the time on the wall.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import pandas as pd
from joblib.externals.loky import get_reusable_executor
from sklearn.pipeline import Pipeline

from lifecycle.core.ranking import EntityRanking, Ranking, average_precision, roc_auc
from lifecycle.features.batch import evaluate
from lifecycle.models.families import build
from lifecycle.models.prediction import predict
from lifecycle.models.training import fit
from lifecycle.problem.problem import Problem
from lifecycle.problem.record_words import Night, Raw, Weekend
from lifecycle.problem.window_words import Feature, Window
from lifecycle.sources.files import to_contract
from lifecycle.splits.time_windows import DAY, TimeWindow, take, without_known_entities
from problems.generators import card_simulator

SIZE = (5_000, 10_000, 183, 0)  # customers, terminals, days and seed of the published table
PUBLISHED = (  # with 1, 7 and 30 days in each window: the book's fifteen
    Raw("amount"),
    Weekend("is_weekend"),
    Night("is_night", last_hour=6),
    Window("customer_tx_count", "count", by="customer_id"),
    Window("customer_amount_mean", "mean", of="amount", by="customer_id"),
    Window("terminal_tx_count", "count", by="terminal_id", delay_days=7),
    Window("terminal_fraud_rate", "rate", of="is_fraud", by="terminal_id", delay_days=7),
)
WEEK = 7 * DAY  # of training, of waiting for labels, and of testing
TEST_STARTS = (
    "2018-08-08",
    "2018-08-15",
    "2018-08-22",
    "2018-08-29",
)  # of the published weeks; chapter 3 has the first
VALIDATION_STARTS = ("2018-07-04", "2018-07-11", "2018-07-18", "2018-07-25")  # as src/split.py lays the folds
TOP_K = 100  # cards reviewed a day

T = TypeVar("T")


class Model(NamedTuple):
    """What is fitted: a family of `lifecycle.models.families` and the values it gets."""

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
    return to_contract(card_simulator.simulate(*SIZE), problem, "benchmarks").to_pandas()


def with_features(records: pd.DataFrame, problem: Problem, features: Sequence[Feature]) -> pd.DataFrame:
    """Return the records with one column per feature, as `src/featurize.py` writes them."""
    columns = evaluate(features, records, problem.time_column, problem.decimals)
    return pd.DataFrame(dict(records.items()) | dict(columns.items()), copy=False)


def needed(features: Sequence[Feature], names: Iterable[str]) -> list[Feature]:
    """Return the features that make these columns, and those that they are made from, in the list's order."""
    found, columns = [], set(names)
    for feature in reversed(features):
        if not columns.isdisjoint(feature.names):
            columns |= set(feature.reads)
            found.append(feature)
    return found[::-1]


def cut(table: pd.DataFrame, problem: Problem, test_start: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training week and the test week, a week of label delay apart, compromised cards left out of it."""
    start = pd.Timestamp(test_start)
    window = TimeWindow(start - 2 * WEEK, start - WEEK, start, start + WEEK)
    train = take(table, problem.time_column, window.train_start, window.train_end)
    return train, without_known_entities(table, window, str(problem.entity), problem.time_column, problem.target)


def fitted(train: pd.DataFrame, problem: Problem, names: list[str], model: Model) -> tuple[Pipeline, float]:
    """Fit on the training week by the features in `names`; return the pipeline and CPU seconds."""
    pipeline = build(model.family, problem.task, model.seed, model.hyperparameters, train[names])
    return timed(lambda: fit(pipeline, train[names], train[problem.target]))


def judge(train: pd.DataFrame, test: pd.DataFrame, problem: Problem, names: list[str], model: Model) -> Outcome:
    """Fit on the training week by the features in `names`; return the figures of the test week."""
    return figures(*fitted(train, problem, names, model), test, problem, names)


def figures(pipeline: Pipeline, seconds: float, test: pd.DataFrame, problem: Problem, names: list[str]) -> Outcome:
    """Return the figures of the test week of a pipeline that was fitted in `seconds`."""
    score, target = predict(pipeline, test[names]), test[problem.target].to_numpy()
    counts = Ranking(target, score).counts()
    day, card = (pd.factorize(column)[0] for column in (test[problem.time_column].dt.floor("D"), test[problem.entity]))
    return Outcome(
        roc_auc(*counts),
        average_precision(*counts),
        EntityRanking(day, card, target, score).precision_at(TOP_K),
        seconds,
    )
