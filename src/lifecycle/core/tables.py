"""Tables and JSON on disk: written atomically, the same bytes for the same content, read with their checksums."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError, merge_marks

# lz4 without dictionaries takes a third of zstd's CPU, and makes 1.4 times its size. Each page carries a checksum.
PARQUET: Mapping[str, Any] = {"compression": "lz4", "use_dictionary": False, "write_page_checksum": True}
FINENESS = ("s", "ms", "us", "ns")
ROW_GROUP = 100_000  # a time slice of a sorted table is read without the rest of the file
# Where a stage says what a person should look at, in the graph's order.
WARNINGS = {stage: f"metrics/{stage}/warnings.json" for stage in ("split", "evaluate", "audit")}
REPEAT = "remove it and run `dvc repro`"

# Arrow's own allocator maps fresh pages for each table: 0.6 of the 0.75 CPU-seconds of reading 1.75 M rows.
pa.set_memory_pool(pa.system_memory_pool())


@contextmanager
def readable(origin: str = "", advice: str = "") -> Iterator[None]:
    """Raise a PipelineError for a damaged parquet file; an error of the operating system stays what it is.

    Parameters
    ----------
    origin : str
        The file's name, for the message.
    advice : str
        What to do, for the message.
    """
    try:
        yield
    except (pa.ArrowException, MemoryError, OSError, ValueError) as error:
        if getattr(error, "errno", None) is not None:  # Arrow's own OSErrors have no number
            raise
        place, end = f"{origin}: " if origin else "", f"; {advice}" if advice else ""
        cause = " ".join(str(error).split())  # some have line ends
        raise PipelineError(f"{place}not a readable parquet file ({cause}){end}") from error


def open_parquet(source: str | Path | BinaryIO, **options: Any) -> pq.ParquetFile:
    """Open a parquet file so that a page whose checksum is wrong is refused; see `pyarrow.parquet.ParquetFile`.

    Raises
    ------
    ValueError
        Its footer contradicts itself.
    """
    file = pq.ParquetFile(source, page_checksum_verification=True, **options)
    _check_counts(file.metadata)
    _check_types(file)
    return file


def _check_counts(metadata: Any) -> None:
    """Compare the rows of a file with those of its row groups; a damaged column's description may end the process."""
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if sum(groups) != metadata.num_rows:
        raise ValueError(f"{metadata.num_rows:,} rows, but its row groups have {sum(groups):,}")


def _check_types(file: Any) -> None:
    """Compare the types of a file that Arrow wrote with those that Arrow noted beside them.

    No checksum covers a schema: a wrong bit there gives other values, such as nanoseconds for microseconds.
    """
    try:
        noted = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(file.metadata.metadata[b"ARROW:schema"])))
        pairs = list(zip(file.schema_arrow, noted, strict=True))
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowException):
        return
    for field, note in pairs:
        if _contradict(field.type, note.type):
            raise ValueError(f"column {field.name} is {field.type} here and {note.type} there in its schema")


def _contradict(read: pa.DataType, noted: pa.DataType) -> bool:
    """Tell whether a type can't have been written for another one; a coarser unit or a wider integer can."""
    if pa.types.is_timestamp(read) and pa.types.is_timestamp(noted):
        return bool(FINENESS.index(read.unit) > max(FINENESS.index(noted.unit), FINENESS.index("ms")))
    if pa.types.is_integer(read) and pa.types.is_integer(noted):
        return bool(read.bit_width < noted.bit_width)
    return bool(pa.types.is_decimal(read) and pa.types.is_decimal(noted) and read.scale != noted.scale)


def read_table(
    path: str | Path | BinaryIO,
    columns: Sequence[str] | None = None,
    where: Any = None,
) -> pd.DataFrame:
    """Read a parquet table into pandas; see `read_arrow`."""
    return read_arrow(path, columns, where).to_pandas()


def read_arrow(
    path: str | Path | BinaryIO,
    columns: Sequence[str] | None = None,
    where: Any = None,
    advice: str = REPEAT,
) -> pa.Table:
    """Read a parquet table.

    Parameters
    ----------
    path : str, Path or binary file
        The file.
    columns : sequence of str, optional
        Only these.
    where : list of (column, operator, value), optional
        Only rows for which all hold; row groups without such a row are not read.
    advice : str
        What to do when it can't be read.

    Raises
    ------
    PipelineError
        The file is missing, is no parquet file, or a page does not have the checksum that it carries.
    """
    if isinstance(path, str | Path):
        _check_present(path)
    with readable(str(path), advice):
        names = None if columns is None else list(columns)
        return pq.read_table(path, columns=names, filters=where, page_checksum_verification=True)


def open_table(path: str | Path, advice: str = "") -> pq.ParquetFile:
    """Open a parquet table to look at its footer or to read it in parts; see `read_arrow` for what it raises."""
    _check_present(path)
    with readable(str(path), advice):
        return open_parquet(path)


def first_and_last(path: str | Path, column: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the earliest and the latest value of a time column, from the statistics of a parquet file's row groups.

    Raises
    ------
    PipelineError
        The file is missing, is no parquet file, or has no such column or no rows.
    """
    file = open_table(path).metadata
    if column not in file.schema.names:
        raise PipelineError(f"{path}: no column {column}; it has {', '.join(file.schema.names)}")
    place = file.schema.names.index(column)
    groups = [file.row_group(number).column(place).statistics for number in range(file.num_row_groups)]
    known = [group for group in groups if group is not None and group.has_min_max]
    if not known:
        raise PipelineError(f"{path}: column {column} holds no values")
    return pd.Timestamp(min(group.min for group in known)), pd.Timestamp(max(group.max for group in known))


def _check_present(path: str | Path) -> None:
    if not Path(path).is_file():
        raise PipelineError(f"{path}: no such file; `dvc repro` makes it")


def as_arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as an Arrow table without its index; a column of mixed values, or too large ones, becomes text."""
    arrays = [_as_array(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return pa.Table.from_arrays(arrays, names=[str(name) for name in frame.columns])


def _as_array(values: pd.Series) -> pa.Array:
    try:
        return pa.Array.from_pandas(values)
    except (pa.ArrowException, OverflowError):
        return pa.array(
            [None if pd.api.types.is_scalar(value) and pd.isna(value) else str(value) for value in values], pa.string()
        )


def write_table(table: pd.DataFrame | pa.Table, path: str | Path) -> None:
    """Write a parquet table; of a frame without its index."""
    with atomic(path) as temporary:
        if isinstance(table, pd.DataFrame):
            table.to_parquet(temporary, index=False, row_group_size=ROW_GROUP, **PARQUET)
        else:
            pq.write_table(table, temporary, row_group_size=ROW_GROUP, **PARQUET)


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a small table for plots: six significant digits, the same line ends on every system."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file that a stage has written.

    Raises
    ------
    PipelineError
        It is missing or no JSON.
    """
    if not Path(path).is_file():
        raise PipelineError(f"{path}: no such file; `dvc repro` makes it")
    return parse_json(Path(path).read_bytes(), str(path))


def parse_json(content: bytes | str, origin: str) -> Any:
    """Return what JSON says; `origin` names the file in the message.

    Raises
    ------
    PipelineError
        It is no JSON.
    """
    try:
        return json.loads(content)
    except ValueError as error:
        text = content if isinstance(content, str) else content.decode(errors="replace")
        raise PipelineError(
            f"{origin}: not valid JSON: {merge_marks(text) or f'{error}; `dvc repro` writes it anew'}"
        ) from error


def write_json(content: Mapping[str, Any] | Sequence[Any], path: str | Path) -> None:
    """Write JSON in the order given, every float exact.

    Raises
    ------
    ValueError
        A number is not finite: JSON has no word for it.
    """
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_bytes(text.encode())


def write_warnings(stage: str, warnings: Sequence[str]) -> None:
    """Print what a person should look at, in sentences, and write it to the stage's file, also when none."""
    write_json(list(warnings), WARNINGS[stage])
    for warning in warnings:
        print(f"{stage}: {warning}")


def write_model(model: Any, path: str | Path) -> None:
    """Dump an estimator."""
    import joblib

    with atomic(path) as temporary:
        joblib.dump(model, temporary, compress=3)
