"""How the records are cut into tasks so that a memory budget holds: slices of time, and shares of the entities."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np

from lifecycle.features.partitioned.groups import Group
from lifecycle.features.partitioned.table import Table, start_of
from lifecycle.features.vocabulary import AGGREGATES
from lifecycle.stage import PipelineError

GIB = 2**30
# Measured on 8 M simulated payments as the peak of a task's resident memory: 0.15 GiB before it begins, and 73 to 99
# bytes a row for two feature lists, one to four shares, where `bytes_of_a_row` says 77 to 112.
PROCESS = 0.25 * GIB  # a process with its libraries and a row group in hand
SORT = 48  # bytes of a row while windows are evaluated: the order of its entity, and pieces not yet put together
WINDOWS_TO_READING = 7  # the windows of a record took 0.30 microseconds, reading it to find its share 0.04


class Layout(NamedTuple):
    """Slices as ranges of row groups, and how many shares the entities are dealt out to."""

    slices: tuple[tuple[int, int], ...]
    shares: int


def bytes_of_a_row(table: Table, group: Group) -> int:
    """Return what a record of a task takes: its time and place, what is read, what comes out, and the sort."""
    return 8 + 4 + sum(table.width.get(name, 8) for name in group.reads) + _made(group) + SORT


def _made(group: Group) -> int:
    return sum(np.dtype(AGGREGATES[w.aggregate].type).itemsize * len(w.days) for w in group.windows)


def choose(table: Table, groups: Sequence[Group], of_one: float, workers: int, budget: float) -> Layout:
    """Return the cheapest layout whose tasks fit.

    Parameters
    ----------
    table : Table
        The records.
    groups : sequence of Group
        The windows, at least one.
    of_one : float
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
    for slices in _cuts(len(table.rows)):
        rows = [
            int(sum(table.rows[start_of(table, first, group) : stop])) for first, stop in slices for group in groups
        ]
        largest = max(rows) * max(bytes_of_a_row(table, group) for group in groups)
        free = room - largest * of_one
        if free > 0:
            shares = max(ceil(largest * (1 - of_one) / free), _to_keep_busy(workers, len(slices), groups))
            cost = sum(rows) * (WINDOWS_TO_READING + shares)
            if cost < least:
                least, best = cost, Layout(slices, shares)
    if best is None:
        raise PipelineError(
            f"a memory budget of {budget / GIB:g} GiB is too small: {workers} tasks at a time take"
            f" {(workers + 1) * PROCESS / GIB:g} GiB before they begin, and one entity has {of_one:.2%} of the records"
        )
    return best


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
    features = sum(map(_made, groups))
    return PROCESS + float(table.rows.sum()) * (2 * records + features + SORT)
