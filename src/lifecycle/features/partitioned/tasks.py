"""A task: windows of an entity column, for a slice of time and a share of them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.features.partitioned.groups import Group, groups
from lifecycle.features.partitioned.parts import ROW, Work, path_of, write_part
from lifecycle.features.partitioned.rowgroups import RowGroups
from lifecycle.features.windows import evaluate_windows


class Task(NamedTuple):
    """What to evaluate.

    The slice is the row groups `first` to `stop` (not included); those from `start` on can change it.
    """

    work: Work
    group: int
    start: int
    first: int
    stop: int
    share: int


def evaluate_task(task: Task) -> None:
    """Write a part, unless it is there: a task may be run again, also while another process runs it."""
    target = path_of(task.work, task.group, task.first, task.share)
    if target.exists():
        return
    group = groups(task.work.features)[task.group]
    columns, time_us, places = _share_of(task, group)
    found = evaluate_windows(group.windows, columns, time_us, task.work.decimals)
    write_part(target, _batches(found, places, task.first - task.start))


def _share_of(task: Task, group: Group) -> tuple[dict[str, np.ndarray], np.ndarray, list[np.ndarray]]:
    """Return the columns and times of the share's records, and their places in each row group."""
    row_groups = RowGroups(task.work, group.reads)
    numbers: dict[str, int] = {}
    kept: dict[str, list[np.ndarray]] = {name: [] for name in group.reads}
    times, places = [], []
    for row_group in range(task.start, task.stop):
        columns, time_us = row_groups.columns(row_group)
        number, share = _entities(columns[group.by], numbers, task.work.shares)
        if group.by not in group.sees:
            columns[group.by] = number
        rows = np.flatnonzero(share == task.share)
        for name, pieces in kept.items():
            pieces.append(columns[name][rows])
        times.append(time_us[rows])
        places.append(rows.astype(np.int32))
    # One column after another, so that no more than one is in memory twice.
    return {name: np.concatenate(kept.pop(name)) for name in list(kept)}, np.concatenate(times), places


def _entities(values: np.ndarray, numbers: dict[str, int], shares: int) -> tuple[np.ndarray, np.ndarray]:
    """Return entities as numbers (text gets its own in `numbers`), and the share that each is dealt to.

    The hash of pandas is the same in every process, other than that of Python.
    """
    if values.dtype.kind in "iu":
        return values, pd.util.hash_array(values, categorize=False) % np.uint64(shares)
    code, names = pd.factorize(values)
    number = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
    return number[code], (pd.util.hash_array(names, categorize=False) % np.uint64(shares))[code]


def _batches(found: dict[str, np.ndarray], places: list[np.ndarray], look_back: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield the results of each row group behind the look-back."""
    stops = np.cumsum([len(rows) for rows in places])
    for rows, stop in list(zip(places, stops, strict=True))[look_back:]:
        yield {ROW: rows} | {name: values[stop - len(rows) : stop] for name, values in found.items()}
