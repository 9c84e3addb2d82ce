"""Compute the problem's feature list: as a table to train on, and as the state that a service starts with.

Reads   data/validated/records.parquet
Writes  data/features/features.parquet: the records, with one column per feature
        data/features/state.npz: the online state at the start of the test window
        models/features.json: the feature contract: each feature's meaning, and its distribution on the training rows
"""

import sys
from pathlib import Path

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import pandas as pd

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.core.tables import first_and_last, read_table, write_json
from lifecycle.features.batch import as_microseconds
from lifecycle.features.feature_contract import contract
from lifecycle.features.feature_declaration_checks import check_features
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.snapshot import Snapshot, snapshot_of_table
from lifecycle.features.online.state import LATENESS_DAYS
from lifecycle.features.partitioned.feature_table import build
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY, TimeWindow, plan

RECORDS, FEATURES = Path("data/validated/records.parquet"), Path("data/features/features.parquet")


def between(problem: Problem, start: pd.Timestamp, end: pd.Timestamp, columns: list[str] | None = None) -> pd.DataFrame:
    """Return the feature table's rows with start <= time < end."""
    return read_table(FEATURES, columns, [(problem.time, ">=", start), (problem.time, "<", end)])


def state_at(problem: Problem, window: TimeWindow) -> Snapshot:
    """Return the online state when the test window starts: the records before it, and labels that are old enough."""
    online_plan = Plan(problem.features, problem.decimals)
    reach = pd.Timedelta(max(map(online_plan.reach_us, online_plan.tracks), default=0), "us") + LATENESS_DAYS * DAY
    names = dict.fromkeys((problem.time, problem.key, *online_plan.columns, *online_plan.derived))
    records = between(problem, window.test_start - reach, window.test_start, list(names))
    columns = {str(name): column.to_numpy() for name, column in records.items()}
    late = dict.fromkeys(problem.label_columns, (records[problem.time] > window.train_end).to_numpy())
    return snapshot_of_table(
        online_plan, columns, as_microseconds(records[problem.time]), columns[problem.key], late, LATENESS_DAYS
    )


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem, check_features)
    options = params.featurize
    # First, as it fails at once when the records do not reach far enough.
    *_, window = plan(fill(params.split, problem, "split"), *first_and_last(RECORDS, problem.time))
    build(problem, RECORDS, FEATURES, options.engine, options.memory_budget, options.scheduler)
    write_json(contract(problem, between(problem, window.train_start, window.train_end)), "models/features.json")
    with atomic("data/features/state.npz") as temporary:
        state_at(problem, window).save(temporary)


if __name__ == "__main__":
    run(main)
