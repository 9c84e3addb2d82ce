"""What is known of the model's quality in service: figures of labels that are old enough, and money; with intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.evaluation.bootstrap import intervals
from lifecycle.evaluation.scored_window import ScoredWindow
from lifecycle.evaluation.tasks.task import Task


class Figure(NamedTuple):
    """A figure and its 95 % interval; None where no label is known yet, or where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


UNKNOWN = Figure(None, None, None)


def labels_known(records: pd.DataFrame, time: str, delay_days: float, as_of: pd.Timestamp) -> np.ndarray:
    """Return which records are old enough at a time for their labels to be known, bool of shape (n,)."""
    return (records[time] + pd.Timedelta(days=delay_days) <= as_of).to_numpy()


def figures_of(task: Task, window: ScoredWindow, draws: tuple[int, int]) -> dict[str, Figure]:
    """Return every figure of a window of records whose labels are known, with intervals over entities.

    `draws` are the number of resamples and their seed. Without a record there are no figures. They are those of the
    stage `evaluate`, but for what a window does not define, like the recall of a week without a positive.
    """
    if not len(window.target):
        return {}
    values = task.figures(window, np.ones(window.units, np.int64))  # as a resample: what is not defined is no 0
    ends = intervals(lambda copies: task.figures(window, copies), window.units, *draws)
    return {name: _figure(value, ends.get(name)) for name, value in values.items()}


def _figure(value: float, ends: Sequence[float] | None) -> Figure:
    if np.isnan(value):
        return UNKNOWN
    low, high = ends or (None, None)
    return Figure(float(value), low, high)


def costs_per_day(
    windows: Mapping[str, ScoredWindow], days: float, draws: tuple[int, int], task: Task
) -> dict[str, Figure]:
    """Return what decisions cost a day, with intervals over entities; nothing where decisions have no cost.

    Parameters
    ----------
    windows : mapping of str to ScoredWindow
        The same records as decided by the `model`, and by the `previous` one if it is known.
    days : float
        Length of the window.
    draws : (int, int)
        Number of resamples, and their seed.
    task : Task
        Knows the cost of a record.
    """
    found = dict(task.costs(windows["model"]))
    if "previous" in windows and found:
        found["previous"] = task.costs(windows["previous"])["model"]
    if not found:
        return {}
    window = windows["model"]

    def totals(copies: np.ndarray | None) -> dict[str, float]:
        weight = 1.0 if copies is None else copies if window.entity is None else copies[window.entity]
        return {name: float((column * weight).sum() / days) for name, column in found.items()}

    ends = intervals(totals, window.units, *draws)
    return {name: _figure(value, ends.get(name)) for name, value in totals(None).items()}
