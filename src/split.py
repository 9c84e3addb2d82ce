"""Cut the features into windows in time, and look for leaks.

Reads   data/features/features.parquet
Writes  data/splits/train.parquet and test.parquet (the final windows), data/splits/folds.parquet (the validation
        windows: columns `fold`, 1 the oldest, and `role`, train or valid)
"""

import pandas as pd

from lifecycle.data.leakage import check_features, check_split
from lifecycle.features.checks import check_label_delay
from lifecycle.io import read_table, write_table
from lifecycle.model.splits import TimeWindow, plan, rows_to_judge, take
from lifecycle.params import load_params
from lifecycle.problem import Problem, fill, load_problem
from lifecycle.stage import PipelineError, run

FEATURES = "data/features/features.parquet"


def cut(
    records: pd.DataFrame, window: TimeWindow, problem: Problem, drop_compromised: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to learn from and the rows to judge."""
    train = take(records, problem.time, window.train_start, window.train_end)
    test = rows_to_judge(records, window, problem, drop_compromised)
    for part, what in (
        (train, f"{window.train_start} to {window.train_end}"),
        (test, f"{window.test_start} to {window.test_end}"),
    ):
        if part[problem.target].nunique() < 2:
            raise PipelineError(
                f"split: the {len(part):,} records from {what} do not have both classes; take longer windows"
            )
    check_split(train, test, problem.key, problem.time, window.test_start - window.train_end)
    return train, test


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    split = fill(params.split, problem, "split")
    check_label_delay(problem, split.delay_days)
    times = read_table(FEATURES, columns=[problem.time])[problem.time]
    windows = plan(split, times.iloc[0], times.iloc[-1])
    first, last = windows[0].train_start, windows[-1].test_end
    records = read_table(FEATURES, where=[(problem.time, ">=", first), (problem.time, "<", last)])
    *folds, final = (cut(records, window, problem, split.drop_compromised_cards) for window in windows)
    check_features(final[0], problem.feature_names, problem.target, split.max_feature_auc)
    parts = [
        part.assign(fold=number, role=role)
        for number, fold in enumerate(folds, start=1)
        for role, part in zip(("train", "valid"), fold, strict=True)
    ]
    write_table(pd.concat(parts), "data/splits/folds.parquet")
    write_table(final[0], "data/splits/train.parquet")
    write_table(final[1], "data/splits/test.parquet")


if __name__ == "__main__":
    run(main)
