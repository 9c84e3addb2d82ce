"""The files between the tasks of `lifecycle.features.partitioned.build`.

A part holds the windows of one entity column at one depth, for those records of a slice of time whose entity falls into
one share of the hash: an uncompressed Arrow file with a batch for each row group of the slice.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import pyarrow as pa

from lifecycle.features.vocabulary import Feature
from lifecycle.io import atomic
from lifecycle.stage import PipelineError

ROW = "row"  # a record's place in its row group; a window's name ends with its length, so none is called this


class Work(NamedTuple):
    """What every task knows: plain data that travels to other processes and machines.

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
            raise PipelineError(f"records of row group {row_group} are missing: do all workers have the same pandas?")
        found = {}
        for name in self._names:
            values = [batch[name].to_numpy() for batch in batches]
            found[name] = np.empty(rows, values[0].dtype)
            for place, value in zip(places, values, strict=True):
                found[name][place] = value
        return found
