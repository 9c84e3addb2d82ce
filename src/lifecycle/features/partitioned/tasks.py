"""Evaluate one task, the windows of an entity column for a slice of time and a share of the entities, to a part file.

A part is an uncompressed Arrow file with a batch for each row group of the slice.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import open_parquet
from lifecycle.features.batch import as_microseconds, evaluate_depth, evaluate_windows
from lifecycle.features.partitioned.layout import Group, groups
from lifecycle.problem.window_words import Feature, computed_words, with_sources

ROW = "row"  # a record's place in its row group; a window's name ends with its length, so none is called this


class Work(NamedTuple):
    """The data that every task needs; it is sent to other processes and machines.

    `slices` are ranges of the row groups of `source`; `shares` is how many the entities are dealt out to.
    """

    source: str
    folder: str
    features: tuple[Feature, ...]
    time: str
    decimals: dict[str, int]
    slices: tuple[tuple[int, int], ...]
    shares: int


def path_of(work: Work, group: int, first: int, share: int) -> Path:
    """Return where a part lies; `first` is the first row group of its slice."""
    return Path(work.folder, f"{group}-{first}-{share}.arrow")


def write_part(path: Path, batches: Iterable[dict[str, np.ndarray]]) -> None:
    """Write a part: all of it or nothing, also when two machines do the same task at once."""
    own = path.with_name(f"{path.stem}-{uuid4().hex}")
    with atomic(own) as temporary, pa.OSFile(str(temporary), "wb") as file:
        writer = None
        for columns in batches:
            batch = pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in columns.items()})
            writer = writer or pa.ipc.new_file(file, batch.schema)
            writer.write_batch(batch)
        if writer:
            writer.close()
    own.replace(path)


class Shares:
    """The parts of a slice and a group: all shares of its records, put together again."""

    def __init__(self, work: Work, group: int, first: int, names: list[str]) -> None:
        schema = pa.ipc.open_file(pa.OSFile(str(path_of(work, group, first, 0)))).schema
        fields = sorted(schema.get_field_index(name) for name in (ROW, *names))
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        paths = [path_of(work, group, first, share) for share in range(work.shares)]
        self._readers = [pa.ipc.open_file(pa.OSFile(str(path)), options=options) for path in paths]
        self._first, self._names = first, names

    def read(self, row_group: int, rows: int) -> dict[str, np.ndarray]:
        """Return the columns of a row group.

        Raises
        ------
        PipelineError
            The shares do not make up the row group.
        """
        batches = [reader.get_batch(row_group - self._first) for reader in self._readers]
        places = [batch[ROW].to_numpy() for batch in batches]
        if sum(map(len, places)) != rows:
            raise PipelineError(f"records of row group {row_group} are missing: all workers need the same pandas")
        columns = {}
        for name in self._names:
            values = [batch[name].to_numpy() for batch in batches]
            columns[name] = np.empty(rows, values[0].dtype)
            for place, value in zip(places, values, strict=True):
                columns[name][place] = value
        return columns


class RowGroups:
    """Columns and features of the records, row group by row group; windows are read from the parts that are done."""

    def __init__(self, work: Work, names: Iterable[str]) -> None:
        self._work = work
        words = computed_words(work.features)
        self._needed = with_sources(words, names)
        self._file = open_parquet(work.source)
        self._words = [word for word in words if word.name in self._needed]
        windows = [[name for name in group.names if name in self._needed] for group in groups(work.features)]
        self._windows = {group: names for group, names in enumerate(windows) if names}
        self._slice: tuple[int, int] = (0, 0)
        self._shares: list[Shares] = []
        self._read = [name for name in self._file.schema_arrow.names if name in {work.time, *self._needed}]

    def records(self, row_group: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        """Return all columns of the file, and the columns asked for."""
        frame = self._file.read_row_group(row_group, use_threads=False).to_pandas()
        return frame, self._evaluate({name: frame[name].to_numpy() for name in self._read}, row_group)[0]

    def columns(self, row_group: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return the columns asked for, and the times in microseconds.

        Raises
        ------
        ValueError
            The records are not in time order.
        """
        table = self._file.read_row_group(row_group, self._read, use_threads=False)
        return self._evaluate({name: table[name].to_numpy() for name in self._read}, row_group)  # pandas takes a copy

    def _evaluate(self, records: dict[str, np.ndarray], row_group: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        time_us = as_microseconds(records[self._work.time])
        if (time_us[1:] < time_us[:-1]).any():
            raise ValueError(f"column {self._work.time}: the table must be sorted by time")
        columns = {name: values for name, values in records.items() if name in self._needed}
        for shares in self._parts(row_group):
            columns |= shares.read(row_group, len(time_us))
        return columns | evaluate_depth(self._words, columns, time_us, self._work.decimals), time_us

    def _parts(self, row_group: int) -> list[Shares]:
        """Open the parts that hold a row group; row groups are asked for in order, so one slice is open at a time."""
        if self._windows and not self._slice[0] <= row_group < self._slice[1]:
            self._slice = next(s for s in self._work.slices if s[0] <= row_group < s[1])
            self._shares = [Shares(self._work, group, self._slice[0], names) for group, names in self._windows.items()]
        return self._shares


class Task(NamedTuple):
    """A group of windows to evaluate for a share of the entities.

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
    results = evaluate_windows(group.windows, columns, time_us, task.work.decimals)
    write_part(target, _batches(results, places, task.first - task.start))


def _share_of(task: Task, group: Group) -> tuple[dict[str, np.ndarray], np.ndarray, list[np.ndarray]]:
    """Return the columns and times of the share's records, and their places in each row group."""
    row_groups = RowGroups(task.work, group.reads)
    numbers: dict[str, int] = {}
    pieces: dict[str, list[np.ndarray]] = {name: [] for name in group.reads}
    times, places = [], []
    for row_group in range(task.start, task.stop):
        columns, time_us = row_groups.columns(row_group)
        number, share = _entities(columns[group.by], numbers, task.work.shares)
        if group.by not in group.sees:
            columns[group.by] = number
        rows = np.flatnonzero(share == task.share)
        for name, piece in pieces.items():
            piece.append(columns[name][rows])
        times.append(time_us[rows])
        places.append(rows.astype(np.int32))
    # One column after another, so that no more than one is in memory twice.
    return {name: np.concatenate(pieces.pop(name)) for name in list(pieces)}, np.concatenate(times), places


def _entities(values: np.ndarray, numbers: dict[str, int], shares: int) -> tuple[np.ndarray, np.ndarray]:
    """Return entities as numbers (text gets its own in `numbers`), and the share that each is dealt to.

    The hash of pandas is the same in every process, other than that of Python.
    """
    if values.dtype.kind in "iu":
        return values, pd.util.hash_array(values, categorize=False) % np.uint64(shares)
    code, names = pd.factorize(values)
    number = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
    return number[code], (pd.util.hash_array(names, categorize=False) % np.uint64(shares))[code]


def _batches(
    results: dict[str, np.ndarray], places: list[np.ndarray], look_back: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the results of each row group behind the look-back."""
    stops = np.cumsum([len(rows) for rows in places])
    for rows, stop in list(zip(places, stops, strict=True))[look_back:]:
        yield {ROW: rows} | {name: values[stop - len(rows) : stop] for name, values in results.items()}
