"""Part the records into those to learn from and those to judge by, in time or by chance, and look for leaks.

Reads   data/features/features.parquet
Writes  data/splits/train.parquet and test.parquet (the final parts), data/splits/folds.parquet (the validation
        parts: columns `fold`, 1 the oldest, and `role`, train or valid), metrics/split/split.json and warnings.json
"""

import sys
from typing import Any, NamedTuple

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import pandas as pd

from lifecycle.core.errors import PipelineError, run
from lifecycle.core.params import SplitParams, load_params
from lifecycle.core.tables import first_and_last, read_table, write_json, write_table, write_warnings
from lifecycle.problem.declaration_checks import check_strategy
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import MAX_FEATURE_AUC, Problem
from lifecycle.splits import split_warnings
from lifecycle.splits.cross_validation import draw
from lifecycle.splits.leakage import check_drawn, check_features, check_split
from lifecycle.splits.time_windows import TimeWindow, left_out, plan, rows_to_test, take

FEATURES = "data/features/features.parquet"


class Cut(NamedTuple):
    """The rows to learn from, those to judge by, and how many a rule leaves out of the latter."""

    train: pd.DataFrame
    test: pd.DataFrame
    left_out: int = 0


def cut(records: pd.DataFrame, window: TimeWindow, problem: Problem, drop_known: bool) -> Cut:
    """Return the rows of a window."""
    time = problem.time_column
    train = take(records, time, window.train_start, window.train_end)
    test = rows_to_test(records, window, problem, drop_known)
    for part, start, end in ((train, *window[:2]), (test, *window[2:])):
        check_targets(part, f"records from {start} to {end}", "take longer windows", problem, part is train)
    check_split(train, test, problem.key, time, window.test_start - window.train_end)
    return Cut(train, test, left_out(records, window, time, test))


def check_targets(part: pd.DataFrame, name: str, advice: str, problem: Problem, learned: bool) -> None:
    """Raise when nothing can be learned from a part, or judged by it: classes are missing, or all targets are equal."""
    found = part[problem.target].nunique()
    if problem.task == "binary":
        missing = "do not have both classes" if found < 2 else ""
    elif problem.task == "multiclass":
        codes = set(part[problem.target])
        absent = [str(label) for code, label in enumerate(problem.class_names) if code not in codes]
        missing = f"have none of class {', '.join(absent)}" if absent and learned else ""
    else:
        missing = f"have one value of {problem.target} only" if found < 2 and learned else ""
    if missing or part.empty:
        raise PipelineError(f"split: the {len(part):,} {name} {missing or 'are none'}; {advice}")


def in_time(split: SplitParams, problem: Problem) -> tuple[list[Cut], list[str]]:
    """Return the cuts of the validation windows and of the final one, and what to know of them."""
    time = problem.time_column
    windows = plan(split, *first_and_last(FEATURES, time))
    first, last = windows[0].train_start, windows[-1].test_end
    records = read_table(FEATURES, where=[(time, ">=", first), (time, "<", last)])
    cuts = [cut(records, window, problem, bool(split.drop_known_entities)) for window in windows]
    warnings = split_warnings.rows_left_out([each.left_out for each in cuts], len(cuts[-1].test), problem)
    times = read_table(FEATURES, [time])[time]
    return cuts, warnings + split_warnings.unused_rows(times, *windows[-1][:2], problem)


def by_chance(split: SplitParams, problem: Problem) -> tuple[list[Cut], list[str]]:
    """Return the cuts of the folds and the final one, drawn by the strategy, and what to know of them."""
    records = read_table(FEATURES)
    parts = draw(split, problem, records)
    cuts = [Cut(records.iloc[train], records.iloc[test]) for train, test in (*parts.folds, (parts.train, parts.test))]
    advice = "set another split.seed, split.strategy: stratified, or fewer split.folds"
    for train, test, _ in cuts:
        check_targets(train, "rows drawn to learn from", advice, problem, learned=True)
        check_targets(test, "rows drawn to judge by", advice, problem, learned=False)
    copies = [check_drawn(each.train, each.test, problem.key) for each in cuts]
    return cuts, split_warnings.out_of_time(str(split.strategy), problem) + split_warnings.twins(copies[-1], problem)


def counts(cuts: list[Cut], problem: Problem) -> dict[str, Any]:
    """Return the numbers of records, and of those left out of each part; the final cut stands last."""
    train, test, _ = cuts[-1]
    figures: dict[str, Any] = {}
    for name, part in (("training", train), ("test", test)):
        figures[f"{name}_rows"] = len(part)
        if problem.task == "binary":
            figures[f"{name}_positives"] = int(part[problem.target].sum())
        elif problem.task == "multiclass":
            of_code = part[problem.target].value_counts()
            figures[f"{name}_classes"] = {
                label: int(of_code.get(code, 0)) for code, label in enumerate(problem.class_names)
            }
    left_out = [each.left_out for each in cuts]
    return figures | {"test_rows_left_out": left_out[-1], "validation_rows_left_out": sum(left_out[:-1])}


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    split = fill(params.split, problem, "split")
    check_strategy(problem, split)
    cuts, warnings = in_time(split, problem) if split.strategy == "time" else by_chance(split, problem)
    *folds, (train, test, _) = cuts
    check_features(train, problem.feature_names, problem.target, split.max_feature_auc or MAX_FEATURE_AUC, problem.task)
    names = [f"validation part {number}" for number in range(1, len(folds) + 1)]
    for name, part in (("the training part", train), *zip(names, (fold.test for fold in folds), strict=True)):
        warnings += split_warnings.few_records(part, name, problem)
    warnings += split_warnings.few_records(test, "the test part", problem)
    parts = [
        part.assign(fold=number, role=role)
        for number, fold in enumerate(folds, start=1)
        for role, part in zip(("train", "valid"), fold[:2], strict=True)
    ]
    write_table(pd.concat(parts), "data/splits/folds.parquet")
    write_table(train, "data/splits/train.parquet")
    write_table(test, "data/splits/test.parquet")
    write_json({"split": counts(cuts, problem)}, "metrics/split/split.json")
    write_warnings("split", warnings)


if __name__ == "__main__":
    run(main)
