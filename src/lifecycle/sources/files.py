"""Read a user's file into the columns of a contract, or say exactly why not."""

import warnings
import zipfile
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_arrow
from lifecycle.problem.problem import Problem

FORMATS = (".csv", ".csv.gz", ".csv.zip", ".zip", ".parquet")
GAPS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]  # of a number; text is missing only when it is empty
LFS_POINTER = b"version https://git-lfs"


def read_file(path: str | Path, problem: Problem) -> pd.DataFrame:
    """Read a CSV (plain, .gz, .zip) or parquet file.

    Parameters
    ----------
    path : str or Path
        The file.
    problem : Problem
        Its contract names the columns; aliases are accepted, ignored columns left out.

    Returns
    -------
    pandas.DataFrame
        The contract's columns, in its order. Values that do not fit their column's type are kept as they stand:
        `validate` rejects those rows with a reason.

    Raises
    ------
    PipelineError
        The file is missing, empty, not what its name says, or has missing or extra columns.
    """
    path = Path(path)
    _look_at(path)
    table = _read_parquet(path, problem) if path.suffix == ".parquet" else _read_csv(path, problem)
    return to_contract(table, problem, str(path))


def to_contract(table: pd.DataFrame, problem: Problem, origin: str) -> pd.DataFrame:
    """Rename aliases, check the set of columns, add those with a default and derived ones, and order them."""
    canonical = {alias: column.name for column in problem.contract for alias in (column.name, *column.aliases)}
    names = [canonical.get(name, name) for name in table.columns]
    expected = [column.name for column in problem.contract if not column.derived]
    repeated = sorted({name for name in names if names.count(name) > 1})
    absent = {c.name: c.default for c in problem.contract if c.default is not None and c.name not in names}
    missing = [name for name in expected if name not in {*names, *absent}]
    extra = [name or "one without a name" for name in sorted(set(names) - set(expected) - set(problem.ignored))]
    faults = [
        f"{what} columns: {', '.join(columns)}"
        for what, columns in (("missing", missing), ("extra", extra), ("repeated", repeated))
        if columns
    ]
    if faults:
        raise PipelineError(f"{origin}: {'; '.join(faults)}. The contract in src/problems/ has: {', '.join(expected)}")
    if table.empty:
        raise PipelineError(f"{origin}: the table has no rows")
    table = table.set_axis(names, axis="columns").assign(**absent)[expected]
    if problem.prepare is not None:
        table = problem.prepare(table)
    # Mixed and oversized values have no column type in a file: they go on as text.
    mixed = {str(name): "str" for name in problem.columns if table[name].dtype == object}
    return table[list(problem.columns)].astype(mixed)


def _look_at(path: Path) -> None:
    if not path.is_file():
        raise PipelineError(f"ingest.path: {path}: no such file")
    if not path.name.endswith(FORMATS):
        raise PipelineError(f"ingest.path: {path}: unknown format; known: {', '.join(FORMATS)}")
    with path.open("rb") as file:
        head = file.read(len(LFS_POINTER))
    if head == LFS_POINTER:
        raise PipelineError(
            f"{path}: a Git LFS pointer, not the data; fetch it with `git lfs pull` or download the file itself"
        )
    if not head:
        raise PipelineError(f"{path}: the file is empty")


def _text(problem: Problem) -> dict[str, str]:
    return {name: "str" for c in problem.contract if c.type == "text" for name in (c.name, *c.aliases)}


def _read_parquet(path: Path, problem: Problem) -> pd.DataFrame:
    """Read a table; no whole number passes through a float, as those with gaps do when pandas reads them by itself."""
    table, text = read_arrow(path, advice="export it again"), _text(problem)
    for place, field in enumerate(table.schema):
        if field.name not in text:
            continue
        if pa.types.is_floating(field.type) and table.column(place).null_count < len(table):
            said = f"column {field.name} is text in the contract, here it is {field.type}"
            raise PipelineError(f"{path}: {said}; export it as text or as whole numbers: 1147 must not become 1147.0")
        if pa.types.is_integer(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    gaps = {name: _nullable(table.schema.field(name).type) for name in table.column_names if _gapped(table, name)}
    return table.to_pandas(integer_object_nulls=True).astype(gaps)


def _gapped(table: pa.Table, name: str) -> bool:
    """Tell whether a column is of whole numbers, and some are missing."""
    if table.column_names.count(name) > 1:  # told later
        return False
    return bool(pa.types.is_integer(table.schema.field(name).type) and table.column(name).null_count)


def _nullable(kind: pa.DataType) -> str:
    return "UInt64" if pa.types.is_unsigned_integer(kind) else "Int64"


def _read_csv(path: Path, problem: Problem) -> pd.DataFrame:
    text = _text(problem)  # identifiers that are text keep their leading zeros; everything else may be inferred
    try:
        header = pd.read_csv(path, header=None, nrows=1, dtype="str", encoding="utf-8-sig")
        missing = {name: GAPS[:1] if name in text else GAPS for name in header.iloc[0].dropna()}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be dropped
            table = pd.read_csv(
                path,
                dtype=text,
                encoding="utf-8-sig",
                low_memory=False,
                index_col=False,
                keep_default_na=False,
                na_values=missing,
            )
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path}: not UTF-8; convert it, for example with iconv -t utf-8") from error
    except pd.errors.EmptyDataError as error:
        raise PipelineError(f"{path}: no header line") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise PipelineError(f"{path}: not a regular CSV file: {str(error).strip()}") from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:  # a damaged archive
        raise PipelineError(f"{path}: can't be read: {error}") from error
    # pandas numbers repeated names; the file's own are what has to be told.
    return table.set_axis(header.iloc[0].fillna("").to_list(), axis="columns")
