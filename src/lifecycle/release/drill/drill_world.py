"""The records of a drill: what the first version learns from, and the days that follow, with a drift in them."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.problem.problem import Problem
from lifecycle.release.route import place_of
from lifecycle.splits.time_windows import DAY

LIVE_DAYS = 50  # that are replayed
CALM_DAYS = 8  # of them, before the drift
RECORDS_A_DAY = 450.0  # more entities than make so many are left out: a drill is about steps, not about size
SMALL = 0.02  # share of the records, the smallest, that are all positive after the drift: no model expects that
SALT = "drill"


class World(NamedTuple):
    """Records by time, and when they change.

    Parameters
    ----------
    problem : Problem
        Whose records they are.
    records : pandas.DataFrame
        Of the contract's columns, by time.
    live : pandas.Timestamp
        The day from which a service sees them; all before are there at the start.
    drift : pandas.Timestamp
        The day from which the target means something else.
    change : str
        What it means then.
    """

    problem: Problem
    records: pd.DataFrame
    live: pd.Timestamp
    drift: pd.Timestamp
    change: str

    def between(self, begin: pd.Timestamp | None, end: pd.Timestamp | None) -> pd.DataFrame:
        """Return the records from a time up to another one; None: from the first, up to the last."""
        time = self.records[self.problem.time_column]
        after = pd.Series(True, self.records.index) if begin is None else time >= begin
        return self.records[after if end is None else after & (time < end)]


def drill_world(records: pd.DataFrame, problem: Problem) -> World:
    """Return the world of a drill, made of a project's own records.

    Parameters
    ----------
    records : pandas.DataFrame
        As `ingest` writes them.
    problem : Problem
        Of two classes, with a time.

    Raises
    ------
    PipelineError
        The problem or the records do not allow a drill; says why.
    """
    if problem.task != "binary" or problem.time is None:
        raise PipelineError("the drill needs a problem of two classes whose records have a time: see src/problems/")
    by_time = records.sort_values(problem.time, kind="stable", ignore_index=True)
    first, last = by_time[problem.time].iloc[0], by_time[problem.time].iloc[-1]
    live = last.floor("D") - LIVE_DAYS * DAY
    if live - first < LIVE_DAYS * DAY:
        raise PipelineError(
            f"the drill needs records of {2 * LIVE_DAYS} days, there are {(last - first).days}: give ingest more"
        )
    drift = live + CALM_DAYS * DAY
    sample = _sampled(by_time, problem, (last - first) / DAY)
    changed, change = _drifted(sample, problem, drift)
    return World(problem, changed, live, drift, change)


def _sampled(records: pd.DataFrame, problem: Problem, days: float) -> pd.DataFrame:
    """Return the records of some entities, all of theirs, so that there are not too many a day."""
    share = RECORDS_A_DAY * days / len(records)
    if share >= 1 or problem.entity is None:
        return records
    entities = records[problem.entity].unique()
    chosen = [entity for entity in entities.tolist() if place_of(str(entity), SALT) < share]
    return records[records[problem.entity].isin(chosen)].reset_index(drop=True)


def _drifted(records: pd.DataFrame, problem: Problem, drift: pd.Timestamp) -> tuple[pd.DataFrame, str]:
    """Return records of which, from a day on, also those of a certain size are positive, and that in words."""
    column = _size_column(problem)
    size = records[column].to_numpy(np.float64)
    most = np.nanquantile(size, SMALL)
    changed = (records[problem.time_column] >= drift).to_numpy() & (size <= most)
    target = records[problem.target].where(~changed, positive_of(problem))
    change = f"each {problem.words.record} with {column} of at most {most:.2f} is a {problem.words.positive}"
    return records.assign(**{problem.target: target}), change


def _size_column(problem: Problem) -> str:
    """Return the column that says how large a record is, or else the first number that every record has."""
    taken = {problem.key, problem.time, problem.target, problem.entity, *problem.label_columns}
    numbers = [column.name for column in problem.contract if column.type == "number" and column.name not in taken]
    if problem.amount is None and not numbers:
        raise PipelineError("the drill changes what a number of the record means, and the contract has no number")
    return problem.amount or numbers[0]


def positive_of(problem: Problem) -> int | str:
    """Return the positive class as the source has it."""
    return 1 if problem.positive is None else problem.positive
