"""Open the rows to score: a parquet file as it is, or what a source has, read by the contract that the bundle holds.

CSV, other names of columns, columns that have a default and those that the problem's `prepare` makes are read into a
table that lies beside the target while it is scored. Nothing else of the file is read: labels, sensitive and ignored
columns need not be there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.bundle.model_input import choose
from lifecycle.bundle.servable import Servable
from lifecycle.bundle.source_preparation import columns_to_make, make_columns
from lifecycle.core import tables
from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import CsvParams
from lifecycle.problem.column_types import DECIMAL, STORED, parse
from lifecycle.problem.problem import Column
from lifecycle.sources.csv_files import names_elsewhere, open_csv
from lifecycle.sources.files import is_format, unpacked

BUFFER = 1 << 18  # bytes of a column that are read at a time


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a parquet file to score.

    Raises
    ------
    PipelineError
        It is no plain file or no parquet file.
    """
    _check_plain(path)
    with tables.readable():  # with pre_buffer a row group would be read as a whole
        return tables.open_parquet(path, buffer_size=BUFFER, pre_buffer=False)


def is_csv(path: Path) -> bool:
    """Tell whether a file is read as CSV, by its name; every other is taken for parquet."""
    return is_format(path.name) and path.suffix.lower() != ".parquet"


@contextmanager
def open_rows(servable: Servable, source: Path, target: Path, options: CsvParams) -> Iterator[pq.ParquetFile]:
    """Give the rows of a file as parquet, with the columns that the bundle needs.

    Parameters
    ----------
    servable : Servable
        The model.
    source : Path
        Rows of features, or records as the source has them.
    target : Path
        What will be written; the table of the rows lies beside it, and is removed.
    options : CsvParams
        How a CSV file is written.

    Raises
    ------
    PipelineError
        The file can't be read, or a value is not of its column's type.
    """
    if is_csv(source):
        _check_plain(source)
        with unpacked(source) as file:
            names, parts = open_csv(file, str(source), options)
            plan = _plan(servable, names)
            _check_header(source, plan, names, options)
            typed = _typed(plan, parts, options.decimal)
            with _beside(target, typed, plan.schema) as rows:
                yield rows
        return
    with open_parquet(source) as file:
        plan = _plan(servable, file.schema_arrow.names)
        if not (plan.renamed or plan.defaults or plan.made):
            yield file
            return
        with tables.readable():
            whole = file.read()
        with _beside(target, _typed(plan, iter([whole]), "."), plan.schema) as rows:
            yield rows


class _Plan(NamedTuple):
    """How a file becomes rows: what columns are called, what stands in those that it lacks, which are made, and kept.

    `known` are all names that a column of this problem may have.
    """

    servable: Servable
    renamed: Mapping[str, str]
    defaults: Mapping[str, Any]
    made: Sequence[str]
    kept: Mapping[str, Column]
    known: frozenset[str]

    @property
    def schema(self) -> pa.Schema:
        """The types of the table of rows."""
        return pa.schema({name: STORED[column.type] for name, column in self.kept.items()})


def _plan(servable: Servable, given: Sequence[str]) -> _Plan:
    columns = {each["name"]: each for each in servable.schema["columns"]}
    canonical = {alias: name for name, each in columns.items() for alias in each.get("aliases", ())}
    renamed = {name: canonical[name] for name in given if name in canonical}
    names = [renamed.get(name, name) for name in given]
    defaults = {name: each["default"] for name, each in columns.items() if each.get("default") is not None}
    absent = {name: value for name, value in defaults.items() if name not in names}
    read = choose(servable, [*names, *absent]).read
    made = columns_to_make(servable, read, names)
    key, time = servable.schema["key"], servable.schema["time"]
    wanted = dict.fromkeys((*(name for name in (key, time) if name in (*names, *made)), *read))
    kept = {name: _column(servable, columns.get(name), name) for name in wanted if name in {*names, *absent, *made}}
    absent = absent if made else {name: value for name, value in absent.items() if name in kept}
    return _Plan(servable, renamed, absent, made, kept, frozenset((*columns, *canonical, *servable.features)))


def _column(servable: Servable, about: Mapping[str, Any] | None, name: str) -> Column:
    """Return the contract of a column; a feature that is none of the source's columns is a number, or text."""
    if about is None:
        return Column(name, "text" if name in servable.texts else "number", "")
    return Column(name, about["type"], "", nullable=bool(about.get("nullable")), unit=about.get("since_1970"))


def _typed(plan: _Plan, parts: Iterator[pa.Table], decimal: str) -> Iterator[pa.Table]:
    """Yield tables with the columns that are kept, each read by its type."""
    if plan.made:  # `prepare` sees the whole table, as it does in the pipeline
        parts = iter([pa.concat_tables(parts)])
    first = 0
    for part in parts:
        table = part.rename_columns([plan.renamed.get(name, name) for name in part.column_names])
        for name, value in plan.defaults.items():
            table = table.append_column(name, pa.repeat(pa.scalar(value), len(table)))
        if plan.made:
            table = make_columns(plan.servable, table.replace_schema_metadata({DECIMAL: decimal}))
        columns = [_read(table[name], column, decimal, first) for name, column in plan.kept.items()]
        yield pa.table(columns, schema=plan.schema)
        first += len(table)


def _read(values: pa.ChunkedArray, column: Column, decimal: str, first: int) -> pa.Array:
    cells = parse(values, column, decimal)
    if cells.misfits:
        row = min(cells.misfits)
        raise PipelineError(f"row {first + row} (the first is 0), column {column.name}: {cells.misfits[row]}")
    return cells.values


@contextmanager
def _beside(target: Path, parts: Iterator[pa.Table], schema: pa.Schema) -> Iterator[pq.ParquetFile]:
    """Write tables into a file beside the target, and give it opened; it is removed at the end."""
    place = target.with_name(f".{target.name}.rows")
    try:
        with atomic(place) as temporary, pq.ParquetWriter(temporary, schema, **tables.PARQUET) as writer:
            for table in parts:
                writer.write_table(table, tables.ROW_GROUP)
        with open_parquet(place) as file:
            yield file
    finally:
        place.unlink(missing_ok=True)


def _check_plain(path: Path) -> None:
    if not path.is_file():
        raise PipelineError("not a plain file")


def _check_header(source: Path, plan: _Plan, names: Sequence[str], options: CsvParams) -> None:
    """Refuse a header that names no column of the problem, or one twice, and say where the names stand instead."""
    if plan.known.isdisjoint(names):
        with unpacked(source) as file:
            advice = names_elsewhere(file, set(plan.known), options)
        if advice:
            raise PipelineError(f"{options.separator.join(names)[:80]!r} does not name the columns; {advice}")
    canonical = [plan.renamed.get(name, name) for name in names]
    twice = [name for name in canonical if canonical.count(name) > 1]
    if twice:
        raise PipelineError(f"there is more than one column {twice[0]}")
