"""Compute the problem's feature list: as a table to train on, and as the state that a service starts with.

Reads   data/validated/records.parquet
Writes  data/features/features.parquet: the records, with one column per feature
        data/features/state.npz: the online state at the start of the test window, or after the last record
        models/features.json: the feature contract: each feature's meaning, and its distribution on the training rows
"""

import sys
from pathlib import Path

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import numpy as np
import pandas as pd

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import run
from lifecycle.core.params import SplitParams, load_params
from lifecycle.core.tables import first_and_last, read_table, write_json
from lifecycle.features.batch import as_microseconds
from lifecycle.features.feature_contract import contract
from lifecycle.features.feature_declaration_checks import check_features
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.snapshot import Snapshot, empty_snapshot, snapshot_of_table
from lifecycle.features.online.state import LATENESS_DAYS
from lifecycle.features.partitioned.feature_table import build
from lifecycle.features.partitioned.layout import GIB, bytes_of_columns, read_footer, too_small
from lifecycle.problem.declaration_checks import check_strategy
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.problem.record_words import DAY_US
from lifecycle.splits.cross_validation import columns_read, draw
from lifecycle.splits.time_windows import DAY, TimeWindow, plan

RECORDS, FEATURES = Path("data/validated/records.parquet"), Path("data/features/features.parquet")


class Rows:
    """The feature table's rows with start <= time < end; a column is read when it is asked for: all may not fit."""

    def __init__(self, time: str, start: pd.Timestamp, end: pd.Timestamp) -> None:
        self._where = [(time, ">=", start), (time, "<", end)]
        self.times = self[time]

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, name: str) -> pd.Series:
        return read_table(FEATURES, [name], self._where)[name]


class DrawnRows:
    """The feature table's rows of these numbers; a column is read when it is asked for."""

    def __init__(self, numbers: np.ndarray) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, name: str) -> pd.Series:
        return read_table(FEATURES, [name])[name].iloc[self._numbers]


def training_rows(split: SplitParams, problem: Problem, window: TimeWindow | None) -> Rows | DrawnRows:
    """Return the rows that the final model learns from, as `src/split.py` takes them."""
    if window is not None and split.strategy == "time":
        return Rows(problem.time_column, window.train_start, window.train_end)
    return DrawnRows(draw(split, problem, read_table(FEATURES, columns_read(split, problem))).train)


def final_window(split: SplitParams, problem: Problem) -> TimeWindow | None:
    """Return the window that the state is made for: the final one, or, where parts are drawn, what follows all records.

    None where records have no time, and so no state.
    """
    if problem.time is None:
        return None
    first, last = first_and_last(RECORDS, problem.time)
    if split.strategy == "time":
        return plan(split, first, last)[-1]
    end = last + pd.Timedelta(1, "us")
    return TimeWindow(first, end, end, end)


def state_columns(problem: Problem, online_plan: Plan) -> list[str]:
    """Return the columns of the feature table that the state is made from."""
    return list(dict.fromkeys((problem.time_column, problem.key, *online_plan.columns, *online_plan.derived)))


def state_start(online_plan: Plan, window: TimeWindow) -> pd.Timestamp:
    """Return the time of the oldest record that a record of the test window can reach."""
    reach_us = max(map(online_plan.reach_us, online_plan.tracks), default=0)
    return window.test_start - pd.Timedelta(reach_us, "us") - LATENESS_DAYS * DAY


def state_at(problem: Problem, window: TimeWindow | None) -> Snapshot:
    """Return what is known when the test window starts: records before it, and labels that are old enough."""
    online_plan = Plan(problem.features, problem.decimals)
    if window is None:
        return empty_snapshot(online_plan, round(LATENESS_DAYS * DAY_US))
    rows = Rows(problem.time_column, state_start(online_plan, window), window.test_start)
    columns = {name: rows[name].to_numpy() for name in state_columns(problem, online_plan)}
    late = dict.fromkeys(problem.label_columns, (rows.times > window.train_end).to_numpy())
    return snapshot_of_table(
        online_plan, columns, as_microseconds(rows.times), columns[problem.key], late, LATENESS_DAYS
    )


def check_budget(problem: Problem, window: TimeWindow, memory_budget: float) -> None:
    """Refuse a memory budget, in GiB, that the state or a column of the training window would break.

    Raises
    ------
    PipelineError
        Names the least budget.
    """
    time = problem.time_column
    online_plan, table = Plan(problem.features, problem.decimals), read_footer(RECORDS, time)
    names = state_columns(problem, online_plan)
    widest = max(table.width, key=lambda name: table.width[name])
    needs = {
        "the records that windows of the test window reach, in memory": bytes_of_columns(
            table, names, state_start(online_plan, window), window.test_start
        ),
        "a column of the training window, in memory": bytes_of_columns(
            table, [time, widest], window.train_start, window.train_end
        ),
    }
    reason, least = max(needs.items(), key=lambda item: item[1])
    if least > memory_budget * GIB:
        raise too_small(memory_budget * GIB, least, reason)


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem, check_features)
    options, split = params.featurize, fill(params.split, problem, "split")
    check_strategy(problem, split)
    window = final_window(split, problem)  # first, as it fails at once when the records do not reach far enough
    if window is not None:
        check_budget(problem, window, options.memory_budget)
    build(problem, RECORDS, FEATURES, options.engine, options.memory_budget, options.scheduler)
    write_json(contract(problem, training_rows(split, problem, window)), "models/features.json")
    with atomic("data/features/state.npz") as temporary:
        state_at(problem, window).save(temporary)


if __name__ == "__main__":
    run(main)
