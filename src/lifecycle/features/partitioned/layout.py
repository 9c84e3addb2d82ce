"""Cut the records into tasks that fit a memory budget: slices of time, and shares of the entities."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import REPEAT, open_parquet, open_table
from lifecycle.features.aggregates import aggregates_of
from lifecycle.features.batch import as_microseconds
from lifecycle.problem.window_words import Feature, Window, depths

TEXT = 80  # bytes of a short text and of the reference to it
SAMPLE = 16  # row groups that are read to see how many records the busiest entity has
GIB = 2**30
# Measured on 8 M simulated records as the peak of a task's resident memory: 0.15 GiB before it begins, and 73 to 99
# bytes a row for two feature lists, one to four shares, where `bytes_of_a_row` says 77 to 112.
PROCESS = 0.25 * GIB  # a process with its libraries and a row group in hand
SORT = 48  # bytes of a row while windows are evaluated: the order of its entity, and pieces not yet put together
FILTER = 80  # bytes of a row while the records within reach are found: the order of its entity, times, a mask
MOST_SHARES = 100  # each is a file that is open while a slice is put together, and reads the whole slice again
WINDOWS_TO_READING = 7  # the windows of a record took 0.30 microseconds, reading it to find its share 0.04


class Group(NamedTuple):
    """Windows that are evaluated together: of one depth and one entity column."""

    depth: int
    by: str
    windows: tuple[Window, ...]

    @property
    def reads(self) -> set[str]:
        """The entity column and what is read of other records."""
        return {self.by, *self.sees}

    @property
    def sees(self) -> set[str]:
        """What is read of other records."""
        return {name for window in self.windows for name in window.sees}

    @property
    def names(self) -> list[str]:
        """The columns that come out."""
        return [name for window in self.windows for name in window.names]

    @property
    def reach_us(self) -> int:
        """How far back the longest window looks, microseconds."""
        return max(window.reach_us for window in self.windows)


def groups(features: Sequence[Feature]) -> list[Group]:
    """Return the windows of a list by depth and entity column, the lowest first."""
    below = depths(features)
    windows: dict[tuple[int, str], list[Window]] = {}
    for feature in features:
        if isinstance(feature, Window):
            windows.setdefault((below[feature.names[0]], feature.by), []).append(feature)
    return [Group(depth, by, tuple(windows[depth, by])) for depth, by in sorted(windows)]


class Table(NamedTuple):
    """The records as the file's footer has them: rows and times of each row group, bytes of a row by column."""

    rows: np.ndarray
    first_us: np.ndarray
    last_us: np.ndarray
    width: dict[str, int]


def read_footer(source: Path, time: str) -> Table:
    """Return what the footer of a parquet file says of its records.

    Raises
    ------
    PipelineError
        The file is missing or is no parquet file.
    ValueError
        The records are not in time order.
    """
    with open_table(source, REPEAT) as file:
        metadata, schema = file.metadata, file.schema_arrow
    row_groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    times = [group.column(schema.names.index(time)).statistics for group in row_groups if group.num_rows]
    first, last = (as_microseconds([getattr(each, edge) for each in times]) for edge in ("min", "max"))
    if (first[1:] < last[:-1]).any():
        raise ValueError(f"column {time}: the table must be sorted by time")
    width = {
        field.name: ceil(field.type.bit_width / 8) if pa.types.is_primitive(field.type) else TEXT for field in schema
    }
    return Table(np.array([group.num_rows for group in row_groups], np.int64), first, last, width)


def largest_share(source: Path, columns: set[str]) -> float:
    """Return the largest share of the records that one value of one of these columns has, in a sample."""
    file = open_parquet(source)
    number = np.unique(np.linspace(0, file.num_row_groups - 1, SAMPLE).astype(int)).tolist()
    sample = file.read_row_groups(number, sorted(columns)).to_pandas()
    return max((sample[name].value_counts(normalize=True).iloc[0] for name in columns), default=0.0)


def start_of(table: Table, first: int, group: Group) -> int:
    """Return the oldest row group that the windows of records in row group `first` or later can reach."""
    return int(np.searchsorted(table.last_us, table.first_us[first] - group.reach_us, side="right"))


class Layout(NamedTuple):
    """Slices as ranges of row groups, and how many shares the entities are dealt out to."""

    slices: tuple[tuple[int, int], ...]
    shares: int


def bytes_of_a_row(table: Table, group: Group) -> int:
    """Return what a record of a task takes: its time and place, what is read, what comes out, and the sort."""
    return 8 + 4 + sum(table.width.get(name, 8) for name in group.reads) + _result_bytes(group) + SORT


def _result_bytes(group: Group) -> int:
    """Return the bytes of a record that come out of a task."""
    return sum(np.dtype(column.dtype).itemsize for window in group.windows for column in aggregates_of(window))


def choose_layout(table: Table, groups: Sequence[Group], share_of_one: float, workers: int, budget: float) -> Layout:
    """Return the cheapest layout whose tasks fit.

    Parameters
    ----------
    table : Table
        The records.
    groups : sequence of Group
        The windows, at least one.
    share_of_one : float
        Share of the records that one entity has: they can't be dealt out to several tasks.
    workers : int
        Tasks at a time.
    budget : float
        Bytes for all of them and the process that started them.

    Raises
    ------
    PipelineError
        No layout fits.
    """
    room = (budget - PROCESS) / workers - PROCESS
    least, best = np.inf, None
    for cut in _slicings(table, groups, workers):
        free = room - cut.largest * share_of_one
        if free <= 0:
            continue
        shares = max(ceil(cut.largest * (1 - share_of_one) / free), cut.fewest)
        cost = cut.rows * (WINDOWS_TO_READING + shares)
        if shares <= max(MOST_SHARES, cut.fewest) and cost < least:
            least, best = cost, Layout(cut.slices, shares)
    if best is None:
        begin = f"{workers} tasks at a time take {(workers + 1) * PROCESS / GIB:g} GiB before they begin"
        reason = f"{begin}, and one entity has {share_of_one:.2%} of the records; engine: serial takes one at a time"
        raise too_small(budget, least_budget(table, groups, share_of_one, workers), reason)
    return best


def least_budget(table: Table, groups: Sequence[Group], share_of_one: float, workers: int) -> float:
    """Return the bytes that `choose_layout` needs at least."""
    tasks = [
        cut.largest * (share_of_one + (1 - share_of_one) / max(MOST_SHARES, cut.fewest))
        for cut in _slicings(table, groups, workers)
    ]
    return PROCESS + workers * (PROCESS + min(tasks))


def too_small(budget: float, least: float, reason: str) -> PipelineError:
    """Return the error that says why a budget is too small, and names the least one; both in bytes."""
    return PipelineError(
        f"featurize.memory_budget: a memory budget of {budget / GIB:g} GiB is too small for these records; the least"
        f" is {ceil(least / GIB * 100) / 100:.2f}: {reason}"
    )


class Slicing(NamedTuple):
    """A way to slice the table, and what its tasks are while all entities are in one share."""

    slices: tuple[tuple[int, int], ...]
    rows: int  # of all tasks
    largest: int  # bytes of the largest task
    fewest: int  # shares that keep every worker busy


def _slicings(table: Table, groups: Sequence[Group], workers: int) -> Iterator[Slicing]:
    width = max(bytes_of_a_row(table, group) for group in groups)
    for slices in _cuts(len(table.rows)):
        rows = [
            int(sum(table.rows[start_of(table, first, group) : stop])) for first, stop in slices for group in groups
        ]
        yield Slicing(slices, sum(rows), max(rows) * width, _to_keep_busy(workers, len(slices), groups))


def _cuts(row_groups: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield the table in 1, 2, 4, ... slices of whole row groups."""
    for slices in 2 ** np.arange(row_groups.bit_length()):
        edges = np.linspace(0, row_groups, slices + 1).astype(int).tolist()
        yield tuple(itertools.pairwise(edges))


def _to_keep_busy(workers: int, slices: int, groups: Sequence[Group]) -> int:
    """Return how many shares give every worker two tasks at every depth: then none waits long for the last."""
    fewest = min(Counter(group.depth for group in groups).values())
    return ceil(2 * workers / (slices * fewest))


def bytes_in_memory(table: Table, groups: Sequence[Group]) -> float:
    """Return what one process needs to read, evaluate and write the whole table; measured: within a tenth."""
    records = sum(table.width.values())
    features = sum(map(_result_bytes, groups))
    return PROCESS + float(table.rows.sum()) * (2 * records + features + SORT)


def bytes_of_columns(table: Table, names: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> float:
    """Return what one process needs to hold columns of the rows with start <= time < end, and copies of all.

    Measured on 6.7 M rows of seven columns as 177 bytes a row, where this says 185.
    """
    first, last = (as_microseconds(np.array([edge], "datetime64[us]"))[0] for edge in (start, end))
    rows = table.rows[(table.last_us >= first) & (table.first_us < last)].sum()
    width = sum(table.width.get(name, 8) + max(table.width.get(name, 8), 8) for name in names)
    return PROCESS + float(rows) * (width + FILTER)
