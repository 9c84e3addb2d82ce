"""Tables and JSON on disk: written atomically, the same bytes for the same content."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError, merge_marks

# lz4 without dictionaries takes a third of zstd's CPU, and makes 1.4 times its size.
PARQUET: Mapping[str, Any] = {"compression": "lz4", "use_dictionary": False}
ROW_GROUP = 100_000  # a time slice of a sorted table is read without the rest of the file

# Arrow's own allocator maps fresh pages for each table: 0.6 of the 0.75 CPU-seconds of reading 1.75 M rows.
pa.set_memory_pool(pa.system_memory_pool())


def read_table(
    path: str | Path,
    columns: Sequence[str] | None = None,
    where: Any = None,
) -> pd.DataFrame:
    """Read a parquet table into pandas; see `read_arrow`."""
    return read_arrow(path, columns, where).to_pandas()


def read_arrow(
    path: str | Path,
    columns: Sequence[str] | None = None,
    where: Any = None,
    advice: str = "remove it and run `dvc repro`",
) -> pa.Table:
    """Read a parquet table.

    Parameters
    ----------
    path : str or Path
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
        The file is missing or is no parquet file.
    """
    if not Path(path).is_file():
        raise PipelineError(f"{path}: no such file; `dvc repro` makes it")
    try:
        return pq.read_table(path, columns=None if columns is None else list(columns), filters=where)
    except (pa.ArrowInvalid, OSError) as error:  # OSError: damaged inside
        raise PipelineError(f"{path}: not a readable parquet file ({error}); {advice}") from error


def first_and_last(path: str | Path, column: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the earliest and the latest value of a time column, from the statistics of a parquet file's row groups.

    Raises
    ------
    PipelineError
        The file is missing, is no parquet file, or has no such column or no rows.
    """
    if not Path(path).is_file():
        raise PipelineError(f"{path}: no such file; `dvc repro` makes it")
    try:
        file = pq.ParquetFile(path).metadata
    except (pa.ArrowInvalid, OSError) as error:
        raise PipelineError(f"{path}: not a readable parquet file ({error})") from error
    if column not in file.schema.names:
        raise PipelineError(f"{path}: no column {column}; it has {', '.join(file.schema.names)}")
    place = file.schema.names.index(column)
    groups = [file.row_group(number).column(place).statistics for number in range(file.num_row_groups)]
    known = [group for group in groups if group is not None and group.has_min_max]
    if not known:
        raise PipelineError(f"{path}: column {column} holds no values")
    return pd.Timestamp(min(group.min for group in known)), pd.Timestamp(max(group.max for group in known))


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a parquet table without its index."""
    with atomic(path) as temporary:
        frame.to_parquet(temporary, index=False, row_group_size=ROW_GROUP, **PARQUET)


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


def write_json(content: Mapping[str, Any], path: str | Path) -> None:
    """Write JSON in the order given, every float exact.

    Raises
    ------
    ValueError
        A number is not finite: JSON has no word for it.
    """
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_bytes(text.encode())


def write_model(model: Any, path: str | Path) -> None:
    """Dump an estimator."""
    import joblib

    with atomic(path) as temporary:
        joblib.dump(model, temporary, compress=3)
