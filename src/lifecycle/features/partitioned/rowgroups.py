"""Columns of the records, one row group at a time: as they stand in the file, from parts, or made of those."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from lifecycle.features.batch import evaluate_depth
from lifecycle.features.partitioned.groups import groups
from lifecycle.features.partitioned.parts import Shares, Work
from lifecycle.features.vocabulary import Feature, Raw, Window


class RowGroups:
    """Some columns of the records.

    Parameters
    ----------
    work : Work
        The records, and the parts of the depths that are done.
    names : iterable of str
        Columns of the records, and features, that are asked for.
    """

    def __init__(self, work: Work, names: Iterable[str]) -> None:
        self._work = work
        self._needed = _with_reads(work.features, names)
        self._file = pq.ParquetFile(work.source)
        self._own = [f for f in work.features if not isinstance(f, Window | Raw) and f.name in self._needed]
        wanted = [[name for name in group.names if name in self._needed] for group in groups(work.features)]
        self._windows = {group: names for group, names in enumerate(wanted) if names}
        self._slice: tuple[int, int] = (0, 0)
        self._shares: list[Shares] = []
        self._read = [name for name in self._file.schema_arrow.names if name in {work.time, *self._needed}]

    def records(self, row_group: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        """Return all columns of the file, and the columns asked for."""
        frame = self._file.read_row_group(row_group, use_threads=False).to_pandas()
        return frame, self._made_of({name: frame[name].to_numpy() for name in self._read}, row_group)[0]

    def columns(self, row_group: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return the columns asked for, and the times in microseconds.

        Raises
        ------
        ValueError
            The records are not in time order.
        """
        table = self._file.read_row_group(row_group, self._read, use_threads=False)
        return self._made_of({name: table[name].to_numpy() for name in self._read}, row_group)  # pandas takes a copy

    def _made_of(self, records: dict[str, np.ndarray], row_group: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        time_us = records[self._work.time].astype("datetime64[us]").astype(np.int64)
        if (time_us[1:] < time_us[:-1]).any():
            raise ValueError(f"column {self._work.time}: the table must be sorted by time")
        found = {name: values for name, values in records.items() if name in self._needed}
        for shares in self._parts(row_group):
            found |= shares.read(row_group, len(time_us))
        return found | evaluate_depth(self._own, found, time_us, self._work.decimals), time_us

    def _parts(self, row_group: int) -> list[Shares]:
        """Open the parts that hold a row group; row groups are asked for in order, so one slice is open at a time."""
        if self._windows and not self._slice[0] <= row_group < self._slice[1]:
            self._slice = next(s for s in self._work.slices if s[0] <= row_group < s[1])
            self._shares = [Shares(self._work, group, self._slice[0], names) for group, names in self._windows.items()]
        return self._shares


def _with_reads(features: Sequence[Feature], names: Iterable[str]) -> set[str]:
    """Add what those columns that are features of the record are made from."""
    found = set(names)
    for feature in reversed(features):
        if not isinstance(feature, Window) and feature.name in found:
            found |= set(feature.reads)
    return found
