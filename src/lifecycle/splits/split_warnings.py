"""What a person should know of the parts before trusting a figure: too few records, and records left out."""

from collections.abc import Sequence

import pandas as pd

from lifecycle.problem.problem import Problem

FEW = 30  # records of a kind, below which hardly any difference between two models can be told from chance
MOST = 0.5  # share of the earlier rows that are out of use


def few_records(part: pd.DataFrame, name: str, problem: Problem) -> list[str]:
    """Say where a part has few positives, records of a class, or records at all.

    Parameters
    ----------
    part : pandas.DataFrame, shape (n, columns)
        With the target.
    name : str
        What the part is called.
    problem : Problem
        Its target and words.
    """
    counts = _counts(part[problem.target], problem)
    few = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count < FEW)
    return [f"{name} has {few}: with fewer than {FEW}, a figure is mostly chance"] if few else []


def _counts(target: pd.Series, problem: Problem) -> dict[str, int]:
    """Return how many records of each kind there are, by what they are called; negatives never are few."""
    words = problem.words
    if problem.task == "regression":
        return {words.records: len(target)}
    of_code = target.value_counts()
    if problem.task == "binary":
        return {words.positives: int(of_code.get(1, 0))}
    return {f"of class {name}": int(of_code.get(code, 0)) for code, name in enumerate(problem.class_names)}


def unused_rows(times: pd.Series, start: pd.Timestamp, end: pd.Timestamp, problem: Problem) -> list[str]:
    """Say where a training window, from `start` until before `end`, leaves out most of the records before its end."""
    earlier = times.searchsorted(end)
    unused = times.searchsorted(start)
    if unused <= MOST * earlier:
        return []
    return [
        f"{unused:,} of {earlier:,} {problem.words.records} before {end} are older than the training window, and not"
        " learned from; a longer split.train_days, or split.window: expanding, takes them in"
    ]


def rows_left_out(left_out: Sequence[int], tested: int, problem: Problem) -> list[str]:
    """Say how many records a rule leaves out of the test window, the last in `left_out`; `tested` counts the others."""
    if not any(left_out):
        return []
    words = problem.words
    return [
        f"{left_out[-1]:,} of {tested + left_out[-1]:,} {words.records} of the test window are left out: of their"
        f" {words.entity} a {words.positive} was known (split.drop_known_entities)"
    ]


def twins(copies: int, problem: Problem) -> list[str]:
    """Say how many rows stand in both parts under different keys."""
    if not copies:
        return []
    return [
        f"{copies:,} {problem.words.records} of the training part are equal to one of the test part in all but the key:"
        " if they are the same records, name the columns in the problem's `distinct`"
    ]


def out_of_time(strategy: str, problem: Problem) -> list[str]:
    """Say what a split by chance means where records have a time."""
    if problem.time is None:
        return []
    return [
        f"split.strategy = {strategy}: a model is tested on records that may be older than those that it learned"
        " from, so the figures do not tell how it does on later ones; strategy time does"
    ]
