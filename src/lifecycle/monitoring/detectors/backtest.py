"""The windows without known drift on which the limits are calibrated: records that the model was not trained on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.params import MonitoringLimits, SplitParams
from lifecycle.core.tables import first_and_last, read_table
from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring.detectors.axis import Axis, decision_axis, feature_axis, score_axis, slice_axis
from lifecycle.monitoring.detectors.daily_counts import Stream, daily_counts, no_rejections
from lifecycle.monitoring.detectors.reference import Reference, calibrate
from lifecycle.monitoring.detectors.refusals import refusals
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY, TimeWindow, lengths, plan, rows_to_test

FEATURES, TEST = "data/features/features.parquet", "data/splits/test.parquet"
COUNTED_AS = "counted_as"  # the column of days of records that have no time
SINCE = pd.Timestamp("1970-01-05")  # a Monday


class Scorer(NamedTuple):
    """A model: its features, its predictions of records, and its decision."""

    features: Sequence[str]
    predict: Callable[[pd.DataFrame], np.ndarray]
    decision: Any


class Run(NamedTuple):
    """Days that follow each other, and their records."""

    records: pd.DataFrame
    first: pd.Timestamp
    days: int


def calibrated(task: Task, split: SplitParams, scorer: Scorer, limits: MonitoringLimits) -> Reference:
    """Return the reference of a model, from the windows before the end of its test window.

    Where records were drawn, or have no time, the test records are cut in their order into parts of the same size
    instead; they say nothing of a day's volume.
    """
    in_time = split.strategy == "time"
    runs = runs_in_time(task.problem, split, limits) if in_time else [drawn_run(read_table(TEST), limits)]
    time = task.problem.time_column if in_time else COUNTED_AS
    streams = [stream_of(run, task, scorer, time) for run in runs]
    if in_time:
        rejected = refusals(task.problem)
        streams = [stream._replace(rejected=rejected) for stream in streams]
    axes = axes_of(task, scorer.features, pd.concat([stream.records for stream in streams], ignore_index=True))
    counts = [daily_counts(stream, axes, time) for stream in streams]
    reference = calibrate(counts, axes, limits)
    return reference if in_time else replace(reference, volume=())


def runs_in_time(problem: Problem, split: SplitParams, limits: MonitoringLimits) -> list[Run]:
    """Return the days between the training window and the end of the test window, and those before the training.

    Where no window fits in there, they are those of the test window.
    """
    first, last = first_and_last(FEATURES, problem.time_column)
    final, days = plan(split, first, last)[-1], limits.window_days
    start, end = final.train_start.floor("D"), final.test_end.floor("D")
    after = int((end - final.train_end) // (days * DAY))
    before = min(limits.backtest_windows - after, int((start - first.ceil("D")) // (days * DAY)))
    runs = [
        tested_run(problem, split, stop - count * days * DAY, count * days, days)
        for stop, count in ((start, before), (end, after))
        if count > 0
    ]
    whole = int(-((final.test_start - final.test_end) // DAY))
    return runs or [tested_run(problem, split, final.test_start, whole, days)]


def tested_run(problem: Problem, split: SplitParams, first: pd.Timestamp, days: int, window_days: int) -> Run:
    """Return the records of days, cut into windows as the test window is: without the entities known by then."""
    train, delay, _ = lengths(split)
    time, end = problem.time_column, first + days * DAY
    records = read_table(FEATURES, where=[(time, ">=", first - delay - train), (time, "<", end)])
    starts = [first + place * DAY for place in range(0, days, window_days)]
    windows = [
        TimeWindow(start - delay - train, start - delay, start, min(start + window_days * DAY, end)) for start in starts
    ]
    parts = [rows_to_test(records, window, problem, bool(split.drop_known_entities)) for window in windows]
    return Run(pd.concat(parts, ignore_index=True), first, days)


def drawn_run(records: pd.DataFrame, limits: MonitoringLimits) -> Run:
    """Cut records in their order into days of the same size."""
    days = limits.backtest_windows * limits.window_days
    place = np.arange(len(records)) * days // max(len(records), 1)
    return Run(records.assign(**{COUNTED_AS: SINCE + place * DAY}), SINCE, days)


def stream_of(run: Run, task: Task, scorer: Scorer, time: str) -> Stream:
    """Score the records of a run; their labels are known."""
    scored = task.score_table(run.records, scorer.predict(run.records), scorer.decision)
    rest = [name for name in run.records.columns if name not in scored.columns]
    records = pd.concat([scored, run.records[rest].reset_index(drop=True)], axis=1)
    return Stream(records, task.losses(records), no_rejections(time), run.first, run.days)


def axes_of(task: Task, names: Sequence[str], records: pd.DataFrame) -> list[Axis]:
    """Return all that is watched: features, slices that no label makes, scores and the decision."""
    problem = task.problem
    features = [feature_axis(name, records[name]) for name in names]
    bands = [band for band in (*problem.slices, *problem.groups) if band.column not in problem.label_columns]
    slices = [slice_axis(band, records[band.column]) for band in bands]
    scores = [score_axis(name, records[name]) for name in problem.prediction_columns()]
    decisions = [decision_axis(column, codes) for column, codes in task.decided_codes.items()]
    return [*features, *slices, *scores, *decisions]
