"""Show why the limits and window lengths of src/problems/transactions.py are what they are.

Run from the repository root; it takes three CPU-minutes:

    python benchmarks/constants.py

One constant at a time gets other values, the others stay as the problem declares them. Prints the mean average
precision of the model of params.yaml over the four validation weeks, by how much it changes from the declared value's
(marked *), and in how many of the weeks it is worse. No record of the test weeks is looked at.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from tqdm import tqdm

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.protocol import VALIDATION_STARTS, WEEK, Model, cut, judge, needed, simulated, with_features
from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem
from lifecycle.problem.record_words import Ratio
from lifecycle.problem.window_words import Feature, Where, Window

Features = tuple[Feature, ...]
TERMINAL = ("terminal_since_genuine", "terminal_fraud_run", "terminal_fraud_run_age")


def limited(features: Features, value: float | None, column: str, is_: str) -> Features:
    """Return the list with another value in each condition "`column` `is_` ...", or with None without it."""

    def changed(condition: Where) -> list[Where]:
        if (condition.column, condition.is_) != (column, is_):
            return [condition]
        return [] if value is None else [replace(condition, value=value)]

    def among(window: Window) -> Window:
        return replace(window, where=tuple(other for condition in window.where for other in changed(condition)))

    return tuple(among(feature) if isinstance(feature, Window) else feature for feature in features)


def lasting(features: Features, value: float, windows: tuple[str, ...]) -> Features:
    """Return the list with another length of these windows; ratios follow the names of their columns."""
    found: list[Feature] = []
    names: dict[str, str] = {}
    for feature in features:
        if isinstance(feature, Window) and feature.name in windows:
            found.append(replace(feature, days=(value,)))
        elif isinstance(feature, Ratio):
            found.append(replace(feature, of=names[feature.of], over=names[feature.over]))
        else:
            found.append(feature)
        names |= dict(zip(feature.names, found[-1].names, strict=True))
    return tuple(found)


CONSTANTS: dict[str, tuple[Callable[..., Features], tuple[float | None, ...]]] = {
    "large: amount_ratio from": (partial(limited, column="amount_ratio", is_=">="), (2.0, 2.5, 3.0, 4.0, 5.0)),
    "ordinary: amount up to": (partial(limited, column="amount", is_="<="), (100.0, 150.0, 200.0, 250.0, 300.0, None)),
    "ordinary: amount_ratio up to": (
        partial(limited, column="amount_ratio", is_="<="),
        (2.0, 2.5, 3.0, 4.0, 5.0, None),
    ),
    "days of the card's median": (partial(lasting, windows=("customer_median",)), (30, 60, 90)),
    "days since a large payment": (partial(lasting, windows=("customer_since_large",)), (7, 10, 14, 21)),
    "days of the terminal": (partial(lasting, windows=TERMINAL), (14, 21, 30, 45, 60)),
}


def seen(problem: Problem, features: Features) -> list[str]:
    """Return the columns of a changed list that are not hidden."""
    pairs = [zip(own.names, other.names, strict=True) for own, other in zip(problem.features, features, strict=True)]
    return [new for pair in pairs for old, new in pair if old not in problem.hidden]


def precisions(features: Features, records: pd.DataFrame, problem: Problem, model: Model) -> list[float]:
    """Return the average precision of each validation week."""
    names = seen(problem, features)
    table = with_features(records, problem, needed(features, names))
    weeks = [cut(table, problem, start) for start in VALIDATION_STARTS]
    return [judge(*week, problem, names, model).average_precision for week in weeks]


def table(found: dict[Features, list[float]], declared: Features) -> pd.DataFrame:
    """Return one row per constant and value, by the weeks' average precision of each feature list."""
    rows = []
    for constant, (change, values) in CONSTANTS.items():
        for value in values:
            other = change(declared, value)
            weeks, own = pd.Series(found[other]), pd.Series(found[declared])
            mark = "*" if other == declared else ""
            figures = (weeks.mean(), (weeks - own).mean(), int((weeks < own).sum()))
            rows.append((constant, "none" if value is None else f"{value:g}", mark, *figures))
    columns = ["constant", "value", "", "average precision", "change", "weeks worse"]
    return pd.DataFrame(rows, columns=columns).set_index(columns[:2])


def main() -> None:
    """Compute the features, fit and judge for each value, and print."""
    problem, params = load_problem("transactions"), load_params().train
    model = Model(params.model, params.hyperparameters, params.seed)
    records = simulated(problem)
    records = records[records[problem.time] < pd.Timestamp(VALIDATION_STARTS[-1]) + WEEK]
    lists = {change(problem.features, value) for change, values in CONSTANTS.values() for value in values}
    lists |= {problem.features}
    progress = tqdm(lists, "feature lists", disable=None)
    found = {features: precisions(features, records, problem, model) for features in progress}
    formats = {"average precision": "{:.4f}".format, "change": "{:+.4f}".format}
    print(table(found, problem.features).to_string(formatters=formats))


if __name__ == "__main__":
    run(main)
