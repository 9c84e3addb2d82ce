"""What the footer of a parquet file tells of the records, and a sample of them."""

from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.features.partitioned.groups import Group
from lifecycle.io import read_table

TEXT = 80  # bytes of a short text and of the reference to it
SAMPLE = 16  # row groups that are read to see how many records the busiest entity has


class Table(NamedTuple):
    """What is known of the records without reading them: rows and times of each row group, bytes of a row by column."""

    rows: np.ndarray
    first_us: np.ndarray
    last_us: np.ndarray
    width: dict[str, int]


def table_of(source: Path, time: str) -> Table:
    """Read the footer of a parquet file.

    Raises
    ------
    PipelineError
        The file is missing or is no parquet file.
    ValueError
        The records are not in time order.
    """
    read_table(source, [])
    metadata, schema = pq.read_metadata(source), pq.read_schema(source)
    row_groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    known = [group.column(schema.names.index(time)).statistics for group in row_groups if group.num_rows]
    first, last = (_microseconds([getattr(statistics, edge) for statistics in known]) for edge in ("min", "max"))
    if (first[1:] < last[:-1]).any():
        raise ValueError(f"column {time}: the table must be sorted by time")
    width = {
        field.name: ceil(field.type.bit_width / 8) if pa.types.is_primitive(field.type) else TEXT for field in schema
    }
    return Table(np.array([group.num_rows for group in row_groups], np.int64), first, last, width)


def _microseconds(times: list[pd.Timestamp]) -> np.ndarray:
    return np.array(times, "datetime64[us]").astype(np.int64)


def busiest(source: Path, columns: set[str]) -> float:
    """Return the largest share of the records that one value of one of these columns has, in a sample."""
    file = pq.ParquetFile(source)
    number = np.unique(np.linspace(0, file.num_row_groups - 1, SAMPLE).astype(int)).tolist()
    sample = file.read_row_groups(number, sorted(columns)).to_pandas()
    return max((sample[name].value_counts(normalize=True).iloc[0] for name in columns), default=0.0)


def start_of(table: Table, first: int, group: Group) -> int:
    """Return the oldest row group that the windows of records in row group `first` or later can reach."""
    return int(np.searchsorted(table.last_us, table.first_us[first] - group.reach_us, side="right"))
