"""Made-up streams of a model that is watched: like its reference, or with one thing changed from a day on."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.monitor_params import MonitorParams
from lifecycle.core.params import MonitoringLimits
from lifecycle.evaluation.decision import decision_of
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring.detectors.backtest import axes_of
from lifecycle.monitoring.detectors.daily_counts import DailyCounts, Stream, daily_counts, no_rejections
from lifecycle.monitoring.detectors.reference import Reference, calibrate
from lifecycle.monitoring.watch import Watched
from lifecycle.problem.problem import Column, Problem
from lifecycle.problem.record_words import Raw
from lifecycle.problem.slice_definitions import Band
from lifecycle.splits.time_windows import DAY
from tests.helpers_bundle import some_decision

TIME, FIRST, START = "seen_at", pd.Timestamp("2026-01-05"), pd.Timestamp("2026-04-06")  # Mondays
PER_DAY, DAYS = 200, 28
FEATURES = ("amount", "age", "shop")
PROBLEM = Problem(
    contract=(
        Column("visit", "integer", ""), Column(TIME, "timestamp", ""), Column("card", "integer", ""),
        Column("amount", "number", ""), Column("age", "number", ""), Column("shop", "text", ""),
        Column("is_bad", "integer", "", isin=(0, 1)),
    ),
    features=tuple(map(Raw, FEATURES)), target="is_bad", key="visit", time=TIME, entity="card", amount="amount",
    slices=(Band("spent", "amount", edges=(20, 40)),),
)  # fmt: skip
TASK: Task = task_of(PROBLEM)
DECISION = decision_of("binary", some_decision())
LIMITS = MonitoringLimits(
    window_days=7, backtest_windows=12, drift_factor=1.5, least_volume_change=0.15, least_cusum=6.0
)
Change = Callable[[pd.DataFrame], pd.DataFrame]


def options(**changes: Any) -> MonitorParams:
    """Return params of the monitor: alarms after a day, all are tickets."""
    kinds = ("schema", "quality", "volume", "covariate", "score", "concept", "performance")
    made: dict[str, Any] = {
        "persistence": {kind: 1 for kind in kinds if kind != "concept"},
        "budget": dict.fromkeys(kinds, 9),
        "actions": [{"class": kind, "action": "ticket", "because": f"look at the {kind}"} for kind in kinds],
        "review_capacity_per_day": None,
        "samples": 50,
        "seed": 0,
        "previous": "models/previous",
    }
    return MonitorParams.model_validate(made | changes)


def visits(first: pd.Timestamp, days: int, seed: int, per_day: int = PER_DAY) -> pd.DataFrame:
    """Return records of days, with the prediction of a model that is right about them; features tell nothing."""
    rng = np.random.default_rng(seed)
    rows = days * per_day
    seconds = np.sort(rng.integers(0, 86_400, (days, per_day)), axis=1) + 86_400 * np.arange(days)[:, None]
    score = rng.beta(1, 3, rows)
    return pd.DataFrame(
        {
            "visit": np.arange(rows),
            TIME: first + pd.to_timedelta(seconds.ravel(), "s"),
            "card": rng.integers(0, 150, rows),
            "amount": rng.gamma(2, 15, rows),
            "age": rng.integers(18, 80, rows).astype(float),
            "shop": rng.choice(["bakery", "garage", "florist"], rows, p=[0.5, 0.3, 0.2]),
            "is_bad": (rng.random(rows) < score).astype(np.int8),
            "score": score,
        }
    )


def scored(records: pd.DataFrame) -> pd.DataFrame:
    """Return records with all that the decision makes of the prediction."""
    decided = TASK.decided_columns(records["score"].to_numpy(), DECISION)
    return records.assign(**decided).reset_index(drop=True)


def stream_of(records: pd.DataFrame, first: pd.Timestamp = START, days: int = DAYS) -> Stream:
    """Return records as a stream whose labels are all known."""
    table = scored(records)
    return Stream(table, TASK.losses(table), no_rejections(TIME), first, days)


def stream(*changes: Change, seed: int = 1, days: int = DAYS, per_day: int = PER_DAY) -> Stream:
    """Return a stream like the reference, with changes of its records."""
    records = visits(START, days, seed, per_day)
    for change in changes:
        records = change(records)
    return stream_of(records, days=days)


def since(day: int, until: int = 10_000) -> Callable[[pd.DataFrame], np.ndarray]:
    """Return what tells which records are of a day or later ones."""
    return lambda records: records[TIME].between(START + day * DAY, START + until * DAY, inclusive="left").to_numpy()


def altered(column: str, value: Any, day: int = 14, until: int = 10_000, share: float = 1.0) -> Change:
    """Return the change that sets a column of a share of the records: to a value, or to what is made of the records."""

    def change(records: pd.DataFrame) -> pd.DataFrame:
        own = since(day, until)(records) & (np.random.default_rng(7).random(len(records)) < share)
        new = value(records) if callable(value) else value
        return records.assign(**{column: records[column].mask(own, new)})

    return change


def kept(share: float, day: int = 14, until: int = 10_000) -> Change:
    """Return the change that leaves records out."""

    def change(records: pd.DataFrame) -> pd.DataFrame:
        lost = since(day, until)(records) & (np.random.default_rng(8).random(len(records)) >= share)
        return records[~lost]

    return change


def refused(given: Stream, column: str, day: int, share: float, *, schema: bool, until: int = 10_000) -> Stream:
    """Return a stream some of whose records were refused for a column."""
    records = given.records
    lost = since(day, until)(records) & (np.random.default_rng(9).random(len(records)) < share)
    rejected = pd.DataFrame({TIME: records[TIME][lost], "column": column, "reason": "missing", "schema": schema})
    return given._replace(
        records=records[~lost].reset_index(drop=True), loss=given.loss[~lost], rejected=rejected.reset_index(drop=True)
    )


@functools.cache
def reference(windows: int = 12, per_day: int = PER_DAY) -> Reference:
    """Return what is usual, from windows of the same kind."""
    usual = stream_of(visits(FIRST, 7 * windows, 0, per_day), FIRST, 7 * windows)
    axes = axes_of(TASK, FEATURES, usual.records)
    return calibrate([daily_counts(usual, axes, TIME)], axes, LIMITS)


def counted(given: Stream) -> DailyCounts:
    """Return the counts of a stream."""
    return daily_counts(given, [one.axis for one in reference().axes], TIME)


def watched(delay_days: float = 0.0, **changes: Any) -> Watched:
    """Return whom the streams are about."""
    return Watched(TASK, reference(), DECISION, TIME, delay_days)._replace(**changes)
