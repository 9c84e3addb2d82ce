"""Parts that are drawn instead of cut out of time: a test part, and folds of the other rows."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import SplitParams
from lifecycle.problem.problem import Problem

# What draws the test part, and what draws the folds of the others.
SPLITTERS: dict[str, tuple[Any, Any]] = {
    "random": (ShuffleSplit, KFold),
    "stratified": (StratifiedShuffleSplit, StratifiedKFold),
    "group": (GroupShuffleSplit, GroupKFold),
}


class Parts(NamedTuple):
    """Numbers of rows, ascending: all that are not tested on, those that are, and training and validation by fold."""

    train: np.ndarray
    test: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]


def columns_read(params: SplitParams, problem: Problem) -> list[str]:
    """Return the columns that `draw` needs of each row."""
    return [str(problem.entity) if params.strategy == "group" else problem.target]


def draw(params: SplitParams, problem: Problem, rows: pd.DataFrame) -> Parts:
    """Draw the parts of a table; the same rows in the same order and the same params give the same parts.

    Parameters
    ----------
    params : SplitParams
        Filled, with another strategy than time. `test_share` of the rows are the test part: of all of them, of each
        class, or of the entities, which stay whole.
    problem : Problem
        Its target and entity.
    rows : pandas.DataFrame, shape (n, columns)
        All rows, with the columns that `columns_read` names.

    Raises
    ------
    PipelineError
        There are too few rows, records of a class or entities.

    References
    ----------
    https://scikit-learn.org/stable/modules/cross_validation.html
    """
    by = rows[columns_read(params, problem)[0]].to_numpy()
    _check_counts(params, problem, by)
    test_of, fold_of = SPLITTERS[str(params.strategy)]
    tester = test_of(n_splits=1, test_size=params.test_share, random_state=params.seed)
    folder = fold_of(params.folds, shuffle=True, random_state=params.seed)
    try:
        ((train, test),) = tester.split(by, **_groups(by, params))
        train, test = np.sort(train), np.sort(test)
        rest = by[train]
        parts = [(train[fit], train[valid]) for fit, valid in folder.split(rest, **_groups(rest, params))]
    except ValueError as error:
        raise PipelineError(
            f"split: {len(by):,} rows are too few for split.test_share and split.folds: {error}"
        ) from error
    return Parts(train, test, parts)


def _groups(by: np.ndarray, params: SplitParams) -> dict[str, np.ndarray]:
    """Return what a splitter must know of each row, by the name that scikit-learn has for it."""
    return {"y": by} | ({"groups": by} if params.strategy == "group" else {})


def _check_counts(params: SplitParams, problem: Problem, by: np.ndarray) -> None:
    """Raise when a class has no record for each part, or when there are fewer entities than parts."""
    parts = params.folds + 1
    values, counts = np.unique(by, return_counts=True)
    if params.strategy == "group" and len(values) < parts:
        raise PipelineError(
            f"split: {len(values)} different values of {problem.entity} can't fill {parts} parts; lower split.folds"
        )
    if params.strategy == "stratified" and counts.min(initial=parts) < parts:
        rare = problem.class_names[int(values[counts.argmin()])]
        raise PipelineError(
            f"split: {counts.min()} records of class {rare!r} can't fill {parts} parts; lower split.folds, leave the"
            " class out, or set split.strategy: random"
        )
