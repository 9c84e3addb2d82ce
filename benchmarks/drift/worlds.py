"""Small worlds of card payments: records, the default model, and what it says of them. Not run by itself.

A world is the card simulator with a seed of its own: `CUSTOMERS` customers, and more that are held back until a
population grows. Its days: until every window of the features is full; weeks to learn limits from; a week of training,
a week until its labels are known, a test week; and the weeks that are watched. Cards of known frauds are not blocked.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.contract.row_validation import check
from lifecycle.core.params import Params
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.features.batch import evaluate
from lifecycle.models.prediction import predict
from lifecycle.models.training import train_model
from lifecycle.monitoring.detectors.refusals import faults
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.sources.files import to_contract
from lifecycle.splits.time_windows import DAY, timing
from problems.generators import card_simulator

WEEK = 7
CUSTOMERS, HELD_BACK, TERMINALS = 1_250, 625, 2_500
BACKTEST = 70  # the first day on which every window of the features is full
TRAIN = BACKTEST + 10 * WEEK
LABELS = TRAIN + WEEK
TEST = LABELS + WEEK
WATCH = TEST + WEEK
WATCHED_WEEKS = 6
END = WATCH + WATCHED_WEEKS * WEEK
REACH = 80  # days before a record that can change its features: the longest windows that stand on each other, and more
FOLDS = 4  # weeks whose scores choose the threshold
FIRST = pd.Timestamp(card_simulator.START)


class Delivery(NamedTuple):
    """Records as they come from the source, day by day.

    Parameters
    ----------
    records : pandas.DataFrame
        Raw, in time order.
    day : numpy.ndarray, shape (n,)
        On which each was delivered, from 0.
    """

    records: pd.DataFrame
    day: np.ndarray


class Seen(NamedTuple):
    """What the pipeline made of deliveries.

    Parameters
    ----------
    table : pandas.DataFrame
        Records that fulfil the contract, with features, `score`, `probability` and `alert`.
    rejected : pandas.DataFrame
        The others: time (midnight of the day of delivery), `column`, `reason`, and `schema`: all records of a day would
        have that reason if the column had gone.
    """

    table: pd.DataFrame
    rejected: pd.DataFrame


class World(NamedTuple):
    """A world without drift, and its model."""

    seed: int
    problem: Problem
    task: Task
    source: Delivery
    held_back: Delivery
    seen: Seen  # from the backtest on
    model: Pipeline
    decision: Any


def made(seed: int, params: Params) -> World:
    """Simulate a world, train the model of `params.train` on its training week, and score its records."""
    problem = load_problem("transactions")
    task = task_of(problem)
    everybody = card_simulator.simulate(CUSTOMERS + HELD_BACK, TERMINALS, END, seed, 1)
    at_first = (everybody["customer_id"] < CUSTOMERS).to_numpy()
    source, held_back = (delivered(everybody[rows].reset_index(drop=True)) for rows in (at_first, ~at_first))
    features, rejected = with_features(problem, source)
    model = train_model(params.train, problem, between(features, TRAIN, LABELS))
    table = between(features, BACKTEST, END)
    scored = table.assign(score=predict(model, table))
    decision = chosen(scored, task, params)
    seen = Seen(decided(scored, task, decision), rejected)
    return World(seed, problem, task, source, held_back, seen, model, decision)


def delivered(records: pd.DataFrame) -> Delivery:
    """Deliver records on the day on which they happened."""
    return Delivery(records, days_of(records["tx_time"]))


def days_of(times: pd.Series) -> np.ndarray:
    """Return the number of each time's day, from 0."""
    return ((times - FIRST) // DAY).to_numpy(np.int64)


def between(table: pd.DataFrame, first: int, end: int) -> pd.DataFrame:
    """Return the records of first <= day < end; the table is in time order."""
    low, high = table["tx_time"].searchsorted([FIRST + first * DAY, FIRST + end * DAY])
    return table.iloc[low:high]


def chosen(scored: pd.DataFrame, task: Task, params: Params) -> Any:
    """Choose the decision as the stage `decide` does, on the last weeks before the training."""
    folds = between(scored, TRAIN - FOLDS * WEEK, TRAIN)
    numbers = (days_of(folds["tx_time"]) - TRAIN) // WEEK + FOLDS + 1
    options, split = fill(params.decide, task.problem, "decide"), fill(params.split, task.problem, "split")
    return task.choose(folds.assign(fold=numbers), options, timing(split)).decision


def decided(scored: pd.DataFrame, task: Task, decision: Any) -> pd.DataFrame:
    """Return a table with the columns of the decision."""
    return scored.assign(**task.decided_columns(scored["score"].to_numpy(), decision))


def with_features(problem: Problem, source: Delivery) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Let deliveries through the contract and compute their features; return the table, and what was rejected."""
    records = source.records
    absent = [name for name in problem.columns if name not in records]
    whole = records.assign(**dict.fromkeys(absent, None))
    extra = [name for name in whole if name not in problem.columns]
    verdict = check(to_contract(whole.drop(columns=extra), problem, "world"), problem, None)
    features = evaluate(problem.features, verdict.kept, problem.time, problem.decimals)
    own = [name for name in features if name not in verdict.kept]
    day = source.day[verdict.rejected["source_row"].to_numpy()]
    time = pd.Series(FIRST + pd.to_timedelta(day, "D")).astype("datetime64[us]")
    rejected = faults(verdict.rejected, problem).assign(tx_time=time)
    return pd.concat([verdict.kept, features[own]], axis=1), rejected


def seen_again(world: World, source: Delivery, start: int) -> Seen:
    """Return what the world's model sees when deliveries are others from day `start` on.

    Features are computed again only for what the change can reach.
    """
    low = int(np.searchsorted(source.day, start - REACH))
    recent = Delivery(source.records.iloc[low:].reset_index(drop=True), source.day[low:])
    features, rejected = with_features(world.problem, recent)
    later = between(features, start, END)
    score = predict(world.model, later) if len(later) else np.zeros(0)
    again = decided(later.assign(score=score), world.task, world.decision)
    earlier = between(world.seen.table, BACKTEST, start)
    return Seen(pd.concat([earlier, again], ignore_index=True), rejected)


def recall(table: pd.DataFrame, start: int, end: int = END) -> float:
    """Return the share of the frauds of start <= day < end that raised an alert; NaN where there are none."""
    frauds = between(table, start, end)
    frauds = frauds[frauds["is_fraud"] == 1]
    return float(frauds["alert"].mean()) if len(frauds) else float("nan")
