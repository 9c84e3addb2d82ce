"""Features of records that an earlier run has computed: after new records, only those that these can change are made.

Windows look back and have a length, so the features of a row group depend on the records within reach before it and on
nothing else. They are kept in a file whose name is the hash of all that they are made from: the records within reach,
the feature list, the code and the libraries. So there is nothing to compare and nothing to forget: another value,
line of code or param is another name, and a file that is found is the right one. A file carries its own hash; one that
is damaged is made again.
"""

import platform
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from lifecycle.core import tables
from lifecycle.core.atomic import atomic
from lifecycle.core.dask_client import packed_code
from lifecycle.features.batch import as_microseconds, evaluate
from lifecycle.features.partitioned.layout import groups
from lifecycle.problem.problem import Problem
from lifecycle.problem.window_words import Feature, computed_names

Columns = dict[str, np.ndarray]
HASH_BYTES = 32


class Slice(NamedTuple):
    """The rows `first` to `stop` (not included), what changes them from `start` on, and the file of their features."""

    start: int
    first: int
    stop: int
    path: Path


def cached_features(problem: Problem, records: pa.Table, folder: Path) -> tuple[Columns, int]:
    """Return the computed features of all records, and of how many records they are those of an earlier run.

    Parameters
    ----------
    problem : Problem
        Its features, time column and decimals.
    records : pyarrow.Table
        Validated, in time order, at least one.
    folder : Path
        Of the files; those that this table does not need are removed.

    Raises
    ------
    ValueError
        The records are not in time order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    slices = [*_slices(problem, records, folder)]
    parts = [read_features(each.path) for each in slices]
    known = sum(each.stop - each.first for each, part in zip(slices, parts, strict=True) if part is not None)
    for is_missing, run in groupby(range(len(slices)), key=lambda number: parts[number] is None):
        numbers = list(run)
        if is_missing:
            made = _evaluated(problem, records, [slices[number] for number in numbers])
            for number, part in zip(numbers, made, strict=True):
                parts[number] = part
    for path in set(folder.iterdir()) - {each.path for each in slices}:
        path.unlink()
    found = [part for part in parts if part is not None]
    return {name: _joined(found, name) for name in computed_names(problem.features)}, known


def _joined(parts: Sequence[Columns], name: str) -> np.ndarray:
    """Take a column out of all parts, so that no more than one is in memory twice."""
    return np.concatenate([part.pop(name) for part in parts])


def _evaluated(problem: Problem, records: pa.Table, run: Sequence[Slice]) -> Iterator[Columns]:
    """Compute and keep the features of slices that follow each other."""
    start = run[0].start
    frame = records.slice(start, run[-1].stop - start).to_pandas()
    features = evaluate(problem.features, frame, problem.time, problem.decimals)
    for each in run:
        rows = slice(each.first - start, each.stop - start)
        part = {name: features[name].to_numpy()[rows] for name in computed_names(problem.features)}
        write_features(part, each.path)
        yield part


def _slices(problem: Problem, records: pa.Table, folder: Path) -> Iterator[Slice]:
    """Yield the table's row groups; the features of each are named by what they are made from."""
    edges = [*range(0, len(records), tables.ROW_GROUP), len(records)]
    hashes = [_hash(records.slice(first, stop - first)) for first, stop in pairwise(edges)]
    made_by, reach = _hash_of_the_rest(problem), reach_us(problem.features)
    time_us = as_microseconds(records[problem.time_column].to_numpy())
    if (time_us[1:] < time_us[:-1]).any():
        raise ValueError(f"column {problem.time}: the table must be sorted by time")
    for number, (first, stop) in enumerate(pairwise(edges)):
        start = int(np.searchsorted(time_us, time_us[first] - reach))
        oldest = start // tables.ROW_GROUP
        name = sha256(b"".join([made_by, *hashes[oldest : number + 1]])).hexdigest()
        yield Slice(oldest * tables.ROW_GROUP, first, stop, folder / f"{name}.arrow")


def reach_us(features: Sequence[Feature]) -> int:
    """Return how far back a record's features look, microseconds: a window may see what an earlier one has found."""
    longest: dict[int, int] = {}
    for group in groups(features):
        longest[group.depth] = max(longest.get(group.depth, 0), group.reach_us)
    return sum(longest.values())


def _hash(records: pa.Table) -> bytes:
    """Return the hash of names, types and values."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, records.schema) as stream:
        stream.write_table(records.combine_chunks())
    return sha256(sink.getvalue()).digest()


def _hash_of_the_rest(problem: Problem) -> bytes:
    libraries = (platform.python_version(), np.__version__, pd.__version__, pa.__version__)
    declared = (tuple(problem.features), problem.time, dict(problem.decimals), tables.ROW_GROUP)
    return sha256(repr((declared, libraries)).encode() + packed_code()).digest()


def write_features(columns: Mapping[str, np.ndarray], path: Path) -> None:
    """Write features with their hash in front."""
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
        stream.write_table(table)
    content = sink.getvalue()
    with atomic(path) as temporary, temporary.open("wb") as file:
        file.write(sha256(content).digest())
        file.write(content)


def read_features(path: Path) -> Columns | None:
    """Return the features of a file; None when there is none, or it is damaged."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    if sha256(content[HASH_BYTES:]).digest() != content[:HASH_BYTES]:
        return None
    table = pa.ipc.open_stream(pa.py_buffer(content).slice(HASH_BYTES)).read_all()
    return {name: table[name].to_numpy() for name in table.column_names}
