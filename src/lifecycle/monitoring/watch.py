"""Watch a model: from its stream of records to alarms, figures of quality and money, and the tables that show them."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.monitor_params import MonitorParams
from lifecycle.core.params import EvaluateParams
from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring import performance
from lifecycle.monitoring.alarms import Alarm, find_alarms
from lifecycle.monitoring.detectors.daily_counts import DailyCounts, Stream, daily_counts, days_of
from lifecycle.monitoring.detectors.reference import Reference
from lifecycle.monitoring.performance import Figure
from lifecycle.monitoring.signals import Signals, signals
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY


class Window(NamedTuple):
    """A window of the stream: what is known of its records' labels, and the figures on them."""

    first: pd.Timestamp
    records: int
    labelled: int
    figures: dict[str, Figure]
    costs: dict[str, Figure]  # per day


class Findings(NamedTuple):
    """All that is known of a model at the end of a stream."""

    counts: DailyCounts
    signals: Signals
    alarms: list[Alarm]
    windows: list[Window]


class Watched(NamedTuple):
    """Whom a stream is about.

    Parameters
    ----------
    task : Task
        The kind of target, of a problem.
    reference : Reference
        What is usual, from the bundle.
    decision : object
        The bundle's.
    time : str
        The column of times.
    delay_days : float
        Age at which a label is known.
    previous : tuple of (callable, object), optional
        Predictions of records by an earlier model, and its decision.
    """

    task: Task
    reference: Reference
    decision: Any
    time: str
    delay_days: float
    previous: tuple[Any, Any] | None = None


def only_known(stream: Stream, watched: Watched, as_of: pd.Timestamp) -> Stream:
    """Return the days of a stream up to a time, without the labels that are not known by then."""
    days = min(max(int(-((stream.first - as_of) // DAY)), 0), stream.days)
    day, of_days = days_of(stream.records[watched.time], stream._replace(days=days))
    inside = of_days & (stream.records[watched.time] < as_of).to_numpy()
    known = (day[inside] + 1 + watched.delay_days) * DAY <= as_of - stream.first
    rejected = stream.rejected[(stream.rejected[watched.time] < as_of).to_numpy()]
    loss = np.where(known, stream.loss[inside], np.nan)
    return Stream(stream.records[inside], loss, rejected, stream.first, days)


def watch(
    stream: Stream, watched: Watched, options: MonitorParams, evaluate: EvaluateParams, as_of: pd.Timestamp
) -> Findings:
    """Return all findings of a stream as they are known at a time.

    No label counts before the whole day of its record is as old as the delay, so that a day's loss is final when it
    is first seen; a label that is missing is not known.
    """
    known = only_known(stream, watched, as_of)
    counts = daily_counts(known, [one.axis for one in watched.reference.axes], watched.time)
    found = signals(counts, watched.reference)
    if as_of < known.first + known.days * DAY:  # the last day is not over
        found.volume[-1:] = np.nan
    alarms = find_alarms(found, counts, watched.reference, options, watched.delay_days, watched.task.problem.target)
    return Findings(counts, found, alarms, windows(known, watched, options, evaluate))


def windows(stream: Stream, watched: Watched, options: MonitorParams, evaluate: EvaluateParams) -> list[Window]:
    """Return quality and money of each window of a stream, the last one perhaps shorter."""
    days = watched.reference.window_days
    day, _ = days_of(stream.records[watched.time], stream)
    place, known = day // days, ~np.isnan(stream.loss)
    found = []
    for number in range(-(-stream.days // days)):
        inside, first = place == number, number * days
        labelled = _as_stored(stream.records[inside & known], watched.task.problem)
        length = _days_judged(day[inside] - first, known[inside])
        figures, costs = _judged(labelled, watched, options, evaluate, length)
        found.append(Window(stream.first + first * DAY, int(inside.sum()), len(labelled), figures, costs))
    return found


def _as_stored(labelled: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Return records with their label as tables hold it: beside missing ones a class had to be a float."""
    return labelled.astype({problem.target: problem.stored[problem.target].storage_type})


def _days_judged(day: np.ndarray, known: np.ndarray) -> float:
    """Return over how many days of a window its labelled records are spread, from the day of each of its records.

    A day whose labels are all missing is none of them; a day without a record, up to the last labelled one, is.
    """
    labelled, seen = np.unique(day[known]), np.unique(day)
    silent = 0 if not len(labelled) else int(labelled[-1]) + 1 - int((seen <= labelled[-1]).sum())
    return float(len(labelled) + silent)


def _judged(
    labelled: pd.DataFrame, watched: Watched, options: MonitorParams, evaluate: EvaluateParams, days: float
) -> tuple[dict[str, Figure], dict[str, Figure]]:
    if labelled.empty:
        return {}, {}
    task, draws = watched.task, (options.samples, options.seed)
    deciders = {"model": task.window(labelled, watched.decision, evaluate, days)}
    if watched.previous is not None:
        predict, decision = watched.previous
        scored = task.score_table(labelled, predict(labelled), decision)
        deciders["previous"] = task.window(scored, decision, evaluate, days)
    figures = performance.figures_of(task, deciders["model"], draws)
    return figures, performance.costs_per_day(deciders, days, draws, task)
