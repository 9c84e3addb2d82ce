"""Findings of made-up records of each kind of target, with what is usual learned from earlier ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.monitoring.detectors.backtest import Run, Scorer, axes_of, stream_of
from lifecycle.monitoring.detectors.daily_counts import Stream, daily_counts
from lifecycle.monitoring.detectors.reference import calibrate
from lifecycle.monitoring.watch import Findings, Watched, watch
from lifecycle.splits.time_windows import DAY
from tests.helpers_kinds import decided, problem, scores
from tests.helpers_model import params
from tests.lifecycle.monitoring.helpers_streams import LIMITS

TIME, FIRST, A_DAY = "at", pd.Timestamp("2026-03-02"), 80
EVALUATE = params(evaluate__rule_amount=None).evaluate
MONITOR = params(monitor__samples=50).monitor
Change = Callable[[pd.DataFrame], pd.DataFrame]


def scorer_of(kind: str, features: tuple[str, ...] = ("dose", "age", "place")) -> Scorer:
    """Return a model whose predictions stand in the records already."""
    task = task_of(problem(kind))
    return Scorer(features, task.problem.prediction, decided(task)[0].decision)


def stream_like(kind: str, scorer: Scorer, days: int, seed: int = 3, change: Change = lambda table: table) -> Stream:
    """Return as many records each day; `change` alters them before they are decided on."""
    task = task_of(problem(kind))
    records = scores(task, seed, days * A_DAY)
    place = np.arange(len(records))
    times = FIRST + place // A_DAY * DAY + (place % A_DAY + 1) * pd.Timedelta(minutes=15)
    return stream_of(Run(change(records.assign(**{TIME: times})), FIRST, days), task, scorer, TIME)


def watched_like(
    kind: str, windows: int = 12, change: Change = lambda table: table, scorer: Scorer | None = None
) -> Watched:
    """Return what is usual of such records, learned from so many windows."""
    task, scorer = task_of(problem(kind)), scorer or scorer_of(kind)
    stream = stream_like(kind, scorer, windows * LIMITS.window_days, seed=9, change=change)
    axes = axes_of(task, scorer.features, stream.records)
    reference = calibrate([daily_counts(stream, axes, TIME)], axes, LIMITS)
    return Watched(task, reference, scorer.decision, TIME, delay_days=3.0)


def found_in(stream: Stream, watched: Watched) -> Findings:
    """Return the findings at the end of a stream."""
    return watch(stream, watched, MONITOR, EVALUATE, stream.first + stream.days * DAY)


def since(day: int, **columns: Callable[[pd.Series], Any]) -> Change:
    """Return a change of columns from a day on."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        late = (table[TIME] >= FIRST + day * DAY).to_numpy()
        return table.assign(**{name: table[name].mask(late, made(table[name])) for name, made in columns.items()})

    return change
