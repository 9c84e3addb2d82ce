"""Read a user's file into the columns of a contract, or say exactly why not."""

import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pandas as pd
import pyarrow as pa

from lifecycle.core.errors import PipelineError
from lifecycle.core.junk_files import is_leftover
from lifecycle.core.params import CsvParams
from lifecycle.core.tables import as_arrow
from lifecycle.problem.column_types import DECIMAL, STORED
from lifecycle.problem.problem import Problem
from lifecycle.sources.csv_files import names_elsewhere, read_csv
from lifecycle.sources.derived_columns import derive
from lifecycle.sources.parquet_files import read_parquet

FORMATS = (".csv", ".csv.gz", ".csv.zip", ".zip", ".parquet")
PLAIN = CsvParams(separator=",", skip_lines=0, decimal=".")
# What a damaged archive makes the libraries raise; NotImplementedError is a RuntimeError.
DAMAGE = (OSError, EOFError, RuntimeError, ValueError, lzma.LZMAError, struct.error, zipfile.BadZipFile, zlib.error)
LFS_POINTER = b"version https://git-lfs"
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def is_format(name: str) -> bool:
    """Tell whether a file's name ends as that of a format which is read; large letters count as small ones."""
    return name.lower().endswith(FORMATS)


def is_litter(name: str) -> bool:
    """Tell whether a file or folder is hidden, or was left by a system: .DS_Store, Thumbs.db and their like."""
    return name.startswith(".") or name == "__MACOSX" or is_leftover(name)


def read_file(path: str | Path, problem: Problem, options: CsvParams = PLAIN) -> pa.Table:
    """Read a CSV (plain, .gz, .zip) or parquet file.

    Parameters
    ----------
    path : str or Path
        The file.
    problem : Problem
        Its contract names the columns; aliases are accepted, ignored columns left out.
    options : CsvParams
        How a CSV file is written.

    Returns
    -------
    pyarrow.Table
        The contract's columns, in its order. Values are as they stand in the file: those of CSV are text, and what does
        not fit its column's type is for `validate` to reject with a reason.

    Raises
    ------
    PipelineError
        The file is missing, empty, not what its name says, or has missing or extra columns.
    """
    return to_contract(read_columns(Path(path), problem, options), problem, str(path))


def read_columns(path: Path, problem: Problem, options: CsvParams) -> pa.Table:
    """Read a file's own columns, before any is renamed, added or left out; see `read_file`."""
    _look_at(path)
    if path.suffix.lower() == ".parquet":
        return read_parquet(path, set(canonical_names(problem)))
    with unpacked(path) as file:
        table = read_csv(file, str(path), options, partial(_check_header, path, problem, options))
    return table.replace_schema_metadata({DECIMAL: options.decimal} if options.decimal != "." else None)


def to_contract(table: pa.Table | pd.DataFrame, problem: Problem, origin: str) -> pa.Table:
    """Rename aliases, check the set of columns, add those with a default and derived ones, and order them.

    Parameters
    ----------
    table : pyarrow.Table or pandas.DataFrame
        As the source has it.
    problem : Problem
        Its contract.
    origin : str
        What the table is called in messages.

    Raises
    ------
    PipelineError
        Columns are missing, unknown or repeated, there is no row, or `prepare` fails.
    """
    table = as_arrow(table) if isinstance(table, pd.DataFrame) else table
    check_columns(table, problem, origin)
    canonical = canonical_names(problem)
    metadata, names = table.schema.metadata, [canonical.get(name, name) for name in table.column_names]
    table = table.rename_columns(names).replace_schema_metadata(metadata)
    for column in problem.contract:
        if column.default is not None and column.name not in table.column_names:
            default = pa.repeat(pa.scalar(column.default, STORED[column.type]), len(table))
            table = table.append_column(column.name, default)
    kept = [column.name for column in problem.contract if not column.derived]
    table = table.select([*kept, *(name for name in problem.ignored if name in table.column_names)])
    return derive(table, problem, origin).select(list(problem.columns))


def check_columns(table: pa.Table, problem: Problem, origin: str) -> None:
    """Raise when columns are missing, unknown or repeated, or there is no row."""
    faults = _wrong_columns(table.column_names, problem)
    if faults:
        raise PipelineError(f"{origin}: {faults}")
    if not len(table):
        raise PipelineError(f"{origin}: the table has no rows")


def canonical_names(problem: Problem) -> dict[str, str]:
    """Return what the contract calls a column, by every name that it may have in a source."""
    return {alias: column.name for column in problem.contract for alias in (column.name, *column.aliases)}


def _wrong_columns(given: list[str], problem: Problem) -> str:
    """Say which columns are missing, unknown or repeated."""
    canonical = canonical_names(problem)
    names = [canonical.get(name, name) for name in given]
    expected = [column.name for column in problem.contract if not column.derived]
    optional = {column.name for column in problem.contract if column.default is not None}
    missing = [name for name in expected if name not in {*names, *optional}]
    extra = [name or "one without a name" for name in sorted(set(names) - set(expected) - set(problem.ignored))]
    repeated = sorted({name for name in names if names.count(name) > 1})
    faults = [
        f"{what} columns: {', '.join(columns)}"
        for what, columns in (("missing", missing), ("extra", extra), ("repeated", repeated))
        if columns
    ]
    return f"{'; '.join(faults)}. The contract in src/problems/ has: {', '.join(expected)}" if faults else ""


def _check_header(path: Path, problem: Problem, options: CsvParams, names: list[str]) -> None:
    """Refuse a header that is not that of the contract, and say where it stands instead."""
    faults = _wrong_columns(names, problem)
    if not faults:
        return
    with unpacked(path) as file:
        advice = names_elsewhere(file, set(canonical_names(problem)), options)
    if advice:
        raise PipelineError(f"{path}: {options.separator.join(names)[:80]!r} does not name the columns; {advice}")
    raise PipelineError(f"{path}: {faults}")


def _look_at(path: Path) -> None:
    if not path.is_file():
        raise PipelineError(f"ingest.path: {path}: no such file")
    if not is_format(path.name):
        raise PipelineError(f"ingest.path: {path}: unknown format; known: {', '.join(FORMATS)}")
    with path.open("rb") as file:
        head = file.read(len(LFS_POINTER))
    if head == LFS_POINTER:
        raise PipelineError(
            f"{path}: a Git LFS pointer, not the data; fetch it with `git lfs pull` or download the file itself"
        )
    if not head:
        raise PipelineError(f"{path}: the file is empty")


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """Give the content of a CSV file, whatever it is packed in."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(_member(archive, path)) as file:
                yield file  # type: ignore[misc]
        elif path.suffix.lower() == ".gz":
            with gzip.open(path) as file:
                yield file  # type: ignore[misc]
        else:
            with path.open("rb") as file:
                yield file
    except DAMAGE as error:
        if getattr(error, "filename", None) is not None:  # the system can't open it
            raise
        raise PipelineError(
            f"{path}: can't be read: {error or 'it ends too early'}; it is damaged, get it again"
        ) from error


def _member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    """Return the only file of an archive."""
    members = [
        member
        for member in archive.infolist()
        if not member.filename.endswith("/") and not any(map(is_litter, PurePosixPath(member.filename).parts))
    ]
    if len(members) != 1:
        names = ", ".join(member.filename for member in members)
        raise PipelineError(f"{path}: {len(members)} files in the archive, it must be one: {names or 'it is empty'}")
    (member,) = members
    if member.flag_bits & 1:
        raise PipelineError(f"{path}: {member.filename} is encrypted; unpack it first")
    if member.compress_type not in READABLE:
        raise PipelineError(
            f"{path}: {member.filename} is packed by method {member.compress_type}, which is not read; unpack it first"
        )
    if not member.filename.lower().endswith((".csv", ".txt", ".tsv")) and "." in member.filename:
        raise PipelineError(f"{path}: {member.filename} in the archive is not a CSV file; unpack it first")
    return member
