"""Score a file of any size: rows in order, in bounded memory, on all cores; a run that was killed goes on.

The command `score` reads a file whose columns are the model's features, as data/features/features.parquet has them. It
writes key and time of each row where the file has them, and what `lifecycle.bundle.result_columns` makes of its scores.
"""

import argparse
import hashlib
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from math import ceil
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from lifecycle.bundle.model_input import Columns, batch_of, columns_of
from lifecycle.bundle.result_columns import result_columns, results_of
from lifecycle.bundle.result_parts import Parts, parts_of
from lifecycle.bundle.servable import Servable
from lifecycle.bundle.source_rows import open_rows
from lifecycle.core import tables
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import CsvParams, checked, load_params
from lifecycle.problem.problem import ROW_NUMBER
from lifecycle.sources.files import PLAIN

STOPPED = "stopped; the same command goes on where it was"
Stamp = tuple[int, int, int]
FORMAT = 2  # of the parts; a program with another one does not go on with them
VALUES = 1_000_000  # of a part, at most: a thread holds a few times as many bytes as these take
THREADS = 16  # what one thread can read, no more can score


def stamp(path: Path) -> Stamp:
    """Return what differs after a file has been changed."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def pieces(file: pq.ParquetFile, names: list[str], rows: int, first: int) -> Iterator[tuple[int, pa.Table]]:
    """Yield the file in pieces of so many rows, whatever its row groups are.

    Parameters
    ----------
    file : pyarrow.parquet.ParquetFile
        Opened by `lifecycle.bundle.source_rows.open_rows`.
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
    meta, rest = file.metadata, file.schema_arrow.empty_table().select(names)
    starts = [0, *accumulate(meta.row_group(group).num_rows for group in range(meta.num_row_groups))]
    group = int(np.searchsorted(starts, first * rows, side="right")) - 1
    skip, number = first * rows - starts[group], first
    groups = range(group, meta.num_row_groups)
    with tables.readable():
        for batch in file.iter_batches(rows, groups, columns=names, use_threads=False):
            rest = pa.concat_tables([rest, pa.Table.from_batches([batch]).select(names)])
            rest, skip = rest[skip:], max(0, skip - len(rest))
            while len(rest) >= rows:
                yield number, rest[:rows]
                rest, number = rest[rows:], number + 1
    if number * rows + len(rest) != meta.num_rows:
        raise PipelineError(f"{number * rows + len(rest):,} rows were read, but it says that it has {meta.num_rows:,}")
    if len(rest):
        yield number, rest


class Job(NamedTuple):
    """What is scored, and in parts of how many rows, whatever the file's own row groups are."""

    servable: Servable
    file: pq.ParquetFile
    columns: Columns
    rows: int
    parts: Parts


def score_file(
    servable: Servable, source: Path, target: Path, threads: int | None = None, options: CsvParams = PLAIN
) -> int:
    """Score the rows of a parquet or CSV file.

    Parameters
    ----------
    servable : Servable
        The model.
    source : Path
        The rows, with the model's features as columns, or with what features of the record alone are made from.
        Records as the problem's source has them are read as the pipeline reads them.
    target : Path
        The table to write: key and time where the source has them, and the columns of `result_columns`, with the
        bundle's name and version in the file's metadata. It appears, or replaces an earlier one, when it is complete.
        Its bytes depend on the rows and the bundle alone.
    threads : int, optional
        How many score; by default one for each core.
    options : CsvParams
        How a CSV file is written.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    PipelineError
        The source can't be read, lacks a column, or has a value that can't be scored: names its row and column.
    """
    _check_target(source, target)
    try:
        before = stamp(source)
        with open_rows(servable, source, target, options) as file:
            columns, count = columns_of(servable, file.schema_arrow), file.metadata.num_rows
            rows = max(1, min(tables.ROW_GROUP, VALUES // len(columns.read)))
            schema = _schema(servable, columns, file.schema_arrow)
            digest = _digest(servable, source, rows, options)
            _check_same(source, before)  # or parts of the file that is open would have the name of another one's
            with parts_of(target, digest, schema) as parts:
                _score_parts(Job(servable, file, columns, rows, parts), threads or min(joblib.cpu_count(), THREADS))
                _check_same(source, before)
                parts.join(ceil(count / rows), target)
    except PipelineError as error:
        said = str(error).removeprefix(f"{source}: ")
        raise PipelineError(f"{source}: {said}; nothing was written to {target}") from error
    return int(count)


def _check_target(source: Path, target: Path) -> None:
    if target.is_dir():
        raise PipelineError(f"{target}: a folder; name a file to write")
    if source.exists() and target.exists() and target.samefile(source):
        raise PipelineError(f"{target}: the same file as {source}; write the scores to another one")


def _check_same(source: Path, before: Stamp) -> None:
    if stamp(source) != before:
        raise PipelineError("it was changed while it was read; run it again")


def _digest(servable: Servable, source: Path, rows: int, options: CsvParams) -> str:
    """Return the name of the parts: a digest of all that their content depends on."""
    with source.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    work = (FORMAT, content, options, servable.name, servable.version, rows)
    return hashlib.sha256(repr(work).encode()).hexdigest()


def _schema(servable: Servable, columns: Columns, schema: pa.Schema) -> pa.Schema:
    kinds = {name: schema.field(name).type for name in columns.identity}
    plain = {name: kind.value_type if pa.types.is_dictionary(kind) else kind for name, kind in kinds.items()}
    counted = {ROW_NUMBER: pa.int64()} if columns.counted else {}
    results = result_columns(servable.task, len(servable.classes))
    return pa.schema(counted | plain | results, {"bundle": servable.name, "bundle_version": servable.version})


def _score_parts(job: Job, threads: int) -> None:
    """Score the parts that are not there yet, a few at a time; the error is about the first fault in the file."""
    total = job.file.metadata.num_rows
    missing = {number for number in range(ceil(total / job.rows)) if not job.parts.path(number).exists()}
    if not missing:
        return
    waiting: deque[Future[int]] = deque()
    left = sum(min(job.rows, total - number * job.rows) for number in missing)
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(desc="rows", total=total, initial=total - left, unit_scale=True, disable=None) as progress,
    ):
        for number, table in pieces(job.file, job.columns.read, job.rows, min(missing)):
            if number in missing:
                waiting.append(pool.submit(_score_part, job, number, table))
            if len(waiting) > threads + 1:
                progress.update(waiting.popleft().result())
        for future in waiting:
            progress.update(future.result())


def _score_part(job: Job, number: int, table: pa.Table) -> int:
    """Score a part and write it; return its number of rows."""
    first, schema = number * job.rows, job.parts.schema
    scored = job.servable.score(batch_of(job.servable, job.columns, table, first))
    counted = [pa.array(np.arange(first, first + len(table)))] if job.columns.counted else []
    identity = [table[name].cast(schema.field(name).type) for name in job.columns.identity]
    results = results_of(job.servable, scored)
    job.parts.write(number, pa.table([*counted, *identity, *results], schema=schema))
    return len(table)


def score(argv: Sequence[str]) -> None:
    """Score the file that the command line names."""
    parser = argparse.ArgumentParser(prog="mlops.py score", description="Score a file of any size by a bundle.")
    parser.add_argument("source", metavar="IN", type=Path, help="features or records: .parquet, .csv, .csv.gz or .zip")
    parser.add_argument("target", metavar="OUT.parquet", type=Path, help="what to write: scores and decisions")
    parser.add_argument("--bundle", default=Path("models/bundle"), metavar="FOLDER", type=Path, help="models/bundle")
    known = load_params().ingest.csv if Path("params.yaml").is_file() else PLAIN
    parser.add_argument("--separator", default=known.separator, help="of the cells of CSV; else ingest.csv.separator")
    parser.add_argument("--decimal", default=known.decimal, help="before the decimals; else ingest.csv.decimal")
    parser.add_argument("--skip-lines", default=known.skip_lines, type=int, help="before the names of the columns")
    options = parser.parse_args(argv)
    written = {name: getattr(options, name) for name in CsvParams.model_fields}
    servable = Servable.load(options.bundle)
    try:
        rows = score_file(servable, options.source, options.target, options=checked(CsvParams, written, "CSV"))
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    print(f"{options.target}: {rows:,} rows scored by {servable.name} {servable.version}")
