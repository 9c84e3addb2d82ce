"""Windows in time: a model learns from records that are older, by the label delay, than those it is tested on."""

from typing import NamedTuple

import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import SplitParams
from lifecycle.problem.problem import Problem

DAY = pd.Timedelta(days=1)


class TimeWindow(NamedTuple):
    """Train on [train_start, train_end), test on [test_start, test_end)."""

    train_start: pd.Timestamp
    train_end: pd.Timestamp
    test_start: pd.Timestamp
    test_end: pd.Timestamp


class Timing(NamedTuple):
    """How parts were cut in time; None where they were drawn in another way."""

    delay: pd.Timedelta | None = None  # age at which a label is known
    window_days: float | None = None  # length of a validation or test window


def timing(params: SplitParams) -> Timing:
    """Return label delay and window length of a split in time."""
    if params.strategy != "time":
        return Timing()
    _, delay, window = lengths(params)
    return Timing(delay, window / DAY)


def lengths(params: SplitParams) -> tuple[pd.Timedelta, pd.Timedelta, pd.Timedelta]:
    """Return the lengths of a training window, of the label delay and of a test window."""
    if params.train_days is None or params.delay_days is None or params.test_days is None:
        raise PipelineError("split: set train_days, delay_days and test_days, here or in the problem's defaults")
    train, delay, test = (pd.Timedelta(days=d) for d in (params.train_days, params.delay_days, params.test_days))
    return train, delay, test


def plan(params: SplitParams, first: pd.Timestamp, last: pd.Timestamp) -> list[TimeWindow]:
    """Return the validation windows, the oldest first, and then the final window.

    At the start of the test window only labels older than the delay are known. So the final training window and the
    newest validation window end one delay before it; the other validation windows precede, one test length apart.
    Expanding training windows all begin with the oldest record; the first has at least `train_days`.

    Parameters
    ----------
    params : SplitParams
        Filled: no window length is None.
    first, last : pandas.Timestamp
        Times of the oldest and the newest record.

    Returns
    -------
    list of TimeWindow
        `params.folds` validation windows and the final one.

    Raises
    ------
    PipelineError
        The records do not reach over all windows.
    """
    train, delay, test = lengths(params)
    # Windows of whole days begin at midnight; the first and the last day may begin late and end early.
    whole = all(length % DAY == pd.Timedelta(0) for length in (train, delay, test))
    begin, end = (
        (first.floor("D"), last.floor("D") + DAY) if whole else (first.floor("s"), last + pd.Timedelta(1, "us"))
    )
    start = end - test if params.test_start is None else pd.Timestamp(params.test_start)
    starts = [start - delay - i * test for i in range(params.folds, 0, -1)] + [start]
    windows = [TimeWindow(s - delay - train, s - delay, s, s + test) for s in starts]
    too_early = windows[0].train_start < begin
    if params.window == "expanding" and not too_early:
        windows = [window._replace(train_start=begin) for window in windows]
    if too_early or windows[-1].test_end > end.ceil("D"):
        raise PipelineError(
            f"split: {params.folds} folds of {params.train_days:g} + {params.delay_days:g} + {params.test_days:g} days"
            f" need records from {windows[0].train_start} to {windows[-1].test_end}, but they are from {first} to"
            f" {last}; shorten train_days or test_days, take fewer folds, or move test_start"
        )
    return windows


def take(records: pd.DataFrame, time: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Return the records with start <= time < end. The table is in time order."""
    low, high = records[time].searchsorted([start, end])
    return records.iloc[low:high]


def without_known_entities(
    records: pd.DataFrame, window: TimeWindow, entity: str, time: str, target: str
) -> pd.DataFrame:
    """Return the test records, without those of entities that are known by then.

    An entity is known on a day of the test window when it had a positive, since the training window began, whose label
    is known before that day (protocol of Le Borgne et al. 2022, chapter 3).
    """
    candidates = take(records, time, window.test_start, window.test_end)
    delay = window.test_start - window.train_end
    past = take(records, time, window.train_start, window.test_end)
    first_positive = past[past[target] == 1].groupby(entity)[time].min()
    if first_positive.empty:
        return candidates
    day = window.test_start + (candidates[time] - window.test_start) // DAY * DAY
    return candidates[~(candidates[entity].map(first_positive) < day - delay)]


def rows_to_test(records: pd.DataFrame, window: TimeWindow, problem: Problem, drop_known: bool) -> pd.DataFrame:
    """Return the test rows of a window: all, or those whose entity has no known positive by then."""
    if drop_known and problem.entity is not None:
        return without_known_entities(records, window, problem.entity, problem.time_column, problem.target)
    return take(records, problem.time_column, window.test_start, window.test_end)


def left_out(records: pd.DataFrame, window: TimeWindow, time: str, rows: pd.DataFrame) -> int:
    """Return how many test records of a window are not among the given ones."""
    return len(take(records, time, window.test_start, window.test_end)) - len(rows)
