"""A parquet file that is read from front to back, in pieces of a size of our own, in bounded memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.stage import PipelineError

BUFFER = 1 << 18  # bytes of a column that are read at a time
Stamp = tuple[int, int, int]


def opened(path: Path) -> pq.ParquetFile:
    """Open a file.

    Raises
    ------
    PipelineError
        It is no plain file or no parquet file.
    """
    if not path.is_file():
        raise PipelineError("not a plain file")
    with _readable():
        return pq.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)  # otherwise a row group is read as a whole


def stamp(path: Path) -> Stamp:
    """Return what is another when a file has been changed."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def tables(file: pq.ParquetFile, names: list[str], rows: int, first: int) -> Iterator[tuple[int, pa.Table]]:
    """Yield the file in pieces of so many rows, whatever its row groups are.

    Parameters
    ----------
    file : pyarrow.parquet.ParquetFile
        Opened by `opened`.
    names : list of str
        The columns.
    rows : int
        Of a piece; the last one has what is left.
    first : int
        The number of the piece to begin with. Row groups before it are not read.

    Yields
    ------
    tuple of int and pyarrow.Table
        The number of a piece, and its rows.

    Raises
    ------
    PipelineError
        The file is damaged inside.
    """
    meta, held = file.metadata, file.schema_arrow.empty_table().select(names)
    starts = [0, *accumulate(meta.row_group(group).num_rows for group in range(meta.num_row_groups))]
    group = int(np.searchsorted(starts, first * rows, side="right")) - 1
    skip, number = first * rows - starts[group], first
    groups = range(group, meta.num_row_groups)
    with _readable():
        for batch in file.iter_batches(rows, groups, columns=names, use_threads=False):
            held = pa.concat_tables([held, pa.Table.from_batches([batch]).select(names)])
            held, skip = held[skip:], max(0, skip - len(held))
            while len(held) >= rows:
                yield number, held[:rows]
                held, number = held[rows:], number + 1
    if len(held):
        yield number, held


@contextmanager
def _readable() -> Iterator[None]:
    """Tell of a damaged file; an error of the operating system has a number, and goes on as it is."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise PipelineError(f"not a readable parquet file ({error})") from error
