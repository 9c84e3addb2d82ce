"""Cut the features into windows in time, and look for leaks.

Reads   data/features/features.parquet
Writes  data/splits/train.parquet and test.parquet (the final windows), data/splits/folds.parquet (the validation
        windows: columns `fold`, 1 the oldest, and `role`, train or valid), metrics/split/split.json
"""

import sys

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import pandas as pd

from lifecycle.core.errors import PipelineError, run
from lifecycle.core.params import load_params
from lifecycle.core.tables import first_and_last, read_table, write_json, write_table
from lifecycle.problem.declaration_checks import check_label_delay
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.splits.leakage import check_features, check_split
from lifecycle.splits.time_windows import TimeWindow, left_out, plan, rows_to_test, take

FEATURES = "data/features/features.parquet"


def cut(
    records: pd.DataFrame, window: TimeWindow, problem: Problem, drop_known: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training rows and the test rows of a window."""
    train = take(records, problem.time, window.train_start, window.train_end)
    test = rows_to_test(records, window, problem, drop_known)
    for part, start, end in ((train, *window[:2]), (test, *window[2:])):
        if part[problem.target].nunique() < 2:
            raise PipelineError(
                f"split: the {len(part):,} records from {start} to {end} do not have both classes; take longer windows"
            )
    check_split(train, test, problem.key, problem.time, window.test_start - window.train_end)
    return train, test


def counts(train: pd.DataFrame, test: pd.DataFrame, target: str, left_out: list[int]) -> dict[str, int]:
    """Return the numbers of records, and of those left out of each window, the final one last."""
    return {
        "training_rows": len(train),
        "training_positives": int(train[target].sum()),
        "test_rows": len(test),
        "test_positives": int(test[target].sum()),
        "test_rows_left_out": left_out[-1],
        "validation_rows_left_out": sum(left_out[:-1]),
    }


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    split = fill(params.split, problem, "split")
    check_label_delay(problem, split.delay_days)
    windows = plan(split, *first_and_last(FEATURES, problem.time))
    first, last = windows[0].train_start, windows[-1].test_end
    records = read_table(FEATURES, where=[(problem.time, ">=", first), (problem.time, "<", last)])
    cuts = [cut(records, window, problem, bool(split.drop_known_entities)) for window in windows]
    missing = [left_out(records, window, problem.time, test) for window, (_, test) in zip(windows, cuts, strict=True)]
    *folds, (train, test) = cuts
    check_features(train, problem.feature_names, problem.target, split.max_feature_auc)
    parts = [
        part.assign(fold=number, role=role)
        for number, fold in enumerate(folds, start=1)
        for role, part in zip(("train", "valid"), fold, strict=True)
    ]
    write_table(pd.concat(parts), "data/splits/folds.parquet")
    write_table(train, "data/splits/train.parquet")
    write_table(test, "data/splits/test.parquet")
    write_json({"split": counts(train, test, problem.target, missing)}, "metrics/split/split.json")
    if any(missing):
        print(
            f"{missing[-1]:,} of {len(test) + missing[-1]:,} {problem.words.records} of the test window are left out:"
            f" of their {problem.words.entity} a {problem.words.positive} was known (split.drop_known_entities)"
        )


if __name__ == "__main__":
    run(main)
