"""Watch a model: from its stream of records to alarms, figures of quality and money, and the tables that show them."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.monitor_params import MonitorParams
from lifecycle.core.params import EvaluateParams
from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring import performance
from lifecycle.monitoring.alarms import Alarm, find_alarms
from lifecycle.monitoring.detectors.daily_counts import DAY, DailyCounts, Stream, daily_counts
from lifecycle.monitoring.detectors.reference import Reference
from lifecycle.monitoring.performance import Figure
from lifecycle.monitoring.signals import Signals, signals


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
    """Return a stream up to a time, without the labels that are not known by then."""
    records = stream.records[(stream.records[watched.time] < as_of).to_numpy()]
    known = performance.labels_known(records, watched.time, watched.delay_days, as_of)
    loss = np.where(known, stream.loss[: len(stream.records)][stream.records[watched.time] < as_of], np.nan)
    rejected = stream.rejected[(stream.rejected[watched.time] < as_of).to_numpy()]
    days = max(int(-((stream.first - as_of) // DAY)), 0)
    return stream._replace(records=records, loss=loss, rejected=rejected, days=min(days, stream.days))


def watch(
    stream: Stream, watched: Watched, options: MonitorParams, evaluate: EvaluateParams, as_of: pd.Timestamp
) -> Findings:
    """Return all findings of a stream as they are known at a time.

    No label counts that is younger than the delay then; a label that is missing is not known.
    """
    known = only_known(stream, watched, as_of)
    counts = daily_counts(known, [one.axis for one in watched.reference.axes], watched.time)
    found = signals(counts, watched.reference)
    if as_of != as_of.floor("D"):  # the last day is not over
        found.volume[-1:] = np.nan
    alarms = find_alarms(found, counts, watched.reference, options, watched.delay_days, watched.task.problem.target)
    return Findings(counts, found, alarms, windows(known, watched, options, evaluate))


def windows(stream: Stream, watched: Watched, options: MonitorParams, evaluate: EvaluateParams) -> list[Window]:
    """Return quality and money of each window of a stream, the last one perhaps shorter."""
    days = watched.reference.window_days
    place = ((stream.records[watched.time] - stream.first) // DAY // days).to_numpy(np.int64)
    found = []
    for number in range(-(-stream.days // days)):
        inside = place == number
        first, length = stream.first + number * days * DAY, min(days, stream.days - number * days)
        labelled = stream.records[inside & ~np.isnan(stream.loss)]
        figures, costs = _judged(labelled, watched, options, evaluate, _days_of(labelled, watched.time, length))
        found.append(Window(first, int(inside.sum()), len(labelled), figures, costs))
    return found


def _days_of(records: pd.DataFrame, time: str, length: int) -> float:
    """Return how many days of a window the labelled records are from."""
    return float(min(records[time].dt.floor("D").nunique(), length))


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
    figures = performance.figures_of(task, labelled, watched.decision, evaluate, days, draws)
    return figures, performance.costs_per_day(deciders, days, draws, task)
